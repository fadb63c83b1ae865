//! Builds the store from `[store]`: the one place that names its adapters.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustix::fs::Access;
use tokio::runtime::Handle;

use super::outgoing_tls::outgoing_tls;
use super::report::ConfigReporter;
use super::source::StartError;
use crate::config::{Config, ConfigError, PostgresConfig, StoreBackend, StoreConfig, files_beside};
use crate::domain::clock::Clock;
use crate::regular_file;
use crate::store::personal_records::PersonalRecords;
use crate::store::postgres::{PostgresAdministration, PostgresSettings, PostgresStore, SslMode};
use crate::store::registry::{AccessKeys, Registry};
use crate::store::sqlite::{OpenError, SqliteAdministration, SqliteStore, inspect};
use crate::store::{Administration, Grants, ReportedCalls, StoreHealth, Tries};
use crate::tls::client::Proof;

/// How long an administrator's command waits for the store at least: longer than a gateway's step
/// would, because an administrator wants the answer.
const ADMINISTRATOR_PATIENCE: Duration = Duration::from_secs(10);

/// What an administrator who may not use the file can do.
const RUN_AS: &str = "run this as the user that the gateway runs as (sudo -u USER dialpass …), or \
    as root where that is a systemd DynamicUser";

/// One store, by its ports.
pub(super) struct Store {
    /// Codes.
    pub grants: Arc<dyn Grants>,
    /// Reported calls.
    pub reported_calls: Arc<dyn ReportedCalls>,
    /// Tries.
    pub tries: Arc<dyn Tries>,
    /// Registered users.
    pub registry: Arc<dyn Registry>,
    /// Whether it works.
    pub health: Arc<dyn StoreHealth>,
}

impl Store {
    fn new<S>(store: S) -> Self
    where
        S: Grants + ReportedCalls + Tries + Registry + StoreHealth + 'static,
    {
        let store = Arc::new(store);
        Self {
            grants: Arc::clone(&store) as _,
            reported_calls: Arc::clone(&store) as _,
            tries: Arc::clone(&store) as _,
            registry: Arc::clone(&store) as _,
            health: store,
        }
    }
}

/// Opens the store.
pub(super) async fn open(
    config: &Config,
    clock: &Arc<dyn Clock>,
    runtime: &Handle,
) -> Result<Store, StartError> {
    match &config.store.backend {
        StoreBackend::Sqlite(path) => Ok(Store::new(sqlite(path, &config.store, clock)?)),
        StoreBackend::Postgres(postgres) => {
            let settings = settings(postgres, &ConfigReporter(&config.positions))?;
            let opened = PostgresStore::open(settings, runtime).await;
            let store = opened.context("store.url names a database that cannot be used")?;
            Ok(Store::new(store))
        }
    }
}

/// One store as administrators' commands use it, by its ports.
pub struct AdministratorsStore {
    /// Codes and counts.
    pub administration: Arc<dyn Administration>,
    /// Access keys.
    pub access_keys: Arc<dyn AccessKeys>,
    /// Personal records.
    pub personal_records: Arc<dyn PersonalRecords>,
}

impl AdministratorsStore {
    fn new<S: Administration + AccessKeys + PersonalRecords + 'static>(store: S) -> Self {
        let store = Arc::new(store);
        Self {
            administration: Arc::clone(&store) as _,
            access_keys: Arc::clone(&store) as _,
            personal_records: store,
        }
    }
}

/// Opens the store for an administrator, beside gateways that may be using it.
pub(super) async fn administration(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<AdministratorsStore, StartError> {
    match &config.store.backend {
        StoreBackend::Sqlite(path) => {
            let clock = Arc::clone(clock);
            let opened = SqliteAdministration::open(path, ADMINISTRATOR_PATIENCE, clock);
            let store = opened.map_err(|error| {
                let permission = matches!(error, OpenError::NotWritable { .. });
                let error = anyhow::Error::from(error);
                if permission { error.context(RUN_AS) } else { error }
            });
            Ok(AdministratorsStore::new(store.context("the store (store.url) cannot be opened")?))
        }
        StoreBackend::Postgres(postgres) => {
            let mut settings = settings(postgres, &ConfigReporter(&config.positions))?;
            settings.timeout = settings.timeout.max(ADMINISTRATOR_PATIENCE);
            settings.connect_timeout = settings.connect_timeout.max(ADMINISTRATOR_PATIENCE);
            let opened = PostgresAdministration::open(settings).await;
            let store = opened.context("store.url names a database that cannot be used")?;
            Ok(AdministratorsStore::new(store))
        }
    }
}

/// Checks the section as far as possible without the network. Reads a database file only if this
/// process does not have it open: closing it again would drop `SQLite`'s locks.
pub(super) fn check(
    store: &StoreConfig,
    is_open: bool,
    report: &ConfigReporter<'_>,
) -> Result<(), ConfigError> {
    match &store.backend {
        StoreBackend::Sqlite(path) => {
            let shown = path.display();
            can_open(path).map_err(|error| {
                let found = format!("{shown}, which cannot be opened ({error})");
                report.problem("store.url", &found, MAY_WRITE)
            })?;
            can_use_beside(path, report)?;
            if is_open { Ok(()) } else { is_ours(path, report) }
        }
        StoreBackend::Postgres(postgres) => settings(postgres, report).map(|_| ()),
    }
}

/// What is accepted if the store's file cannot be opened or created.
const MAY_WRITE: &str = "a file that this user may write, in a folder where it may make files; the \
    folder is made if its parent is there";

/// Refuses an existing file that is not a database of this program.
fn is_ours(path: &Path, report: &ConfigReporter<'_>) -> Result<(), ConfigError> {
    inspect(path).map_err(|error| {
        let (found, accepted) = match error {
            OpenError::Newer { found, known, .. } => (
                format!(
                    "a database of schema version {found}, where this release knows up to {known}"
                ),
                "the newer release, or a path where there is no file yet",
            ),
            OpenError::NotOurs { reason, .. } => (
                format!("which is not a dialpass database ({reason})"),
                "the path of a dialpass database, or one where there is no file yet: name another \
                 file, or move this one away",
            ),
            other => (format!("which cannot be used ({other})"), MAY_WRITE),
        };
        report.problem("store.url", &format!("{}, {found}", path.display()), accepted)
    })
}

/// Refuses unusable files in the places of those that `SQLite` keeps beside the database.
fn can_use_beside(path: &Path, report: &ConfigReporter<'_>) -> Result<(), ConfigError> {
    // They are beside the target of a symbolic link.
    let real = regular_file::followed(path).unwrap_or_else(|_| path.to_owned());
    for beside in files_beside(&real) {
        let validate = match regular_file::followed(&beside).and_then(|real| real.metadata()) {
            Ok(metadata) => regular_file::refuse_others(&metadata).and_then(|()| {
                Ok(rustix::fs::access(&beside, Access::READ_OK | Access::WRITE_OK)?)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = validate {
            let found = format!(
                "{}, beside which {} cannot be used ({error})",
                path.display(),
                beside.display()
            );
            let accepted = "a database beside which SQLite may make this file, or has made it for \
                            this user: move away what stands there, or give it to this user";
            return Err(report.problem("store.url", &found, accepted));
        }
    }
    Ok(())
}

/// Checks whether [`sqlite`] could open or create the file and its folder, without doing either.
fn can_open(path: &Path) -> io::Result<()> {
    let path = &regular_file::followed(path)?;
    let folder = regular_file::folder(path);
    match path.metadata() {
        Ok(metadata) => {
            regular_file::refuse_others(&metadata)?;
            rustix::fs::access(path, Access::READ_OK | Access::WRITE_OK)?;
            regular_file::can_make_in(folder)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let is_there = folder.exists();
            regular_file::can_make_in(if is_there { folder } else { regular_file::folder(folder) })
        }
        Err(error) => Err(error),
    }
}

/// Brings the store's schema up to date; returns the result in words.
pub(super) async fn migrate(config: &Config, clock: &Arc<dyn Clock>) -> Result<String, StartError> {
    match &config.store.backend {
        StoreBackend::Sqlite(path) => {
            sqlite(path, &config.store, clock)?;
            Ok(format!("{}: the schema is up to date", path.display()))
        }
        StoreBackend::Postgres(postgres) => {
            let settings = settings(postgres, &ConfigReporter(&config.positions))?;
            let migrated = PostgresStore::migrate(settings).await;
            let schema = migrated.context("store.url names a database that cannot be migrated")?;
            let (version, applied) = (schema.version, schema.applied);
            Ok(format!("the schema has version {version}; steps taken now: {applied}"))
        }
    }
}

fn sqlite(path: &Path, store: &StoreConfig, clock: &Arc<dyn Clock>) -> anyhow::Result<SqliteStore> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
        && !folder.exists()
    {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().mode(0o700).create(folder).with_context(|| {
            format!(
                "the store's folder {} cannot be made: create it, owned by this user",
                folder.display()
            )
        })?;
    }
    SqliteStore::open(path, store.timeout, Arc::clone(clock))
        .with_context(|| format!("store.url names {}, which cannot be opened", path.display()))
}

/// The settings of a database, with TLS unless it is switched off.
fn settings(
    postgres: &PostgresConfig,
    report: &ConfigReporter<'_>,
) -> Result<PostgresSettings, ConfigError> {
    let files = &postgres.tls_files;
    let proof = match postgres.settings.ssl_mode {
        SslMode::Disable => None,
        // As with libpq, a CA that is given must have signed the certificate.
        SslMode::Allow | SslMode::Prefer | SslMode::Require if files.ca_file.is_some() => {
            Some(Proof::Chain)
        }
        SslMode::Allow | SslMode::Prefer | SslMode::Require => Some(Proof::Nothing),
        SslMode::VerifyCa => Some(Proof::Chain),
        SslMode::VerifyFull => Some(Proof::Name),
    };
    let tls = proof.map(|proof| outgoing_tls("store", proof, files, report)).transpose()?;
    Ok(PostgresSettings { tls, ..postgres.settings.clone() })
}
