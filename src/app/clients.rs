//! Builds the clients and their credentials from `[[tenants.clients]]`, and the rules for proxies.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::certificates;
use super::report::ConfigReporter;
use crate::config::{ClientConfig, ConfigError, ServerConfig, TenantConfig};
use crate::domain::clock::Clock;
use crate::http::client_table::ClientEntry;
use crate::http::jwks::{Jwks, JwksSource};
use crate::regular_file;
use crate::tls::server::{ClientCaState, ClientVerifier};

/// Builds a client's entry in the client table.
pub(super) fn entry(
    client: &ClientConfig,
    report: &ConfigReporter<'_>,
) -> Result<ClientEntry, ConfigError> {
    let mut entry = client.entry.clone();
    let Some(file) = &client.certificate_ca else { return Ok(entry) };
    let key = format!("{}.certificate.ca_file", client.key);
    let ca = ClientVerifier::load(file, &[])
        .map_err(|error| report.problem(&key, &error, "a PEM file of CA certificates"))?;
    if certificates::cas(file).is_some_and(|all| !all.iter().any(|one| one.is_ca)) {
        let found = format!("{}, which contains no CA certificate", file.display());
        let accepted = "a PEM file of CA certificates; the SHA-256 of a client's own goes into \
                        sha256";
        return Err(report.problem(&key, &found, accepted));
    }
    entry.credentials.certificate_ca = Some(ca);
    Ok(entry)
}

/// The verifier of certificates that trusted proxies forward.
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

/// The key sets of the clients' token issuers, not started yet. Keys fetched `before` are kept.
pub(super) fn jwks(
    tenants: &[TenantConfig],
    before: Option<&Jwks>,
    clock: &Arc<dyn Clock>,
    runtime: &Handle,
    report: &ConfigReporter<'_>,
) -> Result<Option<Jwks>, ConfigError> {
    let (mut sources, mut keys) = (Vec::new(), Vec::new());
    for client in tenants.iter().flat_map(|tenant| &tenant.clients) {
        let Some(oauth2) = &client.entry.credentials.oauth2 else { continue };
        let key = format!("{}.oauth2", client.key);
        let read = |path| {
            let read = regular_file::read(path).map(|pem| pem.to_vec());
            read.map_err(|error| {
                let accepted = "a file that this user may read";
                report.problem(&format!("{key}.ca_file"), &error, accepted)
            })
        };
        let ca_pem = client.jwks_ca.as_deref().map(read).transpose()?;
        keys.push((oauth2.jwks_url.as_str(), key));
        sources.push(JwksSource { url: oauth2.jwks_url.clone(), ca_pem });
    }
    if sources.is_empty() {
        return Ok(None);
    }
    Jwks::new(&sources, before, clock, runtime).map(Some).map_err(|error| {
        // Of two clients with one URL and different CAs, the later is the odd one.
        let of = keys.iter().rev().find(|(url, _)| *url == error.url());
        let key = of.map_or("tenants", |(_, key)| key);
        report.problem(
            &format!("{key}.jwks_url"),
            &error,
            "an https URL with a CA that is trusted, or http on a loopback address",
        )
    })
}
