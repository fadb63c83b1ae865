//! The files beside the program: the systemd unit and the configurations.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(shipped(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines of a document's code blocks.
fn code(document: &str) -> Vec<String> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in read(document).lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else if inside {
            lines.push(line.replace('\\', ""));
        }
    }
    lines
}

#[test]
fn no_recipe_pastes_a_callers_text_into_json() {
    let documents = std::fs::read_dir(shipped("docs")).unwrap().map(Result::unwrap);
    let documents = documents.filter(|entry| entry.file_type().unwrap().is_file());
    let documents = documents.map(|entry| entry.file_name().into_string().unwrap());
    let documents = documents.map(|name| format!("docs/{name}"));
    for document in documents.chain(["README.md".to_owned()]) {
        for line in code(&document) {
            for field in ["phonenumber", "callid", "username", "password", "otp", "passcode"] {
                let pasted = format!("\"{field}\":\"$");
                assert!(!line.replace(' ', "").contains(&pasted), "{document}: {line}");
            }
        }
    }
    let recipes = code("docs/phone-systems.md").join("\n");
    assert!(recipes.contains("FILTER(0-9+,${CALLERID(num)})"));
    assert!(recipes.contains("phonenumber=${URIENCODE(${NUMBER})}"));
}

/// The unit, with this build as its program.
fn unit(folder: &TempDir) -> PathBuf {
    let text = read("systemd/dialpass.service");
    let program = text
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .and_then(|command| command.split(' ').next())
        .expect("the unit starts a program");
    let text = text.replace(program, env!("CARGO_BIN_EXE_dialpass"));
    let path = folder.path().join("dialpass.service");
    std::fs::write(&path, text).unwrap();
    path
}

fn systemd_analyze(arguments: &[&str], unit: &Path) -> String {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .arg(unit)
        .env("SYSTEMD_COLORS", "0")
        .output()
        .expect("systemd-analyze is installed (systemd)");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let said = systemd_analyze(&["verify"], &unit(&folder));
    // It also looks at the units of other packages.
    let wrong: Vec<_> = said.lines().filter(|line| line.contains("dialpass.service")).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_unit_exposes_little() {
    let folder = tempfile::tempdir().unwrap();
    let said = systemd_analyze(&["security", "--offline=true", "--no-pager"], &unit(&folder));
    let level = said.lines().find_map(|line| line.split_once("Overall exposure level for "));
    let (_, level) = level.unwrap_or_else(|| panic!("a level: {said}"));
    let level = level.split_once(": ").and_then(|(_, level)| level.split(' ').next());
    let level: f64 = level.expect("a number").parse().expect("a number");
    assert!(level <= 2.0, "{said}");
}

#[test]
fn the_unit_fits_what_the_program_does() {
    let unit = read("systemd/dialpass.service");
    for line in ["Type=notify", "RuntimeDirectory=dialpass", "RestartPreventExitStatus=78"] {
        assert!(unit.lines().any(|one| one == line), "{line}");
    }
    assert!(unit.contains("\nWatchdogSec="));
    assert!(unit.contains("\nLoadCredential="));
}

#[test]
fn every_shipped_configuration_is_good() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    std::fs::create_dir(&config).unwrap();
    let entries = std::fs::read_dir(shipped("config")).unwrap().flatten();
    let files: Vec<_> = entries.filter(|entry| entry.path().is_file()).collect();
    for file in &files {
        std::fs::copy(file.path(), config.join(file.file_name())).unwrap();
    }
    // What they name and nobody ships: certificates and secrets.
    let program = env!("CARGO_BIN_EXE_dialpass");
    let certs = config.join("certs");
    let made = Command::new(program).args(["dev-certs", "--dir"]).arg(&certs).output().unwrap();
    assert!(made.status.success());
    let key = Command::new(program).arg("new-secret").output().unwrap().stdout;
    let made = ["server-key.hex", "voice-secret"].map(|name| config.join(name));
    for path in made.into_iter().chain([certs.join("server-key.hex")]) {
        std::fs::write(path, &key).unwrap();
    }
    std::fs::write(certs.join("ldap-password"), "a password\n").unwrap();

    let mut checked = BTreeSet::new();
    for name in files.iter().map(std::fs::DirEntry::file_name) {
        let path = config.join(&name);
        let name = name.to_string_lossy().into_owned();
        let is_config = std::fs::read_to_string(&path).unwrap().contains("\n[[tenants]]");
        if path.extension().is_none_or(|extension| extension != "toml") || !is_config {
            continue;
        }
        let output =
            Command::new(program).args(["check-config", "--config"]).arg(&path).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        checked.insert(name);
    }
    assert!(checked.contains("default.toml") && checked.contains("demo.toml"), "{checked:?}");
}

/// What is accepted in a section, by the error that a key of no meaning there causes; `None` if
/// that place is no section. A section of an array ends in `[]`. A directory has the keys of its kind.
fn accepted_in(section: &[String]) -> Option<BTreeSet<String>> {
    if section != ["tenants[]", "directory"] {
        return accepted_beside(section, "");
    }
    let mut accepted = BTreeSet::from(["kind".to_owned()]);
    for kind in ["ldap", "file", "registered"] {
        accepted.extend(accepted_beside(section, &format!("kind = {kind:?}, "))?);
    }
    Some(accepted)
}

/// The same, in a section that has these keys as well.
fn accepted_beside(section: &[String], keys: &str) -> Option<BTreeSet<String>> {
    let innermost = format!("{{ {keys}nonsense = 1 }}");
    let text = section.iter().rev().fold(innermost, |inner, name| match name.strip_suffix("[]") {
        Some(name) => format!("{{ {name} = [{inner}] }}"),
        None => format!("{{ {name} = {inner} }}"),
    });
    // The outermost braces are the file itself.
    let text = text[1..text.len() - 1].trim();
    let error = dialpass::config::parse(Path::new("test.toml"), text, Path::new("/"), &[]);
    let said = error.expect_err("it has a key of no meaning").to_string();
    let (_, accepted) = said.split_once("the unknown key `nonsense`; accepted: ")?;
    let accepted = accepted.lines().next().unwrap_or_default();
    let names = accepted.split('`').skip(1).step_by(2).map(str::to_owned);
    Some(names.collect())
}

/// Every key that a configuration may have, with its section.
fn keys_below(section: &[String], keys: &mut BTreeSet<(String, String)>) {
    let accepted = accepted_in(section).unwrap_or_else(|| panic!("a section: {section:?}"));
    assert!(!accepted.is_empty(), "{section:?}");
    for key in accepted {
        let below = |name: String| [section, &[name]].concat();
        let places = [below(key.clone()), below(format!("{key}[]"))];
        if let Some(place) = places.iter().find(|place| accepted_in(place).is_some()) {
            keys_below(place, keys);
        } else {
            let section = section.join(".").replace("[]", "");
            assert!(keys.insert((section, key)));
        }
    }
}

/// The keys that a commented file shows, commented out or not, each with its section: those of
/// `[tenants.otp]` and those of `basic = { … }` alike.
fn keys_shown(text: &str) -> BTreeSet<(String, String)> {
    let (mut section, mut shown) = (String::new(), BTreeSet::new());
    for line in text.lines() {
        let line = line.trim_start_matches(['#', ' ']);
        if let Some((name, _)) = line.trim_start_matches('[').split_once(']')
            && line.starts_with('[')
        {
            name.clone_into(&mut section);
            continue;
        }
        let words: Vec<&str> = line.split(|c: char| c.is_whitespace() || c == '{').collect();
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let keys: Vec<&str> =
            words.windows(2).filter(|pair| pair[1] == "=").map(|pair| pair[0]).collect();
        for key in &keys {
            shown.insert((section.clone(), (*key).to_owned()));
            shown.insert((format!("{section}.{}", keys[0]), (*key).to_owned()));
        }
    }
    shown
}

#[test]
fn the_default_configuration_documents_every_key() {
    let mut keys = BTreeSet::new();
    keys_below(&[], &mut keys);
    assert!(keys.len() > 60, "{}: {keys:?}", keys.len());
    for known in [("server.tls", "crl_files"), ("tenants.clients.certificate", "san")] {
        assert!(keys.contains(&(known.0.to_owned(), known.1.to_owned())), "{known:?}: {keys:?}");
    }
    let shown = keys_shown(&read("config/default.toml"));
    let missing: Vec<_> = keys.difference(&shown).collect();
    assert!(missing.is_empty(), "config/default.toml does not show {missing:?}");
}
