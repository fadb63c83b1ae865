//! Users who call and log in, are sent texts, and approve with a passkey, while something fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::history::{History, Mark};
use crate::authentication_cloud::{PUBLIC_URL, latest_code};
use crate::faults::load::{Asker, User};
use crate::sms::provider::Provider;
use crate::support::gateway::PATIENCE;
use crate::support::soft_phone::SoftPhone;

/// Between two requests of one user.
const PAUSE: Duration = Duration::from_millis(20);

/// Users who call and log in by turns: the first of all.
const BUSY: usize = 6;

/// What works once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// A code that a caller was told.
    Code { user: User, code: String },
    /// A code in a text.
    Text { user: String, status: String, code: String },
    /// A question to a phone, and the phone's answer.
    Question { status: String, link: String, signature: Value },
}

impl Secret {
    /// Whether both are codes of one caller.
    pub fn is_of_caller(&self, other: &Self) -> bool {
        let caller = |secret: &Self| match secret {
            Self::Code { user, .. } => Some(user.0),
            Self::Text { .. } | Self::Question { .. } => None,
        };
        caller(self).is_some() && caller(self) == caller(other)
    }
}

/// What is before the nodes, as all users see it.
#[derive(Clone)]
pub struct World {
    pub asker: Asker,
    http: reqwest::Client,
    base: String,
    key: String,
    provider: Arc<Provider>,
    callers: Arc<AtomicUsize>,
    names: Arc<AtomicUsize>,
    people: usize,
}

/// A user of the cloud with a passkey on a phone.
pub struct Approver {
    id: String,
    phone: SoftPhone,
}

impl World {
    pub fn new(
        asker: Asker,
        base: String,
        key: String,
        provider: Arc<Provider>,
        people: usize,
    ) -> Self {
        let callers = Arc::new(AtomicUsize::new(BUSY + 1));
        let names = Arc::default();
        Self { asker, http: reqwest::Client::new(), base, key, provider, callers, names, people }
    }

    /// The same through another address, for instance a node's own.
    pub fn at(&self, base: String) -> Self {
        Self { asker: Asker::at(&self.http, &base), base, ..self.clone() }
    }

    /// The status and the body; 0 if there was no whole answer.
    async fn post(&self, path: &str, is_open: bool, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.base)).json(body);
        let request = if is_open {
            request.header("user-agent", "Mozilla/5.0 (Linux; Android 10; K) Mobile Safari/537.36")
        } else {
            request.bearer_auth(&self.key)
        };
        let Ok(response) = request.send().await else { return (0, Value::Null) };
        let status = response.status().as_u16();
        let Ok(body) = response.bytes().await else { return (0, Value::Null) };
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Whether it has succeeded, as far as anybody says; and whether its token vouches for it.
    pub async fn status(&self, token: &str) -> (u16, bool) {
        let (status, body) =
            self.post("/api/v1/status", true, &json!({ "statusToken": token })).await;
        (status, body["status"] == "succeeded")
    }

    /// Tries something.
    pub async fn attempt(&self, secret: &Secret) -> (u16, String) {
        match secret {
            Secret::Code { user, code } => self.asker.identified_login("t1", *user, code).await,
            Secret::Text { user, status, code } => {
                let path = format!("/api/v1/users/{user}/verification");
                let body = json!({ "code": code, "statusToken": status });
                (self.post(&path, false, &body).await.0, String::new())
            }
            Secret::Question { link, signature, .. } => {
                let body = json!({ "token": link, "credential": signature });
                (self.post("/open/confirm", true, &body).await.0, String::new())
            }
        }
    }

    /// Tries something until there is a decision.
    pub async fn decided(&self, secret: &Secret) -> u16 {
        let end = Instant::now() + PATIENCE;
        loop {
            let (status, _) = self.attempt(secret).await;
            if !matches!(status, 0 | 429 | 500..) {
                return status;
            }
            assert!(Instant::now() < end, "a decision of {secret:?}, not {status}");
            sleep(PAUSE).await;
        }
    }

    /// Whether what succeeded is still said to have.
    pub async fn stands(&self, secret: &Secret) -> bool {
        let (Secret::Text { status: token, .. } | Secret::Question { status: token, .. }) = secret
        else {
            return true;
        };
        let end = Instant::now() + PATIENCE;
        loop {
            let (status, succeeded) = self.status(token).await;
            if !matches!(status, 0 | 429 | 500..) {
                return succeeded;
            }
            assert!(Instant::now() < end, "a status, not {status}");
            sleep(PAUSE).await;
        }
    }

    fn number(&self) -> usize {
        self.names.fetch_add(1, Ordering::Relaxed)
    }

    /// A user with a passkey.
    pub async fn approver(&self) -> Approver {
        let mut phone = SoftPhone::at(PUBLIC_URL);
        let name = format!("approver{}", self.number());
        let (status, body) =
            self.post("/api/v1/users/enroll", false, &json!({ "username": name })).await;
        assert_eq!(status, 201, "{body}");
        let link = link(&body["enrollment"]).expect("a link");
        let options = self.options(&link).await.expect("options");
        let made = phone.make(&options).await.expect("a passkey");
        let confirm = json!({ "token": link, "credential": made });
        let (status, body) = self.post("/open/confirm", true, &confirm).await;
        assert_eq!(status, 200, "{body}");
        Approver { id: name, phone }
    }

    async fn options(&self, link: &str) -> Option<Value> {
        let (_, body) = self.post("/open/transaction", true, &json!({ "token": link })).await;
        Some(body["publicKey"].clone()).filter(Value::is_object)
    }

    /// Asks a user, who signs on the phone and has sent nothing yet.
    pub async fn question(&self, approver: &mut Approver, history: &History) -> Option<Secret> {
        let body = json!({ "username": approver.id, "channel": "app", "message": "Pay" });
        let begun = Instant::now();
        let (status, body) = self.post("/api/v1/approval", false, &body).await;
        history.note("approvals", begun, status);
        let (link, token) = (link(&body)?, body["statusToken"].as_str()?.to_owned());
        let begun = Instant::now();
        let options = self.options(&link).await;
        history.note("links opened", begun, if options.is_some() { 200 } else { 503 });
        let signature = approver.phone.sign(&options?).await.ok()?;
        Some(Secret::Question { status: token, link, signature })
    }

    /// Begins to register a new phone by text, whose code is not sent back yet.
    pub async fn text(&self, history: &History) -> Option<Secret> {
        let number = self.number();
        let (name, phone) = (format!("texted{number}"), format!("+46703{number:06}"));
        let body = json!({ "username": name, "channel": "sms", "phone": phone });
        let begun = Instant::now();
        let (status, body) = self.post("/api/v1/users/enroll", false, &body).await;
        history.note("enrollments", begun, status);
        let token = body["enrollment"]["statusToken"].as_str()?.to_owned();
        let user = body["userId"].as_str()?.to_owned();
        let code = latest_code(&self.provider, &phone);
        (status == 201).then_some(Secret::Text { user, status: token, code })
    }

    /// Calls once.
    async fn call(&self, user: User, history: &History) -> Option<Secret> {
        let begun = Instant::now();
        let (status, code) = self.asker.call("t1", user).await;
        history.note("calls", begun, status);
        let code = code.filter(|_| status == 200)?;
        Some(Secret::Code { user, code })
    }

    /// Tries something that was told, and notes what came of it.
    pub async fn try_out(&self, secret: &Secret, mark: Mark, history: &History) {
        let what = match secret {
            Secret::Code { .. } => "logins",
            Secret::Text { .. } => "verifications",
            Secret::Question { .. } => "signatures",
        };
        let begun = Instant::now();
        let (status, request) = self.attempt(secret).await;
        history.note(what, begun, status);
        history.tried(mark, status, request);
    }

    /// Asks how far something is, and notes if it succeeded.
    pub async fn watch(&self, secret: &Secret, mark: Mark, history: &History) {
        let (Secret::Text { status, .. } | Secret::Question { status, .. }) = secret else {
            return;
        };
        let begun = Instant::now();
        let (status, succeeded) = self.status(status).await;
        history.note("statuses", begun, status);
        if succeeded {
            history.succeeded(mark);
        }
    }
}

/// The token in the link of something that was begun.
fn link(begun: &Value) -> Option<String> {
    let link = begun["appLinkUri"].as_str()?;
    Some(link.split_once("?dispatchTokenResponse=")?.1.to_owned())
}

/// Everyone at once, until they are to end.
pub struct Actors {
    ending: Arc<AtomicBool>,
    all: JoinSet<()>,
}

impl Actors {
    /// Users who call and log in, who are sent texts, and who approve on their phones. Some of what
    /// they are told is kept for the end.
    pub fn start(world: &World, approvers: Vec<Approver>, history: &History) -> Self {
        let mut actors = Self { ending: Arc::default(), all: JoinSet::new() };
        for user in (1..=BUSY).map(User) {
            actors.add(world, history, move |world, history| async move {
                let Some(told) = world.call(user, &history).await else { return };
                let mark = history.issued(told.clone());
                sleep(PAUSE).await;
                world.try_out(&told, mark, &history).await;
            });
        }
        actors.add(world, history, |world, history| async move {
            sleep(2 * PAUSE).await;
            let user = world.callers.fetch_add(1, Ordering::Relaxed);
            if user <= world.people
                && let Some(told) = world.call(User(user), &history).await
            {
                history.issued(told);
            }
        });
        for keeps in [false, false, true] {
            actors.add(world, history, move |world, history| async move {
                sleep(2 * PAUSE).await;
                let Some(told) = world.text(&history).await else { return };
                let mark = history.issued(told.clone());
                if keeps {
                    sleep(10 * PAUSE).await;
                    return;
                }
                world.try_out(&told, mark, &history).await;
                world.watch(&told, mark, &history).await;
            });
        }
        for approver in approvers {
            let approver = Arc::new(tokio::sync::Mutex::new(approver));
            actors.add(world, history, move |world, history| {
                let approver = Arc::clone(&approver);
                async move {
                    sleep(25 * PAUSE).await;
                    let mut approver = approver.lock().await;
                    let told = world.question(&mut approver, &history).await;
                    let Some(told) = told else { return };
                    let mark = history.issued(told.clone());
                    world.try_out(&told, mark, &history).await;
                    world.watch(&told, mark, &history).await;
                }
            });
        }
        actors
    }

    fn add<F>(
        &mut self,
        world: &World,
        history: &History,
        turn: impl Fn(World, History) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let (world, history, ending) = (world.clone(), history.clone(), Arc::clone(&self.ending));
        self.all.spawn(async move {
            while !ending.load(Ordering::Relaxed) {
                turn(world.clone(), history.clone()).await;
                sleep(PAUSE).await;
            }
        });
    }

    /// Lets everyone finish.
    pub async fn end(mut self) {
        self.ending.store(true, Ordering::Relaxed);
        while let Some(one) = self.all.join_next().await {
            one.expect("who only asks");
        }
    }
}
