//! The manual pages and the shells' completions, as their own readers see them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{dialpass, stdout};

/// Runs a reader; returns what it says, on both outputs.
fn says(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// The pages that the program writes to a new folder.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let folder = folder.join("share/man1");
    let output = dialpass(&["man", folder.to_str().unwrap()]);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let pages = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    pages.collect()
}

#[test]
fn each_command_has_a_manual_page_without_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let pages = pages(folder.path());
    let has = |name: &str| pages.iter().any(|page| page.ends_with(name));
    for name in ["dialpass.1", "dialpass-serve.1", "dialpass-codes-list.1", "dialpass-man.1"] {
        assert!(has(name), "{name}: {pages:?}");
    }
    assert!(!pages.iter().any(|page| page.to_str().unwrap().contains("help")), "{pages:?}");
    for page in &pages {
        let lint = Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).arg(page).output();
        let lint = String::from_utf8(lint.expect("tests/run.sh installs mandoc").stdout).unwrap();
        // The library that makes the pages ends lines that are paragraphs already.
        let found: Vec<_> =
            lint.lines().filter(|line| !line.contains("skipping paragraph macro: br ")).collect();
        assert!(found.is_empty(), "{found:#?}");
        let warnings = says(
            Command::new("man")
                .args(["--warnings", "--encoding=utf8", "--local-file"])
                .arg(page)
                .env("MANWIDTH", "80")
                .stdout(std::process::Stdio::null()),
        );
        assert_eq!(warnings, "", "{}", page.display());
    }
}

#[test]
fn the_programs_own_page_shows_what_its_help_shows() {
    let output = dialpass(&["man"]);
    assert!(output.status.success());
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("dialpass.1");
    std::fs::write(&page, &output.stdout).unwrap();
    let shown = says(Command::new("mandoc").args(["-T", "ascii", "-O", "width=100"]).arg(&page));
    // Overstrikes print bold.
    let mut plain = String::new();
    for c in shown.chars() {
        if c == '\u{8}' {
            plain.pop();
        } else {
            plain.push(c);
        }
    }
    for line in [
        "dialpass counts clear --config dialpass.toml --user anna\n",
        "check-directory(1)",
        "Exit status: 0 done",
    ] {
        assert!(plain.contains(line), "{line}: {plain}");
    }
}

#[test]
fn a_page_has_the_date_that_a_reproducible_build_gives() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dialpass"));
    let page = says(command.arg("man").env("SOURCE_DATE_EPOCH", "86400"));
    assert!(page.contains(".TH dialpass 1 1970-01-02 \"dialpass "), "{page}");
}

#[test]
fn bash_completes_commands_arguments_and_files() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("dialpass");
    std::fs::write(&script, dialpass(&["completions", "bash"]).stdout).unwrap();
    for (typed, completed) in [
        ("check-", "check-config check-directory"),
        ("codes re", "revoke"),
        ("lookup --conf", "--config"),
        ("completions f", "fish"),
    ] {
        let ask = "set -eu; source \"$1\"; shift; COMP_WORDS=(dialpass $1); \
                   COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); cur=${COMP_WORDS[COMP_CWORD]}; \
                   _dialpass dialpass \"$cur\" \"${COMP_WORDS[COMP_CWORD - 1]}\"; echo ${COMPREPLY[*]}";
        let bash = ["--noprofile", "--norc", "-c", ask, "bash"];
        let said = says(Command::new("bash").args(bash).arg(&script).arg(typed));
        assert_eq!(said.trim(), completed, "{typed}");
    }
}

#[test]
fn each_shell_has_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = dialpass(&["completions", shell]);
        assert!(output.status.success() && stdout(&output).contains("check-directory"), "{shell}");
    }
    assert_eq!(dialpass(&["completions", "csh"]).status.code(), Some(2));
}
