//! `dev-certs`: certificates for trying out TLS.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use time::OffsetDateTime;

use super::setup::CommandResult;
use crate::domain::clock::{Clock, SystemClock};

/// Lifetime of the certificates, in days.
const DAYS: i64 = 365;

pub(super) fn run(dir: &Path, hosts: &[String], client: &str, force: bool) -> CommandResult {
    std::fs::create_dir_all(dir)
        .with_context(|| format!("cannot create the folder {}", dir.display()))?;
    let names =
        ["ca.pem", "clients-ca.pem", "server.pem", "server.key", "client.pem", "client.key"];
    if let Some(there) = names.iter().find(|name| !force && dir.join(name).exists()) {
        return Err(anyhow::anyhow!(
            "{} already exists; --force replaces it",
            dir.join(there).display()
        )
        .into());
    }
    let ca = authority().context("cannot create the CA")?;
    let mut server_names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    server_names.extend_from_slice(hosts);
    let server = leaf(&ca, server_names, "dialpass", ExtendedKeyUsagePurpose::ServerAuth)
        .context("cannot create the server certificate: is --host a DNS name or an address?")?;
    let client = leaf(&ca, vec![client.to_owned()], client, ExtendedKeyUsagePurpose::ClientAuth)
        .context("cannot create the client certificate: is --client a DNS name?")?;
    let files = [
        ("ca.pem", ca.pem()),
        ("clients-ca.pem", ca.pem()),
        ("server.pem", server.0),
        ("server.key", server.1),
        ("client.pem", client.0),
        ("client.key", client.1),
    ];
    for (name, text) in files {
        let path = dir.join(name);
        let secret = path.extension().is_some_and(|extension| extension == "key");
        write(&path, &text, if secret { 0o600 } else { 0o644 })
            .with_context(|| format!("{} cannot be written", path.display()))?;
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = dated(CertificateParams::new(Vec::new())?);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "dialpass development CA");
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

/// A certificate and its key, both PEM.
fn leaf(
    ca: &CertifiedIssuer<'static, KeyPair>,
    names: Vec<String>,
    common_name: &str,
    purpose: ExtendedKeyUsagePurpose,
) -> Result<(String, String), rcgen::Error> {
    let mut params = dated(CertificateParams::new(names)?);
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, ca)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Valid from yesterday, because clocks differ.
fn dated(mut params: CertificateParams) -> CertificateParams {
    let now = OffsetDateTime::from_unix_timestamp(SystemClock.now().as_secs())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    params.not_before = now - time::Duration::days(1);
    params.not_after = now + time::Duration::days(DAYS);
    params
}

fn write(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    // An existing file would keep its mode, so it is removed first.
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())
}
