//! Readers of request headers: who calls, through which proxy, with which credentials.

use actix_web::http::header::HeaderName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::json;

use super::{Target, outcome, seeds};
use crate::domain::clock::Timestamp;
use crate::http::authorization::Authorization;
use crate::http::certificate::PeerCertificate;
use crate::http::client::TenantHeader;
use crate::http::oauth2::{OAuth2Rule, SignedToken};
use crate::http::proxy::{AddressHeader, CertificateForm, TrustedProxies};
use crate::http::signing_keys::{SigningKeys, TokenHeader, unverified_issuer};

pub(super) fn targets() -> Vec<Target> {
    vec![forwarded(), client_cert(), authorization(), jwt(), key_set()]
}

fn forwarded() -> Target {
    let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().expect("a network"));
    let proxies = TrustedProxies(networks.to_vec());
    let proxy = "10.0.0.2".parse().expect("an address");
    let read = move |input: &[u8]| {
        let lines = || input.split(|byte| *byte == b'\n');
        let seen = [AddressHeader::Forwarded, AddressHeader::XForwardedFor].map(|header| {
            let caller = proxies.caller(proxy, header, lines());
            assert!(caller.is_none_or(|caller| !proxies.trust(caller)), "never the proxy itself");
            caller.map(|caller| caller.is_ipv4())
        });
        // What precedes the proxy's own entry must not affect the caller's address.
        let own = [input, b", for=192.0.2.99"].concat();
        let caller = proxies.caller(proxy, AddressHeader::Forwarded, [&own[..]]);
        let expected = "192.0.2.99".parse().expect("an address");
        assert!(input.contains(&b'\n') || caller == Some(expected), "{caller:?}");
        outcome((seen, lines().count().min(3), input.len().min(3)))
    };
    Target {
        kind: "Forwarded, X-Forwarded-For",
        share: 120,
        seeds: seeds([
            "for=192.0.2.1",
            "for=198.51.100.7, for=192.0.2.1;proto=https, for=10.0.0.3",
            "For=\"[2001:db7:1::5]:4711\";by=10.0.0.2;host=\"a.example\"",
            "for=\"192.0.2.1:8443\"\nfor=_hidden, for=unknown",
            "for=\"_SEVKISEK\";proto=http;by=203.0.113.43",
            "198.51.100.7, 2001:db7::1, 192.0.2.1:443, [::1]:80, 10.0.0.3",
        ]),
        words: &[
            "for=",
            "For=",
            "by=",
            "host=",
            "proto=",
            "\"",
            ";",
            ",",
            "[",
            "]",
            "192.0.2.1",
            ":443",
            "unknown",
            "_x",
            "::ffff:10.0.0.1",
            "10.0.0.3",
            "\\",
        ],
        read: Box::new(read),
    }
}

fn client_cert() -> Target {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let certificate = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let params = CertificateParams::new(names).expect("names");
        params.self_signed(&key).expect("a certificate")
    };
    let (one, other) = (certificate(&["pbx.example.com"]), certificate(&["a", "10.0.0.1"]));
    let (der, chain) = (STANDARD.encode(one.der()), STANDARD.encode(other.der()));
    let pem = utf8_percent_encode(&one.pem(), NON_ALPHANUMERIC).to_string();
    let header = |name| HeaderName::from_static(name);
    let forms = [
        CertificateForm::Rfc9440,
        CertificateForm::EscapedPem(header("x-ssl-client-cert")),
        CertificateForm::Base64Der(header("x-ssl-client-cert")),
        CertificateForm::Xfcc(header("x-forwarded-client-cert")),
    ];
    let read = move |input: &[u8]| {
        // One header value per line; the chain's values follow an empty line.
        let mut lines = input.split(|byte| *byte == b'\n');
        let own: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        let chain: Vec<_> = lines.collect();
        let read = |form: &CertificateForm| {
            form.parse(&own, &chain).map(|found| found.is_some()).map_err(|_| ())
        };
        let der = STANDARD.decode(input.strip_prefix(b":").unwrap_or(input)).unwrap_or_default();
        let names = PeerCertificate::from_der(&der).map(|peer| peer.names().len().min(50));
        outcome((forms.each_ref().map(read), names.map_err(|_| ())))
    };
    Target {
        kind: "certificates from a proxy",
        share: 70,
        seeds: seeds([
            format!(":{der}:"),
            format!(":{der}:\n\n:{chain}:, :{der}:"),
            format!(":{der}:;a=1;b=\"x\"\n\n:{chain}:"),
            der.clone(),
            format!("{der},{chain}"),
            pem.clone(),
            format!(
                "By=spiffe://a;Hash=00;Cert=\"{pem}\";Chain=\"{pem}{pem}\";Subject=\"CN=\\\"a\\\"\""
            ),
        ]),
        words: &[
            ":",
            "::",
            ", ",
            ";q=1",
            "(",
            ")",
            "\n\n",
            "MII",
            "MIIB",
            "AAAA",
            "////",
            "=",
            "?1",
            "\"\"",
            "%0A",
            "-----BEGIN%20CERTIFICATE-----",
            "Cert=",
            "Chain=",
            "Hash=",
            ";",
            "\\\"",
        ],
        read: Box::new(read),
    }
}

fn authorization() -> Target {
    let read = |input: &[u8]| {
        let lines = || input.split(|byte| *byte == b'\n');
        let what = match Authorization::read(lines()) {
            Authorization::Absent => 0,
            Authorization::Unusable => 1,
            Authorization::Basic { username, .. } => 2 + username.len().min(3),
            Authorization::Bearer(token) => 6 + usize::from(token.as_jwt().is_some()),
        };
        outcome((what, format!("{:?}", TenantHeader::read(lines())).len().min(40)))
    };
    Target {
        kind: "Authorization, tenant",
        share: 80,
        seeds: seeds([
            "Basic cGJ4OnBieC1zZWNyZXQ=",
            "Bearer a.b.c",
            "bearer  x",
            "t1",
            "Basic Og==",
            "Digest username=\"x\"",
        ]),
        words: &["Basic ", "Bearer ", "basic", "Og==", "cGJ4", ".", "=", "\n"],
        read: Box::new(read),
    }
}

/// A signing key, and the key set that contains it.
fn issuer() -> (EncodingKey, Vec<u8>) {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).expect("a key");
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).expect("a key");
    jwk.common.key_id = Some("1".to_owned());
    (key, json!({"keys": [jwk]}).to_string().into_bytes())
}

fn jwt() -> Target {
    let (key, set) = issuer();
    let keys = SigningKeys::read(&set).expect("a key set");
    let rule = OAuth2Rule {
        issuer: "https://issuer".to_owned(),
        audience: "dialpass".to_owned(),
        jwks_url: "https://issuer/keys".to_owned(),
        scope: "otp.issue".to_owned(),
        algorithms: vec![Algorithm::ES256],
        client_id: None,
        sub: None,
        requires_typ: false,
    };
    let claims = json!({"iss": "https://issuer", "aud": ["dialpass"], "exp": 2_000_000_000, "nbf": 1,
        "scope": "openid otp.issue", "client_id": "pbx", "sub": "x"});
    let sign = |claims: &serde_json::Value, key_id: &str| {
        let header = Header { kid: Some(key_id.to_owned()), ..Header::new(Algorithm::ES256) };
        encode(&header, claims, &key).expect("a token")
    };
    let token = sign(&claims, "1");
    let honest = token.clone();
    let read = move |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        // As it is, and with its parts encoded as base64url, so that mutations reach their
        // contents.
        let parts: Vec<_> = text.split('.').collect();
        let plain = [parts.first(), parts.get(1)].map(|part| {
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(part.unwrap_or(&""))
        });
        let built = format!("{}.{}.{}", plain[0], plain[1], parts.last().unwrap_or(&""));
        let mut seen = Vec::new();
        for token in [&*text, &built] {
            let issuer = unverified_issuer(token).map(|issuer| issuer.len().min(20));
            let verified = TokenHeader::read(token).and_then(|header| {
                let claims = keys.verify(token, &header)?;
                claims.valid_at(Timestamp::from_millis(1_800_000_000_000))?;
                let TokenHeader { algorithm, kind, .. } = header;
                rule.accepts(&SignedToken {
                    jwks_url: rule.jwks_url.clone(),
                    algorithm,
                    kind,
                    claims,
                })
            });
            // A valid token may be encoded in more than one way, but must not contain anything
            // else.
            if verified.is_ok() {
                let signed =
                    |token: &str| token.rsplit_once('.').map(|(signed, _)| signed.to_owned());
                assert_eq!(signed(token), signed(&honest), "nobody else signs");
            }
            seen.push((issuer, verified.map_err(|refusal| refusal as u8)));
        }
        outcome(seen)
    };
    Target {
        kind: "JWT of an issuer",
        share: 50,
        seeds: seeds([
            token.clone(),
            sign(&claims, "2"),
            format!(
                "{{\"alg\":\"ES256\",\"kid\":\"1\"}}.{claims}.{}",
                token.rsplit('.').next().unwrap_or_default()
            ),
            format!("{{\"alg\":\"none\"}}.{claims}."),
        ]),
        words: &[
            "{\"alg\":\"none\"}",
            "\"alg\"",
            "\"kid\"",
            "\"crit\"",
            "HS256",
            "RS256",
            "ES256",
            ".",
            "eyJ",
            "\"exp\":1e999",
            "\"aud\":[]",
            "\"iss\":",
            "-1",
            "null",
        ],
        read: Box::new(read),
    }
}

fn key_set() -> Target {
    let (_, set) = issuer();
    let set = String::from_utf8(set).expect("JSON");
    let rsa = "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\",\"use\":\"sig\"},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}]}";
    Target {
        kind: "key set of an issuer",
        share: 40,
        seeds: seeds([set.as_str(), rsa, "{\"keys\":[]}"]),
        words: &[
            "\"kty\"",
            "\"RSA\"",
            "\"EC\"",
            "\"OKP\"",
            "\"crv\"",
            "\"P-256\"",
            "\"x\"",
            "\"n\"",
            "\"e\"",
            "\"use\"",
            "\"key_ops\"",
            "[",
            "{",
            "null",
        ],
        read: Box::new(|input| outcome(SigningKeys::read(input).map(|keys| keys.is_empty()))),
    }
}
