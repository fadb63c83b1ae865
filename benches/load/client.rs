//! The load generator: HTTP/1.1 over TLS on persistent connections, one request at a time on each.
//! It sends the same requests to the bare server and to dialpass.
//!
//! Why not wrk: a login needs the code from an earlier answer, and a p99 at a fixed rate needs
//! requests sent on schedule; wrk does neither. This client is as cheap: it sends prepared bytes
//! with one number changed, and reads only an answer's status, length and body, so that most of its
//! time goes to the kernel and the cipher, as with wrk.

mod connection;
mod schedule;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

pub use self::connection::{Connection, TOKEN, Target, content_length, get, tls};
use self::schedule::Due;
use crate::people;

/// A POST to the authentication cloud.
pub struct Post {
    pub path: String,
    pub body: String,
    pub bearer: Arc<str>,
}

/// A series of POST requests.
pub trait Posts: Send + Sync {
    /// The request for a turn; `None` if there are no more.
    fn at(&self, turn: u64) -> Option<Post>;

    /// Takes the body of a successful answer.
    fn answered(&self, body: &[u8]);
}

/// A person and a code not used yet.
pub type Code = (u32, [u8; 6]);

/// What the connections do.
#[derive(Clone)]
pub enum Work {
    /// Calls by one person after another.
    Calls,
    /// The same, reported by a voice platform.
    Reports,
    /// One call by each of these people.
    CallsBy(Arc<[u32]>),
    /// One login with each of these codes.
    Logins(Arc<[Code]>),
    /// Each person calls and then logs in; the two requests count as one.
    CallsAndLogins { with_password: bool },
    /// Each of these requests once.
    Posts(Arc<dyn Posts>),
}

/// The intensity of a measurement.
#[derive(Clone, Copy)]
pub struct Load {
    pub connections: usize,
    pub threads: usize,
    /// Warm-up during which nothing is counted.
    pub warm_up: Duration,
    /// How long answers are counted; shorter if the work runs out.
    pub time: Duration,
    /// Requests per second, sent on schedule; `None`: each as soon as the last is answered.
    pub rate: Option<f64>,
}

/// The result of a measurement.
#[derive(Default)]
pub struct Outcome {
    /// Answers within the counted time.
    pub answered: u64,
    /// All answers, including the warm-up.
    pub answered_in_all: u64,
    /// The counted time.
    pub time: Duration,
    /// Response times of the counted answers, in microseconds; sorted.
    pub micros: Vec<u32>,
    /// Codes received, if the work was [`Work::CallsBy`].
    pub codes: Vec<Code>,
    refused: u64,
    first_refused: String,
    last: Option<Instant>,
}

impl Outcome {
    /// Answers per second.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.time.as_secs_f64()
    }

    /// The response time that this share of the requests did not exceed, in milliseconds.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into a list"
    )]
    pub fn percentile(&self, share: f64) -> f64 {
        let last = self.micros.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.micros.get(at).map_or(f64::NAN, |micros| f64::from(*micros) / 1000.0)
    }

    fn merge(&mut self, other: Self) {
        self.answered += other.answered;
        self.answered_in_all += other.answered_in_all;
        self.micros.extend(other.micros);
        self.codes.extend(other.codes);
        self.refused += other.refused;
        if self.first_refused.is_empty() {
            self.first_refused = other.first_refused;
        }
        self.last = self.last.max(other.last);
    }
}

/// The start and the end of counting.
#[derive(Clone, Copy)]
struct Window {
    begin: Instant,
    end: Instant,
}

/// Does `work` on `target`. `next` counts the turns of the walk through the people, so that a
/// measurement continues where the last one stopped.
///
/// # Errors
/// If any answer is a refusal: a rate of refusals is meaningless.
pub fn run(
    what: &str,
    target: &Target,
    work: Work,
    load: Load,
    next: &Arc<AtomicU64>,
) -> anyhow::Result<Outcome> {
    let threads = load.threads.clamp(1, load.connections);
    let ends_by_itself = matches!(work, Work::CallsBy(_) | Work::Logins(_) | Work::Posts(_));
    let shared = Arc::new(Shared {
        target: target.clone(),
        work,
        next: Arc::clone(next),
        done: AtomicU64::new(0),
        opened: AtomicUsize::new(0),
        due: Due::new(load.rate),
    });
    let connected = Arc::new(Barrier::new(threads + 1));
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let share =
                load.connections / threads + usize::from(thread < load.connections % threads);
            let (shared, connected) = (Arc::clone(&shared), Arc::clone(&connected));
            thread::spawn(move || on_one_thread(&shared, share, load, &connected))
        })
        .collect();
    connected.wait();
    shared.due.keep_time(load);
    let parts = workers
        .into_iter()
        .map(|worker| worker.join().unwrap_or_else(|_| bail!("a client thread panicked")));
    let (mut all, mut window) = (Outcome::default(), None);
    for part in parts {
        let (part, at) = part.with_context(|| what.to_owned())?;
        all.merge(part);
        window = Some(at);
    }
    let window = window.context("no thread")?;
    // Work that ran out ended with its last answer.
    let end = all.last.filter(|_| all.answered > 0).map_or(window.end, |last| last.min(window.end));
    all.time =
        if ends_by_itself { end } else { window.end }.saturating_duration_since(window.begin);
    all.micros.sort_unstable();
    if all.refused > 0 {
        bail!(
            "{what}: {} requests were not granted, the first:\n{}",
            all.refused,
            all.first_refused
        );
    }
    if all.answered == 0 {
        bail!("{what}: nothing was answered while it counted");
    }
    Ok(all)
}

/// State shared by the connections of one measurement.
struct Shared {
    target: Target,
    work: Work,
    next: Arc<AtomicU64>,
    done: AtomicU64,
    opened: AtomicUsize,
    due: Due,
}

fn on_one_thread(
    shared: &Arc<Shared>,
    connections: usize,
    load: Load,
    connected: &Barrier,
) -> anyhow::Result<(Outcome, Window)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let opened = runtime.block_on(async {
        let mut opened = Vec::new();
        for _ in 0..connections {
            let place = shared.opened.fetch_add(1, Ordering::Relaxed);
            opened.push(Connection::open(&shared.target, place).await?);
        }
        anyhow::Ok(opened)
    });
    connected.wait();
    let begin = Instant::now() + load.warm_up;
    let window = Window { begin, end: begin + load.time };
    runtime.block_on(async {
        let mut driving = Vec::new();
        for mut connection in opened? {
            let shared = Arc::clone(shared);
            driving.push(tokio::spawn(async move {
                let mut outcome = Outcome::default();
                drive(&mut connection, &shared, window, &mut outcome).await.map(|()| outcome)
            }));
        }
        let mut all = Outcome::default();
        for connection in driving {
            all.merge(connection.await??);
        }
        Ok((all, window))
    })
}

/// Sends one connection's requests.
async fn drive(
    connection: &mut Connection,
    shared: &Shared,
    window: Window,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    loop {
        let Some(begun) = shared.due.next().await.filter(|_| Instant::now() < window.end) else {
            return Ok(());
        };
        let granted = match &shared.work {
            Work::Calls => {
                let turn = shared.next.fetch_add(1, Ordering::Relaxed);
                let person = people::at_turn(turn, shared.target.people);
                connection.call(person).await?.is_some()
            }
            Work::Reports => {
                let turn = shared.next.fetch_add(1, Ordering::Relaxed);
                let person = people::at_turn(turn, shared.target.people);
                connection.report(person, turn).await?
            }
            Work::CallsBy(people) => {
                let Some(person) = take(people, &shared.done) else { return Ok(()) };
                let code = connection.call(person).await?;
                outcome.codes.extend(code.map(|code| (person, code)));
                code.is_some()
            }
            Work::Logins(codes) => {
                let Some((person, code)) = take(codes, &shared.done) else { return Ok(()) };
                connection.login(person, code, true).await?
            }
            Work::CallsAndLogins { with_password } => {
                let turn = shared.next.fetch_add(1, Ordering::Relaxed);
                let person = people::at_turn(turn, shared.target.people);
                match connection.call(person).await? {
                    Some(code) => connection.login(person, code, *with_password).await?,
                    None => false,
                }
            }
            Work::Posts(posts) => {
                let turn = shared.done.fetch_add(1, Ordering::Relaxed);
                let Some(post) = posts.at(turn) else { return Ok(()) };
                let (status, body) = connection.post(&post).await?;
                let granted = (200..300).contains(&status);
                if granted {
                    posts.answered(body);
                }
                granted
            }
        };
        let now = Instant::now();
        outcome.answered_in_all += 1;
        if !granted {
            outcome.refused += 1;
            if outcome.first_refused.is_empty() {
                outcome.first_refused = connection.last_answer();
            }
        } else if now >= window.begin && now < window.end {
            outcome.answered += 1;
            let took = now.saturating_duration_since(begun).as_micros();
            outcome.micros.push(u32::try_from(took).unwrap_or(u32::MAX));
            outcome.last = Some(now);
        }
    }
}

/// The next item of a list that is processed once.
fn take<T: Copy>(list: &[T], done: &AtomicU64) -> Option<T> {
    let at = usize::try_from(done.fetch_add(1, Ordering::Relaxed)).ok()?;
    list.get(at).copied()
}
