//! A client generated from the description can use the server.

use super::*;
use crate::support::browser::tools::target;

/// Runs a program, which must succeed; what it printed.
fn run(program: &mut Command) -> String {
    let output = program.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}{said}");
    printed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_made_from_the_description_can_use_the_server() {
    let provider = Provider::start(Manner::Answer("200 OK", String::new())).await;
    let gateway = gateway(&provider);
    let key = access_key(&gateway);
    register(&gateway, &provider, &key).await;
    let served = Answer::of(gateway.http.get(gateway.ops_url("/openapi.json"))).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("openapi.json"), served.body).unwrap();
    let settings = "post_hooks: []\n\
                    content_type_overrides:\n  application/voicexml+xml: text/xml\n";
    std::fs::write(folder.path().join("settings.yml"), settings).unwrap();
    let programs = target().join("clientmaker/bin");
    assert!(programs.exists(), "{} is missing: tests/run.sh installs it", programs.display());
    run(Command::new(programs.join("openapi-python-client"))
        .args(["generate", "--path", "openapi.json", "--config", "settings.yml"])
        .args(["--meta", "none", "--output-path", "dialpass", "--fail-on-warning"])
        .current_dir(folder.path()));
    let script = "tests/it/openapi/generated_client.py";
    let made = run(Command::new(programs.join("python"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
        .args([&format!("http://{}", gateway.address()), &key, NAME])
        .current_dir(folder.path())
        .env("PYTHONPATH", folder.path())
        .env("NO_PROXY", "*"));
    assert_eq!(made, "17 calls\n");
}
