//! `person export` and `person delete` beside a running gateway, on the store that it uses.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::Value;
use uuid::Uuid;

use super::administration::{administer, json};
use super::*;
use crate::authentication_cloud::{PHONE, Service};
use crate::voice;

/// Runs the command, which has to succeed without a word on standard error.
fn done(gateway: &Gateway, command: &str, arguments: &[&str]) -> String {
    let output = administer(gateway.folder(), &format!("person {command}"), arguments);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    assert_eq!(stderr(&output), "", "{command}");
    stdout(&output)
}

fn events(gateway: &Gateway, operation: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(gateway.file("audit.log")).unwrap();
    text.lines().map(json).filter(|event| event["operation"] == operation).collect()
}

/// Where in the store's file, whatever tables it has, one of these is: in a text, in bytes, or as
/// the bytes of an id. Ends of WAL pages and of free pages are not looked at.
fn places(gateway: &Gateway, of: &[&str]) -> Vec<String> {
    let file = Connection::open(gateway.file("dialpass.db")).unwrap();
    let mut needles: Vec<Vec<u8>> = of.iter().map(|text| text.as_bytes().to_vec()).collect();
    needles.extend(of.iter().filter_map(|id| Some(Uuid::try_parse(id).ok()?.as_bytes().to_vec())));
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    let mut statement = file.prepare(tables).unwrap();
    let tables = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let tables: Vec<String> = tables.map(Result::unwrap).collect();
    assert!(tables.len() >= 8, "{tables:?}");
    let mut found = Vec::new();
    for table in tables {
        let mut rows = file.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns: Vec<String> = rows.column_names().map(ToString::to_string).collect();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for (index, column) in columns.iter().enumerate() {
                let bytes = match row.get_ref(index).unwrap() {
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
                    ValueRef::Integer(number) => number.to_string().into_bytes(),
                    ValueRef::Null | ValueRef::Real(_) => continue,
                };
                let holds = |needle: &Vec<u8>| bytes.windows(needle.len()).any(|w| w == needle);
                if needles.iter().any(holds) {
                    found.push(format!("{table}.{column}"));
                }
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// A service whose audit trail is in a file.
async fn service() -> Service {
    let with_trail = |config: String| format!("[audit]\nfile = \"audit.log\"\n{config}");
    Service::start_with(with_trail, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_user_sees_all_that_is_held_and_once_deleted_is_unknown() {
    let service = service().await;
    let gateway = &service.gateway;
    let anna = service.user("anna", PHONE).await;
    service.user_with_phone("anna").await;
    let (_, recovery) = service.recovery("anna").await;
    let texted = service.approve("anna", PHONE).await;
    let asked = service.ask("anna", "Pay CHF 100").await;
    let code = gateway.code(PHONE).await;
    let berta = service.user("berta", "+46702223344").await;
    let others = gateway.code("+46702223344").await;

    let t1 = ["--tenant", "t1", "--user", "anna"];
    let line = done(gateway, "export", &t1);
    assert_eq!(line.lines().count(), 1, "one object: {line}");
    for secret in recovery.iter().chain([&code, &texted.code]) {
        assert!(!line.contains(&format!("\"{secret}\"")), "no code: {line}");
    }
    let object = json(&line);
    assert_eq!((&object["user_id"], &object["username"]), (&Value::from(&*anna), &"anna".into()));
    assert_eq!(object["called_in"][0]["code"]["live"], true, "{object}");
    assert_eq!(object["called_in"][0]["codes_issued"].as_array().unwrap().len(), 1, "{object}");
    let registered = &object["registered"];
    assert_eq!(
        (&registered["user_id"], &registered["username"]),
        (&anna.as_str().into(), &"anna".into())
    );
    assert_eq!(registered["phones"][0]["number"], PHONE, "whole: it is their own");
    assert_eq!(registered["authenticators"][0]["platform"], "android", "{object}");
    assert_eq!(registered["recovery_codes_left"], 10, "{object}");
    let transactions = object["transactions"].as_array().unwrap();
    let of = |id: &str| transactions.iter().find(|one| one["transaction_id"] == id).expect("one");
    let sms = of(&texted.transaction);
    let told = ["kind", "channel", "status", "number"].map(|field| sms[field].as_str());
    assert_eq!(told, [Some("approve"), Some("sms"), Some("pending"), Some(PHONE)]);
    let app = of(&asked.transaction);
    assert_eq!((&app["channel"], &app["message"]), (&"app".into(), &"Pay CHF 100".into()));
    assert_eq!(object["calls"][0]["number"], PHONE, "{object}");
    for texts in ["texts", "enrollment_texts"] {
        assert_eq!(object[texts][0]["at"].as_array().unwrap().len(), 1, "{texts}: {object}");
    }
    for (by, id) in [(["--user-id", &anna], &anna), (["--user-id", &anna.to_uppercase()], &anna)] {
        let again = json(&done(gateway, "export", &[&["--tenant", "t1"], &by[..]].concat()));
        assert_eq!(
            (&again["registered"], &again["registered"]["user_id"]),
            (registered, &id.as_str().into())
        );
    }
    let t2 = json(&done(gateway, "export", &["--tenant", "t2", "--user-id", &anna]));
    assert_eq!((&t2["registered"], &t2["calls"]), (&Value::Null, &Value::Array(Vec::new())));

    let theirs = [&*anna, PHONE, "anna"];
    assert!(places(gateway, &theirs).len() > 8, "they are there: {:?}", places(gateway, &theirs));
    let said = done(gateway, "delete", &t1);
    assert!(said.starts_with(&format!("anna ({anna}): deleted\n")), "{said}");
    for line in [
        "live codes            1",
        "registered users      1",
        "phones                1",
        "authenticators        1",
        "recovery codes        10",
    ] {
        assert!(said.contains(&format!("  {line}\n")), "{line}: {said}");
    }
    assert_eq!(places(gateway, &theirs), [""; 0]);

    assert_eq!(gateway.login("anna", "", &code).await.status, 403, "the live code has ended");
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 404);
    assert_eq!(service.api.get(&format!("/api/v1/users/{anna}")).await.status, 404);
    assert_eq!(service.api.get("/api/v1/users?username=anna").await.status, 404);
    assert_ne!(service.api.recover(&anna, &recovery[0]).await.status, 200);
    assert_eq!(service.api.look(&asked.token).await.status, 404);
    assert_eq!(gateway.call(PHONE).await.status, 403);
    assert_eq!(gateway.login("berta", "", &others).await.status, 200, "nobody else's");
    assert_eq!(service.api.get(&format!("/api/v1/users/{berta}")).await.status, 200);

    let by_id = ["--tenant", "t1", "--user-id", &anna];
    assert_eq!(done(gateway, "delete", &by_id), format!("{anna}: the store holds nothing\n"));
    assert_eq!(json(&done(gateway, "export", &by_id))["registered"], Value::Null);
    let gone = administer(gateway.folder(), "person delete", &t1);
    assert_eq!(gone.status.code(), Some(1));
    assert!(stderr(&gone).contains("no registered user has the name anna"), "{}", stderr(&gone));
    // The same name is somebody new.
    assert_ne!(service.user("anna", PHONE).await, anna);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_users_name_is_taken_in_any_case_unless_several_have_it() {
    let service = service().await;
    let gateway = &service.gateway;
    let (anna, berta) =
        (service.user("anna", PHONE).await, service.user("berta", "+46702223344").await);
    let seen = json(&done(gateway, "export", &["--tenant", "t1", "--user", "ANNA"]));
    assert_eq!((&seen["user_id"], &seen["username"]), (&anna.as_str().into(), &"anna".into()));
    // As it is where two had their names before names were compared with case ignored.
    let file = Connection::open(gateway.file("dialpass.db")).unwrap();
    let edit = "UPDATE users SET name = 'Anna', namesake = 1 WHERE name = 'berta'";
    assert_eq!(file.execute(edit, []), Ok(1));
    for name in ["anna", "Anna", "ANNA"] {
        for command in ["person export", "person delete"] {
            let arguments = ["--tenant", "t1", "--user", name];
            let refused = administer(gateway.folder(), command, &arguments);
            assert_eq!(refused.status.code(), Some(1), "{name}");
            let said = stderr(&refused);
            for part in [&format!("anna ({anna})"), &format!("Anna ({berta})"), "--user-id"] {
                assert!(said.contains(part), "{part}: {said}");
            }
        }
        let event = events(gateway, "person delete").pop().expect("a line");
        assert_eq!(event["reason"], "user_ambiguous", "{event}");
    }
    assert_eq!(service.api.user(&anna).await.status, 200, "nobody was deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_in_a_directory_is_found_by_name_or_id_with_the_numbers_that_are_named() {
    let (folder, config) = on_a_file();
    let config = format!("[audit]\nfile = \"audit.log\"\n{config}");
    let gateway = Gateway::start_in(Arc::new(folder), &config);
    let code = gateway.code("+46701234567").await;
    assert_eq!(gateway.login("anna", "wrong", &code).await.status, 403);
    let seen = json(&done(&gateway, "export", &["--user", "ANNA"]));
    assert_eq!((&seen["user_id"], &seen["username"]), (&"anna".into(), &"anna".into()), "{seen}");
    assert_eq!(seen["called_in"][0]["code"]["live"], true, "{seen}");
    assert_eq!(seen["calls"], Value::Array(Vec::new()), "no number was named");
    let with = ["--user-id", "anna", "--number", "070-123 45 67", "--number", "+46709999999"];
    let seen = json(&done(&gateway, "export", &with));
    assert_eq!(seen["calls"].as_array().map(Vec::len), Some(1), "{seen}");
    assert_eq!(seen["calls"][0]["number"], "+46701234567");
    // The number alone says nothing of whose it is.
    assert_eq!(places(&gateway, &["+46701234567"]), ["callers.number"]);
    done(&gateway, "delete", &with);
    assert_eq!(places(&gateway, &["anna", "+46701234567"]), [""; 0]);
    assert_eq!(gateway.login("anna", "", &code).await.status, 403);
    // The directory still has them.
    gateway.code("+46701234567").await;

    for (arguments, status, says) in [
        (&["--user", "nobody-here"][..], 1, "no user in the directory has the name nobody-here"),
        (&["--user-id", "anna", "--number", "hello"], 1, "hello is not a telephone number"),
        (&["--user-id", "anna", "--user", "anna"], 2, "cannot be used with"),
        (&[], 2, "required"),
        (&["--user", "anna", "--tenant", "t9"], 78, "--tenant"),
    ] {
        let output = administer(gateway.folder(), "person delete", arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    assert!(!places(&gateway, &["anna"]).is_empty(), "what failed deleted nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_both_commands_is_in_the_audit_trail_without_a_number() {
    let (folder, config) = on_a_file();
    let config = format!("[audit]\nfile = \"audit.log\"\n{config}");
    let gateway = Gateway::start_in(Arc::new(folder), &config);
    gateway.code("+46701234567").await;
    for (command, first, again) in
        [("export", "exported", "exported"), ("delete", "deleted", "nothing_held")]
    {
        for reason in [first, again] {
            done(&gateway, command, &["--user", "anna", "--number", "0701234567"]);
            let seen = events(&gateway, &format!("person {command}"));
            let [.., attempted, ended] = &seen[..] else { panic!("two events: {seen:?}") };
            assert_eq!(attempted["outcome"], "attempted");
            assert_eq!((&ended["outcome"], &ended["reason"]), (&"done".into(), &reason.into()));
            assert_eq!(attempted["request_id"], ended["request_id"]);
            for event in [attempted, ended] {
                assert_eq!((&event["tenant"], &event["user_id"]), (&"t1".into(), &"anna".into()));
                assert!(event["os_uid"].is_u64(), "{event}");
            }
        }
    }
    let failed = administer(gateway.folder(), "person delete", &["--user", "nobody-here"]);
    assert_eq!(failed.status.code(), Some(1));
    let last = events(&gateway, "person delete").pop().expect("an event");
    assert_eq!((&last["outcome"], &last["reason"]), (&"failed".into(), &"user_unknown".into()));
    let log = std::fs::read_to_string(gateway.file("audit.log")).unwrap();
    assert!(!log.contains("701234567"), "numbers are masked");
    assert!(!log.contains("nobody-here"), "what was typed is not kept");

    // What cannot be in the audit trail is not done.
    gateway.code("+46701234567").await;
    let file = gateway.file("audit.log");
    let kept = gateway.file("kept.log");
    std::fs::rename(&file, &kept).unwrap();
    std::fs::create_dir(&file).unwrap();
    let refused = administer(gateway.folder(), "person delete", &["--user", "anna"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("nothing was done"), "{}", stderr(&refused));
    assert!(!places(&gateway, &["anna"]).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_two_people_matches_neither_until_an_id_decides() {
    let service = service().await;
    let anna = service.user("anna", PHONE).await;
    // From now on the tenant's people are in a file, where there is an anna too.
    let path = service.gateway.file("dialpass.toml");
    std::fs::write(service.gateway.file("people.toml"), PEOPLE).unwrap();
    let config = std::fs::read_to_string(&path).unwrap();
    let changed =
        config.replace("kind = \"registered\"", "kind = \"file\"\nfile = \"people.toml\"");
    let changed = changed.replace("password = \"not-asked\"", "");
    std::fs::write(&path, changed).unwrap();
    let refused = administer(
        service.gateway.folder(),
        "person delete",
        &["--tenant", "t1", "--user", "anna"],
    );
    let said = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains(&anna) && said.contains("--user-id"), "{said}");
    done(&service.gateway, "delete", &["--tenant", "t1", "--user-id", &anna]);
    assert_eq!(service.api.get(&format!("/api/v1/users/{anna}")).await.status, 404);
}

const DOCUMENTED: &str = include_str!("../../../docs/privacy.md");

/// docs/privacy.md names each table of the store, and each field of what is exported.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_documented_is_what_there_is() {
    let service = service().await;
    let anna = service.user("anna", PHONE).await;
    service.user_with_phone("anna").await;
    service.ask("anna", "Pay CHF 100").await;
    service.gateway.code(PHONE).await;
    service.gateway.login("anna", "", "000000").await;
    let line = done(&service.gateway, "export", &["--tenant", "t1", "--user-id", &anna]);
    assert_eq!(undocumented(&json(&line)), [""; 0], "{line}");
    let file = Connection::open(service.gateway.file("dialpass.db")).unwrap();
    let mut tables = file.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    for table in tables.query_map([], |row| row.get::<_, String>(0)).unwrap() {
        let table = table.unwrap();
        assert!(
            DOCUMENTED.contains(&format!("`{table}`")),
            "docs/privacy.md says nothing of {table}"
        );
    }
}

/// A call that heard a code stays in the user's row for a day, after the code was used as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_sees_the_reported_calls_that_heard_their_codes_until_they_are_deleted() {
    let gateway = voice::started("", "[audit]\nfile = \"audit.log\"\n");
    let call = voice::call_from(voice::ANNA);
    let code = voice::spoken(&voice::report(&gateway, &call).await.body);
    assert_eq!(gateway.login("anna", "correct horse", &code).await.status, 200);

    let line = done(&gateway, "export", &["--user", "anna"]);
    let object = json(&line);
    let calls = object["called_in"][0]["calls_that_heard_a_code"].as_array().expect("a list");
    let [heard] = &calls[..] else { panic!("one call: {line}") };
    let at = heard["at"].as_str().expect("a time");
    assert!(at.ends_with('Z') && at <= object["exported_at"].as_str().unwrap(), "{line}");
    let hash = heard["call_hash"].as_str().expect("a hash");
    assert!(hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
    assert!(!line.contains(call["CallSid"].as_str().unwrap()), "the hash only: {line}");
    assert_eq!(undocumented(&object), [""; 0], "{line}");
    assert_eq!(places(&gateway, &[hash]), ["subjects.told_calls"]);

    done(&gateway, "delete", &["--user", "anna"]);
    assert_eq!(places(&gateway, &[hash, "anna"]), [""; 0]);
}

/// The fields of an export that docs/privacy.md does not name.
fn undocumented(export: &Value) -> Vec<String> {
    let mut missing = Vec::new();
    fields("", export, &mut |field| {
        if !DOCUMENTED.contains(&format!("`{field}`")) {
            missing.push(field.to_owned());
        }
    });
    missing
}

/// Names each field of a JSON value, as `a.b` whether `a` is an object or a list of objects.
fn fields(above: &str, value: &Value, name: &mut impl FnMut(&str)) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let field = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
                name(&field);
                fields(&field, value, name);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| fields(above, value, name)),
        _ => {}
    }
}
