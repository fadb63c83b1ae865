//! `[[tenants.clients]]`: who may call the API.

use std::collections::HashSet;
use std::path::PathBuf;

use serde::Deserialize;

use super::check::Problems;
use super::credentials::{
    RawAnonymous, RawBasic, RawBearer, RawCertificate, anonymous, basic, bearer, certificate,
};
use super::oauth2::{self, RawOAuth2};
use crate::domain::tenant::TenantId;
use crate::http::client_table::{ClientEntry, Credentials, Operation, Require};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClient {
    pub name: Option<String>,
    pub operations: Option<Vec<Operation>>,
    pub require: Option<Require>,
    pub basic: Option<RawBasic>,
    pub bearer: Option<RawBearer>,
    pub certificate: Option<RawCertificate>,
    pub oauth2: Option<RawOAuth2>,
    pub anonymous: Option<RawAnonymous>,
}

/// One client of a tenant.
#[derive(Debug)]
pub struct ClientConfig {
    /// Its position in the file, for errors: `tenants[0].clients[0]`.
    pub key: String,
    /// The client as the server knows it, without the CA that must have issued its certificate.
    pub entry: ClientEntry,
    /// PEM: the CA that must have issued its certificate; `None`: any that is trusted for clients.
    pub certificate_ca: Option<PathBuf>,
    /// The CA of its token issuer's server; `None`: the system's.
    pub jwks_ca: Option<PathBuf>,
}

/// Checks the clients of the tenant at `key`.
pub(super) fn check(
    key: &str,
    tenant: &TenantId,
    raw: Vec<RawClient>,
    problems: &mut Problems,
) -> Vec<ClientConfig> {
    let mut names = HashSet::new();
    let mut clients = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let key = format!("{key}.clients[{index}]");
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
        clients.push(client(key, tenant.clone(), name, raw, problems));
    }
    clients
}

fn client(
    key: String,
    tenant: TenantId,
    name: String,
    raw: RawClient,
    problems: &mut Problems,
) -> ClientConfig {
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
    let require = raw.require.unwrap_or_default();
    enough(&key, &given, require, problems);
    let at = |name: &str| format!("{key}.{name}");
    let (basic, basic_until) = raw
        .basic
        .and_then(|raw| basic(&at("basic"), raw, problems))
        .map_or((None, None), |(basic, until)| (Some(basic), until));
    let (bearer, bearer_until) = raw
        .bearer
        .and_then(|raw| bearer(&at("bearer"), &raw, problems))
        .map_or((None, None), |(bearer, until)| (Some(bearer), until));
    let (certificate, certificate_ca) = raw
        .certificate
        .map(|raw| certificate(&at("certificate"), raw, problems))
        .unwrap_or_default();
    let (oauth2, jwks_ca) = raw
        .oauth2
        .map(|raw| oauth2::check(&at("oauth2"), raw, problems))
        .map_or((None, None), |(rule, ca)| (Some(rule), ca));
    let anonymous = raw.anonymous.map(|raw| anonymous(&at("anonymous"), raw, problems));
    let credentials = Credentials {
        basic,
        basic_until,
        bearer,
        bearer_until,
        certificate,
        certificate_ca: None,
        oauth2,
        anonymous,
        require,
    };
    let entry = ClientEntry { tenant, name, operations, credentials };
    ClientConfig { key, entry, certificate_ca, jwks_ca }
}

/// Refuses a client without a credential, and credentials that exclude each other.
fn enough(key: &str, given: &[(&str, bool)], require: Require, problems: &mut Problems) {
    let was_reported = |name: &str| problems.was_reported(&format!("{key}.{name}"));
    if !given.iter().any(|(name, given)| *given || was_reported(name)) {
        problems.add(
            key,
            "a client without a credential",
            "one of basic, bearer, certificate, oauth2, anonymous",
        );
    }
    let given: Vec<&str> =
        given.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    if given.contains(&"anonymous") && given.len() > 1 {
        problems.add(
            &format!("{key}.anonymous"),
            "anonymous beside a credential",
            "a client of its own for callers without a credential",
        );
    }
    let in_authorization =
        given.iter().filter(|name| matches!(**name, "basic" | "bearer" | "oauth2")).count();
    if require == Require::All && !(given.contains(&"certificate") && in_authorization == 1) {
        problems.add(
            &format!("{key}.require"),
            "\"all\"",
            "\"any\", or a client with a certificate and with one of basic, bearer, oauth2",
        );
    }
}
