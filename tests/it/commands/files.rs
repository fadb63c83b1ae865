//! Which files a configuration may name: what is no regular file is refused and not waited for, and
//! no two keys name one file that one of them writes.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use super::{on_a_file, program, stderr, write};
use crate::support::gateway::{Gateway, wait_until};
use crate::support::pki::Ca;

/// A named pipe in place of what is at `path`.
fn make_pipe(path: &Path) {
    let _ = std::fs::remove_file(path);
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

/// Runs a command on the configuration at `path`, which may hang for a while.
fn run(command: &str, path: &str) -> Output {
    let mut limited = std::process::Command::new("timeout");
    limited.arg("20").arg(program().get_program()).args([command, "--config", path]);
    limited.output().unwrap()
}

/// A configuration with a file at most keys that name one.
fn on_many_files() -> (tempfile::TempDir, String) {
    let (folder, config) = on_a_file();
    let ca = Ca::new("a CA");
    let own = ca.server(1);
    let files = [
        ("own.pem", own.certificate.clone()),
        ("own.key", own.key.clone()),
        ("ca.pem", ca.pem()),
        ("ca.crl", ca.crl(&[])),
        ("token", "a token".to_owned()),
    ];
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
    }
    let tls = "[server.tls]\ncertificate = \"own.pem\"\nprivate_key = \"own.key\"\n\
               client_ca = \"ca.pem\"\ncrl_files = [\"ca.crl\"]\n[ops]";
    let sms = "[[tenants.sms.providers]]\nname = \"a\"\nurl = \"https://x/?{phone}{message}\"\n\
               headers = { A = { file = \"token\" } }\n";
    (folder, format!("{}{sms}", config.replacen("[ops]", tls, 1)))
}

#[test]
fn a_named_pipe_a_folder_or_a_device_in_place_of_a_file_is_refused_and_not_waited_for() {
    let (folder, config) = on_many_files();
    let path = write(folder.path(), &config);
    let good = run("check-config", &path);
    assert!(good.status.success(), "{}", stderr(&good));
    let at = |name: &str| folder.path().join(name);
    for (name, key) in [
        ("people.toml", "tenants[0].directory.file"),
        ("own.pem", "server.tls.certificate"),
        ("own.key", "server.tls.private_key"),
        ("ca.pem", "server.tls.client_ca"),
        ("ca.crl", "server.tls.crl_files[0]"),
        ("token", "tenants[0].sms.providers[0].headers.A"),
        ("server-key.hex", "keys.server_key_file"),
        ("dialpass.toml", ""),
    ] {
        std::fs::rename(at(name), at("kept")).unwrap();
        let refused = |commands: &[&str], what: &str| {
            for command in commands {
                let output = run(command, &path);
                let said = stderr(&output);
                assert_eq!(output.status.code(), Some(78), "{command}, {what} {name}: {said}");
                let named = said.lines().any(|line| line.contains(key) && line.contains(what));
                assert!(named, "{command}, {name}: {said}");
            }
        };
        make_pipe(&at(name));
        refused(&["check-config", "serve"], "it is a named pipe, not a regular file");
        std::fs::remove_file(at(name)).unwrap();
        std::fs::create_dir(at(name)).unwrap();
        refused(&["check-config"], "it is a folder");
        std::fs::remove_dir(at(name)).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at(name)).unwrap();
        refused(&["check-config"], "it is a device");
        std::fs::remove_file(at(name)).unwrap();
        // By a link, as Kubernetes mounts secrets.
        std::os::unix::fs::symlink(at("kept"), at(name)).unwrap();
        let output = run("check-config", &path);
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        std::fs::rename(at("kept"), at(name)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_become_pipes_while_it_runs_hang_neither_it_nor_a_reload_nor_a_stop() {
    let (folder, config) = on_many_files();
    let mut gateway = Gateway::start_in(Arc::new(folder), &config);
    make_pipe(&gateway.file("people.toml"));
    make_pipe(&gateway.file("own.pem"));
    gateway.wait_for_line("the people file changed and is not usable");
    gateway.wait_for_line("certificates changed but are not usable");
    gateway.signal("HUP");
    gateway.wait_for_line("the new configuration is not usable");
    make_pipe(&gateway.file("dialpass.toml"));
    gateway.signal("HUP");
    let refused = || {
        let log = gateway.log();
        let lines = log.lines().filter(|line| line.contains("the new configuration is not usable"));
        lines.filter(|line| line.contains("a TOML file that this user may read")).count()
    };
    wait_until("the configuration is refused", || refused() == 1);
    assert!(gateway.log().matches("it is a named pipe").count() >= 4);
    gateway.signal("TERM");
    assert_eq!(gateway.wait().code(), Some(0));
}

/// Has both commands refuse the configuration for what is said of `key`, and nothing be made.
fn both_refuse(folder: &Path, config: &str, key: &str, says: &str) {
    let listing = || {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        // To read a pipe would wait for its writer.
        let content = |path: &Path| path.is_file().then(|| std::fs::read(path).unwrap());
        let mut all: Vec<_> = entries.map(|path| (content(&path), path)).collect();
        all.sort();
        all
    };
    let path = write(folder, config);
    let before = listing();
    for command in ["check-config", "serve"] {
        let output = run(command, &path);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(78), "{command}, {says}: {said}");
        let named = said.lines().any(|line| line.contains(key) && line.contains(says));
        assert!(named, "{command} says {says} of {key}: {said}");
    }
    assert_eq!(listing(), before, "nothing is made or changed");
}

#[test]
fn what_is_written_is_no_file_that_another_key_names_by_whatever_path() {
    let (folder, config) = on_many_files();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("inner")).unwrap();
    std::fs::hard_link(at("server-key.hex"), at("second name")).unwrap();
    let absolute = at("people.toml");
    for (file, whose) in [
        ("server-key.hex", "keys.server_key_file"),
        ("inner/../own.key", "server.tls.private_key"),
        (absolute.to_str().unwrap(), "tenants[0].directory.file"),
        ("second name", "keys.server_key_file"),
        ("token", "tenants[0].sms.providers[0].headers.A"),
        ("ca.crl", "server.tls.crl_files[0]"),
        ("dialpass.toml", "this configuration"),
        ("dialpass.db", "store.url"),
        ("inner/../dialpass.db-wal", "store.url"),
    ] {
        let says = format!("which is also {whose}");
        let audited = format!("[audit]\nfile = \"{file}\"\n{config}");
        both_refuse(folder.path(), &audited, "audit.file", &says);
        if whose != "store.url" {
            let stored = config.replacen("sqlite:dialpass.db", &format!("sqlite:{file}"), 1);
            both_refuse(folder.path(), &stored, "store.url", &says);
        }
    }
    // A command would append to it as well.
    let path = write(folder.path(), &format!("[audit]\nfile = \"server-key.hex\"\n{config}"));
    let key = std::fs::read(at("server-key.hex")).unwrap();
    let output = program().args(["codes", "list", "--config", &path]).output().unwrap();
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    assert_eq!(std::fs::read(at("server-key.hex")).unwrap(), key);
}

#[test]
fn what_a_start_could_not_open_or_make_is_found_by_check_config_which_makes_nothing() {
    let (folder, config) = on_a_file();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("inner")).unwrap();
    make_pipe(&at("pipe"));
    std::os::unix::fs::symlink(at("elsewhere"), at("link")).unwrap();
    for (file, says) in [
        ("nowhere/audit.log", "nowhere cannot be used: No such file"),
        ("people.toml/audit.log", "Not a directory"),
        ("inner", "it is a folder"),
        ("pipe", "it is a named pipe"),
        ("/dev/full", "it is a device"),
        ("link", "it is a symbolic link"),
    ] {
        let audited = format!("[audit]\nfile = \"{file}\"\n{config}");
        both_refuse(folder.path(), &audited, "audit.file", says);
    }
    for (file, says) in [
        ("nowhere/at/all.db", "nowhere cannot be used: No such file"),
        ("people.toml/all.db", "Not a directory"),
        ("inner", "a folder"),
        ("pipe", "it is a named pipe"),
    ] {
        let stored = config.replacen("sqlite:dialpass.db", &format!("sqlite:{file}"), 1);
        both_refuse(folder.path(), &stored, "store.url", says);
    }
    // What a start makes is no mistake.
    let made = config.replacen("sqlite:dialpass.db", "sqlite:data/dialpass.db", 1);
    let path = write(folder.path(), &format!("[audit]\nfile = \"inner/audit.log\"\n{made}"));
    let output = run("check-config", &path);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!at("data").exists() && !at("inner/audit.log").exists());
}

#[test]
fn a_secrets_file_is_read_for_nothing_that_is_sent() {
    let (folder, config) = on_many_files();
    std::os::unix::fs::symlink("server-key.hex", folder.path().join("link")).unwrap();
    let header = "tenants[0].sms.providers[0].headers.A";
    for (file, whose) in [
        ("server-key.hex", "keys.server_key_file"),
        ("link", "keys.server_key_file"),
        ("own.key", "server.tls.private_key"),
        ("people.toml", "tenants[0].directory.file"),
    ] {
        let sent = config.replacen("{ file = \"token\" }", &format!("{{ file = \"{file}\" }}"), 1);
        both_refuse(folder.path(), &sent, header, &format!("which is also {whose}"));
    }
    let authority = config.replacen("\"ca.pem\"", "\"server-key.hex\"", 1);
    let says = "which is also keys.server_key_file";
    both_refuse(folder.path(), &authority, "server.tls.client_ca", says);
    // One token for two headers, and one file for a certificate and its key, are what is meant.
    let twice = config.replacen("{ A = {", "{ B = { file = \"token\" }, A = {", 1);
    let pem = ["own.pem", "own.key"].map(|name| std::fs::read(folder.path().join(name)).unwrap());
    std::fs::write(folder.path().join("own.key"), pem.concat()).unwrap();
    let path = write(folder.path(), &twice.replacen("\"own.pem\"", "\"own.key\"", 1));
    let output = run("check-config", &path);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn a_world_writable_folder_is_warned_about_with_the_command_that_mends_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, config) = on_a_file();
    let path = write(folder.path(), &config);
    let set = |mode| {
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let real = folder.path().canonicalize().unwrap();
    let warned = || {
        let output = run("check-config", &path);
        assert!(output.status.success(), "{}", stderr(&output));
        let command = format!(": chmod o-w {}", real.display());
        super::stdout(&output).lines().filter(|line| line.ends_with(&command)).count()
    };
    set(0o777);
    assert_eq!(warned(), 1);
    set(0o1777);
    assert_eq!(warned(), 0);
    set(0o700);
    assert_eq!(warned(), 0);
}

#[test]
fn a_store_that_could_not_be_opened_is_found_by_check_config_as_by_a_start() {
    let (folder, config) = on_a_file();
    let at = |name: &str| folder.path().join(name);
    let own = Ca::new("a CA").server(1).certificate;
    for (name, bytes) in [
        ("own.pem", own.as_bytes()),
        ("short.db", b"x"),
        ("cut.db", b"SQLite format 3"),
        ("torn.db", b"SQLite format 3\0and nothing that follows"),
    ] {
        std::fs::write(at(name), bytes).unwrap();
    }
    let database = |name: &str, sql: &str| {
        rusqlite::Connection::open(at(name)).unwrap().execute_batch(sql).unwrap();
    };
    database("other.db", "CREATE TABLE songs (title TEXT)");
    database("newer.db", "CREATE TABLE t (a); PRAGMA user_version = 1000");
    std::os::unix::fs::symlink(at("elsewhere"), at("dangling.db")).unwrap();
    std::os::unix::fs::symlink("inner/real.db", at("linked.db")).unwrap();
    std::fs::create_dir(at("inner")).unwrap();
    std::fs::write(at("inner/real.db"), "").unwrap();
    make_pipe(&at("inner/real.db-wal"));
    make_pipe(&at("a.db-wal"));
    std::fs::create_dir(at("b.db-shm")).unwrap();
    std::fs::create_dir(at("c.db-journal")).unwrap();
    std::os::unix::fs::symlink("nowhere/at/all", at("d.db-wal")).unwrap();
    for name in
        ["own.pem", "short.db", "cut.db", "torn.db", "other.db", "newer.db", "inner/real.db"]
    {
        std::fs::set_permissions(at(name), std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
    }
    for (file, says, advice) in [
        ("own.pem", "not a dialpass database", "move this one away"),
        ("short.db", "not a dialpass database", "move this one away"),
        ("cut.db", "not a dialpass database", "move this one away"),
        ("torn.db", "not a dialpass database", "move this one away"),
        ("other.db", "tables of another program", "move this one away"),
        ("newer.db", "schema version 1000", "the newer release"),
        ("dangling.db", "it is a symbolic link to", "this user may write"),
        ("linked.db", "real.db-wal cannot be used (it is a named pipe", "move away"),
        ("a.db", "a.db-wal cannot be used (it is a named pipe", "move away"),
        ("b.db", "b.db-shm cannot be used (it is a folder", "move away"),
        ("c.db", "c.db-journal cannot be used (it is a folder", "move away"),
        ("d.db", "d.db-wal cannot be used (it is a symbolic link", "move away"),
    ] {
        let stored = config.replacen("sqlite:dialpass.db", &format!("sqlite:{file}"), 1);
        both_refuse(folder.path(), &stored, "store.url", says);
        both_refuse(folder.path(), &stored, "store.url", advice);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_in_use_is_good_and_keeps_its_locks() {
    let (folder, config) = on_a_file();
    std::fs::write(folder.path().join("real.db"), "").unwrap();
    std::os::unix::fs::symlink("real.db", folder.path().join("dialpass.db")).unwrap();
    let gateway = Gateway::start_in(Arc::new(folder), &config);
    let inode = gateway.file("real.db").metadata().unwrap().ino();
    let is_locked = || {
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        let of_file = format!(":{inode}");
        locks.split_whitespace().any(|field| field.ends_with(&of_file))
    };
    assert!(is_locked(), "SQLite holds it as long as it is open");
    let path = gateway.file("dialpass.toml");
    let checked = run("check-config", path.to_str().unwrap());
    assert!(checked.status.success(), "{}", stderr(&checked));
    gateway.signal("HUP");
    gateway.wait_for_line("the configuration was read again");
    // Had the process opened and closed the file, its locks would be gone (fcntl(2)).
    assert!(is_locked());
}

#[test]
fn files_that_others_may_write_and_trails_that_they_may_read_are_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, config) = on_a_file();
    let path = write(folder.path(), &format!("[audit]\nfile = \"audit.log\"\n{config}"));
    std::fs::write(folder.path().join("audit.log"), "").unwrap();
    let names = ["people.toml", "dialpass.toml", "audit.log"];
    let warnings = |mode| {
        for name in names {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(folder.path().join(name), permissions).unwrap();
        }
        let output = run("check-config", &path);
        assert!(output.status.success(), "{}", stderr(&output));
        super::stdout(&output).lines().filter(|line| line.starts_with("warning: ")).count()
    };
    assert_eq!(warnings(0o600), 0);
    assert_eq!(warnings(0o644), 1, "the trail");
    assert_eq!(warnings(0o666), 3);
}
