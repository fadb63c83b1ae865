//! Searches over one connection, one at a time, and returns whatever result they have. The queries
//! are made elsewhere.

use std::time::Duration;

use ldap3::controls::{Control, ControlType, RawControl};
use ldap3::{Ldap, LdapError, Scope, SearchEntry, SearchOptions};
use tokio::time::timeout;

use super::super::connection::Connection;
use super::super::pages::next_page;
use super::super::search::is_aside;

/// The shortest time limit for an answer's next entry: a report may take longer than a call.
const PATIENCE: Duration = Duration::from_secs(10);

/// One search.
pub(super) struct Search<'a> {
    pub base: &'a str,
    pub scope: Scope,
    pub filter: &'a str,
    pub attributes: &'a [&'a str],
    /// Maximum number of entries; 0 for all.
    pub size_limit: i32,
    pub controls: Vec<RawControl>,
}

impl<'a> Search<'a> {
    /// Reads one entry.
    pub(super) fn of_entry(dn: &'a str, attributes: &'a [&'a str]) -> Self {
        let (scope, filter) = (Scope::Base, "(objectClass=*)");
        Self { base: dn, scope, filter, attributes, size_limit: 1, controls: Vec::new() }
    }

    /// Searches an entry's whole subtree.
    pub(super) fn below(
        base: &'a str,
        filter: &'a str,
        attributes: &'a [&'a str],
        size_limit: i32,
    ) -> Self {
        Self { base, scope: Scope::Subtree, filter, attributes, size_limit, controls: Vec::new() }
    }
}

/// The result of a search: its entries, and how it ended.
pub(super) struct Answer {
    pub entries: Vec<SearchEntry>,
    /// The result code (RFC 4511 appendix A).
    pub code: u32,
    pub text: String,
    /// The cookie of the next page: empty after the last page, `None` if the server does not page.
    pub next_page: Option<Vec<u8>>,
    /// Whether it ended like a content synchronization (RFC 4533 2.4).
    pub synchronized: bool,
}

/// The connection broke, or there was no answer in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReadError {
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    #[error("the filter cannot be sent; check user_filter")]
    Filter,
    #[error("the connection broke: {0}")]
    Lost(String),
}

impl From<LdapError> for ReadError {
    fn from(error: LdapError) -> Self {
        match error {
            LdapError::FilterParsing => Self::Filter,
            other => Self::Lost(other.to_string()),
        }
    }
}

/// A connection that handles one request after another.
pub(super) struct Reader {
    ldap: Ldap,
    patience: Duration,
    _connection: Connection,
}

impl Reader {
    pub(super) fn new(connection: Connection, timeout: Duration) -> Self {
        let ldap = connection.handle();
        Self { ldap, patience: timeout.max(PATIENCE), _connection: connection }
    }

    /// Searches, and reads the whole answer.
    pub(super) async fn ask(&mut self, search: Search<'_>) -> Result<Answer, ReadError> {
        let options = SearchOptions::new().sizelimit(search.size_limit);
        let stream = self
            .ldap
            .with_search_options(options)
            .with_controls(search.controls)
            .streaming_search(search.base, search.scope, search.filter, search.attributes.to_vec());
        let silent = ReadError::TimedOut(self.patience);
        let mut stream = timeout(self.patience, stream).await.map_err(|_| silent.clone())??;
        let mut entries = Vec::new();
        while let Some(entry) =
            timeout(self.patience, stream.next()).await.map_err(|_| silent.clone())??
        {
            if !is_aside(&entry) {
                entries.push(SearchEntry::construct(entry));
            }
        }
        let result = stream.finish().await;
        let next_page = next_page(&result.ctrls);
        let is_done = |control: &Control| matches!(control.0, Some(ControlType::SyncDone));
        let synchronized = result.ctrls.iter().any(is_done);
        Ok(Answer { entries, code: result.rc, text: result.text, next_page, synchronized })
    }

    /// The entry at this DN; `None` if it does not exist or this account may not see it.
    pub(super) async fn entry(
        &mut self,
        dn: &str,
        attributes: &[&str],
    ) -> Result<Option<SearchEntry>, ReadError> {
        Ok(self.ask(Search::of_entry(dn, attributes)).await?.entries.into_iter().next())
    }
}
