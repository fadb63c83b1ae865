//! Checks that the service account can still read the index's source data. An answer from the
//! server proves nothing: rights may be lost and changes missed silently. So the bases are read,
//! and a few people at a time are compared with the index.

use std::collections::{HashMap, HashSet};

use futures_util::future::join_all;
use ldap3::{Ldap, ResultEntry, Scope, SearchEntry};

use super::content::Content;
use super::record::{Key, Person};
use super::state::SyncFailure;
use super::{paging, person};

/// Number of people read at a time.
const SAMPLE: usize = 8;
/// Consecutive contradictions about a person before the index counts as stale: a change may be on
/// its way.
const TIMES: u32 = 3;
/// Maximum number of people to check again because of a doubt.
pub(super) const MOST_DOUBTS: usize = 32;

/// The keys of the bases' entries.
#[derive(Default)]
pub(super) struct Bases {
    ids: Vec<Option<Key>>,
}

impl Bases {
    /// Reads each base.
    pub(super) async fn read(&mut self, ldap: &Ldap, content: &Content) -> Result<(), SyncFailure> {
        let settings = &content.settings;
        self.ids.resize(settings.base_dns.len(), None);
        for (base, known) in settings.base_dns.iter().zip(&mut self.ids) {
            let attributes = [person::key_attribute(settings).to_owned()];
            let entry = entry(ldap, base, "(objectClass=*)", &attributes).await?;
            let Some(entry) = entry else { return Err(paging::refused(NO_SUCH_OBJECT, base)) };
            let id = person::key(&entry, settings);
            if std::mem::replace(known, id).is_some_and(|known| id != Some(known)) {
                return Err(SyncFailure::Missed(format!("{base} is a different entry now")));
            }
        }
        Ok(())
    }
}

/// Which people to read next, and whom the directory contradicted.
#[derive(Default)]
pub(super) struct Sample {
    from: Vec<u32>,
    doubts: HashMap<(usize, Key), u32>,
}

impl Sample {
    /// Reads some people and compares them with the index.
    pub(super) async fn read(&mut self, ldap: &Ldap, content: &Content) -> Result<(), SyncFailure> {
        let people = self.next(content);
        let in_step = content.state().is_live();
        let reads = people.iter().map(|(_, key, dn)| one(ldap, content, *key, dn));
        let mut doubts = HashMap::new();
        for ((base, key, _), read) in people.iter().zip(join_all(reads).await) {
            let read = read?;
            if content.change(*base, |table| table.agrees(&read)) {
                continue;
            }
            let times = self.doubts.get(&(*base, *key)).copied().unwrap_or_default() + 1;
            doubts.insert((*base, *key), times);
        }
        self.doubts = doubts;
        if in_step && self.doubts.values().any(|times| *times >= TIMES) {
            self.doubts.clear();
            return Err(SyncFailure::Missed(
                "the directory contradicts the index about people".to_owned(),
            ));
        }
        Ok(())
    }

    /// The people to read now: those in doubt, and the next ones of each base.
    fn next(&mut self, content: &Content) -> Vec<(usize, Key, String)> {
        let mut called: HashSet<(usize, Key)> = content.doubts().drain().collect();
        called.extend(self.doubts.keys().copied());
        self.from.resize(content.tables.len(), 0);
        let mut people = Vec::new();
        for (base, from) in self.from.iter_mut().enumerate() {
            let (some, next) = content.look(base, |table| table.sample(*from, SAMPLE));
            *from = next;
            for key in some.into_iter().filter(|key| !called.contains(&(base, *key))) {
                people.push((base, key));
            }
        }
        people.extend(called);
        let with_dn = |(base, key): (usize, Key)| {
            let dn = content.look(base, |table| table.dn(&key))?;
            Some((base, key, dn))
        };
        people.into_iter().filter_map(with_dn).collect()
    }
}

const NO_SUCH_OBJECT: u32 = 32;

/// Reads one person from the directory.
async fn one(ldap: &Ldap, content: &Content, key: Key, dn: &str) -> Result<Person, SyncFailure> {
    let settings = &content.settings;
    let filter = person::filter(&key, settings);
    match entry(ldap, dn, &filter, &content.attributes).await? {
        Some(entry) => {
            paging::key(&entry, settings)?;
            Ok(person::read(key, &entry, settings))
        }
        None => Ok(Person { key, user: None, numbers: Vec::new() }),
    }
}

/// The entry at a DN; `None` if it does not exist or does not match.
async fn entry(
    ldap: &Ldap,
    dn: &str,
    filter: &str,
    attributes: &[String],
) -> Result<Option<SearchEntry>, SyncFailure> {
    let mut ldap = ldap.clone();
    let answer = ldap.search(dn, Scope::Base, filter, attributes).await.map_err(paging::lost)?;
    match answer.1.rc {
        0 | NO_SUCH_OBJECT => {
            let is_entry = |entry: &ResultEntry| !entry.is_ref() && !entry.is_intermediate();
            Ok(answer.0.into_iter().find(is_entry).map(SearchEntry::construct))
        }
        code => Err(paging::refused(code, dn)),
    }
}
