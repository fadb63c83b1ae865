//! The task that keeps the index: it chooses a server, opens a connection, reads and follows the
//! people over it, and starts again when that ends.

use std::collections::HashMap;
use std::future::pending;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, select_all};
use ldap3::Ldap;
use tokio::sync::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::above::Above;
use super::content::Content;
use super::proof::{Bases, Sample};
use super::state::SyncFailure;
use super::sync::Cookie;
use super::{members, poll, sync};
use crate::breaker;
use crate::directory::ldap::connection::{AbortOnDrop, Connection};
use crate::directory::ldap::hosts::Hosts;
use crate::directory::ldap::server::Server;
use crate::directory::ldap::settings::Profile;

/// Delay before reconnecting after a lost connection.
const AGAIN: Duration = Duration::from_millis(500);
/// Delay before retrying after a refusal, initially and at most; someone has to fix a server first.
const AGAIN_AFTER_REFUSAL: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(30)];
/// Interval between checks that the index is in step.
const BEAT: Duration = Duration::from_secs(2);
/// Longest wait for such a check.
const LONGEST_BEAT: Duration = Duration::from_secs(4);
/// Consecutive successful checks of a preferred server before the index returns to it.
const BEATS_BEFORE_RETURN: u32 = 3;
/// How long a preferred server is left alone after it refused to serve an index.
const RETURN_AFTER_REFUSAL: Duration = Duration::from_mins(10);
/// Time until a full read after resuming from an earlier connection's position. The server answers
/// by its own clock or numbers, and both may have gone back, as in a server restored from a backup.
const READ_AFTER_RETURN: Duration = Duration::from_secs(30);
/// That read is postponed by at least this many times its own duration.
const PAUSES: u32 = 20;

/// State that survives a connection.
#[derive(Default)]
struct Memory {
    /// The server that the rest belongs to.
    server: Option<String>,
    cookies: Vec<Cookie>,
    poll: poll::Memory,
    bases: Bases,
    sample: Sample,
    above: Vec<Above>,
}

/// The servers preferred to the one followed.
struct Before {
    servers: Vec<Arc<Server>>,
    /// Servers that recently refused to serve an index, and until when they are left alone.
    refusing: HashMap<String, Instant>,
}

/// Keeps the index as long as the directory exists.
pub(super) async fn keep(content: Arc<Content>, hosts: Arc<Hosts>) {
    let memory = Arc::new(Mutex::new(Memory::default()));
    let mut refusing = HashMap::new();
    let mut after_refusal = AGAIN_AFTER_REFUSAL[0];
    loop {
        let mut pause = AGAIN;
        let mut servers = Vec::new();
        for server in hosts.now() {
            let before = Before { servers: servers.clone(), refusing: refusing.clone() };
            servers.push(Arc::clone(&server));
            if server.is_down() {
                continue;
            }
            let failure = one_connection(&content, &server, before, &memory).await;
            let refused = matches!(failure, SyncFailure::Refused(_));
            let planned = matches!(failure, SyncFailure::Planned(_));
            if !planned {
                server.look();
            }
            if refused {
                refusing.insert(server.name().to_owned(), Instant::now() + RETURN_AFTER_REFUSAL);
            }
            if content.state().lost(failure) {
                // The server is probably back at once, and then no full read is needed. After a
                // planned end reconnect immediately: no changes arrive in between.
                pause = if planned { Duration::ZERO } else { AGAIN };
                after_refusal = AGAIN_AFTER_REFUSAL[0];
                break;
            }
            if refused {
                pause = after_refusal;
            }
        }
        if pause == after_refusal {
            after_refusal = (after_refusal * 2).min(AGAIN_AFTER_REFUSAL[1]);
        }
        sleep(pause).await;
    }
}

/// Keeps the index over one connection in its own task: the library panics on malformed messages,
/// and a panic must end only the connection.
async fn one_connection(
    content: &Arc<Content>,
    server: &Arc<Server>,
    before: Before,
    memory: &Arc<Mutex<Memory>>,
) -> SyncFailure {
    let task = {
        let (content, server) = (Arc::clone(content), Arc::clone(server));
        let memory = Arc::clone(memory);
        tokio::spawn(async move {
            let connection = match server.connector().open_as_service().await {
                Ok(connection) => connection,
                Err(error) => return breaker::DownReason::from(error).into(),
            };
            let mut memory = memory.lock().await;
            // What remains after a panic.
            let mut kept = std::mem::take(&mut *memory);
            if kept.server.as_deref() != Some(server.name()) {
                kept = Memory { server: Some(server.name().to_owned()), ..Memory::default() };
            }
            kept.cookies.resize(content.tables.len(), None);
            kept.above.resize_with(content.tables.len(), Above::default);
            let failure = over(&content, &server, before, &connection, &mut kept).await;
            match &failure {
                SyncFailure::Lost(_) => {}
                // Any other end requires a full read over the next connection.
                SyncFailure::Refused(_) | SyncFailure::Missed(_) | SyncFailure::Planned(_) => {
                    kept = Memory::default();
                }
            }
            *memory = kept;
            failure
        })
    };
    let _ends_with_us = AbortOnDrop(task.abort_handle());
    task.await.unwrap_or_else(|_| {
        content.mend();
        SyncFailure::Refused("the server sent something unreadable".to_owned())
    })
}

/// Keeps the index over a connection until it ends.
async fn over(
    content: &Content,
    server: &Server,
    before: Before,
    connection: &Connection,
    memory: &mut Memory,
) -> SyncFailure {
    let preferred = before.servers.first().map(|first| first.name().to_owned());
    content.state().begin(server.name(), preferred);
    let handle = || connection.handle();
    let Memory { cookies, poll, bases, sample, above, .. } = memory;
    let follows = content.settings.profile == Profile::OpenLdap;
    let mut all_ready = Vec::new();
    let watches = above.iter_mut().enumerate().map(|(base, above)| {
        if cookies[base].is_none() {
            above.forget();
        }
        let (ready, when_ready) = oneshot::channel();
        all_ready.push(when_ready);
        Box::pin(async move {
            if !follows {
                return pending().await;
            }
            above.watch(handle(), content, base, ready).await
        })
    });
    let (proven, when_proven) = oneshot::channel();
    let watches: Vec<_> = watches.collect();
    let watches = select_all(watches);
    let kept = async {
        match content.settings.profile {
            Profile::ActiveDirectory => poll::keep(handle(), content, poll).await,
            Profile::Dirsrv => poll::keep_by_reading(handle(), content).await,
            Profile::OpenLdap => {
                // Watch first, then read: the read includes every rename made before it.
                join_all(all_ready).await;
                // Resuming from a cookie proves nothing if changes are hidden, so wait for the
                // check. The wait ends with the connection.
                when_proven.await.unwrap_or_default();
                let bases = cookies
                    .iter_mut()
                    .enumerate()
                    .map(|(base, cookie)| Box::pin(sync::keep(handle(), content, base, cookie)));
                select_all(bases).await.0
            }
        }
    };
    tokio::select! {
        failure = beat(handle(), content, bases, sample, proven) => failure,
        failure = kept => failure,
        (failure, _, _) = watches => failure,
        failure = members::keep(handle(), content) => failure,
        () = until_full_read(content) => {
            SyncFailure::Planned("a regular full read is due")
        }
        () = one_is_back(&before) => {
            SyncFailure::Planned("a preferred server works again")
        }
    }
}

/// Checks at intervals that the index is in step, and reports the first success through `proven`. A
/// silent connection looks the same whether nothing has changed, the connection is dead, or the
/// account has lost its rights.
async fn beat(
    ldap: Ldap,
    content: &Content,
    bases: &mut Bases,
    sample: &mut Sample,
    proven: oneshot::Sender<()>,
) -> SyncFailure {
    let mut proven = Some(proven);
    let limit = content.settings.timeout.min(LONGEST_BEAT);
    // When polling, the poll's own answers count.
    let follows = content.settings.profile == Profile::OpenLdap;
    loop {
        let asked = Instant::now();
        let proof = async {
            bases.read(&ldap, content).await?;
            if follows { sample.read(&ldap, content).await } else { Ok(()) }
        };
        match timeout(limit, proof).await {
            Ok(Ok(())) => {
                if follows {
                    content.state().confirm(asked);
                }
                // The receiver may be gone.
                proven.take().map_or(Ok(()), |proven| proven.send(())).unwrap_or_default();
            }
            Ok(Err(failure)) => return failure,
            Err(_) => return SyncFailure::Lost(format!("no answer within {limit:?}")),
        }
        sleep(BEAT.min(content.how.max_age / 4)).await;
    }
}

/// Ends when a full read is due.
async fn until_full_read(content: &Content) {
    if content.settings.profile == Profile::Dirsrv {
        return pending().await;
    }
    let started = Instant::now();
    // Spreads the reads, so that nodes started together do not always read together.
    let most = content.how.full_read;
    let share = u32::try_from(RandomState::new().hash_one(started) % 20).unwrap_or_default();
    let period = most.saturating_sub(most / 100 * share);
    loop {
        let read = content.state().read();
        let due = match read {
            None => started + period,
            Some(read) if read.ended > started => read.ended + period,
            Some(read) => {
                let soon = (read.took * PAUSES).max(READ_AFTER_RETURN).min(period);
                (read.ended + soon).max(started + AGAIN)
            }
        };
        sleep_until(due).await;
        if content.state().read().map(|read| read.ended) == read.map(|read| read.ended) {
            return;
        }
    }
}

/// Ends when a preferred server works again.
async fn one_is_back(before: &Before) {
    let mut beats: HashMap<&str, u32> = HashMap::new();
    loop {
        sleep(BEAT).await;
        for server in &before.servers {
            let refuses = before.refusing.get(server.name());
            let fit = server.is_up() && refuses.is_none_or(|until| *until < Instant::now());
            let beats = beats.entry(server.name()).or_default();
            *beats = if fit { *beats + 1 } else { 0 };
            if *beats >= BEATS_BEFORE_RETURN {
                return;
            }
        }
    }
}
