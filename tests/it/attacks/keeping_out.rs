//! An attacker who knows a username but not the password keeps no one out, and locks no account in
//! the directory.

use std::process::{Command, Stdio};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::gateway::{Answer, Gateway, clients, ldap_tenant, sections};
use crate::support::slapd::{PEOPLE, SUFFIX, Slapd};
use crate::support::wire::{OTP_TOKEN_AUTH, VALIDATE_OTP};

const ANNA: &str = "+46701234567";

/// A gateway whose tenant has these sections, and holds no refusal back.
fn start(slapd: &Slapd, login: &str, more: &str) -> Gateway {
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let login = format!("[tenants.login]\nrefusal_floor = \"0s\"\n{login}");
    Gateway::start(&format!("{}{tenant}{login}{more}{}", sections(""), clients()))
}

/// A code that is not `code`, the `nth` of them.
fn not(code: &str, nth: u32) -> String {
    let digits = code.len();
    let all = 10_u32.pow(u32::try_from(digits).unwrap());
    format!("{:0digits$}", (code.parse::<u32>().expect("digits") + 1 + nth) % all)
}

/// Asks about a login as the service that says where the person is.
async fn login_from(gateway: &Gateway, password: &str, otp: &str, ip: &str) -> u16 {
    let body = json!({"username": "anna", "password": password, "otp": otp, "clientip": ip});
    post(gateway, VALIDATE_OTP, &body).await.status
}

async fn post(gateway: &Gateway, path: &str, body: &Value) -> Answer {
    let request = gateway.http.put(gateway.url(path)).bearer_auth("vpn-secret").json(body);
    Answer::of(request).await
}

/// Whether the directory still takes anna's password.
fn directory_takes(slapd: &Slapd, password: &str) -> bool {
    let asked = Command::new("ldapwhoami")
        .args(["-x", "-H", &slapd.url(), "-D", &format!("uid=anna,{PEOPLE}"), "-w", password])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.expect("ldapwhoami is installed (ldap-utils)").success()
}

/// A server that locks an account after five wrong passwords.
fn locking_after_five() -> Slapd {
    let slapd = Slapd::builder().users(0).without_tls().with_password_policy().start();
    slapd.modify(&format!(
        "dn: cn=policy,{SUFFIX}\nchangetype: modify\nreplace: pwdMaxFailure\npwdMaxFailure: 5\n"
    ));
    slapd
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_wrong_passwords_at_once_with_the_right_code_reach_the_directory_four_times() {
    let slapd = locking_after_five();
    let limits = "[tenants.limits]\nwrong_passwords_per_user = { burst = 4, per = \"1h\" }\n";
    let gateway = start(&slapd, "", limits);
    let code = gateway.code(ANNA).await;
    let (gateway, code) = (&gateway, &code);
    let tries = (0..40).map(async |n| gateway.login("anna", &format!("wrong {n}"), code).await);
    let answers = join_all(tries).await;
    assert!(answers.iter().all(|answer| answer.status == 403));
    assert_eq!(slapd.binds_of("anna"), 4);
    assert!(directory_takes(&slapd, "anna-secret"), "the account is not locked there");
    // The next code does not bring more.
    assert_eq!(gateway.login("anna", "wrong", code).await.status, 403);
    assert_eq!(slapd.binds_of("anna"), 5, "the four, and the one of ldapwhoami");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_around_a_right_login_do_not_lock_the_account_in_the_directory() {
    let slapd = locking_after_five();
    let gateway = start(&slapd, "", "");
    let gateway = &gateway;
    for round in 0..3 {
        let code = &gateway.code(ANNA).await;
        let tries = (0..30).map(async |n| {
            let password = if n == 1 { "anna-secret".to_owned() } else { format!("wrong {n}") };
            let otp = if n % 2 == 1 { code.clone() } else { not(code, n) };
            gateway.login("anna", &password, &otp).await.status
        });
        join_all(tries).await;
        assert!(directory_takes(&slapd, "anna-secret"), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn knowing_a_username_locks_no_one_out() {
    let slapd = locking_after_five();
    let gateway = start(&slapd, "", "");
    let gateway = &gateway;
    // As many new codes as the default allows: the stranger costs none of them.
    for round in 0..5 {
        let code = &gateway.code(ANNA).await;
        let before = slapd.binds_of("anna");
        for n in 0..3 {
            let tries = (0..8).map(async |more| {
                let otp = not(code, n * 8 + more);
                gateway.login("anna", &format!("guess {round} {n}"), &otp).await.status
            });
            assert!(join_all(tries).await.into_iter().all(|status| status == 403));
            assert_eq!(&gateway.code(ANNA).await, code, "she gets the same again");
        }
        assert_eq!(slapd.binds_of("anna") - before, 2, "the last two are hers");
        assert_eq!(gateway.login("anna", "anna-secret", code).await.status, 200, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_who_sits_in_the_same_network() {
    let slapd = locking_after_five();
    let gateway = start(&slapd, "", "");
    let gateway = &gateway;
    let code = &gateway.code(ANNA).await;
    for n in 0..20 {
        assert_eq!(login_from(gateway, "guess", &not(code, n), "192.0.2.7").await, 403);
    }
    assert_eq!(slapd.binds_of("anna"), 1, "one of the address's half, less the last");
    assert_eq!(login_from(gateway, "anna-secret", code, "192.0.2.7").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_code_is_all_a_right_one_is_taken_however_many_were_wrong() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let limits = "[tenants.limits]\nwrong_codes_per_user = { burst = 3, per = \"1h\" }\n\
                  codes_per_user = { burst = 100, per = \"1h\" }\n";
    let gateway = start(&slapd, "password = \"not-asked\"\n", limits);
    let gateway = &gateway;
    let token = async |otp: &str| {
        post(gateway, OTP_TOKEN_AUTH, &json!({"username": "anna", "otp": otp})).await.status
    };
    let code = gateway.code(ANNA).await;
    assert_eq!(code.len(), 8, "the default there");
    for n in 0..9 {
        assert_eq!(token(&not(&code, n)).await, 403);
    }
    assert_eq!(token(&code).await, 200, "the tenth is right");
    // Ten burn the code, and the next call gets another, which works.
    let burnt = gateway.code(ANNA).await;
    for n in 0..10 {
        assert_eq!(token(&not(&burnt, n)).await, 403);
    }
    assert_eq!(token(&burnt).await, 403);
    let next = gateway.code(ANNA).await;
    assert_ne!(next, burnt);
    assert_eq!(token(&next).await, 200);
}
