//! Searches over shared connections, many at once on each, up to a cap. The choice of server is
//! made elsewhere.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use ldap3::{Ldap, LdapError, ResultEntry, Scope, SearchEntry, SearchOptions};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::connection::{Connection, Connector};
use super::judgement::{Judgement, Kind, Rejection, judge};
use super::settings::LdapSettings;
use crate::breaker::{Breaker, DownReason};

/// One search.
pub(super) struct Query {
    pub base: String,
    pub scope: Scope,
    pub filter: String,
    pub attributes: Arc<[String]>,
    /// Maximum number of entries to return.
    pub size_limit: i32,
    /// Seconds after which the server itself should give up.
    pub time_limit: i32,
    /// What the search looks for.
    pub kind: Kind,
    /// Whether a missing base is an empty answer (the entry was deleted after being found) instead
    /// of a wrong setting.
    pub gone_is_empty: bool,
}

/// The result of a search.
pub(super) struct Found {
    pub entries: Vec<SearchEntry>,
    /// Whether there are more entries.
    pub truncated: bool,
}

impl Found {
    /// The combined results of several searches.
    pub(super) fn all_of(several: Vec<Self>) -> Self {
        let truncated = several.iter().any(|found| found.truncated);
        let entries = several.into_iter().flat_map(|found| found.entries).collect();
        Self { entries, truncated }
    }
}

/// Why a search has no answer.
#[derive(Debug)]
pub(super) enum SearchFailure {
    /// The server is marked down, or was while the connection was being opened.
    Down,
    /// The connection broke.
    Lost,
    /// There was no answer in time.
    TimedOut,
    /// The cap is reached, and none of the searches under way was answered in time.
    Crowded,
    /// The server answered, but cannot serve.
    Failed(DownReason),
    /// The server works, but refused this search.
    Rejected(Rejection),
}

impl From<LdapError> for SearchFailure {
    fn from(error: LdapError) -> Self {
        match error {
            LdapError::Timeout { .. } => Self::TimedOut,
            LdapError::FilterParsing => Self::Rejected(Rejection::unsendable()),
            _ => Self::Lost,
        }
    }
}

/// A connection shared by many searches, opened on first use and reopened after it breaks.
pub(super) struct SharedConnection {
    connector: Arc<Connector>,
    breaker: Arc<Breaker>,
    current: ArcSwapOption<Connection>,
    /// Held by the one task that opens a connection.
    opening: Mutex<()>,
    permits: Semaphore,
}

impl SharedConnection {
    /// A shared connection with at most `in_flight` searches waiting for an answer.
    pub(super) fn new(connector: Arc<Connector>, breaker: Arc<Breaker>, in_flight: usize) -> Self {
        Self {
            connector,
            breaker,
            current: ArcSwapOption::empty(),
            opening: Mutex::new(()),
            permits: Semaphore::new(in_flight),
        }
    }

    /// Makes the next search open a new connection. Searches under way keep the old one.
    pub(super) fn forget(&self) {
        self.current.store(None);
    }

    /// Permission to search, within the cap; held until the answer is read.
    pub(super) async fn permit(
        &self,
        limit: Instant,
    ) -> Result<SemaphorePermit<'_>, SearchFailure> {
        let permit = timeout_at(limit, self.permits.acquire()).await;
        Ok(permit.map_err(|_| SearchFailure::Crowded)?.expect("the semaphore is never closed"))
    }

    /// How many more searches may wait for an answer.
    pub(super) fn free(&self) -> usize {
        self.permits.available_permits()
    }

    /// Searches; the caller must hold a permit.
    pub(super) async fn search(
        self: &Arc<Self>,
        query: &Query,
        limit: Instant,
    ) -> Result<Found, SearchFailure> {
        self.search_now(query, limit, false).await
    }

    /// Searches regardless of the cap, and even if the server is marked down.
    pub(super) async fn probe(
        self: &Arc<Self>,
        query: &Query,
        limit: Instant,
    ) -> Result<Found, SearchFailure> {
        self.search_now(query, limit, true).await
    }

    async fn search_now(
        self: &Arc<Self>,
        query: &Query,
        limit: Instant,
        probing: bool,
    ) -> Result<Found, SearchFailure> {
        let connection = match self.live() {
            Some(connection) => connection,
            None => timeout_at(limit, self.opened(probing))
                .await
                .map_err(|_| SearchFailure::TimedOut)??,
        };
        run(connection.handle(), query, limit, self.connector.settings()).await
    }

    /// Whether there is a connection.
    pub(super) fn is_open(&self) -> bool {
        self.live().is_some()
    }

    /// Opens it, unless the server is marked down; returns whether there is a connection.
    pub(super) async fn connect(self: &Arc<Self>, limit: Instant) -> bool {
        self.is_open()
            || timeout_at(limit, self.opened(false)).await.is_ok_and(|opened| opened.is_ok())
    }

    fn live(&self) -> Option<Arc<Connection>> {
        self.current.load_full().filter(|connection| !connection.is_closed())
    }

    /// The connection, opened by a separate task, so that an impatient caller does not abort what
    /// others wait for.
    async fn opened(self: &Arc<Self>, probing: bool) -> Result<Arc<Connection>, SearchFailure> {
        let shared = Arc::clone(self);
        let task = tokio::spawn(async move { shared.open(probing).await });
        task.await.unwrap_or(Err(SearchFailure::Down))
    }

    async fn open(&self, probing: bool) -> Result<Arc<Connection>, SearchFailure> {
        let _alone = self.opening.lock().await;
        if let Some(connection) = self.live() {
            return Ok(connection);
        }
        let epoch = match self.breaker.admit() {
            Some(epoch) => epoch,
            None if probing => self.breaker.epoch(),
            None => return Err(SearchFailure::Down),
        };
        match self.connector.open_as_service().await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                self.current.store(Some(Arc::clone(&connection)));
                Ok(connection)
            }
            Err(error) => {
                self.breaker.failed(epoch, error.into());
                Err(SearchFailure::Down)
            }
        }
    }
}

/// Sends one search and reads the whole answer. Referrals are ignored.
async fn run(
    mut ldap: Ldap,
    query: &Query,
    limit: Instant,
    settings: &LdapSettings,
) -> Result<Found, SearchFailure> {
    let options = SearchOptions::new().sizelimit(query.size_limit).timelimit(query.time_limit);
    let left = limit.saturating_duration_since(Instant::now());
    let mut stream = ldap
        .with_search_options(options)
        .with_timeout(left)
        .streaming_search(&query.base, query.scope, &query.filter, &*query.attributes)
        .await?;
    let most = usize::try_from(query.size_limit).unwrap_or(usize::MAX);
    let mut entries: Vec<SearchEntry> = Vec::new();
    let end = loop {
        match timeout_at(limit, stream.next()).await {
            Err(_) => break Err(SearchFailure::TimedOut),
            Ok(Err(error)) => break Err(error.into()),
            Ok(Ok(None)) => break Ok(false),
            Ok(Ok(Some(entry))) if is_aside(&entry) => {}
            Ok(Ok(Some(_))) if entries.len() >= most => break Ok(true),
            Ok(Ok(Some(entry))) => entries.push(SearchEntry::construct(entry)),
        }
    };
    // Also releases the message id, which would otherwise stay taken as long as the connection
    // lives.
    let result = stream.finish().await;
    let cut_here = end?;
    if query.gone_is_empty && result.rc == 32 {
        return Ok(Found { entries: Vec::new(), truncated: false });
    }
    if cut_here {
        return Ok(Found { entries, truncated: true });
    }
    match judge(result.rc, entries.len(), query.kind, &query.base, settings) {
        Judgement::Complete => Ok(Found { entries, truncated: false }),
        Judgement::More => Ok(Found { entries, truncated: true }),
        Judgement::Refused(down) => Err(SearchFailure::Failed(down)),
        Judgement::Rejected(rejection) => Err(SearchFailure::Rejected(rejection)),
    }
}

/// Whether it is a referral or an intermediate message, not an entry.
pub(super) fn is_aside(entry: &ResultEntry) -> bool {
    entry.is_ref() || entry.is_intermediate()
}
