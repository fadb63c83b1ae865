//! What users were answered while something failed, and what follows from it: each code and each
//! question is accepted once at most, what was told works, and what was answered is not undone.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use super::actors::{Secret, World};
use super::is_alone;
use crate::faults::load::{COMEBACK, DEADLINE};
use crate::support::gateway::{Gateway, PATIENCE};

/// One request and its answer.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    pub what: &'static str,
    pub begun: Instant,
    pub took: Duration,
    /// 0: the connection broke.
    pub status: u16,
}

impl Operation {
    /// Whether it was refused for want of a part, or not answered.
    pub fn failed(&self) -> bool {
        !matches!(self.status, 200..=299)
    }

    fn ended(&self) -> Instant {
        self.begun + self.took
    }
}

/// Something that works once, and what came of it.
#[derive(Debug, Clone)]
struct IssuedSecret {
    secret: Secret,
    /// The statuses of the tries, with the requests' ids.
    tries: Vec<(u16, String)>,
    /// Whether somebody was told that it succeeded.
    succeeded: bool,
}

/// All that was seen.
#[derive(Clone, Default)]
pub struct History(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    operations: Vec<Operation>,
    issued: Vec<IssuedSecret>,
}

/// An issued secret, in the history.
#[derive(Debug, Clone, Copy)]
pub struct Mark(usize);

impl History {
    pub fn note(&self, what: &'static str, begun: Instant, status: u16) {
        let one = Operation { what, begun, took: begun.elapsed(), status };
        self.0.lock().unwrap().operations.push(one);
    }

    /// Something that works once was given out. A caller whose last code is live and untried gets it
    /// again: it is the same code, and a login that was cut off may still take it.
    pub fn issued(&self, secret: Secret) -> Mark {
        let issued = &mut self.0.lock().unwrap().issued;
        let last = issued.iter().rposition(|one| one.secret.is_of_caller(&secret));
        if let Some(last) = last.filter(|last| issued[*last].secret == secret) {
            return Mark(last);
        }
        issued.push(IssuedSecret { secret, tries: Vec::new(), succeeded: false });
        Mark(issued.len() - 1)
    }

    /// It was tried.
    pub fn tried(&self, mark: Mark, status: u16, request: String) {
        self.0.lock().unwrap().issued[mark.0].tries.push((status, request));
    }

    /// Somebody was told that it succeeded.
    pub fn succeeded(&self, mark: Mark) {
        self.0.lock().unwrap().issued[mark.0].succeeded = true;
    }

    /// What was tried, and not decided.
    pub fn undecided(&self) -> Vec<(Mark, Secret)> {
        let seen = self.0.lock().unwrap();
        let undecided = |issued: &&IssuedSecret| {
            issued.tries.iter().any(|(status, _)| matches!(status, 0 | 500..))
        };
        let all = seen.issued.iter().enumerate().filter(|(_, issued)| undecided(issued));
        let is_no_code = |secret: &Secret| !matches!(secret, Secret::Code { .. });
        let all = all.filter(|(_, one)| is_no_code(&one.secret));
        all.map(|(at, issued)| (Mark(at), issued.secret.clone())).collect()
    }

    /// The operations so far.
    pub fn operations(&self) -> Vec<Operation> {
        self.0.lock().unwrap().operations.clone()
    }

    /// Tries everything again, twice, now that nothing fails, and works out what follows.
    pub async fn check(&self, world: &World, nodes: &[Gateway], back: Instant) -> Found {
        let Seen { operations, issued } = std::mem::take(&mut *self.0.lock().unwrap());
        let mut found = Found { operations, back, ..Found::default() };
        let tries = stream::iter(issued).map(|issued| async move {
            let first = world.decided(&issued.secret).await;
            let second = world.decided(&issued.secret).await;
            let stands = !issued.succeeded || world.stands(&issued.secret).await;
            (issued, [first, second], stands)
        });
        let tries: Vec<_> = tries.buffer_unordered(12).collect().await;
        for (issued, finals, stands) in tries {
            found.judge(&issued, finals, stands, nodes);
        }
        found
    }
}

/// What a history came to.
#[derive(Debug)]
pub struct Found {
    pub operations: Vec<Operation>,
    back: Instant,
    held: usize,
    used: usize,
    unknown: usize,
    twice: Vec<String>,
    lost: Vec<String>,
    undone: Vec<String>,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            operations: Vec::new(),
            back: Instant::now(),
            held: 0,
            used: 0,
            unknown: 0,
            twice: Vec::new(),
            lost: Vec::new(),
            undone: Vec::new(),
        }
    }
}

/// Longest that a request may take, and that service may be away after a fault. Among other tests the
/// machine is as busy as they make it, and takes part of that for itself.
fn limits() -> (Duration, Duration) {
    if is_alone() { (DEADLINE, COMEBACK) } else { (3 * DEADLINE, PATIENCE) }
}

/// Reasons of refusals that say nothing of the code, which was not taken.
const NOT_TAKEN: [&str; 3] = ["store_unavailable", "directory_unavailable", "directory_timed_out"];

/// What became of tries that may have been accepted.
const UNKNOWN: [&str; 4] = [
    "cut off",
    "store_outcome_unknown",
    // What it had begun at the store goes on.
    "deadline_passed",
    // Its node was killed, and its audit trail is gone.
    "of no event",
];

impl Found {
    fn judge(&mut self, issued: &IssuedSecret, finals: [u16; 2], stands: bool, nodes: &[Gateway]) {
        let what = || format!("{:?}: {:?}, then {finals:?}", issued.secret, issued.tries);
        let is_accepted = |status: &u16| *status == 200;
        let before = issued.tries.iter().filter(|(status, _)| is_accepted(status)).count();
        let after = finals.iter().filter(|status| is_accepted(status)).count();
        if before + after > 1 {
            self.twice.push(what());
        }
        match before {
            0 if issued.tries.is_empty() => {
                self.held += 1;
                if after == 0 {
                    self.lost.push(what());
                }
            }
            0 => {
                self.unknown += 1;
                let reasons = issued.tries.iter().map(|(status, request)| match status {
                    0 => "cut off".to_owned(),
                    _ => reason(nodes, request),
                });
                // What comes after a try that may have been accepted says nothing of the code.
                let mut certain = reasons.take_while(|reason| !UNKNOWN.contains(&reason.as_str()));
                if let Some(reason) = certain.find(|reason| !NOT_TAKEN.contains(&reason.as_str())) {
                    self.lost.push(format!("{}, {reason}", what()));
                }
            }
            _ => self.used += 1,
        }
        if (issued.succeeded && after > 0) || !stands {
            self.undone.push(what());
        }
    }

    /// How many operations failed.
    pub fn refused(&self) -> usize {
        self.operations.iter().filter(|one| one.failed()).count()
    }

    /// How many of a kind, begun in this span, failed, and how many there were.
    pub fn failed(&self, what: &str, from: Instant, to: Instant) -> (usize, usize) {
        let those = self.operations.iter().filter(|one| one.what == what);
        let those: Vec<_> = those.filter(|one| one.begun > from && one.begun < to).collect();
        (those.iter().filter(|one| one.failed()).count(), those.len())
    }

    /// The longest request.
    pub fn longest(&self) -> Duration {
        self.operations.iter().map(|one| one.took).max().unwrap_or_default()
    }

    /// From the fault's end to the end of the last request that failed.
    pub fn back_after(&self) -> Duration {
        let failed = self.operations.iter().filter(|one| one.failed());
        let last = failed.map(Operation::ended).max();
        last.map(|last| last.saturating_duration_since(self.back)).unwrap_or_default()
    }

    /// Holds it to what is promised.
    pub fn hold(&self) {
        assert!(self.twice.is_empty(), "accepted twice: {:#?}", self.twice);
        assert!(self.lost.is_empty(), "told, and lost: {:#?}", self.lost);
        assert!(self.undone.is_empty(), "answered, and undone: {:#?}", self.undone);
        let (longest, back_after) = limits();
        for one in &self.operations {
            assert!(one.took < longest, "in time: {one:?}");
        }
        assert!(self.back_after() < back_after, "back after {:?}: {self}", self.back_after());
        assert!(self.held > 0 && self.used > 0, "it showed nothing: {self}");
    }

    /// The row of the documentation's table.
    pub fn row(&self, fault: &str) -> String {
        format!(
            "| {fault} | {} | {} | {:.1} s | {:.1} s | {} | {} | {} |",
            self.operations.len(),
            self.refused(),
            self.longest().as_secs_f64(),
            self.back_after().as_secs_f64(),
            self.twice.len(),
            self.lost.len(),
            self.undone.len()
        )
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operations, held, used, unknown, .. } = self;
        let mut kinds: Vec<_> = operations.iter().map(|one| one.what).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for what in kinds {
            let those = || operations.iter().filter(move |one| one.what == what);
            let failed = those().filter(|one| one.failed()).count();
            write!(f, "{what} {failed} of {} failed, ", those().count())?;
        }
        write!(
            f,
            "longest {:.2?}, back after {:.2?}; {held} told and kept, {used} used, {unknown} undecided",
            self.longest(),
            self.back_after()
        )
    }
}

/// The reason that one of the nodes noted for a request.
fn reason(nodes: &[Gateway], request: &str) -> String {
    let events = nodes.iter().flat_map(Gateway::audit);
    let event = events.into_iter().find(|event| event["request_id"] == request);
    let reason = event.and_then(|event| event["reason"].as_str().map(str::to_owned));
    reason.unwrap_or_else(|| "of no event".to_owned())
}
