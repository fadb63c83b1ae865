//! No output has codes, passwords, secrets, whole numbers or names as typed, even at the most
//! verbose level, after all that can go right and wrong.

use std::path::Path;

use serde_json::json;

use crate::support::gateway::{Answer, Gateway, clients, ldap_tenant, sections};
use crate::support::slapd::{GATEWAY_PASSWORD, Slapd};
use crate::support::wire::{GET_OTP, OTP_TOKEN_AUTH, VALIDATE_OTP, exchange};

const WRONG_PASSWORD: &str = "hunter2-typed-in-vain";
const TYPED_NAME: &str = "somebody.who.is.not.here";
const TYPED_CODE: &str = "90817263";

/// Everything that an operator can see.
pub async fn all_output(gateway: &Gateway) -> Vec<(String, String)> {
    let mut texts = vec![("the log".to_owned(), gateway.log())];
    for path in ["/metrics", "/readyz", "/healthz"] {
        let answer = Answer::of(gateway.http.get(gateway.ops_url(path))).await;
        texts.push((path.to_owned(), format!("{:?}\n{}", answer.headers, answer.body)));
    }
    let audit = std::fs::read_to_string(gateway.file("audit.log")).unwrap_or_default();
    texts.push(("the audit file".to_owned(), audit));
    texts
}

fn store_bytes(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("dialpass.db") {
            bytes.extend(std::fs::read(path).unwrap());
        }
    }
    bytes
}

/// Calls, logins and errors of every kind; returns the codes that were told.
async fn exercise(gateway: &Gateway) -> Vec<String> {
    let mut codes = Vec::new();
    for number in ["+46701234567", "070-123 45 67", "\"Anna\" <sip:+46701234567@pbx>"] {
        codes.push(gateway.code(number).await);
    }
    let code = codes[0].clone();
    for number in ["+46709990000", "anonymous", "+46703334455", "+46704445566", "0709+990000"] {
        assert_eq!(gateway.call(number).await.status, 403);
    }
    for (name, password, otp) in [
        (TYPED_NAME, WRONG_PASSWORD, TYPED_CODE),
        (WRONG_PASSWORD, TYPED_NAME, "123456"),
        ("anna", WRONG_PASSWORD, TYPED_CODE),
        ("anna", WRONG_PASSWORD, code.as_str()),
        ("anna", "anna-secret", TYPED_CODE),
        ("diana", "diana-secret", TYPED_CODE),
        ("anna", "anna-secret", "x"),
    ] {
        assert_eq!(gateway.login(name, password, otp).await.status, 403);
    }
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
    codes.push(gateway.code("+46702223344").await);
    assert_eq!(gateway.login("bob", "bob-secret", &codes[3]).await.status, 200);

    for body in [
        json!({"phonenumber": "+46701234567", "callid": "call-from-+46701234567", "pin": "471147"}),
        json!({"phonenumber": 46_701_234_567_u64}),
        json!({"username": TYPED_NAME, "password": 7, "otp": TYPED_CODE}),
        json!({"username": TYPED_NAME, "password": WRONG_PASSWORD, "otp": TYPED_CODE,
            "clientip": TYPED_NAME}),
    ] {
        for path in [GET_OTP, VALIDATE_OTP, OTP_TOKEN_AUTH] {
            let put = || gateway.http.put(gateway.url(path)).json(&body);
            for request in [
                put().basic_auth("pbx", Some("pbx-secret")),
                put().bearer_auth("vpn-secret"),
                put().bearer_auth("stolen-secret"),
                put().basic_auth(TYPED_NAME, Some("stolen-secret")),
                put().header("tenant", TYPED_NAME).bearer_auth("vpn-secret"),
                put(),
            ] {
                let answer = Answer::of(request).await;
                if path == GET_OTP && answer.status == 200 {
                    codes.push(answer.json()["otp"].as_str().unwrap().to_owned());
                }
            }
        }
    }
    let query = format!("{GET_OTP}?phonenumber=%2B46701234567&secret=stolen-secret");
    Answer::of(gateway.http.put(gateway.url(&query)).bearer_auth("stolen-secret")).await;
    let garbage =
        format!("PUT /46701234567 HTTP/1.1\r\nauthorization: {WRONG_PASSWORD}\x01\r\n\r\n");
    exchange(gateway, garbage.as_bytes()).await;
    codes
}

async fn assert_silent(gateway: &Gateway, codes: &[String]) {
    let mut secrets: Vec<(&str, String)> = Vec::new();
    for code in codes {
        secrets.push(("a code", code.clone()));
        let spelt: Vec<String> = code.chars().map(String::from).collect();
        secrets.push(("a code spelt out", spelt.join(" ")));
    }
    for text in [
        "anna-secret",
        "bob-secret",
        "diana-secret",
        WRONG_PASSWORD,
        GATEWAY_PASSWORD,
        "pbx-secret",
        "vpn-secret",
        "stolen-secret",
        "cGJ4OnBieC1zZWNyZXQ",
        TYPED_CODE,
        "471147",
    ] {
        secrets.push(("a secret", text.to_owned()));
    }
    secrets.push(("a name as typed", TYPED_NAME.to_owned()));
    let key = std::fs::read_to_string(gateway.file("server-key.hex")).unwrap();
    secrets.push(("the server key", key));
    for national in ["701234567", "702223344", "709990000", "703334455", "704445566"] {
        secrets.push(("a number", national.to_owned()));
    }
    for (place, text) in all_output(gateway).await {
        for (what, secret) in &secrets {
            let found = find(&text, secret);
            assert!(found.is_none(), "{what} ({secret}) in {place}: {found:?}");
        }
        // A number in whatever form: its digits, with at most two other characters between.
        for line in text.lines() {
            let digits: String = line
                .chars()
                .filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '+'))
                .collect();
            for national in ["701234567", "702223344", "709990000"] {
                assert!(!digits.contains(national), "a number in {place}: {line}");
            }
        }
    }
}

/// The line with `secret` in it, where digits count only if they stand alone: six of them may
/// well be part of a time or an id.
pub fn find<'a>(text: &'a str, secret: &str) -> Option<&'a str> {
    let all_digits = secret.bytes().all(|byte| byte.is_ascii_digit()) && secret.len() <= 8;
    text.lines().find(|line| {
        line.match_indices(secret).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + secret.len()..].chars().next();
            let inside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.');
            !all_digits || !(inside(before) || inside(after))
        })
    })
}

fn config(slapd: &Slapd, more: &str) -> String {
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let login = "[tenants.login]\nrefusal_floor = \"0s\"\n";
    format!("{}[log]\nlevel = \"trace\"\n{more}{tenant}{login}{}", sections(""), clients())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_written_at_any_log_level() {
    let mut slapd = Slapd::builder().users(0).without_tls().start();
    let gateway = Gateway::start(&config(&slapd, "[audit]\nfile = \"audit.log\"\n"));
    let codes = exercise(&gateway).await;
    assert!(codes.len() > 4);
    // Also while the directory is gone.
    slapd.kill();
    gateway.call("+46702223344").await;
    gateway.login("anna", "anna-secret", &codes[0]).await;
    gateway.login(TYPED_NAME, WRONG_PASSWORD, TYPED_CODE).await;
    assert_silent(&gateway, &codes).await;
    let audit = std::fs::read_to_string(gateway.file("audit.log")).unwrap();
    assert!(audit.contains("+46*****4567"), "the audit file has the events, with masked numbers");
    assert!(!gateway.log().contains("+46*****4567"), "and the log has none of them");
    let refused = audit.lines().filter(|line| line.contains("user_unknown")).count();
    assert!(refused >= 2, "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_written_where_the_audit_trail_is_part_of_the_log() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let gateway = Gateway::start(&config(&slapd, ""));
    let codes = exercise(&gateway).await;
    assert_silent(&gateway, &codes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_holds_no_code_and_no_password() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let gateway = Gateway::start(&config(&slapd, ""));
    let codes = exercise(&gateway).await;
    let live = gateway.code("+46705556677").await;
    let bytes = store_bytes(gateway.folder());
    assert!(!bytes.is_empty());
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    for secret in codes.iter().map(String::as_str).chain([
        live.as_str(),
        "anna-secret",
        WRONG_PASSWORD,
        TYPED_NAME,
        TYPED_CODE,
        GATEWAY_PASSWORD,
    ]) {
        assert!(!holds(secret), "{secret} in the store");
    }
    assert!(holds("00000000-0000-4000-8000-000000000000"), "anna's row is in what was read");
}
