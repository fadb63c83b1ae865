//! The signature of Vonage: a bearer token, a JWT (RFC 7519) with HS256 that contains the hash of the
//! body.
//!
//! Source: Vonage's "Signed webhooks".

use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::http::authorization::Authorization;
use crate::http::voice::dialect::{PlatformRequest, is_near};

/// What a token must say.
#[derive(Deserialize)]
struct Claims {
    /// When it was made, in seconds since 1970.
    iat: i64,
    /// Its id.
    jti: String,
    /// The SHA-256 of the body, in hex.
    payload_hash: String,
    /// When it expires, if it says so.
    exp: Option<i64>,
    /// When it begins to be valid, if it says so.
    nbf: Option<i64>,
}

/// The token's id, if one of the secrets signed it lately for this body.
pub(super) fn verify(secrets: &[SecretString], request: &PlatformRequest<'_>) -> Option<String> {
    let values = request.headers.get_all(AUTHORIZATION).map(HeaderValue::as_bytes);
    let Authorization::Bearer(token) = Authorization::read(values) else { return None };
    let jwt = token.as_jwt()?;
    let mut claims = None;
    for secret in secrets {
        let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
        // All are tried, so that the time does not tell which one was right.
        claims = claims.or(decode::<Claims>(jwt, &key, &validation()).ok());
    }
    let token = claims?;
    // A critical extension must be understood (RFC 7515 section 4.1.11), and we know none.
    if token.header.crit.is_some() {
        return None;
    }
    let Claims { iat, jti, payload_hash, exp, nbf } = token.claims;
    let hash: [u8; 32] = Sha256::digest(request.body).into();
    let now = request.now.as_secs();
    let is_in_time = is_near(iat, request.now)
        && exp.is_none_or(|exp| now < exp)
        && nbf.is_none_or(|nbf| nbf <= now || is_near(nbf, request.now));
    let is_for_this_body = hex::decode(payload_hash).is_ok_and(|signed| signed == hash);
    (is_in_time && is_for_this_body && !jti.is_empty()).then_some(jti)
}

/// HS256 alone. Dates are checked against the service's own clock, and an audience is not named.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderMap;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::clock::Timestamp;

    const NOW: Timestamp = Timestamp::from_millis(1_796_000_000_000);
    const BODY: &str = "{\"from\":\"46701234567\"}";

    fn claims() -> Value {
        json!({
            "iat": NOW.as_secs(), "jti": "j1", "iss": "Vonage", "api_key": "a",
            "payload_hash": hex::encode(Sha256::digest(BODY)),
        })
    }

    fn signed(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
        let key = EncodingKey::from_secret(secret.as_bytes());
        encode(&Header::new(algorithm), claims, &key).expect("a token")
    }

    fn verified(values: &[String], body: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).expect("a header"));
        }
        let request = PlatformRequest {
            headers: &headers,
            bases: &[],
            target: "/",
            body: body.as_bytes(),
            now: NOW,
            has_keyed: false,
        };
        verify(&["old", "new"].map(SecretString::from), &request)
    }

    fn with(name: &str, value: Value) -> String {
        let mut claims = claims();
        claims[name] = value;
        format!("Bearer {}", signed(Algorithm::HS256, "new", &claims))
    }

    #[test]
    fn a_recent_token_by_either_secret_for_this_body_is_believed() {
        for secret in ["old", "new"] {
            let token = format!("Bearer {}", signed(Algorithm::HS256, secret, &claims()));
            assert_eq!(
                verified(std::slice::from_ref(&token), BODY).as_deref(),
                Some("j1"),
                "{secret}"
            );
            assert_eq!(verified(std::slice::from_ref(&token), &BODY.replace('7', "8")), None);
            assert_eq!(verified(&[token.clone(), token], BODY), None);
        }
        let now = NOW.as_secs();
        let upper = hex::encode_upper(Sha256::digest(BODY));
        for good in [
            with("iat", json!(now - 300)),
            with("iat", json!(now + 300)),
            with("exp", json!(now + 60)),
            with("aud", json!("elsewhere")),
            with("payload_hash", json!(upper)),
        ] {
            assert!(verified(std::slice::from_ref(&good), BODY).is_some(), "{good}");
        }
        for bad in [
            with("iat", json!(now - 301)),
            with("iat", json!(now + 301)),
            with("iat", json!("now")),
            with("iat", Value::Null),
            with("exp", json!(now - 1)),
            with("nbf", json!(now + 301)),
            with("jti", json!("")),
            with("jti", Value::Null),
            with("payload_hash", json!("")),
            with("payload_hash", Value::Null),
        ] {
            assert_eq!(verified(std::slice::from_ref(&bad), BODY), None, "{bad}");
        }
    }

    #[test]
    fn no_other_algorithm_or_secret_signs() {
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let claims = claims();
        let right = signed(Algorithm::HS256, "new", &claims);
        let (unsigned, signature) = right.rsplit_once('.').expect("three parts");
        let none = format!("{}.{}.", encoded(&json!({"alg": "none"})), encoded(&claims));
        let rs256 = json!({"alg": "RS256", "typ": "JWT"});
        let twice = "{\"iat\":1,".to_owned() + &claims.to_string()[1..];
        let twice =
            format!("{}.{}", encoded(&json!({"alg": "HS256"})), URL_SAFE_NO_PAD.encode(twice));
        let key = EncodingKey::from_secret(b"new");
        let critical =
            Header { crit: Some(vec!["exp".to_owned()]), ..Header::new(Algorithm::HS256) };
        let critical = encode(&critical, &claims, &key).expect("signed");
        let resigned =
            jsonwebtoken::crypto::sign(twice.as_bytes(), &key, Algorithm::HS256).expect("signed");
        for token in [
            none,
            critical,
            format!("{unsigned}."),
            format!("{}.{}.{signature}", encoded(&rs256), encoded(&claims)),
            format!("{twice}.{resigned}"),
            signed(Algorithm::HS384, "new", &claims),
            signed(Algorithm::HS512, "new", &claims),
            signed(Algorithm::HS256, "another", &claims),
            signed(Algorithm::HS256, "", &claims),
        ] {
            assert_eq!(verified(&[format!("Bearer {token}")], BODY), None, "{token}");
        }
        assert_eq!(verified(std::slice::from_ref(&right), BODY), None);
        assert_eq!(verified(&[format!("Basic {right}")], BODY), None);
        assert_eq!(verified(&[], BODY), None);
    }
}
