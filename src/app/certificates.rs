//! Checks certificates: the server's own, those shown to directories and the database, and the CAs
//! trusted for outgoing TLS. Those that expired or soon will, and CAs that cannot be used, are
//! reported but stop nothing.

pub(super) mod files;

use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, ParsedExtension, X509Certificate};

use crate::config::{ClientConfig, Config, ServerConfig};
use crate::domain::clock::Timestamp;
use crate::http::gateway::CurrentGateway;
use crate::regular_file;
use crate::telemetry::metrics;
use crate::tls::server::ClientCertificates;
use crate::tls::{self, pem};

/// How often certificate files are checked for changes.
pub(super) const LOOK_AT_CERTIFICATES: Duration = Duration::from_secs(2);

/// How long before its expiry a certificate is reported.
const SOON: Duration = Duration::from_hours(24 * 30);

/// The problems with a configuration's certificates at `now`, each with its key. Files that cannot
/// be read are reported elsewhere.
pub(super) fn warnings(config: &Config, now: Timestamp) -> Vec<(String, String)> {
    let all = files::shown(config);
    let warning = |(key, file, what): (String, &Path, &str)| {
        let problem = problem_of(file, now)?;
        Some((key, format!("{}: {problem}: {what}, or soon will", file.display())))
    };
    let certificates = all.into_iter().filter_map(warning).chain(passed_over(config));
    let certificates = certificates.chain(overdue_crls(config, now));
    certificates
        .chain(ending_secrets(config, now))
        .chain(unrelated_cas(config))
        .chain(no_cas(config))
        .collect()
}

/// A certificate in a CA file.
pub(super) struct CaCertificate {
    subject: String,
    issuer: String,
    /// Its public key.
    key: Vec<u8>,
    /// The identifiers of its own key and of its issuer's (RFC 5280 sections 4.2.1.1 and 4.2.1.2).
    key_id: Option<Vec<u8>>,
    issuer_key_id: Option<Vec<u8>>,
    /// Whether it is marked as a CA certificate (RFC 5280 section 4.2.1.9), or is an older root.
    pub is_ca: bool,
}

impl CaCertificate {
    /// Whether a certificate can be verified with it: a CA's own, or one that issued itself.
    fn verifies(&self) -> bool {
        self.is_ca || self.subject == self.issuer
    }

    /// Whether `issuer` may have issued it, as far as names and key identifiers say.
    fn may_be_issued_by(&self, issuer: &Self) -> bool {
        let keys = self.issuer_key_id.as_ref().zip(issuer.key_id.as_ref());
        self.issuer == issuer.subject
            && self.subject != self.issuer
            && keys.is_none_or(|(named, own)| named == own)
    }

    /// Whether a chain may lead through both.
    fn is_related(&self, other: &Self) -> bool {
        (self.subject == other.subject && self.key == other.key)
            || self.may_be_issued_by(other)
            || other.may_be_issued_by(self)
    }
}

/// The certificates in a file of CAs, if it can be read.
pub(super) fn cas(file: &Path) -> Option<Vec<CaCertificate>> {
    let all = pem::certificates(&regular_file::read(file).ok()?).ok()?;
    let read = |der: &CertificateDer<'_>| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let (subject, issuer) =
            (certificate.subject().to_string(), certificate.issuer().to_string());
        let is_ca = match certificate.basic_constraints() {
            Ok(Some(constraints)) => constraints.value.ca,
            Ok(None) => subject == issuer,
            Err(_) => false,
        };
        let key = certificate.public_key().raw.to_vec();
        let (mut key_id, mut issuer_key_id) = (None, None);
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => key_id = Some(id.0.to_vec()),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    issuer_key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                _ => {}
            }
        }
        Some(CaCertificate { subject, issuer, key, key_id, issuer_key_id, is_ca })
    };
    all.iter().map(read).collect()
}

/// The file of required client CAs, if none of them can verify a certificate.
pub(super) fn client_ca_without_cas(server: &ServerConfig) -> Option<&Path> {
    let tls = server.tls.as_ref()?;
    let is_required = tls.client_certificates == ClientCertificates::Required;
    let ca = tls.client_ca.as_deref().filter(|_| is_required)?;
    let verifies_none = cas(ca)?.iter().all(|one| !one.verifies());
    verifies_none.then_some(ca)
}

/// Certificates among the client CAs that cannot verify any client.
fn no_cas(config: &Config) -> Vec<(String, String)> {
    let server = &config.server;
    let own = server.tls.iter().filter(|tls| tls.verifies_clients());
    let own = own.filter_map(|tls| tls.client_ca.as_deref());
    let own = own.map(|file| ("server.tls.client_ca".to_owned(), file));
    let proxies = server.proxy_client_ca.as_deref().filter(|_| !server.trusted_proxies.is_empty());
    let proxies = proxies
        .filter(|file| server.tls.as_ref().and_then(|tls| tls.client_ca.as_deref()) != Some(*file));
    let proxies = proxies.map(|file| ("server.proxy_client_ca".to_owned(), file));
    let clients = config.tenants.iter().flat_map(|tenant| &tenant.clients);
    let clients = clients.filter_map(|client| {
        let file = client.certificate_ca.as_deref()?;
        Some((format!("{}.certificate.ca_file", client.key), file))
    });
    let warnings = |(key, file): (String, &Path)| {
        let all = cas(file).unwrap_or_default();
        let warning = |one: CaCertificate| {
            let text = format!(
                "{}: the certificate of {} is not a CA certificate, so no client can be verified with \
                 it: put the CA certificate there, and name the clients that may call by \
                 certificate = {{ san = … }} or {{ sha256 = … }}",
                file.display(),
                one.subject
            );
            (key.clone(), text)
        };
        all.into_iter().filter(|one| !one.verifies()).map(warning).collect::<Vec<_>>()
    };
    own.chain(proxies).chain(clients).flat_map(warnings).collect()
}

/// Clients' CAs that are unrelated to those that the server trusts: the server may reject their
/// certificates before it compares them with the client's.
fn unrelated_cas(config: &Config) -> Vec<(String, String)> {
    let server = &config.server;
    let own = server.tls.iter().filter_map(|tls| tls.client_ca.as_deref());
    let proxies = server.proxy_client_ca.as_deref().filter(|_| !server.trusted_proxies.is_empty());
    let Some(trusted) = own.chain(proxies).map(cas).collect::<Option<Vec<_>>>() else {
        return Vec::new();
    };
    let is_related =
        |one: &CaCertificate| trusted.iter().flatten().any(|other| one.is_related(other));
    let clients = config.tenants.iter().flat_map(|tenant| &tenant.clients);
    let warnings = clients.filter_map(|client| {
        let file = client.certificate_ca.as_deref()?;
        (!cas(file)?.iter().any(is_related)).then(|| {
            let text = format!(
                "{}: none of these CAs is in server.tls.client_ca (or proxy_client_ca), nor issued by \
                 one that is: a certificate of theirs is refused before it is held against them; \
                 add them there",
                file.display()
            );
            (format!("{}.certificate.ca_file", client.key), text)
        })
    });
    warnings.collect()
}

/// Overdue revocation lists.
fn overdue_crls(config: &Config, now: Timestamp) -> Vec<(String, String)> {
    let server = &config.server;
    let own = server.tls.iter().flat_map(|tls| tls.crl_files.iter().enumerate());
    let own = own.map(|(index, file)| (format!("server.tls.crl_files[{index}]"), file));
    let proxies = server.proxy_crl_files.iter().enumerate();
    let proxies = proxies
        .filter(|(_, file)| server.tls.as_ref().is_none_or(|tls| !tls.crl_files.contains(file)))
        .map(|(index, file)| (format!("server.proxy_crl_files[{index}]"), file));
    let warning = |(key, file): (String, &PathBuf)| {
        let problem = overdue(tls::server::crl_due_at(file)?, now)?;
        Some((key, format!("{}: {problem}", file.display())))
    };
    own.chain(proxies).filter_map(warning).collect()
}

/// The warning about revocation lists that were due at `due_at`, in seconds since the Unix epoch.
fn overdue(due_at: i64, now: Timestamp) -> Option<String> {
    (now.as_secs() > due_at).then(|| {
        format!(
            "the revocation list was due for replacement at {} ({} ago): certificates revoked since \
             then are still accepted; fetch the CA's new list",
            shown(due_at),
            days(now.as_secs() - due_at)
        )
    })
}

/// Client secrets that have expired or soon will.
fn ending_secrets(config: &Config, now: Timestamp) -> Vec<(String, String)> {
    let clients = config.tenants.iter().flat_map(|tenant| &tenant.clients);
    let ends = clients.flat_map(|client| {
        let known = &client.entry.credentials;
        let ends = [("basic", known.basic_until), ("bearer", known.bearer_until)];
        ends.into_iter().filter_map(move |(kind, until)| Some((client, kind, until?)))
    });
    let warning = |(client, kind, until): (&ClientConfig, &str, Timestamp)| {
        let end = when(i64::MIN, until.as_secs(), now.as_secs())?;
        let name = &client.entry.name;
        Some((
            format!("{}.{kind}.valid_until", client.key),
            format!(
                "the secret of client {name:?} {end}: it is refused from then on; give it a new one"
            ),
        ))
    };
    ends.filter_map(warning).collect()
}

/// Reports expiry while the program runs: overdue revocation lists in the log, the dates of the
/// lists and of client secrets in the metrics.
///
/// Ends with the gateway and holds it only weakly, because a stop waits for its store to be
/// released.
pub(super) async fn report_regularly(gateway: Weak<CurrentGateway>, every: Duration) {
    let mut reported = Vec::new();
    loop {
        {
            let Some(current) = gateway.upgrade() else { return };
            let gateway = current.load();
            let gate = &gateway.gate;
            let own = gate.tls.as_ref().and_then(|tls| tls.current().client_verifier.clone());
            let forwarded = gate.forwarded_ca.as_ref().map(|state| state.current());
            let forwarded = forwarded.as_deref();
            let now = gate.clock.now();
            for (of, verifier) in [("server", own.as_ref()), ("proxy", forwarded)] {
                let Some(verifier) = verifier else { continue };
                let Some(due_at) = verifier.crls_due_at() else { continue };
                metrics::crl_due(of, due_at);
                if let Some(reason) =
                    overdue(due_at, now).filter(|_| !reported.contains(&verifier.id()))
                {
                    reported.push(verifier.id());
                    tracing::warn!(of, %reason, "a revocation list is out of date");
                }
            }
            for entry in gate.clients.entries() {
                let known = &entry.credentials;
                for (kind, until) in [("basic", known.basic_until), ("bearer", known.bearer_until)]
                {
                    if let Some(until) = until {
                        let tenant = entry.tenant.as_str();
                        metrics::client_secret_expiry(tenant, &entry.name, kind, until.as_secs());
                    }
                }
            }
        }
        tokio::time::sleep(every).await;
    }
}

/// Sections of trusted CA files that cannot be used.
fn passed_over(config: &Config) -> Vec<(String, String)> {
    let warnings = |(key, file): (String, &Path)| {
        let broken = regular_file::read(file).map(|pem| tls::client::passed_over(&pem));
        let warning = move |broken| {
            let text = format!("{}: {broken}; the other CAs are trusted", file.display());
            (format!("{key}.ca_file"), text)
        };
        broken.unwrap_or_default().into_iter().map(warning).collect::<Vec<_>>()
    };
    files::trusted_cas(config).into_iter().flat_map(warnings).collect()
}

/// The problem with the first certificate of a chain that has expired, soon will, or is not valid
/// yet.
fn problem_of(file: &Path, now: Timestamp) -> Option<String> {
    let chain = pem::certificates(&regular_file::read(file).ok()?).ok()?;
    chain.iter().enumerate().find_map(|(index, der)| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        let (begins, expires) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        let which = match index {
            0 => "the certificate".to_owned(),
            _ => format!("the intermediate certificate of {}", certificate.subject()),
        };
        Some(format!("{which} {}", when(begins, expires, now.as_secs())?))
    })
}

/// The problem with a certificate's dates; `None` if it has none for a while.
fn when(begins: i64, expires: i64, now: i64) -> Option<String> {
    let soon = i64::try_from(SOON.as_secs()).unwrap_or(i64::MAX);
    if now < begins {
        Some(format!("is not valid before {}", shown(begins)))
    } else if now >= expires {
        Some(format!("expired at {} ({} ago)", shown(expires), days(now - expires)))
    } else if now.saturating_add(soon) >= expires {
        Some(format!("expires at {} (in {})", shown(expires), days(expires - now)))
    } else {
        None
    }
}

/// Formats a time in seconds since the Unix epoch.
fn shown(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "?".to_owned(), |t| t.to_string())
}

/// A number of seconds in whole days.
fn days(seconds: i64) -> String {
    match seconds / (24 * 3600) {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::when;

    #[test]
    fn a_certificate_is_warned_about_from_thirty_days_before_it_expires() {
        const DAY: i64 = 24 * 3600;
        let (begins, expires) = (1_000 * DAY, 2_000 * DAY);
        let at = |now| when(begins, expires, now).unwrap_or_default();
        assert_eq!(at(begins - 1), "is not valid before 1972-09-27T00:00:00Z");
        assert_eq!(at(begins), "");
        assert_eq!(at(expires - 30 * DAY - 1), "");
        assert_eq!(at(expires - 30 * DAY), "expires at 1975-06-24T00:00:00Z (in 30 days)");
        assert_eq!(at(expires - 1), "expires at 1975-06-24T00:00:00Z (in less than a day)");
        assert_eq!(at(expires), "expired at 1975-06-24T00:00:00Z (less than a day ago)");
        assert_eq!(at(expires + DAY), "expired at 1975-06-24T00:00:00Z (1 day ago)");
    }
}
