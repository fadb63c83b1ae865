//! Who of the index certainly may use the gateway, by the tenant's groups: read now and then, so
//! that a call need not ask a server. Whoever is not known to may is asked for at each call, and a
//! login always asks (see [`groups`]).

mod reading;

use std::time::Duration;

use ldap3::Ldap;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::Content;
use super::record::Key;
use super::state::{Groups, Trouble};
use super::table::Table;

/// How often the groups are read, at least.
const READ_AGAIN: Duration = Duration::from_mins(5);
/// How many times they are read, at least, before what was read is too old.
const READINGS: u32 = 3;
/// How many times as long as a reading the pause after it is, while that is less than
/// [`READ_AGAIN`].
const PAUSES: u32 = 20;
/// How often it is looked whether the groups are there. This long after a reading that failed comes
/// the next, at least.
const LOOK_AT_GROUPS: Duration = Duration::from_secs(5);
/// How often it is looked whether the people have been read.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// How many times a part of the people is judged with nothing locked against changes. If they change
/// so fast that each was in vain, they wait for that part.
const TRIES_BESIDE_CHANGES: usize = 3;

/// Reads the groups every few minutes, and looks every few seconds whether they are there. Ends
/// where they are not, for the index to be kept from another server. Whether the connection is any
/// good is for others to find out: a server that takes long for the groups may well tell of the
/// people.
pub(super) async fn keep(ldap: Ldap, content: &Content) -> Trouble {
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
        if let Err(trouble @ Trouble::Refused(_)) = reading::present(&ldap, content).await {
            forget(content);
            return trouble;
        }
        let asked = Instant::now();
        if asked >= read_at {
            let read = reading::read(&ldap, content).await;
            let usual = if read.is_ok() { often } else { LOOK_AT_GROUPS };
            read_at = Instant::now() + usual.max((asked.elapsed() * PAUSES).min(READ_AGAIN));
            match read {
                Ok(members) => {
                    said = false;
                    // What changes while they are read may not be in it.
                    content.state().groups(Groups::Read { members, as_of: asked });
                }
                // What is known stays for the outage, if this is one, until it is too old.
                Err(Trouble::Lost(_) | Trouble::Missed(_) | Trouble::Planned(_)) => {}
                Err(trouble @ Trouble::Refused(_)) => {
                    forget(content);
                    if !std::mem::replace(&mut said, true) {
                        warn!(
                            reason = trouble.reason(),
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

/// Has nobody be let in without asking a server.
fn forget(content: &Content) {
    content.state().groups(Groups::Unreadable);
    for base in 0..content.tables.len() {
        content.change(base, Table::allow_nobody);
    }
}

/// Notes of everybody below a base whether they may, and says how many do. Calls are answered and
/// changes are entered meanwhile: judging takes long for many people, and is done a part at a time
/// with others reading beside it.
async fn allow(content: &Content, base: usize, may: &(dyn Fn(&Key, &str) -> bool + Sync)) -> usize {
    content.change(base, Table::begin_allowing);
    let mut from = 0;
    while let Some(next) = allow_part(content, base, from, may) {
        from = next;
        yield_now().await;
    }
    content.change(base, Table::finish_allowing)
}

/// The same of the part that begins at slot `from`. Where the next one begins, if there is one.
fn allow_part(
    content: &Content,
    base: usize,
    from: u32,
    may: &(dyn Fn(&Key, &str) -> bool + Sync),
) -> Option<u32> {
    for _ in 0..TRIES_BESIDE_CHANGES {
        let part = content.look(base, |table| table.judge(from, may))?;
        if content.change(base, |table| table.note(&part)) {
            return Some(part.next());
        }
    }
    content.change(base, |table| {
        let part = table.judge(from, may)?;
        table.note(&part);
        Some(part.next())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::directory::ldap::index::record::Person;
    use crate::directory::ldap::settings::IndexSettings;
    use crate::directory::ldap::settings::tests::settings;
    use crate::domain::account_state::AccountState;
    use crate::domain::stored_number::NumberingPlan;
    use crate::domain::user::{User, UserId};

    /// A content of so many people, whose one base is everybody's.
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
            };
            let key = u128::from(of).to_le_bytes();
            let person = Person { key, user: Some(user), numbers: vec![(0, number)] };
            content.change(0, |table| table.upsert(&person));
        }
        content
    }

    /// How often [`others_go_on_during`] is tried: on a busy machine, others may not come to their
    /// turn while the work is done.
    const TRIES: u32 = 8;

    /// Does `work`; whether lookups and changes are made meanwhile, one after the other: who waited
    /// for all of it would make one.
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
    fn nobody_waits_while_those_who_have_gone_are_removed() {
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
    fn nobody_waits_while_it_is_noted_who_may() {
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
