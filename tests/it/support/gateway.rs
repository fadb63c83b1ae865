//! The real program, started on free loopback ports in a temporary folder, and what tests ask it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::openapi::must_be_described;
use crate::support::ports::free_port;
use crate::support::slapd::Slapd;

/// How long a test waits for what should come at once.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Where the sections here have a gateway listen.
const ANY_PORT: &str = "\"127.0.0.1:0\"";

/// The SHA-256 of a secret, as the configuration wants it.
pub fn sha256(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// Waits until `done`, and says what was waited for if that never comes.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "{what} within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The sections that every configuration here has; `[[tenants]]` follow.
pub fn sections(more_of_server: &str) -> String {
    format!(
        "[server]\nlisten = {ANY_PORT}\n{more_of_server}\n\
         [ops]\nlisten = {ANY_PORT}\n\
         [store]\nurl = \"sqlite:dialpass.db\"\n\
         [keys]\nserver_key_file = \"server-key.hex\"\n"
    )
}

/// The configuration with ports of its own instead of any that are free, so that the gateway comes
/// back on the same when it is restarted.
pub fn pinned(config: &str) -> String {
    let mut pinned = config.to_owned();
    while pinned.contains(ANY_PORT) {
        pinned = pinned.replacen(ANY_PORT, &format!("\"127.0.0.1:{}\"", free_port()), 1);
    }
    pinned
}

/// The clients `pbx` (basic pbx:pbx-secret, getOTP) and `vpn` (bearer vpn-secret, validateOTP).
pub fn clients() -> String {
    format!(
        "[[tenants.clients]]\nname = \"pbx\"\noperations = [\"getOTP\"]\n\
         basic = {{ username = \"pbx\", password_sha256 = \"{}\" }}\n\
         [[tenants.clients]]\nname = \"vpn\"\noperations = [\"validateOTP\"]\n\
         bearer = {{ token_sha256 = \"{}\" }}\n",
        sha256("pbx-secret"),
        sha256("vpn-secret"),
    )
}

/// A tenant whose directory is `servers`, with `more` keys of the directory. Sections of the
/// tenant and its clients follow.
pub fn ldap_tenant(id: &str, servers: &[&str], more: &str) -> String {
    format!(
        "[[tenants]]\nid = \"{id}\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"ldap\"\nservers = {servers:?}\n\
         bind_dn = \"{}\"\nbind_password = \"{}\"\nbase_dn = \"{}\"\n{more}\n",
        crate::support::slapd::GATEWAY_DN,
        crate::support::slapd::GATEWAY_PASSWORD,
        crate::support::slapd::PEOPLE,
    )
}

/// A running gateway; dropped, it is killed.
pub struct Gateway {
    child: Child,
    folder: Arc<TempDir>,
    environment: Vec<(String, String)>,
    lines: Arc<Mutex<Vec<String>>>,
    /// What it logged before it was last restarted.
    earlier: Vec<String>,
    is_read: Arc<AtomicBool>,
    address: SocketAddr,
    ops: Option<SocketAddr>,
    fastagi: Option<SocketAddr>,
    scheme: &'static str,
    /// The client that requests go through.
    pub http: reqwest::Client,
}

impl Gateway {
    /// Starts `dialpass serve` with `config` in a fresh folder.
    pub fn start(config: &str) -> Self {
        Self::start_in(Arc::new(folder()), config)
    }

    /// Starts it in `folder`, with what is there.
    pub fn start_in(folder: Arc<TempDir>, config: &str) -> Self {
        Self::start_with(folder, config, &[])
    }

    /// Starts it in `folder`, with these variables in its environment.
    pub fn start_with(folder: Arc<TempDir>, config: &str, environment: &[(&str, &str)]) -> Self {
        std::fs::write(folder.path().join("dialpass.toml"), config).unwrap();
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        Self::run(folder, environment.iter().map(owned).collect())
    }

    /// One tenant `t1` on `slapd` with the usual clients.
    pub fn on(slapd: &Slapd) -> Self {
        let tenant = ldap_tenant("t1", &[&slapd.url()], "");
        Self::start(&format!("{}{tenant}{}", sections(""), clients()))
    }

    fn run(folder: Arc<TempDir>, environment: Vec<(String, String)>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_dialpass"))
            .args(["serve", "--config"])
            .arg(folder.path().join("dialpass.toml"))
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let is_read = Arc::new(AtomicBool::new(true));
        follow(child.stdout.take().unwrap(), &lines, &is_read);
        follow(child.stderr.take().unwrap(), &lines, &is_read);
        let mut ready = None;
        wait_until("the gateway is ready", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("it ended with {status}: {}", lines.lock().unwrap().join("\n"));
            }
            ready = lines.lock().unwrap().iter().find_map(|line| {
                let line: Value = serde_json::from_str(line).ok()?;
                (line["message"] == "ready").then_some(line)
            });
            ready.is_some()
        });
        let ready = ready.expect("waited for");
        let address = |name: &str| ready[name].as_str().map(|text| text.parse().unwrap());
        Self {
            child,
            folder,
            environment,
            lines,
            earlier: Vec::new(),
            is_read,
            address: address("listen").expect("it says where it listens"),
            ops: address("ops"),
            fastagi: address("fastagi"),
            scheme: if ready["tls"] == true { "https" } else { "http" },
            http: reqwest::Client::new(),
        }
    }

    /// Ends it and starts it again on what it left behind.
    pub fn restart(mut self) -> Self {
        let (folder, http) = (Arc::clone(&self.folder), self.http.clone());
        let environment = std::mem::take(&mut self.environment);
        let mut earlier = std::mem::take(&mut self.earlier);
        let lines = Arc::clone(&self.lines);
        drop(self);
        earlier.append(&mut lines.lock().unwrap());
        let mut again = Self::run(folder, environment);
        again.earlier = earlier;
        again.http = http;
        again
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL of its API.
    pub fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.address.port())
    }

    /// Where its operators' listener listens.
    pub fn ops(&self) -> SocketAddr {
        self.ops.expect("it has an operators' listener")
    }

    /// Where it serves FastAGI.
    pub fn fastagi(&self) -> SocketAddr {
        self.fastagi.expect("it has a FastAGI listener")
    }

    /// A URL of its operators' listener.
    pub fn ops_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.ops())
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Kills it at once, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the gateway ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.expect("waited for")
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether what it writes is read from now on; else its pipes fill.
    pub fn read(&self, is_read: bool) {
        self.is_read.store(is_read, Ordering::Relaxed);
    }

    /// All it has written so far.
    pub fn log(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// Whether it has warned of anything but the short secrets of tests.
    pub fn warned(&self) -> bool {
        let log = self.log();
        log.lines().any(|line| line.contains("WARN") && !line.contains("secret is shorter than"))
    }

    /// The audit events from before it was last restarted.
    pub fn earlier_audit(&self) -> Vec<Value> {
        let events = self.earlier.iter().filter_map(|line| serde_json::from_str(line).ok());
        events.collect()
    }

    /// The audit events so far.
    pub fn audit(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        let events = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["target"] == "audit").collect()
    }

    /// The audit events since the line `from`, which becomes the line after them.
    pub fn audit_since(&self, from: &mut usize) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        let new = &lines[std::mem::replace(from, lines.len())..];
        let events = new.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["target"] == "audit").collect()
    }

    /// The audit event of the request whose answer had this id; waits for it.
    pub fn audit_of(&self, request_id: &str) -> Value {
        let mut event = None;
        wait_until("the audit event", || {
            event = self.audit().into_iter().find(|event| event["request_id"] == request_id);
            event.is_some()
        });
        event.expect("waited for")
    }

    /// Waits until a line with `text` is written.
    pub fn wait_for_line(&self, text: &str) {
        wait_until(text, || self.log().contains(text));
    }

    /// Asks for a caller's code as `pbx` of tenant `t1`.
    pub async fn call(&self, number: &str) -> Answer {
        let request = self
            .http
            .put(self.url("/api/authentication/getOTP"))
            .basic_auth("pbx", Some("pbx-secret"))
            .header("tenant", "t1")
            .json(&json!({ "phonenumber": number }));
        Answer::of(request).await
    }

    /// The code that a caller gets.
    pub async fn code(&self, number: &str) -> String {
        let answer = self.call(number).await;
        assert_eq!(answer.status, 200, "{} gets a code: {}", number, self.log());
        answer.json()["otp"].as_str().expect("an otp").to_owned()
    }

    /// Asks about a login as `vpn` of tenant `t1`.
    pub async fn login(&self, username: &str, password: &str, otp: &str) -> Answer {
        let request = self
            .http
            .put(self.url("/api/authentication/validateOTP"))
            .bearer_auth("vpn-secret")
            .header("tenant", "t1")
            .json(&json!({ "username": username, "password": password, "otp": otp }));
        Answer::of(request).await
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with a server key.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key).unwrap();
    let path = folder.path().join("server-key.hex");
    std::fs::write(&path, hex::encode(key)).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    folder
}

fn follow(
    output: impl std::io::Read + Send + 'static,
    lines: &Arc<Mutex<Vec<String>>>,
    is_read: &Arc<AtomicBool>,
) {
    let (lines, is_read) = (Arc::clone(lines), Arc::clone(is_read));
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            lines.lock().unwrap().push(line);
            while !is_read.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body.
    pub body: String,
}

impl Answer {
    /// Sends a request and reads the answer.
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = client.execute(request).await.expect("an answer");
        must_be_described(&method, &path, response.status().as_u16());
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, body: response.text().await.expect("a body") }
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("JSON: {:?}", self.body))
    }

    /// A header's text, empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
