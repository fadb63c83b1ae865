//! Who of the index certainly may use the gateway, by the tenant's groups: read now and then, so
//! that a call need not ask a server. Whoever is not known to may is asked for at each call, and a
//! login always asks (see [`groups`]).

use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use ldap3::{Ldap, Scope, SearchEntry};
use tokio::task::yield_now;
use tokio::time::sleep;
use tracing::warn;

use super::paging::{self, Everything};
use super::record::Key;
use super::state::{Groups, Trouble};
use super::table::Table;
use super::{Content, person};
use crate::directory::ldap::settings::Profile;
use crate::directory::ldap::{entry, groups};

/// How often the groups are read.
const READ_AGAIN: Duration = Duration::from_mins(5);
/// How often it is looked whether the people have been read.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// How many times a part of the people is judged with nothing locked against changes. If they change
/// so fast that each was in vain, they wait for that part.
const TRIES_BESIDE_CHANGES: usize = 3;
/// The attributes that name members (RFC 4519 2.17 and 2.40).
const MEMBERS: [&str; 2] = ["member", "uniqueMember"];

/// Reads the groups every few minutes, and never ends. Whether the connection is any good is for
/// others to find out: a server that takes long for the groups may well tell of the people.
pub(super) async fn keep(ldap: Ldap, content: &Content) -> Infallible {
    let settings = &content.settings;
    if settings.required_group.is_none() && settings.excluded_group.is_none() {
        return std::future::pending().await;
    }
    let mut said = false;
    loop {
        if !content.state().is_live() {
            sleep(LOOK_AGAIN).await;
            continue;
        }
        let read = match settings.profile {
            Profile::ActiveDirectory => by_chain(&ldap, content).await,
            Profile::OpenLdap | Profile::Dirsrv => by_members(&ldap, content).await,
        };
        match read {
            Ok(members) => {
                said = false;
                content.state().groups(Groups::Read(members));
            }
            // What is known stays for the outage, if this is one.
            Err(Trouble::Lost(_) | Trouble::Missed(_) | Trouble::Planned(_)) => {}
            Err(trouble @ Trouble::Refused(_)) => {
                for base in 0..content.tables.len() {
                    content.change(base, Table::allow_nobody);
                }
                content.state().groups(Groups::Unreadable);
                if !std::mem::replace(&mut said, true) {
                    warn!(
                        reason = trouble.reason(),
                        "the directory's index cannot read the groups; they are asked for at each \
                         call"
                    );
                }
            }
        }
        sleep(READ_AGAIN).await;
    }
}

/// Active Directory follows nested groups itself.
async fn by_chain(ldap: &Ldap, content: &Content) -> Result<usize, Trouble> {
    let settings = &content.settings;
    let mut members = 0;
    let mut filter = format!("(&{}", settings.user_filter);
    if let Some(group) = &settings.required_group {
        filter += &groups::in_chain(group);
    }
    if let Some(group) = &settings.excluded_group {
        filter.extend(["(!", &groups::in_chain(group), ")"]);
    }
    filter.push(')');
    for (base, dn) in settings.base_dns.iter().enumerate() {
        let mut allowed: HashSet<Key> = HashSet::new();
        let attributes = [person::key_attribute(settings).to_owned()];
        let what =
            Everything { base: dn, filter: &filter, attributes: &attributes, controls: Vec::new() };
        paging::read(ldap.clone(), &what, |entry| {
            allowed.extend(person::key(&SearchEntry::construct(entry), settings));
            Ok(())
        })
        .await?;
        members += allow(content, base, &|key, _| allowed.contains(key)).await;
    }
    Ok(members)
}

/// Elsewhere we go down from each group to its members, and theirs.
async fn by_members(ldap: &Ldap, content: &Content) -> Result<usize, Trouble> {
    let settings = &content.settings;
    let mut members = 0;
    // The same DN can be written in several ways. Where it is not seen that two are the same,
    // nobody must be let in by that: members of the one group are compared as they are written,
    // those of the other by little of what is written.
    let exact = |dn: &str| dn.to_lowercase();
    let loose =
        |dn: &str| dn.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let hasher = RandomState::new();
    let required = match &settings.required_group {
        Some(group) => Some(closure(ldap, content, group, &|dn| hasher.hash_one(exact(dn))).await?),
        None => None,
    };
    let excluded = match &settings.excluded_group {
        Some(group) => Some(closure(ldap, content, group, &|dn| hasher.hash_one(loose(dn))).await?),
        None => None,
    };
    for base in 0..content.tables.len() {
        let has = |set: &HashSet<u64>, dn: String| set.contains(&hasher.hash_one(dn));
        let may = |_: &Key, dn: &str| {
            required.as_ref().is_none_or(|set| has(set, exact(dn)))
                && excluded.as_ref().is_none_or(|set| !has(set, loose(dn)))
        };
        members += allow(content, base, &may).await;
    }
    Ok(members)
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

/// All members of a group, however nested, as hashes of their DNs.
async fn closure(
    ldap: &Ldap,
    content: &Content,
    group: &str,
    hash: &(dyn Fn(&str) -> u64 + Sync),
) -> Result<HashSet<u64>, Trouble> {
    let mut nested: HashMap<u64, String> = HashMap::new();
    let what = Everything {
        base: groups::groups_base(&content.settings, group),
        filter: "(|(member=*)(uniqueMember=*))",
        attributes: &["1.1".to_owned()],
        controls: Vec::new(),
    };
    paging::read(ldap.clone(), &what, |entry| {
        let dn = SearchEntry::construct(entry).dn;
        nested.insert(hash(&dn), dn);
        Ok(())
    })
    .await?;
    nested.remove(&hash(group));
    let mut members = HashSet::new();
    let mut to_read = VecDeque::from([(group.to_owned(), 1)]);
    while let Some((group, depth)) = to_read.pop_front() {
        // As deep as a call or a login would look. Deeper ones are for them to judge.
        if depth > groups::MOST_LEVELS {
            return Err(Trouble::Refused(format!(
                "groups are nested more than {} deep in {group}",
                groups::MOST_LEVELS
            )));
        }
        let read = ldap.clone().search(&group, Scope::Base, "(objectClass=*)", MEMBERS).await;
        let read = read.map_err(paging::lost)?;
        let Some(found) = read.0.into_iter().find(|entry| !entry.is_ref()) else {
            return Err(Trouble::Refused(format!(
                "{group} cannot be read (result code {})",
                read.1.rc
            )));
        };
        let found = SearchEntry::construct(found);
        let values: Vec<_> = MEMBERS.iter().flat_map(|name| entry::values(&found, name)).collect();
        // Who is in the group cannot be told then from who is not.
        if values.is_empty() {
            return Err(Trouble::Refused(format!("{group} has no members that can be read")));
        }
        for value in values {
            let Ok(dn) = std::str::from_utf8(value) else { continue };
            let member = hash(dn);
            members.insert(member);
            // Each is read once, however they are nested.
            to_read.extend(nested.remove(&member).map(|dn| (dn, depth + 1)));
        }
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

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

    /// The longest that a lookup and a change took while `work` was done.
    fn longest_waits(content: &Content, work: impl FnOnce()) -> (Duration, Duration) {
        let ended = AtomicBool::new(false);
        let number = NumberingPlan::read_e164("+46760000001").expect("a number");
        let longest = |ask: &dyn Fn()| {
            let mut longest = Duration::ZERO;
            while !ended.load(Ordering::Relaxed) {
                let asked = Instant::now();
                ask();
                longest = longest.max(asked.elapsed());
                std::thread::sleep(Duration::from_micros(100));
            }
            longest
        };
        std::thread::scope(|scope| {
            let looking = scope.spawn(|| {
                longest(&|| {
                    assert_eq!(content.look(0, |table| table.find(&number, 2)).0.len(), 1);
                })
            });
            let changing =
                scope.spawn(|| longest(&|| content.change(0, |table| table.see(&[0; 16]))));
            work();
            ended.store(true, Ordering::Relaxed);
            (looking.join().expect("no panic"), changing.join().expect("no panic"))
        })
    }

    #[test]
    fn nobody_waits_while_it_is_noted_who_may() {
        // A million take some minutes to put in without optimisation.
        let people = std::env::var("DIALPASS_INDEX_PEOPLE").ok();
        let people = people.and_then(|text| text.parse().ok()).unwrap_or(60_000);
        let content = content(people);
        let may = |_: &Key, dn: &str| dn.to_lowercase().ends_with("dc=com");
        let at_once = longest_waits(&content, || {
            content.change(0, |table| {
                let mut from = 0;
                while let Some(part) = table.judge(from, may) {
                    from = part.next();
                }
            });
        });
        let in_parts = longest_waits(&content, || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let noted = runtime.expect("a runtime").block_on(allow(&content, 0, &may));
            assert_eq!(noted as u64, people);
        });
        println!("{people} people, longest waits of a lookup and of a change:");
        println!("under one lock {at_once:?}, in parts {in_parts:?}");
        let (before, after) = (at_once.0.max(at_once.1), in_parts.0.max(in_parts.1));
        assert!(after * 3 < before, "{after:?} in parts, {before:?} at once");
    }
}
