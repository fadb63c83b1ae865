//! What commands start from (a runtime, the configuration's source, the tenant), and how they end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio::runtime::Runtime;

use super::output;
use crate::app::{Source, StartError};
use crate::config::{Config, ConfigError, TenantConfig};

/// Exit status for a configuration that cannot be used (`EX_CONFIG`, sysexits.h).
pub(super) const EX_CONFIG: u8 = 78;

/// How a command ended: its exit status, or why it failed.
pub(super) type CommandResult = Result<ExitCode, StartError>;

/// The runtime that a command works on.
pub(super) fn runtime() -> Result<Runtime, StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    Ok(runtime.map_err(anyhow::Error::from)?)
}

/// The configuration in this file and the environment.
pub(super) fn source(path: PathBuf) -> Source {
    Source { path, environment: std::env::vars().collect() }
}

/// The requested tenant, or the only one.
pub(super) fn find_tenant<'a>(
    config: &'a Config,
    tenant: Option<&str>,
    path: &Path,
) -> Result<&'a TenantConfig, StartError> {
    let found = match (tenant, config.tenants.as_slice()) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(id), all) => all.iter().find(|tenant| tenant.id.as_str() == id),
    };
    found.ok_or_else(|| {
        let ids: Vec<&str> = config.tenants.iter().map(|tenant| tenant.id.as_str()).collect();
        wrong_argument(path, "--tenant", tenant.unwrap_or("nothing"), &ids.join(", "))
    })
}

/// An error about an argument that does not fit the configuration.
pub(super) fn wrong_argument(path: &Path, key: &str, found: &str, accepted: &str) -> StartError {
    StartError::Config(ConfigError::one(path, key, &output::replace_controls(found), accepted))
}
