//! Tools that are no part of the browser: axe-core, what reads QR codes, what reads push messages.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The folder that cargo builds in.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target").to_owned()
}

/// The folder of the Python packages that `tests/run.sh` installs for tests of pages.
fn webtools() -> PathBuf {
    let folder = target().join("webtools");
    assert!(folder.exists(), "{} is missing: tests/run.sh installs it", folder.display());
    folder
}

/// axe-core's source.
pub fn axe() -> String {
    let versions = std::fs::read_dir(webtools().join("lib")).unwrap();
    let packages = versions.map(|version| version.unwrap().path().join("site-packages"));
    let mut files = packages.map(|packages| packages.join("axe_playwright_python/axe.min.js"));
    let file = files.find(|file| file.exists()).expect("axe-core: tests/run.sh installs it");
    std::fs::read_to_string(file).unwrap()
}

/// What the one QR code in a picture (PNG) says.
pub fn qr_text(picture: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("qr.png");
    std::fs::write(&file, picture).unwrap();
    let read = Command::new("zbarimg").args(["--raw", "-q"]).arg(file).output();
    let read = read.expect("Debian's zbar-tools: tests/run.sh installs it");
    let text = String::from_utf8(read.stdout).unwrap();
    let said = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "no QR code, {} bytes: {said}", picture.len());
    text.strip_suffix('\n').expect("a line").to_owned()
}

/// What a script of the tests says of a question, both JSON; or what it complains of.
pub fn python(script: &str, question: &Value) -> Result<Value, String> {
    let mut child = Command::new(webtools().join("bin/python"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/browser").join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().expect("it is piped");
    input.write_all(question.to_string().as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).expect("JSON"));
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}
