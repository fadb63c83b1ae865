//! Builds a directory from `[tenants.directory]`: the one place that names its adapters.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::outgoing_tls::outgoing_tls;
use super::report::ConfigReporter;
use super::reuse::Reusable;
use crate::config::{Config, ConfigError, DirectoryConfig, LdapConfig, TenantConfig};
use crate::directory::Directory;
use crate::directory::file::{FileDirectory, doubtful};
use crate::directory::inspection::Inspection;
use crate::directory::ldap::{LdapDirectory, LdapInspection, LdapSettings, Lookup, ServerUrl};
use crate::domain::clock::Clock;
use crate::domain::user::Ambiguity;
use crate::service::registered_directory::RegisteredDirectory;
use crate::store::registry::Registry;
use crate::tls::client::Proof;

/// A tenant's directory before any connection is made.
pub(super) enum PreparedDirectory {
    /// The store's users, [added](registered) once there is a store.
    Registered,
    /// A file, already read.
    File(Arc<dyn Directory>),
    /// An LDAP directory.
    Ldap(Box<LdapSettings>),
}

/// A tenant's directory in use. A file directory is always rebuilt.
pub(super) type ReusableDirectory = Reusable<Option<LdapSettings>, Arc<dyn Directory>>;

impl PreparedDirectory {
    /// Starts the directory, or keeps the one from `before` if it was built from the same settings,
    /// with its connections, breakers and number index.
    pub(super) fn start(
        self,
        before: Option<&ReusableDirectory>,
        runtime: &Handle,
    ) -> Option<ReusableDirectory> {
        match self {
            Self::Registered => None,
            Self::File(part) => Some(Reusable { from: None, part }),
            Self::Ldap(settings) => {
                let part = match before.filter(|before| before.from.as_ref() == Some(&*settings)) {
                    Some(before) => Arc::clone(&before.part),
                    None => Arc::new(LdapDirectory::new(*settings.clone(), runtime.clone())),
                };
                Some(Reusable { from: Some(*settings), part })
            }
        }
    }
}

/// Decides how a tenant's directory is built.
pub(super) fn directory(
    tenant: &TenantConfig,
    runtime: &Handle,
    report: &ConfigReporter<'_>,
) -> Result<PreparedDirectory, ConfigError> {
    match &tenant.directory {
        DirectoryConfig::Registered => Ok(PreparedDirectory::Registered),
        DirectoryConfig::File(file) => {
            Ok(PreparedDirectory::File(Arc::new(file_directory(file, tenant, runtime, report)?)))
        }
        DirectoryConfig::Ldap(ldap) => {
            Ok(PreparedDirectory::Ldap(Box::new(with_tls(ldap, tenant, report)?)))
        }
    }
}

/// The directory of a tenant's registered users, if it has that kind.
pub(super) fn registered(
    tenant: &TenantConfig,
    registry: &Arc<dyn Registry>,
) -> Option<Arc<dyn Directory>> {
    matches!(tenant.directory, DirectoryConfig::Registered)
        .then(|| Arc::new(RegisteredDirectory::new(tenant.id.clone(), Arc::clone(registry))) as _)
}

/// The error that this command needs a directory outside the store.
fn not_the_stores(report: &ConfigReporter<'_>) -> ConfigError {
    report.problem(
        "tenants.directory.kind",
        &"\"registered\", whose users are in the store",
        "for this command a tenant whose directory is of another kind",
    )
}

/// Builds a tenant's directory for looking up names, without the number index, which takes time to
/// build.
pub(super) fn directory_of_names(
    tenant: &TenantConfig,
    runtime: &Handle,
    report: &ConfigReporter<'_>,
) -> Result<Arc<dyn Directory>, ConfigError> {
    match &tenant.directory {
        DirectoryConfig::Registered => Err(not_the_stores(report)),
        DirectoryConfig::File(file) => Ok(Arc::new(file_directory(file, tenant, runtime, report)?)),
        DirectoryConfig::Ldap(ldap) => {
            let settings = with_tls(ldap, tenant, report)?;
            let settings = LdapSettings { lookup: Lookup::Never, ..settings };
            Ok(Arc::new(LdapDirectory::new(settings, runtime.clone())))
        }
    }
}

/// Builds the adapter through which an administrator inspects a tenant's directory.
pub(super) fn inspection(
    tenant: &TenantConfig,
    runtime: &Handle,
    clock: &Arc<dyn Clock>,
    report: &ConfigReporter<'_>,
) -> Result<Arc<dyn Inspection>, ConfigError> {
    match &tenant.directory {
        DirectoryConfig::Registered => Err(not_the_stores(report)),
        DirectoryConfig::File(file) => Ok(Arc::new(file_directory(file, tenant, runtime, report)?)),
        DirectoryConfig::Ldap(ldap) => {
            let settings = with_tls(ldap, tenant, report)?;
            Ok(Arc::new(LdapInspection::new(settings, Arc::clone(clock))))
        }
    }
}

fn file_directory(
    file: &Path,
    tenant: &TenantConfig,
    runtime: &Handle,
    report: &ConfigReporter<'_>,
) -> Result<FileDirectory, ConfigError> {
    FileDirectory::open(file, tenant.caller_ids.numbering, runtime.clone()).map_err(|error| {
        let key = format!("{}.directory.file", tenant.key);
        let problem = |found| report.problem(&key, &found, "a file like config/people.toml");
        let problems = error.each().into_iter().flat_map(|found| problem(found).problems);
        ConfigError { problems: problems.collect() }
    })
}

/// The warnings about usable people files, each with its key.
pub(super) fn warnings(config: &Config) -> Vec<(String, String)> {
    let files = config.tenants.iter().filter_map(|tenant| match &tenant.directory {
        DirectoryConfig::File(file) => Some((tenant, file)),
        DirectoryConfig::Ldap(_) | DirectoryConfig::Registered => None,
    });
    let is_public = !config.server.listen.ip().to_canonical().is_loopback();
    let warnings = files.flat_map(|(tenant, file)| {
        let key = format!("{}.directory.file", tenant.key);
        let warning = move |text| (key.clone(), format!("{}: {text}", file.display()));
        doubtful(file, is_public, tenant.ambiguity == Ambiguity::Pin).into_iter().map(warning)
    });
    warnings.collect()
}

/// The settings of an LDAP directory, with TLS if a connection uses it.
fn with_tls(
    ldap: &LdapConfig,
    tenant: &TenantConfig,
    report: &ConfigReporter<'_>,
) -> Result<LdapSettings, ConfigError> {
    let mut settings = ldap.settings.clone();
    if settings.start_tls || settings.servers.iter().any(ServerUrl::is_ldaps) {
        let key = format!("{}.directory", tenant.key);
        settings.tls = Some(outgoing_tls(&key, Proof::Name, &ldap.tls_files, report)?);
    }
    Ok(settings)
}
