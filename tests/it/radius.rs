//! Logins by RADIUS: the real `FreeRADIUS` with the files of `config/freeradius`, before the real server.

use crate::support::freeradius::{FreeRadius, gateway_with_tls};
use crate::support::gateway::{Gateway, clients, ldap_tenant};
use crate::support::slapd::Slapd;

/// What a caller is asked to do.
const PROMPT: &str = "Call +46 10 123 45 67 and type the code that you hear";

/// A gateway whose tenant is on `slapd`, with `more` sections of the tenant.
fn gateway(slapd: &Slapd, more: &str) -> Gateway {
    let style = "status_style = \"http\"\ncountry";
    let tenant = ldap_tenant("t1", &[&slapd.url()], "").replacen("country", style, 1);
    gateway_with_tls(&format!("{tenant}{more}{}", clients()))
}

fn slapd() -> Slapd {
    Slapd::builder().users(0).without_tls().start()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_with_the_code_behind_it_logs_in_once() {
    let slapd = slapd();
    let gateway = gateway(&slapd, "");
    let freeradius = FreeRadius::before(&gateway);
    let code = gateway.code("+46701234567").await;
    let accepted = freeradius.login("Anna", &format!("anna-secret{code}"));
    assert_eq!(accepted.kind, "Access-Accept", "{accepted:?}\n{}", gateway.log());
    assert_eq!(accepted.get("User-Name"), Some("anna"), "as the directory has it");
    let again = freeradius.login("Anna", &format!("anna-secret{code}"));
    assert_eq!(again.kind, "Access-Reject", "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_alone_is_answered_by_a_challenge_and_that_by_the_code() {
    let slapd = slapd();
    let gateway = gateway(&slapd, "");
    let freeradius = FreeRadius::before(&gateway);
    let challenge = freeradius.login("anna", "anna-secret");
    assert_eq!(challenge.kind, "Access-Challenge", "{challenge:?}");
    assert_eq!(challenge.get("Reply-Message"), Some(PROMPT));
    let state = challenge.get("State").expect("a state");
    let code = gateway.code("+46701234567").await;
    let accepted = freeradius.answer("anna", state, &code);
    assert_eq!(accepted.kind, "Access-Accept", "{accepted:?}\n{}", gateway.log());
    assert_eq!(accepted.get("User-Name"), Some("anna"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_freeradius_has_forgotten_is_rejected() {
    let slapd = slapd();
    let gateway = gateway(&slapd, "");
    let mut freeradius = FreeRadius::before(&gateway);
    let challenge = freeradius.login("anna", "anna-secret");
    let state = challenge.get("State").expect("a state").to_owned();
    let code = gateway.code("+46701234567").await;
    freeradius.kill();
    freeradius.restart();
    assert_eq!(freeradius.answer("anna", &state, &code).kind, "Access-Reject");
    let logins = gateway.audit().into_iter().filter(|event| event["operation"] == "validateOTP");
    assert_eq!(logins.count(), 0, "dialpass is not asked");
}
