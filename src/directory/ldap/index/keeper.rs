//! The task that keeps the index: it chooses a server, opens a connection, has the people read
//! and followed over it, and begins again when that ends.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_all;
use ldap3::{Ldap, Scope};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::state::Trouble;
use super::sync::Cookie;
use super::{Content, members, poll, sync};
use crate::directory::ldap::breaker;
use crate::directory::ldap::connection::{AbortOnDrop, Connection};
use crate::directory::ldap::hosts::Hosts;
use crate::directory::ldap::server::Server;
use crate::directory::ldap::settings::Profile;

/// How long after a connection was lost the next one is opened.
const AGAIN: Duration = Duration::from_millis(500);
/// How long after a refusal a server is asked again; somebody has to mend it first.
const AGAIN_AFTER_REFUSAL: Duration = Duration::from_secs(20);
/// How often the connection is asked whether it is there.
const BEAT: Duration = Duration::from_secs(2);
/// Longest wait for that answer.
const LONGEST_BEAT: Duration = Duration::from_secs(4);
/// After how long everybody is read again in any case: OpenLDAP does not tell of people who moved
/// because an entry above them did.
const READ_AGAIN: Duration = Duration::from_hours(6);

/// What is known beyond a connection's end.
#[derive(Default)]
struct Memory {
    /// The server that the rest is of.
    server: Option<String>,
    cookies: Vec<Cookie>,
    poll: poll::Memory,
}

/// Keeps the index for as long as the directory exists.
pub(super) async fn keep(content: Arc<Content>, hosts: Arc<Hosts>) {
    let memory = Arc::new(Mutex::new(Memory::default()));
    loop {
        let mut pause = AGAIN;
        for server in &hosts.now() {
            if server.is_down() {
                continue;
            }
            let trouble = one_connection(&content, server, &memory).await;
            let refused = matches!(trouble, Trouble::Refused(_));
            if !matches!(trouble, Trouble::Planned) {
                server.look();
            }
            if content.state().lost(trouble) {
                // It is probably there again at once, and need not be read from the start then.
                pause = AGAIN;
                break;
            }
            if refused {
                pause = AGAIN_AFTER_REFUSAL;
            }
        }
        sleep(pause).await;
    }
}

/// Keeps the index over one connection, in a task of its own: the library panics on messages that
/// are not as they should be, and that is not to end more than the connection.
async fn one_connection(
    content: &Arc<Content>,
    server: &Arc<Server>,
    memory: &Arc<Mutex<Memory>>,
) -> Trouble {
    let task = {
        let (content, server) = (Arc::clone(content), Arc::clone(server));
        let memory = Arc::clone(memory);
        tokio::spawn(async move {
            let connection = match server.connector().open_as_service().await {
                Ok(connection) => connection,
                Err(error) => return breaker::Trouble::from(error).into(),
            };
            let mut memory = memory.lock().await;
            // After a panic, this is what stays.
            let mut kept = std::mem::take(&mut *memory);
            if kept.server.as_deref() != Some(server.name()) {
                kept = Memory { server: Some(server.name().to_owned()), ..Memory::default() };
            }
            kept.cookies.resize(content.tables.len(), None);
            let trouble = over(&content, &server, &connection, &mut kept).await;
            *memory = kept;
            trouble
        })
    };
    let _ends_with_us = AbortOnDrop(task.abort_handle());
    task.await.unwrap_or_else(|_| {
        content.mend();
        Trouble::Refused("the server sent something unreadable".to_owned())
    })
}

/// Keeps the index over a connection until it ends.
async fn over(
    content: &Content,
    server: &Server,
    connection: &Connection,
    memory: &mut Memory,
) -> Trouble {
    content.state().begin(server.name());
    let handle = || connection.handle();
    let kept = async {
        match content.settings.profile {
            Profile::ActiveDirectory => poll::keep(handle(), content, &mut memory.poll).await,
            Profile::Dirsrv => poll::keep_by_reading(handle(), content).await,
            Profile::OpenLdap => {
                let bases =
                    memory.cookies.iter_mut().enumerate().map(|(base, cookie)| {
                        Box::pin(sync::keep(handle(), content, base, cookie))
                    });
                select_all(bases).await.0
            }
        }
    };
    let trouble = tokio::select! {
        trouble = kept => return trouble,
        trouble = beat(handle(), content) => return trouble,
        trouble = members::keep(handle(), content) => return trouble,
        () = sleep(READ_AGAIN) => Trouble::Planned,
    };
    memory.cookies.fill(None);
    memory.poll = poll::Memory::default();
    trouble
}

/// Asks the server now and then whether it is there. A connection that nothing comes over looks
/// the same whether nothing changed or all is lost.
async fn beat(mut ldap: Ldap, content: &Content) -> Trouble {
    let limit = content.settings.timeout.min(LONGEST_BEAT);
    let base = content.settings.base_dns.first().map_or("", String::as_str);
    loop {
        sleep(BEAT).await;
        let asked = Instant::now();
        let question = ldap.search(base, Scope::Base, "(objectClass=*)", ["1.1"]);
        match timeout(limit, question).await {
            // Where changes are asked for, it is those answers that count.
            Ok(Ok(_)) if content.settings.profile != Profile::OpenLdap => {}
            Ok(Ok(_)) => content.state().confirm(asked),
            Ok(Err(_)) => return Trouble::Lost("the connection broke".to_owned()),
            Err(_) => return Trouble::Lost(format!("no answer within {limit:?}")),
        }
    }
}
