//! The configuration file: its sections as written, and their checked form.
//!
//! Order: defaults, then the file, then the environment (`DIALPASS_SERVER__LISTEN` sets
//! `server.listen`; arrays such as `[[tenants]]` can only be set in the file).
//! `config/default.toml` documents every key. Nothing here opens a socket or names an adapter.

mod audit;
mod calls;
mod check;
mod clients;
mod credentials;
mod directory;
mod error;
mod example_secrets;
mod fastagi;
mod keys;
mod kinds;
mod layers;
mod ldap;
mod limits;
mod log;
mod mistake;
mod oauth2;
mod ops;
mod permissions;
mod pin;
mod policy;
mod positions;
mod proxy;
mod push;
mod reading;
mod same_file;
mod schema;
mod secondary_errors;
mod secrets;
mod sections;
mod server;
mod sms;
mod store;
mod suggestion;
mod syntax;
mod tenants;
mod tls;
mod tls_files;
mod type_mismatch;
mod values;
mod voice;
mod voice_warnings;
mod warnings;

use std::path::{Path, PathBuf};

pub use audit::AuditConfig;
pub use check::Problems;
pub use clients::ClientConfig;
pub use directory::DirectoryConfig;
pub use error::{ConfigError, Position, Problem, Warning};
pub use fastagi::FastAgiConfig;
pub use keys::KeysConfig;
pub use ldap::LdapConfig;
pub use limits::FloodConfig;
pub use log::LogConfig;
pub use ops::OpsConfig;
pub use positions::KeyPositions;
pub use push::PushConfig;
pub use same_file::files_beside;
pub use sections::{Config, Sections};
pub use server::ServerConfig;
pub use sms::{SmsConfig, SmsProviderConfig};
pub use store::{PostgresConfig, StoreBackend, StoreConfig};
pub use tenants::{AppConfig, TenantConfig};
pub use tls_files::TlsFiles;

use crate::domain::text_file;
use crate::regular_file;

/// A configuration that was read and checked, with its problems if it has any.
pub struct Reading {
    sections: Sections,
    problems: Problems,
}

impl Reading {
    /// The sections that could be read, for callers that look for further problems.
    #[must_use]
    pub const fn sections(&self) -> &Sections {
        &self.sections
    }

    /// Where each key is in the file.
    #[must_use]
    pub const fn positions(&self) -> &KeyPositions {
        &self.problems.positions
    }

    /// Adds problems found while building from a section, unless they follow from known ones.
    pub fn add(&mut self, error: ConfigError) {
        self.problems.add_of_parts(error.problems);
    }

    /// The configuration, if it has no problems.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem, each with file, line, key, the value found and the
    /// values accepted.
    pub fn finish(mut self) -> Result<Config, ConfigError> {
        if self.problems.is_empty() {
            if let Some(config) = self.sections.finish(&mut self.problems) {
                return Ok(config);
            }
            self.problems.add("", "a section that cannot be used", "see config/default.toml");
        }
        Err(self.problems.into_error())
    }
}

/// Reads a configuration file, continuing after mistakes.
///
/// # Errors
/// [`ConfigError`] if the file cannot be read or is not text.
pub fn read(path: &Path, environment: &[(String, String)]) -> Result<Reading, ConfigError> {
    let bytes = regular_file::read(path).map_err(|error| {
        ConfigError::one(
            path,
            "",
            &format!("a file that cannot be read ({error})"),
            "a TOML file that this user may read",
        )
    })?;
    let text = text_file::decode(&bytes).map_err(|error| {
        ConfigError::one(path, "", &error.to_string(), &format!("TOML, {}", text_file::ACCEPTED))
    })?;
    let directory = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let mut reading = read_text(path, text, &directory, environment);
    permissions::of_configuration(path, &mut reading.problems);
    permissions::of_folders(&reading.sections.written(), &mut reading.problems);
    Ok(reading)
}

/// Reads and checks a configuration file.
///
/// # Errors
/// As [`Reading::finish`].
pub fn load(path: &Path, environment: &[(String, String)]) -> Result<Config, ConfigError> {
    read(path, environment)?.finish()
}

fn read_text(
    path: &Path,
    text: &str,
    directory: &Path,
    environment: &[(String, String)],
) -> Reading {
    let mut problems = Problems::new(path, directory);
    let raw = reading::read(path, text, environment, &mut problems);
    let sections = sections::check(raw, &mut problems);
    Reading { sections, problems }
}

/// Checks a configuration given as text. Errors name `path`; relative paths in the text are
/// relative to `directory`.
///
/// # Errors
/// As [`load`].
pub fn parse(
    path: &Path,
    text: &str,
    directory: &Path,
    environment: &[(String, String)],
) -> Result<Config, ConfigError> {
    read_text(path, text, directory, environment).finish()
}

#[cfg(test)]
mod tests;
