//! Real requests, changed at random, to the real server on connections that stay open: it never
//! answers that the fault is its own, never falls silent, never panics. What reads their parts is
//! tried beside the code, by `src/fuzzing.rs`; docs/fuzzing.md has both.

#[path = "../../src/fuzzing/mutation.rs"]
#[expect(dead_code, reason = "the readers' tests use more of it")]
mod mutation;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::mutation::{Mutator, Numbers};
use crate::authentication_cloud::{PHONE, PUBLIC_URL, Service};
use crate::support::pki::{Ca, Leaf};
use crate::support::soft_phone::SoftPhone;

/// Requests in an ordinary run.
const FEW: u64 = 1_200;

/// Connections at once.
const CONNECTIONS: u64 = 4;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

const WORDS: &[&str] = &[
    "\"phonenumber\"",
    "\"username\"",
    "\"password\"",
    "\"otp\"",
    "\"passcode\"",
    "\"channel\"",
    "\"sms\"",
    "\"app\"",
    "\"push\"",
    "\"recovery\"",
    "\"phone\"",
    "\"message\"",
    "{{CODE}}",
    "\"statusToken\"",
    "\"userId\"",
    "\"code\"",
    "\"token\"",
    "\"credential\"",
    "\"response\"",
    "\"clientDataJSON\"",
    "\"operation\"",
    "\"channels\"",
    "anna",
    "+46701234567",
    "Bearer ",
    "Basic ",
    "for=",
    "t2",
    "eyJ",
    "application/json",
    "charset=",
    "\\u0000",
    "\\ud800",
    "[[[[[[[[",
    "{\"a\":{\"a\":",
    "1e400",
];

/// A request, in its parts.
#[derive(Debug, Clone)]
struct Parts {
    method: String,
    path: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Parts {
    fn new(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
        Self {
            method: method.to_owned(),
            path: path.as_bytes().to_vec(),
            headers: headers.collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    /// As it goes over the wire, whole.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} ", self.method).into_bytes();
        bytes.extend_from_slice(&self.path);
        bytes.extend_from_slice(b" HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", self.body.len()).as_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// With a part or two changed, so that it is still one request.
    fn changed(&self, mutator: &Mutator, numbers: &mut Numbers) -> Self {
        let mut parts = self.clone();
        if numbers.below(8) > 1 {
            parts.body = mutator.changed(parts.body, numbers);
        }
        if numbers.below(4) == 0 && !parts.headers.is_empty() {
            let index = numbers.below(parts.headers.len());
            match numbers.below(8) {
                0 => drop(parts.headers.remove(index)),
                1 => parts.headers.push(parts.headers[index].clone()),
                _ => {
                    let value = mutator.changed(parts.headers[index].1.clone(), numbers);
                    // A line of its own would be another request.
                    let legal = |byte: &u8| !matches!(byte, b'\r' | b'\n' | 0);
                    parts.headers[index].1 = value.into_iter().filter(legal).take(4000).collect();
                }
            }
        }
        if numbers.below(8) == 0 {
            let path = mutator.changed(parts.path[1..].to_vec(), numbers);
            let legal = path.into_iter().filter(u8::is_ascii_graphic).take(2000);
            parts.path = std::iter::once(b'/').chain(legal).collect();
        }
        if numbers.below(16) == 0 {
            let methods = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "X"].as_slice();
            let method: &&str = numbers.of(methods);
            parts.method.clear();
            parts.method.push_str(method);
        }
        parts
    }
}

/// Real requests of both interfaces, and what a phone's page asks.
#[expect(clippy::too_many_lines, reason = "a list")]
async fn real_requests(service: &Service, certificate: &str) -> Vec<Parts> {
    let json = ("content-type", "application/json");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let from = ("forwarded", "for=192.0.2.7;proto=https, for=127.0.0.1");
    let tenant = ("tenant", "t1");
    let pbx = format!("Basic {}", STANDARD.encode("pbx:pbx-secret"));
    let pbx = ("authorization", pbx.as_str());
    let vpn = ("authorization", "Bearer vpn-secret");
    let key = format!("Bearer {}", service.key.text);
    let key = ("authorization", key.as_str());
    let call = "/api/authentication/getOTP";
    let login = "/api/authentication/validateOTP";

    let anna = service.user("anna", PHONE).await;
    let texted = service.approve("anna", PHONE).await;
    let mut phone = SoftPhone::at(PUBLIC_URL);
    service.phone_of("anna", &mut phone).await;
    let asked = service.ask("anna", "Pay CHF 100").await;
    let signed = phone.sign(&service.api.options(&asked.token).await).await.expect("a signature");
    let enrolling = service.enroll_app(json!({"username": "berta"})).await;
    let made = SoftPhone::at(PUBLIC_URL).make(&service.api.options(&enrolling.token).await).await;
    let made = made.expect("a passkey");
    let intent = service
        .api
        .post("/api/v1/intent", json!({"operation": "enroll", "channels": ["sms"]}))
        .await;
    let intent = format!("Bearer {}", intent.json()["token"].as_str().unwrap_or("x"));
    let verify = format!("/api/v1/users/{anna}/verification");

    let call_body = "{\"phonenumber\":\"\\\"Anna\\\" <sip:+46701234567@pbx>\",\"callid\":\"a\",\"attestation\":\"A\",\"pin\":\"1\"}";
    let login_body = "{\"username\":\"anna\",\"password\":\"secret\",\"otp\":\"123456\",\"clientip\":\"192.0.2.1\"}";
    let mut all = vec![
        Parts::new("PUT", call, &[tenant, pbx, json, from], call_body),
        Parts::new(
            "PUT",
            call,
            &[tenant, pbx, form, from],
            "phonenumber=+46701234567&callid=%C3%A5",
        ),
        Parts::new("PUT", call, &[tenant, json, from, ("client-cert", certificate)], call_body),
        Parts::new("PUT", login, &[tenant, vpn, json, from], login_body),
        Parts::new(
            "POST",
            login,
            &[vpn, form, ("accept", "application/problem+json")],
            "username=anna&passcode=x123456",
        ),
        Parts::new("GET", "/openapi.json", &[("accept-encoding", "gzip")], ""),
        Parts::new("GET", "/ping", &[key, from], ""),
        Parts::new("GET", "/api/v1/users?username=anna", &[key], ""),
        Parts::new("GET", &format!("/api/v1/users/{anna}"), &[key], ""),
        Parts::new("GET", "/widget/auth.js", &[("accept-language", "sv, en;q=0.5")], ""),
        Parts::new(
            "OPTIONS",
            "/api/v1/status",
            &[("origin", "https://shop.example"), ("access-control-request-method", "POST")],
            "",
        ),
    ];
    let link = format!("/open?dispatchTokenResponse={}", asked.token);
    all.push(Parts::new(
        "GET",
        &link,
        &[("accept-language", "de"), ("user-agent", "Mozilla/5.0 (iPhone)")],
        "",
    ));
    for (path, header, body) in [
        (
            "/api/v1/users/enroll",
            key,
            json!({"username": "carl", "channel": "sms", "phone": "+46702223344", "message": "Code {{CODE}}"}),
        ),
        (
            "/api/v1/users/enroll",
            ("authorization", &intent),
            json!({"channel": "sms", "phone": "+46702223344"}),
        ),
        ("/api/v1/users/enroll", key, json!({"username": "carl", "channel": "app"})),
        (
            "/api/v1/approval",
            key,
            json!({"username": "anna", "channel": "app", "message": "Pay CHF 100\nto Åsa"}),
        ),
        ("/api/v1/approval", key, json!({"userId": anna, "channel": "sms"})),
        (&verify, key, json!({"code": "123456", "statusToken": texted.token})),
        (&verify, key, json!({"code": "ABCD-EFGH-IJKL-MN23", "channel": "recovery"})),
        ("/api/v1/status", from, json!({"statusToken": texted.token})),
        ("/api/v1/introspect", key, json!({"token": texted.token})),
        (
            "/api/v1/intent",
            key,
            json!({"operation": "enroll", "username": "anna", "channels": ["sms", "app"]}),
        ),
        ("/open/transaction", from, json!({"token": asked.token})),
        ("/open/confirm", from, json!({"token": asked.token, "credential": signed})),
        ("/open/confirm", from, json!({"token": enrolling.token, "credential": made})),
        ("/open/decline", from, json!({"token": enrolling.token})),
    ] {
        all.push(Parts::new(
            "POST",
            path,
            &[header, json_type(), ("origin", PUBLIC_URL)],
            &body.to_string(),
        ));
    }
    all
}

const fn json_type() -> (&'static str, &'static str) {
    ("content-type", "application/json")
}

/// An answer's status, and whether the connection stays.
struct Seen {
    status: u16,
    stays: bool,
}

/// Reads one answer; `None` if the connection ended without one.
async fn answer(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let status = text.get(9..12)?.parse().expect("a status");
    let field = |name: &str| {
        let lines = text.split("\r\n").skip(1);
        lines
            .filter_map(|line| line.split_once(": "))
            .find(|(is, _)| *is == name)
            .map(|(_, value)| value)
    };
    let mut stays = field("connection") != Some("close");
    match field("content-length").map(|length| length.parse::<usize>().expect("a length")) {
        Some(length) => {
            while bytes.len() < head + length {
                if stream.read_buf(&mut bytes).await.ok()? == 0 {
                    stays = false;
                    break;
                }
            }
        }
        // Chunked or without a body: it is not needed to its end.
        None => stays = stays && matches!(status, 204 | 304),
    }
    Some(Seen { status, stays })
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_of_a_stranger_panics_the_server_or_makes_it_answer_5xx() {
    let ca = Ca::new("clients");
    let leaf = Leaf { dns: "pbx.example", uri: "urn:example:pbx", serial: 10, ends: 2080 };
    let certificate = format!(":{}:", STANDARD.encode(ca.client(leaf).der()));
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, ca.pem()).unwrap();
    let change = |config: String| {
        let much = "{ burst = 1000000, per = \"1s\" }";
        let server = format!(
            "trusted_proxies = [\"127.0.0.1/32\"]\nproxy_client_ca = \"{}\"\n[server.limits]\n\
             requests_per_client = {much}\nrequests_per_address = {much}\ncalls_per_caller = {much}\n[ops]\n",
            ca_file.display()
        );
        let client = "[[tenants.clients]]\nname = \"sbc\"\noperations = [\"getOTP\"]\n\
                      certificate = { san = \"dns:pbx.example\" }\n";
        let first = "[[tenants.clients]]\nname = \"pbx\"";
        let config = config.replacen("[ops]\n", &server, 1);
        config.replacen(first, &format!("{client}{first}"), 1)
    };
    let service = Service::start_with(change, &[]).await;
    let real = Arc::new(real_requests(&service, &certificate).await);
    let count = number("FUZZ_INPUTS").map_or(FEW, |inputs| inputs / 50).div_ceil(CONNECTIONS);
    let seed = number("FUZZ_SEED").unwrap_or(15);
    let address = service.gateway.address();
    let sent = Arc::new(AtomicU64::new(0));
    let begun = std::time::Instant::now();
    let mut running = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let (real, sent) = (Arc::clone(&real), Arc::clone(&sent));
        running.spawn(async move {
            let mutator = Mutator::new(real.iter().map(|one| one.body.clone()).collect(), WORDS);
            let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
            let mut stream: Option<TcpStream> = None;
            for index in 0..count {
                let mut numbers = Numbers::new(seed ^ (connection << 48) ^ index);
                let parts = numbers.of(&real);
                // One in sixteen is no request any more, perhaps, and the connection's last.
                let is_raw = numbers.below(16) == 0;
                let bytes = if is_raw {
                    mutator.changed(parts.bytes(), &mut numbers)
                } else {
                    parts.changed(&mutator, &mut numbers).bytes()
                };
                let mut open = match stream.take() {
                    Some(open) => open,
                    None => TcpStream::connect(address).await.expect("it takes connections"),
                };
                // A server that has refused what came before may have stopped reading.
                let _ = open.write_all(&bytes).await;
                if is_raw {
                    let _ = open.shutdown().await;
                }
                let shown = || {
                    format!(
                        "seed {seed}, {connection}/{index}: {}",
                        String::from_utf8_lossy(&bytes)
                    )
                };
                let Ok(answered) = timeout(PATIENCE, answer(&mut open)).await else {
                    panic!("no answer within {PATIENCE:?}; {}", shown());
                };
                sent.fetch_add(1, Ordering::Relaxed);
                let status = answered.as_ref().map_or(0, |seen| seen.status);
                assert!(status < 500, "{status}; {}", shown());
                *statuses.entry(status).or_default() += 1;
                stream = answered.filter(|seen| seen.stays && !is_raw).map(|_| open);
            }
            statuses
        });
    }
    let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
    while let Some(done) = running.join_next().await {
        let done = done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        for (status, count) in done {
            *statuses.entry(status).or_default() += count;
        }
    }
    let took = begun.elapsed();
    println!(
        "seed {seed}: {} requests in {took:.1?}; by status, 0 for none: {statuses:?}",
        sent.load(Ordering::Relaxed)
    );
    assert!(statuses.get(&200).is_some_and(|count| *count > 20), "some get through: {statuses:?}");
    let log = service.gateway.log();
    assert!(!log.contains("panicked"), "{log}");
    // It still serves.
    service.user("last", "+46705556677").await;
    let code = service.api.get("/ping").await;
    assert_eq!(code.status, 200, "{}", code.body);
}
