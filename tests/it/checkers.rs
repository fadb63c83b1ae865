//! Checkers that others made, which judge what the server sends: the Nu HTML Checker, Redocly.
//! `tests/run.sh` installs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::browser::tools::target;

/// A program or file in the folder of the checkers.
fn installed(path: &str) -> PathBuf {
    let found = target().join("checkers").join(path);
    assert!(found.exists(), "{} is missing: tests/run.sh installs it", found.display());
    found
}

/// Every page, style sheet and image (file name, content) has to be valid. The ending of its name
/// says what a file is: `.html`, `.css`, `.svg`.
pub fn must_be_valid_html(files: &[(String, String)]) {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    // Grammars are deep; and the checker is done before an optimising compiler pays off.
    let checked = Command::new(installed("java"))
        .args(["-Xss8m", "-XX:TieredStopAtLevel=1", "-jar"])
        .arg(installed("node_modules/vnu-jar/build/dist/vnu.jar"))
        .args(["--Werror", "--also-check-css", "--also-check-svg"])
        .args(files.iter().map(|(name, _)| Path::new(name)))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{}{said}", String::from_utf8_lossy(&checked.stdout));
}

/// Redocly must have nothing against an API description.
pub fn must_be_good_openapi(description: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("openapi.json"), description).unwrap();
    let linted = Command::new(installed("node"))
        .arg(installed("node_modules/@redocly/cli/bin/cli.js"))
        .args(["lint", "openapi.json", "--format", "stylish", "--config"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/redocly.yaml"))
        .current_dir(folder.path())
        .env("REDOCLY_TELEMETRY", "off")
        .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&linted.stderr);
    assert!(linted.status.success(), "{}{said}", String::from_utf8_lossy(&linted.stdout));
}

#[test]
#[should_panic(expected = "not allowed on element")]
fn an_invalid_page_is_refused() {
    let page = "<!doctype html><html lang=\"en\"><title>x</title><svg hidden></svg></html>";
    must_be_valid_html(&[("page.html".to_owned(), page.to_owned())]);
}
