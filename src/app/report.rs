//! Turns an adapter's error into a configuration error with key, found and accepted.

use crate::config::{ConfigError, KeyPositions};

/// Reports an adapter's error as a problem in the configuration.
pub struct ConfigReporter<'a>(pub &'a KeyPositions);

impl ConfigReporter<'_> {
    /// An error with one problem.
    pub fn problem(&self, key: &str, found: &dyn std::fmt::Display, accepted: &str) -> ConfigError {
        ConfigError { problems: vec![self.0.problem(key, found, &accepted)] }
    }
}
