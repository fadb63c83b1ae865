//! Which keys of a set may verify which token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{EncodingKey, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use serde_json::{Value, json};

use super::*;

struct Issuer {
    key: EncodingKey,
    jwk: Value,
}

impl Issuer {
    fn new(id: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some(id.to_owned());
        Self { key, jwk: serde_json::to_value(jwk).unwrap() }
    }

    fn token(&self, id: Option<&str>) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = id.map(str::to_owned);
        encode(&header, &claims(), &self.key).unwrap()
    }
}

fn claims() -> Value {
    json!({"iss": "https://issuer", "aud": "dialpass", "exp": 1000})
}

fn check(keys: &[&Value], token: &str) -> Result<Claims, JwtRefusal> {
    let set = SigningKeys::read(json!({"keys": keys}).to_string().as_bytes()).unwrap();
    set.verify(token, &TokenHeader::read(token)?)
}

fn refusal(keys: &[&Value], token: &str) -> JwtRefusal {
    check(keys, token).unwrap_err()
}

#[test]
fn the_key_that_the_token_names_checks_it() {
    let (one, two) = (Issuer::new("1"), Issuer::new("2"));
    let keys = [&one.jwk, &two.jwk];
    assert_eq!(check(&keys, &two.token(Some("2"))).unwrap().iss, "https://issuer");
    assert_eq!(refusal(&keys, &two.token(Some("1"))), JwtRefusal::Signature);
    assert_eq!(refusal(&keys, &two.token(Some("3"))), JwtRefusal::KeyUnknown);
}

#[test]
fn a_token_that_names_no_key_needs_exactly_one_that_fits() {
    let (one, two) = (Issuer::new("1"), Issuer::new("2"));
    let other_type = json!({"kty": "OKP", "crv": "Ed25519", "kid": "3",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    assert!(check(&[&one.jwk, &other_type], &one.token(None)).is_ok());
    assert_eq!(refusal(&[&one.jwk, &two.jwk], &one.token(None)), JwtRefusal::KeyUnknown);
}

#[test]
fn a_key_for_something_else_is_not_used() {
    let issuer = Issuer::new("1");
    let token = issuer.token(Some("1"));
    for (field, value) in [
        ("alg", json!("RS256")),
        ("alg", json!("A-NEW-ONE")),
        ("use", json!("enc")),
        ("key_ops", json!(["encrypt"])),
        ("crv", json!("P-384")),
        ("kty", json!("FUTURE")),
    ] {
        let mut key = issuer.jwk.clone();
        key[field] = value;
        assert_eq!(refusal(&[&key], &token), JwtRefusal::KeyUnknown, "{field}");
    }
}

#[test]
fn a_key_that_cannot_be_read_does_not_spoil_the_others() {
    let issuer = Issuer::new("1");
    let keys = [&json!({"kty": 5}), &json!("text"), &issuer.jwk];
    assert!(check(&keys, &issuer.token(Some("1"))).is_ok());
    assert!(SigningKeys::read(b"{}").is_none());
    assert!(SigningKeys::read(b"<html>").is_none());
}

#[test]
fn a_public_key_is_never_taken_for_a_shared_secret() {
    let issuer = Issuer::new("1");
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("1".to_owned());
    let secret = issuer.jwk["x"].as_str().unwrap().as_bytes();
    let forged = encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap();
    assert_eq!(refusal(&[&issuer.jwk], &forged), JwtRefusal::Algorithm);
    let octets = json!({"kty": "oct", "kid": "1", "k": "c2VjcmV0"});
    assert_eq!(refusal(&[&octets], &forged), JwtRefusal::Algorithm);
}

#[test]
fn a_token_without_a_signature_is_refused() {
    let issuer = Issuer::new("1");
    let payload = issuer.token(Some("1"));
    let payload = payload.split('.').nth(1).unwrap();
    // {"alg":"none"}
    let unsigned = format!("eyJhbGciOiJub25lIn0.{payload}.");
    assert_eq!(refusal(&[&issuer.jwk], &unsigned), JwtRefusal::Malformed);
    let cut = issuer.token(Some("1"));
    let cut = &cut[..=cut.rfind('.').unwrap()];
    assert_eq!(refusal(&[&issuer.jwk], cut), JwtRefusal::Signature);
}

#[test]
fn a_critical_extension_is_refused() {
    let issuer = Issuer::new("1");
    let mut header = Header::new(Algorithm::ES256);
    header.crit = Some(vec!["b64".to_owned()]);
    let token = encode(&header, &claims(), &issuer.key).unwrap();
    assert_eq!(refusal(&[&issuer.jwk], &token), JwtRefusal::Malformed);
}

#[test]
fn ed25519_works() {
    let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let key = EncodingKey::from_ed_pem(pair.serialize_pem().as_bytes()).unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key_raw());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    let token = encode(&Header::new(Algorithm::EdDSA), &claims(), &key).unwrap();
    assert!(check(&[&jwk], &token).is_ok());
}

#[test]
fn algorithms_are_named_as_in_a_header_and_none_is_symmetric() {
    for algorithm in signing_algorithm::ACCEPTED {
        assert_eq!(signing_algorithm::parse(&format!("{algorithm:?}")), Some(algorithm));
    }
    for name in ["HS256", "none", "es256", "ES512", ""] {
        assert_eq!(signing_algorithm::parse(name), None);
    }
}
