//! Logins that are wrong, which all look alike, and requests that are no login.

use super::{ANNA, challenged, gateway, logins, slapd};
use crate::support::freeradius::{FreeRadius, Reply, request};

/// Rejected, with nothing to learn from.
fn assert_rejected(reply: &Reply, what: &str) {
    assert_eq!(reply.kind, "Access-Reject", "{what}: {reply:?}");
    let names: Vec<_> = reply.attributes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Message-Authenticator"], "{what}: {reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_is_rejected_alike() {
    let slapd = slapd();
    let gateway = gateway(&slapd);
    let freeradius = FreeRadius::before(&gateway);
    let code = gateway.code(ANNA).await;
    let wrong = if code == "000000" { "111111" } else { "000000" };
    for (name, password) in [
        ("anna", format!("anna-secret{wrong}")),
        ("anna", format!("wrong{code}")),
        ("anna", code.clone()),
        ("bob", format!("bob-secret{code}")),
        ("nobody", format!("anna-secret{code}")),
        (r"OTHER\anna", format!("anna-secret{code}")),
        ("anna@other.example", format!("anna-secret{code}")),
        ("anna ", format!("anna-secret{wrong}")),
        ("*", format!("anna-secret{code}")),
        ("anna)(uid=*", format!("anna-secret{code}")),
    ] {
        assert_rejected(&freeradius.login(name, &password), &format!("{name} {password}"));
    }
    assert_eq!(freeradius.login("anna", &format!("anna-secret{code}")).kind, "Access-Accept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_tells_nothing_of_the_user_or_the_password() {
    let slapd = slapd();
    let gateway = gateway(&slapd);
    let freeradius = FreeRadius::before(&gateway);
    let code = gateway.code(ANNA).await;
    let mut forms = Vec::new();
    for (name, password) in [("anna", "anna-secret"), ("anna", "wrong"), ("nobody", "wrong")] {
        let challenge = freeradius.login(name, password);
        let known = |name: &str| challenge.get(name).map(str::to_owned);
        let names = challenge.attributes.iter().map(|(name, _)| name.clone());
        forms.push((challenge.kind.clone(), names.collect::<Vec<_>>(), known("Reply-Message")));
    }
    assert!(forms.windows(2).all(|pair| pair[0] == pair[1]), "{forms:?}");
    assert_eq!(logins(&gateway).len(), 0, "dialpass is not asked");
    let state = challenged(&freeradius, "anna", "wrong");
    assert_rejected(&freeradius.answer("anna", &state, &code), "a wrong password");
    let state = challenged(&freeradius, "anna", "anna-secret");
    assert_rejected(&freeradius.answer("anna", &state, "12345"), "no code");
    let state = challenged(&freeradius, "anna", "anna-secret");
    assert_eq!(freeradius.answer("anna", &state, &code).kind, "Access-Accept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_answered_once_by_whom_it_was_sent_to() {
    let slapd = slapd();
    let gateway = gateway(&slapd);
    let mut freeradius = FreeRadius::before(&gateway);
    let code = gateway.code(ANNA).await;
    let made_up = "0x00112233445566778899aabbccddeeff";
    assert_rejected(&freeradius.answer("anna", made_up, &code), "a state made up");
    let state = challenged(&freeradius, "anna", "anna-secret");
    assert_rejected(&freeradius.answer("bob", &state, &code), "another user's");
    assert_rejected(&freeradius.answer("anna", &state, &code), "a state that was used");
    let state = challenged(&freeradius, "anna", "anna-secret");
    freeradius.kill();
    freeradius.restart();
    assert_rejected(&freeradius.answer("anna", &state, &code), "a state before a restart");
    assert_eq!(logins(&gateway).len(), 0, "dialpass is not asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pap_with_a_name_is_a_login() {
    let slapd = slapd();
    let gateway = gateway(&slapd);
    let freeradius = FreeRadius::before(&gateway);
    let password = format!("anna-secret{}", gateway.code(ANNA).await);
    let name = ("User-Name", "anna");
    let identity = "0x0201000901616e6e61";
    for attributes in [
        &[name, ("CHAP-Password", password.as_str())][..],
        &[name, ("MS-CHAP-Password", password.as_str())],
        &[name, ("EAP-Message", identity)],
        &[name, ("User-Password", "")],
        &[("User-Password", password.as_str())],
        &[name],
        &[("NAS-Port", "1")],
    ] {
        assert_rejected(&freeradius.ask(attributes), &format!("{attributes:?}"));
    }
    assert_eq!(logins(&gateway).len(), 0, "dialpass is not asked");
    // No text at all in a directory's sense; the server says 400, and that is no outage.
    for password in [r"\377\376secret123456", r"a\303123456"] {
        let raw = format!(
            "User-Name = \"anna\"\nUser-Password = \"{password}\"\nMessage-Authenticator = 0x00\n\n"
        );
        let said = freeradius.radclient(&["-r", "1", "-t", "12"], &raw);
        assert!(said.contains("Received Access-Reject"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_not_signed_gets_no_reply() {
    let slapd = slapd();
    let gateway = gateway(&slapd);
    let freeradius = FreeRadius::before(&gateway);
    let password = format!("anna-secret{}", gateway.code(ANNA).await);
    for password in [&password, "anna-secret"] {
        let unsigned = request(&[("User-Name", "anna"), ("User-Password", password)]);
        let said = freeradius.radclient(&["-r", "1", "-t", "0.5"], &unsigned);
        assert!(said.contains("No reply from server"), "{said}");
    }
    assert_eq!(logins(&gateway).len(), 0, "dialpass is not asked");
    assert_eq!(freeradius.login("anna", &password).kind, "Access-Accept");
}
