//! The port through which an administrator looks at a directory before going live: does each
//! server work, who is in it, and who may write the numbers. Nothing here is on a caller's way.

use std::fmt;

use async_trait::async_trait;
use serde::Serialize;

use crate::domain::phone_number::PhoneNumber;
use crate::domain::stored_number::Matching;
use crate::domain::user::User;

/// How bad something is, from good to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Good,
    /// Worth knowing; nothing need be done.
    Information,
    /// Some people are not served, or something could not be checked.
    Warning,
    /// Nobody is served, or the numbers cannot be trusted.
    Error,
}

impl Severity {
    /// One word for it.
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

/// One thing that was tried on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was tried: `connect`, `tls`, `bind`, `paging`, `index`, `profile`, `base`, `search`,
    /// `group`, `attribute`, `account`, `find`; of a file `read`, `permissions`.
    pub step: &'static str,
    /// How it went.
    pub severity: Severity,
    /// What was found.
    pub detail: String,
    /// What to do about it; empty if nothing.
    pub hint: String,
}

impl Step {
    /// A step that went well.
    #[must_use]
    pub fn good(step: &'static str, detail: impl Into<String>) -> Self {
        Self { step, severity: Severity::Good, detail: detail.into(), hint: String::new() }
    }

    /// A step of this severity, with what to do about it.
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

/// What works on one server, in the order it was tried; the first thing without which the rest
/// makes no sense ends the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerReport {
    /// The server's URL, or the file.
    pub name: String,
    /// What was tried.
    pub steps: Vec<Step>,
}

impl ServerReport {
    /// Whether it let the service account in (or is a file that can be read), so that there is
    /// sense in asking it more.
    #[must_use]
    pub fn let_in(&self) -> bool {
        let way_in = |step: &&Step| matches!(step.step, "connect" | "tls" | "bind" | "read");
        self.steps.iter().filter(way_in).all(|step| step.severity < Severity::Error)
    }

    /// The worst of its steps.
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
    /// An entry that matches the users' filter and cannot be used.
    Unusable {
        /// Which: its DN.
        locator: String,
        /// What is wrong with it.
        why: String,
    },
}

/// How a reading of everybody went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeopleRead {
    /// Where they were read.
    pub server: String,
    /// Whether everybody was read.
    pub complete: bool,
    /// What an administrator should know of it.
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
    /// How many of those looked at may write it.
    pub people: usize,
    /// A few of them.
    pub examples: Vec<String>,
    /// By which rights, each once.
    pub by: Vec<String>,
}

/// Whether people may write their own numbers: who steals a password could then point the number
/// to a phone of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelfWrite {
    /// Only who may change the file can.
    NotPossible,
    /// The rights of some people were read.
    Checked {
        /// Of how many.
        people: usize,
        /// How many would not show theirs, or showed what cannot be read.
        unreadable: usize,
        /// How many showed theirs, but not which groups they are in.
        groups_unreadable: usize,
        /// What they may write; empty if nothing.
        writable: Vec<WritableAttribute>,
        /// How to close it, a line each.
        hint: Vec<String>,
    },
    /// The rights could not be read.
    NotChecked {
        /// Why.
        why: String,
        /// Rules that were found and may let people write, word by word.
        rules: Vec<String>,
        /// How to check and how to close it, a line each.
        hint: Vec<String>,
    },
}

/// A search as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedSearch {
    /// Where it starts: each in turn, with all below.
    pub bases: Vec<String>,
    /// What is asked for.
    pub filter: String,
    /// What is read of each entry.
    pub attributes: Vec<String>,
    /// Most entries that are read.
    pub size_limit: i32,
    /// Whether calls are answered from an index, which may find more than this search.
    pub beside_index: bool,
}

/// A directory as an administrator examines it.
///
/// Each call connects as the service would, over connections of its own, and takes as long as it
/// takes; nothing here logs.
#[async_trait]
pub trait Inspection: Send + Sync {
    /// Says of each server what works.
    async fn check_servers(&self) -> Vec<ServerReport>;

    /// Hands everybody to `each`, from the first server that works, holding none of them.
    ///
    /// # Errors
    /// [`InspectionError`] if nobody, or not everybody, could be read; those read before were
    /// handed over.
    async fn read_people(
        &self,
        each: &mut (dyn FnMut(Person) + Send),
    ) -> Result<PeopleRead, InspectionError>;

    /// Says whether `people` (their [`User::locator`]s) may write their own numbers, naming at
    /// most so many examples of each attribute.
    async fn self_write(&self, people: &[String], examples: usize) -> SelfWrite;

    /// Which stored forms the search of a call finds.
    fn matching(&self) -> Matching;

    /// The search that a call from `number` makes; `None` where nothing is sent.
    fn explain_search(&self, number: &PhoneNumber) -> Option<ExplainedSearch>;
}
