//! Calls and logins through the real program.

use serde_json::json;

use crate::support::gateway::{Answer, Gateway, clients, sections};
use crate::support::samba::{
    BASE_DN, GATEWAY_DN, GATEWAY_PASSWORD, STAFF, Samba, USERS, password_of,
};

const ANNA: &str = "+46701234567";

/// The program with one tenant on `server` of `samba`, and `more` keys of its directory.
fn gateway(samba: &Samba, server: &str, base_dn: &str, more: &str) -> Gateway {
    let tenant = format!(
        "[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"ldap\"\nprofile = \"active-directory\"\n\
         servers = [\"{server}\"]\nca_file = \"{}\"\n\
         bind_dn = \"{GATEWAY_DN}\"\nbind_password = \"{GATEWAY_PASSWORD}\"\n\
         base_dn = {base_dn}\n{more}\n",
        samba.ca_pem().display()
    );
    Gateway::start(&format!("{}{tenant}{}", sections(""), clients()))
}

fn usual(samba: &Samba) -> Gateway {
    gateway(samba, &samba.ldaps_url(), &format!("\"{BASE_DN}\""), "")
}

fn assert_refused(gateway: &Gateway, answer: &Answer, reason: &str) {
    assert_eq!(answer.status, 403, "{reason}");
    let event = gateway.audit_of(answer.header("x-request-id"));
    assert_eq!(event["reason"], reason, "{event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_a_persons_names_redeems_the_code_and_no_foreign_one_does() {
    let samba = Samba::start();
    let gateway = usual(&samba);
    let password = password_of("anna");
    let mut answers = Vec::new();
    for name in ["anna", "LAB\\anna", "anna@lab.example.org", "lab\\ANNA"] {
        let code = gateway.code(ANNA).await;
        for foreign in ["OTHER\\anna", "anna@other.example.org", "anna@"] {
            let refused = gateway.login(foreign, &password, &code).await;
            assert_refused(&gateway, &refused, "user_unknown");
        }
        let answer = gateway.login(name, &password, &code).await;
        assert_eq!(answer.status, 200, "{name}: {}", gateway.log());
        assert_eq!(answer.json()["username"], "anna");
        answers.push(answer.body);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(!gateway.log().contains("OTHER\\"), "a typed name is not logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_known_in_whatever_form_the_number_is_stored() {
    let samba = Samba::start();
    let attributes = "phone_attributes = [\"mobile\", \"telephoneNumber\", \"otherMobile\"]";
    let gateway = gateway(&samba, &samba.ldaps_url(), &format!("\"{BASE_DN}\""), attributes);
    for at in 1..=11 {
        let code = gateway.code(&format!("+467010000{at:02}")).await;
        let name = format!("form{at}");
        let answer = gateway.login(&name, &password_of(&name), &code).await;
        assert_eq!(answer.status, 200, "{name}: {}", gateway.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_controller_says_of_a_password_is_the_reason_in_the_audit_trail() {
    let samba = Samba::start();
    let gateway = usual(&samba);
    let mut bodies = Vec::new();
    for (at, name, reason) in [
        (2, "expired", "account_expired"),
        (3, "mustchange", "must_change_password"),
        (5, "night", "not_now"),
        (6, "elsewhere", "not_from_here"),
        (7, "stale", "password_expired"),
    ] {
        let code = gateway.code(&format!("+4670200000{at}")).await;
        let refused = gateway.login(name, &password_of(name), &code).await;
        assert_refused(&gateway, &refused, reason);
        let wrong = gateway.login(name, "wrong", &code).await;
        assert_refused(&gateway, &wrong, "wrong_password");
        for answer in [refused, wrong] {
            let mut body = answer.json();
            body["timestamp"] = json!("");
            bodies.push(body);
        }
    }
    let code = gateway.code("+46702000004").await;
    for _ in 0..3 {
        let wrong = gateway.login("locked", "wrong", &code).await;
        assert_refused(&gateway, &wrong, "wrong_password");
    }
    let refused = gateway.login("locked", &password_of("locked"), &code).await;
    assert_refused(&gateway, &refused, "locked_out");
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "the client sees none of it: {bodies:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn disabled_people_are_refused_at_the_call_and_at_the_login() {
    let samba = Samba::start();
    let gateway = usual(&samba);
    assert_refused(&gateway, &gateway.call("+46702000001").await, "disabled");
    let code = gateway.code(ANNA).await;
    samba.set(&format!("CN=anna,{USERS}"), "userAccountControl", &["514"]);
    let refused = gateway.login("anna", &password_of("anna"), &code).await;
    assert_refused(&gateway, &refused, "disabled");
    samba.set(&format!("CN=anna,{USERS}"), "userAccountControl", &["512"]);
    assert_eq!(gateway.login("anna", &password_of("anna"), &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_asked_at_the_call_and_again_at_the_login() {
    let samba = Samba::start();
    let groups =
        format!("required_group = \"CN=outer,{STAFF}\"\nexcluded_group = \"CN=suspended,{STAFF}\"");
    let gateway = gateway(&samba, &samba.ldaps_url(), &format!("\"{BASE_DN}\""), &groups);
    let (anna, bob) = (format!("CN=anna,{USERS}"), format!("CN=bob,{USERS}"));
    assert_refused(&gateway, &gateway.call("+46702223344").await, "not_in_required_group");
    samba.join("outer", &bob);
    let codes = (gateway.code(ANNA).await, gateway.code("+46702223344").await);
    // Nested: it is not anna who leaves.
    samba.leave("middle", &format!("CN=inner,{STAFF}"));
    samba.join("suspended", &bob);
    let refused = gateway.login("anna", &password_of("anna"), &codes.0).await;
    assert_refused(&gateway, &refused, "not_in_required_group");
    let refused = gateway.login("bob", &password_of("bob"), &codes.1).await;
    assert_refused(&gateway, &refused, "in_excluded_group");
    samba.join("outer", &anna);
    assert_eq!(gateway.login("anna", &password_of("anna"), &codes.0).await.status, 200);
    assert_refused(&gateway, &gateway.call("+46702223344").await, "in_excluded_group");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_renamed_and_moved_after_the_call_logs_in_under_the_new_name() {
    let samba = Samba::start();
    let gateway = usual(&samba);
    let first = gateway.code(ANNA).await;
    let before = gateway.login("anna", &password_of("anna"), &first).await.json();
    let code = gateway.code(ANNA).await;
    samba.rename(&format!("CN=anna,{USERS}"), "Anna Berg", STAFF);
    let dn = format!("CN=Anna Berg,{STAFF}");
    samba.set(&dn, "sAMAccountName", &["anna.berg"]);
    let old = gateway.login("LAB\\anna", &password_of("anna"), &code).await;
    assert_refused(&gateway, &old, "user_unknown");
    let after = gateway.login("LAB\\anna.berg", &password_of("anna"), &code).await;
    assert_eq!(after.status, 200, "{}", gateway.log());
    assert_eq!(after.json()["username"], "anna.berg");
    assert_eq!(after.json()["userid"], before["userid"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_person_who_gets_the_name_does_not_get_the_code() {
    let samba = Samba::start();
    let gateway = usual(&samba);
    let code = gateway.code(ANNA).await;
    samba.delete(&format!("CN=anna,{USERS}"));
    samba.add_person("anna", USERS, &["mobile: +46 70-123 45 67"]);
    let refused = gateway.login("anna", &password_of("anna"), &code).await;
    assert_refused(&gateway, &refused, "no_live_code");
}

#[tokio::test(flavor = "multi_thread")]
async fn starttls_and_several_base_dns_are_configured_as_documented() {
    let samba = Samba::start();
    let bases = format!("[\"{USERS}\", \"{STAFF}\"]");
    let gateway = gateway(&samba, &samba.url(), &bases, "start_tls = true");
    for (number, name) in [(ANNA, "anna"), ("+46709998877", "otto")] {
        let code = gateway.code(number).await;
        let answer = gateway.login(&format!("LAB\\{name}"), &password_of(name), &code).await;
        assert_eq!(answer.status, 200, "{}", gateway.log());
    }
    assert_refused(&gateway, &gateway.call("+46703334455").await, "number_ambiguous");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tls_no_one_is_admitted_and_the_log_says_what_to_do() {
    let samba = Samba::start();
    let gateway = gateway(&samba, &samba.url(), &format!("\"{BASE_DN}\""), "");
    assert_refused(&gateway, &gateway.call(ANNA).await, "directory_unavailable");
    gateway.wait_for_line("result code 8");
    assert!(!gateway.log().contains(GATEWAY_PASSWORD));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_controller_refuses_in_time_and_is_used_again() {
    let samba = Samba::start();
    let gateway = usual(&samba);
    let code = gateway.code(ANNA).await;
    let up = || gateway.log().matches("directory server is up").count();
    let before = up();
    samba.stop();
    let begun = std::time::Instant::now();
    assert_eq!(gateway.login("anna", &password_of("anna"), &code).await.status, 403);
    assert!(begun.elapsed() < std::time::Duration::from_secs(5));
    samba.cont();
    crate::support::gateway::wait_until("the controller is used again", || up() > before);
    assert_eq!(gateway.login("anna", &password_of("anna"), &code).await.status, 200);
}
