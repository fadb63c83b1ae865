//! Wrong answers, planted: the judge finds each.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::oracle::{
    Answer, Asked, Bounds, EXCLUDED, Entry, Group, Groups, Member, Oracle, REQUIRED,
};

const BOUNDS: Bounds = Bounds { people: Duration::from_secs(5), groups: Duration::from_mins(1) };

#[expect(clippy::unnecessary_wraps, reason = "beside it stands that there is none")]
fn entry(id: usize, numbers: &[usize]) -> Option<Entry> {
    let numbers = numbers.iter().copied().collect();
    Some(Entry { dn: format!("uid={id}"), username: id.to_string(), numbers, enabled: true })
}

/// A history whose times are given in seconds.
struct Scenario {
    begun: Instant,
    oracle: Oracle,
}

impl Scenario {
    fn of(people: &[Option<Entry>]) -> Self {
        let mut oracle = Oracle::new(Groups { all: vec![Group::default(); 3], there: true });
        let begun = Instant::now();
        for (id, entry) in people.iter().enumerate() {
            oracle.person(begun, begun, id, entry.clone());
        }
        Self { begun, oracle }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.begun + Duration::from_secs(seconds)
    }

    fn becomes(&mut self, seconds: u64, id: usize, entry: Option<Entry>) {
        let at = self.at(seconds);
        self.oracle.person(at, at, id, entry);
    }

    fn asked(&self, seconds: u64, number: usize, grouped: bool, answer: &Answer) -> Option<u64> {
        let (begun, ended) = (self.at(seconds), self.at(seconds));
        let asked = Asked { number, begun, ended, grouped };
        self.oracle.staleness(&asked, answer, BOUNDS).map(|age| age.as_secs())
    }

    fn hears(&self, seconds: u64, number: usize, id: usize) -> Option<u64> {
        self.asked(seconds, number, false, &Answer::Code(id))
    }

    fn refused(&self, seconds: u64, number: usize, reason: &str) -> Option<u64> {
        self.asked(seconds, number, false, &Answer::Refused(reason.to_owned()))
    }
}

#[test]
fn a_number_that_went_to_somebody_else_is_the_old_owners_no_longer_than_the_bound() {
    let mut scenario = Scenario::of(&[entry(0, &[7]), entry(1, &[])]);
    assert_eq!(scenario.hears(10, 7, 0), Some(0));
    assert_eq!(scenario.hears(10, 7, 1), None, "somebody who never had it");
    scenario.becomes(20, 0, entry(0, &[]));
    scenario.becomes(20, 1, entry(1, &[7]));
    assert_eq!(scenario.hears(24, 7, 1), Some(0));
    assert_eq!(scenario.hears(24, 7, 0), Some(4));
    assert_eq!(scenario.hears(26, 7, 0), None);
    assert_eq!(scenario.hears(19, 7, 1), None, "what was not yet so");
}

#[test]
fn a_deleted_or_disabled_user_or_a_shared_number_gets_no_code() {
    let off = entry(1, &[8]).map(|entry| Entry { enabled: false, ..entry });
    let mut scenario = Scenario::of(&[entry(0, &[7]), off, entry(2, &[9]), entry(3, &[9])]);
    assert_eq!(scenario.hears(9, 8, 1), None, "disabled");
    assert_eq!(scenario.refused(9, 8, "disabled"), Some(0));
    assert_eq!(scenario.hears(9, 9, 2), None, "shared");
    assert_eq!(scenario.refused(9, 9, "number_ambiguous"), Some(0));
    scenario.becomes(10, 0, None);
    assert_eq!(scenario.hears(30, 7, 0), None, "deleted");
    assert_eq!(scenario.refused(30, 7, "number_unknown"), Some(0));
}

#[test]
fn a_refusal_that_says_what_is_not_so_is_wrong() {
    let mut scenario = Scenario::of(&[entry(0, &[7])]);
    for reason in ["number_unknown", "number_ambiguous", "disabled", "no_such_user", "flood"] {
        assert_eq!(scenario.refused(30, 7, reason), None, "{reason}");
    }
    assert_eq!(scenario.refused(30, 7, "directory_unavailable"), Some(0));
    let (begun, done) = (scenario.at(40), scenario.at(40));
    scenario.oracle.readable(begun, done, false);
    assert_eq!(scenario.refused(41, 7, "number_unknown"), Some(0));
    assert_eq!(scenario.hears(41, 8, 0), None, "what cannot be read gives nobody a number");
}

#[test]
fn the_groups_decide_by_the_dn_that_they_name_and_as_long_as_their_own_bound() {
    let mut scenario = Scenario::of(&[entry(0, &[7]), entry(1, &[8])]);
    let mut groups = Groups { all: vec![Group::default(); 3], there: true };
    groups.all[REQUIRED].groups = BTreeSet::from([2]);
    groups.all[2].members =
        BTreeSet::from([Member::Dn("uid=0".to_owned()), Member::Dn("uid=1".to_owned())]);
    groups.all[2].groups = BTreeSet::from([REQUIRED]);
    groups.all[EXCLUDED].members = BTreeSet::from([Member::Dn("uid=1".to_owned())]);
    let at = scenario.at(1);
    scenario.oracle.groups(at, at, groups.clone());
    let ask =
        |scenario: &Scenario, at, id: usize| scenario.asked(at, 7 + id, true, &Answer::Code(id));
    assert_eq!(ask(&scenario, 10, 0), Some(0));
    assert_eq!(ask(&scenario, 100, 1), None, "excluded");
    let reason = Answer::Refused("in_excluded_group".to_owned());
    assert_eq!(scenario.asked(100, 8, true, &reason), Some(0));
    assert_eq!(scenario.asked(100, 7, true, &reason), None);

    let renamed = entry(0, &[7]).map(|entry| Entry { dn: "uid=new".to_owned(), ..entry });
    scenario.becomes(110, 0, renamed);
    assert_eq!(ask(&scenario, 120, 0), None, "the group does not name the new DN");
    scenario.becomes(130, 0, entry(0, &[7]));
    let at = scenario.at(140);
    scenario.oracle.groups(at, at, Groups { there: false, ..groups });
    assert_eq!(ask(&scenario, 190, 0), Some(50));
    assert_eq!(ask(&scenario, 210, 0), None, "the group is not there");
    assert_eq!(scenario.asked(210, 7, true, &reason), Some(0));
}

#[test]
fn what_a_backup_puts_back_is_so_again_and_nothing_else() {
    let mut scenario = Scenario::of(&[entry(0, &[7]), entry(1, &[])]);
    let backup = scenario.oracle.backup();
    scenario.becomes(10, 0, None);
    scenario.becomes(10, 1, entry(1, &[7]));
    let at = scenario.at(20);
    scenario.oracle.restore(at, at, &backup);
    assert_eq!(scenario.hears(30, 7, 0), Some(0));
    assert_eq!(scenario.hears(30, 7, 1), None);
}

#[test]
fn a_login_needs_the_entry_its_name_and_its_groups_as_they_are() {
    let scenario = Scenario::of(&[entry(0, &[7])]);
    let since = Instant::now();
    assert!(scenario.oracle.could_log_in(0, "0", since, false));
    assert!(!scenario.oracle.could_log_in(0, "1", since, false));
    assert!(!scenario.oracle.could_log_in(0, "0", since, true));
}
