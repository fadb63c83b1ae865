//! From `[[tenants.clients]]` to what the listener knows its callers by.

use std::sync::Arc;

use actix_web::http::header::HeaderName;
use tokio::runtime::Handle;

use super::certificates;
use super::report::ConfigReporter;
use crate::config::{
    AddressHeaderConfig, CertificateFormConfig, ClientConfig, ConfigError, CredentialConfig,
    PinConfig, ProxyConfig, ServerConfig, TenantConfig,
};
use crate::domain::clock::Clock;
use crate::domain::tenant::TenantId;
use crate::http::authorization::SecretHash;
use crate::http::client_table::{
    BasicCredential, CertificatePin, ClientEntry, Credentials, Operation, Require,
};
use crate::http::jwks::{Jwks, JwksSource};
use crate::http::oauth2::OAuth2Rule;
use crate::http::proxy::{AddressHeader, CertificateForm, ProxyRules};
use crate::http::signing_algorithm;
use crate::http::tls::{ClientCaState, ClientVerifier};
use crate::regular_file;

/// A client as the table of clients has it.
pub(super) fn entry(
    tenant: &TenantId,
    client: &ClientConfig,
    report: &ConfigReporter<'_>,
) -> Result<ClientEntry, ConfigError> {
    let mut operations = Vec::new();
    if client.get_otp {
        operations.push(Operation::GetOtp);
    }
    if client.validate_otp {
        operations.push(Operation::ValidateOtp);
    }
    let require = if client.requires_all { Require::All } else { Require::Any };
    let mut credentials = Credentials { require, ..Credentials::default() };
    for credential in &client.credentials {
        match credential {
            CredentialConfig::Basic { username, password_sha256, valid_until } => {
                credentials.basic_until = *valid_until;
                credentials.basic = Some(BasicCredential {
                    username: username.clone(),
                    password_sha256: SecretHash::new(*password_sha256),
                });
            }
            CredentialConfig::Bearer { token_sha256, valid_until } => {
                credentials.bearer_until = *valid_until;
                credentials.bearer = Some(SecretHash::new(*token_sha256));
            }
            CredentialConfig::Certificate { pin, ca_file } => {
                let load = |file| {
                    ClientVerifier::load(file, &[]).map_err(|error| {
                        let key = format!("{}.certificate.ca_file", client.key);
                        report.problem(&key, &error, "a PEM file of CA certificates")
                    })
                };
                if let Some(file) = ca_file
                    && certificates::cas(file).is_some_and(|all| !all.iter().any(|one| one.is_ca))
                {
                    let key = format!("{}.certificate.ca_file", client.key);
                    let found = format!("{}, in which no certificate is a CA's", file.display());
                    let accepted = "a PEM file of CA certificates; the SHA-256 of a client's own \
                                    goes into sha256";
                    return Err(report.problem(&key, &found, accepted));
                }
                credentials.certificate_ca = ca_file.as_deref().map(load).transpose()?;
                credentials.certificate = Some(certificate_pin(pin));
            }
            CredentialConfig::OAuth2(oauth2) => {
                credentials.oauth2 = Some(OAuth2Rule {
                    issuer: oauth2.issuer.clone(),
                    audience: oauth2.audience.clone(),
                    jwks_url: oauth2.jwks_url.clone(),
                    scope: oauth2.scope.clone(),
                    algorithms: oauth2
                        .algorithms
                        .iter()
                        .filter_map(|name| signing_algorithm::parse(name))
                        .collect(),
                    client_id: oauth2.client_id.clone(),
                    sub: oauth2.sub.clone(),
                    requires_typ: oauth2.requires_typ,
                });
            }
            CredentialConfig::Anonymous(addresses) => {
                credentials.anonymous = Some(addresses.clone());
            }
        }
    }
    Ok(ClientEntry { tenant: tenant.clone(), name: client.name.clone(), operations, credentials })
}

fn certificate_pin(pin: &PinConfig) -> CertificatePin {
    match pin {
        PinConfig::SanDns(name) => CertificatePin::SanDns(name.clone()),
        PinConfig::SanUri(uri) => CertificatePin::SanUri(uri.clone()),
        PinConfig::Sha256(sha256) => CertificatePin::Sha256(*sha256),
    }
}

/// What trusted proxies send, and show.
pub(super) fn proxy_rules(proxy: &ProxyConfig) -> ProxyRules {
    let name = |name: &String| HeaderName::try_from(name).expect("checked with the configuration");
    ProxyRules {
        address: match proxy.address_header {
            AddressHeaderConfig::Forwarded => AddressHeader::Forwarded,
            AddressHeaderConfig::XForwardedFor => AddressHeader::XForwardedFor,
        },
        certificate: match &proxy.certificate {
            CertificateFormConfig::Rfc9440 => CertificateForm::Rfc9440,
            CertificateFormConfig::EscapedPem(header) => CertificateForm::EscapedPem(name(header)),
            CertificateFormConfig::Base64Der(header) => CertificateForm::Base64Der(name(header)),
            CertificateFormConfig::Xfcc(header) => CertificateForm::Xfcc(name(header)),
        },
        secret: proxy
            .secret
            .as_ref()
            .map(|(header, sha256)| (name(header), SecretHash::new(*sha256))),
        own_certificate: proxy.own_certificate.as_ref().map(certificate_pin),
    }
}

/// What verifies the certificates that trusted proxies pass on.
pub(super) fn forwarded_ca(
    server: &ServerConfig,
    report: &ConfigReporter<'_>,
) -> Result<Option<ClientCaState>, ConfigError> {
    let Some(ca) = server.proxy_client_ca.clone().filter(|_| !server.trusted_proxies.is_empty())
    else {
        return Ok(None);
    };
    ClientVerifier::reloadable(ca, server.proxy_crl_files.clone()).map(Some).map_err(|error| {
        let accepted = "PEM files of CA certificates and of their revocation lists";
        report.problem("server.proxy_client_ca", &error, accepted)
    })
}

/// What fetches the keys of the clients' token issuers, not yet at work; it begins with those that
/// were fetched `before`.
pub(super) fn jwks(
    tenants: &[TenantConfig],
    before: Option<&Jwks>,
    clock: &Arc<dyn Clock>,
    runtime: &Handle,
    report: &ConfigReporter<'_>,
) -> Result<Option<Jwks>, ConfigError> {
    let (mut sources, mut keys) = (Vec::new(), Vec::new());
    let clients = tenants.iter().flat_map(|tenant| &tenant.clients);
    for credential in clients.flat_map(|client| &client.credentials) {
        let CredentialConfig::OAuth2(oauth2) = credential else { continue };
        let ca_pem = match &oauth2.ca_file {
            Some(path) => Some(
                regular_file::read(path)
                    .map_err(|error| {
                        report.problem(
                            &format!("{}.ca_file", oauth2.key),
                            &error,
                            "a file that this user may read",
                        )
                    })?
                    .to_vec(),
            ),
            None => None,
        };
        keys.push((oauth2.jwks_url.as_str(), oauth2.key.as_str()));
        sources.push(JwksSource { url: oauth2.jwks_url.clone(), ca_pem });
    }
    if sources.is_empty() {
        return Ok(None);
    }
    Jwks::new(&sources, before, clock, runtime).map(Some).map_err(|error| {
        // Of two clients with one URL and different CAs, the later is the odd one.
        let of = keys.iter().rev().find(|(url, _)| *url == error.url());
        let key = of.map_or("tenants", |(_, key)| *key);
        report.problem(
            &format!("{key}.jwks_url"),
            &error,
            "an https URL with a CA that is trusted, or http on a loopback address",
        )
    })
}
