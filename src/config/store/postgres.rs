//! `[store]` with a PostgreSQL database: its URL, password and TLS.

use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret;
use tokio_postgres::config::Host;

use super::raw::RawStore;
use crate::config::check::{Problems, is_loopback};
use crate::config::secrets::{self, Form};
use crate::config::tls_files::{self, TlsFiles};
use crate::domain::secret::SecretText;
use crate::store::postgres::settings::{PostgresServer, PostgresSettings, SslMode};

/// A PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresConfig {
    /// The adapter's settings, without TLS.
    pub settings: PostgresSettings,
    /// The files that TLS is set up from.
    pub tls_files: TlsFiles,
}

const URL: &str = "store.url";
pub(super) const ACCEPTED: &str =
    "sqlite:PATH or postgres://USER@HOST[:PORT][,HOST…]/DATABASE?sslmode=…";
const ESCAPE: &str = "a password whose @, / and ? are percent-encoded, or password_file";
const PARAMETERS: &str = "sslmode, sslrootcert, sslcert, sslkey, connect_timeout, \
    application_name, options, channel_binding, target_session_attrs, host, port, user, dbname";

pub(super) fn check(
    raw: RawStore,
    url: &str,
    timeout: Duration,
    problems: &mut Problems,
) -> Option<PostgresConfig> {
    let (mut login, tls) = read_url(url, problems)?;
    let password = password(raw.password, raw.password_file.as_deref(), &login, problems);
    if let Some(password) = password {
        login.password(password.expose_secret());
    }
    if login.get_application_name().is_none() {
        login.application_name("dialpass");
    }
    let servers = servers(&login, problems)?;
    let plain_allowed = raw.allow_plain_postgres == Some(true);
    let ssl_mode = ssl_mode(tls.mode.as_deref(), &servers, plain_allowed, problems)?;
    let ca_file = match (raw.ca_file, tls.root) {
        (Some(_), Some(_)) => {
            problems.add("store.ca_file", "ca_file beside the URL's sslrootcert", "one of them");
            None
        }
        (Some(path), None) => Some(problems.readable("store.ca_file", &path)),
        (None, Some(root)) if root == "system" => None,
        (None, Some(root)) => Some(problems.readable("store.url (sslrootcert)", Path::new(&root))),
        (None, None) => None,
    };
    let (certificate, private_key) = (
        raw.client_certificate.or(tls.certificate.map(PathBuf::from)),
        raw.client_private_key.or(tls.key.map(PathBuf::from)),
    );
    let client_certificate = tls_files::client_certificate(
        "store",
        certificate.as_deref(),
        private_key.as_deref(),
        problems,
    );
    let asked = login.get_connect_timeout().copied();
    let connect_timeout = asked.unwrap_or(timeout / 2).clamp(Duration::from_millis(50), timeout);
    let connections = raw.connections.unwrap_or(16);
    let settings = PostgresSettings {
        servers,
        ssl_mode,
        tls: None,
        connections: problems.within("store.connections", connections, 1, 500),
        timeout,
        connect_timeout,
    };
    Some(PostgresConfig { settings, tls_files: TlsFiles { ca_file, client_certificate } })
}

/// The URL's parameters about TLS.
#[derive(Default)]
struct TlsParameters {
    mode: Option<String>,
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

/// Reads the URL. The TLS parameters are handled here, the rest by the client library.
fn read_url(url: &str, problems: &mut Problems) -> Option<(tokio_postgres::Config, TlsParameters)> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut tls, mut rest) = (TlsParameters::default(), Vec::new());
    let mut names = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if names.contains(&name) {
            problems.add(URL, "a parameter twice", "each parameter once");
        }
        names.push(name);
        let Ok(text) = percent_decode_str(value).decode_utf8() else {
            problems.add(URL, format!("{name}, whose value is not UTF-8"), ACCEPTED);
            return None;
        };
        let text = text.into_owned();
        match name {
            "sslmode" => tls.mode = Some(text),
            "sslrootcert" => tls.root = Some(text),
            "sslcert" => tls.certificate = Some(text),
            "sslkey" => tls.key = Some(text),
            // The server that accepts writes is always chosen.
            "target_session_attrs" if matches!(text.as_str(), "read-write" | "primary") => {}
            "target_session_attrs" => {
                problems.add(URL, format!("target_session_attrs={text}"), "read-write, or nothing");
            }
            "connect_timeout" | "application_name" | "options" | "channel_binding" | "host"
            | "port" | "user" | "dbname" | "password" => rest.push(pair),
            // Anything else may be part of a password that contains a `?`.
            _ if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
                problems.add(URL, format!("the parameter {name}"), PARAMETERS);
            }
            _ => problems.add(URL, "an unknown parameter", ESCAPE),
        }
    }
    let rest = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    let login = rest.parse();
    if login.is_err() {
        // The library's message may contain part of the password.
        problems.add(URL, "a URL that cannot be read", ACCEPTED);
    }
    Some((login.ok()?, tls))
}

fn password(
    text: Option<SecretText>,
    file: Option<&Path>,
    login: &tokio_postgres::Config,
    problems: &mut Problems,
) -> Option<secrecy::SecretString> {
    if text.is_none() && file.is_none() {
        return None;
    }
    if login.get_password().is_some() {
        problems.add("store.password", "a password beside that in store.url", "one of them");
        return None;
    }
    secrets::secret("store", "password", Form::Line, text, file, problems)
}

/// One login per host.
fn servers(login: &tokio_postgres::Config, problems: &mut Problems) -> Option<Vec<PostgresServer>> {
    let (hosts, ports) = (login.get_hosts(), login.get_ports());
    let Some(user) = login.get_user().filter(|user| !user.is_empty()) else {
        problems.add(URL, "no user", ACCEPTED);
        return None;
    };
    if hosts.is_empty() || (ports.len() > 1 && ports.len() != hosts.len()) {
        problems.add(URL, "no host, or not one port for each host", ACCEPTED);
        return None;
    }
    let is_name = |host: &&Host| match host {
        Host::Tcp(host) => {
            host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte))
        }
        Host::Unix(_) => true,
    };
    if !hosts.iter().all(|host| is_name(&host)) {
        // It may be part of a password.
        problems.add(URL, "an invalid host name", ESCAPE);
        return None;
    }
    let server = |(index, host): (usize, &Host)| {
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        let mut one = tokio_postgres::Config::new();
        one.user(user).port(port).channel_binding(login.get_channel_binding());
        one.dbname(login.get_dbname().unwrap_or(user));
        let name = match host {
            Host::Tcp(host) => {
                one.host(host);
                format!("{host}:{port}")
            }
            Host::Unix(folder) => {
                one.host_path(folder);
                folder.display().to_string()
            }
        };
        login.get_password().map(|password| one.password(password));
        login.get_options().map(|options| one.options(options));
        login.get_application_name().map(|name| one.application_name(name));
        PostgresServer { name, login: one }
    };
    Some(hosts.iter().enumerate().map(server).collect())
}

/// Whether and how TLS is used; plain text only on this machine or if allowed.
fn ssl_mode(
    text: Option<&str>,
    servers: &[PostgresServer],
    plain_allowed: bool,
    problems: &mut Problems,
) -> Option<SslMode> {
    // libpq's own default.
    let mode = SslMode::parse(text.unwrap_or("prefer"));
    let Some(mode) = mode else {
        let accepted = "disable, allow, prefer, require, verify-ca or verify-full";
        let mode = text.unwrap_or_default();
        problems.add_word("store.url (sslmode)", mode, SslMode::NAMES, accepted);
        return None;
    };
    let away = servers.iter().find(|server| !server.login.get_hosts().iter().all(is_local));
    if let Some(server) = away.filter(|_| !mode.is_encrypted() && !plain_allowed) {
        let found = text.map_or("no sslmode".to_owned(), |text| format!("sslmode={text}"));
        problems.add(
            URL,
            format!("{found}, which may send passwords and calls in clear to {}", server.name),
            "sslmode=verify-full, or verify-ca or require, or (knowing that) \
             allow_plain_postgres = true",
        );
    }
    Some(mode)
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(host) => is_loopback(host),
        Host::Unix(_) => true,
    }
}
