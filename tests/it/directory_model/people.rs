//! The random directory: who is in it, and what is changed next.

use std::collections::BTreeMap;

use proptest::prelude::RngExt;
use proptest::test_runner::TestRng;

use super::changes::{Action, Change, FORMS};
use super::events::{Event, Events};
use super::layout::{Layout, OUTSIDE};
use super::oracle::{EXCLUDED, Entry, Group, Groups, Member, Number, PersonId, REQUIRED};

/// How many numbers are in use.
const NUMBERS: Number = 80;
/// How many people there are, about.
const PEOPLE: usize = 45;
/// More than a person's numbers were once kept.
const MANY: usize = 70;

/// A person. Each number is written in one of several forms.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: PersonId,
    pub name: String,
    pub ou: usize,
    pub numbers: BTreeMap<Number, usize>,
    pub enabled: bool,
}

/// The directory as it is.
#[derive(Clone)]
pub struct People {
    pub layout: Layout,
    pub all: BTreeMap<PersonId, Person>,
    pub groups: Groups,
    /// Names that somebody had once: who gets one is taken for that person by old DNs.
    freed: Vec<String>,
    next: PersonId,
    odd_names: bool,
    namesakes: bool,
}

impl People {
    pub fn new(layout: Layout, events: &Events) -> Self {
        let groups = Groups { all: vec![Group::default(); layout.groups.len()], there: true };
        let odd_names = events.has(Event::OddPersonNames);
        let namesakes = events.has(Event::Namesakes);
        Self {
            layout,
            all: BTreeMap::new(),
            groups,
            freed: Vec::new(),
            next: 0,
            odd_names,
            namesakes,
        }
    }

    /// What begins a run: the groups, and people.
    pub fn first(&mut self, rng: &mut TestRng) -> Vec<Action> {
        let mut actions = Vec::new();
        for group in 0..self.groups.all.len() {
            actions.push(Action::of(self.layout.new_group(group)));
        }
        for (group, inner) in [(REQUIRED, 2), (EXCLUDED, 3), (EXCLUDED, 4)] {
            self.groups.all[group].groups.insert(inner);
            actions.push(self.group_changed(group));
        }
        for _ in 0..PEOPLE {
            actions.extend(self.add(rng));
        }
        for group in [EXCLUDED, 3, 4] {
            for _ in 0..4 {
                let member = self.member_of(self.somebody(rng));
                self.groups.all[group].members.insert(member);
            }
            actions.push(self.group_changed(group));
        }
        actions
    }

    /// Carries a change out here, and says what a server is to do.
    pub fn change(&mut self, event: Event, rng: &mut TestRng) -> Vec<Action> {
        let few = self.all.len() < PEOPLE;
        match event {
            Event::PersonDeleted if !few => vec![self.delete(self.somebody(rng))],
            Event::PersonAdded | Event::PersonDeleted => self.add(rng),
            Event::NumbersChanged => {
                let (id, numbers) = (self.somebody(rng), random_numbers(rng));
                vec![self.set_numbers(id, numbers)]
            }
            Event::ManyNumbers => {
                let numbers = (0..MANY).map(|_| (rng.random_range(0..NUMBERS * 20), 0)).collect();
                vec![self.set_numbers(self.somebody(rng), numbers)]
            }
            Event::NumberMoved => self.move_number(rng),
            Event::PersonRenamed => vec![self.rename(rng)],
            Event::PersonMoved => vec![self.move_person(rng)],
            Event::OuRenamed => vec![self.rename_ou(rng)],
            Event::Disabled => vec![self.toggle(rng)],
            Event::MemberChanged => vec![self.member(rng)],
            Event::GroupNested => vec![self.nest(rng)],
            _ => unreachable!("{event:?} changes no entry"),
        }
    }

    /// Many people at once.
    pub fn import(&mut self, count: usize, rng: &mut TestRng) -> Vec<Action> {
        let mut add = || {
            let numbers = BTreeMap::from([(rng.random_range(NUMBERS..NUMBERS * 20), 0)]);
            self.add_person(numbers, 0, false)
        };
        (0..count).map(|_| add()).collect()
    }

    /// All but the usual number of people go.
    pub fn shrink(&mut self) -> Vec<Action> {
        let ids: Vec<_> = self.all.keys().copied().skip(PEOPLE).collect();
        ids.into_iter().map(|id| self.delete(id)).collect()
    }

    /// The excluded group gets another name, or its own again.
    pub fn rename_excluded(&mut self) -> Action {
        let away = self.groups.there;
        self.groups.there = !away;
        let change = self.layout.rename_excluded(away);
        Action { groups: Some(self.groups.clone()), ..Action::of(change) }
    }

    pub fn entry(&self, id: PersonId) -> Option<Entry> {
        let person = self.all.get(&id)?;
        (person.ou != OUTSIDE).then(|| Entry {
            dn: self.layout.dn(person),
            username: self.layout.username(person),
            numbers: person.numbers.keys().copied().collect(),
            enabled: person.enabled,
        })
    }

    fn about(&self, id: PersonId, change: Change) -> Action {
        Action { people: vec![(id, self.entry(id))], ..Action::of(change) }
    }

    /// A number that somebody may have, mostly one that somebody has.
    pub fn number(&self, rng: &mut TestRng) -> Number {
        let any = rng.random_range(0..NUMBERS);
        let owned = self.all[&self.somebody(rng)].numbers.keys().next();
        if rng.random_range(0..4) > 0 { owned.copied().unwrap_or(any) } else { any }
    }

    fn somebody(&self, rng: &mut TestRng) -> PersonId {
        *self.all.keys().nth(rng.random_range(0..self.all.len())).expect("there are people")
    }

    fn add(&mut self, rng: &mut TestRng) -> Vec<Action> {
        let ou = if rng.random_range(0..10) == 0 { OUTSIDE } else { rng.random_range(0..2) };
        let again = rng.random_range(0..3) == 0 && self.namesakes;
        let mut actions = vec![self.add_person(random_numbers(rng), ou, again)];
        // Most people may use the gateway.
        if rng.random_range(0..4) > 0 {
            let (id, group) = (self.next - 1, [REQUIRED, 2][rng.random_range(0..2)]);
            let member = self.member_of(id);
            if self.groups.all[group].members.insert(member) {
                actions.push(self.group_changed(group));
            }
        }
        actions
    }

    fn add_person(&mut self, numbers: BTreeMap<Number, usize>, ou: usize, again: bool) -> Action {
        let id = self.next;
        self.next += 1;
        let name = Some(&mut self.freed).filter(|_| again).and_then(Vec::pop);
        let name = name.unwrap_or_else(|| self.new_name(id));
        let name = if self.is_taken(&name, ou, id) { self.new_name(id) } else { name };
        let person = Person { id, name, ou, numbers, enabled: true };
        let change = self.layout.new_person(&person);
        self.all.insert(id, person);
        self.about(id, change)
    }

    fn new_name(&self, at: usize) -> String {
        if self.odd_names { format!("ren\u{e9}\u{fb01}{at}") } else { format!("p{at}") }
    }

    fn is_taken(&self, name: &str, ou: usize, id: PersonId) -> bool {
        self.all.values().any(|other| other.id != id && other.name == name && other.ou == ou)
    }

    fn delete(&mut self, id: PersonId) -> Action {
        let person = self.all.remove(&id).expect("it is there");
        self.freed.push(person.name.clone());
        // Active Directory takes it out of its groups; elsewhere they go on naming the DN.
        let mut changed = false;
        for group in &mut self.groups.all {
            changed |= group.members.remove(&Member::Person(id));
        }
        let change = Change::Delete { dn: self.layout.dn(&person) };
        let groups = changed.then(|| self.groups.clone());
        Action { people: vec![(id, None)], groups, change }
    }

    fn set_numbers(&mut self, id: PersonId, numbers: BTreeMap<Number, usize>) -> Action {
        let person = self.all.get_mut(&id).expect("it is there");
        person.numbers = numbers;
        let change = self.layout.replace_numbers(person);
        self.about(id, change)
    }

    fn move_number(&mut self, rng: &mut TestRng) -> Vec<Action> {
        let (from, to) = (self.somebody(rng), self.somebody(rng));
        let mut numbers = self.all[&from].numbers.clone();
        let Some((number, form)) = numbers.pop_first() else { return Vec::new() };
        let mut theirs = self.all[&to].numbers.clone();
        theirs.insert(number, form);
        if from == to {
            return Vec::new();
        }
        vec![self.set_numbers(from, numbers), self.set_numbers(to, theirs)]
    }

    fn rename(&mut self, rng: &mut TestRng) -> Action {
        let id = self.somebody(rng);
        let new = self.new_name(self.next);
        self.next += 1;
        let person = self.all.get_mut(&id).expect("it is there");
        let dn = self.layout.dn(person);
        self.freed.push(std::mem::replace(&mut person.name, new));
        let rdn = self.layout.rdn(person);
        self.about(id, Change::Rename { dn, rdn, parent: None })
    }

    fn move_person(&mut self, rng: &mut TestRng) -> Action {
        let id = self.somebody(rng);
        let ou = rng.random_range(0..=OUTSIDE);
        let dn = self.layout.dn(&self.all[&id]);
        let name = self.all[&id].name.clone();
        if self.is_taken(&name, ou, id) {
            return self.rename(rng);
        }
        let parent = Some(self.layout.ou_dn(ou));
        let person = self.all.get_mut(&id).expect("it is there");
        person.ou = ou;
        let rdn = self.layout.rdn(person);
        self.about(id, Change::Rename { dn, rdn, parent })
    }

    fn rename_ou(&mut self, rng: &mut TestRng) -> Action {
        let ou = rng.random_range(0..OUTSIDE);
        let dn = self.layout.ou_dn(ou);
        let rdn = self.layout.rename_ou(ou, self.next);
        self.next += 1;
        let below: Vec<_> = self.all.values().filter(|person| person.ou == ou).collect();
        let people = below.iter().map(|person| (person.id, self.entry(person.id))).collect();
        Action { people, ..Action::of(Change::Rename { dn, rdn, parent: None }) }
    }

    fn toggle(&mut self, rng: &mut TestRng) -> Action {
        let id = self.somebody(rng);
        let person = self.all.get_mut(&id).expect("it is there");
        person.enabled = !person.enabled;
        let value = if person.enabled { "512" } else { "514" };
        let attributes = vec![("userAccountControl", vec![value.into()])];
        let dn = self.layout.dn(person);
        self.about(id, Change::Replace { dn, attributes })
    }

    fn member_of(&self, id: PersonId) -> Member {
        if self.layout.variant.is_samba() {
            Member::Person(id)
        } else {
            Member::Dn(self.layout.dn(&self.all[&id]))
        }
    }

    fn member(&mut self, rng: &mut TestRng) -> Action {
        // The groups that exclude have few members.
        let group = [REQUIRED, 2, 2, rng.random_range(1..self.groups.all.len())];
        let group = group[rng.random_range(0..4)];
        let member = self.member_of(self.somebody(rng));
        let members = &mut self.groups.all[group].members;
        if members.len() > 8 && group != REQUIRED && group != 2 {
            members.pop_first();
        }
        if !members.remove(&member) {
            members.insert(member);
        }
        self.group_changed(group)
    }

    fn nest(&mut self, rng: &mut TestRng) -> Action {
        let outer = rng.random_range(0..self.groups.all.len());
        // Also into itself by a longer way, but neither of the two into the other.
        let inner = rng.random_range(2..self.groups.all.len());
        let groups = &mut self.groups.all[outer].groups;
        if outer != inner && !groups.remove(&inner) {
            groups.insert(inner);
        }
        self.group_changed(outer)
    }

    fn group_changed(&self, group: usize) -> Action {
        let Group { members, groups } = &self.groups.all[group];
        let mut values: Vec<Vec<u8>> = Vec::new();
        for member in members {
            values.push(match member {
                Member::Dn(dn) => self.layout.member_value(group, dn).into_bytes(),
                Member::Person(id) => self.layout.dn(&self.all[id]).into_bytes(),
            });
        }
        values.extend(groups.iter().map(|inner| self.layout.group_dn(*inner).into_bytes()));
        let change = self.layout.replace_members(group, values, self.groups.there);
        Action { groups: Some(self.groups.clone()), ..Action::of(change) }
    }
}

/// Of few numbers, so that some are shared.
fn random_numbers(rng: &mut TestRng) -> BTreeMap<Number, usize> {
    let count = [0, 1, 1, 1, 2, 3][rng.random_range(0..6)];
    (0..count).map(|_| (rng.random_range(0..NUMBERS), rng.random_range(0..FORMS))).collect()
}
