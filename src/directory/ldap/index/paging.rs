//! Reads all entries of a search, page by page (RFC 2696).
//!
//! The library queues arriving entries without a bound, so a million entries that arrive faster
//! than they are processed would all sit in memory. Each page is requested after the last one was
//! processed, so at most one page is waiting.

use std::time::Duration;

use ldap3::controls::RawControl;
use ldap3::{Ldap, LdapError, ResultEntry, Scope, SearchEntry, SearchOptions};

use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::person;
use super::record::Key;
use super::state::SyncFailure;
use crate::directory::ldap::pages::{next_page, page};
use crate::directory::ldap::settings::LdapSettings;

/// Entries per page: enough to make the cost of a request small.
const PAGE: i32 = 500;
/// Longest wait for the next entry. The first may take long if the server has no index for the
/// filter.
pub(super) const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// A search for all matching entries.
pub(super) struct Everything<'a> {
    pub base: &'a str,
    pub filter: &'a str,
    pub attributes: &'a [String],
    /// Sent with the request for each page.
    pub controls: Vec<RawControl>,
}

/// Passes each entry to `each` until there are no more.
pub(super) async fn read(
    mut ldap: Ldap,
    what: &Everything<'_>,
    mut each: impl FnMut(ResultEntry) -> Result<(), SyncFailure>,
) -> Result<(), SyncFailure> {
    let mut cookie = Vec::new();
    loop {
        let mut controls = what.controls.clone();
        controls.push(page(PAGE, cookie));
        let mut answer = ldap
            .with_search_options(SearchOptions::new())
            .with_controls(controls)
            .streaming_search(what.base, Scope::Subtree, what.filter, what.attributes)
            .await
            .map_err(lost)?;
        while let Some(entry) =
            timeout(LONGEST_WAIT, answer.next()).await.map_err(silent)?.map_err(lost)?
        {
            if !entry.is_ref() && !entry.is_intermediate() {
                each(entry)?;
            }
        }
        let result = answer.finish().await;
        if result.rc != 0 {
            return Err(refused(result.rc, what.base));
        }
        cookie = next_page(&result.ctrls).unwrap_or_default();
        if cookie.is_empty() {
            return Ok(());
        }
    }
}

/// The key of an entry that can be kept in step.
pub(super) fn key(entry: &SearchEntry, settings: &LdapSettings) -> Result<Key, SyncFailure> {
    let refused = |name: &str| {
        SyncFailure::Refused(format!(
            "the service account may not read {name} of all people, without which changes are not \
             told; let it read that"
        ))
    };
    if let Some(name) = person::hidden(entry, settings) {
        return Err(refused(name));
    }
    person::key(entry, settings).ok_or_else(|| refused(person::key_attribute(settings)))
}

/// No entry arrived for too long.
pub(super) fn silent(_: Elapsed) -> SyncFailure {
    SyncFailure::Lost(format!("no next entry within {LONGEST_WAIT:?}"))
}

/// The connection broke.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn lost(error: LdapError) -> SyncFailure {
    match error {
        LdapError::FilterParsing => {
            SyncFailure::Refused("user_filter is not a valid filter".to_owned())
        }
        _ => SyncFailure::Lost("the connection broke".to_owned()),
    }
}

/// What a result code (RFC 4511 appendix A) means for a full read.
pub(super) fn refused(code: u32, base: &str) -> SyncFailure {
    let reason = match code {
        3 | 4 | 11 => format!(
            "the server does not let the service account read all people (result code {code}); \
             give the account unlimited size and time there (OpenLDAP: limits … size=unlimited \
             time=unlimited; 389-ds: nsLookThroughLimit: -1 and nsSizeLimit: -1 in its entry)"
        ),
        32 => format!(
            "{base} does not exist there, or the service account may not see it (result code \
             32); check base_dn and the account's rights"
        ),
        1 | 51 | 52 | 80 => {
            return SyncFailure::Lost(format!("the server cannot search now (result code {code})"));
        }
        _ => format!("the server refuses to list the people below {base} (result code {code})"),
    };
    SyncFailure::Refused(reason)
}
