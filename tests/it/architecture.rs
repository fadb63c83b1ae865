//! Holds the source to the layers that `lib.rs` draws: who may import from whom, who may name an
//! adapter or a library, and that no files import each other in a circle.

mod circles;
mod imports;

use std::collections::{BTreeMap, BTreeSet};

use self::circles::circles;
use self::imports::{Module, SOURCES, Source, read, target};

type Sources = BTreeMap<Module, Source>;

/// The folders and files of `src`, each with those that it may import from.
const LAYERS: [(&str, &[&str]); 15] = [
    (
        "app",
        &[
            "config",
            "directory",
            "domain",
            "fastagi",
            "http",
            "messenger",
            "regular_file",
            "service",
            "store",
            "telemetry",
            "tls",
            "unauthenticated_log",
        ],
    ),
    ("breaker", &[]),
    ("cli", &["app", "config", "directory", "domain", "service", "store", "telemetry"]),
    (
        "config",
        &[
            "directory",
            "domain",
            "fastagi",
            "http",
            "messenger",
            "regular_file",
            "store",
            "telemetry",
            "tls",
        ],
    ),
    ("directory", &["breaker", "domain", "regular_file", "telemetry", "tls"]),
    ("domain", &[]),
    ("fastagi", &["domain", "service", "telemetry", "unauthenticated_log"]),
    ("http", &["domain", "regular_file", "service", "telemetry", "tls", "unauthenticated_log"]),
    ("messenger", &["domain", "telemetry", "tls"]),
    ("regular_file", &[]),
    ("service", &["directory", "domain", "messenger", "store"]),
    ("store", &["breaker", "domain", "regular_file", "telemetry", "tls"]),
    ("telemetry", &["domain", "regular_file"]),
    ("tls", &["regular_file"]),
    ("unauthenticated_log", &["domain", "service", "telemetry"]),
];

/// The ports, each with the modules that all may see. Every other module in a port's folder is an
/// adapter.
const PORTS: [(&str, &[&str]); 3] = [
    ("directory", &["inspection"]),
    ("messenger", &["http_client"]),
    (
        "store",
        &[
            "account",
            "address_log",
            "event_log_codec",
            "told_calls_codec",
            "personal_records",
            "registry",
            "requests",
            "row_sql",
        ],
    ),
];

/// The modules of ports, adapters, `fastagi` and `http` that the configuration may see: the settings
/// that its sections are turned into.
const SETTINGS: [&[&str]; 20] = [
    &["directory", "ldap", "settings"],
    &["fastagi", "settings"],
    &["http", "authorization"],
    &["http", "client_table"],
    &["http", "gateway"],
    &["http", "oauth2"],
    &["http", "proxy"],
    &["http", "refused"],
    &["http", "signing_algorithm"],
    &["http", "voice", "dialect"],
    &["http", "voice", "document"],
    &["http", "voice", "endpoint"],
    &["http", "voice", "jambonz"],
    &["http", "voice", "ncco"],
    &["http", "voice", "texts"],
    &["http", "voice", "twiml"],
    &["http", "voice", "vxml"],
    &["messenger", "sms_over_http", "settings"],
    &["messenger", "web_push", "settings"],
    &["store", "postgres", "settings"],
];

/// Whether the configuration names settings.
fn is_settings(module: &Module, path: &Module) -> bool {
    let starts = |settings: &&[&str]| {
        path.len() >= settings.len()
            && path.iter().zip(settings.iter()).all(|(one, two)| one == two)
    };
    module[0] == "config" && SETTINGS.iter().any(starts)
}

/// The libraries, by the start of their names, that a layer may not use.
const LIBRARIES: [(&str, &[&str]); 7] = [
    (
        "domain",
        &["actix", "config", "ldap3", "reqwest", "rusqlite", "tokio", "toml", "tokio_postgres"],
    ),
    ("fastagi", &["actix", "ldap3", "reqwest", "rusqlite", "tokio_postgres"]),
    ("service", &["actix", "ldap3", "reqwest", "rusqlite", "tokio_postgres"]),
    ("http", &["ldap3", "rusqlite", "tokio_postgres"]),
    ("directory", &["actix", "reqwest", "rusqlite", "tokio_postgres"]),
    ("store", &["actix", "ldap3", "reqwest"]),
    ("messenger", &["actix", "ldap3", "rusqlite", "tokio_postgres"]),
];

/// Each import from a layer that the importing one may not see.
fn across_walls(sources: &Sources) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (module, source) in sources.iter().filter(|(module, _)| !module.is_empty()) {
        let Some((_, seen)) = LAYERS.iter().find(|(layer, _)| *layer == module[0]) else {
            found.insert(format!("{}: belongs to no layer of this test", source.file));
            continue;
        };
        for path in source.named() {
            let layer = path.first().map_or("", String::as_str);
            let is_module = sources.contains_key(&path[..path.len().min(1)]);
            let is_other = module[0] == "config"
                && SETTINGS.iter().any(|settings| settings[0] == layer)
                && !is_settings(module, path);
            if is_module && layer != module[0] && (is_other || !seen.contains(&layer)) {
                found.insert(names(source, path, sources));
            }
        }
    }
    found
}

/// Each naming of an adapter outside the adapter itself and the composition root.
fn adapters_named(sources: &Sources) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (module, source) in sources.iter().filter(|(module, _)| !module.is_empty()) {
        for path in source.named().filter(|path| path.len() > 1) {
            let (of, name) = (&path[..2], path[1].as_str());
            let is_adapter =
                PORTS.iter().any(|(port, shared)| *port == path[0] && !shared.contains(&name));
            let may = module[0] == "app" || module.starts_with(of) || is_settings(module, path);
            if is_adapter && sources.contains_key(of) && !may {
                found.insert(names(source, path, sources));
            }
        }
    }
    found
}

/// Each use of a library that is another layer's.
fn libraries_used(sources: &Sources) -> Vec<String> {
    let mut found = Vec::new();
    for (layer, forbidden) in LIBRARIES {
        for (_, source) in
            sources.iter().filter(|(module, _)| module.first().is_some_and(|first| first == layer))
        {
            let is_forbidden = |name: &&String| {
                let starts = |with: &&str| {
                    name.strip_prefix(with)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
                };
                forbidden.iter().any(starts)
            };
            let used = source.other.iter().filter(is_forbidden);
            found.extend(used.map(|name| format!("{} uses {name}", source.file)));
        }
    }
    found
}

/// The file, and the module and item that it names.
fn names(source: &Source, path: &Module, sources: &Sources) -> String {
    let module = target(path, sources).map_or(0, <[String]>::len);
    format!("{} names crate::{}", source.file, path[..path.len().min(module + 1)].join("::"))
}

#[test]
fn a_layer_imports_only_from_those_it_may_see() {
    assert_eq!(across_walls(&SOURCES), BTreeSet::new());
}

#[test]
fn only_the_composition_root_names_adapters() {
    assert_eq!(adapters_named(&SOURCES), BTreeSet::new());
}

#[test]
fn a_layer_uses_only_its_own_libraries() {
    assert_eq!(libraries_used(&SOURCES), Vec::<String>::new());
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let found = circles(&SOURCES);
    assert!(found.is_empty(), "circles of imports:\n{}", found.join("\n\n"));
}

/// A crate of these files, each given as its module and its text.
fn sample(files: &[(&str, &str)]) -> Sources {
    let text = |(module, text): &(&str, &str)| {
        let path: Module = module.split("::").map(str::to_owned).collect();
        (path, (format!("src/{}.rs", module.replace("::", "/")), (*text).to_owned()))
    };
    read(files.iter().map(text).collect())
}

#[test]
fn a_path_is_seen_however_it_is_written() {
    let ways = [
        "use crate::store::sqlite::Store;",
        "use super::store::{registry::UserRef, sqlite::{Link, Store as Kept}};",
        "use crate::{domain::user::User, store::sqlite};",
        "use super::*; fn f() { store::sqlite::open() }",
        "use super::store as kept; fn f(store: &kept::sqlite::Store) {}",
        "fn f() { crate::store::sqlite::open(1) }",
        "fn f() { println!(\"{}\", [super::store::sqlite::open()].len()) }",
        "#[derive(crate::store::sqlite::Row)] struct S;",
        "#[api(parts(super::store::sqlite::Row))] struct S;",
        "mod inner { use super::super::store::sqlite::Store; }",
        "use crate::app::Store;",
    ];
    for way in ways {
        let sources = sample(&[
            ("app", "pub use crate::store::sqlite::Store;"),
            ("http", way),
            ("store", ""),
            ("store::sqlite", ""),
        ]);
        let found: Vec<String> = adapters_named(&sources).into_iter().collect();
        let found = found.join("\n");
        assert!(found.contains("src/http.rs names crate::store::sqlite"), "{way}: {found}");
    }
    for other in [
        "// use crate::store::sqlite::Store;",
        "pub(in crate::store::sqlite) fn f() {}",
        "#[cfg(test)] use crate::store::sqlite::Store;",
        "#[cfg(test)] mod tests { use crate::store::sqlite::Store; }",
        "use sqlite::Store; fn f() { store::sqlite() }",
    ] {
        let sources = sample(&[("http", other), ("store", ""), ("store::sqlite", "")]);
        assert_eq!(adapters_named(&sources), BTreeSet::new(), "{other}");
    }
}

#[test]
fn a_circle_is_reported_with_its_files_and_what_ties_them() {
    let sources = sample(&[
        ("a", "mod b; mod c; use self::b::Way; pub struct Top;"),
        ("a::b", "use super::c::{Far, Wide}; pub struct Way;"),
        ("a::c", "use super::{Top, b}; fn f() -> b::Way { Top }"),
        ("d", "use crate::a::Top;"),
    ]);
    let told = [
        "  src/a.rs imports from src/a/b.rs: Way",
        "  src/a/b.rs imports from src/a/c.rs: Far, Wide",
        "  src/a/c.rs imports from src/a.rs: Top",
        "  src/a/c.rs imports from src/a/b.rs: Way, the module",
    ];
    assert_eq!(circles(&sources), [told.join("\n")]);
    let through = sample(&[
        ("a", "mod b; mod c; pub use self::b::Way;"),
        ("a::b", "use super::c::Far; pub struct Way;"),
        ("a::c", "use super::Way; pub struct Far;"),
    ]);
    assert_eq!(circles(&through).len(), 1, "what a parent shows is its child's");
    let listed = sample(&[
        ("a", "mod b; pub use self::b::Way; pub struct Top;"),
        ("a::b", "use super::Top; pub struct Way;"),
    ]);
    assert_eq!(circles(&listed), Vec::<String>::new(), "a parent may show what its children have");
}
