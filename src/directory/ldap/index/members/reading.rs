//! Reads the tenant's groups once over the index's own connection, to find the people who are
//! certainly allowed to use the gateway. How the result is recorded, and for how long it is valid,
//! is decided elsewhere.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use ldap3::{Ldap, Scope, SearchEntry, SearchOptions};
use tokio::time::timeout;

use super::judging::allow;
use crate::directory::ldap::descent::{self, Nested, Reader, Stop};
use crate::directory::ldap::index::content::Content;
use crate::directory::ldap::index::paging::{self, Everything};
use crate::directory::ldap::index::person;
use crate::directory::ldap::index::record::Key;
use crate::directory::ldap::index::state::SyncFailure;
use crate::directory::ldap::search::{Query, is_aside};
use crate::directory::ldap::settings::Profile;
use crate::directory::ldap::{dn, groups, probes};

/// Reads the groups, and records for every person whether they are allowed. Returns how many are.
pub(super) async fn read(ldap: &Ldap, content: &Content) -> Result<usize, SyncFailure> {
    match content.settings.profile {
        Profile::ActiveDirectory => by_chain(ldap, content).await,
        Profile::OpenLdap | Profile::Dirsrv => by_members(ldap, content).await,
    }
}

/// Fails if a required entry is missing: an excluded group that is gone would exclude no one.
pub(super) async fn present(ldap: &Ldap, content: &Content) -> Result<(), SyncFailure> {
    let reader = ConnectionReader { ldap };
    let is_there = async |read: &Query| {
        reader.first(&read.base, read.scope, &read.filter, &["1.1"]).await.map(|one| one.is_some())
    };
    for read in probes::base_reads(&content.settings) {
        if !is_there(&read).await? {
            return Err(SyncFailure::Refused(probes::absence(&read)));
        }
    }
    let proofs = probes::proofs(&content.settings);
    for proof in &proofs {
        if is_there(proof).await? {
            return Ok(());
        }
    }
    if proofs.is_empty() { Ok(()) } else { Err(SyncFailure::Refused(probes::NO_PROOF.to_owned())) }
}

/// For Active Directory, which resolves nested groups itself.
async fn by_chain(ldap: &Ldap, content: &Content) -> Result<usize, SyncFailure> {
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
        // The group may have been renamed during the reading.
        present(ldap, content).await?;
        members += allow(content, base, &|key, _| allowed.contains(key)).await;
    }
    Ok(members)
}

/// For other servers: walks down from each group to its members, and theirs. One DN can be written
/// in several ways, so only people who are certainly in the required group and certainly not in the
/// excluded one are allowed; for anyone else each call asks the server.
async fn by_members(ldap: &Ldap, content: &Content) -> Result<usize, SyncFailure> {
    let settings = &content.settings;
    let hasher = RandomState::new();
    let sure = |dn: &str| hasher.hash_one(dn::sure(dn));
    let coarse = |dn: &str| dn::coarse(dn).map(|form| hasher.hash_one(form));
    let required = match &settings.required_group {
        Some(group) => {
            let groups = sibling_groups(ldap, content, group).await?;
            let mut members = HashSet::new();
            let met = |dn: &str| {
                members.insert(sure(dn));
            };
            closure(ldap, content, group, &Nested::Among(&groups), met).await?;
            Some(members)
        }
        None => None,
    };
    let excluded = match &settings.excluded_group {
        Some(group) => {
            let (mut members, mut unread) = (HashSet::new(), None);
            let met = |dn: &str| match coarse(dn) {
                Some(form) => {
                    members.insert(form);
                }
                None => unread = Some(dn.to_owned()),
            };
            closure(ldap, content, group, &Nested::Everywhere, met).await?;
            if let Some(dn) = unread {
                return Err(SyncFailure::Refused(format!(
                    "the member {dn} of {group} cannot be identified; remove it from the group"
                )));
            }
            Some(members)
        }
        None => None,
    };
    let may = |_: &Key, dn: &str| {
        required.as_ref().is_none_or(|set| set.contains(&sure(dn)))
            && excluded
                .as_ref()
                .is_none_or(|set| coarse(dn).is_some_and(|form| !set.contains(&form)))
    };
    let mut members = 0;
    for base in 0..content.tables.len() {
        members += allow(content, base, &may).await;
    }
    Ok(members)
}

/// The coarse forms of all groups that `group` may have as members.
async fn sibling_groups(
    ldap: &Ldap,
    content: &Content,
    group: &str,
) -> Result<HashSet<String>, SyncFailure> {
    let mut forms = HashSet::new();
    let what = Everything {
        base: groups::groups_base(&content.settings, group),
        filter: "(|(member=*)(uniqueMember=*))",
        attributes: &["1.1".to_owned()],
        controls: Vec::new(),
    };
    paging::read(ldap.clone(), &what, |entry| {
        forms.extend(dn::coarse(&SearchEntry::construct(entry).dn));
        Ok(())
    })
    .await?;
    Ok(forms)
}

/// Passes all members of a group, direct or nested, to `met`.
async fn closure(
    ldap: &Ldap,
    content: &Content,
    group: &str,
    nested: &Nested<'_>,
    met: impl FnMut(&str) + Send,
) -> Result<(), SyncFailure> {
    let reader = ConnectionReader { ldap };
    descent::descend(&reader, &content.settings, group, nested, met).await.map_err(
        |stop| match stop {
            Stop::Failed(failure) => failure,
            Stop::Hidden(of) => SyncFailure::Refused(format!(
                "{of}, a member of {group}, is missing or its members cannot be read; remove it, or let \
                 the service account read it"
            )),
            Stop::TooDeep => SyncFailure::Refused(format!(
                "groups are nested more than {} deep in {group}",
                groups::MOST_LEVELS
            )),
        },
    )
}

/// Reads over the index's connection.
struct ConnectionReader<'a> {
    ldap: &'a Ldap,
}

impl Reader for ConnectionReader<'_> {
    type Error = SyncFailure;

    async fn first(
        &self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &'static [&'static str],
    ) -> Result<Option<SearchEntry>, SyncFailure> {
        let mut ldap = self.ldap.clone();
        let question = ldap
            .with_search_options(SearchOptions::new().sizelimit(1))
            .search(base, scope, filter, attributes);
        let answer = timeout(paging::LONGEST_WAIT, question).await.map_err(paging::silent)?;
        let answer = answer.map_err(paging::lost)?;
        match answer.1.rc {
            // Success, more than one entry, and no such object.
            0 | 4 | 32 => {
                let found = answer.0.into_iter().find(|entry| !is_aside(entry));
                Ok(found.map(SearchEntry::construct))
            }
            code @ (1 | 51 | 52 | 80) => Err(paging::refused(code, base)),
            code => {
                Err(SyncFailure::Refused(format!("{base} cannot be read (result code {code})")))
            }
        }
    }
}
