//! The certificate files that a configuration names, and when the certificates in them expire.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::config::{Config, DirectoryConfig, StoreBackend};
use crate::regular_file;
use crate::tls::pem;

/// The files of the certificates that this server shows to others, each with its key and with what
/// its end means.
pub(super) fn shown(config: &Config) -> Vec<(String, &Path, &'static str)> {
    let mut all = Vec::new();
    if let Some(tls) = &config.server.tls {
        let what = "clients that check certificates refuse this server";
        all.push(("server.tls.certificate".to_owned(), tls.certificate.as_path(), what));
    }
    for tenant in &config.tenants {
        if let DirectoryConfig::Ldap(ldap) = &tenant.directory
            && let Some((chain, _)) = &ldap.tls_files.client_certificate
        {
            let what = "directory servers that check it refuse this one";
            all.push((
                format!("{}.directory.client_certificate", tenant.key),
                chain.as_path(),
                what,
            ));
        }
    }
    if let StoreBackend::Postgres(postgres) = &config.store.backend
        && let Some((chain, _)) = &postgres.tls_files.client_certificate
    {
        let what = "database servers that check it refuse this one";
        all.push(("store.client_certificate".to_owned(), chain.as_path(), what));
    }
    all
}

/// The files of certificates that expire: those that this server shows, and the CAs that it trusts,
/// each with its key.
pub(in crate::app) fn all(config: &Config) -> Vec<(String, &Path)> {
    let shown = shown(config).into_iter().map(|(key, file, _)| (key, file));
    let trusted =
        trusted_cas(config).into_iter().map(|(key, file)| (format!("{key}.ca_file"), file));
    let server = &config.server;
    let own = server.tls.iter().filter_map(|tls| tls.client_ca.as_deref());
    let own = own.map(|file| ("server.tls.client_ca".to_owned(), file));
    let proxies = server.proxy_client_ca.as_deref();
    let proxies = proxies.map(|file| ("server.proxy_client_ca".to_owned(), file));
    let clients = config.tenants.iter().flat_map(|tenant| &tenant.clients);
    let clients = clients.filter_map(|client| {
        let file = client.certificate_ca.as_deref()?;
        Some((format!("{}.certificate.ca_file", client.key), file))
    });
    shown.chain(trusted).chain(own).chain(proxies).chain(clients).collect()
}

/// When the first certificate in a file expires, in seconds since the Unix epoch; `None` if it has
/// none that can be read.
pub(in crate::app) fn first_expiry(file: &Path) -> Option<i64> {
    let all = pem::certificates(&regular_file::read(file).ok()?).ok()?;
    let expiry = |der: &CertificateDer<'_>| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(certificate.validity().not_after.timestamp())
    };
    all.iter().filter_map(expiry).min()
}

/// The files of CAs that are trusted for outgoing TLS, each with its section.
pub(super) fn trusted_cas(config: &Config) -> Vec<(String, &Path)> {
    let mut files: Vec<(String, &Path)> = Vec::new();
    for tenant in &config.tenants {
        if let DirectoryConfig::Ldap(ldap) = &tenant.directory {
            let key = format!("{}.directory", tenant.key);
            files.extend(ldap.tls_files.ca_file.iter().map(|file| (key.clone(), file.as_path())));
        }
    }
    let sms = config.tenants.iter().filter_map(|tenant| tenant.sms.as_ref());
    for provider in sms.flat_map(|sms| &sms.providers) {
        files.extend(provider.ca_file.iter().map(|file| (provider.key.clone(), file.as_path())));
    }
    for client in config.tenants.iter().flat_map(|tenant| &tenant.clients) {
        let key = format!("{}.oauth2", client.key);
        files.extend(client.jwks_ca.iter().map(|file| (key.clone(), file.as_path())));
    }
    if let StoreBackend::Postgres(postgres) = &config.store.backend {
        files.extend(
            postgres.tls_files.ca_file.iter().map(|file| ("store".to_owned(), file.as_path())),
        );
    }
    if let Some(push) = &config.push {
        files.extend(push.ca_file.iter().map(|file| ("push".to_owned(), file.as_path())));
    }
    files
}
