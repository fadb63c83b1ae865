//! Clients that authenticate with a token of an issuer (OAuth 2.0).

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use dialpass::domain::clock::{Clock as _, SystemClock};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::{assert_client, assert_refused, call, caller, outcome, slapd, tenant};
use crate::support::gateway::{Gateway, clients, sections};
use crate::support::wire::VALIDATE_OTP;

/// Serves an issuer's keys until the process ends, one connection after another.
fn serve_keys(keys: &Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let body = json!({"keys": [keys]}).to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                head.push(byte[0]);
            }
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                 content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            // A client that has gone needs no answer.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

/// A signing key, and the public key as issuers publish it.
fn signing_key(id: &str) -> (EncodingKey, Value) {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
    jwk.common.key_id = Some(id.to_owned());
    (key, serde_json::to_value(jwk).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_known_issuer_names_its_client() {
    let slapd = slapd();
    let (key, public) = signing_key("1");
    let (other_key, _) = signing_key("1");
    let url = serve_keys(&public);
    let oauth2 = |scope: &str| {
        format!(
            "oauth2 = {{ issuer = \"https://issuer.example\", audience = \"dialpass\", \
             jwks_url = \"{url}\", scope = \"{scope}\", algorithms = [\"ES256\"] }}"
        )
    };
    let gateway = Gateway::start(&format!(
        "{}{}{}",
        sections(""),
        tenant("t1", &slapd, &[clients(), caller("ivr", &oauth2("t1.otp"))]),
        tenant("t2", &slapd, &[caller("ivr", &oauth2("t2.otp"))]),
    ));
    let now = SystemClock.now().as_secs();
    let token = |key: &EncodingKey, change: &dyn Fn(&mut Value)| {
        let mut claims = json!({"iss": "https://issuer.example", "aud": "dialpass",
            "exp": now + 300, "scope": "openid t1.otp"});
        change(&mut claims);
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("1".to_owned());
        let token = encode(&header, &claims, key).unwrap();
        call(&gateway, &gateway.http).bearer_auth(token)
    };
    let good = token(&key, &|_| ());
    assert_client(&outcome(&gateway, good).await, "t1", "ivr");
    let of_kind = |typ: &str| {
        let claims = json!({"iss": "https://issuer.example", "aud": "dialpass", "exp": now + 300,
            "scope": "t1.otp"});
        let kid = Some("1".to_owned());
        let header = Header { typ: Some(typ.to_owned()), kid, ..Header::new(Algorithm::ES256) };
        call(&gateway, &gateway.http).bearer_auth(encode(&header, &claims, &key).unwrap())
    };
    assert_client(&outcome(&gateway, of_kind("at+jwt")).await, "t1", "ivr");
    let second = token(&key, &|claims| claims["scope"] = json!("t2.otp"));
    assert_client(&outcome(&gateway, second).await, "t2", "ivr");
    let mismatch = token(&key, &|_| ()).header("tenant", "t2");
    assert_refused(&outcome(&gateway, mismatch).await, 403, "tenant_mismatch");
    let both = |claims: &mut Value| claims["scope"] = json!("t1.otp t2.otp");
    assert_refused(&outcome(&gateway, token(&key, &both)).await, 403, "tenant_not_chosen");
    let chosen = token(&key, &both).header("tenant", "t2");
    assert_client(&outcome(&gateway, chosen).await, "t2", "ivr");
    for (request, reason) in [
        (token(&key, &|claims| claims["exp"] = json!(now - 120)), "token_expired"),
        (token(&key, &|claims| claims["aud"] = json!("other")), "token_audience_wrong"),
        (token(&key, &|claims| claims["iss"] = json!("https://x")), "token_issuer_unknown"),
        (token(&key, &|claims| claims["scope"] = json!("openid")), "token_scope_missing"),
        (token(&other_key, &|_| ()), "token_signature_wrong"),
        (of_kind("logout+jwt"), "token_kind_wrong"),
        (call(&gateway, &gateway.http).bearer_auth("a.b.c"), "token_malformed"),
        (call(&gateway, &gateway.http).bearer_auth("abc"), "credential_wrong"),
    ] {
        assert_refused(&outcome(&gateway, request).await, 403, reason);
    }
    let body = json!({"username": "anna", "password": "anna-secret", "otp": "123456"});
    let login = token(&key, &|_| ()).build().unwrap();
    let bearer = login.headers()["authorization"].clone();
    let login = gateway.http.put(gateway.url(VALIDATE_OTP)).header("authorization", bearer);
    let refused = outcome(&gateway, login.json(&body)).await;
    assert_refused(&refused, 403, "operation_not_allowed");
}
