//! What is wrong with a configuration, in the words an administrator needs.

use std::fmt;
use std::path::Path;

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The key, such as `tenants[0].otp.length`; empty if it is the file as a whole.
    pub key: String,
    /// What was found. Never a secret.
    pub found: String,
    /// What is accepted.
    pub accepted: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, key, found, accepted } = self;
        write!(f, "{file}: ")?;
        if !key.is_empty() {
            write!(f, "{key}: ")?;
        }
        write!(f, "found {found}; accepted: {accepted}")
    }
}

/// What an administrator should know of a configuration that can be used all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The file.
    pub file: String,
    /// The key it is about; empty if it is the file as a whole.
    pub key: String,
    /// What is to be known, and what to do. Never a secret.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, key, text } = self;
        write!(f, "{file}: ")?;
        if !key.is_empty() {
            write!(f, "{key}: ")?;
        }
        f.write_str(text)
    }
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Everything wrong with it; never empty.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    /// An error of one problem.
    #[must_use]
    pub fn one(file: &Path, key: &str, found: &str, accepted: &str) -> Self {
        Self {
            problems: vec![Problem {
                file: file.display().to_string(),
                key: key.to_owned(),
                found: found.to_owned(),
                accepted: accepted.to_owned(),
            }],
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
