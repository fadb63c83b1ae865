//! `[store]`: a file, or a database and its connection settings.

mod postgres;
mod raw;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::postgres::PostgresConfig;
pub(super) use self::raw::RawStore;
use super::check::Problems;
use super::permissions;

/// `[store]`.
#[derive(Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// The file or database.
    pub backend: StoreBackend,
    /// Timeout of one step.
    pub timeout: Duration,
}

/// What stores codes and counts.
#[derive(Debug, PartialEq, Eq)]
pub enum StoreBackend {
    /// A SQLite database file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(PostgresConfig),
}

/// The key of the URL.
const URL: &str = "store.url";

/// Checks the section.
pub(super) fn check(raw: RawStore, problems: &mut Problems) -> Option<StoreConfig> {
    let secs = Duration::from_secs;
    let timeout =
        problems.span("store.timeout", raw.timeout, secs(2), Duration::from_millis(100), secs(30));
    let url = raw.url.clone().unwrap_or_else(|| "sqlite:data/dialpass.db".to_owned());
    // A store's URL may hold a password.
    let scheme = url.split_once(':').map_or("text without a scheme", |(scheme, _)| scheme);
    let backend = match scheme {
        "postgres" | "postgresql" => {
            StoreBackend::Postgres(postgres::check(raw, &url, timeout, problems)?)
        }
        "sqlite" if url.len() > "sqlite:".len() => {
            refuse_keys_of_postgres(&raw, problems);
            let path = &url["sqlite:".len()..];
            let path = path.strip_prefix("//").unwrap_or(path);
            // SQLite would not take these as the name of a file.
            if path.starts_with(':') || path.contains('?') {
                problems.add(URL, &url, "sqlite:PATH, the path of a file");
            }
            let path = problems.resolve(URL, Path::new(path));
            if path.is_dir() {
                problems.add(URL, format!("{}, a folder", path.display()), "the path of a file");
            }
            permissions::of_secret(URL, &path, problems);
            StoreBackend::Sqlite(path)
        }
        _ => {
            problems.add(URL, scheme, postgres::ACCEPTED);
            return None;
        }
    };
    Some(StoreConfig { backend, timeout })
}

fn refuse_keys_of_postgres(raw: &RawStore, problems: &mut Problems) {
    let given = [
        ("password", raw.password.is_some()),
        ("password_file", raw.password_file.is_some()),
        ("ca_file", raw.ca_file.is_some()),
        ("client_certificate", raw.client_certificate.is_some()),
        ("client_private_key", raw.client_private_key.is_some()),
        ("allow_plain_postgres", raw.allow_plain_postgres.is_some()),
        ("connections", raw.connections.is_some()),
    ];
    for (name, _) in given.iter().filter(|(_, given)| *given) {
        problems.add(
            &format!("store.{name}"),
            "a value, though store.url names a file",
            "no value: the key is for PostgreSQL databases",
        );
    }
}
