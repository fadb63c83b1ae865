//! Calls and logins that go on while parts fail, and what became of each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::gateway::{Gateway, PATIENCE, clients, ldap_tenant, sections};

/// Longest that any request may take: the default `request_deadline`.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Longest until a part that came back is used again.
pub const COMEBACK: Duration = Duration::from_secs(5);

/// Between two requests of one user, so that a test's own machine is not what fails.
const PAUSE: Duration = Duration::from_millis(10);

/// Limits that no load here reaches.
const WIDE: &str = "[tenants.limits]\n\
    codes_per_user = { burst = 1000, per = \"1s\" }\n\
    calls_per_number = { burst = 1000, per = \"1s\" }\n\
    wrong_passwords_per_user = { burst = 1000, per = \"1s\" }\n\
    wrong_codes_per_user = { burst = 1000, per = \"1s\" }\n";

/// The configuration of a tenant for each id and `status_style`, all on `servers`.
pub fn config(tenants: &[(&str, &str)], servers: &[&str]) -> String {
    let mut config = sections(
        "[server.limits]\n\
         requests_per_client = { burst = 100000, per = \"1s\" }\n\
         requests_per_address = { burst = 100000, per = \"1s\" }\n",
    );
    for (id, style) in tenants {
        let styled = format!("status_style = \"{style}\"\ncountry");
        config += &ldap_tenant(id, servers, "").replacen("country", &styled, 1);
        config += WIDE;
        config += &clients();
    }
    config
}

/// One of the generated people of the test directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct User(pub usize);

impl User {
    pub fn number(self) -> String {
        format!("+4676{:07}", self.0)
    }

    pub fn name(self) -> String {
        format!("user{:04}", self.0)
    }

    pub fn password(self) -> String {
        format!("secret-{}", self.0)
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Call,
    Login,
}

/// A request and what became of it.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub tenant: &'static str,
    pub operation: Operation,
    pub begun: Instant,
    pub took: Duration,
    /// 0: the connection broke.
    pub status: u16,
}

impl Seen {
    pub fn ended(&self) -> Instant {
        self.begun + self.took
    }

    /// Whether it is how a client of `status_style = "http"` sees that a part is down. A login that
    /// came as far as a user's own rows is refused like any other, so that nobody learns of them.
    pub fn is_refused(&self) -> bool {
        self.status == 503 || (self.operation == Operation::Login && self.status == 403)
    }
}

/// A client of one gateway.
#[derive(Clone)]
pub struct Asker {
    http: reqwest::Client,
    api: String,
}

impl Asker {
    pub fn of(gateway: &Gateway) -> Self {
        Self::at(&gateway.http, &gateway.url(""))
    }

    /// A client of what is at this URL.
    pub fn at(http: &reqwest::Client, url: &str) -> Self {
        Self { http: http.clone(), api: format!("{url}/api/authentication") }
    }

    /// The status and, if there is one, the code.
    pub async fn call(&self, tenant: &str, user: User) -> (u16, Option<String>) {
        let request = self
            .http
            .put(format!("{}/getOTP", self.api))
            .basic_auth("pbx", Some("pbx-secret"))
            .header("tenant", tenant)
            .json(&json!({ "phonenumber": user.number() }));
        let Ok(response) = request.send().await else { return (0, None) };
        let status = response.status().as_u16();
        let Ok(body) = response.bytes().await else { return (0, None) };
        // What HAProxy says by itself is no JSON.
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        (status, body["otp"].as_str().map(str::to_owned))
    }

    /// The status.
    pub async fn login(&self, tenant: &str, user: User, code: &str) -> u16 {
        self.identified_login(tenant, user, code).await.0
    }

    /// The status, and the id of the request; empty if there was no answer.
    pub async fn identified_login(&self, tenant: &str, user: User, code: &str) -> (u16, String) {
        let body = json!({ "username": user.name(), "password": user.password(), "otp": code });
        let request = self
            .http
            .put(format!("{}/validateOTP", self.api))
            .bearer_auth("vpn-secret")
            .header("tenant", tenant)
            .json(&body);
        let Ok(response) = request.send().await else { return (0, String::new()) };
        let status = response.status().as_u16();
        let id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok());
        let id = id.unwrap_or_default().to_owned();
        if response.bytes().await.is_ok() { (status, id) } else { (0, id) }
    }
}

/// Users who call and log in, over and over, until it ends.
pub struct Load {
    ending: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Seen>>>,
    users: JoinSet<()>,
}

impl Load {
    /// `users` people of each tenant, each calling and logging in by turns.
    pub fn start(gateway: &Gateway, tenants: &[&'static str], users: usize) -> Self {
        Self::start_by(&Asker::of(gateway), tenants, users)
    }

    /// The same of whatever `asker` asks.
    pub fn start_by(asker: &Asker, tenants: &[&'static str], users: usize) -> Self {
        let (ending, seen) = (Arc::default(), Arc::default());
        let mut load = Self { ending, seen, users: JoinSet::new() };
        for tenant in tenants.iter().copied() {
            for user in 1..=users {
                let (asker, user) = (asker.clone(), User(user));
                let (ending, seen) = (Arc::clone(&load.ending), Arc::clone(&load.seen));
                load.users.spawn(async move {
                    while !ending.load(Ordering::Relaxed) {
                        turn(&asker, tenant, user, &seen).await;
                    }
                });
            }
        }
        load
    }

    /// Waits until `enough` of what was seen so far.
    pub async fn until(&self, what: &str, enough: impl Fn(&[Seen]) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !enough(&self.seen.lock().unwrap()) {
            assert!(Instant::now() < end, "{what} within {PATIENCE:?}: {}", summary(&self.seen()));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until as many requests begun after `since` were answered with 200, for each tenant
    /// and operation.
    pub async fn until_served(&self, tenants: &[&str], since: Instant, count: usize) {
        self.until("requests are served", |seen| {
            tenants.iter().all(|tenant| {
                [Operation::Call, Operation::Login].into_iter().all(|operation| {
                    let served = |one: &&Seen| {
                        one.tenant == *tenant
                            && one.operation == operation
                            && one.begun > since
                            && one.status == 200
                    };
                    seen.iter().filter(served).count() >= count
                })
            })
        })
        .await;
    }

    /// All so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Lets everyone finish; returns all that was seen. None took longer than a request
    /// may, and none was left without an answer.
    pub async fn end(self) -> Vec<Seen> {
        let seen = self.end_with_broken().await;
        for one in &seen {
            assert!(one.status != 0, "an answer: {one:?}");
        }
        seen
    }

    /// The same where a connection may break before its answer: `HAProxy` closes one that it kept
    /// open without a word when the node that it had passed the request to dies.
    pub async fn end_with_broken(mut self) -> Vec<Seen> {
        self.ending.store(true, Ordering::Relaxed);
        while let Some(user) = self.users.join_next().await {
            user.expect("a user who only asks");
        }
        let seen = self.seen();
        for one in &seen {
            assert!(one.took < DEADLINE, "in time: {one:?}");
        }
        seen
    }
}

async fn turn(asker: &Asker, tenant: &'static str, user: User, seen: &Mutex<Vec<Seen>>) {
    let note = |operation, begun: Instant, status| {
        let one = Seen { tenant, operation, begun, took: begun.elapsed(), status };
        seen.lock().unwrap().push(one);
    };
    let begun = Instant::now();
    let (status, code) = asker.call(tenant, user).await;
    note(Operation::Call, begun, status);
    tokio::time::sleep(PAUSE).await;
    // A caller who heard no code tries a wrong one.
    let code = code.unwrap_or_else(|| "000000".to_owned());
    let begun = Instant::now();
    note(Operation::Login, begun, asker.login(tenant, user, &code).await);
    tokio::time::sleep(PAUSE).await;
}

/// How many requests there were and how many of them failed, by tenant and operation, and the
/// longest that one took.
pub fn summary(seen: &[Seen]) -> String {
    let mut counts = std::collections::BTreeMap::new();
    for one in seen {
        let (all, failed) = counts.entry((one.tenant, one.operation)).or_insert((0_usize, 0_usize));
        *all += 1;
        *failed += usize::from(one.status != 200);
    }
    let mut parts = Vec::new();
    for ((tenant, operation), (all, failed)) in counts {
        let what = if operation == Operation::Call { "calls" } else { "logins" };
        parts.push(format!("{tenant}: {failed} of {all} {what} failed"));
    }
    let longest = seen.iter().map(|one| one.took).max().unwrap_or_default();
    format!("{}, longest {longest:.2?}", parts.join(", "))
}

/// From `back` to the end of the first request of the tenant that was served again, which may not
/// be long; all requests begun after it must be served too.
pub fn recovery(seen: &[Seen], tenant: &str, back: Instant) -> Duration {
    let of_tenant = || seen.iter().filter(|one| one.tenant == tenant);
    let first = of_tenant()
        .filter(|one| one.begun > back && one.status == 200)
        .map(Seen::ended)
        .min()
        .expect("it was served again");
    let took = first - back;
    assert!(took < COMEBACK, "{tenant} was served again after {took:?}");
    // The code of a login that was under way at the first was never given out.
    let calls = of_tenant().filter(|one| one.operation == Operation::Call && one.begun > first);
    for one in calls {
        assert_eq!(one.status, 200, "served again, then not: {one:?}");
    }
    took
}
