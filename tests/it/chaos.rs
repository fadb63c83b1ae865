//! Nodes whose database, standby, pooler or whose own processes fail in every way there is, while
//! people call and log in, are sent texts, and approve with passkeys. What they were answered is
//! checked: each code is accepted once at most, what was told works, what was answered is not undone,
//! no request outlasts its deadline, and service comes back by itself.
//!
//! | variable | |
//! |---|---|
//! | `CHAOS_LONG` | tries the faults that take long, too, and holds all to their times |
//! | `WRITE_DOCS` | writes the table of what was seen |

mod actors;
mod history;
mod long;
mod one_server;
mod passwords;
mod pooled;
mod pooler;
mod proxy;
mod stage;
mod standby;
mod table;

pub use self::pooler::Pooler;

use std::time::Duration;

use crate::support::postgres::{Postgres, ROLE};

/// Whether these tests have the machine to themselves, and time.
fn is_alone() -> bool {
    std::env::var_os("CHAOS_LONG").is_some()
}

/// Seconds, for faults.
const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Lets a fault last, or a while pass between two: how long is part of the fault, and there is no
/// condition to wait for.
async fn lasts(how_long: Duration) {
    tokio::time::sleep(how_long).await;
}

/// What ends all sessions of the nodes.
fn end_sessions() -> String {
    format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'")
}

/// Has a superuser hold something for a while.
fn held(server: &Postgres, database: &str, what: &str, how_long: Duration) {
    let seconds = how_long.as_secs();
    server.psql(database, &format!("BEGIN; {what}; SELECT pg_sleep({seconds}); COMMIT"));
}
