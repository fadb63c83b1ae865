//! `check-directory` against OpenLDAP and against a file: what it reports, in each format, and how
//! it ends.

use std::process::Output;

use serde_json::Value;

use super::{dialpass, on_a_file, stderr, stdout, write};
use crate::support::gateway::{clients, folder, ldap_tenant, sections};
use crate::support::slapd::{PEOPLE, Slapd};

mod servers;

/// People whose numbers are awkward, to be added to a server.
const AWKWARD: &[(&str, &str)] = &[
    ("gun", "telephoneNumber: ring Kalle"),
    ("hans", "telephoneNumber: 4567"),
    ("ida", "telephoneNumber: x12"),
    ("jan", "mobile: +46 70 12"),
    ("kim", "description: no number at all"),
    ("lars", "mobile: 070.888 77 66"),
];

/// What the report's hint says about a size limit.
const UNLIMITED: &str =
    "limits dn.exact=\"cn=gateway,dc=example,dc=com\" size.prtotal=unlimited size.pr=1000";

/// A server with people, and the awkward ones.
fn awkward(users: usize) -> Slapd {
    let slapd = Slapd::builder().users(users).without_log().start();
    for (uid, attribute) in AWKWARD {
        slapd.modify(&format!(
            "dn: uid={uid},{PEOPLE}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: {uid}\n\
             cn: {uid}\nsn: {uid}\n{attribute}\n"
        ));
    }
    slapd
}

fn check(tenant: &str, arguments: &[&str]) -> Output {
    let folder = folder();
    let path = write(folder.path(), &format!("{}{tenant}{}", sections(""), clients()));
    dialpass(&[&["check-directory", "--config", &path], arguments].concat())
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&stdout(output))
        .unwrap_or_else(|error| panic!("{error}: {}{}", stdout(output), stderr(output)))
}

/// The finding of this kind.
fn finding<'a>(report: &'a Value, check: &str) -> &'a Value {
    let all = report["findings"].as_array().unwrap();
    all.iter().find(|finding| finding["check"] == check).unwrap_or_else(|| {
        panic!("{check} is among {:?}", all.iter().map(|f| &f["check"]).collect::<Vec<_>>())
    })
}

/// The worst step of this kind on a server.
fn step<'a>(report: &'a Value, server: usize, step: &str) -> &'a Value {
    let steps = report["servers"][server]["steps"].as_array().unwrap();
    let of_kind = |wanted: bool| {
        steps.iter().find(|found| found["step"] == step && (found["severity"] == "good") == wanted)
    };
    of_kind(false).or_else(|| of_kind(true)).unwrap_or_else(|| panic!("{step} in {steps:?}"))
}

fn usernames(example: &Value) -> Vec<&str> {
    example["usernames"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

#[test]
fn awkward_people_are_counted_and_shown_in_json() {
    let slapd = awkward(0);
    let output = check(&ldap_tenant("t1", &[&slapd.url()], ""), &["--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}{}", stdout(&output), stderr(&output));
    let report = json(&output);
    assert_eq!((&report["tenant"], &report["severity"]), (&"t1".into(), &"warning".into()));
    let people = &report["people"];
    assert_eq!(people["people"], 34, "28 with names and 6 awkward ones");
    assert_eq!(people["disabled"], 1);
    assert_eq!(people["without_number"], 6);
    assert_eq!(people["complete"], true);
    // All but those, diana, carl and cecilia, and twelve who share another.
    assert_eq!(people["would_get_a_code"], 34 - 6 - 1 - 2 - 12);

    let shared = finding(&report, "shared_number");
    assert_eq!((&shared["count"], &shared["severity"]), (&2.into(), &"warning".into()));
    assert_eq!(usernames(&shared["examples"][0]), ["carl", "cecilia"]);
    assert_eq!(shared["examples"][0]["value"], "+46703334455");
    assert_eq!(shared["examples"][1]["detail"], "12 people");
    let junk = finding(&report, "unreadable_number");
    assert_eq!(junk["count"], 2);
    assert_eq!(usernames(&junk["examples"][0]), ["gun"]);
    assert_eq!(junk["examples"][0]["value"], "ring Kalle");
    assert_eq!(junk["examples"][1]["detail"], "too short for its country");
    assert_eq!(finding(&report, "extension_only")["count"], 2);
    assert_eq!(finding(&report, "no_number")["count"], 6);
    assert_eq!(usernames(&finding(&report, "disabled")["examples"][0]), ["diana"]);
    let dotted = finding(&report, "not_found_by_search");
    assert_eq!(usernames(&dotted["examples"][0]), ["lars"]);
    assert_eq!(finding(&report, "no_country")["severity"], "information");

    let rights = finding(&report, "self_writable_numbers");
    assert_eq!(rights["severity"], "warning", "OpenLDAP does not tell: {rights}");
    let hint = rights["hint"].as_str().unwrap();
    assert!(hint.contains("slapacl") && hint.contains("olcAccess"), "{hint}");
    for (name, severity) in [
        ("connect", "good"),
        ("bind", "good"),
        ("paging", "good"),
        ("base", "good"),
        ("find", "good"),
    ] {
        assert_eq!(step(&report, 0, name)["severity"], severity, "{}", step(&report, 0, name));
    }
    assert!(stderr(&output).is_empty(), "no log and no bar: {}", stderr(&output));
}

#[test]
fn the_number_that_is_said_not_to_be_found_is_not_found() {
    let slapd = awkward(0);
    let folder = folder();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let path = write(folder.path(), &format!("{}{tenant}{}", sections(""), clients()));
    let output = dialpass(&["lookup", "+46708887766", "--config", &path]);
    assert!(stdout(&output).contains("no one has this number"), "{}", stdout(&output));
    let patterns = tenant.replace("base_dn", "number_match = \"patterns\"\nbase_dn");
    let output = check(&patterns, &["--format", "json"]);
    let report = json(&output);
    let all = report["findings"].as_array().unwrap();
    assert!(all.iter().all(|finding| finding["check"] != "not_found_by_search"), "{report}");
    let path = write(folder.path(), &format!("{}{patterns}{}", sections(""), clients()));
    let output = dialpass(&["lookup", "+46708887766", "--config", &path]);
    assert!(stdout(&output).contains("lars would get a code"), "{}", stdout(&output));
}

#[test]
fn the_table_and_the_csv_say_the_same() {
    let slapd = awkward(0);
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let table = check(&tenant, &[]);
    assert_eq!(table.status.code(), Some(1));
    let text = stdout(&table);
    for part in [
        slapd.url().as_str(),
        "shared_number (2)",
        "carl, cecilia  \"+46703334455\"",
        "gun  telephoneNumber  \"ring Kalle\"",
        "would get a code                 13",
        "VERDICT  warning",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }

    let output = check(&tenant, &["--format", "csv", "--examples", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let mut reader = csv::Reader::from_reader(output.stdout.as_slice());
    let header: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let columns = [
        "check",
        "severity",
        "count",
        "server",
        "usernames",
        "attribute",
        "value",
        "detail",
        "hint",
    ];
    assert_eq!(header, columns);
    let lines: Vec<_> = reader.records().map(Result::unwrap).collect();
    let of = |check: &str| -> Vec<&csv::StringRecord> {
        lines.iter().filter(|line| &line[0] == check).collect()
    };
    let [shared] = of("shared_number")[..] else { panic!("one example: {lines:?}") };
    assert_eq!((&shared[1], &shared[2], &shared[4]), ("warning", "2", "carl; cecilia"));
    let [junk] = of("unreadable_number")[..] else { panic!("one example: {lines:?}") };
    assert_eq!((&junk[2], &junk[5], &junk[6]), ("2", "telephoneNumber", "ring Kalle"));
    let [bind] = of("server.bind")[..] else { panic!("one server: {lines:?}") };
    assert_eq!((&bind[1], &bind[3]), ("good", slapd.url().as_str()));
}

#[test]
fn more_than_a_page_of_people_are_all_read() {
    // By default, slapd sends nobody more than 500.
    let slapd = Slapd::builder().users(2300).without_log().setting(UNLIMITED).start();
    let output = check(&ldap_tenant("t1", &[&slapd.url()], ""), &["--format", "json"]);
    let report = json(&output);
    assert_eq!(report["people"]["people"], 2328, "{report}");
    assert_eq!(report["people"]["complete"], true);
    assert_eq!(report["people"]["would_get_a_code"], 2328 - 15);
}

#[test]
fn a_servers_own_limit_is_reported_with_what_to_do_about_it() {
    let limited = || Slapd::builder().users(1300).without_log();
    let slapd = limited().start();
    let output = check(&ldap_tenant("t1", &[&slapd.url()], ""), &["--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    let report = json(&output);
    let read = finding(&report, "read_people");
    assert_eq!(read["severity"], "warning");
    assert!(read["hint"].as_str().unwrap().contains("size.prtotal"), "{read}");
    assert_eq!(report["people"]["complete"], false);
    assert_eq!(report["people"]["people"], 500, "slapd's own limit");

    let slapd = limited().setting(UNLIMITED).start();
    let report = json(&check(&ldap_tenant("t1", &[&slapd.url()], ""), &["--format", "json"]));
    assert_eq!(report["people"]["people"], 1328, "the hint helps: {report}");
    assert_eq!(report["people"]["complete"], true);
}

#[test]
fn a_server_that_sends_no_pages_is_read_all_the_same() {
    let slapd = Slapd::builder()
        .users(700)
        .without_log()
        .setting("sizelimit size.prtotal=disabled size.soft=5000 size.hard=5000")
        .start();
    let output = check(&ldap_tenant("t1", &[&slapd.url()], ""), &["--format", "json"]);
    let report = json(&output);
    let read = finding(&report, "read_people");
    assert_eq!(read["severity"], "warning", "{report}");
}

#[test]
fn rules_that_let_people_write_are_shown_where_the_configuration_can_be_read() {
    let open = "access to attrs=mobile by self write by dn.exact=\"cn=gateway,dc=example,dc=com\" read by * none";
    let slapd = Slapd::builder().users(0).without_log().showing_config().setting(open).start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let report = json(&check(&tenant, &["--format", "json"]));
    let rights = finding(&report, "self_writable_numbers");
    assert_eq!((&rights["severity"], &rights["count"]), (&"warning".into(), &1.into()), "{rights}");
    let rule = rights["examples"][0]["value"].as_str().unwrap();
    assert!(rule.contains("attrs=mobile") && rule.contains("by self write"), "{rule}");

    let report = json(&check(&tenant, &["--format", "json", "--skip-write-check"]));
    let all = report["findings"].as_array().unwrap();
    assert!(all.iter().all(|finding| finding["check"] != "self_writable_numbers"), "{report}");
}

#[test]
fn a_file_is_checked_as_well() {
    let (folder, config) = on_a_file();
    let path = write(folder.path(), &config);
    let run = |arguments: &[&str]| {
        dialpass(&[&["check-directory", "--config", &path, "--format", "json"], arguments].concat())
    };
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(1), "two share a number: {}", stdout(&output));
    let report = json(&output);
    assert_eq!(report["people"]["would_get_a_code"], 1);
    assert_eq!(finding(&report, "self_writable_numbers")["severity"], "good");

    let people = folder.path().join("people.toml");
    std::fs::write(&people, "[[people]]\nusername = \"anna\"\nnumbers = [\"+46701234567\"]\n")
        .unwrap();
    assert_eq!(run(&[]).status.code(), Some(0));
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(&people, everybody).unwrap();
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(3), "{}", stdout(&output));
    assert!(stdout(&output).contains("chmod go-w"));
}

#[test]
fn a_wrong_tenant_or_configuration_is_reported_as_such() {
    let (folder, config) = on_a_file();
    let path = write(folder.path(), &config);
    let output = dialpass(&["check-directory", "--config", &path, "--tenant", "t9"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("--tenant") && stderr(&output).contains("t1"));
    let output = dialpass(&["check-directory", "--config", &path, "--format", "xml"]);
    assert_eq!(output.status.code(), Some(2));
    let path = write(folder.path(), &config.replace("people.toml", "nowhere.toml"));
    assert_eq!(dialpass(&["check-directory", "--config", &path]).status.code(), Some(78));
}
