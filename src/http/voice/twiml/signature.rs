//! The signatures of Twilio, `SignalWire` and Telnyx.
//!
//! Sources: Twilio's "Validate requests" and `RequestValidator`, `SignalWire`'s "Webhook security",
//! Telnyx's "Webhook signature verification".

use actix_web::http::header::HeaderMap;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use crate::domain::clock::Timestamp;
use crate::http::voice::dialect::{is_near, single};
use crate::http::voice::form::Form;

/// How requests are signed. Each kind holds one secret, or two while one replaces the other.
#[derive(Clone)]
pub enum Signature {
    /// `X-Twilio-Signature`: an HMAC by the account's token, or by a shared key if the request says
    /// so in `X-Twilio-Webhooks-Signature-Settings`.
    Twilio(Vec<SecretString>),
    /// `X-SignalWire-Signature`: Twilio's algorithm with the project's signing key.
    SignalWire(Vec<SecretString>),
    /// `telnyx-signature-ed25519`, with the account's public keys.
    Telnyx(Vec<[u8; 32]>),
}

/// What a platform signs.
pub(super) struct Signed<'r> {
    pub headers: &'r HeaderMap,
    pub bases: &'r [String],
    pub target: &'r str,
    pub body: &'r [u8],
    /// The form's fields as an HMAC covers them.
    pub fields: &'r str,
}

/// Names the hash and the key of a signature by a shared key.
const SETTINGS: &str = "x-twilio-webhooks-signature-settings";

impl Signature {
    /// Whether the time of the signing is part of what is signed.
    pub(super) const fn has_time(&self) -> bool {
        match self {
            Self::Twilio(_) | Self::SignalWire(_) => false,
            Self::Telnyx(_) => true,
        }
    }

    /// Whether one of the keys signed this request.
    pub(super) fn is_valid(&self, signed: &Signed<'_>, now: Timestamp) -> bool {
        let headers = signed.headers;
        match self {
            Self::Twilio(tokens) => {
                let signature = single(headers, "x-twilio-signature");
                match (signature, algorithm(headers)) {
                    (Some(signature), Some(algorithm)) => {
                        is_hmac(algorithm, tokens, signed, signature)
                    }
                    _ => false,
                }
            }
            Self::SignalWire(keys) => {
                single(headers, "x-signalwire-signature").is_some_and(|signature| {
                    is_hmac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, keys, signed, signature)
                })
            }
            Self::Telnyx(keys) => is_ed25519(signed, keys, now),
        }
    }
}

/// The hash of Twilio's signature: SHA-1, or what [`SETTINGS`] names. `None` if that is unknown.
fn algorithm(headers: &HeaderMap) -> Option<hmac::Algorithm> {
    if !headers.contains_key(SETTINGS) {
        return Some(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY);
    }
    let mut named = single(headers, SETTINGS)?
        .split(',')
        .filter_map(|part| part.trim().strip_prefix("algorithm="));
    match (named.next(), named.next()) {
        (Some("HMAC_SHA256"), None) => Some(hmac::HMAC_SHA256),
        _ => None,
    }
}

/// Whether one of the secrets signed the URL with the form's fields.
fn is_hmac(
    algorithm: hmac::Algorithm,
    secrets: &[SecretString],
    signed: &Signed<'_>,
    signature: &str,
) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else { return false };
    secrets.iter().any(|secret| {
        let key = hmac::Key::new(algorithm, secret.expose_secret().as_bytes());
        signed.bases.iter().any(|base| {
            let text = [base, signed.target, signed.fields].concat();
            hmac::verify(&key, text.as_bytes(), &signature).is_ok()
        })
    })
}

/// The fields as they are signed: sorted by name and value, each pair once, without separators.
pub(super) fn signed_fields(form: &Form) -> String {
    let mut fields: Vec<&(String, String)> = form.fields().iter().collect();
    fields.sort_unstable();
    fields.dedup();
    fields.into_iter().flat_map(|(name, value)| [name.as_str(), value]).collect()
}

/// Whether one of the keys signed time and body, and the time is near.
fn is_ed25519(signed: &Signed<'_>, keys: &[[u8; 32]], now: Timestamp) -> bool {
    let headers = signed.headers;
    let (Some(signature), Some(time)) =
        (single(headers, "telnyx-signature-ed25519"), single(headers, "telnyx-timestamp"))
    else {
        return false;
    };
    let (Ok(signature), Ok(seconds)) = (STANDARD.decode(signature), time.parse::<i64>()) else {
        return false;
    };
    if !is_near(seconds, now) {
        return false;
    }
    let mut message = format!("{time}|").into_bytes();
    message.extend_from_slice(signed.body);
    keys.iter()
        .any(|key| UnparsedPublicKey::new(&ED25519, key).verify(&message, &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const BODY: &str = "CallSid=CA1234567890ABCDE&Caller=%2B14158675310&Digits=1234&\
                        From=%2B14158675310&To=%2B18005551212";
    const TARGET: &str = "/myapp.php?foo=1&bar=2";
    const NOW: Timestamp = Timestamp::from_millis(1_796_000_000_000);

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            let value = HeaderValue::from_str(value).expect("a header");
            headers.append(HeaderName::from_static(name), value);
        }
        headers
    }

    fn is_valid(signature: &Signature, headers: &HeaderMap, target: &str, body: &str) -> bool {
        let bases = ["https://mycompany.com", "https://mycompany.com:443"].map(str::to_owned);
        let form = Form::read(body.as_bytes()).expect("a form");
        let body = body.as_bytes();
        let fields = signed_fields(&form);
        let signed = Signed { headers, bases: &bases, target, body, fields: &fields };
        signature.is_valid(&signed, NOW)
    }

    fn secrets(all: &[&str]) -> Vec<SecretString> {
        all.iter().map(|one| SecretString::from(*one)).collect()
    }

    /// What Twilio's own library signs with the token `12345`, with and without the port.
    const SIGNED: [&str; 2] = ["GvWf1cFY/Q7PnoempGyD5oXAezc=", "5s2PFy0qmPcZucb4eH4b08ZJtL0="];

    #[test]
    fn twilios_signature_covers_url_and_fields_with_or_without_the_port() {
        let twilio = Signature::Twilio(secrets(&["another", "12345"]));
        for signed in SIGNED {
            let headers = headers(&[("x-twilio-signature", signed)]);
            assert!(is_valid(&twilio, &headers, TARGET, BODY), "{signed}");
            assert!(!is_valid(&twilio, &headers, "/myapp.php?foo=1&bar=3", BODY));
            assert!(!is_valid(&twilio, &headers, TARGET, &BODY.replace("1234&", "1235&")));
            assert!(!is_valid(&twilio, &headers, TARGET, &format!("{BODY}&From=a")));
            let others = Signature::Twilio(secrets(&["another", "1234"]));
            assert!(!is_valid(&others, &headers, TARGET, BODY));
        }
        let repeated = headers(&[("x-twilio-signature", SIGNED[0]), ("x-twilio-signature", "a")]);
        assert!(!is_valid(&twilio, &repeated, TARGET, BODY), "which one is meant is unknown");
        assert!(!is_valid(&twilio, &headers(&[]), TARGET, BODY));
    }

    #[test]
    fn a_signature_by_a_shared_key_names_its_hash() {
        let twilio = Signature::Twilio(secrets(&["a shared key"]));
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"a shared key");
        let form = Form::read(BODY.as_bytes()).expect("a form");
        let text = format!("https://mycompany.com{TARGET}{}", signed_fields(&form));
        let signed = STANDARD.encode(hmac::sign(&key, text.as_bytes()));
        let with = |settings| headers(&[("x-twilio-signature", &signed), (SETTINGS, settings)]);
        assert!(is_valid(&twilio, &with("key=SK1,algorithm=HMAC_SHA256"), TARGET, BODY));
        for settings in [
            "",
            "key=SK1",
            "algorithm=HMAC_SHA1",
            "algorithm=none",
            "algorithm=HMAC_SHA256,algorithm=none",
        ] {
            assert!(!is_valid(&twilio, &with(settings), TARGET, BODY), "{settings}");
        }
        let unnamed = headers(&[("x-twilio-signature", &signed)]);
        assert!(!is_valid(&twilio, &unnamed, TARGET, BODY));
    }

    #[test]
    fn signalwire_has_a_header_of_its_own() {
        let signalwire = Signature::SignalWire(secrets(&["12345"]));
        let own = headers(&[("x-signalwire-signature", SIGNED[0])]);
        assert!(is_valid(&signalwire, &own, TARGET, BODY));
        let twilios = headers(&[("x-twilio-signature", SIGNED[0])]);
        assert!(!is_valid(&signalwire, &twilios, TARGET, BODY));
    }

    #[test]
    fn telnyx_signs_body_and_time() {
        use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
        let pair = Ed25519KeyPair::generate().expect("a key");
        let key: [u8; 32] = pair.public_key().as_ref().try_into().expect("32 bytes");
        let telnyx = Signature::Telnyx(vec![[7; 32], key]);
        let signed = |time: i64, body: &str| {
            let signature = STANDARD.encode(pair.sign(format!("{time}|{body}").as_bytes()));
            let time = time.to_string();
            headers(&[("telnyx-signature-ed25519", &signature), ("telnyx-timestamp", &time)])
        };
        let now = NOW.as_secs();
        assert!(is_valid(&telnyx, &signed(now, BODY), TARGET, BODY));
        assert!(is_valid(&telnyx, &signed(now - 299, BODY), TARGET, BODY));
        assert!(!is_valid(&telnyx, &signed(now - 301, BODY), TARGET, BODY));
        assert!(!is_valid(&telnyx, &signed(now + 301, BODY), TARGET, BODY));
        assert!(!is_valid(&telnyx, &signed(now, "From=a"), TARGET, BODY));
        assert!(!is_valid(&Signature::Telnyx(vec![[7; 32]]), &signed(now, BODY), TARGET, BODY));
        assert!(!is_valid(&telnyx, &headers(&[]), TARGET, BODY));
    }
}
