//! The people in the index who are known to be allowed by the tenant's groups. The groups are read
//! at intervals, so that a call need not contact a server. For anyone not known to be allowed, each
//! call asks the server, and a login always does (see [`groups`]).

mod judging;
mod reading;

use std::time::Duration;

use ldap3::Ldap;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::content::Content;
use super::state::{Groups, SyncFailure};
use super::table::Table;

/// Longest interval between readings of the groups.
const READ_AGAIN: Duration = Duration::from_mins(5);
/// Minimum number of readings before the data is too old.
const READINGS: u32 = 3;
/// The pause after a reading is this many times the reading's duration, up to [`READ_AGAIN`].
const PAUSES: u32 = 20;
/// Interval between checks that the groups exist; also the shortest delay after a failed reading.
const LOOK_AT_GROUPS: Duration = Duration::from_secs(5);
/// Interval between checks that the people have been read.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Reads the groups every few minutes, and checks every few seconds that they exist. Ends if they
/// do not, so that another server is followed. Other tasks decide whether the connection works: a
/// server that is slow to return the groups may still report changes.
pub(super) async fn keep(ldap: Ldap, content: &Content) -> SyncFailure {
    let settings = &content.settings;
    if settings.required_group.is_none() && settings.excluded_group.is_none() {
        return std::future::pending().await;
    }
    let often = READ_AGAIN.min(content.how.max_age / READINGS);
    let mut read_at = Instant::now();
    let mut said = false;
    loop {
        if !content.state().is_live() {
            sleep(LOOK_AGAIN).await;
            continue;
        }
        if let Err(failure @ SyncFailure::Refused(_)) = reading::present(&ldap, content).await {
            forget(content);
            return failure;
        }
        let asked = Instant::now();
        if asked >= read_at {
            let read = reading::read(&ldap, content).await;
            let usual = if read.is_ok() { often } else { LOOK_AT_GROUPS };
            read_at = Instant::now() + usual.max((asked.elapsed() * PAUSES).min(READ_AGAIN));
            match read {
                Ok(members) => {
                    said = false;
                    // Dated before the reading, which may miss changes made meanwhile.
                    content.state().groups(Groups::Read { members, as_of: asked });
                }
                // What is known outlasts an outage until it is too old.
                Err(SyncFailure::Lost(_) | SyncFailure::Missed(_) | SyncFailure::Planned(_)) => {}
                Err(failure @ SyncFailure::Refused(_)) => {
                    forget(content);
                    if !std::mem::replace(&mut said, true) {
                        warn!(
                            reason = failure.reason(),
                            "the directory's index cannot read the groups; they are asked for at \
                             each call"
                        );
                    }
                }
            }
        }
        sleep(LOOK_AT_GROUPS.min(often)).await;
    }
}

/// Ensures that no one is let in without asking a server.
fn forget(content: &Content) {
    content.state().groups(Groups::Unreadable);
    for base in 0..content.tables.len() {
        content.change(base, Table::allow_no_one);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::judging::allow;
    use super::*;
    use crate::directory::ldap::index::record::{Key, Person};
    use crate::directory::ldap::settings::IndexSettings;
    use crate::directory::ldap::settings::tests::settings;
    use crate::domain::account_state::AccountState;
    use crate::domain::stored_number::NumberingPlan;
    use crate::domain::user::{User, UserId};

    /// Content with this many people in a single base.
    fn content(people: u64) -> Content {
        let how =
            IndexSettings { max_age: READ_AGAIN, poll: LOOK_AGAIN, ..IndexSettings::default() };
        let content = Content::new(&Arc::new(settings()), how);
        for of in 0..people {
            let number = NumberingPlan::read_e164(&format!("+4676{of:07}")).expect("a number");
            let user = User {
                id: UserId::parse(of.to_string()).expect("not empty"),
                username: format!("user{of}"),
                locator: format!("uid=user{of},ou=people,dc=example,dc=com"),
                account: AccountState::default(),
                numbers: Vec::new(),
                pins: Vec::new(),
                language: None,
            };
            let key = u128::from(of).to_le_bytes();
            let person = Person { key, user: Some(user), numbers: vec![(0, number)] };
            content.change(0, |table| table.upsert(&person));
        }
        content
    }

    /// Number of attempts at [`others_go_on_during`]: on a busy machine, other threads may not get
    /// a turn while the work runs.
    const TRIES: u32 = 8;

    /// Runs `work`; returns whether lookups and changes proceed meanwhile, in alternation. A thread
    /// that waited for all of the work would make only one.
    fn others_go_on_during(content: &Content, work: impl FnOnce()) -> bool {
        let ended = AtomicBool::new(false);
        let number = NumberingPlan::read_e164("+46760000001").expect("a number");
        let count = |ask: &dyn Fn()| {
            let mut count = 0;
            while !ended.load(Ordering::Relaxed) {
                ask();
                count += 1;
                std::thread::sleep(Duration::from_micros(100));
            }
            count
        };
        let counts = std::thread::scope(|scope| {
            let looking = scope.spawn(|| {
                count(&|| {
                    assert_eq!(content.look(0, |table| table.find(&number, 2)).0.len(), 1);
                })
            });
            let changing =
                scope.spawn(|| count(&|| content.change(0, |table| table.see(&[0xff; 16]))));
            work();
            ended.store(true, Ordering::Relaxed);
            (looking.join().expect("no panic"), changing.join().expect("no panic"))
        });
        counts.0 >= 3 && counts.1 >= 3
    }

    #[test]
    fn lookups_do_not_wait_while_people_are_removed() {
        let go_on = (0..TRIES).any(|_| {
            let content = content(60_000);
            content.change(0, |table| {
                table.begin();
                table.see(&1_u128.to_le_bytes());
            });
            let go_on = others_go_on_during(&content, || content.sweep(0));
            assert_eq!(content.people(), 1);
            go_on
        });
        assert!(go_on);
    }

    #[test]
    fn lookups_do_not_wait_while_allowed_people_are_recorded() {
        // A million take some minutes to put in without optimisation.
        let people = std::env::var("DIALPASS_INDEX_PEOPLE").ok();
        let people = people.and_then(|text| text.parse().ok()).unwrap_or(60_000);
        let content = content(people);
        let may = |_: &Key, dn: &str| dn.to_lowercase().ends_with("dc=com");
        let noting = || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let noted = runtime.expect("a runtime").block_on(allow(&content, 0, &may));
            assert_eq!(noted as u64, people);
        };
        assert!((0..TRIES).any(|_| others_go_on_during(&content, noting)));
    }
}
