//! Whether the worker threads still make progress: each regularly records that it got a turn.
//! Health, readiness and the service manager's watchdog rely on this.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How often a worker records its turn, unless the service manager needs it more often.
const EVERY: Duration = Duration::from_millis(500);

/// A worker without a turn for longer than this is stuck.
pub const STUCK: Duration = Duration::from_secs(5);

/// The workers of a listener.
pub struct Workers {
    began: Instant,
    every: Duration,
    /// The time of each worker's last turn, in milliseconds since `began`. Finished workers are
    /// gone.
    turns: Mutex<Vec<Weak<AtomicU64>>>,
}

impl Default for Workers {
    fn default() -> Self {
        Self::with_interval(EVERY)
    }
}

impl Workers {
    /// Workers that record their turns this often, and at least twice a second.
    #[must_use]
    pub fn with_interval(every: Duration) -> Self {
        Self { began: Instant::now(), every: every.min(EVERY), turns: Mutex::default() }
    }

    /// Makes the current thread's worker record its turns for as long as it lives.
    pub fn register(self: &Arc<Self>) {
        let turn = Arc::new(AtomicU64::new(self.now()));
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|turn| turn.strong_count() > 0);
        turns.push(Arc::downgrade(&turn));
        let workers = Arc::clone(self);
        actix_web::rt::spawn(async move {
            loop {
                tokio::time::sleep(workers.every).await;
                turn.store(workers.now(), Ordering::Relaxed);
            }
        });
    }

    /// Whether there are workers, and each had a turn within `span`.
    #[must_use]
    pub fn all_ran_within(&self, span: Duration) -> bool {
        let (now, span) = (self.now(), u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        let turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let mut living = turns.iter().filter_map(Weak::upgrade).peekable();
        let is_recent =
            |turn: Arc<AtomicU64>| now.saturating_sub(turn.load(Ordering::Relaxed)) <= span;
        living.peek().is_some() && living.all(is_recent)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
