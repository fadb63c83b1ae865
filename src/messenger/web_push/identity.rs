//! The server's identity towards push services (VAPID: RFC 8292): a P-256 key, and the tokens it
//! signs.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use lru::LruCache;
use reqwest::header::HeaderValue;
use rustls::pki_types::PrivateKeyDer;
use serde::Serialize;
use web_push_native::p256::SecretKey;
use web_push_native::p256::elliptic_curve::sec1::ToEncodedPoint;
use web_push_native::p256::pkcs8::{DecodePrivateKey, EncodePrivateKey};

use crate::domain::clock::{Clock, Timestamp};
use crate::domain::secret::SecretText;
use crate::tls::pem;

/// Validity of a token. RFC 8292 allows a day; clocks differ.
const LIFETIME: Duration = Duration::from_hours(2);
/// How long a token is reused, so that push services need not verify a new one for each
/// notification.
const USED_FOR: Duration = Duration::from_hours(1);
/// Maximum number of origins with a cached token.
const MAX_ORIGINS: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");

/// Why a text is not a valid signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It contains no PEM private key.
    #[error("a text without a PEM private key")]
    NoPem,
    /// The key is not on P-256.
    #[error("a private key that is not on P-256")]
    OtherKind,
}

/// Signs the requests to push services.
pub struct Identity {
    key: EncodingKey,
    public_key: String,
    contact: String,
    clock: Arc<dyn Clock>,
    tokens: Mutex<LruCache<String, Token>>,
}

/// A cached token for an origin.
struct Token {
    authorization: HeaderValue,
    made_at: Timestamp,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    exp: i64,
    sub: &'a str,
}

impl Identity {
    /// The identity with this private key (PEM: PKCS #8 or SEC 1), reachable at `contact`.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new(pem: &SecretText, contact: String, clock: Arc<dyn Clock>) -> Result<Self, KeyError> {
        let der = pem::private_key(pem.expose().as_bytes());
        let key = match der.map_err(|_| KeyError::NoPem)? {
            PrivateKeyDer::Pkcs8(der) => SecretKey::from_pkcs8_der(der.secret_pkcs8_der()).ok(),
            PrivateKeyDer::Sec1(der) => SecretKey::from_sec1_der(der.secret_sec1_der()).ok(),
            _ => None,
        };
        let key = key.ok_or(KeyError::OtherKind)?;
        let der = key.to_pkcs8_der().map_err(|_| KeyError::OtherKind)?;
        let point = key.public_key().to_encoded_point(false);
        Ok(Self {
            key: EncodingKey::from_ec_der(der.as_bytes()),
            public_key: URL_SAFE_NO_PAD.encode(point.as_bytes()),
            contact,
            clock,
            tokens: Mutex::new(LruCache::new(MAX_ORIGINS)),
        })
    }

    /// The public key: an uncompressed point on P-256, in base64url.
    pub(super) fn public_key(&self) -> &str {
        &self.public_key
    }

    /// The header field that authorizes requests to an origin; `None` if signing fails.
    pub(super) fn authorization(&self, origin: &str) -> Option<HeaderValue> {
        let now = self.clock.now();
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = tokens.get(origin)
            && (token.made_at..token.made_at.plus(USED_FOR)).contains(&now)
        {
            return Some(token.authorization.clone());
        }
        let claims = Claims { aud: origin, exp: now.plus(LIFETIME).as_secs(), sub: &self.contact };
        let token = encode(&Header::new(Algorithm::ES256), &claims, &self.key).ok()?;
        let text = format!("vapid t={token}, k={}", self.public_key);
        let mut authorization = HeaderValue::from_str(&text).ok()?;
        authorization.set_sensitive(true);
        let made = Token { authorization: authorization.clone(), made_at: now };
        tokens.put(origin.to_owned(), made);
        Some(authorization)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
    use serde_json::{Value, json};

    use super::*;

    /// The sender's key from the example of RFC 8291 (5), as OpenSSL writes it.
    const SEC1: &str = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n\
        -----BEGIN EC PRIVATE KEY-----\n\
        MHcCAQEEIMn1j4mBPp+Ohy5x9CqmThdXySVNzGK3LdwBC7QEPqEcoAoGCCqGSM49\n\
        AwEHoUQDQgAE/jP0qw3qcZFNtVgj9ztUlI9BMG2SBzLbuaWaUyhkgiAOWXp7e8Jg\n\
        uhwieZhYCZLpOXMALzASooro8Gu7eOXsDw==\n-----END EC PRIVATE KEY-----\n";
    const PKCS8: &str = "-----BEGIN PRIVATE KEY-----\n\
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyfWPiYE+n46HLnH0\n\
        KqZOF1fJJU3MYrct3AELtAQ+oRyhRANCAAT+M/SrDepxkU21WCP3O1SUj0EwbZIH\n\
        Mtu5pZpTKGSCIA5Zent7wmC6HCJ5mFgJkuk5cwAvMBKiiujwa7t45ewP\n\
        -----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8w\
        EqKK6PBru3jl7A8";
    /// The same number as a key on secp256k1.
    const OTHER_CURVE: [&str; 2] = [
        "-----BEGIN EC PRIVATE KEY-----\n\
        MHQCAQEEIMn1j4mBPp+Ohy5x9CqmThdXySVNzGK3LdwBC7QEPqEcoAcGBSuBBAAK\n\
        oUQDQgAEVCEQooqZD87K1qhydza7XfQeOe84KPZ/0FQ0sS9+Ff/2RXeY7CLYnIfI\n\
        rBy3mOa33VSLbCJDLzBqRzkU6lLuWQ==\n-----END EC PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\n\
        MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgyfWPiYE+n46HLnH0KqZO\n\
        F1fJJU3MYrct3AELtAQ+oRyhRANCAARUIRCiipkPzsrWqHJ3Nrtd9B457zgo9n/Q\n\
        VDSxL34V//ZFd5jsItich8isHLeY5rfdVItsIkMvMGpHORTqUu5Z\n\
        -----END PRIVATE KEY-----\n",
    ];

    struct SetClock(AtomicI64);

    impl Clock for SetClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    fn identity(pem: &str, clock: &Arc<SetClock>) -> Result<Identity, KeyError> {
        let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
        Identity::new(&SecretText::from(pem.to_owned()), "mailto:it@example.com".to_owned(), clock)
    }

    fn clock() -> Arc<SetClock> {
        Arc::new(SetClock(AtomicI64::new(1_800_000_000_000)))
    }

    #[test]
    fn a_key_on_p256_is_taken_in_each_of_its_forms_and_no_other() {
        for pem in [SEC1, PKCS8, &format!("# push\n{PKCS8}"), &PKCS8.replace('\n', "\r\n")] {
            assert_eq!(identity(pem, &clock()).expect("a key").public_key(), PUBLIC, "{pem}");
        }
        let made = |algorithm| rcgen::KeyPair::generate_for(algorithm).expect("a key");
        let ours = made(&rcgen::PKCS_ECDSA_P256_SHA256);
        let point = URL_SAFE_NO_PAD.encode(ours.public_key_raw());
        assert_eq!(identity(&ours.serialize_pem(), &clock()).expect("a key").public_key(), point);
        for other in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
            let error = identity(&made(other).serialize_pem(), &clock()).err();
            assert_eq!(error, Some(KeyError::OtherKind), "{other:?}");
        }
        for other in OTHER_CURVE {
            assert_eq!(identity(other, &clock()).err(), Some(KeyError::OtherKind), "{other}");
        }
        let public = ours.public_key_pem();
        let cut = &PKCS8[..100];
        for none in ["", "s3cr3t", &public, cut] {
            assert_eq!(identity(none, &clock()).err(), Some(KeyError::NoPem), "{none}");
        }
    }

    #[test]
    fn a_token_is_for_one_origin_and_used_for_an_hour() {
        let clock = clock();
        let identity = identity(PKCS8, &clock).expect("a key");
        let signed = |origin: &str| identity.authorization(origin).expect("a token");
        let one = signed("https://push.example.com");
        assert!(one.is_sensitive() && !format!("{one:?}").contains("vapid"));
        let text = one.to_str().expect("a text").to_owned();
        let token = text.strip_prefix("vapid t=").and_then(|rest| rest.split_once(", k="));
        let (token, key) = token.expect("a token and a key");
        assert_eq!(key, PUBLIC);
        assert_eq!(decode_header(token).expect("a header").alg, Algorithm::ES256);
        let mut validation = Validation::new(Algorithm::ES256);
        (validation.validate_exp, validation.validate_aud) = (false, false);
        let key = DecodingKey::from_ec_der(&URL_SAFE_NO_PAD.decode(PUBLIC).expect("base64url"));
        let claims = decode::<Value>(token, &key, &validation).expect("a signature").claims;
        let expected = json!({
            "aud": "https://push.example.com",
            "exp": 1_800_000_000 + 2 * 3600,
            "sub": "mailto:it@example.com",
        });
        assert_eq!(claims, expected);

        let later = |minutes: i64| clock.0.fetch_add(minutes * 60_000, Ordering::Relaxed);
        assert_ne!(signed("https://push.example.org"), one);
        later(59);
        assert_eq!(signed("https://push.example.com"), one, "within the hour");
        later(1);
        let other = signed("https://push.example.com");
        assert_ne!(other, one, "after the hour");
        later(-1);
        assert_ne!(signed("https://push.example.com"), other, "the clock was set back");
    }

    #[test]
    fn tokens_of_many_origins_do_not_pile_up() {
        let identity = identity(PKCS8, &clock()).expect("a key");
        for number in 0..200 {
            assert!(identity.authorization(&format!("https://{number}.example.com")).is_some());
        }
        assert_eq!(identity.tokens.lock().expect("no panic").len(), MAX_ORIGINS.get());
    }
}
