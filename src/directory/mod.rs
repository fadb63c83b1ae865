//! The port to a tenant's user directory, and its adapters.

pub mod file;
pub mod inspection;
pub mod ldap;

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::domain::phone_number::PhoneNumber;
use crate::domain::secret::Password;
use crate::domain::user::{Candidates, Membership, PasswordRefusal, TypedName, User};

/// Why a directory gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// No server could be reached, or each refused to serve; nothing was decided.
    #[error("no directory server could be reached, or each refused to answer")]
    Unavailable,
    /// A server took the question and did not answer in time. A bind may have been counted.
    #[error("the directory did not answer in time")]
    TimedOut,
}

/// What the directory says of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCheck {
    /// It is this user's, who may log in.
    Right,
    /// It is not, or the directory lets this user not log in.
    Refused(PasswordRefusal),
}

/// What a user is about to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// A code, of which a login will be judged again.
    Call,
    /// A login: what is said now is final.
    Login,
}

/// Whether a dependency works, for readiness and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyState {
    /// What it is: a server's URL, a file's name. Never a secret.
    pub name: String,
    /// Whether it answers.
    pub up: bool,
    /// What is wrong, for an operator; empty if nothing is.
    pub detail: String,
    /// Whether all is served without it too, only less well: it says nothing of readiness.
    pub is_aid: bool,
}

/// What [`DependencyState::detail`] says of a server that no probe has judged yet.
pub const NOT_ASKED: &str = "not asked yet";

/// What is measured of an index that is kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexFigures {
    /// How many people with a number are in it.
    pub people: usize,
    /// How long ago it was last known to be in step; `None` if it is not built.
    pub age: Option<Duration>,
    /// How often everybody was read.
    pub full_reads: u64,
    /// How often the directory said something else of a person than the index did.
    pub misses: u64,
}

/// A tenant's user directory.
///
/// `deadline` bounds all that one request does here. An adapter also bounds each operation by its
/// own timeout, whichever comes first.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Finds everybody who may have `number`, in whatever form it is stored; the caller compares.
    /// An adapter that keeps people in memory asks for what it may not have heard of.
    ///
    /// # Errors
    /// [`DirectoryError`] if no server answered.
    async fn find_by_number(
        &self,
        number: &PhoneNumber,
        deadline: Instant,
    ) -> Result<Candidates, DirectoryError>;

    /// Finds the entries whose username is `name`, as the directory compares names.
    ///
    /// # Errors
    /// [`DirectoryError`] if no server answered.
    async fn find_by_name(
        &self,
        name: &TypedName,
        deadline: Instant,
    ) -> Result<Candidates, DirectoryError>;

    /// Whether `user` is in the groups that the tenant asks for. At a call, an adapter that keeps
    /// people in memory may answer from there; at a login it asks.
    ///
    /// # Errors
    /// [`DirectoryError`] if no server answered.
    async fn membership(
        &self,
        user: &User,
        occasion: Occasion,
        deadline: Instant,
    ) -> Result<Membership, DirectoryError>;

    /// Checks a user's password. Asked once: a check that may have arrived is not repeated.
    ///
    /// # Errors
    /// [`DirectoryError::Unavailable`] if the password certainly reached no server,
    /// [`DirectoryError::TimedOut`] if it may have.
    async fn check_password(
        &self,
        user: &User,
        password: &Password,
        deadline: Instant,
    ) -> Result<PasswordCheck, DirectoryError>;

    /// How long a password check takes here, as far as that is known without one: zero where it is
    /// not.
    fn expected_check(&self) -> Duration {
        Duration::ZERO
    }

    /// The state of each server (or file) behind this directory, without asking it now; none where
    /// it is the store.
    fn states(&self) -> Vec<DependencyState>;

    /// What is measured of its index, if it has one. Its state is the one that is an aid.
    fn index_figures(&self) -> Option<IndexFigures> {
        None
    }
}
