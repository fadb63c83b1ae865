//! Attacks, each against the real program: what attackers must not reach or exhaust, and what must go
//! on working meanwhile.

mod audit_file;
mod audit_flood;
mod audit_unwritable;
mod connections;
mod credentials;
mod keeping_out;
mod many;
mod memory;
mod oracles;
mod proxies;
mod requests;
mod secrets_in_memory;
mod stuck_worker;
mod wrong_clocks;

use std::sync::Arc;

use tempfile::TempDir;

use crate::support::gateway::{Gateway, clients, folder, sections};

/// Anna's number; her password is `correct horse`.
const ANNA: &str = "+46701234567";

/// A folder with a server key and the demo's people.
fn people() -> Arc<TempDir> {
    let folder = folder();
    let text = include_str!("../../config/demo-people.toml");
    std::fs::write(folder.path().join("people.toml"), text).unwrap();
    Arc::new(folder)
}

/// A configuration with the demo's people, `more_of_server` in its section, and `more` sections.
fn config(more_of_server: &str, more: &str) -> String {
    format!(
        "{}{more}[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"file\"\nfile = \"people.toml\"\n\
         [tenants.login]\nrefusal_floor = \"0s\"\n{}",
        sections(more_of_server),
        clients()
    )
}

/// A gateway with that configuration.
fn start(more_of_server: &str, more: &str) -> Gateway {
    Gateway::start_in(people(), &config(more_of_server, more))
}
