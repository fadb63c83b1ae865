//! Keeps the people of all bases by polling: a domain controller for changes every few seconds; 389
//! Directory Server, which does not number its changes, by a full read at intervals.
//!
//! A domain controller gives each changed entry its next update sequence number ([MS-ADTS]
//! 3.1.1.1.9). The numbers are the controller's own: those of another controller, or of one
//! restored from a backup, mean nothing. Deleted entries keep a number for a while, if the service
//! account may see them.

use std::collections::HashSet;

use ldap3::controls::RawControl;
use ldap3::{Ldap, ResultEntry, Scope, SearchEntry, SearchOptions};
use tokio::time::{Duration, Instant, sleep};

use super::content::Content;
use super::paging::{self, Everything};
use super::person;
use super::proof::Sample;
use super::record::Key;
use super::state::SyncFailure;
use super::table::Table;
use crate::directory::ldap::changes::{self, show_deleted};
use crate::directory::ldap::values::values;

/// Longest pause between full reads, or between sweeps of all ids if deleted entries cannot be
/// seen.
const LONGEST_PAUSE: Duration = Duration::from_mins(3);
/// Length of that pause in multiples of the read's duration, up to the limit above.
const PAUSES: u32 = 20;

/// Interval between sample checks of a few people.
const SAMPLE_AGAIN: Duration = Duration::from_secs(1);

/// How far the content is known.
#[derive(Default)]
pub(super) struct Memory {
    known: Option<Known>,
    sample: Sample,
}

struct Known {
    /// The controller, and the incarnation of its database.
    controller: String,
    /// The last of its changes that is known.
    usn: u64,
}

/// The controller's current state.
struct Present {
    controller: String,
    usn: u64,
    /// The naming contexts that hold the bases.
    contexts: Vec<String>,
}

/// Keeps all people until the connection ends; returns the reason.
pub(super) async fn keep(ldap: Ldap, content: &Content, memory: &mut Memory) -> SyncFailure {
    match poll(ldap, content, memory).await {
        Ok(never) => match never {},
        Err(failure) => failure,
    }
}

/// Keeps all people by repeated full reads; returns why that ended.
pub(super) async fn keep_by_reading(ldap: Ldap, content: &Content) -> SyncFailure {
    loop {
        let asked = Instant::now();
        if let Err(failure) = read_all(&ldap, content).await {
            return failure;
        }
        let pause = pause_after(asked.elapsed(), content);
        for base in 0..content.tables.len() {
            content.completed(base, asked);
        }
        content.state().confirm(asked);
        sleep(pause).await;
    }
}

/// How long to leave a server alone after a full read.
fn pause_after(reading: Duration, content: &Content) -> Duration {
    let pause = (reading * PAUSES).clamp(content.how.poll.min(LONGEST_PAUSE), LONGEST_PAUSE);
    // The next read must come before the index is too old.
    pause.min(content.how.max_age / 2)
}

async fn poll(
    ldap: Ldap,
    content: &Content,
    memory: &mut Memory,
) -> Result<std::convert::Infallible, SyncFailure> {
    let mut sweep_at = Instant::now();
    let mut sampled: Option<Instant> = None;
    loop {
        let asked = Instant::now();
        let present = present(&ldap, content).await?;
        let since = memory
            .known
            .as_ref()
            .filter(|known| known.controller == present.controller && known.usn <= present.usn);
        let moved = match since {
            Some(known) if known.usn < present.usn => {
                changes(&ldap, content, known.usn, &present).await?
            }
            Some(_) => false,
            None => true,
        };
        if moved {
            memory.known = None;
            read_all(&ldap, content).await?;
        }
        // The right to see deleted entries may be revoked at any time.
        if asked >= sweep_at {
            let started = Instant::now();
            let sees_deleted = sees_all_deleted(&ldap, &present.contexts).await?;
            if !sees_deleted {
                content.state().blind();
                sweep(&ldap, content).await?;
            }
            sweep_at = started + pause_after(started.elapsed(), content);
        }
        memory.known = Some(Known { controller: present.controller, usn: present.usn });
        if sampled.is_none_or(|sampled| sampled.elapsed() >= SAMPLE_AGAIN) {
            sampled = Some(Instant::now());
            memory.sample.read(&ldap, content).await?;
        }
        for base in 0..content.tables.len() {
            content.completed(base, asked);
        }
        content.state().confirm(asked);
        sleep(content.how.poll.min(content.how.max_age / 2)).await;
    }
}

/// Reads the controller's current state before anything else: any later change has a higher number.
async fn present(ldap: &Ldap, content: &Content) -> Result<Present, SyncFailure> {
    let root =
        read(ldap, "", &["dsServiceName", "highestCommittedUSN", "namingContexts"], Vec::new())
            .await?
            .ok_or_else(|| {
                SyncFailure::Refused("the server's root entry cannot be read".to_owned())
            })?;
    let one = |name: &str| texts(&root, name).into_iter().next();
    let usn = one("highestCommittedUSN").and_then(|text| text.parse().ok());
    let (Some(service), Some(usn)) = (one("dsServiceName"), usn) else {
        return Err(SyncFailure::Refused(
            "the server shows no dsServiceName and highestCommittedUSN, so it is not a domain \
             controller; check profile"
                .to_owned(),
        ));
    };
    // A restored database has another id, if the account may read it.
    let life = read(ldap, &service, &["invocationId"], Vec::new()).await?;
    let life = life.map(|entry| values(&entry, "invocationId").concat()).unwrap_or_default();
    let all = texts(&root, "namingContexts");
    let mut contexts: Vec<String> =
        content.settings.base_dns.iter().map(|base| context(base, &all)).collect();
    contexts.sort_unstable();
    contexts.dedup();
    Ok(Present { controller: format!("{service} {}", hex::encode(life)), usn, contexts })
}

/// The naming context that holds a base, or the base itself if none is listed.
fn context(base: &str, contexts: &[String]) -> String {
    changes::context(base, contexts).unwrap_or(base).to_owned()
}

/// Reads all people again.
async fn read_all(ldap: &Ldap, content: &Content) -> Result<(), SyncFailure> {
    let started = Instant::now();
    for base in 0..content.tables.len() {
        content.change(base, Table::begin);
        read_people(ldap, content, base, &content.settings.user_filter, |_| {}).await?;
        content.sweep(base);
    }
    content.has_read(started);
    Ok(())
}

/// Reads the matching people below one base, and returns their keys.
async fn read_people(
    ldap: &Ldap,
    content: &Content,
    base: usize,
    filter: &str,
    mut met: impl FnMut(Key),
) -> Result<(), SyncFailure> {
    let what = Everything {
        base: &content.settings.base_dns[base],
        filter,
        attributes: &content.attributes,
        controls: Vec::new(),
    };
    paging::read(ldap.clone(), &what, |entry| {
        let entry = SearchEntry::construct(entry);
        let key = paging::key(&entry, &content.settings)?;
        content.put(base, key, &entry);
        met(key);
        Ok(())
    })
    .await
}

/// Reads the changes after `since`, up to the present. Returns whether people may have moved unseen
/// because an entry above them did.
async fn changes(
    ldap: &Ldap,
    content: &Content,
    since: u64,
    present: &Present,
) -> Result<bool, SyncFailure> {
    let settings = &content.settings;
    let from = since + 1;
    let filter = format!("(&{}(uSNChanged>={from}))", settings.user_filter);
    let mut there: Vec<HashSet<Key>> = vec![HashSet::new(); content.tables.len()];
    for (base, there) in there.iter_mut().enumerate() {
        read_people(ldap, content, base, &filter, |key| {
            there.insert(key);
        })
        .await?;
    }
    // An entry that changes between the two queries has a higher number and is left for the next
    // poll, so an entry that only the second query returns is certainly no longer a person.
    let filter = format!("(&(uSNChanged>={from})(uSNChanged<={}))", present.usn);
    let mut moved = false;
    for base in &present.contexts {
        let what = Everything {
            base,
            filter: &filter,
            attributes: &[person::key_attribute(settings), "objectClass"].map(str::to_owned),
            controls: show_deleted(),
        };
        paging::read(ldap.clone(), &what, |entry| {
            let entry = SearchEntry::construct(entry);
            moved |= texts(&entry, "objectClass").iter().any(|class| {
                ["organizationalUnit", "container"]
                    .iter()
                    .any(|one| class.eq_ignore_ascii_case(one))
            });
            // An entry without a readable id was never in the index.
            if let Some(key) = person::key(&entry, settings) {
                for (base, there) in there.iter().enumerate() {
                    if !there.contains(&key) {
                        content.change(base, |table| table.remove(&key));
                    }
                }
            }
            Ok(())
        })
        .await?;
    }
    Ok(moved)
}

/// Reads all ids, and removes the people who are gone.
async fn sweep(ldap: &Ldap, content: &Content) -> Result<(), SyncFailure> {
    for (base, dn) in content.settings.base_dns.iter().enumerate() {
        let what = Everything {
            base: dn,
            filter: &content.settings.user_filter,
            attributes: &[
                person::key_attribute(&content.settings).to_owned(),
                changes::attribute(content.settings.profile).to_owned(),
            ],
            controls: Vec::new(),
        };
        content.change(base, Table::begin);
        paging::read(ldap.clone(), &what, |entry| {
            let key = paging::key(&SearchEntry::construct(entry), &content.settings)?;
            content.change(base, |table| table.see(&key));
            Ok(())
        })
        .await?;
        content.sweep(base);
    }
    Ok(())
}

/// Whether the service account sees deleted entries everywhere. It has to find one, because hidden
/// entries are left out silently.
async fn sees_all_deleted(ldap: &Ldap, contexts: &[String]) -> Result<bool, SyncFailure> {
    for context in contexts {
        let container = changes::deleted_objects(context);
        let mut ldap = ldap.clone();
        let answer = ldap
            .with_controls(show_deleted())
            .with_search_options(SearchOptions::new().sizelimit(1))
            .search(&container, Scope::OneLevel, "(isDeleted=TRUE)", ["1.1"])
            .await
            .map_err(paging::lost)?;
        if answer.0.iter().all(ResultEntry::is_ref) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads one entry; `None` if it does not exist or the service account may not see it.
async fn read(
    ldap: &Ldap,
    dn: &str,
    attributes: &[&str],
    controls: Vec<RawControl>,
) -> Result<Option<SearchEntry>, SyncFailure> {
    let mut ldap = ldap.clone();
    let answer = ldap
        .with_controls(controls)
        .search(dn, Scope::Base, "(objectClass=*)", attributes)
        .await
        .map_err(paging::lost)?;
    Ok(answer.0.into_iter().find(|entry| !entry.is_ref()).map(SearchEntry::construct))
}

fn texts(entry: &SearchEntry, attribute: &str) -> Vec<String> {
    let values = values(entry, attribute).into_iter();
    values.filter_map(|value| String::from_utf8(value.to_vec()).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_in_the_longest_naming_context_that_it_ends_with() {
        let contexts = ["DC=lab,DC=org", "DC=sub,DC=lab,DC=org", "CN=Schema,DC=lab,DC=org"];
        let contexts = contexts.map(str::to_owned);
        for (base, of) in [
            ("ou=x,dc=lab,dc=org", "DC=lab,DC=org"),
            ("dc=sub,dc=lab,dc=org", "DC=sub,DC=lab,DC=org"),
            ("OU=y,DC=SUB,DC=lab,DC=org", "DC=sub,DC=lab,DC=org"),
            ("dc=xsub,dc=lab,dc=org", "DC=lab,DC=org"),
            ("dc=other", "dc=other"),
        ] {
            assert_eq!(context(base, &contexts), of, "{base}");
        }
    }
}
