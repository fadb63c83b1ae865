//! Problems and warnings about a configuration, worded for administrators.

use std::fmt;
use std::path::Path;

/// A line and a column in a file, both counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file; `environment` if a variable sets the key.
    pub file: String,
    /// The position in the file; `None` for the file as a whole or a variable.
    pub position: Option<Position>,
    /// The key, such as `tenants[0].otp.length`; empty for the file as a whole.
    pub key: String,
    /// What was found. Never a secret.
    pub found: String,
    /// A guess at what was meant.
    pub meant: Option<String>,
    /// What is accepted.
    pub accepted: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, &self.file, self.position, &self.key)?;
        write!(f, "found {}", self.found)?;
        if let Some(meant) = &self.meant {
            write!(f, " (did you mean {meant}?)")?;
        }
        write!(f, "; accepted: {}", self.accepted)
    }
}

/// A warning about a configuration that can still be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The file; `environment` if a variable sets the key.
    pub file: String,
    /// The position in the file.
    pub position: Option<Position>,
    /// The key concerned; empty for the file as a whole.
    pub key: String,
    /// What may be wrong, and what to do. Never a secret.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, &self.file, self.position, &self.key)?;
        f.write_str(&self.text)
    }
}

fn place(
    f: &mut fmt::Formatter<'_>,
    file: &str,
    position: Option<Position>,
    key: &str,
) -> fmt::Result {
    f.write_str(file)?;
    if let Some(position) = position {
        write!(f, ":{position}")?;
    }
    f.write_str(": ")?;
    if key.is_empty() { Ok(()) } else { write!(f, "{key}: ") }
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// All problems, in file order; never empty.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    /// An error with one problem.
    #[must_use]
    pub fn one(file: &Path, key: &str, found: &str, accepted: &str) -> Self {
        Self {
            problems: vec![Problem {
                file: file.display().to_string(),
                position: None,
                key: key.to_owned(),
                found: found.to_owned(),
                meant: None,
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
