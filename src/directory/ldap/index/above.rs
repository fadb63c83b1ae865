//! Watches the entries above people in OpenLDAP, which does not report a person whose DN changed
//! because a parent was renamed. Entries with subordinates are therefore followed themselves (RFC
//! 4533), without reading their attributes.

use std::collections::HashMap;
use std::future::pending;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use ldap3::controls::{
    Control, ControlType, EntryState, MakeCritical, RawControl, RefreshMode, SyncInfo, SyncRequest,
    SyncState, parse_syncinfo,
};
use ldap3::{Ldap, ResultEntry, Scope, SearchEntry, SearchOptions};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use super::content::Content;
use super::paging;
use super::record::Key;
use super::state::SyncFailure;
use super::sync::key;
use super::table::Table;

/// Entries with others below them.
const ABOVE_OTHERS: &str = "(hasSubordinates=TRUE)";
/// Maximum number of such entries to track.
const MOST_WATCHED: usize = 1 << 16;
/// Longest wait for the initial list.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// After a full read, no rename triggers another for this many times the read's duration.
const PAUSES: u32 = 20;

/// One base's entries that have others below them.
#[derive(Default)]
pub(super) struct Above {
    hasher: RandomState,
    /// A hash of each entry's DN; `None` before the first complete list.
    known: Option<HashMap<Key, u64>>,
}

impl Above {
    /// Forgets the DNs, because a full read follows.
    pub(super) fn forget(&mut self) {
        self.known = None;
    }

    /// Watches the entries, and ends when one was renamed or moved. `ready` fires once all are
    /// known and their changes will be received; it is dropped if they cannot be watched.
    pub(super) async fn watch(
        &mut self,
        ldap: Ldap,
        content: &Content,
        base: usize,
        ready: oneshot::Sender<()>,
    ) -> SyncFailure {
        match self.moved(ldap, content, base, ready).await {
            Ok(true) => {
                // The old DN in the groups' member lists may belong to someone else now.
                content.change(base, Table::allow_no_one);
                let read = content.state().read();
                let due = read.map_or_else(Instant::now, |read| read.ended + read.took * PAUSES);
                sleep_until(due).await;
                SyncFailure::Planned("an entry above people was renamed or moved")
            }
            Ok(false) => {
                content.state().unwatched();
                pending().await
            }
            // Other tasks find out whether the connection still works.
            Err(_) => pending().await,
        }
    }

    /// Whether an entry was renamed or moved; false if the entries cannot be watched.
    async fn moved(
        &mut self,
        mut ldap: Ldap,
        content: &Content,
        base: usize,
        ready: oneshot::Sender<()>,
    ) -> Result<bool, SyncFailure> {
        let mode = RefreshMode::RefreshAndPersist;
        let request = SyncRequest { mode, ..SyncRequest::default() };
        let mut stream = ldap
            .with_search_options(SearchOptions::new())
            .with_controls(vec![RawControl::from(request.critical())])
            .streaming_search(
                &content.settings.base_dns[base],
                Scope::Subtree,
                ABOVE_OTHERS,
                ["1.1"],
            )
            .await
            .map_err(paging::lost)?;
        let mut told = HashMap::new();
        loop {
            let next = timeout(LONGEST_WAIT, stream.next()).await;
            let Ok(next) = next else { return Ok(false) };
            let Some(message) = next.map_err(paging::lost)? else { return Ok(false) };
            if message.is_intermediate() {
                if is_end(&parse_syncinfo(message)) {
                    break;
                }
            } else if let Some((_, key, dn)) = self.read(message) {
                told.insert(key, dn);
            }
            if told.len() > MOST_WATCHED {
                return Ok(false);
            }
        }
        if self.known.replace(told.clone()).is_some_and(|known| known != told) {
            return Ok(true);
        }
        // The receiver may be gone.
        ready.send(()).unwrap_or_default();
        while let Some(message) = stream.next().await.map_err(paging::lost)? {
            if message.is_intermediate() {
                continue;
            }
            let Some((state, key, dn)) = self.read(message) else { continue };
            let known = told.get(&key).copied();
            match state {
                EntryState::Present => {}
                EntryState::Delete if known.is_none() => {}
                EntryState::Add | EntryState::Modify if known == Some(dn) => {}
                EntryState::Add | EntryState::Modify | EntryState::Delete => return Ok(true),
            }
        }
        Ok(false)
    }

    /// The state, key and hashed DN that a message reports for an entry.
    fn read(&self, message: ResultEntry) -> Option<(EntryState, Key, u64)> {
        if message.is_ref() {
            return None;
        }
        let is_state = |control: &&Control| matches!(control.0, Some(ControlType::SyncState));
        let state = message.1.iter().find(is_state)?.1.parse::<SyncState>();
        let key = key(&state.entry_uuid).ok()?;
        let dn = SearchEntry::construct(message).dn.to_lowercase();
        Some((state.state, key, self.hasher.hash_one(dn)))
    }
}

/// Whether the server has sent the complete list.
fn is_end(info: &SyncInfo) -> bool {
    match info {
        SyncInfo::RefreshDelete { refresh_done, .. }
        | SyncInfo::RefreshPresent { refresh_done, .. } => *refresh_done,
        SyncInfo::NewCookie(_) | SyncInfo::SyncIdSet { .. } => false,
    }
}
