//! The work that the database did for this node, by which a hanging server is told from a busy one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How long a served request counts as proof that the database works.
const FRESH: Duration = Duration::from_millis(500);

/// The work done for all requests.
pub(super) struct Done {
    started: Instant,
    /// Committed steps.
    pub commits: AtomicU64,
    /// Steps and looks that were answered, including refusals.
    pub answers: AtomicU64,
    /// Time of the last commit's answer, in milliseconds after `started`.
    last_commit: AtomicU64,
}

impl Done {
    pub fn new() -> Self {
        let none = || AtomicU64::new(0);
        Self { started: Instant::now(), commits: none(), answers: none(), last_commit: none() }
    }

    pub fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub fn commit(&self) {
        self.last_commit.store(self.millis(), Ordering::Relaxed);
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    pub fn counts(&self) -> Counts {
        Counts {
            commits: self.commits.load(Ordering::Relaxed),
            answers: self.answers.load(Ordering::Relaxed),
        }
    }

    pub fn commits_lately(&self) -> bool {
        let last = self.last_commit.load(Ordering::Relaxed);
        let ago = self.millis().saturating_sub(last);
        self.counts().commits > 0 && u128::from(ago) < FRESH.as_millis()
    }
}

/// Work done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub commits: u64,
    pub answers: u64,
}
