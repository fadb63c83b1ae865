//! The main job on a real directory: a call becomes a code, a code becomes a login, once.

use crate::support::gateway::{Gateway, clients, ldap_tenant, sections};
use crate::support::slapd::Slapd;

#[tokio::test(flavor = "multi_thread")]
async fn a_call_becomes_a_code_and_the_code_a_login_once() {
    let slapd = Slapd::start();
    let gateway = Gateway::on(&slapd);

    let code = gateway.code("+46701234567").await;
    assert_eq!(gateway.code("070-123 45 67").await, code, "untried, the same code is given again");
    let login = gateway.login("ANNA", "anna-secret", &code).await;
    assert_eq!(login.status, 200, "{}", gateway.log());
    assert_eq!(login.json()["username"], "anna", "as the directory has it, not as it was typed");
    assert_eq!(login.json()["userid"].as_str().expect("an id").len(), 36, "an entryUUID");
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 403, "used up");

    let next = gateway.code("+46701234567").await;
    assert_ne!(next, code);
    assert_eq!(gateway.login("bob", "bob-secret", &next).await.status, 403, "anna's, not bob's");
    assert_eq!(gateway.login("a*a", "anna-secret", &next).await.status, 403, "nobody");
    assert_eq!(gateway.login("anna", "anna-secret", &next).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_correct_logins_at_once_are_one_login() {
    let slapd = Slapd::start();
    let gateway = Gateway::on(&slapd);
    let code = gateway.code("+46701234567").await;
    let logins = (0..200).map(|_| gateway.login("anna", "anna-secret", &code));
    let answers = futures_util::future::join_all(logins).await;
    let accepted = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(accepted, 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 403)));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_wrong_passwords_at_once_make_no_more_binds_than_the_budget() {
    let slapd = Slapd::start();
    let gateway = Gateway::on(&slapd);
    let code = gateway.code("+46701234567").await;
    let wrong: Vec<String> = (0..200).map(|n| format!("wrong {n}")).collect();
    let logins = wrong.iter().map(|password| gateway.login("anna", password, "000000"));
    let answers = futures_util::future::join_all(logins).await;
    assert!(answers.iter().all(|answer| answer.status == 403));
    assert_eq!(slapd.binds_of("anna"), 2, "the budget of four, but for the last two");
    let login = gateway.login("anna", "anna-secret", &code).await;
    assert_eq!(login.status, 200, "they changed nothing about the code: {}", gateway.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_only_the_name_cannot_keep_the_user_out() {
    let slapd = Slapd::start();
    let gateway = Gateway::on(&slapd);
    let code = gateway.code("+46701234567").await;
    for n in 0..8 {
        assert_eq!(gateway.login("anna", &format!("guess {n}"), "000000").await.status, 403);
    }
    assert_eq!(slapd.binds_of("anna"), 2, "the budget but for its last two");
    assert_eq!(gateway.code("+46701234567").await, code, "and it is given again");
    let login = gateway.login("anna", "anna-secret", &code).await;
    assert_eq!(login.status, 200, "the right code is still bound: {}", gateway.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_live_code_there_is_no_bind() {
    let slapd = Slapd::start();
    let gateway = Gateway::on(&slapd);
    assert_eq!(gateway.login("anna", "anna-secret", "123456").await.status, 403);
    assert_eq!(gateway.login("anna", "", "123456").await.status, 403);
    assert_eq!(slapd.binds_of("anna"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_without_password_takes_name_and_code() {
    let slapd = Slapd::start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let login = "[tenants.login]\npassword = \"not-asked\"\n";
    let gateway = Gateway::start(&format!("{}{tenant}{login}{}", sections(""), clients()));
    let code = gateway.code("+46701234567").await;
    assert_eq!(code.len(), 8, "the only secret");
    for _ in 0..9 {
        assert_eq!(gateway.login("anna", "", "00000000").await.status, 403);
    }
    assert_eq!(gateway.login("anna", "", &code).await.status, 200, "{}", gateway.log());
    let code = gateway.code("+46701234567").await;
    for _ in 0..10 {
        assert_eq!(gateway.login("anna", "", "00000000").await.status, 403);
    }
    assert_eq!(gateway.login("anna", "", &code).await.status, 403, "burnt by wrong codes");
    assert_eq!(slapd.binds_of("anna"), 0);
}
