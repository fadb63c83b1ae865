//! Holds the source to the layers that `lib.rs` draws.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Each place below `layer` that names one of `forbidden`.
fn violations(layer: &str, forbidden: &[&str]) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(layer);
    let files = sources(&folder);
    assert!(!files.is_empty(), "{layer} has sources");
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source");
        for (line, text) in text.lines().enumerate() {
            let code = text.trim_start();
            if code.starts_with("//") {
                continue;
            }
            let names = |name: &&&str| {
                code.match_indices(**name).any(|(at, _)| {
                    let next = code[at + name.len()..].chars().next();
                    // `crate::client_tls` is not `crate::cli`; `actix_web` is of `actix`.
                    !name.starts_with("crate::") || !next.is_some_and(char::is_alphanumeric)
                })
            };
            for name in forbidden.iter().filter(names) {
                found.push(format!("{}:{}: {name}", file.display(), line + 1));
            }
        }
    }
    found
}

#[test]
fn the_domain_knows_nobody() {
    let mut forbidden = vec!["actix", "rusqlite", "ldap3", "reqwest", "toml::"];
    forbidden.extend(
        ["config", "directory", "http", "messenger", "service", "store", "telemetry", "cli", "app"]
            .map(|name| Box::leak(format!("crate::{name}").into_boxed_str()) as &str),
    );
    assert_eq!(violations("domain", &forbidden), Vec::<String>::new());
}

#[test]
fn the_service_sees_the_domain_and_the_ports_only() {
    let forbidden = [
        "actix",
        "rusqlite",
        "ldap3",
        "crate::http",
        "crate::config",
        "crate::app",
        "crate::cli",
        "directory::ldap",
        "directory::file",
        "store::sqlite",
        "messenger::sms_over_http",
        "messenger::web_push",
    ];
    assert_eq!(violations("service", &forbidden), Vec::<String>::new());
}

#[test]
fn http_names_no_adapter() {
    let forbidden = [
        "rusqlite",
        "ldap3",
        "crate::config",
        "crate::app",
        "crate::cli",
        "directory::ldap",
        "directory::file",
        "store::sqlite",
        "messenger::sms_over_http",
        "messenger::web_push",
    ];
    assert_eq!(violations("http", &forbidden), Vec::<String>::new());
}

#[test]
fn an_adapter_sees_the_domain_and_its_own_port_only() {
    let ports = ["crate::directory", "crate::store", "crate::messenger"];
    for adapter in ["directory", "store", "messenger"] {
        let others = ports.iter().filter(|port| !port.ends_with(adapter)).copied();
        let forbidden =
            ["actix", "crate::http", "crate::service", "crate::config", "crate::app", "crate::cli"];
        let forbidden: Vec<&str> = forbidden.into_iter().chain(others).collect();
        assert_eq!(violations(adapter, &forbidden), Vec::<String>::new());
    }
}
