//! Builds a directory from `[tenants.directory]`: the one place that names its adapters.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::kept::Made;
use super::outgoing_tls::{self, outgoing_tls};
use super::report::ConfigReporter;
use crate::client_tls::Proof;
use crate::config::{
    Config, ConfigError, DirectoryConfig, FileConfig, LdapConfig, LookupConfig, NumberMatchConfig,
    ProfileConfig, ServerOrderConfig, TenantConfig,
};
use crate::directory::Directory;
use crate::directory::file::{FileDirectory, doubtful};
use crate::directory::inspection::Inspection;
use crate::directory::ldap::{
    AccountChecks, Confirm, DEFAULT_SEARCHES_PER_CONNECTION, DEFAULT_SIZE_LIMIT, IndexSettings,
    LdapDirectory, LdapInspection, LdapSettings, Lookup, NumberMatch, Profile, ServerOrder,
    ServerUrl, check_filter,
};
use crate::domain::clock::Clock;
use crate::domain::stored_number::NumberingPlan;
use crate::service::registered_directory::RegisteredDirectory;
use crate::store::registry::Registry;

/// Everything that an LDAP directory is built from.
#[derive(PartialEq, Eq)]
pub(super) struct Origin {
    ldap: LdapConfig,
    plan: NumberingPlan,
    account_checks: AccountChecks,
    tls: Option<outgoing_tls::Origin>,
}

/// A tenant's directory before any connection is made.
pub(super) enum Settled {
    /// The store's users, [added](registered) once there is a store.
    Registered,
    /// A file, already read.
    File(Arc<dyn Directory>),
    /// An LDAP directory.
    Ldap(Box<Made<Origin, LdapSettings>>),
}

/// A tenant's directory in use. A file directory is always rebuilt.
pub(super) type Working = Made<Option<Origin>, Arc<dyn Directory>>;

impl Settled {
    /// Starts the directory, or keeps the one from `before` if it was built from the same settings,
    /// with its connections, breakers and number index.
    pub(super) fn start(self, before: Option<&Working>, runtime: &Handle) -> Option<Working> {
        match self {
            Self::Registered => None,
            Self::File(part) => Some(Made { from: None, part }),
            Self::Ldap(settled) => {
                let Made { from, part: settings } = *settled;
                let from = Some(from);
                let part = match before.filter(|before| before.from == from) {
                    Some(before) => Arc::clone(&before.part),
                    None => Arc::new(LdapDirectory::new(settings, runtime.clone())),
                };
                Some(Made { from, part })
            }
        }
    }
}

/// Decides how a tenant's directory is built.
pub(super) fn directory(
    tenant: &TenantConfig,
    runtime: &Handle,
    report: &ConfigReporter<'_>,
) -> Result<Settled, ConfigError> {
    match &tenant.directory {
        DirectoryConfig::Registered => Ok(Settled::Registered),
        DirectoryConfig::File(file) => {
            Ok(Settled::File(Arc::new(file_directory(file, tenant, runtime, report)?)))
        }
        DirectoryConfig::Ldap(ldap) => {
            let (settings, tls) = ldap_settings(ldap, tenant, report)?;
            let LdapSettings { plan, account_checks, .. } = settings;
            // The position in the file is not a setting.
            let ldap = LdapConfig { key: String::new(), ..LdapConfig::clone(ldap) };
            let from = Origin { ldap, plan, account_checks, tls };
            Ok(Settled::Ldap(Box::new(Made { from, part: settings })))
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
            let (settings, _) = ldap_settings(ldap, tenant, report)?;
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
            let (settings, _) = ldap_settings(ldap, tenant, report)?;
            Ok(Arc::new(LdapInspection::new(settings, Arc::clone(clock))))
        }
    }
}

fn file_directory(
    file: &FileConfig,
    tenant: &TenantConfig,
    runtime: &Handle,
    report: &ConfigReporter<'_>,
) -> Result<FileDirectory, ConfigError> {
    FileDirectory::open(&file.file, tenant.caller_ids.numbering, runtime.clone()).map_err(|error| {
        let key = format!("{}.directory.file", tenant.key);
        let problem = |found| report.problem(&key, &found, "a file like config/people.toml");
        let problems = error.each().into_iter().flat_map(|found| problem(found).problems);
        ConfigError { problems: problems.collect() }
    })
}

/// What should be looked at in people files that can be used, each with its key.
pub(super) fn trouble(config: &Config) -> Vec<(String, String)> {
    let files = config.tenants.iter().filter_map(|tenant| match &tenant.directory {
        DirectoryConfig::File(file) => Some((tenant, &file.file)),
        DirectoryConfig::Ldap(_) | DirectoryConfig::Registered => None,
    });
    let is_public = !config.server.listen.ip().to_canonical().is_loopback();
    let told = files.flat_map(|(tenant, file)| {
        let key = format!("{}.directory.file", tenant.key);
        let tell = move |text| (key.clone(), format!("{}: {text}", file.display()));
        doubtful(file, is_public).into_iter().map(tell)
    });
    told.collect()
}

/// The settings of an LDAP directory. Whatever they are built from must be in its [`Origin`].
fn ldap_settings(
    ldap: &LdapConfig,
    tenant: &TenantConfig,
    report: &ConfigReporter<'_>,
) -> Result<(LdapSettings, Option<outgoing_tls::Origin>), ConfigError> {
    let key = |name: &str| format!("{}.{name}", ldap.key);
    let mut servers = Vec::new();
    let mut addresses = Ok(());
    for (index, url) in ldap.servers.iter().enumerate() {
        let server = ServerUrl::parse(url).map_err(|error| {
            report.problem(
                &key(&format!("servers[{index}]")),
                &error,
                "ldap://HOST[:PORT] or ldaps://HOST[:PORT]",
            )
        });
        addresses = both(addresses, server.map(|server| servers.push(server)));
    }
    let filter = check_filter(&ldap.user_filter).map_err(|error| {
        let found = format!("{:?}, which is {error}", ldap.user_filter);
        report.problem(&key("user_filter"), &found, "an LDAP filter (RFC 4515)")
    });
    let needs_tls = ldap.start_tls || servers.iter().any(ServerUrl::is_ldaps);
    let (ca_file, certificate) = (ldap.ca_file.as_deref(), ldap.client_certificate.as_ref());
    let tls = || outgoing_tls(&ldap.key, Proof::Name, ca_file, certificate, report);
    let tls = both(both(addresses, filter), needs_tls.then(tls).transpose())?;
    let origin = tls.as_ref().map(|tls| tls.origin);
    let tls = tls.map(|tls| tls.config);
    let settings = LdapSettings {
        servers,
        start_tls: ldap.start_tls,
        tls,
        bind_dn: ldap.bind_dn.clone(),
        bind_password: ldap.bind_password.0.clone(),
        profile: match ldap.profile {
            ProfileConfig::OpenLdap => Profile::OpenLdap,
            ProfileConfig::Dirsrv | ProfileConfig::FreeIpa => Profile::Dirsrv,
            ProfileConfig::ActiveDirectory => Profile::ActiveDirectory,
        },
        server_order: match ldap.server_order {
            ServerOrderConfig::InOrder => ServerOrder::InOrder,
            ServerOrderConfig::RoundRobin => ServerOrder::RoundRobin,
        },
        base_dns: ldap.base_dns.clone(),
        lookup: match ldap.lookup {
            LookupConfig::Search => Lookup::Search,
            LookupConfig::Index { max_age, poll, full_read, confirm } => {
                let confirm = if confirm { Confirm::Entry } else { Confirm::Nothing };
                Lookup::Index(IndexSettings { max_age, poll, full_read, confirm })
            }
        },
        required_group: ldap.required_group.clone(),
        excluded_group: ldap.excluded_group.clone(),
        group_base_dn: ldap.group_base_dn.clone(),
        pin_attribute: ldap.pin_attribute.clone(),
        user_filter: ldap.user_filter.clone(),
        phone_attributes: ldap.phone_attributes.clone(),
        username_attribute: ldap.username_attribute.clone(),
        id_attribute: ldap.id_attribute.clone(),
        number_match: match ldap.number_match {
            NumberMatchConfig::Equality => NumberMatch::Equality,
            NumberMatchConfig::Patterns => NumberMatch::Patterns,
        },
        size_limit: DEFAULT_SIZE_LIMIT,
        timeout: ldap.timeout,
        search_connections: ldap.search_connections,
        searches_per_connection: DEFAULT_SEARCHES_PER_CONNECTION,
        bind_connections: ldap.bind_connections,
        plan: tenant.caller_ids.numbering,
        account_checks: if tenant.login.password_required {
            AccountChecks::AtTheBind
        } else {
            AccountChecks::FromTheEntry
        },
    };
    Ok((settings, origin))
}

/// The second result, or the problems of both.
fn both<T>(
    first: Result<(), ConfigError>,
    second: Result<T, ConfigError>,
) -> Result<T, ConfigError> {
    match (first, second) {
        (Ok(()), second) => second,
        (Err(error), Ok(_)) => Err(error),
        (Err(mut error), Err(other)) => {
            error.problems.extend(other.problems);
            Err(error)
        }
    }
}
