//! Who may use the gateway: people who share a number, people in groups, people elsewhere in the
//! tree, through the real program.

use serde_json::json;

use crate::support::gateway::{Answer, Gateway, PATIENCE, clients, ldap_tenant, sections};
use crate::support::slapd::{GROUPS, GUESTS, PEOPLE, Slapd};

/// The number of carl (mobile, PIN 1111) and cecilia (telephoneNumber, PIN 2222).
const SHARED: &str = "+46703334455";

fn gateway(slapd: &Slapd, directory: &str) -> Gateway {
    let tenant = ldap_tenant("t1", &[&slapd.url()], directory);
    Gateway::start(&format!("{}{tenant}{}", sections(""), clients()))
}

async fn call_with_pin(gateway: &Gateway, number: &str, pin: &str) -> Answer {
    let request = gateway
        .http
        .put(gateway.url("/api/authentication/getOTP"))
        .basic_auth("pbx", Some("pbx-secret"))
        .header("tenant", "t1")
        .json(&json!({ "phonenumber": number, "pin": pin }));
    Answer::of(request).await
}

fn assert_refused(gateway: &Gateway, answer: &Answer, reason: &str) {
    assert_eq!(answer.status, 403, "{reason}");
    let event = gateway.audit_of(answer.header("x-request-id"));
    assert_eq!(event["reason"], reason, "{event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_share_a_number_are_refused_unless_the_attribute_order_decides() {
    let slapd = Slapd::start();
    let refusing = gateway(&slapd, "");
    assert_refused(&refusing, &refusing.call(SHARED).await, "number_ambiguous");
    let with_pin = call_with_pin(&refusing, SHARED, "1111").await;
    assert_refused(&refusing, &with_pin, "number_ambiguous");

    let ordered = gateway(&slapd, "ambiguous = \"prefer-attribute-order\"");
    let code = ordered.code(SHARED).await;
    let cecilia = ordered.login("cecilia", "cecilia-secret", &code).await;
    assert_refused(&ordered, &cecilia, "no_live_code");
    assert_eq!(ordered.login("carl", "carl-secret", &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_shares_a_number_chooses_by_the_pin() {
    let slapd = Slapd::start();
    let config = "ambiguous = \"pin\"\npin_attribute = \"employeeNumber\"";
    let gateway = gateway(&slapd, config);
    assert_refused(&gateway, &gateway.call(SHARED).await, "number_ambiguous");
    for wrong in ["", "3333", "111", "11111", "*", "1111 "] {
        let answer = call_with_pin(&gateway, SHARED, wrong).await;
        assert_refused(&gateway, &answer, "number_ambiguous");
    }
    for (pin, name) in [("1111", "carl"), ("2222", "cecilia")] {
        let answer = call_with_pin(&gateway, SHARED, pin).await;
        assert_eq!(answer.status, 200, "{}", gateway.log());
        let code = answer.json()["otp"].as_str().expect("an otp").to_owned();
        let login = gateway.login(name, &format!("{name}-secret"), &code).await;
        assert_eq!((login.status, &login.json()["username"]), (200, &json!(name)));
    }
    assert_eq!(gateway.call("+46701234567").await.status, 200, "anna shares hers with nobody");
    assert!(!gateway.log().contains("2222"), "a PIN is not logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_groups_are_asked_at_the_call_and_again_at_the_login() {
    let slapd = Slapd::start();
    let config =
        format!("required_group = \"cn=otp,{GROUPS}\"\nexcluded_group = \"cn=barred,{GROUPS}\"");
    let gateway = gateway(&slapd, &config);
    assert_refused(&gateway, &gateway.call("+46700000001").await, "number_unknown");
    let evert = gateway.call("+46812345678;ext=12").await;
    assert_refused(&gateway, &evert, "not_in_required_group");
    assert_refused(&gateway, &gateway.call("+46705556677").await, "in_excluded_group");

    let (anna, bob) = (gateway.code("+46701234567").await, gateway.code("+46702223344").await);
    slapd.modify(&format!(
        "dn: cn=staff,{GROUPS}\nchangetype: modify\ndelete: uniqueMember\n\
         uniqueMember: cn=deep,{GROUPS}\n\n\
         dn: cn=barred,{GROUPS}\nchangetype: modify\nadd: member\nmember: uid=anna,{PEOPLE}\n"
    ));
    let refused = gateway.login("bob", "bob-secret", &bob).await;
    assert_refused(&gateway, &refused, "not_in_required_group");
    let refused = gateway.login("anna", "anna-secret", &anna).await;
    assert_refused(&gateway, &refused, "in_excluded_group");
    assert_eq!(slapd.binds_of("anna") + slapd.binds_of("bob"), 0, "no bind before that");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_below_several_base_dns_are_one_directory() {
    let slapd = Slapd::start();
    let bases = format!("base_dn = [\"{PEOPLE}\", \"{GUESTS}\", \"cn=x,{GUESTS}\"]");
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let own = format!("base_dn = \"{PEOPLE}\"");
    let config =
        |bases: &str| format!("{}{}{}", sections(""), tenant.replace(&own, bases), clients());
    let gateway = Gateway::start(&config(&bases));
    let refused = gateway.call("+46707778899").await;
    assert_refused(&gateway, &refused, "directory_unavailable");
    gateway.wait_for_line("cn=x,ou=guests,dc=example,dc=com");

    // Twice the same, so that each person is found twice.
    let bases = format!("base_dn = [\"{PEOPLE}\", \"{GUESTS}\", \"dc=example,dc=com\"]");
    let gateway = Gateway::start(&config(&bases));
    let code = gateway.code("+46707778899").await;
    assert_eq!(gateway.login("gustav", "gustav-secret", &code).await.status, 200);
    let code = gateway.code("+46702223344").await;
    assert_eq!(gateway.login("bob", "bob-secret", &code).await.status, 200);
    // Two people of one name, each with a number of their own.
    let code = gateway.code("+46701234567").await;
    let refused = gateway.login("anna", "anna-secret", &code).await;
    assert_refused(&gateway, &refused, "user_ambiguous");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_password_policy_says_is_the_reason() {
    let slapd = Slapd::builder().with_password_policy().start();
    let gateway = gateway(&slapd, "");
    let reset = "dn: uid=bob,P\nchangetype: modify\nreplace: pwdReset\npwdReset: TRUE\n";
    slapd.modify(&reset.replace('P', PEOPLE));
    let code = gateway.code("+46702223344").await;
    let refused = gateway.login("bob", "bob-secret", &code).await;
    assert_refused(&gateway, &refused, "must_change_password");

    let code = gateway.code("+46701234567").await;
    for _ in 0..2 {
        let refused = gateway.login("anna", "wrong", &code).await;
        assert_refused(&gateway, &refused, "wrong_password");
    }
    let refused = gateway.login("anna", "anna-secret", &code).await;
    assert_refused(&gateway, &refused, "locked_out");
}

/// A gateway on `slapd` whose answers name `groups`, with `more` keys of the directory.
fn naming(slapd: &Slapd, groups: &[String], more: &str) -> Gateway {
    let tenant = ldap_tenant("t1", &[&slapd.url()], more);
    let tenant = tenant.replacen("id = ", &format!("answer_groups = {groups:?}\nid = "), 1);
    Gateway::start(&format!("{}{tenant}{}", sections(""), clients()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_login_names_the_users_groups_if_the_tenant_asks_for_them() {
    let slapd = Slapd::start();
    let group = |name| format!("cn={name},{GROUPS}");
    let gateway = naming(&slapd, &[group("barred"), group("otp"), group("staff")], "");
    for (name, number, expected) in [
        ("anna", "+46701234567", json!([group("otp")])),
        ("bob", "+46702223344", json!([group("otp"), group("staff")])),
        ("form1", "+46701000001", json!([])),
    ] {
        let code = gateway.code(number).await;
        let wrong = gateway.login(name, "wrong", &code).await;
        assert!(wrong.status == 403 && !wrong.body.contains("group"), "{}", wrong.body);
        let answer = gateway.login(name, &format!("{name}-secret"), &code).await;
        assert_eq!(answer.status, 200, "{name}: {}", gateway.log());
        assert_eq!(answer.json()["groups"], expected, "{name}");
        assert_eq!(gateway.login(name, &format!("{name}-secret"), &code).await.status, 403);
    }
    let silent = Gateway::on(&slapd);
    let code = silent.code("+46701234567").await;
    let answer = silent.login("anna", "anna-secret", &code).await;
    let fields: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["username", "userid"], "exactly what the contract has");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_whose_groups_cannot_be_read_uses_up_neither_code_nor_try() {
    let slapd = Slapd::start();
    let base = "ou=nested,dc=example,dc=com";
    let add = format!("dn: {base}\nchangetype: add\nobjectClass: organizationalUnit\nou: nested\n");
    slapd.modify(&add);
    let more = format!("group_base_dn = \"{base}\"");
    let gateway = naming(&slapd, &[format!("cn=barred,{GROUPS}")], &more);
    let code = gateway.code("+46701234567").await;
    slapd.modify(&format!("dn: {base}\nchangetype: delete\n"));
    // More than the budget of wrong passwords.
    for _ in 0..8 {
        let refused = gateway.login("anna", "anna-secret", &code).await;
        assert_refused(&gateway, &refused, "directory_unavailable");
    }
    slapd.modify(&add);
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let answer = gateway.login("anna", "anna-secret", &code).await;
        if answer.status == 200 {
            assert_eq!(answer.json()["groups"], json!([]));
            break;
        }
        assert_refused(&gateway, &answer, "directory_unavailable");
        assert!(std::time::Instant::now() < end, "{}", gateway.log());
    }
}
