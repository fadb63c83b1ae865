//! `[[tenants.clients]]`, checked: who may call the API, and how they prove it.

use std::collections::HashSet;
use std::path::PathBuf;

use ipnet::IpNet;

use super::check::Problems;
use super::raw::{
    RawBasic, RawBearer, RawCertificate, RawClient, RawOAuth2, RawOperation, RawPin, RawRequire,
    RawTyp,
};
use super::values::Until;
use crate::domain::clock::Timestamp;

/// The token signatures that are accepted: asymmetric ones only.
const ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// What is accepted where the SHA-256 of a secret is missing.
const A_DIGEST: &str = "a SHA-256 value as 64 hexadecimal digits (`dialpass new-secret` prints one \
    with each secret)";

/// One client of a tenant.
#[derive(Debug)]
pub struct ClientConfig {
    /// Where in the file it stands, for errors.
    pub key: String,
    /// Its name, in the audit trail.
    pub name: String,
    /// Whether it may call getOTP.
    pub get_otp: bool,
    /// Whether it may call validateOTP.
    pub validate_otp: bool,
    /// How it proves who it is: by any one of these, or by all of them.
    pub credentials: Vec<CredentialConfig>,
    /// Whether all of them are needed: the certificate, and what goes into `Authorization`.
    pub requires_all: bool,
}

/// One way for a client to prove who it is.
#[derive(Debug)]
pub enum CredentialConfig {
    /// HTTP Basic (RFC 7617).
    Basic {
        /// The user name.
        username: String,
        /// SHA-256 of the password.
        password_sha256: [u8; 32],
        /// From when on it is not accepted.
        valid_until: Option<Timestamp>,
    },
    /// A bearer token (RFC 6750).
    Bearer {
        /// SHA-256 of the token.
        token_sha256: [u8; 32],
        /// From when on it is not accepted.
        valid_until: Option<Timestamp>,
    },
    /// A client certificate, on top of its chain.
    Certificate {
        /// Which one.
        pin: PinConfig,
        /// PEM: the CA that has to have issued it; `None`: any that is trusted for clients.
        ca_file: Option<PathBuf>,
    },
    /// A signed token of an issuer.
    OAuth2(OAuth2Config),
    /// No credential, from these addresses.
    Anonymous(Vec<IpNet>),
}

/// Which certificate it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinConfig {
    /// It has this DNS name, which is in lower case, exactly but for the case.
    SanDns(String),
    /// It has this URI, exactly.
    SanUri(String),
    /// Its DER has this SHA-256.
    Sha256([u8; 32]),
}

/// What a signed token must say.
#[derive(Debug)]
pub struct OAuth2Config {
    /// Where in the file this stands, for errors.
    pub key: String,
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// Where the issuer's keys are.
    pub jwks_url: String,
    /// A word of `scope`.
    pub scope: String,
    /// Signature algorithms accepted, by their JWA names (RFC 7518 3.1).
    pub algorithms: Vec<String>,
    /// `client_id` or `azp`, if it must be one.
    pub client_id: Option<String>,
    /// `sub`, if it must be one.
    pub sub: Option<String>,
    /// Whether the token has to say that it is an access token (RFC 9068 2.1).
    pub requires_typ: bool,
    /// The CA of the issuer's server; `None`: the system's.
    pub ca_file: Option<PathBuf>,
}

/// Checks a tenant's clients.
pub(super) fn check(
    tenant: &str,
    raw: Vec<RawClient>,
    problems: &mut Problems,
) -> Vec<ClientConfig> {
    let mut names = HashSet::new();
    raw.into_iter()
        .enumerate()
        .map(|(index, raw)| {
            let key = format!("{tenant}.clients[{index}]");
            let at = format!("{key}.name");
            let accepted = "1 to 64 characters";
            let name = problems.required(&at, raw.name.clone(), accepted);
            let name = name.unwrap_or_else(|| index.to_string());
            if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
                problems.add(&at, format!("{name:?}"), accepted);
            }
            if !names.insert(name.clone()) {
                let accepted = "a name of its own for each client";
                problems.add(&at, format!("{name:?} a second time"), accepted);
            }
            client(&key, name, raw, problems)
        })
        .collect()
}

fn client(key: &str, name: String, raw: RawClient, problems: &mut Problems) -> ClientConfig {
    let operations = raw.operations.unwrap_or_default();
    if operations.is_empty() {
        problems.add(&format!("{key}.operations"), "none", "\"getOTP\", \"validateOTP\" or both");
    }
    let given = [
        ("basic", raw.basic.is_some()),
        ("bearer", raw.bearer.is_some()),
        ("certificate", raw.certificate.is_some()),
        ("oauth2", raw.oauth2.is_some()),
        ("anonymous", raw.anonymous.is_some()),
    ];
    let has_one =
        given.iter().any(|(name, given)| *given || problems.was_noted(&format!("{key}.{name}")));
    if !has_one {
        problems.add(
            key,
            "a client without a credential",
            "one of basic, bearer, certificate, oauth2, anonymous",
        );
    }
    let mut credentials = Vec::new();
    if let Some(basic) = raw.basic {
        credentials.extend(self::basic(&format!("{key}.basic"), basic, problems));
    }
    if let Some(bearer) = raw.bearer {
        credentials.extend(self::bearer(key, &bearer, problems));
    }
    if let Some(certificate) = raw.certificate {
        credentials.extend(self::certificate(key, certificate, problems));
    }
    if let Some(oauth2) = raw.oauth2 {
        credentials.push(CredentialConfig::OAuth2(self::oauth2(
            &format!("{key}.oauth2"),
            oauth2,
            problems,
        )));
    }
    if let Some(anonymous) = raw.anonymous {
        if given.iter().filter(|(_, given)| *given).count() > 1 {
            problems.add(
                &format!("{key}.anonymous"),
                "anonymous beside a credential",
                "a client of its own for callers without a credential",
            );
        }
        let addresses = anonymous.addresses.unwrap_or_default();
        if addresses.is_empty() {
            problems.add(
                &format!("{key}.anonymous.addresses"),
                "none",
                "at least one address or network, such as \"10.1.2.3/32\"",
            );
        }
        credentials
            .push(CredentialConfig::Anonymous(addresses.iter().map(|network| network.0).collect()));
    }
    let requires_all = raw.require == Some(RawRequire::All);
    let in_authorization = given
        .iter()
        .filter(|(name, given)| *given && matches!(*name, "basic" | "bearer" | "oauth2"));
    let has_certificate = given.iter().any(|(name, given)| *given && *name == "certificate");
    if requires_all && !(has_certificate && in_authorization.count() == 1) {
        problems.add(
            &format!("{key}.require"),
            "\"all\"",
            "\"any\", or a client with a certificate and with one of basic, bearer, oauth2",
        );
    }
    ClientConfig {
        key: key.to_owned(),
        name,
        get_otp: operations.contains(&RawOperation::GetOtp),
        validate_otp: operations.contains(&RawOperation::ValidateOtp),
        credentials,
        requires_all,
    }
}

fn basic(key: &str, raw: RawBasic, problems: &mut Problems) -> Option<CredentialConfig> {
    let at = format!("{key}.username");
    let accepted = "a name without a colon (RFC 7617 2)";
    let username = problems.required(&at, raw.username, accepted);
    if let Some(name) = username.as_ref().filter(|name| name.contains(':') || name.is_empty()) {
        problems.add(&at, format!("{name:?}"), accepted);
    }
    let at = format!("{key}.password_sha256");
    let password = problems.required(&at, raw.password_sha256, A_DIGEST);
    let valid_until = raw.valid_until.map(|Until(end)| end);
    Some(CredentialConfig::Basic { username: username?, password_sha256: password?.0, valid_until })
}

fn bearer(key: &str, raw: &RawBearer, problems: &mut Problems) -> Option<CredentialConfig> {
    let key = format!("{key}.bearer.token_sha256");
    let token = problems.required(&key, raw.token_sha256, A_DIGEST)?;
    let valid_until = raw.valid_until.map(|Until(end)| end);
    Some(CredentialConfig::Bearer { token_sha256: token.0, valid_until })
}

fn certificate(
    key: &str,
    raw: RawCertificate,
    problems: &mut Problems,
) -> Option<CredentialConfig> {
    let key = format!("{key}.certificate");
    let ca_file = raw.ca_file.as_ref();
    let ca_file = ca_file.map(|path| problems.readable(&format!("{key}.ca_file"), path));
    let pin = pin(&key, RawPin { san: raw.san, sha256: raw.sha256 }, problems)?;
    Some(CredentialConfig::Certificate { pin, ca_file })
}

pub(super) fn pin(key: &str, raw: RawPin, problems: &mut Problems) -> Option<PinConfig> {
    let accepted =
        "san = \"dns:NAME\", san = \"uri:URI\", or sha256 = the SHA-256 of the certificate's DER";
    match (raw.san, raw.sha256) {
        (Some(san), None) => match san.split_once(':') {
            Some(("dns", name)) if !name.is_empty() && !name.contains('*') => {
                Some(PinConfig::SanDns(name.to_ascii_lowercase()))
            }
            Some(("uri", uri)) if !uri.is_empty() => Some(PinConfig::SanUri(uri.to_owned())),
            _ => {
                problems.add(
                    &format!("{key}.san"),
                    format!("{san:?}"),
                    "\"dns:\" or \"uri:\" and the whole name, with no wildcard",
                );
                None
            }
        },
        (None, Some(sha256)) => Some(PinConfig::Sha256(sha256.0)),
        (Some(_), Some(_)) => {
            problems.add(key, "both san and sha256", accepted);
            None
        }
        (None, None) => {
            problems.add(key, "nothing", accepted);
            None
        }
    }
}

fn oauth2(key: &str, raw: RawOAuth2, problems: &mut Problems) -> OAuth2Config {
    let mut text = |name: &str, value: Option<String>, accepted: &str| {
        let value = value.filter(|value| !value.is_empty());
        problems.required(&format!("{key}.{name}"), value, accepted).unwrap_or_default()
    };
    let issuer = text("issuer", raw.issuer, "the value that tokens have");
    let audience = text("audience", raw.audience, "the value that tokens have");
    let scope = text("scope", raw.scope, "the value that tokens have");
    let jwks_url = text("jwks_url", raw.jwks_url, "the https URL of the issuer's keys");
    if scope.contains(char::is_whitespace) {
        problems.add(&format!("{key}.scope"), format!("{scope:?}"), "one word");
    }
    let algorithms = raw.algorithms.unwrap_or_default();
    if algorithms.is_empty() {
        problems.add(&format!("{key}.algorithms"), "none", ALGORITHMS.join(", "));
    }
    for (index, name) in algorithms.iter().enumerate() {
        if !ALGORITHMS.contains(&name.as_str()) {
            let at = format!("{key}.algorithms[{index}]");
            problems.add_word(&at, name, ALGORITHMS, ALGORITHMS.join(", "));
        }
    }
    OAuth2Config {
        key: key.to_owned(),
        issuer,
        audience,
        jwks_url,
        scope,
        algorithms,
        client_id: raw.client_id,
        sub: raw.sub,
        requires_typ: raw.typ.is_some_and(|RawTyp::AccessToken| true),
        ca_file: raw.ca_file.map(|path| problems.readable(&format!("{key}.ca_file"), &path)),
    }
}
