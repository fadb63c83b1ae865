//! When requests are sent.

use std::thread;
use std::time::{Duration, Instant};

use super::Load;

/// The schedule of requests.
///
/// At a fixed rate, the response time counts from when the request was due, so that a stalled
/// server is charged for every request that should have been sent meanwhile; any idle connection
/// sends it. Threads of the standard library keep the time, because tokio's timer has a resolution
/// of one millisecond.
pub(super) enum Due {
    AtOnce,
    ByTheClock {
        rate: f64,
        queue: tokio::sync::Mutex<tokio::sync::mpsc::UnboundedReceiver<Instant>>,
        clock: std::sync::Mutex<Option<tokio::sync::mpsc::UnboundedSender<Instant>>>,
    },
}

impl Due {
    /// Due at once, or at a fixed rate.
    pub(super) fn new(rate: Option<f64>) -> Self {
        let Some(rate) = rate else { return Self::AtOnce };
        let (clock, queue) = tokio::sync::mpsc::unbounded_channel();
        Self::ByTheClock {
            rate,
            queue: tokio::sync::Mutex::new(queue),
            clock: std::sync::Mutex::new(Some(clock)),
        }
    }

    /// When the next request should be sent; `None` at the end.
    pub(super) async fn next(&self) -> Option<Instant> {
        match self {
            Self::AtOnce => Some(Instant::now()),
            Self::ByTheClock { queue, .. } => queue.lock().await.recv().await,
        }
    }

    /// Schedules requests until the time is over.
    pub(super) fn keep_time(&self, load: Load) {
        let Self::ByTheClock { rate, clock, .. } = self else { return };
        let Some(clock) = clock.lock().ok().and_then(|mut clock| clock.take()) else { return };
        let (begun, step) = (Instant::now(), Duration::from_secs_f64(1.0 / rate));
        let end = begun + load.warm_up + load.time;
        let mut due = begun;
        while due < end {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            while due <= Instant::now() {
                if clock.send(due).is_err() {
                    return;
                }
                due += step;
            }
        }
    }
}
