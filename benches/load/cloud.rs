//! The authentication cloud's API compared with the bare server: enrollments and approvals by text,
//! verifications and status queries, on SQLite and on PostgreSQL. The SMS provider is part of the
//! benchmark and answers at once.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Options;
use crate::client::{self, Outcome, Post, Posts, Work};
use crate::people;
use crate::servers::{Http, Place};
use crate::table::{Rounds, Table};

/// How often each transaction's status is queried: the burst that the server allows.
const QUESTIONS: usize = 50;

/// What is measured; each series produces what the next one needs.
const SERIES: [&str; 4] = ["enroll, sms", "verification", "approval, sms", "status"];

/// The figures of one series, one per round.
#[derive(Default)]
struct Series {
    rate: Rounds,
    p50: Rounds,
    p99: Rounds,
}

impl Series {
    fn push(&mut self, what: &str, outcome: &Outcome) {
        let (p50, p99) = (outcome.percentile(0.5), outcome.percentile(0.99));
        eprintln!("  {what}: {:.0}/s, p50 {p50:.2} ms, p99 {p99:.2} ms", outcome.rate());
        self.rate.0.push(outcome.rate());
        self.p50.0.push(p50);
        self.p99.0.push(p99);
    }

    fn figures(&self) -> String {
        let ms = |rounds: &Rounds| format!("{:.2} ms", rounds.median());
        format!("{}, p50 {}, p99 {}", self.rate.as_rate(), ms(&self.p50), ms(&self.p99))
    }
}

/// A server with its own store.
struct Side {
    store: &'static str,
    server: Http,
    key: Arc<str>,
    /// How many users it has so far.
    users: u32,
    series: [Series; 4],
}

pub fn measure(place: &Place, options: &Options, table: &mut Table) -> anyhow::Result<()> {
    let provider = Provider::start()?;
    let bare = place.bare()?;
    let postgres = place.postgres()?;
    let sqlite = format!("url = \"sqlite:{}\"", place.folder.join("cloud.db").display());
    let mut sides = [
        side(place, "SQLite", "cloud-sqlite", &sqlite, &provider)?,
        side(place, "PostgreSQL", "cloud-postgres", &postgres.database("cloud")?, &provider)?,
    ];
    let mut alone = Series::default();
    let walk = Arc::default();
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        let target = bare.target("file", options.people);
        alone.push("bare", &client::run("bare", &target, Work::Calls, options.full(), &walk)?);
        for side in &mut sides {
            one_round(side, options, &provider)?;
        }
    }
    table.rate_and("bare actix-web server", &alone.rate, alone.figures());
    for side in &sides {
        for (what, series) in SERIES.iter().zip(&side.series) {
            table.rate_and(&format!("{what}, {}", side.store), &series.rate, series.figures());
            table.note("to the bare server", series.rate.of(&alone.rate).as_ratio());
        }
    }
    Ok(())
}

fn side(
    place: &Place,
    store: &'static str,
    name: &str,
    keys: &str,
    provider: &Provider,
) -> anyhow::Result<Side> {
    let server = place.cloud(name, keys, provider.address)?;
    let made = Command::new(&place.dialpass)
        .args(["access-key", "create", "--tenant", "cloud", "--name", "load", "--config"])
        .arg(place.folder.join(format!("{name}.toml")))
        .output()?;
    let said = String::from_utf8_lossy(&made.stderr);
    ensure!(made.status.success(), "dialpass access-key create failed: {said}");
    let key = String::from_utf8(made.stdout)?.trim().into();
    Ok(Side { store, server, key, users: 0, series: Default::default() })
}

/// Runs each series once. All users are new, because a user and a phone get only five texts in ten
/// minutes.
fn one_round(side: &mut Side, options: &Options, provider: &Provider) -> anyhow::Result<()> {
    let enrolling = Arc::new(Asking::new(side, Endless(side.users)));
    let begun = run(side, 0, options, &enrolling)?;
    side.users += u32::try_from(begun.len())?;

    let codes = provider.codes.lock().map_err(|_| anyhow::anyhow!("a provider's thread died"))?;
    let mut verifications = Vec::with_capacity(begun.len());
    let mut approvals = Vec::with_capacity(begun.len());
    for answer in &begun {
        let user = text(answer, "/userId")?;
        let name = text(answer, "/username")?;
        let number = people::number(name.trim_start_matches("user").parse()?);
        let code = codes.get(&number).context("a text that did not come")?;
        let token = text(answer, "/enrollment/statusToken")?;
        verifications.push((
            format!("/api/v1/users/{user}/verification"),
            format!("{{\"code\":\"{code}\",\"statusToken\":\"{token}\"}}"),
        ));
        let body = format!("{{\"userId\":\"{user}\",\"channel\":\"sms\"}}");
        approvals.push(("/api/v1/approval".to_owned(), body));
    }
    drop(codes);
    let verified = verifications.len();
    let verifying = Arc::new(Asking::new(side, List { posts: verifications, times: 1 }));
    let answered = run(side, 1, options, &verifying)?.len();
    // A user who is not verified when the time is up has no phone to approve with.
    approvals.truncate(answered.saturating_sub(options.connections).min(verified));
    let approving = Arc::new(Asking::new(side, List { posts: approvals, times: 1 }));
    let mut questions = Vec::new();
    for answer in &run(side, 2, options, &approving)? {
        let token = text(answer, "/statusToken")?;
        let body = format!("{{\"statusToken\":\"{token}\"}}");
        questions.push(("/api/v1/status".to_owned(), body));
    }
    let polling = Arc::new(Asking::new(side, List { posts: questions, times: QUESTIONS }));
    run(side, 3, options, &polling)?;
    Ok(())
}

/// Measures one series; returns the answers that were kept.
fn run<S: Supply>(
    side: &mut Side,
    at: usize,
    options: &Options,
    asking: &Arc<Asking<S>>,
) -> anyhow::Result<Vec<Value>> {
    let what = format!("{}, {}", SERIES[at], side.store);
    let target = side.server.target("cloud", 1);
    let work = Work::Posts(Arc::clone(asking) as Arc<dyn Posts>);
    let outcome = client::run(&what, &target, work, options.full(), &Arc::default())?;
    side.series[at].push(&what, &outcome);
    let mut answers = asking.answers.lock().map_err(|_| anyhow::anyhow!("a thread died"))?;
    std::mem::take(&mut *answers).iter().map(|body| Ok(serde_json::from_slice(body)?)).collect()
}

fn text<'a>(answer: &'a Value, pointer: &str) -> anyhow::Result<&'a str> {
    answer.pointer(pointer).and_then(Value::as_str).with_context(|| format!("no {pointer}"))
}

/// The source of a series' paths and bodies.
trait Supply: Send + Sync + 'static {
    /// The request for a turn; `None` if there are no more.
    fn at(&self, turn: usize) -> Option<(String, String)>;

    /// Whether the answers are needed later.
    fn keeps(&self) -> bool;
}

/// Enrollments of new users, starting with this one.
struct Endless(u32);

impl Supply for Endless {
    fn at(&self, turn: usize) -> Option<(String, String)> {
        let person = self.0 + u32::try_from(turn).ok()?;
        let (name, number) = (people::username(person), people::number(person));
        let body =
            format!("{{\"username\":\"{name}\",\"channel\":\"sms\",\"phone\":\"{number}\"}}");
        Some(("/api/v1/users/enroll".to_owned(), body))
    }

    fn keeps(&self) -> bool {
        true
    }
}

/// Requests made in advance, each sent this many times.
struct List {
    posts: Vec<(String, String)>,
    times: usize,
}

impl Supply for List {
    fn at(&self, turn: usize) -> Option<(String, String)> {
        let left = turn < self.posts.len() * self.times;
        left.then(|| self.posts[turn % self.posts.len()].clone())
    }

    fn keeps(&self) -> bool {
        self.times == 1
    }
}

/// A series and its answers.
struct Asking<S> {
    supply: S,
    key: Arc<str>,
    answers: Mutex<Vec<Vec<u8>>>,
}

impl<S: Supply> Asking<S> {
    fn new(side: &Side, supply: S) -> Self {
        Self { supply, key: Arc::clone(&side.key), answers: Mutex::default() }
    }
}

impl<S: Supply> Posts for Asking<S> {
    fn at(&self, turn: u64) -> Option<Post> {
        let (path, body) = self.supply.at(usize::try_from(turn).ok()?)?;
        Some(Post { path, body, bearer: Arc::clone(&self.key) })
    }

    fn answered(&self, body: &[u8]) {
        if self.supply.keeps()
            && let Ok(mut answers) = self.answers.lock()
        {
            // A verification has an empty answer.
            answers.push(if body.is_empty() { b"null".to_vec() } else { body.to_vec() });
        }
    }
}

/// An SMS provider that accepts every text at once and keeps the last code sent to each number.
struct Provider {
    address: SocketAddr,
    codes: Arc<Mutex<HashMap<String, String>>>,
}

impl Provider {
    fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let codes = Arc::default();
        let kept = Arc::clone(&codes);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || {
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                loop {
                    let (stream, _) = listener.accept().await?;
                    // A task fails only because its client is gone.
                    tokio::spawn(take_texts(stream, Arc::clone(&kept)));
                }
                #[expect(unreachable_code, reason = "the type of the block's end")]
                std::io::Result::Ok(())
            })
        });
        Ok(Self { address, codes })
    }
}

async fn take_texts(
    mut stream: TcpStream,
    codes: Arc<Mutex<HashMap<String, String>>>,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut bytes = Vec::new();
    loop {
        let (head, length) = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break (end + 4, client::content_length(std::str::from_utf8(&bytes[..end])?)?);
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        while bytes.len() < head + length {
            ensure!(stream.read_buf(&mut bytes).await? > 0, "it ended in a body");
        }
        let body: Value = serde_json::from_slice(&bytes[head..head + length])?;
        bytes.drain(..head + length);
        let words = text(&body, "/text")?.split(|c: char| !c.is_ascii_digit());
        let code = words.max_by_key(|digits| digits.len()).context("no code")?.to_owned();
        if let Ok(mut codes) = codes.lock() {
            codes.insert(text(&body, "/to")?.to_owned(), code);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await?;
    }
}
