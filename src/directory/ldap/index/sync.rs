//! Keeps one base's people by content synchronization (RFC 4533), as offered by OpenLDAP's syncprov
//! overlay: one full read, then every change as it happens.
//!
//! The first read does not use the protocol, which would send all entries as fast as it can (see
//! [`paging`] for the cost). Instead the task requests a cookie, reads all people in pages, and
//! starts the synchronization from the cookie, which delivers the changes made meanwhile. If the
//! server rejects that cookie, the synchronization sends everything after all.

use std::collections::HashMap;

use ldap3::controls::{
    Control, ControlType, EntryState, MakeCritical, RawControl, RefreshMode, SyncDone, SyncInfo,
    SyncRequest, SyncState, parse_syncinfo,
};
use ldap3::{Ldap, LdapResult, ResultEntry, Scope, SearchEntry, SearchOptions};
use tokio::time::Instant;
use uuid::Uuid;

use super::content::Content;
use super::paging::{self, Everything};
use super::record::Key;
use super::state::SyncFailure;
use super::table::Table;
use crate::directory::ldap::changes::NO_ENTRY;

/// Result code of a cookie that is too old or belongs to another server (e-syncRefreshRequired).
const REFRESH_REQUIRED: u32 = 4096;
const BUSY: u32 = 51;
const UNAVAILABLE: u32 = 52;

/// How far the content of one base is known; `None` before the first full read.
pub(super) type Cookie = Option<Vec<u8>>;

/// Keeps the people of one base until the connection ends; returns the reason.
pub(super) async fn keep(
    ldap: Ldap,
    content: &Content,
    base: usize,
    cookie: &mut Cookie,
) -> SyncFailure {
    let mut read = false;
    loop {
        if cookie.is_none() && !read {
            match read_all(&ldap, content, base).await {
                Ok(present) => *cookie = present,
                Err(failure) => return failure,
            }
            read = true;
        }
        let whole = cookie.is_none();
        let mut sync = Sync {
            content,
            base,
            whole,
            present: false,
            refreshed: false,
            unordered: false,
            cookie,
        };
        let result = match sync.follow(ldap.clone()).await {
            Ok(result) => result,
            Err(failure) => return failure,
        };
        let refreshed = sync.refreshed;
        if matches!(result.rc, BUSY | UNAVAILABLE) {
            return paging::refused(result.rc, &content.settings.base_dns[base]);
        }
        if !refreshed && whole {
            return refused(&result, content, base);
        }
        if !refreshed || result.rc == REFRESH_REQUIRED {
            *cookie = None;
        }
        if refreshed {
            return SyncFailure::Lost(format!("the server ended it (result code {})", result.rc));
        }
    }
}

/// Reads all people in pages. The returned cookie dates from just before the read.
async fn read_all(ldap: &Ldap, content: &Content, base: usize) -> Result<Cookie, SyncFailure> {
    let dn = &content.settings.base_dns[base];
    let cookie = present_cookie(ldap.clone(), content, base).await?;
    let everyone = Everything {
        base: dn,
        filter: &content.settings.user_filter,
        attributes: &content.attributes,
        controls: Vec::new(),
    };
    let started = Instant::now();
    content.change(base, Table::begin);
    paging::read(ldap.clone(), &everyone, |entry| {
        let entry = SearchEntry::construct(entry);
        let key = paging::key(&entry, &content.settings)?;
        content.put(base, key, &entry);
        Ok(())
    })
    .await?;
    content.sweep(base);
    content.has_read(started);
    Ok(cookie)
}

/// The current cookie, from a synchronization that matches no entry.
async fn present_cookie(
    mut ldap: Ldap,
    content: &Content,
    base: usize,
) -> Result<Cookie, SyncFailure> {
    let request = SyncRequest { mode: RefreshMode::RefreshOnly, ..SyncRequest::default() };
    let mut stream = ldap
        .with_controls(vec![RawControl::from(request.critical())])
        .streaming_search(&content.settings.base_dns[base], Scope::Subtree, NO_ENTRY, ["1.1"])
        .await
        .map_err(paging::lost)?;
    while stream.next().await.map_err(paging::lost)?.is_some() {}
    let result = stream.finish().await;
    if result.rc != 0 {
        return Err(refused(&result, content, base));
    }
    let done = result.ctrls.iter().find(|control| matches!(control.0, Some(ControlType::SyncDone)));
    Ok(done.and_then(|control| control.1.parse::<SyncDone>().cookie))
}

fn refused(result: &LdapResult, content: &Content, base: usize) -> SyncFailure {
    match result.rc {
        // unavailableCriticalExtension, or the end of a plain search.
        0 | 12 => SyncFailure::Refused(
            "the server does not offer content synchronization (RFC 4533) here; enable the \
             syncprov overlay on its database, or set lookup = \"search\""
                .to_owned(),
        ),
        code => paging::refused(code, &content.settings.base_dns[base]),
    }
}

/// One synchronization.
#[expect(clippy::struct_excessive_bools, reason = "each has its own meaning")]
struct Sync<'a> {
    content: &'a Content,
    base: usize,
    /// Whether it started without a cookie, so that the server sends all entries.
    whole: bool,
    /// Whether the server also listed the unchanged entries.
    present: bool,
    /// Whether the content equals the server's, and what follows are changes.
    refreshed: bool,
    /// Whether a cookie was older than its predecessor.
    unordered: bool,
    /// Kept up to date, because the connection may end at any time.
    cookie: &'a mut Cookie,
}

impl Sync<'_> {
    /// Follows the server's messages until it ends the stream; returns how it ended.
    async fn follow(&mut self, mut ldap: Ldap) -> Result<LdapResult, SyncFailure> {
        let settings = &self.content.settings;
        let request = SyncRequest {
            mode: RefreshMode::RefreshAndPersist,
            cookie: self.cookie.clone(),
            reload_hint: false,
        };
        self.content.change(self.base, Table::begin);
        let mut stream = ldap
            .with_search_options(SearchOptions::new())
            .with_controls(vec![RawControl::from(request.critical())])
            .streaming_search(
                &settings.base_dns[self.base],
                Scope::Subtree,
                &settings.user_filter,
                &*self.content.attributes,
            )
            .await
            .map_err(paging::lost)?;
        while let Some(message) = stream.next().await.map_err(paging::lost)? {
            if message.is_intermediate() {
                self.info(parse_syncinfo(message))?;
            } else if !message.is_ref() {
                self.entry(message)?;
            }
        }
        Ok(stream.finish().await)
    }

    fn entry(&mut self, message: ResultEntry) -> Result<(), SyncFailure> {
        let is_state = |control: &&Control| matches!(control.0, Some(ControlType::SyncState));
        // Without a state it is a plain search: the server does not support synchronization.
        let Some(state) = message.1.iter().find(is_state) else {
            return Err(SyncFailure::Lost("an entry came without its state".to_owned()));
        };
        let state = state.1.parse::<SyncState>();
        let key = key(&state.entry_uuid)?;
        match state.state {
            EntryState::Add | EntryState::Modify => {
                let entry = SearchEntry::construct(message);
                // An entry with an unreadable key or change attribute would hide changes on the
                // next connection.
                paging::key(&entry, &self.content.settings)?;
                self.content.put(self.base, key, &entry);
            }
            EntryState::Present => self.content.change(self.base, |table| table.see(&key)),
            EntryState::Delete => self.content.change(self.base, |table| table.remove(&key)),
        }
        self.keep_cookie(state.cookie);
        Ok(())
    }

    fn info(&mut self, info: SyncInfo) -> Result<(), SyncFailure> {
        match info {
            SyncInfo::NewCookie(cookie) => self.keep_cookie(Some(cookie)),
            SyncInfo::RefreshDelete { cookie, refresh_done } => {
                self.phase_ended(refresh_done, cookie);
            }
            SyncInfo::RefreshPresent { cookie, refresh_done } => {
                self.present = true;
                self.phase_ended(refresh_done, cookie);
            }
            SyncInfo::SyncIdSet { cookie, refresh_deletes, sync_uuids } => {
                let keys = sync_uuids.iter().map(|id| key(id)).collect::<Result<Vec<_>, _>>()?;
                self.content.change(self.base, |table| {
                    for key in &keys {
                        if refresh_deletes { table.remove(key) } else { table.see(key) }
                    }
                });
                self.keep_cookie(cookie);
            }
        }
        Ok(())
    }

    /// A cookie counts only once the content equals the server's: an earlier one would skip the
    /// rest.
    fn keep_cookie(&mut self, cookie: Cookie) {
        if !self.refreshed || self.unordered || cookie.is_none() {
            return;
        }
        // The server's clock was set back. A later change may have an earlier number, and a
        // synchronization from this cookie would miss it.
        self.unordered = goes_back(self.cookie.as_deref(), cookie.as_deref());
        *self.cookie = cookie.filter(|_| !self.unordered);
    }

    fn phase_ended(&mut self, refresh_done: bool, cookie: Cookie) {
        if refresh_done && !self.refreshed {
            // If the server listed all existing entries, the unlisted ones are gone (RFC 4533
            // 3.3.2).
            if self.present || self.whole {
                self.content.sweep(self.base);
            }
            self.refreshed = true;
            self.content.completed(self.base, Instant::now());
        }
        self.keep_cookie(cookie);
    }
}

/// Whether an OpenLDAP cookie (`rid=…,csn=…;…`) goes back in time relative to an earlier one, for
/// any of the servers it covers.
fn goes_back(before: Option<&[u8]>, now: Option<&[u8]>) -> bool {
    let numbers = |cookie: Option<&[u8]>| -> HashMap<String, String> {
        let text = String::from_utf8_lossy(cookie.unwrap_or_default()).into_owned();
        let numbers = text.split(',').find_map(|part| part.strip_prefix("csn="));
        let numbers = numbers.unwrap_or_default().split(';');
        // Time, counter, server number, counter: `20260101…Z#000000#001#000000`.
        let of_server = |number: &str| {
            let server = number.split('#').nth(2)?;
            Some((server.to_owned(), number.to_owned()))
        };
        numbers.filter_map(of_server).collect()
    };
    let now = numbers(now);
    numbers(before).iter().any(|(server, number)| now.get(server).is_some_and(|now| now < number))
}

pub(super) fn key(id: &[u8]) -> Result<Key, SyncFailure> {
    Uuid::from_slice(id)
        .map(Uuid::into_bytes)
        .map_err(|_| SyncFailure::Lost("the server sent an id that is not a UUID".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::goes_back;

    #[test]
    fn a_cookie_goes_back_where_one_servers_changes_do() {
        let cookie = |numbers: &str| Some(format!("rid=000,csn={numbers}"));
        let (early, late) =
            ("20261130052328.731577Z#000000#00", "20261130062328.731577Z#000000#00");
        for (before, now, back) in [
            (cookie(&format!("{early}0#000000")), cookie(&format!("{late}0#000000")), false),
            (cookie(&format!("{late}0#000000")), cookie(&format!("{late}0#000000")), false),
            (cookie(&format!("{late}0#000000")), cookie(&format!("{early}0#000000")), true),
            (
                cookie(&format!("{early}1#000000;{late}2#000000")),
                cookie(&format!("{late}1#000000;{early}2#000000")),
                true,
            ),
            (cookie(&format!("{late}1#000000")), cookie(&format!("{early}2#000000")), false),
            (None, cookie(&format!("{early}1#000000")), false),
            (Some("of another server".to_owned()), Some(String::new()), false),
        ] {
            let bytes = |text: &Option<String>| text.clone().map(String::into_bytes);
            let (before, now) = (bytes(&before), bytes(&now));
            assert_eq!(goes_back(before.as_deref(), now.as_deref()), back, "{before:?} {now:?}");
        }
    }
}
