//! Anna's account on a test's own machine, and what types for her when a program asks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{recipe, write};

/// Writes what it is asked to a file, and answers with a password or with a code.
const TYPIST: &str = r#"#!/bin/sh
echo "$1" >>"$ASKED"
case $1 in *assword*) echo "$PASSWORD";; *) echo "$CODE";; esac
"#;

/// An account, with a folder that it may enter.
pub(super) struct Account(tempfile::TempDir);

impl Account {
    pub(super) fn new() -> Self {
        let account = Self(tempfile::tempdir().unwrap());
        let open = |path: &Path, mode| {
            fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        };
        open(account.0.path(), 0o755);
        for (name, text, mode) in [("typist", TYPIST, 0o755), ("asked", "", 0o666)] {
            fs::write(account.file(name), text).unwrap();
            open(&account.file(name), mode);
        }
        let added = Command::new("useradd")
            .args(["--create-home", "--shell", "/bin/sh", "--home-dir"])
            .arg(account.file("home"))
            .arg("anna")
            .status();
        assert!(added.expect("useradd is everywhere").success());
        account
    }

    /// A file in its folder.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What a file in its folder holds.
    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    /// What a program says that lets Anna in with what she types.
    pub(super) fn run(&self, command: &mut Command, password: &str, code: &str) -> Option<String> {
        let run = command
            .env("SSH_ASKPASS", self.file("typist"))
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("SUDO_ASKPASS", self.file("typist"))
            .env("ASKED", self.file("asked"))
            .env("PASSWORD", password)
            .env("CODE", code)
            .output()
            .expect("the program is installed");
        let said = String::from_utf8(run.stdout).unwrap();
        run.status.success().then_some(said)
    }

    /// What she was asked.
    pub(super) fn asked(&self) -> Vec<String> {
        self.read("asked").lines().map(|line| line.trim_end().to_owned()).collect()
    }
}

/// Edits Debian's file of a service as the document says: the printed line in the place of
/// `common-auth`.
pub(super) fn ask_radius(service: &str) {
    let path = format!("/etc/pam.d/{service}");
    let debians = fs::read_to_string(&path).unwrap();
    let line = recipe("instead of `@include common-auth`");
    let edited = debians.replacen("@include common-auth", line.trim_end(), 1);
    assert_ne!(edited, debians, "{service} includes common-auth");
    write(&path, &edited);
}
