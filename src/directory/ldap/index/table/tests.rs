//! The table as calls and the synchronization use it.

mod model;

use std::collections::BTreeSet;

use uuid::Uuid;

use super::*;
use crate::domain::account_state::{AccountState, Hours, PasswordRefusal, When};
use crate::domain::clock::Timestamp;
use crate::domain::stored_number::NumberingPlan;
use crate::domain::user::{Ambiguity, Candidates, Pin, User, UserId};

const MOST: usize = 10;

fn plan() -> NumberingPlan {
    NumberingPlan::for_country("SE").expect("a country")
}

fn number(text: &str) -> PhoneNumber {
    plan().read_stored(text).unwrap_or_else(|| panic!("{text} is a number"))
}

fn key(of: u64) -> Key {
    Uuid::from_u64_pair(of.wrapping_mul(0x9e37_79b9_7f4a_7c15), of).into_bytes()
}

fn person(of: u64, name: &str, numbers: &[&str]) -> Person {
    let user = User {
        id: UserId::parse(Uuid::from_bytes(key(of)).to_string()).expect("not empty"),
        username: name.to_owned(),
        locator: format!("uid={name},ou=people,dc=example,dc=com"),
        account: AccountState::open(),
        numbers: Vec::new(),
        pins: Vec::new(),
        language: None,
    };
    let numbers = numbers.iter().enumerate().map(|(rank, text)| (rank, number(text))).collect();
    Person { key: key(of), user: Some(user), numbers }
}

impl Table {
    fn candidates(&self, number: &PhoneNumber, most: usize) -> Candidates {
        let (people, truncated) = self.find(number, most);
        Candidates::to_compare(people.into_iter().map(|(_, user)| user).collect(), truncated)
    }
}

fn only(table: &Table, text: &str) -> User {
    table
        .candidates(&number(text), MOST)
        .exactly_one(&number(text), &plan(), Ambiguity::Refuse, None)
        .unwrap_or_else(|none| panic!("{none:?} has {text}"))
}

fn names(table: &Table, text: &str) -> BTreeSet<String> {
    let found = table.candidates(&number(text), MOST);
    assert!(!found.truncated, "{text}");
    found.users.into_iter().map(|user| user.username).collect()
}

#[test]
fn a_person_is_found_by_any_of_their_numbers_as_they_were_put_in() {
    let mut table = Table::default();
    let mut anna = person(1, "anna", &["070-123 45 67", "+46 8 123 456 78 ext. 12"]);
    let pins = ["0042", "7"];
    table.upsert(&person(2, "bob", &["+46812345678", "+39 06 1234 5678"]));
    let mut locked = AccountState::restricted(PasswordRefusal::LockedOut);
    let then = Timestamp::from_millis(1_767_225_600_000);
    locked.restrict_when(When::From(then), PasswordRefusal::AccountExpired);
    locked.restrict_when(When::Until(then), PasswordRefusal::PasswordExpired);
    locked.restrict_when(When::Outside(Hours([7; 21])), PasswordRefusal::NotNow);
    let open = AccountState::open;
    for (id, dn, account) in [
        (Uuid::from_bytes(key(1)).to_string(), "uid=anna,dc=example,dc=com", open()),
        (Uuid::from_bytes_le(key(1)).to_string(), "CN=Berg\\, Anna,OU=Sales,DC=lab", locked),
        ("4711".to_owned(), "cn=no comma", AccountState::enabled(false)),
        ("ID ä".to_owned(), "uid=anna+cn=x\\\\,dc=å", open()),
    ] {
        let user = anna.user.as_mut().expect("there");
        user.id = UserId::parse(id.clone()).expect("not empty");
        (user.locator, user.account) = (dn.to_owned(), account.clone());
        user.pins = pins.iter().filter_map(|pin| Pin::parse(pin)).collect();
        table.upsert(&anna);
        for text in ["+46701234567", "+46 8 12345678 ext. 12"] {
            let found = only(&table, text);
            assert_eq!((found.id.as_str(), found.locator.as_str()), (id.as_str(), dn));
            assert_eq!((found.username.as_str(), &found.account), ("anna", &account));
            assert_eq!(found.numbers.iter().map(|value| value.rank).collect::<Vec<_>>(), [0, 1]);
            assert_eq!(found.pins.iter().map(Pin::expose).collect::<Vec<_>>(), pins);
        }
    }
    assert_eq!(only(&table, "+46812345678").username, "bob");
    assert_eq!(only(&table, "+390612345678").username, "bob");
    assert_eq!(table.len(), 2);
}

#[test]
fn an_entry_that_names_no_user_makes_its_numbers_incomplete() {
    let mut table = Table::default();
    table.upsert(&person(1, "anna", &["+46701234567"]));
    let mut nameless = person(2, "", &["+46701234567"]);
    nameless.user = None;
    table.upsert(&nameless);
    let found = table.candidates(&number("+46701234567"), MOST);
    assert!(found.truncated && found.users.len() == 1);
    table.remove(&key(2));
    assert_eq!(only(&table, "+46701234567").username, "anna");
}

#[test]
fn more_people_than_are_asked_for_make_the_list_incomplete() {
    let mut table = Table::default();
    for of in 0..12 {
        table.upsert(&person(of, "x", &["+46701234567"]));
        let found = table.candidates(&number("+46701234567"), MOST);
        assert_eq!(found.truncated, of >= 10, "{of}");
        assert_eq!(found.users.len() as u64, (of + 1).min(10));
    }
}

#[test]
fn a_number_shared_by_many_has_no_owner_until_few_have_it() {
    let mut table = Table::default();
    let own = |of: u64| format!("+4670{of:07}");
    let shared = "+46812345678";
    for of in 0..20_000 {
        table.upsert(&person(of, &format!("user{of}"), &[&own(of), shared]));
    }
    assert!(table.candidates(&number(shared), MOST).truncated);
    assert_eq!(only(&table, &own(777)).username, "user777");
    for of in 1..20_000 {
        if of % 2 == 0 {
            table.remove(&key(of));
        } else {
            table.upsert(&person(of, &format!("user{of}"), &[&own(of)]));
        }
    }
    assert_eq!(only(&table, shared).username, "user0");
    assert_eq!(only(&table, &own(777)).username, "user777");
    assert!(names(&table, &own(778)).is_empty());
}

#[test]
fn of_a_person_with_thousands_of_numbers_none_is_dropped() {
    let mut table = Table::default();
    let own = |of: usize| format!("+4670{of:07}");
    let numbers: Vec<String> = (0..5000).map(own).collect();
    let all: Vec<&str> = numbers.iter().map(String::as_str).collect();
    table.upsert(&person(1, "switchboard", &all));
    for of in [0, 62, 63, 64, 65, 1000, 4999] {
        assert_eq!(names(&table, &own(of)), BTreeSet::from(["switchboard".to_owned()]), "{of}");
        // A second owner is never taken for the only one.
        table.upsert(&person(2, "anna", &[&own(of)]));
        let both = BTreeSet::from(["anna".to_owned(), "switchboard".to_owned()]);
        assert_eq!(names(&table, &own(of)), both, "{of}");
        table.remove(&key(2));
    }
    table.upsert(&person(1, "switchboard", &all[..100]));
    assert_eq!(only(&table, &own(99)).username, "switchboard");
    assert!(names(&table, &own(100)).is_empty());
    table.remove(&key(1));
    assert!(names(&table, &own(99)).is_empty());
}

#[test]
fn a_number_among_very_many_has_no_owner_while_many_share_it() {
    let mut table = Table::default();
    let shared = "+46812345678";
    let put = |table: &mut Table, of: u64, also: &[&str]| {
        let own: Vec<String> = (0..70).map(|n| format!("+4670{:07}", of * 100 + n)).collect();
        let numbers: Vec<&str> =
            own.iter().map(String::as_str).chain(also.iter().copied()).collect();
        table.upsert(&person(of, &format!("user{of}"), &numbers));
    };
    for of in 0..100 {
        put(&mut table, of, &[shared]);
    }
    assert!(table.candidates(&number(shared), 1000).truncated);
    for of in 1..100 {
        put(&mut table, of, &[]);
    }
    assert_eq!(only(&table, shared).username, "user0");
    table.remove(&key(0));
    assert!(names(&table, shared).is_empty());
}

fn sweep(table: &mut Table) {
    let mut from = Some(0);
    while let Some(at) = from {
        from = table.sweep(at);
    }
}

#[test]
fn a_sweep_removes_who_was_not_seen_and_a_begun_one_can_begin_again() {
    let mut table = Table::default();
    let numbers: Vec<String> = (0..4).map(|of| format!("+4670123456{of}")).collect();
    for (of, number) in (0..).zip(&numbers) {
        table.upsert(&person(of, &format!("user{of}"), &[number]));
    }
    table.begin();
    table.see(&key(3));
    table.begin();
    table.see(&key(0));
    table.upsert(&person(1, "renamed", &[&numbers[1]]));
    table.see(&key(99));
    sweep(&mut table);
    let left: Vec<_> = numbers.iter().map(|text| names(&table, text).pop_first()).collect();
    assert_eq!(left, [Some("user0".to_owned()), Some("renamed".to_owned()), None, None]);
}

#[test]
fn changes_however_many_leave_no_more_behind_than_a_quarter_and_a_megabyte() {
    let mut table = Table::default();
    let mut people: Vec<Person> =
        (0..5000).map(|of| person(of, "", &[&format!("+4670{of:07}")])).collect();
    for turn in 0..200_000_u64 {
        let of = turn.wrapping_mul(2_654_435_761) % 5000;
        // Lengths vary, and from time to time a person leaves.
        let person = &mut people[of as usize];
        if turn % 11 == 0 {
            table.remove(&person.key);
        } else {
            person.user.as_mut().expect("there").username = "n".repeat(1 + (turn % 97) as usize);
            table.upsert(person);
        }
    }
    let (taken, garbage) = table.arena.size();
    // Plus what is left over while records are moved, which takes a few changes.
    let moving = 256 * (taken / (1 << 16) + 1);
    assert!(garbage <= (1 << 20) + (taken - garbage) / 4 + moving, "{garbage} of {taken}");
    // About 40 bytes each, and a name of at most 97.
    assert!(taken - garbage < 5000 * 160, "{taken} {garbage}");
    assert!(table.arena.slots() <= 5000);
}

/// Records for every person in the table whether they are allowed.
fn allow(table: &mut Table, may: impl Fn(&Key, &str) -> bool) -> usize {
    table.begin_allowing();
    let mut from = 0;
    while let Some(part) = table.judge(from, &may) {
        assert!(table.note(&part));
        from = part.next();
    }
    table.finish_allowing()
}

#[test]
fn who_may_is_in_force_all_at_once_and_never_of_somebody_who_changed_meanwhile() {
    let mut table = Table::default();
    let caller = |of: u64| format!("+4676{of:07}");
    let name = |of: u64| format!("user{of}");
    for of in 0..1000 {
        table.upsert(&person(of, &name(of), &[&caller(of)]));
    }
    let is_allowed =
        |table: &Table, of: u64| table.is_allowed(&number(&caller(of)), &only(table, &caller(of)));
    assert_eq!(allow(&mut table, |_, dn| dn.contains("uid=user1,")), 1);
    assert!(is_allowed(&table, 1) && !is_allowed(&table, 2));

    table.begin_allowing();
    let first = table.judge(0, |_, _| true).unwrap();
    assert!(table.note(&first));
    assert!(is_allowed(&table, 1) && !is_allowed(&table, 2), "not yet");
    let second = table.judge(first.next(), |_, _| true).unwrap();
    // One recorded person has a new DN, another is gone and their slot reused, a third is not
    // recorded yet.
    table.upsert(&person(2, "renamed", &[&caller(2)]));
    table.remove(&key(3));
    table.upsert(&person(2000, &name(2000), &[&caller(2000)]));
    assert!(!table.note(&second), "who was judged may be somebody else");
    let mut from = first.next();
    while let Some(part) = table.judge(from, |_, _| true) {
        assert!(table.note(&part));
        from = part.next();
    }
    assert_eq!(table.finish_allowing(), 998);
    assert!(is_allowed(&table, 1) && is_allowed(&table, 999));
    assert!(!is_allowed(&table, 2) && !is_allowed(&table, 2000));
    table.allow_no_one();
    assert!(!is_allowed(&table, 1));
}

#[test]
fn each_person_comes_in_turn_and_a_changed_one_does_not_agree() {
    let mut table = Table::default();
    for of in 0..20 {
        table.upsert(&person(of, &format!("user{of}"), &[&format!("+4670123{of:04}")]));
    }
    table.remove(&key(3));
    let (mut seen, mut from) = (BTreeSet::new(), 0);
    for _ in 0..3 {
        let (keys, next) = table.sample(from, 8);
        assert!(keys.len() <= 8);
        seen.extend(keys);
        from = next;
    }
    assert_eq!(seen.len(), 19);
    assert_eq!(table.sample(from, 8).0.len(), 8, "from the start again");

    let mut anna = person(1, "user1", &["+46701230001"]);
    assert!(table.agrees(&anna));
    if let Some(user) = &mut anna.user {
        user.account = AccountState::restricted(PasswordRefusal::LockedOut);
    }
    assert!(table.agrees(&anna), "servers need not tell of accounts");
    assert!(!table.agrees(&person(1, "renamed", &["+46701230001"])));
    assert!(!table.agrees(&person(1, "user1", &["+46701230001", "+46701239999"])));
    assert!(!table.agrees(&person(1, "user1", &[])), "no number any more");
    assert!(!table.agrees(&person(3, "user3", &["+46701230003"])), "not in the index");
    assert!(table.agrees(&person(3, "user3", &[])), "rightly not in the index");
}
