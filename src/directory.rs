//! The port to a tenant's user directory, and its adapters.

pub mod file;
pub mod inspection;
pub mod ldap;

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::domain::account_state::PasswordRefusal;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::secret::Password;
use crate::domain::user::{Candidates, Membership, TypedName, User};
use crate::telemetry::node_metrics::PoolUse;

/// Why a directory gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// No server could be reached, or every one refused to serve; nothing was decided.
    #[error("no directory server could be reached, or each refused to answer")]
    Unavailable,
    /// A server accepted the request but did not answer in time. A bind may have been counted.
    #[error("the directory did not answer in time")]
    TimedOut,
}

/// The directory's verdict on a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCheck {
    /// The password is right, and the user may log in.
    Right,
    /// The password is wrong, or the directory does not let this user log in.
    Refused(PasswordRefusal),
}

/// What the user is about to receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// A code; the login that uses it is checked again.
    Call,
    /// A login; this check is final.
    Login,
}

/// Which of the tenant's `answer_groups` a user is in, directly or through nested groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerGroups {
    /// The tenant names none, so answers have no groups.
    NotAsked,
    /// These, as the configuration writes them. A group that does not exist, cannot be read, or is
    /// nested too deeply to tell is left out.
    In(Vec<String>),
    /// The user has moved or was deleted since they were found.
    Gone,
}

/// The state of a dependency, for readiness and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyState {
    /// A server's URL or a file's name. Never a secret.
    pub name: String,
    /// Whether it answers.
    pub up: bool,
    /// What is wrong, for an operator; empty if nothing.
    pub detail: String,
    /// Whether it only improves service: everything works without it, so readiness ignores it.
    pub is_optional: bool,
}

/// [`DependencyState::detail`] of a server that has not been probed yet.
pub const NOT_ASKED: &str = "not asked yet";

/// Figures of an index kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexFigures {
    /// Number of people with a phone number in it.
    pub people: usize,
    /// Time since it was last known to be in step; `None` if it is not built.
    pub age: Option<Duration>,
    /// Number of full reads of the directory.
    pub full_reads: u64,
    /// Number of times the directory contradicted the index about a person.
    pub misses: u64,
}

/// A tenant's user directory.
///
/// `deadline` bounds everything that one request does here. An adapter also bounds each operation
/// by its own timeout; the earlier limit applies.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Finds all users who may have `number`, in whichever form it is stored; the caller compares.
    /// An adapter that keeps people in memory asks the directory for changes it may have missed.
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

    /// Whether `user` is in the groups the tenant requires. For a call, an adapter that keeps
    /// people in memory may answer from there; for a login it asks the directory.
    ///
    /// # Errors
    /// [`DirectoryError`] if no server answered.
    async fn membership(
        &self,
        user: &User,
        occasion: Occasion,
        deadline: Instant,
    ) -> Result<Membership, DirectoryError>;

    /// Checks a user's password once: a check that may have arrived is never repeated.
    ///
    /// # Errors
    /// [`DirectoryError::Unavailable`] if the password certainly reached no server,
    /// [`DirectoryError::TimedOut`] if it may have reached one.
    async fn check_password(
        &self,
        user: &User,
        password: &Password,
        deadline: Instant,
    ) -> Result<PasswordCheck, DirectoryError>;

    /// Which groups the answer to `user`'s login names.
    ///
    /// # Errors
    /// [`DirectoryError`] if no server answered.
    async fn answer_groups(
        &self,
        _user: &User,
        _deadline: Instant,
    ) -> Result<AnswerGroups, DirectoryError> {
        Ok(AnswerGroups::NotAsked)
    }

    /// Estimated duration of a password check, without making one; zero if unknown.
    fn expected_check(&self) -> Duration {
        Duration::ZERO
    }

    /// The last known state of each server (or file) behind this directory; empty if the store is
    /// the directory.
    fn states(&self) -> Vec<DependencyState>;

    /// How its connections are used, by server and purpose.
    fn pools(&self) -> Vec<PoolUse> {
        Vec::new()
    }

    /// Figures of its index, if it has one. The index's state has [`DependencyState::is_optional`] set.
    fn index_figures(&self) -> Option<IndexFigures> {
        None
    }
}
