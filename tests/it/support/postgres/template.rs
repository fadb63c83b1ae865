//! The empty server that each test gets a copy of: it is made once, which takes seconds.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::builder::write;
use super::{PASSWORD, ROLE};
use crate::support::shell::Shell;

static TEMPLATE: OnceLock<Shell> = OnceLock::new();

/// Small, and with nothing outside its folder that would survive it.
const SETTINGS: &str = "listen_addresses = '127.0.0.1'\n\
    shared_buffers = 32MB\n\
    dynamic_shared_memory_type = mmap\n";

/// Puts a copy into the folder of `shell`, as `data`.
pub fn copy_to(shell: &Shell) {
    let template = TEMPLATE.get_or_init(make);
    let (from, to) = (template.folder().display(), shell.folder().display());
    shell.run(&format!("cp -a {from}/data {to}/data"));
}

/// One of the server's programs, of the newest version that is installed.
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
        let newest = versions.map(|entry| entry.path()).max_by_key(version);
        newest.expect("PostgreSQL is installed (postgresql)").join("bin")
    });
    folder.join(name)
}

fn make() -> Shell {
    let shell = Shell::of_postgres();
    let at = shell.folder().display();
    shell.run(&format!(
        "'{}' -D {at}/data -U postgres --no-sync --locale=C --encoding=UTF8 \
         --auth-local=trust --auth-host=scram-sha-256",
        program("initdb").display()
    ));
    write(&shell, "settings", SETTINGS);
    shell.run(&format!("cat {at}/settings >>{at}/data/postgresql.conf"));
    let role = format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'");
    shell.run(&format!(
        "echo \"{role}\" | '{}' --single -D {at}/data postgres",
        program("postgres").display()
    ));
    shell
}
