//! The configuration file: its sections as written, and what they mean once checked.
//!
//! Order: defaults, then the file, then the environment (`DIALPASS_SERVER__LISTEN` sets
//! `server.listen`; arrays such as `[[tenants]]` are set in the file only). Every key is
//! documented in `config/default.toml`. Nothing here opens a socket or names an adapter.

mod check;
mod clients;
mod directory;
mod error;
mod ldap;
mod push;
mod raw;
mod secrets;
mod server;
mod sms;
mod store;
mod tenants;
mod values;

use std::path::{Path, PathBuf};

pub use check::Problems;
pub use error::{ConfigError, Problem};
pub use push::PushConfig;
pub use server::{
    AuditConfig, ClientCertificates, Config, FloodConfig, KeysConfig, LogConfig, LogFormat,
    OpsConfig, ServerConfig, TlsConfig,
};
pub use sms::{BodyConfig, MethodConfig, SmsConfig, SmsProviderConfig, TextConfig};
pub use store::{PostgresConfig, SslMode, StoreConfig, StorePlace};
pub use tenants::{
    AppConfig, ClientConfig, CredentialConfig, DirectoryConfig, FileConfig, LdapConfig,
    LookupConfig, NumberMatchConfig, OAuth2Config, PinConfig, ProfileConfig, ServerOrderConfig,
    SpokenConfig, StatusStyle, TenantConfig,
};

/// Reads and checks a configuration file.
///
/// # Errors
/// [`ConfigError`] with every problem found: file, key, what was found, what is accepted.
pub fn load(path: &Path, environment: &[(String, String)]) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        ConfigError::one(
            path,
            "",
            &format!("a file that cannot be read ({error})"),
            "a TOML file that this user may read",
        )
    })?;
    let directory = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    parse(path, &text, &directory, environment)
}

/// Checks a configuration given as text. `path` is what errors name, and relative paths in the
/// text are relative to `directory`.
///
/// # Errors
/// As [`load`].
pub fn parse(
    path: &Path,
    text: &str,
    directory: &Path,
    environment: &[(String, String)],
) -> Result<Config, ConfigError> {
    let raw = raw::read(path, text, environment)?;
    let mut problems = Problems::new(path, directory);
    let config = server::check(raw, &mut problems);
    problems.into_result(config)
}

#[cfg(test)]
mod tests;
