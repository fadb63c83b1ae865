//! The queries that the watch sends to its server: reads of entries that must exist, and searches
//! like those of calls and logins.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ldap3::Scope;
use tokio::time::Instant;

use super::filter::{self, A_GROUP};
use super::judgement::Kind;
use super::search::Query;
use super::settings::{LdapSettings, Lookup, Profile};
use crate::domain::stored_number::NumberingPlan;

/// Interval between test searches on a working server.
const SEARCH_WORKING: Duration = Duration::from_mins(1);
/// The pause after a test search is at least this many times its duration, so that a server that
/// scans every entry for it is not kept busy. While the server works, and while it does not.
const PAUSES: [u32; 2] = [20, 5];

/// An unassigned number, reserved for fiction (NANPA, 555-0100 to 555-0199).
const UNASSIGNED_NUMBER: &str = "+12025550199";
/// A name that no user has, short enough for any directory.
const UNUSED_NAME: &str = "dialpass-nobody";

/// What is wrong if none of the [`proofs`] finds an entry.
pub(super) const NO_PROOF: &str = "the service account cannot see any user's memberOf, so \
     excluded_group would exclude no one; let it read memberOf of all users";

/// The queries that the watch sends to its server.
pub(super) struct Probes {
    /// Entries that must exist: the base DNs and the groups.
    pub(super) base_reads: Vec<Query>,
    /// At least one of these must find an entry.
    pub(super) proofs: Vec<Query>,
    /// Searches as calls and logins make them, for a user that does not exist.
    pub(super) searches: Vec<Query>,
    searched: Mutex<Searched>,
}

/// The last test search.
pub(super) struct Searched {
    pub(super) ended: Instant,
    pub(super) took: Duration,
    /// Whether a search was rejected since.
    pub(super) doubted: bool,
    /// Consecutive test searches without an answer, although the reads before them were answered.
    pub(super) unanswered: u32,
}

impl Probes {
    pub(super) fn new(settings: &LdapSettings) -> Self {
        let searched =
            Searched { ended: Instant::now(), took: Duration::ZERO, doubted: true, unanswered: 0 };
        Self {
            base_reads: base_reads(settings),
            proofs: proofs(settings),
            searches: searches(settings),
            searched: Mutex::new(searched),
        }
    }

    /// Reads or changes the record of the last test search.
    pub(super) fn searched<T>(&self, with: impl FnOnce(&mut Searched) -> T) -> T {
        with(&mut self.searched.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes that a caller's search was rejected.
    pub(super) fn doubt(&self) {
        self.searched(|searched| searched.doubted = true);
    }

    /// Whether the next test search is due.
    pub(super) fn is_due(&self, working: bool) -> bool {
        self.searched(|searched| {
            let pause = match (working, searched.doubted) {
                (true, false) => SEARCH_WORKING.max(searched.took * PAUSES[0]),
                // One silence does not mean that the server scans every entry.
                (true, true) | (false, _) if searched.unanswered == 1 => Duration::ZERO,
                (true, true) | (false, _) => searched.took * PAUSES[1],
            };
            searched.ended.elapsed() >= pause
        })
    }
}

/// Reads of entries that must exist: the base DNs, and the groups with their base.
pub(super) fn base_reads(settings: &LdapSettings) -> Vec<Query> {
    let anything = "(objectClass=*)";
    let group = match settings.profile {
        Profile::ActiveDirectory => A_GROUP,
        Profile::OpenLdap | Profile::Dirsrv => anything,
    };
    let places = settings.base_dns.iter().chain(&settings.group_base_dn);
    let groups = settings.required_group.iter().chain(&settings.excluded_group);
    let all = places.map(|dn| (dn, anything)).chain(groups.map(|dn| (dn, group)));
    all.map(|(dn, filter)| query(settings, dn, Kind::Entry, filter.to_owned())).collect()
}

/// What is wrong if such a read finds nothing, for an operator.
pub(super) fn absence(read: &Query) -> String {
    format!("{} does not exist as {}; check the groups", read.base, read.filter)
}

/// Searches for any user with visible groups. If memberships are hidden, Active Directory treats
/// every user as outside the excluded group.
pub(super) fn proofs(settings: &LdapSettings) -> Vec<Query> {
    let hidden_excludes_no_one =
        settings.profile == Profile::ActiveDirectory && settings.excluded_group.is_some();
    let filter = format!("(&{}(memberOf=*))", settings.user_filter);
    let bases = settings.base_dns.iter().filter(|_| hidden_excludes_no_one);
    bases.map(|base| query(settings, base, Kind::Having(&["memberOf"]), filter.clone())).collect()
}

/// The searches of calls and logins, for a user that does not exist. If calls are answered from the
/// index, a server that cannot be searched by number still counts as working.
pub(super) fn searches(settings: &LdapSettings) -> Vec<Query> {
    let mut filters = Vec::new();
    if settings.lookup == Lookup::Search {
        let number = NumberingPlan::read_e164(UNASSIGNED_NUMBER).expect("it is a number");
        let filter = filter::by_number(settings, &number);
        filters.push((Kind::Number, filter));
    }
    let name = filter::by_value(&settings.user_filter, &settings.username_attribute, UNUSED_NAME);
    filters.push((Kind::Name, name));
    let at = |base: &String| -> Vec<Query> {
        let search = |(kind, filter): &(Kind, String)| query(settings, base, *kind, filter.clone());
        filters.iter().map(search).collect()
    };
    settings.base_dns.iter().flat_map(at).collect()
}

/// A query that returns no attributes (RFC 4511 4.5.1.8).
fn query(settings: &LdapSettings, base: &str, kind: Kind, filter: String) -> Query {
    Query {
        base: base.to_owned(),
        scope: if kind == Kind::Entry { Scope::Base } else { Scope::Subtree },
        filter,
        attributes: Arc::from(["1.1".to_owned()]),
        size_limit: if matches!(kind, Kind::Number | Kind::Name) { settings.size_limit } else { 1 },
        time_limit: settings.time_limit(),
        kind,
        gone_is_empty: false,
    }
}
