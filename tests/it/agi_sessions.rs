//! FastAGI sessions with the real server: the peer here is written by hand, so that it can do what an
//! Asterisk would not.

mod ending;
mod refusing;
mod speaking;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::support::gateway::{Answer, Gateway, PATIENCE, clients, folder, sections, wait_until};

/// The number of the user `anna`, in E.164.
const ANNA: &str = "+46701234567";
/// Anna, who has no password to check quickly.
const PEOPLE: &str =
    "[[people]]\nusername = \"anna\"\nnumbers = [\"070-123 45 67\"]\npin = \"1234\"\n";
/// The usual script, without its end.
const SCRIPT: &str = "[[tenants.fastagi]]\nscript = \"t1\"\naddresses = [\"127.0.0.1\"]\n";

/// The tenant `t1` with `scripts`, `more` of the server's keys, and `rest` of the tenant.
fn config(more: &str, rest: &str, scripts: &str) -> String {
    format!(
        "{}[fastagi]\nlisten = \"127.0.0.1:0\"\n\
         [[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"file\"\nfile = \"people.toml\"\n\
         {rest}[tenants.login]\npassword = \"not-asked\"\n{}{scripts}",
        sections(more),
        clients(),
    )
}

/// A folder with these people.
fn people(people: &str) -> Arc<TempDir> {
    let folder = folder();
    std::fs::write(folder.path().join("people.toml"), people).unwrap();
    Arc::new(folder)
}

/// The usual script with `more` keys, in a tenant with `rest`.
fn started(more: &str, rest: &str) -> Gateway {
    Gateway::start_in(people(PEOPLE), &config("", rest, &format!("{SCRIPT}{more}")))
}

/// A header as Asterisk 22 writes it, of a call with an id of its own.
#[derive(Clone)]
struct Header(Vec<String>);

impl Header {
    fn of(caller: &str) -> Self {
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let id = CALLS.fetch_add(1, Ordering::Relaxed);
        let lines = format!(
            "agi_network: yes\nagi_network_script: t1\nagi_request: agi://127.0.0.1/t1\n\
             agi_channel: PJSIP/trunk-00000000\nagi_language: sv\nagi_type: PJSIP\n\
             agi_uniqueid: 1796000000.{id}\nagi_version: 22.10.1\nagi_callerid: {caller}\n\
             agi_calleridname: Anna\nagi_callingpres: 0\nagi_callingani2: 0\nagi_callington: 0\n\
             agi_callingtns: 0\nagi_dnid: 7000\nagi_rdnis: unknown\nagi_context: in\n\
             agi_extension: 7000\nagi_priority: 2\nagi_enhanced: 0.0\nagi_accountcode: \n\
             agi_threadid: 140000000000000"
        );
        Self(lines.split('\n').map(str::to_owned).collect())
    }

    /// The header with another value.
    fn with(mut self, name: &str, value: &str) -> Self {
        let start = format!("{name}: ");
        let line = self.0.iter_mut().find(|line| line.starts_with(&start)).expect("a line");
        *line = format!("{start}{value}");
        self
    }

    /// The header with one more line at its end.
    fn and(mut self, line: &str) -> Self {
        self.0.push(line.to_owned());
        self
    }

    fn call_id(&self) -> &str {
        let line = self.0.iter().find_map(|line| line.strip_prefix("agi_uniqueid: "));
        line.expect("an id")
    }

    fn text(&self) -> String {
        self.0.join("\n") + "\n\n"
    }
}

/// What a peer does about a command.
enum Does {
    /// What Asterisk does.
    AsUsual,
    /// It replies this.
    Replies(String),
    /// It hangs up: Asterisk fails the command, and says so with the next.
    HangsUp,
    /// It closes the connection.
    Closes,
}

/// The other end of a session.
struct Peer {
    commands: BufReader<OwnedReadHalf>,
    replies: OwnedWriteHalf,
}

impl Peer {
    /// Opens a connection to `gateway`.
    async fn connect(gateway: &Gateway) -> Self {
        Self::connect_from([127, 0, 0, 1].into(), gateway).await
    }

    /// Opens a connection from `address`.
    async fn connect_from(address: IpAddr, gateway: &Gateway) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(address, 0)).unwrap();
        Self::on(socket.connect(gateway.fastagi()).await.unwrap())
    }

    fn on(stream: TcpStream) -> Self {
        let (commands, replies) = stream.into_split();
        Self { commands: BufReader::new(commands), replies }
    }

    /// Opens a session.
    async fn open(gateway: &Gateway, header: &Header) -> Self {
        let mut peer = Self::connect(gateway).await;
        peer.say(&header.text()).await;
        peer
    }

    async fn say(&mut self, text: &str) {
        self.replies.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next command; none at the end of the session.
    async fn command(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = timeout(PATIENCE, self.commands.read_line(&mut line)).await.expect("a command");
        (read.unwrap_or(0) > 0).then(|| line.trim_end_matches('\n').to_owned())
    }

    /// Carries out all commands, as `does` says, and returns them without what they have in common.
    async fn carry_out(mut self, does: impl Fn(&str) -> Does) -> Session {
        let mut commands = Vec::new();
        let mut has_hung_up = false;
        while let Some(command) = self.command().await {
            let usual = usual_reply(&command);
            let reply = match does(&command) {
                Does::AsUsual if has_hung_up => format!("HANGUP\n{usual}"),
                Does::AsUsual => usual,
                Does::Replies(reply) => reply,
                Does::HangsUp => {
                    has_hung_up = true;
                    "200 result=-1".to_owned()
                }
                Does::Closes => {
                    commands.push(command);
                    break;
                }
            };
            commands.push(command);
            // The server may have ended the session.
            let _ = self.replies.write_all(format!("{reply}\n").as_bytes()).await;
        }
        Session(commands)
    }
}

/// What Asterisk replies to a command.
fn usual_reply(command: &str) -> String {
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    match name {
        "SET" => "200 result=1".to_owned(),
        "GET" => match rest.split_once(' ').expect(command) {
            ("FULL", variable) => {
                format!("200 result=1 ({})", variable.strip_prefix("VARIABLE ").expect(command))
            }
            ("DATA", _) => "200 result=1234".to_owned(),
            _ => panic!("{command}"),
        },
        "ANSWER" | "EXEC" | "SAY" | "NOOP" => "200 result=0".to_owned(),
        "STREAM" => "200 result=0 endpos=8000".to_owned(),
        _ => "510 Invalid or unknown command".to_owned(),
    }
}

/// The commands of a session.
struct Session(Vec<String>);

impl Session {
    /// Calls with `header`, and carries out all commands.
    async fn of(gateway: &Gateway, header: &Header) -> Self {
        Peer::open(gateway, header).await.carry_out(|_| Does::AsUsual).await
    }

    /// The last value that a variable was given.
    fn variable(&self, name: &str) -> Option<&str> {
        let start = format!("SET VARIABLE {name} ");
        self.0.iter().rev().find_map(|command| command.strip_prefix(&start))
    }

    /// The value of `DIALPASS_RESULT`.
    fn result(&self) -> &str {
        self.variable("DIALPASS_RESULT").expect("it is always set")
    }

    /// The code that was spoken first.
    fn code(&self) -> &str {
        let said = self.0.iter().find_map(|command| command.strip_prefix("SAY DIGITS "));
        said.expect("a code").trim_end_matches(" \"\"")
    }

    /// The commands without those that every session begins with.
    fn told(&self) -> Vec<&str> {
        let [preset, challenge, told @ ..] = self.0.as_slice() else { panic!("{:?}", self.0) };
        assert_eq!(preset, "SET VARIABLE DIALPASS_RESULT ERROR");
        let nonce = challenge.strip_prefix("GET FULL VARIABLE ").expect("a number to repeat");
        assert!(nonce.len() == 32 && nonce.bytes().all(|byte| byte.is_ascii_hexdigit()), "{nonce}");
        told.iter().map(String::as_str).collect()
    }
}

/// The audit event of a call.
fn event(gateway: &Gateway, header: &Header) -> Value {
    event_where(gateway, |event| event["callid"] == header.call_id())
}

/// The last event of a session that is as `is_it` says; waits for it.
fn event_where(gateway: &Gateway, is_it: impl Fn(&Value) -> bool) -> Value {
    let mut found = None;
    wait_until("the audit event", || {
        let events = gateway.audit().into_iter();
        found = events.filter(|event| event["operation"] == "fastagi").filter(&is_it).last();
        found.is_some()
    });
    found.expect("waited for")
}

/// Logs in with a code alone.
async fn login(gateway: &Gateway, code: &str) -> u16 {
    let request = gateway
        .http
        .put(gateway.url("/api/authentication/validateOTP"))
        .bearer_auth("vpn-secret")
        .header("tenant", "t1")
        .json(&json!({ "username": "anna", "otp": code }));
    Answer::of(request).await.status
}

/// The metrics.
async fn metrics(gateway: &Gateway) -> String {
    Answer::of(gateway.http.get(gateway.ops_url("/metrics"))).await.body
}
