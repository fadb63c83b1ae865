//! Watches one server: reads the base DNs and groups, and searches as calls and logins do. A server
//! that would refuse them is found before a caller meets it, and is used again once it is mended.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ldap3::Scope;
use tokio::time::{Instant, sleep};

use super::bind_pool::LONGEST_IDLE;
use super::filter;
use super::groups;
use super::judgement::Kind;
use super::search::{Found, Query, SearchFailure, SharedConnection};
use super::server::{Server, time_limit};
use super::settings::{LdapSettings, Lookup, Profile};
use crate::breaker::Trouble;
use crate::domain::stored_number::NumberingPlan;

/// Pause between probes after a failed one.
const PROBE_AGAIN: Duration = Duration::from_secs(1);
/// Probe interval for a working server, short enough to notice an idle connection that was cut
/// before a caller needs it.
const PROBE_WORKING: Duration = Duration::from_secs(5);
/// Longest wait for a probe's answer.
const LONGEST_PROBE: Duration = Duration::from_secs(4);
/// Interval between test searches on a working server.
const SEARCH_WORKING: Duration = Duration::from_mins(1);
/// The pause after a test search is at least this many times its duration, so that a server that
/// scans every entry for it is not kept busy. While the server works, and while it does not.
const PAUSES: [u32; 2] = [20, 5];

/// An unassigned number, reserved for fiction (NANPA, 555-0100 to 555-0199).
const NOBODYS_NUMBER: &str = "+12025550199";
/// A name that no user has, short enough for any directory.
const NOBODYS_NAME: &str = "dialpass-nobody";

/// What is wrong if none of the [`proofs`] finds an entry.
pub(super) const NO_PROOF: &str = "the service account sees nobody's memberOf, so that \
     excluded_group would exclude nobody; let it read memberOf of everybody";

/// The queries that the watch sends to its server.
pub(super) struct Probes {
    /// Entries that must exist: the base DNs and the groups.
    base_reads: Vec<Query>,
    /// At least one of these must find an entry.
    proofs: Vec<Query>,
    /// Searches as calls and logins make them, for a user that does not exist.
    searches: Vec<Query>,
    searched: Mutex<Searched>,
}

/// The last test search.
struct Searched {
    ended: Instant,
    took: Duration,
    /// Whether a search was rejected since.
    doubted: bool,
    /// Consecutive test searches without an answer, although the reads before them were answered.
    unanswered: u32,
}

/// What a test search found wrong with a server.
enum Unsound {
    /// The connection attempt has already reported it.
    Known,
    /// No answer within the time a call has.
    Unanswered(Trouble),
    /// The server reported it.
    Trouble(Trouble),
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

    fn searched<T>(&self, with: impl FnOnce(&mut Searched) -> T) -> T {
        with(&mut self.searched.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes that a caller's search was rejected.
    pub(super) fn doubt(&self) {
        self.searched(|searched| searched.doubted = true);
    }

    /// Whether the next test search is due.
    fn is_due(&self, working: bool) -> bool {
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

impl Server {
    /// Probes the server as long as the directory exists: at once when it goes down or becomes
    /// slow, then every second until it recovers, and at intervals while it works.
    pub(super) async fn watch(self: Arc<Self>) {
        loop {
            if self.breaker.is_down() {
                self.searches.iter().for_each(|shared| shared.forget());
                self.binds.retain(|_, _| false);
            }
            self.probe().await;
            self.binds.retain(|bind, used| bind.is_usable() && used.last_used() < LONGEST_IDLE);
            let well = self.breaker.is_up() && !self.is_slow();
            let pause = if well { PROBE_WORKING } else { PROBE_AGAIN };
            tokio::select! {
                () = self.breaker.went_down() => {}
                () = self.pace.became_slow() => {}
                () = self.look.notified() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Connects, binds and reads the required entries over each of the shared search connections,
    /// then searches.
    async fn probe(&self) {
        let begun = self.breaker.epoch();
        let limit = Instant::now() + self.settings.timeout.min(LONGEST_PROBE);
        for shared in &self.searches {
            for read in &self.probes.base_reads {
                let trouble = match self.probe_once(shared, read, limit).await {
                    Ok(true) => continue,
                    Ok(false) => Some(Trouble::lasting(absence(read))),
                    Err(failure) => self.trouble(failure, &read.base),
                };
                if let Some(trouble) = trouble {
                    self.breaker.failed(begun, trouble);
                }
                return;
            }
        }
        if let Some(trouble) = self.without_proof(limit).await {
            self.breaker.failed(begun, trouble);
            return;
        }
        if self.probes.is_due(self.breaker.is_up()) {
            match self.search_for_nobody().await {
                Ok(()) => self.breaker.recovered(begun, self.name()),
                Err(Unsound::Trouble(trouble)) => self.breaker.failed(begun, trouble),
                // While the server is up, a call that waits as long decides whether it is down.
                Err(Unsound::Unanswered(trouble)) if self.breaker.is_down() => {
                    self.breaker.failed(begun, trouble);
                }
                Err(Unsound::Unanswered(_) | Unsound::Known) => {}
            }
        }
    }

    /// Searches as calls and logins do.
    async fn search_for_nobody(&self) -> Result<(), Unsound> {
        // The same time limit as a call, so that the probe fails nothing that a call would get.
        let (asked, limit) = (Instant::now(), Instant::now() + self.settings.timeout);
        // Cleared before the search: a doubt raised while the answer is on its way stays.
        self.probes.searched(|searched| searched.doubted = false);
        let outcome = self.all_searches(limit).await;
        self.probes.searched(|searched| {
            let unanswered = match outcome {
                Err(Unsound::Unanswered(_)) => searched.unanswered + 1,
                Ok(()) | Err(Unsound::Known | Unsound::Trouble(_)) => 0,
            };
            let (ended, took) = (Instant::now(), asked.elapsed());
            *searched = Searched { ended, took, unanswered, ..*searched };
        });
        outcome
    }

    async fn all_searches(&self, limit: Instant) -> Result<(), Unsound> {
        for search in &self.probes.searches {
            let outcome = self.answer(&self.searches[0], search, limit).await;
            self.note(search, &outcome);
            match outcome {
                Ok(_) => {}
                Err(SearchFailure::TimedOut) => {
                    return Err(Unsound::Unanswered(Trouble::passing(format!(
                        "no answer within {:?} to a search as {}: have the server index {}",
                        self.settings.timeout,
                        if search.kind == Kind::Number {
                            "calls make it"
                        } else {
                            "logins make it"
                        },
                        search.kind.attributes(&self.settings).join(", "),
                    ))));
                }
                Err(failure) => {
                    let trouble = self.trouble(failure, &search.base);
                    return Err(trouble.map_or(Unsound::Known, Unsound::Trouble));
                }
            }
        }
        Ok(())
    }

    /// What is wrong if none of the proofs finds an entry.
    async fn without_proof(&self, limit: Instant) -> Option<Trouble> {
        for proof in &self.probes.proofs {
            match self.probe_once(&self.searches[0], proof, limit).await {
                Ok(true) => return None,
                Ok(false) => {}
                Err(failure) => return self.trouble(failure, &proof.base),
            }
        }
        (!self.probes.proofs.is_empty()).then(|| Trouble::lasting(NO_PROOF))
    }

    /// Whether a read finds any entry.
    async fn probe_once(
        &self,
        shared: &Arc<SharedConnection>,
        read: &Query,
        limit: Instant,
    ) -> Result<bool, SearchFailure> {
        let asked = Instant::now();
        self.answer(shared, read, limit).await.map(|found| {
            self.pace.probed(asked.elapsed());
            !found.entries.is_empty()
        })
    }

    /// The answer; asks once more if the connection turns out to be broken.
    async fn answer(
        &self,
        shared: &Arc<SharedConnection>,
        query: &Query,
        limit: Instant,
    ) -> Result<Found, SearchFailure> {
        match shared.probe(query, limit).await {
            Err(SearchFailure::Lost) => shared.probe(query, limit).await,
            outcome => outcome,
        }
    }

    /// What a failed probe means for the server; `None` if it has been reported already.
    fn trouble(&self, failure: SearchFailure, base: &str) -> Option<Trouble> {
        match failure {
            // The connection attempt has reported the cause.
            SearchFailure::Down => None,
            SearchFailure::TimedOut | SearchFailure::Crowded => Some(self.silent()),
            SearchFailure::Lost => Some(Trouble::passing("connections break")),
            SearchFailure::Trouble(trouble) => Some(trouble),
            SearchFailure::Rejected(rejection) => {
                Some(Trouble::lasting(format!("{} (searching {base})", rejection.reason)))
            }
        }
    }
}

/// Reads of entries that must exist: the base DNs, and the groups with their base.
pub(super) fn base_reads(settings: &LdapSettings) -> Vec<Query> {
    let anything = "(objectClass=*)";
    let group = match settings.profile {
        Profile::ActiveDirectory => groups::A_GROUP,
        Profile::OpenLdap | Profile::Dirsrv => anything,
    };
    let places = settings.base_dns.iter().chain(&settings.group_base_dn);
    let groups = settings.required_group.iter().chain(&settings.excluded_group);
    let all = places.map(|dn| (dn, anything)).chain(groups.map(|dn| (dn, group)));
    all.map(|(dn, filter)| query(settings, dn, Kind::Entry, filter.to_owned())).collect()
}

/// What is wrong if such a read finds nothing, for an operator.
pub(super) fn absence(read: &Query) -> String {
    format!("{} is not there as {}; check the groups", read.base, read.filter)
}

/// Searches for any user with visible groups. If memberships are hidden, Active Directory treats
/// every user as outside the excluded group.
pub(super) fn proofs(settings: &LdapSettings) -> Vec<Query> {
    let hidden_excludes_nobody =
        settings.profile == Profile::ActiveDirectory && settings.excluded_group.is_some();
    let filter = format!("(&{}(memberOf=*))", settings.user_filter);
    let bases = settings.base_dns.iter().filter(|_| hidden_excludes_nobody);
    bases.map(|base| query(settings, base, Kind::Having(&["memberOf"]), filter.clone())).collect()
}

/// The searches of calls and logins, for a user that does not exist. If calls are answered from the
/// index, a server that cannot be searched by number still counts as working.
pub(super) fn searches(settings: &LdapSettings) -> Vec<Query> {
    let mut filters = Vec::new();
    if settings.lookup == Lookup::Search {
        let number = NumberingPlan::read_e164(NOBODYS_NUMBER).expect("it is a number");
        let filter = filter::by_number(
            &settings.user_filter,
            &settings.phone_attributes,
            &number,
            settings.plan,
            settings.number_match,
        );
        filters.push((Kind::Number, filter));
    }
    let name = filter::by_value(&settings.user_filter, &settings.username_attribute, NOBODYS_NAME);
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
        time_limit: time_limit(settings),
        kind,
        gone_is_empty: false,
    }
}
