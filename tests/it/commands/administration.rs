//! `codes` and `counts` beside a running gateway, on the store that it uses.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;

use serde_json::Value;

use super::*;
use crate::cluster::Cluster;
use crate::small_disk::SmallDisk;
use crate::support::gateway::Answer;
use crate::support::postgres::Postgres;

/// A gateway on a directory server, whose audit trail is in a file.
fn running(slapd: &Slapd, more_of_tenant: &str) -> Gateway {
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let audit = "[audit]\nfile = \"audit.log\"\n";
    let more = "[tenants.login]\nrefusal_floor = \"0s\"\n";
    let config = format!("{}{audit}{tenant}{more}{more_of_tenant}{}", sections(""), clients());
    Gateway::start(&config)
}

/// Runs a command with the configuration in `folder`.
pub(super) fn administer(folder: &Path, command: &str, arguments: &[&str]) -> Output {
    let config = folder.join("dialpass.toml");
    let words: Vec<&str> = command.split(' ').collect();
    let config = ["--config", config.to_str().unwrap()];
    dialpass(&[&words, &config[..], arguments].concat())
}

fn done(gateway: &Gateway, command: &str, arguments: &[&str]) -> String {
    let output = administer(gateway.folder(), command, arguments);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    assert_eq!(stderr(&output), "", "{command}");
    stdout(&output)
}

pub(super) fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| panic!("JSON: {line}"))
}

/// The audit events of one operation in the gateway's file.
fn events(gateway: &Gateway, operation: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(gateway.file("audit.log")).unwrap();
    text.lines().map(json).filter(|event| event["operation"] == operation).collect()
}

/// The id that the directory has for a user, by the audit trail.
fn user_id(gateway: &Gateway, username: &str) -> String {
    let calls = events(gateway, "getOTP");
    let call = calls.iter().find(|event| event["username"] == username).expect("a call");
    call["user_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issued_code_is_listed_and_once_revoked_admits_no_one() {
    let slapd = Slapd::builder().without_log().start();
    let gateway = running(&slapd, "");
    assert_eq!(done(&gateway, "codes list", &[]), "no live code\n");
    let code = gateway.code("+46701234567").await;
    gateway.code("+46702223344").await;
    assert_eq!(gateway.login("anna", "anna-secret", "000000").await.status, 403);
    let (anna, everybody) = (user_id(&gateway, "anna"), done(&gateway, "codes list", &[]));
    assert!(everybody.contains(&anna) && everybody.ends_with("\n2 live codes\n"), "{everybody}");
    assert!(everybody.starts_with("USER ID ") && !everybody.contains(&code), "{everybody}");

    let own = done(&gateway, "codes list", &["--user", "ANNA", "--json"]);
    let own = json(&own);
    assert_eq!((&own["user_id"], &own["username"]), (&anna.as_str().into(), &"anna".into()));
    assert_eq!((&own["tries_left"], &own["tried"]), (&2.into(), &true.into()), "{own}");
    let left = own["expires_in"].as_u64().expect("seconds");
    assert!((100..=180).contains(&left), "{own}");
    assert!(own["issued_at"].as_str().unwrap().ends_with('Z'), "{own}");
    for id in [anna.clone(), anna.to_uppercase()] {
        let by_id = json(&done(&gateway, "codes list", &["--user-id", &id, "--json"]));
        assert_eq!(by_id["user_id"], own["user_id"], "{id}, as other tools may write it");
        assert_eq!(by_id["issued_at"], own["issued_at"], "{id}");
    }

    let said = done(&gateway, "codes revoke", &["--user", "anna"]);
    assert_eq!(said, format!("anna ({anna}): the live code is revoked\n"));
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 403);
    let said = done(&gateway, "codes revoke", &["--user-id", &anna]);
    assert_eq!(said, format!("{anna}: there was no live code\n"));
    let said = done(&gateway, "codes list", &["--user", "anna"]);
    assert_eq!(said, format!("anna ({anna}): no live code\n"));
    assert!(done(&gateway, "codes list", &[]).ends_with("\n1 live code\n"));

    let fresh = gateway.code("+46701234567").await;
    assert_eq!(gateway.login("anna", "anna-secret", &fresh).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_brute_force_cleared_counts_let_the_user_in_again() {
    let slapd = Slapd::builder().without_log().start();
    let limits = "[tenants.limits]\nwrong_passwords_per_user = { burst = 2, per = \"15m\" }\n";
    let gateway = running(&slapd, limits);
    let code = gateway.code("+46701234567").await;
    for _ in 0..4 {
        assert_eq!(gateway.login("anna", "wrong", &code).await.status, 403);
    }
    let refused = gateway.login("anna", "anna-secret", &code).await;
    assert_eq!(refused.status, 403);

    let shown = done(&gateway, "counts show", &["--user", "anna"]);
    assert!(shown.contains("codes issued    1 of 5 in 10m; it expires in "), "{shown}");
    assert!(
        shown.contains("wrong passwords 2 of 2 in 15m; limit reached; the next expires"),
        "{shown}"
    );
    assert!(shown.contains("wrong codes     0 of 10 in 1h\n"), "{shown}");
    let counts = json(&done(&gateway, "counts show", &["--user", "anna", "--json"]));
    let passwords = &counts["wrong_passwords"];
    let told = [&passwords["counted"], &passwords["limit"], &passwords["per"]];
    assert_eq!(told, [&Value::from(2), &Value::from(2), &Value::from(900)], "{counts}");
    assert!(passwords["spent"] == true && counts["codes_issued"]["spent"] == false, "{counts}");
    let frees = passwords["one_frees_in"].as_u64().expect("seconds");
    assert!(frees <= passwords["all_free_in"].as_u64().expect("seconds") && frees > 800);

    let said = done(&gateway, "counts clear", &["--user", "anna"]);
    assert!(said.ends_with(": the counts are cleared\n"), "{said}");
    let said = done(&gateway, "counts clear", &["--user", "anna"]);
    assert!(said.ends_with(": nothing was counted\n"), "{said}");
    let login = gateway.login("anna", "anna-secret", &code).await;
    assert_eq!(login.status, 200, "the code itself stayed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_numbers_calls_are_shown_in_any_form_and_cleared() {
    let slapd = Slapd::builder().without_log().start();
    let limits = "[tenants.limits]\ncalls_per_number = { burst = 1, per = \"10m\" }\n";
    let gateway = running(&slapd, limits);
    let code = gateway.code("+46701234567").await;
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
    assert_eq!(gateway.call("+46701234567").await.status, 403);
    for form in ["070-123 45 67", "+46701234567", "sip:0701234567@pbx.example.com"] {
        let shown = done(&gateway, "counts show", &["--number", form]);
        assert!(shown.starts_with(&format!("{form} (+46701234567)\n")), "{shown}");
        assert!(shown.contains("calls           1 of 1 in 10m; limit reached"), "{shown}");
    }
    let shown = json(&done(&gateway, "counts show", &["--number", "070-123 45 67", "--json"]));
    assert_eq!(
        (&shown["number"], &shown["calls"]["spent"]),
        (&"070-123 45 67".into(), &true.into())
    );
    let said = done(&gateway, "counts clear", &["--number", "0701234567"]);
    assert!(said.ends_with(": the counts are cleared\n"), "{said}");
    gateway.code("+46701234567").await;
    let shown = events(&gateway, "counts show").last().cloned().expect("an event");
    assert_eq!((&shown["number"], &shown["outcome"]), (&"+46*****4567".into(), &"done".into()));
    let log = std::fs::read_to_string(gateway.file("audit.log")).unwrap();
    assert!(!log.contains("701234567") && !log.contains("123 45 67"), "numbers are masked");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_is_in_the_audit_trail_with_who_ran_it() {
    let slapd = Slapd::builder().without_log().start();
    let gateway = running(&slapd, "");
    gateway.code("+46701234567").await;
    let anna = user_id(&gateway, "anna");
    for (command, arguments, reason) in [
        ("codes list", &[] as &[&str], "listed"),
        ("codes revoke", &["--user", "anna"], "revoked"),
        ("counts show", &["--user", "anna"], "shown"),
        ("counts clear", &["--user", "anna"], "cleared"),
    ] {
        let config = gateway.file("dialpass.toml");
        let words: Vec<&str> = command.split(' ').collect();
        let output = program()
            .args([&words, arguments].concat())
            .arg("--config")
            .arg(&config)
            .env("SUDO_USER", "an-operator")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let seen = events(&gateway, command);
        let [attempted, ended] = seen.as_slice() else { panic!("two events: {seen:?}") };
        assert_eq!(
            (&attempted["outcome"], &attempted["reason"]),
            (&"attempted".into(), &Value::Null)
        );
        assert_eq!((&ended["outcome"], &ended["reason"]), (&"done".into(), &reason.into()));
        assert_eq!(attempted["request_id"], ended["request_id"]);
        for event in &seen {
            assert_eq!((&event["target"], &event["level"]), (&"audit".into(), &"INFO".into()));
            assert_eq!(
                (&event["tenant"], &event["sudo_user"]),
                (&"t1".into(), &"an-operator".into())
            );
            assert!(event["os_uid"].is_u64() && event["os_user"].is_string(), "{event}");
            assert!(event["timestamp"].as_str().unwrap().ends_with('Z'), "{event}");
            if !arguments.is_empty() {
                assert_eq!(
                    (&event["user_id"], &event["username"]),
                    (&anna.as_str().into(), &"anna".into())
                );
            }
        }
    }
    let output = administer(gateway.folder(), "codes revoke", &["--user", "nobody-here"]);
    assert_eq!(output.status.code(), Some(1));
    let last = events(&gateway, "codes revoke").pop().expect("an event");
    assert_eq!((&last["outcome"], &last["reason"]), (&"failed".into(), &"user_unknown".into()));
    let log = std::fs::read_to_string(gateway.file("audit.log")).unwrap();
    assert!(!log.contains("nobody-here"), "what was typed is not kept");
}

#[test]
fn without_an_audit_file_the_trail_is_on_standard_error() {
    let (folder, config) = on_a_file();
    write(folder.path(), &config);
    let gateway = Gateway::start_in(Arc::new(folder), &config);
    let output = administer(gateway.folder(), "codes list", &[]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "no live code\n"));
    let outcomes: Vec<_> =
        stderr(&output).lines().map(|line| json(line)["outcome"].clone()).collect();
    assert_eq!(outcomes, ["attempted", "done"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_audited_is_not_done() {
    let slapd = Slapd::builder().without_log().start();
    let gateway = running(&slapd, "");
    let code = gateway.code("+46701234567").await;
    let good = std::fs::read_to_string(gateway.file("dialpass.toml")).unwrap();
    let disk = SmallDisk::at(&gateway.file("disk"), "1m");
    disk.fill();
    // One takes no byte; the others cannot be opened.
    for file in ["disk/audit.log", "/dev/full", "no-such-folder/audit.log"] {
        let config = gateway.file("other.toml");
        std::fs::write(&config, good.replace("audit.log", file)).unwrap();
        for command in ["revoke", "list"] {
            let arguments = ["codes", command, "--user", "anna", "--config"];
            let output = program().args(arguments).arg(&config).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{command}, {file}");
            assert!(stderr(&output).contains("nothing was done"), "{}", stderr(&output));
            assert_eq!(stdout(&output), "", "nothing is shown either");
        }
    }
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_command_is_about_must_be_there_once() {
    let mut slapd = Slapd::builder().without_log().start();
    let gateway = running(&slapd, "");
    gateway.code("+46701234567").await;
    let fails = |command: &str, arguments: &[&str], status: i32, says: &str| {
        let output = administer(gateway.folder(), command, arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?} says {says}: {said}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
    };
    fails("codes revoke", &["--user", "nobody-here"], 1, "no user in the directory has the name");
    fails("codes revoke", &["--user", ""], 1, "not a user name");
    fails("codes revoke", &[], 2, "--user");
    fails("codes revoke", &["--user", "anna", "--user-id", "x"], 2, "cannot be used with");
    fails("counts show", &["--user", "anna", "--number", "1"], 2, "cannot be used with");
    fails("counts show", &["--number", "hello"], 1, "is not a telephone number");
    fails("counts show", &["--number", "anonymous"], 1, "stands for a withheld number");
    fails("codes list", &["--tenant", "t9"], 78, "t1");
    slapd.kill();
    fails("codes revoke", &["--user", "anna"], 1, "--user-id works without it");
    let anna = user_id(&gateway, "anna");
    let said = done(&gateway, "codes revoke", &["--user-id", &anna]);
    assert!(said.contains("is revoked"), "{said}");
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let (folder, config) = on_a_file();
    write(folder.path(), &config);
    let output = administer(folder.path(), "codes list", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("there is no store at"), "{}", stderr(&output));
    assert!(!folder.path().join("dialpass.db").exists());
}

#[test]
fn a_store_that_may_not_be_written_is_refused_with_what_to_do() {
    let (folder, config) = on_a_file();
    let path = write(folder.path(), &config);
    let folder = Arc::new(folder);
    let gateway = Gateway::start_in(Arc::clone(&folder), &config);
    // As somebody else, who may read everything.
    let readable = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    readable(folder.path(), 0o755);
    for file in std::fs::read_dir(folder.path()).unwrap().flatten() {
        readable(&file.path(), 0o444);
    }
    let mut command = program();
    command.args(["codes", "list", "--config", &path]);
    if rustix::process::getuid().is_root() {
        // To whom no permission is refused.
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("dialpass.db") && said.contains("sudo -u"), "{said}");
    drop(gateway);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_tenants_codes_are_neither_listed_nor_touched() {
    let slapd = Slapd::builder().without_log().start();
    let (t1, t2) = (ldap_tenant("t1", &[&slapd.url()], ""), ldap_tenant("t2", &[&slapd.url()], ""));
    let config = format!("{}{t1}{}{t2}{}", sections(""), clients(), clients());
    let gateway = Gateway::start(&config);
    let code = gateway.code("+46701234567").await;
    let output = administer(gateway.folder(), "codes list", &[]);
    assert_eq!(output.status.code(), Some(78), "which tenant?");
    let other = &["--tenant", "t2", "--user", "anna"];
    let output = administer(gateway.folder(), "codes revoke", other);
    assert!(stdout(&output).contains("there was no live code"), "{}", stdout(&output));
    let output = administer(gateway.folder(), "codes list", &["--tenant", "t2"]);
    assert_eq!(stdout(&output), "no live code\n");
    let login: Answer = gateway.login("anna", "anna-secret", &code).await;
    assert_eq!(login.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_revoked_in_the_database_is_dead_at_every_node() {
    let slapd = Slapd::builder().without_log().start();
    let server = Postgres::shared();
    let store = format!("timeout = \"20s\"\n{}", server.store_keys(&server.database()));
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let config = format!("{}{tenant}{}", sections(""), clients());
    let config = config.replacen("url = \"sqlite:dialpass.db\"\n", &store, 1);
    let cluster = Cluster::start(&config);
    let code = cluster.node(0).code("+46701234567").await;
    assert_eq!(cluster.node(1).login("anna", "wrong", &code).await.status, 403);

    let commands = |command: &str, arguments: &[&str]| {
        let output = administer(cluster.node(2).folder(), command, arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    let shown = json(&commands("counts show", &["--user", "anna", "--json"]));
    assert_eq!(shown["wrong_passwords"]["counted"], 1, "{shown}");
    let own = json(&commands("codes list", &["--json"]));
    assert_eq!((&own["tried"], &own["tries_left"]), (&false.into(), &3.into()), "{own}");
    assert!(commands("codes revoke", &["--user", "anna"]).contains("the live code is revoked"));
    for node in cluster.nodes() {
        assert_eq!(node.login("anna", "anna-secret", &code).await.status, 403);
    }
    assert!(commands("counts clear", &["--user", "anna"]).contains("are cleared"));
    assert!(commands("counts clear", &["--number", "070-123 45 67"]).contains("are cleared"));
    let fresh = cluster.node(1).code("+46701234567").await;
    assert_eq!(cluster.node(2).login("anna", "anna-secret", &fresh).await.status, 200);
}

#[test]
fn an_audit_file_that_a_command_makes_can_be_written_by_the_gateway() {
    if !rustix::process::getuid().is_root() {
        // Any other user who runs commands is the gateway's own.
        return;
    }
    let (folder, config) = on_a_file();
    let audit = "[audit]\nfile = \"logs/audit.log\"\n";
    let logs = folder.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    std::os::unix::fs::chown(&logs, Some(65_534), Some(65_534)).unwrap();
    write(folder.path(), &format!("{audit}{config}"));
    let output = administer(folder.path(), "codes list", &[]);
    assert_eq!(output.status.code(), Some(1), "there is no store yet");
    let file = std::fs::metadata(logs.join("audit.log")).unwrap();
    assert_eq!((file.uid(), file.gid(), file.mode() & 0o777), (65_534, 65_534, 0o600));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_none_is_a_wrong_argument_and_a_listing_that_is_lost_a_failure() {
    let slapd = Slapd::builder().without_log().start();
    let gateway = running(&slapd, "");
    gateway.code("+46701234567").await;
    for id in ["", " ", "an\nid", &"x".repeat(513)] {
        let output = administer(gateway.folder(), "codes revoke", &["--user-id", id]);
        assert_eq!(output.status.code(), Some(2), "{id:?}: {}", stderr(&output));
    }
    let path = gateway.file("dialpass.toml").display().to_string();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = program();
    let output = command.args(["codes", "list", "--config", &path]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("the output cannot be written"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_user_is_found_by_name_and_by_id_in_any_case_and_never_missed_in_silence() {
    let with_trail = |config: String| format!("[audit]\nfile = \"audit.log\"\n{config}");
    let service = crate::authentication_cloud::Service::start_with(with_trail, &[]).await;
    let gateway = &service.gateway;
    let anna = service.user("anna", crate::authentication_cloud::PHONE).await;
    gateway.code(crate::authentication_cloud::PHONE).await;
    let t1 =
        |by: &str, who: &str, command: &str| done(gateway, command, &["--tenant", "t1", by, who]);
    for (by, who) in
        [("--user-id", &*anna), ("--user-id", &anna.to_uppercase()), ("--user", "Anna")]
    {
        let listed = t1(by, who, "codes list");
        assert!(listed.contains("1 live code"), "{by} {who}: {listed}");
        let counted = t1(by, who, "counts show");
        assert!(counted.contains(&anna) && counted.contains("1 of "), "{by} {who}: {counted}");
    }
    let fails = |command: &str, id: &str, status: i32, says: &str| {
        let output = administer(gateway.folder(), command, &["--tenant", "t1", "--user-id", id]);
        assert_eq!(output.status.code(), Some(status), "{command} {id}");
        assert!(stderr(&output).contains(says), "{command} {id}: {}", stderr(&output));
    };
    for command in ["codes list", "codes revoke", "counts show", "counts clear", "person delete"] {
        fails(command, "anna", 1, "the id of a registered user is a UUID");
        fails(command, &anna.replace('-', ""), 1, "the id of a registered user is a UUID");
        fails(command, &format!(" {anna}"), 2, "no blanks around it");
    }
    let revoked = t1("--user-id", &anna.to_uppercase(), "codes revoke");
    assert!(revoked.contains("the live code is revoked"), "{revoked}");
    let cleared = t1("--user", "anna", "counts clear");
    assert!(cleared.contains("the counts are cleared"), "{cleared}");
}
