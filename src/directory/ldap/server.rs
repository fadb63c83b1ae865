//! One server of a directory: its connections, its state, and the watch that probes it in the
//! background. Which of several servers is asked is decided elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool::managed::PoolError;
use ldap3::Scope;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{error, warn};

use super::bind_pool::{BindAnswer, BindConnections, BindPool, LONGEST_IDLE};
use super::breaker::{Breaker, Epoch, Trouble};
use super::connection::Connector;
use super::groups;
use super::pace::Pace;
use super::search::{Found, Query, SearchFailure, SharedConnection};
use super::settings::{LdapSettings, Profile, ServerUrl};
use crate::directory::{DependencyState, PasswordCheck};
use crate::domain::secret::Password;

/// How long after a failed probe the next one comes.
const PROBE_AGAIN: Duration = Duration::from_secs(1);
/// How often a server that works is probed, so that an idle connection that was cut is noticed
/// before a caller needs it.
const PROBE_WORKING: Duration = Duration::from_secs(5);
/// Longest that a probe waits for its answer.
const LONGEST_PROBE: Duration = Duration::from_secs(4);

/// What one server says of a password.
pub(super) enum BindOutcome {
    /// It judged it.
    Judged(PasswordCheck),
    /// The password certainly did not reach it.
    NotSent,
    /// The password may have reached it, so that no other server may be asked.
    Unknown,
}

/// One server.
pub(super) struct Server {
    name: String,
    settings: Arc<LdapSettings>,
    connector: Arc<Connector>,
    breaker: Arc<Breaker>,
    pace: Pace,
    searches: Vec<Arc<SharedConnection>>,
    next_search: AtomicUsize,
    binds: BindPool,
    /// What has to be there: the base DNs and the groups.
    base_reads: Vec<Query>,
    /// Of these, one at least has to find somebody.
    proofs: Vec<Query>,
    look: Notify,
}

/// The part of a request's time that one server gets.
struct Turn {
    begun: Epoch,
    limit: Instant,
    /// Whether it is (nearly) as long as one operation may take, so that silence is the server's
    /// fault and not that of a request with no time left.
    full: bool,
}

impl Server {
    pub(super) fn new(url: &ServerUrl, settings: &Arc<LdapSettings>) -> Self {
        let connector = Arc::new(Connector::new(url.clone(), Arc::clone(settings)));
        let breaker = Arc::new(Breaker::new(url.to_string()));
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
            name: url.to_string(),
            searches: (0..settings.search_connections.max(1)).map(|_| shared()).collect(),
            next_search: AtomicUsize::new(0),
            binds,
            base_reads: base_reads(settings),
            proofs: proofs(settings),
            look: Notify::new(),
            pace: Pace::new(url.to_string(), settings.timeout),
            settings: Arc::clone(settings),
            connector,
            breaker,
        }
    }

    pub(super) fn state(&self) -> DependencyState {
        let mut state = self.breaker.dependency_state();
        if state.up {
            state.detail = self.pace.detail();
        }
        state
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Opens connections of somebody's own.
    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(super) fn is_down(&self) -> bool {
        self.breaker.is_down()
    }

    /// Whether other servers are better asked first.
    pub(super) fn is_slow(&self) -> bool {
        self.pace.is_slow()
    }

    fn turn(&self, deadline: Instant) -> Option<Turn> {
        let begun = self.breaker.admit()?;
        let (now, timeout) = (Instant::now(), self.settings.timeout);
        let limit = deadline.min(now + timeout);
        Some(Turn { begun, limit, full: limit.saturating_duration_since(now) >= timeout * 4 / 5 })
    }

    fn silent(&self) -> Trouble {
        Trouble::passing(format!("no answer within {:?}", self.settings.timeout))
    }

    /// Searches; once more if the connection breaks, since a search changes nothing.
    pub(super) async fn search(
        &self,
        query: &Query,
        deadline: Instant,
    ) -> Result<Found, SearchFailure> {
        let turn = self.turn(deadline).ok_or(SearchFailure::Down)?;
        let at = self.next_search.fetch_add(1, Ordering::Relaxed) % self.searches.len();
        let shared = &self.searches[at];
        let searching = async {
            let mut outcome = self.timed_search(shared, query, turn.limit).await;
            if matches!(outcome, Err(SearchFailure::Lost)) {
                outcome = self.timed_search(shared, query, turn.limit).await;
            }
            outcome
        };
        let outcome = tokio::select! {
            biased;
            outcome = searching => outcome,
            () = self.breaker.fell(turn.begun) => return Err(SearchFailure::Down),
        };
        match &outcome {
            Err(SearchFailure::TimedOut) if turn.full => {
                self.breaker.failed(turn.begun, self.silent());
            }
            Err(SearchFailure::Lost) => {
                self.breaker.failed(turn.begun, Trouble::passing("connections break"));
            }
            Err(SearchFailure::Trouble(trouble)) => {
                self.breaker.failed(turn.begun, trouble.clone());
            }
            Err(SearchFailure::Rejected(code)) => error!(
                server = self.name,
                code, "directory server rejects a search; check user_filter and the attributes"
            ),
            Ok(_) | Err(SearchFailure::TimedOut | SearchFailure::Down | SearchFailure::Crowded) => {
            }
        }
        outcome
    }

    /// Searches, and notes how fast the answer came.
    async fn timed_search(
        &self,
        shared: &Arc<SharedConnection>,
        query: &Query,
        limit: Instant,
    ) -> Result<Found, SearchFailure> {
        let _permit = shared.permit(limit).await?;
        // What is waited for our own other searches is not the server's slowness.
        let asked = Instant::now();
        let outcome = shared.search(query, limit).await;
        if matches!(outcome, Ok(_) | Err(SearchFailure::TimedOut)) {
            self.pace.answered(asked.elapsed());
        }
        outcome
    }

    /// Checks a password. Only a connection known to be closed before anything was sent is
    /// replaced by another.
    pub(super) async fn check_password(
        &self,
        dn: &str,
        password: &Password,
        deadline: Instant,
    ) -> BindOutcome {
        let Some(turn) = self.turn(deadline) else { return BindOutcome::NotSent };
        for _ in 0..2 {
            let mut bind = match timeout_at(turn.limit, self.binds.get()).await {
                Ok(Ok(bind)) => bind,
                Ok(Err(PoolError::Backend(error))) => {
                    self.breaker.failed(turn.begun, error.into());
                    return BindOutcome::NotSent;
                }
                Ok(Err(_)) | Err(_) => return BindOutcome::NotSent,
            };
            let answer = bind.bind(dn, password, turn.limit).await;
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
                        self.breaker.failed(turn.begun, Trouble::passing(reason));
                    }
                    return BindOutcome::Unknown;
                }
                BindAnswer::TimedOut => {
                    if turn.full {
                        self.breaker.failed(turn.begun, self.silent());
                    }
                    return BindOutcome::Unknown;
                }
                BindAnswer::Lost => return BindOutcome::Unknown,
            }
        }
        BindOutcome::NotSent
    }

    /// Probes the server for as long as the directory exists: at once when it goes down or becomes
    /// slow, then every second until it is well again, and now and then while it works.
    pub(super) async fn watch(self: Arc<Self>) {
        loop {
            if self.breaker.is_down() {
                self.searches.iter().for_each(|shared| shared.forget());
                self.binds.retain(|_, _| false);
            }
            self.probe().await;
            self.binds.retain(|bind, used| bind.is_usable() && used.last_used() < LONGEST_IDLE);
            let well = self.breaker.is_up() && !self.is_slow();
            let pause = if well { PROBE_WORKING } else { PROBE_AGAIN };
            tokio::select! {
                () = self.breaker.went_down() => {}
                () = self.pace.became_slow() => {}
                () = self.look.notified() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Has the server be probed now: somebody saw a connection to it end.
    pub(super) fn look(&self) {
        self.look.notify_one();
    }

    /// Connects, binds and reads what has to be there over each of the connections that searches
    /// share.
    async fn probe(&self) {
        let begun = self.breaker.epoch();
        let limit = Instant::now() + self.settings.timeout.min(LONGEST_PROBE);
        for shared in &self.searches {
            for read in &self.base_reads {
                let trouble = match self.probe_once(shared, read, limit).await {
                    Ok(true) => continue,
                    Ok(false) => Some(Trouble::lasting(format!(
                        "{} is not there as {}; check the groups",
                        read.base, read.filter
                    ))),
                    Err(failure) => self.trouble(failure, &read.base),
                };
                if let Some(trouble) = trouble {
                    self.breaker.failed(begun, trouble);
                }
                return;
            }
        }
        if let Some(trouble) = self.without_proof(limit).await {
            self.breaker.failed(begun, trouble);
            return;
        }
        self.breaker.recovered(begun);
    }

    /// What is wrong if none of the proofs finds anybody.
    async fn without_proof(&self, limit: Instant) -> Option<Trouble> {
        for proof in &self.proofs {
            match self.probe_once(&self.searches[0], proof, limit).await {
                Ok(true) => return None,
                Ok(false) => {}
                Err(failure) => return self.trouble(failure, &proof.base),
            }
        }
        let nobody = || {
            Trouble::lasting(
                "the service account sees nobody's memberOf, so that excluded_group would exclude \
                 nobody; let it read memberOf of everybody",
            )
        };
        (!self.proofs.is_empty()).then(nobody)
    }

    /// Whether a read finds anything; once more if the connection turns out to be broken.
    async fn probe_once(
        &self,
        shared: &Arc<SharedConnection>,
        read: &Query,
        limit: Instant,
    ) -> Result<bool, SearchFailure> {
        let asked = Instant::now();
        let mut outcome = shared.probe(read, limit).await;
        if matches!(outcome, Err(SearchFailure::Lost)) {
            outcome = shared.probe(read, limit).await;
        }
        outcome.map(|found| {
            self.pace.probed(asked.elapsed());
            !found.entries.is_empty()
        })
    }

    /// What a failed probe says of the server; `None` if somebody said it already.
    fn trouble(&self, failure: SearchFailure, base: &str) -> Option<Trouble> {
        match failure {
            // Whoever tried to connect has said why there is no connection.
            SearchFailure::Down => None,
            SearchFailure::TimedOut | SearchFailure::Crowded => Some(self.silent()),
            SearchFailure::Lost => Some(Trouble::passing("connections break")),
            SearchFailure::Trouble(trouble) => Some(trouble),
            SearchFailure::Rejected(code) => Some(Trouble::lasting(format!(
                "{base} cannot be read (result code {code}); check base_dn and the groups"
            ))),
        }
    }
}

/// Reads of what has to be there: the base DNs, and the groups and where they are.
fn base_reads(settings: &LdapSettings) -> Vec<Query> {
    let anything = "(objectClass=*)";
    let group = match settings.profile {
        Profile::ActiveDirectory => groups::A_GROUP,
        Profile::OpenLdap | Profile::Dirsrv => anything,
    };
    let places = settings.base_dns.iter().chain(&settings.group_base_dn);
    let groups = settings.required_group.iter().chain(&settings.excluded_group);
    let all = places.map(|dn| (dn, anything)).chain(groups.map(|dn| (dn, group)));
    let read = |(dn, filter): (&String, &str)| Query {
        base: dn.clone(),
        scope: Scope::Base,
        filter: filter.to_owned(),
        // No attributes (RFC 4511 4.5.1.8).
        attributes: Arc::from(["1.1".to_owned()]),
        size_limit: 1,
        time_limit: time_limit(settings),
        gone_is_empty: false,
    };
    all.map(read).collect()
}

/// Searches for somebody whose groups can be seen. Where memberships are hidden, Active Directory
/// holds everybody to be outside an excluded group.
fn proofs(settings: &LdapSettings) -> Vec<Query> {
    let hidden_excludes_nobody =
        settings.profile == Profile::ActiveDirectory && settings.excluded_group.is_some();
    let bases = settings.base_dns.iter().filter(|_| hidden_excludes_nobody);
    let proof = |base: &String| Query {
        base: base.clone(),
        scope: Scope::Subtree,
        filter: format!("(&{}(memberOf=*))", settings.user_filter),
        attributes: Arc::from(["1.1".to_owned()]),
        size_limit: 1,
        time_limit: time_limit(settings),
        gone_is_empty: false,
    };
    bases.map(proof).collect()
}

/// After how many seconds a server should give a search up: nobody waits for it any more.
pub(super) fn time_limit(settings: &LdapSettings) -> i32 {
    i32::try_from(settings.timeout.as_secs()).unwrap_or(i32::MAX).saturating_add(1)
}
