//! Users who call and log in while something fails, and hold the nodes to what they said: a code
//! that was told is good, and good once.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::faults::load::{Asker, DEADLINE, Operation, Seen, User, summary};
use crate::support::gateway::{Gateway, PATIENCE};

/// Users who call and log in by turns: the first of all.
const BUSY: usize = 8;

/// Between two requests of one user.
const PAUSE: Duration = Duration::from_millis(15);

/// What all the users were answered.
#[derive(Default)]
struct Memory {
    seen: Vec<Seen>,
    /// Codes that were told and not tried.
    held: HashMap<User, String>,
    /// Codes that were accepted.
    used: Vec<(User, String)>,
    /// Codes that were tried, and it was not said whether they were accepted.
    unsure: Vec<(User, String)>,
    /// Codes that were told, and refused when they were first tried, by the request's id.
    refused: Vec<(User, String, String)>,
}

/// The users, until they are asked what they saw.
pub struct Witnesses {
    asker: Asker,
    memory: Arc<Mutex<Memory>>,
    ending: Arc<AtomicBool>,
    users: JoinSet<()>,
}

impl Witnesses {
    /// [`BUSY`] users call and log in by turns. Of those up to number `people`, one after another
    /// calls until told a code, and keeps it for the end.
    pub fn start(asker: &Asker, people: usize) -> Self {
        let (memory, ending) = (Arc::<Mutex<Memory>>::default(), Arc::<AtomicBool>::default());
        let mut users = JoinSet::new();
        for user in (1..=BUSY).map(User) {
            let (asker, memory, ending) = (asker.clone(), Arc::clone(&memory), Arc::clone(&ending));
            users.spawn(async move {
                while !ending.load(Ordering::Relaxed) {
                    take_turn(&asker, user, &memory).await;
                }
            });
        }
        let next = Arc::new(AtomicUsize::new(BUSY + 1));
        for _ in 0..2 {
            let (asker, memory, ending) = (asker.clone(), Arc::clone(&memory), Arc::clone(&ending));
            let next = Arc::clone(&next);
            users.spawn(async move {
                let next = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|n| *n <= people);
                while let Some(user) = next().map(User) {
                    while !ending.load(Ordering::Relaxed) {
                        sleep(PAUSE).await;
                        if let Some(code) = call(&asker, user, &memory).await {
                            memory.lock().unwrap().held.insert(user, code);
                            break;
                        }
                    }
                }
            });
        }
        Self { asker: asker.clone(), memory, ending, users }
    }

    /// Waits until so many requests begun after `since` were served, logins among them.
    pub async fn until_served(&self, since: Instant, count: usize) {
        self.until("requests are served", |seen| {
            let served = || seen.iter().filter(|one| one.begun > since && one.status == 200);
            served().count() >= count && served().any(|one| one.operation == Operation::Login)
        })
        .await;
    }

    /// Waits until so many requests begun after `since` were refused.
    pub async fn until_refused(&self, since: Instant, count: usize) {
        self.until("requests are refused", |seen| {
            let refused = |one: &&Seen| one.begun > since && one.status != 200;
            seen.iter().filter(refused).count() >= count
        })
        .await;
    }

    async fn until(&self, what: &str, enough: impl Fn(&[Seen]) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !enough(&self.memory.lock().unwrap().seen) {
            let so_far = || summary(&self.memory.lock().unwrap().seen);
            assert!(Instant::now() < end, "{what} within {PATIENCE:?}: {}", so_far());
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Lets everyone finish, and has every code tried again: each that was told and not tried is
    /// good, once; each that was accepted is not. No request took longer than one may. Why a code was
    /// refused at its first try is asked of the audit trails of `nodes`.
    pub async fn end(mut self, nodes: &[Gateway]) -> Found {
        self.ending.store(true, Ordering::Relaxed);
        while let Some(user) = self.users.join_next().await {
            user.expect("a user who only asks");
        }
        let memory = std::mem::take(&mut *self.memory.lock().unwrap());
        let Memory { seen, held, used, mut unsure, refused } = memory;
        for (user, code, request) in refused {
            let reason = reason(nodes, &request);
            let undecided = ["store_unavailable", "store_outcome_unknown", "deadline_passed"];
            assert!(undecided.contains(&reason.as_str()), "refused at the first try: {reason}");
            unsure.push((user, code));
        }
        for one in &seen {
            assert!(one.took < DEADLINE, "in time: {one:?}");
        }
        let (kept, count) = (held.len(), (used.len(), unsure.len()));
        for (user, tries) in self.twice(held.into_iter().collect()).await {
            assert_eq!(tries, [200, 403], "told and not tried: {user:?}");
        }
        for (user, tries) in self.twice(used).await {
            assert_eq!(tries, [403, 403], "accepted before: {user:?}");
        }
        let mut still_good = 0;
        for (user, tries) in self.twice(unsure).await {
            assert!(matches!(tries, [200 | 403, 403]), "{tries:?} for {user:?}");
            still_good += usize::from(tries[0] == 200);
        }
        Found { seen, kept, used: count.0, unsure: count.1, still_good }
    }

    /// The statuses of two logins, one after the other, with each of these codes.
    async fn twice(&self, codes: Vec<(User, String)>) -> Vec<(User, [u16; 2])> {
        let tries = stream::iter(codes).map(|(user, code)| async move {
            let first = self.asker.login("t1", user, &code).await;
            (user, [first, self.asker.login("t1", user, &code).await])
        });
        tries.buffer_unordered(16).collect().await
    }
}

/// Calls once; the code, if one was told.
async fn call(asker: &Asker, user: User, memory: &Mutex<Memory>) -> Option<String> {
    let begun = Instant::now();
    let (status, code) = asker.call("t1", user).await;
    note(memory, Operation::Call, begun, status);
    code.filter(|_| status == 200)
}

async fn take_turn(asker: &Asker, user: User, memory: &Mutex<Memory>) {
    sleep(PAUSE).await;
    let Some(code) = call(asker, user, memory).await else { return };
    sleep(PAUSE).await;
    let begun = Instant::now();
    let (status, request) = asker.identified_login("t1", user, &code).await;
    note(memory, Operation::Login, begun, status);
    let mut memory = memory.lock().unwrap();
    match status {
        200 => memory.used.push((user, code)),
        0 | 503 => memory.unsure.push((user, code)),
        _ => memory.refused.push((user, code, request)),
    }
}

/// The reason that one of the nodes noted for a request.
fn reason(nodes: &[Gateway], request: &str) -> String {
    let events = nodes.iter().flat_map(|node| [node.earlier_audit(), node.audit()].concat());
    let event = events.into_iter().find(|event| event["request_id"] == request);
    event
        .map_or_else(|| "of no event".to_owned(), |event| event["reason"].to_string())
        .trim_matches('"')
        .to_owned()
}

fn note(memory: &Mutex<Memory>, operation: Operation, begun: Instant, status: u16) {
    let one = Seen { tenant: "t1", operation, begun, took: begun.elapsed(), status };
    memory.lock().unwrap().seen.push(one);
}

/// What the users saw.
pub struct Found {
    /// Every request.
    pub seen: Vec<Seen>,
    /// Codes told, not tried, and good at the end.
    pub kept: usize,
    /// Codes that were accepted.
    pub used: usize,
    /// Codes that may have been accepted, for all the users were answered.
    pub unsure: usize,
    /// Those of them that were good at the end.
    pub still_good: usize,
}

impl Found {
    /// The requests begun after `from` and answered before `to`.
    pub fn between(&self, from: Instant, to: Instant) -> Vec<Seen> {
        let between = |one: &&Seen| one.begun > from && one.ended() < to;
        self.seen.iter().filter(between).copied().collect()
    }

    /// The requests that were not served.
    pub fn failed(&self) -> usize {
        self.seen.iter().filter(|one| one.status != 200).count()
    }

    /// Holds that each request was answered but the few that were in flight when the load balancer
    /// took a node out, which it cuts.
    pub fn assert_answered(&self) {
        let cut = self.seen.iter().filter(|one| one.status == 0).count();
        assert!(cut * 50 < self.seen.len(), "without an answer: {cut} of {}", self.seen.len());
    }

    /// From `since` to the end of the last request that was not served; zero if all were.
    pub fn recovery(&self, since: Instant) -> Duration {
        let failed = self.seen.iter().filter(|one| one.status != 200);
        let last = failed.map(Seen::ended).max();
        last.map(|last| last.saturating_duration_since(since)).unwrap_or_default()
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seen, kept, used, unsure, still_good } = self;
        write!(
            f,
            "{}; {kept} codes told and kept, all good; {used} used, none again; {unsure} logins \
             without a decision, {still_good} of their codes still good",
            summary(seen)
        )
    }
}
