//! The program that drives browsers, in a process group of its own, with its browsers in it.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::profile::Profile;
use super::{Browser, Refusal};

/// How many browsers run at once: each is several hundred megabytes.
const AT_ONCE: usize = 2;

/// How often a driver is started until it gets a port.
const TRIES: usize = 5;

static ROOM: Semaphore = Semaphore::const_new(AT_ONCE);

/// A running driver; dropped, it and its browsers are gone.
pub struct Driver {
    child: Child,
    url: String,
    http: reqwest::Client,
    folder: Option<TempDir>,
    _room: SemaphorePermit<'static>,
}

/// So many browsers for one test, as soon as there is room for all of them.
pub async fn browsers<const N: usize>(profiles: [&Profile; N]) -> [Browser; N] {
    assert!(N <= AT_ONCE, "no test has more than {AT_ONCE} browsers");
    let room = ROOM.acquire_many(u32::try_from(N).expect("few")).await.expect("it stays open");
    let driver = Arc::new(Driver::start(room));
    let mut open = Vec::new();
    for profile in profiles {
        open.push(Browser::open(Arc::clone(&driver), profile).await);
    }
    open.try_into().unwrap_or_else(|_| unreachable!("one for each profile"))
}

/// Starts a driver, and says on which port it listens. `None` if another program took the port that
/// it had chosen for itself: it chooses one for IPv6, and then wants the same for IPv4.
fn listening(home: &Path) -> Option<(Child, u16)> {
    let mut child = Command::new("/usr/bin/chromedriver")
        .args(["--port=0", "--log-level=SEVERE"])
        .envs(["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"].map(|name| (name, home)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("Debian's chromium-driver: tests/run.sh installs it");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut seen = Vec::new();
    while let Some(Ok(line)) = lines.next() {
        if let Some((_, port)) = line.split_once("successfully on port ") {
            // It must not wait for a reader.
            std::thread::spawn(move || lines.for_each(drop));
            let port = port.trim_end_matches('.').parse().expect("a port");
            return Some((child, port));
        }
        seen.push(line);
    }
    child.wait().expect("it ended");
    let taken = seen.iter().any(|line| line.contains("port not available"));
    assert!(taken, "chromedriver ended without a port: {seen:?}");
    None
}

impl Driver {
    fn start(room: SemaphorePermit<'static>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        let (child, port) = (0..TRIES)
            .find_map(|_| listening(home))
            .unwrap_or_else(|| panic!("chromedriver got no port in {TRIES} tries"));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        Self { child, url, http, folder: Some(folder), _room: room }
    }

    /// Sends a command.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Refusal> {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = request.send().await.unwrap_or_else(|error| panic!("{path}: {error}"));
        let status = answer.status();
        let mut answer: Value = answer.json().await.expect("JSON");
        let value = answer["value"].take();
        if status.is_success() {
            return Ok(value);
        }
        Err(format!("{}: {}", value["error"], value["message"]))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // They may have ended already.
        let _ = kill_process_group(group.expect("a process id"), Signal::KILL);
        let _ = self.child.wait();
        // A browser that is being killed may write for a moment longer.
        let folder = self.folder.take().expect("it is taken here").keep();
        let end = Instant::now() + Duration::from_secs(5);
        while std::fs::remove_dir_all(&folder).is_err() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
