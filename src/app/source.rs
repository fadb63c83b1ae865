//! Where the configuration comes from, and why a server built from it did not start.

use std::path::PathBuf;

use crate::config::{self, Config, ConfigError};

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Anything else, such as a port in use or a store that cannot be opened.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// Where the configuration comes from, kept for reloads.
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// The environment's variables.
    pub environment: Vec<(String, String)>,
}

impl Source {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(&self) -> Result<Config, ConfigError> {
        config::load(&self.path, &self.environment)
    }

    /// A variable of the environment.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        let found = self.environment.iter().find(|(its_name, _)| its_name == name);
        found.map(|(_, value)| value.as_str())
    }
}
