//! Calls whose carrier vouches for the number by a signature (STIR/SHAKEN): a real Asterisk verifies
//! it, by the certificate of a carrier of a CA of the test.

use std::time::{Duration, SystemTime};

use actix_web::http::header::HttpDate;
use dialpass::domain::clock::{Clock as _, SystemClock};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

use super::*;
use crate::sms::provider::{Manner, Provider};
use crate::support::pki::Issued;

/// A carrier: its key, and the web server that has its certificate.
struct Carrier {
    key: EncodingKey,
    repository: Provider,
}

impl Carrier {
    async fn of(ca: &Ca) -> Self {
        let Issued { certificate, key } = ca.carrier("carrier.example", "1234");
        Self {
            key: EncodingKey::from_ec_pem(key.as_bytes()).unwrap(),
            repository: Provider::start(Manner::Answer("200 OK", certificate)).await,
        }
    }

    fn certificate_url(&self) -> String {
        format!("{}/carrier.pem", self.repository.url())
    }
}

/// The time since 1970.
fn since_epoch() -> Duration {
    Duration::from_secs(SystemClock.now().as_secs().try_into().expect("after 1970"))
}

/// What a carrier asserts of a call (a `PASSporT`, RFC 8225 and RFC 8588).
struct Assertion<'a> {
    by: &'a Carrier,
    certificate_url: String,
    attest: &'a str,
    from: &'a str,
    age: Duration,
}

impl<'a> Assertion<'a> {
    /// The best: the caller is known, and has the right to Anna's number.
    fn full(by: &'a Carrier) -> Self {
        let from = ANNA.trim_start_matches('+');
        let age = Duration::ZERO;
        Self { by, certificate_url: by.certificate_url(), attest: "A", from, age }
    }

    fn token(&self) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("passport".to_owned());
        header.x5u = Some(self.certificate_url.clone());
        header.extras.insert("ppt", "shaken");
        let issued = since_epoch().saturating_sub(self.age);
        let claims = json!({
            "attest": self.attest,
            "dest": { "tn": ["46101234567"] },
            "iat": issued.as_secs(),
            "orig": { "tn": self.from },
            "origid": uuid::Uuid::new_v4(),
        });
        encode(&header, &claims, &self.by.key).unwrap()
    }

    /// The headers of an INVITE (RFC 8224).
    fn headers(&self) -> Vec<String> {
        self.headers_with(&self.token())
    }

    fn headers_with(&self, token: &str) -> Vec<String> {
        let url = &self.certificate_url;
        vec![
            format!("Date: {}", HttpDate::from(SystemTime::UNIX_EPOCH + since_epoch())),
            format!("Identity: {token};info=<{url}>;alg=ES256;ppt=shaken"),
        ]
    }
}

/// The printed configuration of the verification, with what lets it trust a test.
fn verification(folder: &TempDir, ca: &Ca) -> String {
    let printed = printed("phone-systems.md", "endpoint_behavior");
    let (file, section) = ("/etc/asterisk/sti-ca.pem", "[verification]\n");
    assert!(printed.contains(file) && printed.contains(section), "{printed}");
    let path = folder.path().join("sti-ca.pem");
    std::fs::write(&path, ca.pem()).unwrap();
    let cache = folder.path().join("cache");
    std::fs::create_dir(&cache).unwrap();
    // Certificates come over loopback, without TLS, and the machine may be slow.
    let here = format!(
        "{section}cert_cache_dir = {}\nx5u_deny = 0.0.0.0/0.0.0.0\nx5u_permit = 127.0.0.0/8\n\
         relax_x5u_port_scheme_restrictions = yes\nmax_iat_age = 60\nmax_date_header_age = 60\n",
        cache.display()
    );
    printed.replace(file, path.to_str().unwrap()).replace(section, &here)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_number_that_a_trusted_carrier_has_signed_fully_gets_a_code() {
    let config = format!(
        "{}[fastagi]\nlisten = \"127.0.0.1:0\"\n{}{}{}",
        sections(""),
        tenant("t1", "[tenants.calls]\nminimum_attestation = \"A\"\n"),
        clients(),
        script("t1", ""),
    );
    let folder = people("");
    let gateway = Gateway::start_in(Arc::clone(&folder), &config);
    let ca = Ca::new("STI-CA");
    let (carrier, stranger) = (Carrier::of(&ca).await, Carrier::of(&Ca::new("STI-CA")).await);
    let dialplan = asking(&gateway, &printed("phone-systems.md", "STIR_SHAKEN("));
    let asterisk = Asterisk::start_verifying(&verification(&folder, &ca), &recipe(&dialplan));

    let full = || Assertion::full(&carrier);
    let lower = Assertion { attest: "B", ..full() };
    // The letter is raised after the signature.
    let raised = {
        let (signed, better) = (lower.token(), full().token());
        let part = |token: &str, index| token.split('.').nth(index).unwrap().to_owned();
        full().headers_with(&[part(&signed, 0), part(&better, 1), part(&signed, 2)].join("."))
    };
    let queried = format!("{}?a=b", carrier.certificate_url());
    let undated = full().headers().split_off(1);
    // What Asterisk logs of each.
    let cases = [
        ("9001", "VERIFIED=success", full().headers()),
        ("9002", "", Vec::new()),
        ("9003", "not trusted", Assertion::full(&stranger).headers()),
        ("9004", "VERIFIED=success", lower.headers()),
        ("9005", "", Assertion { age: Duration::from_hours(1), ..full() }.headers()),
        (
            "9006",
            "VERIFIED=cid_orig_tn_mismatch",
            Assertion { from: "46709999999", ..full() }.headers(),
        ),
        ("9007", "Signature validation failed", raised),
        ("9008", "No date header provided", undated),
        ("9009", "query parameters", Assertion { certificate_url: queried, ..full() }.headers()),
    ];
    let headers: Vec<Vec<&str>> =
        cases.iter().map(|(_, _, headers)| headers.iter().map(String::as_str).collect()).collect();
    let calls = cases.iter().zip(&headers);
    let calls: Vec<SipCall<'_>> = calls
        .map(|((dialled, ..), headers)| SipCall { headers, ..SipCall::new(dialled, ANNA) })
        .collect();
    call_all(&asterisk, &calls);

    let code = asterisk.heard("9001", is_code_twice);
    assert_eq!(asterisk.result("9001"), "TOLD");
    for (refused, ..) in &cases[1..] {
        asterisk.heard(refused, |heard| heard == "#");
        assert_eq!(asterisk.result(refused), "REFUSED");
    }
    assert_eq!(count(&gateway, "issued"), 1, "{}", gateway.log());
    assert_eq!(count(&gateway, "attestation_too_low"), cases.len() - 1, "{}", gateway.log());
    assert_eq!(login(&gateway, "t1", &code[..6]).await, 200);
    let log = asterisk.log();
    for (dialled, expected, _) in &cases {
        assert!(log.contains(expected), "{dialled}: {log}");
    }
}
