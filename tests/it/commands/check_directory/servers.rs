//! What `check-directory` says of each server, step by step.

use serde_json::Value;

use super::{check, finding, json, step};
use crate::commands::{stderr, stdout};
use crate::support::gateway::{folder, ldap_tenant};
use crate::support::pki::Ca;
use crate::support::slapd::{GATEWAY_PASSWORD, PEOPLE, Slapd};

#[test]
fn what_stands_in_the_way_of_a_connection_is_named_with_a_hint() {
    let slapd = Slapd::builder().users(0).without_log().start();
    let other = Slapd::builder().users(0).without_log().start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let over_tls = |ca: &Slapd, server: &str| {
        ldap_tenant("t1", &[server], &format!("ca_file = {:?}", ca.ca_pem()))
    };
    let strangers = folder();
    let ca_file = strangers.path().join("ca.pem");
    std::fs::write(&ca_file, Ca::new("somebody else's").pem()).unwrap();
    let stranger = ldap_tenant("t1", &[&slapd.ldaps_url()], &format!("ca_file = {ca_file:?}"));
    let start_tls = over_tls(&other, &slapd.url()).replace("base_dn", "start_tls = true\nbase_dn");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("ldap://{}", silent.local_addr().unwrap());
    for (tenant, failing, detail, hint) in [
        (tenant.replace(GATEWAY_PASSWORD, "wrong"), "bind", "result code 49", "bind_password"),
        (over_tls(&other, &slapd.ldaps_url()), "tls", "TLS failed", "ca_file"),
        (stranger, "tls", "UnknownIssuer", "ca_file"),
        (start_tls, "tls", "TLS failed", "ca_file"),
        (
            over_tls(&slapd, &slapd.url().replace("ldap:", "ldaps:")),
            "tls",
            "TLS failed",
            "TLS port",
        ),
        (
            ldap_tenant("t1", &[&silent], "timeout = \"200ms\""),
            "bind",
            "no connection within",
            "log",
        ),
        (
            tenant.replace(PEOPLE, "ou=nowhere,dc=example,dc=com"),
            "base",
            "result code 32",
            "base_dn",
        ),
        (
            tenant.replace("base_dn", "user_filter = \"(objectClass=device)\"\nbase_dn"),
            "search",
            "no one below",
            "user_filter",
        ),
    ] {
        let output = check(&tenant, &["--format", "json"]);
        assert_eq!(
            output.status.code(),
            Some(3),
            "{failing}: {}{}",
            stdout(&output),
            stderr(&output)
        );
        let report = json(&output);
        let step = step(&report, 0, failing);
        assert_eq!(step["severity"], "error", "{report}");
        assert!(step["detail"].as_str().unwrap().contains(detail), "{detail}: {step}");
        assert!(step["hint"].as_str().unwrap().contains(hint), "{hint}: {step}");
        assert_eq!(finding(&report, "servers")["severity"], "error");
        let read = stdout(&output).contains("no server accepted the service account");
        assert_eq!(read, matches!(failing, "connect" | "tls" | "bind"), "{failing}: {report}");
    }
    let good = check(&over_tls(&slapd, &slapd.ldaps_url()), &["--format", "json"]);
    let report = json(&good);
    let tls = step(&report, 0, "tls");
    assert_eq!(tls["severity"], "good");
    let detail = tls["detail"].as_str().unwrap();
    assert!(detail.contains("TLS 1.3") && detail.contains("certificate good until"), "{detail}");
}

#[test]
fn a_refused_password_is_not_tried_again() {
    let slapd = Slapd::builder().users(0).start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "").replace(GATEWAY_PASSWORD, "wrong");
    assert_eq!(check(&tenant, &[]).status.code(), Some(3));
    assert_eq!(slapd.binds_of_gateway(), 1);
}

#[test]
fn a_dead_server_beside_a_live_one_is_a_warning() {
    let mut dead = Slapd::builder().users(0).without_log().start();
    let live = Slapd::builder().users(0).without_log().start();
    dead.kill();
    let tenant = ldap_tenant("t1", &[&dead.url(), &live.url()], "");
    let output = check(&tenant, &["--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}{}", stdout(&output), stderr(&output));
    let report = json(&output);
    assert_eq!(step(&report, 0, "connect")["severity"], "error");
    assert_eq!(step(&report, 1, "find")["severity"], "good");
    assert_eq!(finding(&report, "servers")["severity"], "warning");
    assert_eq!(report["people"]["people"], 28, "read from the live one");

    let output = check(&ldap_tenant("t1", &[&dead.url()], ""), &["--format", "json"]);
    assert_eq!(output.status.code(), Some(3), "alone it is an error");
    assert_eq!(json(&output)["people"], Value::Null);
}

#[test]
fn phone_attributes_that_cannot_be_read_are_errors() {
    let hidden = |attributes| Slapd::builder().users(0).without_log().hiding(attributes).start();
    let check = |slapd: &Slapd| {
        let output = check(&ldap_tenant("t1", &[&slapd.url()], ""), &["--format", "json"]);
        (output.status.code(), json(&output))
    };
    let (status, report) = check(&hidden("mobile,telephoneNumber"));
    assert_eq!(status, Some(3));
    let attribute = step(&report, 0, "attribute");
    assert!(attribute["detail"].as_str().unwrap().contains("mobile"), "{attribute}");
    assert_eq!(finding(&report, "nobody_gets_a_code")["severity"], "error");

    let (status, report) = check(&hidden("mobile"));
    assert_eq!(status, Some(1), "others have a telephoneNumber");
    let attribute = step(&report, 0, "attribute");
    assert!(attribute["detail"].as_str().unwrap().contains("no one has mobile"), "{attribute}");

    let (status, report) = check(&hidden("entryUUID"));
    assert_eq!(status, Some(3));
    assert_eq!(finding(&report, "unusable_entry")["count"], 28);

    let searchable =
        "access to attrs=mobile by dn.exact=\"cn=gateway,dc=example,dc=com\" search by * none";
    let slapd = Slapd::builder().users(0).without_log().setting(searchable).start();
    let (status, report) = check(&slapd);
    assert_eq!(status, Some(3), "{report}");
    let attribute = step(&report, 0, "attribute");
    assert!(attribute["detail"].as_str().unwrap().contains("not read"), "{attribute}");

    let readable = "access to attrs=mobile,telephoneNumber by dn.exact=\"cn=gateway,dc=example,dc=com\" =r by * none";
    let slapd = Slapd::builder().users(0).without_log().setting(readable).start();
    let (status, report) = check(&slapd);
    assert_eq!(status, Some(3), "{report}");
    let find = step(&report, 0, "find");
    assert!(find["detail"].as_str().unwrap().contains("does not find that person"), "{find}");
}

#[test]
fn a_group_that_does_not_exist_is_an_error() {
    let slapd = Slapd::builder().users(0).without_log().start();
    let with = |group: &str| {
        let key = format!("required_group = \"{group}\"");
        let output = check(&ldap_tenant("t1", &[&slapd.url()], &key), &["--format", "json"]);
        (output.status.code(), json(&output))
    };
    let (status, report) = with("cn=nobody,ou=groups,dc=example,dc=com");
    assert_eq!(status, Some(3), "{report}");
    assert!(step(&report, 0, "group")["detail"].as_str().unwrap().contains("does not exist"));
    let (_, report) = with("cn=otp,ou=groups,dc=example,dc=com");
    assert_eq!(step(&report, 0, "group")["severity"], "good");
}

#[test]
fn a_group_that_answers_name_and_that_does_not_exist_is_a_warning() {
    let slapd = Slapd::builder().users(0).without_log().start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let groups = "answer_groups = [\"cn=absent,ou=groups,dc=example,dc=com\"]\nid = ";
    let output = check(&tenant.replacen("id = ", groups, 1), &["--format", "json"]);
    let report = json(&output);
    let group = step(&report, 0, "group");
    assert_eq!(group["severity"], "warning", "{report}");
    assert!(group["detail"].as_str().unwrap().starts_with("answer_groups cn=absent,"), "{group}");
}

#[test]
fn an_index_needs_a_server_that_reports_changes() {
    let slapd = Slapd::builder().users(0).without_log().start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "lookup = \"index\"");
    let output = check(&tenant, &["--format", "json"]);
    assert_eq!(output.status.code(), Some(3), "{}", stdout(&output));
    let report = json(&output);
    assert!(step(&report, 0, "index")["hint"].as_str().unwrap().contains("syncprov"), "{report}");
}

#[test]
fn an_index_is_tried_on_each_base_and_no_number_is_searched_for() {
    let index = "lookup = \"index\"";
    let report_on = |slapd: &Slapd| {
        let output = check(&ldap_tenant("t1", &[&slapd.url()], index), &["--format", "json"]);
        json(&output)
    };
    let slapd = Slapd::builder().users(0).without_log().with_sync().start();
    let report = report_on(&slapd);
    assert_eq!(step(&report, 0, "index")["severity"], "good", "{report}");
    let steps = report["servers"][0]["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["step"] != "find"), "{report}");

    let slapd = Slapd::builder().users(0).without_log().with_sync().hiding("entryCSN").start();
    let report = report_on(&slapd);
    let index = step(&report, 0, "index");
    assert_eq!(index["severity"], "error", "{report}");
    assert!(index["hint"].as_str().unwrap().contains("entryCSN"), "{index}");
}

#[test]
fn a_size_limit_below_the_number_of_people_is_an_error_for_an_index() {
    let slapd = Slapd::builder().users(1300).without_log().with_limited_sync().start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "lookup = \"index\"");
    let report = json(&check(&tenant, &["--format", "json"]));
    let read = finding(&report, "read_people");
    assert_eq!(read["severity"], "error", "{report}");
    assert!(read["hint"].as_str().unwrap().contains("size=unlimited time=unlimited"), "{read}");
}

#[test]
fn a_pin_attribute_that_cannot_be_read_is_reported() {
    let pins = "ambiguous = \"pin\"\npin_attribute = \"employeeNumber\"";
    let report_on = |slapd: &Slapd| {
        json(&check(&ldap_tenant("t1", &[&slapd.url()], pins), &["--format", "json"]))
    };
    let about_pins = |report: &Value| -> Value {
        let steps = report["servers"][0]["steps"].as_array().unwrap().iter();
        let mut found = steps
            .filter(|step| step["detail"].as_str().is_some_and(|s| s.contains("employeeNumber")));
        found.next().unwrap_or_else(|| panic!("employeeNumber in {report}")).clone()
    };
    let report = report_on(&Slapd::builder().users(0).without_log().start());
    assert_eq!(about_pins(&report)["severity"], "good");
    let hint = &finding(&report, "self_writable_numbers")["hint"];
    assert!(hint.as_str().unwrap().contains("mobile,telephoneNumber,employeeNumber"), "{hint}");
    let hidden = Slapd::builder().users(0).without_log().hiding("employeeNumber").start();
    let step = about_pins(&report_on(&hidden));
    assert_eq!(step["severity"], "warning");
    assert!(step["hint"].as_str().unwrap().contains("pin_attribute"), "{step}");
}

#[test]
fn a_server_that_rejects_the_search_of_a_call_is_an_error_and_named_as_the_service_names_it() {
    let slapd = Slapd::builder().without_log().without_number_index().start();
    let output = check(&ldap_tenant("t1", &[&slapd.url()], ""), &["--format", "json"]);
    assert_eq!(output.status.code(), Some(3), "{}", stdout(&output));
    let report = json(&output);
    let find = step(&report, 0, "find");
    assert_eq!(find["severity"], "error", "{report}");
    let detail = find["detail"].as_str().unwrap();
    for word in ["result code 11", "no index for mobile, telephoneNumber", "account's limit"] {
        assert!(detail.contains(word), "{detail}");
    }
    assert!(!stdout(&output).contains("calls are not affected"), "{report}");
}
