//! Forged and foreign tokens, in every way that someone might try.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::domain::otp::ServerKey;
use crate::domain::transaction::{Channel, TransactionKind, TransactionStatus};

fn keys(bytes: &[u8]) -> ServerKeys {
    let keys = bytes.iter().map(|byte| ServerKey::new([*byte; 32])).collect();
    ServerKeys::new(keys).expect("keys")
}

fn tokens() -> Tokens {
    Tokens::new("https://id.example.com", &keys(&[7]))
}

fn tenant() -> TenantId {
    TenantId::parse("t1").expect("legal")
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000)
}

fn transaction() -> Transaction {
    Transaction {
        id: TransactionId::from_random([1; 16]),
        user: RegisteredId::from_random([2; 16]),
        kind: TransactionKind::Approve,
        channel: Channel::Sms,
        status: TransactionStatus::Pending,
        created_at: now(),
        updated_at: now(),
        expires_at: now(),
        code: None,
        confirmation_request: None,
        intent: None,
    }
}

fn intent() -> Intent {
    Intent {
        id: Uuid::from_u128(9),
        tenant: tenant(),
        user: None,
        name: RegisteredName::parse("anna"),
        key: Some(Uuid::from_u128(3)),
        operation: "enroll".to_owned(),
        channels: vec!["sms".to_owned()],
        message: Some("{{CODE}}".to_owned()),
        expires_at: now(),
    }
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("three parts");
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token with a changed header and claims, and its original signature.
fn edited(token: &str, header: &Value, claims: &Value) -> String {
    let signature = token.rsplit('.').next().expect("three parts");
    format!("{}.{}.{signature}", encoded(header), encoded(claims))
}

#[test]
fn a_token_says_what_it_was_made_of_and_its_header_says_nothing_more() {
    let tokens = tokens();
    let token = tokens.status(&tenant(), &transaction(), now());
    assert_eq!(part(&token, 0), json!({ "alg": "HS512" }));
    let pointer = tokens.read_status(&token).expect("ours");
    assert_eq!(pointer.transaction, transaction().id);
    assert_eq!(pointer.user, transaction().user);
    assert_eq!((pointer.tenant, pointer.issued_at), (tenant(), now()));
    let made = tokens.intent(&intent());
    assert_eq!(tokens.read_intent(&made), Some(intent()));
}

#[test]
fn a_status_token_holds_no_phone_and_no_code() {
    let claims = part(&tokens().status(&tenant(), &transaction(), now()), 1);
    let mut names: Vec<&str> =
        claims.as_object().expect("claims").keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "iat", "iss", "jti", "sub", "tenant"]);
}

#[test]
fn no_kind_stands_in_for_another() {
    let tokens = tokens();
    let status = tokens.status(&tenant(), &transaction(), now());
    let transaction = tokens.transaction(&tenant(), &transaction(), now());
    let intent = tokens.intent(&intent());
    assert!(tokens.read_transaction(&status).is_none() && tokens.read_intent(&status).is_none());
    assert!(tokens.read_status(&transaction).is_none());
    assert!(tokens.read_intent(&transaction).is_none());
    assert!(tokens.read_status(&intent).is_none() && tokens.read_transaction(&intent).is_none());
}

#[test]
fn a_kind_renamed_in_its_claims_stays_what_it_was() {
    let tokens = tokens();
    let status = tokens.status(&tenant(), &transaction(), now());
    let mut claims = part(&status, 1);
    claims["aud"] = json!("transaction");
    assert!(tokens.read_transaction(&edited(&status, &part(&status, 0), &claims)).is_none());
}

#[test]
fn an_edited_token_is_none() {
    let tokens = tokens();
    let token = tokens.status(&tenant(), &transaction(), now());
    let (header, claims) = (part(&token, 0), part(&token, 1));
    for (claim, value) in [
        ("tenant", json!("t2")),
        ("sub", json!("7e16ba00-92e2-4fcb-b30e-1af8fdc843aa")),
        ("jti", json!("7e16ba00-92e2-4fcb-b30e-1af8fdc843aa")),
        ("iat", json!(1)),
        ("exp", json!(4_000_000_000_u32)),
    ] {
        let mut claims = claims.clone();
        claims[claim] = value;
        assert!(tokens.read_status(&edited(&token, &header, &claims)).is_none(), "{claim}");
    }
}

#[test]
fn an_unsigned_token_and_one_of_another_algorithm_are_none() {
    let tokens = tokens();
    let token = tokens.status(&tenant(), &transaction(), now());
    let claims = part(&token, 1);
    for algorithm in ["none", "None", "NONE", "HS256", "HS384", "RS256", ""] {
        let header = json!({ "alg": algorithm });
        assert!(tokens.read_status(&edited(&token, &header, &claims)).is_none(), "{algorithm}");
        let unsigned = format!("{}.{}.", encoded(&header), encoded(&claims));
        assert!(tokens.read_status(&unsigned).is_none(), "{algorithm} unsigned");
    }
    // Signed with the right key, but with a weaker algorithm.
    let subkey = keys(&[7]).subkeys("status token").remove(0);
    let key = EncodingKey::from_secret(subkey.as_slice());
    for algorithm in [Algorithm::HS256, Algorithm::HS384] {
        let weaker = encode(&Header::new(algorithm), &claims, &key).expect("signed");
        assert!(tokens.read_status(&weaker).is_none(), "{algorithm:?}");
    }
    let same = encode(&Header::new(Algorithm::HS512), &claims, &key).expect("signed");
    assert!(tokens.read_status(&same).is_some(), "the key was the right one");
}

#[test]
fn a_token_of_another_server_is_none() {
    let token = tokens().status(&tenant(), &transaction(), now());
    let elsewhere = Tokens::new("https://other.example.com", &keys(&[7]));
    assert!(elsewhere.read_status(&token).is_none(), "another issuer");
    let stranger = Tokens::new("https://id.example.com", &keys(&[8]));
    assert!(stranger.read_status(&token).is_none(), "another key");
}

#[test]
fn every_server_key_is_accepted_and_the_first_signs() {
    let (old, new) = (keys(&[7]), keys(&[8]));
    let (both, swapped) = (keys(&[7, 8]), keys(&[8, 7]));
    let url = "https://id.example.com";
    let by_both = Tokens::new(url, &both).status(&tenant(), &transaction(), now());
    assert!(Tokens::new(url, &old).read_status(&by_both).is_some());
    assert!(Tokens::new(url, &swapped).read_status(&by_both).is_some());
    assert!(Tokens::new(url, &new).read_status(&by_both).is_none());
    let by_swapped = Tokens::new(url, &swapped).status(&tenant(), &transaction(), now());
    assert!(Tokens::new(url, &both).read_status(&by_swapped).is_some());
}

#[test]
fn a_text_that_is_not_a_jwt_is_not_a_token() {
    let tokens = tokens();
    let long = "a".repeat(MAX_TOKEN + 1);
    for text in ["", ".", "..", "a.b.c", "a.b.c.d", "\u{0}", &long] {
        assert!(tokens.read_status(text).is_none());
        assert!(tokens.read_transaction(text).is_none());
        assert!(tokens.read_intent(text).is_none());
    }
}
