//! One server of a directory: its connections and its state. Background probing is in
//! [`super::probe`]; the choice among several servers is made elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use deadpool::managed::PoolError;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tracing::{error, warn};

use super::bind_pool::{BindAnswer, BindConnections, BindPool};
use super::connection::Connector;
use super::judgement::{Kind, Rejection};
use super::latency::Latency;
use super::probes::Probes;
use super::search::{Found, Query, SearchFailure, SharedConnection};
use super::settings::{LdapSettings, ServerUrl};
use crate::breaker::{Breaker, BreakerSettings, DownReason, Epoch};
use crate::directory::{DependencyState, NOT_ASKED, PasswordCheck};
use crate::domain::secret::Password;
use crate::telemetry::node_metrics::{PoolUse, Timing};

/// One server's verdict on a password.
pub(super) enum BindOutcome {
    /// The server judged it.
    Judged(PasswordCheck),
    /// The password certainly did not reach the server.
    NotSent,
    /// The password may have reached the server, so no other may be tried.
    Unknown,
}

/// One server.
pub(super) struct Server {
    url: ServerUrl,
    address: SocketAddr,
    /// Its name in logs and reports.
    name: String,
    pub(super) settings: Arc<LdapSettings>,
    connector: Arc<Connector>,
    pub(super) breaker: Arc<Breaker>,
    pub(super) latency: Latency,
    pub(super) searches: Vec<Arc<SharedConnection>>,
    next_search: AtomicUsize,
    pub(super) binds: BindPool,
    pub(super) probes: Probes,
    pub(super) look: Notify,
    timings: Timings,
    /// Why the last search by number was rejected, if it was.
    rejected: ArcSwapOption<Rejection>,
}

/// Where its answers' times are recorded.
struct Timings {
    searches: Timing,
    binds: Timing,
}

/// The share of a request's time that one server gets.
struct Attempt {
    epoch: Epoch,
    limit: Instant,
    /// Whether it is (nearly) as long as one operation's timeout, so that silence is the server's
    /// fault and not that of a request without time left.
    full: bool,
}

impl Server {
    /// The server with this URL at this address.
    pub(super) fn new(url: &ServerUrl, address: SocketAddr, settings: &Arc<LdapSettings>) -> Self {
        let name = server_name(url, address);
        let connector = Arc::new(Connector::new(url.clone(), address, Arc::clone(settings)));
        let breaker = Arc::new(Breaker::new(breaker_settings(&name)));
        let shared = || {
            Arc::new(SharedConnection::new(
                Arc::clone(&connector),
                Arc::clone(&breaker),
                settings.searches_per_connection.max(1),
            ))
        };
        let binds = BindPool::builder(BindConnections(Arc::clone(&connector)))
            .max_size(settings.bind_connections.max(1))
            .build()
            .expect("a pool without timeouts needs no runtime");
        Self {
            url: url.clone(),
            address,
            searches: (0..settings.search_connections.max(1)).map(|_| shared()).collect(),
            next_search: AtomicUsize::new(0),
            binds,
            probes: Probes::new(settings),
            look: Notify::new(),
            timings: Timings { searches: Timing::searches(&name), binds: Timing::binds(&name) },
            rejected: ArcSwapOption::empty(),
            latency: Latency::new(name.clone(), settings.timeout),
            name,
            settings: Arc::clone(settings),
            connector,
            breaker,
        }
    }

    /// The state for operators. `searched` says whether calls are currently searched, so that a
    /// server that rejects such searches is useless.
    pub(super) fn state(&self, searched: bool) -> DependencyState {
        let (up, detail) = match self.breaker.down_reason() {
            Some(down) => (false, down.reason),
            None if self.breaker.is_up() => (true, String::new()),
            None => (false, NOT_ASKED.to_owned()),
        };
        let mut state = DependencyState { name: self.name.clone(), up, detail, is_optional: false };
        let rejected = self.rejected.load_full().filter(|_| searched);
        match rejected {
            Some(rejection) if state.up => {
                (state.up, state.detail) = (false, rejection.reason.clone());
            }
            None if state.up => state.detail = self.latency.detail(),
            Some(_) | None => {}
        }
        state
    }

    /// How its connections are used: those that searches share, and those that check passwords.
    pub(super) fn pools(&self) -> [PoolUse; 2] {
        let limit = self.settings.searches_per_connection.max(1);
        let searches = PoolUse {
            pool: "search",
            name: self.name.clone(),
            open: self.searches.iter().filter(|shared| shared.is_open()).count(),
            in_use: self.searches.iter().map(|shared| limit - shared.free().min(limit)).sum(),
            limit: limit * self.searches.len(),
        };
        let status = self.binds.status();
        let binds = PoolUse {
            pool: "bind",
            name: self.name.clone(),
            open: status.size,
            in_use: status.size - status.available.min(status.size),
            limit: status.max_size,
        };
        [searches, binds]
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Opens separate connections.
    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Its URL in the configuration.
    pub(super) fn url(&self) -> &ServerUrl {
        &self.url
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether a search can start without waiting for a connection.
    pub(super) fn is_connected(&self) -> bool {
        self.searches.iter().any(|shared| shared.is_open())
    }

    /// Waits until it is known whether there is a connection; returns whether there is.
    pub(super) async fn connect(&self, limit: Instant) -> bool {
        self.searches[0].connect(limit).await
    }

    pub(super) fn is_up(&self) -> bool {
        self.breaker.is_up()
    }

    pub(super) fn is_down(&self) -> bool {
        self.breaker.is_down()
    }

    /// Whether other servers should be tried first.
    pub(super) fn is_slow(&self) -> bool {
        self.latency.is_slow()
    }

    fn attempt(&self, deadline: Instant) -> Option<Attempt> {
        let epoch = self.breaker.admit()?;
        let (now, timeout) = (Instant::now(), self.settings.timeout);
        let limit = deadline.min(now + timeout);
        Some(Attempt {
            epoch,
            limit,
            full: limit.saturating_duration_since(now) >= timeout * 4 / 5,
        })
    }

    pub(super) fn silent(&self) -> DownReason {
        DownReason::transient(format!("no answer within {:?}", self.settings.timeout))
    }

    /// Searches; retries once if the connection breaks, since a search changes nothing.
    pub(super) async fn search(
        &self,
        query: &Query,
        deadline: Instant,
    ) -> Result<Found, SearchFailure> {
        let attempt = self.attempt(deadline).ok_or(SearchFailure::Down)?;
        let at = self.next_search.fetch_add(1, Ordering::Relaxed) % self.searches.len();
        let shared = &self.searches[at];
        let searching = async {
            let mut outcome = self.timed_search(shared, query, attempt.limit).await;
            if matches!(outcome, Err(SearchFailure::Lost)) {
                outcome = self.timed_search(shared, query, attempt.limit).await;
            }
            outcome
        };
        let outcome = tokio::select! {
            biased;
            outcome = searching => outcome,
            () = self.breaker.changed(attempt.epoch) => return Err(SearchFailure::Down),
        };
        self.note(query, &outcome);
        match &outcome {
            Err(SearchFailure::TimedOut) if attempt.full => {
                self.breaker.failed(attempt.epoch, self.silent());
            }
            Err(SearchFailure::Lost) => {
                self.breaker.failed(attempt.epoch, DownReason::transient("connections break"));
            }
            Err(SearchFailure::Failed(down)) => {
                self.breaker.failed(attempt.epoch, down.clone());
            }
            Err(SearchFailure::Rejected(Rejection { code, reason })) => {
                error!(server = self.name, code, reason, "directory server rejects a search");
                self.probes.doubt();
                self.look();
            }
            Ok(_) | Err(SearchFailure::TimedOut | SearchFailure::Down | SearchFailure::Crowded) => {
            }
        }
        outcome
    }

    /// Records whether searches by number are rejected.
    pub(super) fn note(&self, query: &Query, outcome: &Result<Found, SearchFailure>) {
        match outcome {
            _ if query.kind != Kind::Number => {}
            Err(SearchFailure::Rejected(why)) => self.rejected.store(Some(Arc::new(why.clone()))),
            Ok(_) if self.rejected.load().is_some() => self.rejected.store(None),
            Ok(_) | Err(_) => {}
        }
    }

    /// Searches, and records how fast the answer came.
    async fn timed_search(
        &self,
        shared: &Arc<SharedConnection>,
        query: &Query,
        limit: Instant,
    ) -> Result<Found, SearchFailure> {
        let _permit = shared.permit(limit).await?;
        // Time spent waiting for our own other searches is not the server's slowness.
        let asked = Instant::now();
        let outcome = shared.search(query, limit).await;
        if matches!(outcome, Ok(_) | Err(SearchFailure::TimedOut)) {
            let took = asked.elapsed();
            self.latency.answered(took);
            self.timings.searches.record(took);
        }
        outcome
    }

    /// Checks a password. A connection is replaced only if it was known to be closed before
    /// anything was sent.
    pub(super) async fn check_password(
        &self,
        dn: &str,
        password: &Password,
        deadline: Instant,
    ) -> BindOutcome {
        let Some(attempt) = self.attempt(deadline) else { return BindOutcome::NotSent };
        for _ in 0..2 {
            let mut bind = match timeout_at(attempt.limit, self.binds.get()).await {
                Ok(Ok(bind)) => bind,
                Ok(Err(PoolError::Backend(error))) => {
                    self.breaker.failed(attempt.epoch, error.into());
                    return BindOutcome::NotSent;
                }
                Ok(Err(_)) | Err(_) => return BindOutcome::NotSent,
            };
            let asked = Instant::now();
            let answer = bind.bind(dn, password, attempt.limit).await;
            if !matches!(answer, BindAnswer::NotSent) {
                self.timings.binds.record(asked.elapsed());
            }
            if !bind.is_usable() {
                drop(deadpool::managed::Object::take(bind));
            }
            match answer {
                BindAnswer::NotSent => {}
                BindAnswer::Judged(check) => return BindOutcome::Judged(check),
                BindAnswer::Undecided(code) => {
                    warn!(server = self.name, code, "directory server did not judge a password");
                    if matches!(code, 51 | 52) {
                        let reason = format!("cannot check passwords now (result code {code})");
                        self.breaker.failed(attempt.epoch, DownReason::transient(reason));
                    }
                    return BindOutcome::Unknown;
                }
                BindAnswer::TimedOut => {
                    if attempt.full {
                        self.breaker.failed(attempt.epoch, self.silent());
                    }
                    return BindOutcome::Unknown;
                }
                BindAnswer::Lost => return BindOutcome::Unknown,
            }
        }
        BindOutcome::NotSent
    }

    /// Requests a probe now, because a connection to the server ended.
    pub(super) fn look(&self) {
        self.look.notify_one();
    }
}

/// A directory server, to its breaker.
fn breaker_settings(name: &str) -> BreakerSettings {
    BreakerSettings {
        name: Some(name.to_owned()),
        down: "directory server is down",
        unusable: "directory server cannot be used",
        up: "directory server is up",
        may_be_used_untried: true,
    }
}

/// A server's name: as configured, with its address if that is not part of it.
pub(super) fn server_name(url: &ServerUrl, address: SocketAddr) -> String {
    if url.literal().is_some() { url.to_string() } else { format!("{url} ({address})") }
}
