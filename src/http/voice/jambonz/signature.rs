//! The signature of jambonz: `Jambonz-Signature: t=SECONDS,v1=HEX`, an HMAC-SHA256 over the time, a
//! dot and the body. The URL is not signed.
//!
//! Source: jambonz' `base-requestor.js`, and `verifyJambonzSignature` of its client library.

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret as _, SecretString};

use crate::http::voice::dialect::{PlatformRequest, is_near, single};

/// Whether one of the secrets signed time and body, and the time is near.
pub(super) fn is_valid(secrets: &[SecretString], request: &PlatformRequest<'_>) -> bool {
    let header = single(request.headers, "jambonz-signature").and_then(Header::parse);
    let Some(Header { time, signatures }) = header else { return false };
    if !time.parse().is_ok_and(|seconds| is_near(seconds, request.now)) {
        return false;
    }
    let mut message = format!("{time}.").into_bytes();
    message.extend_from_slice(request.body);
    let mut is_valid = false;
    for secret in secrets {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        for signature in &signatures {
            // All are tried, so that the time does not tell which one was right.
            is_valid |= hmac::verify(&key, &message, signature).is_ok();
        }
    }
    is_valid
}

/// The most signatures that are tried.
const MOST: usize = 4;

struct Header<'h> {
    time: &'h str,
    signatures: Vec<Vec<u8>>,
}

impl<'h> Header<'h> {
    /// Parses the header's items. Those of other schemes are skipped.
    fn parse(text: &'h str) -> Option<Self> {
        let (mut time, mut signatures) = (None, Vec::new());
        for item in text.split(',') {
            match item.trim().split_once('=')? {
                ("t", _) if time.is_some() => return None,
                ("t", seconds) => time = Some(seconds),
                ("v1", signature) => signatures.push(hex::decode(signature).ok()?),
                _ => {}
            }
        }
        (signatures.len() <= MOST).then_some(Self { time: time?, signatures })
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;
    use crate::domain::clock::Timestamp;

    const NOW: Timestamp = Timestamp::from_millis(1_796_000_000_000);
    const BODY: &str = "{\"from\":\"+46701234567\"}";

    fn signed(secret: &str, time: &str, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        hex::encode(hmac::sign(&key, format!("{time}.{body}").as_bytes()))
    }

    fn is_valid(values: &[&str], body: &str) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_str(value).expect("a header");
            headers.append(HeaderName::from_static("jambonz-signature"), value);
        }
        let request = PlatformRequest {
            headers: &headers,
            bases: &[],
            target: "/",
            body: body.as_bytes(),
            now: NOW,
            has_keyed: false,
        };
        super::is_valid(&["old", "new"].map(SecretString::from), &request)
    }

    #[test]
    fn time_and_body_are_signed_by_either_secret() {
        let at = |away: i64| (NOW.as_secs() + away).to_string();
        let (now, old, late, early) = (at(0), at(-301), at(-299), at(301));
        let by = |secret, time: &str| format!("t={time},v1={}", signed(secret, time, BODY));
        let right = by("new", &now);
        let other = signed("another", &now, BODY);
        for good in [
            &right,
            &by("old", &now),
            &by("new", &late),
            &right.replace(",v1", ", v1"),
            &format!("{right},v1={other},v0=x"),
        ] {
            assert!(is_valid(&[good], BODY), "{good}");
        }
        for bad in [
            &by("another", &now),
            &by("new", &old),
            &by("new", &early),
            &right.replace("t=", "t= "),
            &right.replace("v1=", "v2="),
            &right.replace("v1=", "v1=zz"),
            &format!("t={},{right}", at(1)),
            &format!("{right}{}", format!(",v1={other}").repeat(4)),
            &format!("v1={}", signed("new", &now, BODY)),
            &format!("t={now}"),
            "",
        ] {
            assert!(!is_valid(&[bad], BODY), "{bad}");
        }
        assert!(!is_valid(&[&right], &BODY.replace('7', "8")));
        assert!(!is_valid(&[&right, &right], BODY) && !is_valid(&[], BODY));
    }
}
