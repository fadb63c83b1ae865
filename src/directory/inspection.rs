//! The port through which an administrator examines a directory before going live: whether each
//! server works, who is in it, and who may write the numbers. Calls and logins never use it.

use std::fmt;

use async_trait::async_trait;
use serde::Serialize;

use crate::domain::phone_number::PhoneNumber;
use crate::domain::stored_number::Matching;
use crate::domain::user::User;

/// Severity of a finding, from good to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Good,
    /// Worth knowing; no action needed.
    Information,
    /// Some people are not served, or something could not be checked.
    Warning,
    /// No one is served, or the numbers cannot be trusted.
    Error,
}

impl Severity {
    /// The severity as one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One check on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was checked: `connect`, `tls`, `bind`, `paging`, `index`, `profile`, `base`, `search`,
    /// `group`, `attribute`, `account`, `find`; for a file `read`, `permissions`.
    pub step: &'static str,
    /// The result.
    pub severity: Severity,
    /// What was found.
    pub detail: String,
    /// What to do about it; empty if nothing.
    pub hint: String,
}

impl Step {
    /// A check that passed.
    #[must_use]
    pub fn good(step: &'static str, detail: impl Into<String>) -> Self {
        Self { step, severity: Severity::Good, detail: detail.into(), hint: String::new() }
    }

    /// A finding of this severity, with what to do about it.
    #[must_use]
    pub fn bad(
        step: &'static str,
        severity: Severity,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { step, severity, detail: detail.into(), hint: hint.into() }
    }
}

/// The checks on one server, in the order they ran. The first failure that makes the rest pointless
/// ends the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerReport {
    /// The server's URL, or the file.
    pub name: String,
    /// What was tried.
    pub steps: Vec<Step>,
}

impl ServerReport {
    /// Whether the server let the service account in (or the file can be read), so that further
    /// checks make sense.
    #[must_use]
    pub fn let_in(&self) -> bool {
        let way_in = |step: &&Step| matches!(step.step, "connect" | "tls" | "bind" | "read");
        self.steps.iter().filter(way_in).all(|step| step.severity < Severity::Error)
    }

    /// The highest severity of its steps.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.steps.iter().map(|step| step.severity).max().unwrap_or(Severity::Good)
    }
}

/// One entry of the directory.
#[derive(Debug, Clone)]
pub enum Person {
    /// A user.
    User(User),
    /// An entry that matches the users' filter but cannot be used.
    Unusable {
        /// The entry's DN.
        locator: String,
        /// What is wrong with it.
        why: String,
    },
}

/// The outcome of reading all people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeopleRead {
    /// The server they were read from.
    pub server: String,
    /// Whether all of them were read.
    pub complete: bool,
    /// Notes for the administrator.
    pub notes: Vec<Step>,
}

/// Why people could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct InspectionError {
    /// What happened.
    pub detail: String,
    /// What to do about it.
    pub hint: String,
}

/// An attribute that people may write in their own entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WritableAttribute {
    /// The attribute.
    pub attribute: String,
    /// How many of the people examined may write it.
    pub people: usize,
    /// Some of their locators.
    pub examples: Vec<String>,
    /// The rights that allow it, each listed once.
    pub by: Vec<String>,
}

/// Whether people may write their own numbers. If so, a thief with a stolen password could redirect
/// the number to a phone of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelfWrite {
    /// Only someone who can change the file.
    NotPossible,
    /// The rights of some people were read.
    Checked {
        /// How many people were examined.
        people: usize,
        /// How many entries hid their rights or returned unreadable ones.
        unreadable: usize,
        /// How many entries showed their rights but not their groups.
        groups_unreadable: usize,
        /// What they may write; empty if nothing.
        writable: Vec<WritableAttribute>,
        /// How to close it, one line per step.
        hint: Vec<String>,
    },
    /// The rights could not be read.
    NotChecked {
        /// Why.
        why: String,
        /// Rules found that may let people write, verbatim.
        rules: Vec<String>,
        /// How to check and how to close it, one line per step.
        hint: Vec<String>,
    },
}

/// A search as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedSearch {
    /// The base DNs searched, in turn, each with its whole subtree.
    pub bases: Vec<String>,
    /// The filter.
    pub filter: String,
    /// The attributes read from each entry.
    pub attributes: Vec<String>,
    /// Maximum number of entries read.
    pub size_limit: i32,
    /// Whether calls are answered from an index, which may find more than this search.
    pub beside_index: bool,
}

/// A directory as an administrator examines it.
///
/// Each call opens its own connections, as the service would, and has no time limit. Nothing here
/// logs.
#[async_trait]
pub trait Inspection: Send + Sync {
    /// Checks each server.
    async fn check_servers(&self) -> Vec<ServerReport>;

    /// Passes all people to `each`, from the first server that works, without keeping any in
    /// memory.
    ///
    /// # Errors
    /// [`InspectionError`] if none, or not all, could be read; those read before have already been
    /// passed on.
    async fn read_people(
        &self,
        each: &mut (dyn FnMut(Person) + Send),
    ) -> Result<PeopleRead, InspectionError>;

    /// Checks whether `people` (their [`User::locator`]s) may write their own numbers, with at most
    /// `examples` examples per attribute.
    async fn self_write(&self, people: &[String], examples: usize) -> SelfWrite;

    /// The stored forms that a call's search finds.
    fn matching(&self) -> Matching;

    /// The search that a call from `number` makes; `None` if nothing is sent.
    fn explain_search(&self, number: &PhoneNumber) -> Option<ExplainedSearch>;
}
