//! `access-key` beside a running gateway, on the store that it uses.

use rusqlite::Connection;
use serde_json::Value;

use super::administration::{administer, json};
use super::*;
use crate::small_disk::SmallDisk;

/// A gateway with two tenants, whose audit trail is in a file.
fn running() -> Gateway {
    let (folder, config) = on_a_file();
    let second = "[[tenants]]\nid = \"t2\"\ncountry = \"SE\"\n\
                  [tenants.directory]\nkind = \"file\"\nfile = \"people.toml\"\n";
    let config = format!("[audit]\nfile = \"audit.log\"\n{config}{second}{}", clients());
    Gateway::start_in(Arc::new(folder), &config)
}

fn done(gateway: &Gateway, command: &str, arguments: &[&str]) -> (String, String) {
    let output = administer(gateway.folder(), &format!("access-key {command}"), arguments);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    (stdout(&output), stderr(&output))
}

/// Makes a key; its text, and its id by what is said on standard error.
fn create(gateway: &Gateway, tenant: &str, name: &str) -> (String, String) {
    let (shown, said) = done(gateway, "create", &["--tenant", tenant, "--name", name]);
    let key = shown.strip_suffix('\n').expect("a line").to_owned();
    assert!(key.starts_with("dpk_") && key.len() == 47, "the key alone");
    assert!(!key.contains(char::is_whitespace), "the key alone");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("shown only once") && !said.contains(&key), "{said}");
    let id = said.strip_prefix("access key ").and_then(|said| said.split(' ').next());
    (key, id.expect("an id").to_owned())
}

fn list(gateway: &Gateway, tenant: &str) -> Vec<Value> {
    let (shown, said) = done(gateway, "list", &["--tenant", tenant, "--json"]);
    assert_eq!(said, "");
    shown.lines().map(json).collect()
}

/// The store has a key with the hash of this text.
fn is_known(gateway: &Gateway, key: &str) -> bool {
    let file = Connection::open(gateway.file("dialpass.db")).unwrap();
    let sql = "SELECT count(*) FROM access_keys WHERE lower(hex(hash)) = ?1";
    let found: i64 = file.query_row(sql, [sha256(key)], |row| row.get(0)).unwrap();
    found == 1
}

fn events(gateway: &Gateway) -> Vec<Value> {
    let text = std::fs::read_to_string(gateway.file("audit.log")).unwrap();
    text.lines().map(json).collect()
}

#[test]
fn a_key_is_shown_alone_and_once_and_listed_by_its_id_until_it_is_revoked() {
    let gateway = running();
    assert_eq!(done(&gateway, "list", &["--tenant", "t1"]).0, "no access key\n");
    let (first, first_id) = create(&gateway, "t1", "backend");
    let (second, second_id) = create(&gateway, "t1", "the next backend");
    let (others, _) = create(&gateway, "t2", "backend");
    assert_ne!(first, second);
    assert!([&first, &second, &others].into_iter().all(|key| is_known(&gateway, key)));

    let shown = list(&gateway, "t1");
    let names: Vec<_> = shown.iter().map(|key| (key["id"].clone(), key["name"].clone())).collect();
    let expected = [(&first_id, "backend"), (&second_id, "the next backend")];
    assert_eq!(names, expected.map(|(id, name)| (id.as_str().into(), name.into())));
    assert!(shown.iter().all(|key| key["created_at"].as_str().unwrap().ends_with('Z')));
    let (table, _) = done(&gateway, "list", &["--tenant", "t1"]);
    assert!(table.starts_with("ID ") && table.ends_with("\n2 access keys\n"), "{table}");
    assert!(table.contains(&first_id) && table.contains("  the next backend\n"), "{table}");
    let all = format!("{table}{shown:?}");
    for key in [&first, &second, &others] {
        assert!(!all.contains(key.as_str()) && !all.contains(&sha256(key)), "{all}");
    }

    let revoke = ["--tenant", "t1", "--id", &first_id];
    let (said, _) = done(&gateway, "revoke", &revoke);
    assert_eq!(said, format!("{first_id}: the access key is revoked\n"));
    assert!(!is_known(&gateway, &first) && is_known(&gateway, &second));
    let (said, _) = done(&gateway, "revoke", &revoke);
    assert_eq!(said, format!("{first_id}: the tenant has no such access key\n"));
    let (table, _) = done(&gateway, "list", &["--tenant", "t1"]);
    assert!(table.ends_with("\n1 access key\n") && !table.contains(&first_id), "{table}");
}

#[test]
fn a_key_is_revoked_by_its_own_tenant_only() {
    let gateway = running();
    let (key, id) = create(&gateway, "t1", "backend");
    let (said, _) = done(&gateway, "revoke", &["--tenant", "t2", "--id", &id]);
    assert_eq!(said, format!("{id}: the tenant has no such access key\n"));
    assert!(is_known(&gateway, &key));
    assert!(list(&gateway, "t2").is_empty());
}

#[test]
fn each_command_on_keys_is_in_the_audit_trail_and_no_key_is() {
    let gateway = running();
    let (key, id) = create(&gateway, "t1", "backend");
    list(&gateway, "t1");
    for _ in 0..2 {
        done(&gateway, "revoke", &["--tenant", "t1", "--id", &id]);
    }
    let seen: Vec<_> = events(&gateway)
        .into_iter()
        .filter(|event| event["operation"].as_str().is_some_and(|it| it.starts_with("access-key")))
        .collect();
    let told = |event: &Value| {
        let field = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        assert_eq!((&event["target"], &event["tenant"]), (&"audit".into(), &"t1".into()));
        assert!(event["os_uid"].is_u64(), "{event}");
        [field("operation"), field("outcome"), field("reason"), field("access_key_id")]
    };
    let expected = [
        ["access-key create", "attempted", "", &id],
        ["access-key create", "done", "created", &id],
        ["access-key list", "attempted", "", ""],
        ["access-key list", "done", "listed", ""],
        ["access-key revoke", "attempted", "", &id],
        ["access-key revoke", "done", "revoked", &id],
        ["access-key revoke", "attempted", "", &id],
        ["access-key revoke", "done", "no_such_key", &id],
    ];
    assert_eq!(seen.iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!(seen[0]["access_key_name"], "backend");
    let trail = std::fs::read_to_string(gateway.file("audit.log")).unwrap();
    assert!(!trail.contains(&key) && !trail.contains(&sha256(&key)) && !trail.contains("dpk_"));
}

#[test]
fn what_cannot_be_audited_makes_no_key() {
    let gateway = running();
    let good = std::fs::read_to_string(gateway.file("dialpass.toml")).unwrap();
    let disk = SmallDisk::at(&gateway.file("disk"), "1m");
    disk.fill();
    // One takes no byte; the others cannot be opened.
    for file in ["disk/audit.log", "/dev/full", "no-such-folder/audit.log"] {
        let config = gateway.file("other.toml");
        std::fs::write(&config, good.replace("audit.log", file)).unwrap();
        let create = ["access-key", "create", "--tenant", "t1", "--name", "backend", "--config"];
        let output = program().args(create).arg(&config).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{file}");
        assert!(stderr(&output).contains("nothing was done"), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
    }
    assert!(list(&gateway, "t1").is_empty());
}

#[test]
fn a_key_that_could_not_be_printed_is_not_left_behind() {
    let gateway = running();
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for unread in [Stdio::from(closed), Stdio::from(full)] {
        let output = program()
            .args(["access-key", "create", "--tenant", "t1", "--name", "backend", "--config"])
            .arg(gateway.file("dialpass.toml"))
            .stdout(unread)
            .stderr(Stdio::piped())
            .spawn()
            .and_then(std::process::Child::wait_with_output)
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains("revoked again"), "{}", stderr(&output));
        assert!(list(&gateway, "t1").is_empty());
    }
    let failed = events(&gateway).into_iter().filter(|event| event["reason"] == "key_not_shown");
    assert_eq!(failed.count(), 2);
}

#[test]
fn what_is_no_tenant_no_name_and_no_id_is_refused() {
    let gateway = running();
    let fails = |command: &str, arguments: &[&str], status: i32, says: &str| {
        let output = administer(gateway.folder(), &format!("access-key {command}"), arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?} says {says}: {said}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
    };
    fails("create", &["--tenant", "t9", "--name", "backend"], 78, "t1, t2");
    fails("create", &["--name", "backend"], 78, "--tenant");
    fails("list", &["--tenant", "t9"], 78, "t1, t2");
    fails("revoke", &["--tenant", "t9", "--id", &uuid::Uuid::nil().to_string()], 78, "t1, t2");
    fails("create", &["--tenant", "t1"], 2, "--name");
    fails("revoke", &["--tenant", "t1"], 2, "--id");
    for name in ["", "back\nend", "\u{1b}[2J", "\u{85}", &"x".repeat(65)] {
        fails("create", &["--tenant", "t1", "--name", name], 2, "1 to 64 characters");
    }
    for id in ["", "backend", "7e16ba0092e24fcbb30e1af8fdc843aa"] {
        fails("revoke", &["--tenant", "t1", "--id", id], 2, "as `access-key list` shows it");
    }
    assert!(list(&gateway, "t1").is_empty() && list(&gateway, "t2").is_empty());
    let (_, id) = create(&gateway, "t1", &"ö".repeat(64));
    assert_eq!(list(&gateway, "t1")[0]["id"], id.as_str());
}

#[test]
fn a_store_that_no_gateway_has_made_gets_no_key() {
    let (folder, config) = on_a_file();
    write(folder.path(), &config);
    let output = administer(folder.path(), "access-key create", &["--name", "backend"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("there is no store at"), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    assert!(!folder.path().join("dialpass.db").exists());
}
