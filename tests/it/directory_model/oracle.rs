//! What the directory said, and when: the model in memory, and the judge of an answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// A telephone number, by its place among those that are used.
pub type Number = usize;
/// A person. Nobody else ever has the same.
pub type PersonId = usize;

/// What the directory has of a person below the base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub dn: String,
    pub username: String,
    pub numbers: BTreeSet<Number>,
    pub enabled: bool,
}

/// How a group names one of its members: OpenLDAP by a text that nobody mends when the person is
/// renamed, Active Directory by the person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    Dn(String),
    Person(PersonId),
}

#[derive(Clone, Debug, Default)]
pub struct Group {
    pub members: BTreeSet<Member>,
    pub groups: BTreeSet<usize>,
}

/// The groups: the first is required, the second excludes.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    pub all: Vec<Group>,
    /// Whether both can be found by their names. If not, nobody is let in, for any reason.
    pub there: bool,
}

pub const REQUIRED: usize = 0;
pub const EXCLUDED: usize = 1;

impl Groups {
    fn has(&self, group: usize, person: PersonId, dn: &str) -> bool {
        let (mut seen, mut open) = (BTreeSet::new(), vec![group]);
        while let Some(at) = open.pop() {
            if seen.insert(at) {
                let is = |member: &Member| match member {
                    Member::Dn(text) => text == dn,
                    Member::Person(id) => *id == person,
                };
                if self.all[at].members.iter().any(is) {
                    return true;
                }
                open.extend(&self.all[at].groups);
            }
        }
        false
    }

    fn lets_in(&self, person: PersonId, dn: &str) -> bool {
        self.there && self.has(REQUIRED, person, dn) && !self.has(EXCLUDED, person, dn)
    }
}

/// A span of time.
#[derive(Clone, Copy)]
struct Window(Instant, Instant);

/// Something that changes, and the states that it had.
#[derive(Clone, Debug)]
struct Past<T>(Vec<State<T>>);

#[derive(Clone, Debug)]
struct State<T> {
    /// The first moment at which it may have been so, and the last.
    from: Instant,
    until: Option<Instant>,
    value: T,
}

impl<T> Past<T> {
    fn new(from: Instant, value: T) -> Self {
        Self(vec![State { from, until: None, value }])
    }

    fn change(&mut self, begun: Instant, done: Instant, value: T) {
        self.0.last_mut().expect("it had a state").until = Some(done);
        self.0.push(State { from: begun, until: None, value });
    }

    fn within(&self, window: Window) -> impl Iterator<Item = &T> {
        let Window(begin, end) = window;
        let fits = move |state: &&State<T>| {
            state.from <= end && state.until.is_none_or(|until| until >= begin)
        };
        self.0.iter().filter(fits).map(|state| &state.value)
    }

    fn now(&self) -> &T {
        &self.0.last().expect("it has a state").value
    }

    fn ends(&self) -> impl Iterator<Item = Instant> {
        self.0.iter().filter_map(|state| state.until)
    }
}

/// A call that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub number: Number,
    pub begun: Instant,
    pub ended: Instant,
    /// Whether the groups decide too.
    pub grouped: bool,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Code(PersonId),
    Refused(String),
}

impl Answer {
    /// Whether nothing was said of anybody.
    pub fn is_outage(&self) -> bool {
        const OUTAGES: [&str; 3] =
            ["directory_unavailable", "directory_timed_out", "deadline_passed"];
        matches!(self, Self::Refused(reason) if OUTAGES.contains(&reason.as_str()))
    }
}

/// How old what is said may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub people: Duration,
    pub groups: Duration,
}

/// All that the directory has said so far.
pub struct Oracle {
    begun: Instant,
    people: BTreeMap<PersonId, Past<Option<Entry>>>,
    groups: Past<Groups>,
    readable: Past<bool>,
    /// Who has ever had a number.
    owners: HashMap<Number, BTreeSet<PersonId>>,
}

/// What can be put back.
pub type Backup = (BTreeMap<PersonId, Option<Entry>>, Groups);

impl Oracle {
    pub fn new(groups: Groups) -> Self {
        let begun = Instant::now();
        Self {
            begun,
            people: BTreeMap::new(),
            groups: Past::new(begun, groups),
            readable: Past::new(begun, true),
            owners: HashMap::new(),
        }
    }

    /// A person's entry became this; it was asked for at `begun` and was so at `done`.
    pub fn person(&mut self, begun: Instant, done: Instant, id: PersonId, entry: Option<Entry>) {
        for number in entry.iter().flat_map(|entry| &entry.numbers) {
            self.owners.entry(*number).or_default().insert(id);
        }
        let past = self.people.entry(id).or_insert_with(|| Past::new(self.begun, None));
        past.change(begun, done, entry);
    }

    /// The groups became these.
    pub fn groups(&mut self, begun: Instant, done: Instant, groups: Groups) {
        self.groups.change(begun, done, groups);
    }

    /// The service account may read the people from now on, or may not.
    pub fn readable(&mut self, begun: Instant, done: Instant, readable: bool) {
        self.readable.change(begun, done, readable);
    }

    /// All as it is.
    pub fn backup(&self) -> Backup {
        let people = self.people.iter().map(|(id, past)| (*id, past.now().clone()));
        (people.collect(), self.groups.now().clone())
    }

    /// All became as it was.
    pub fn restore(&mut self, begun: Instant, done: Instant, (people, groups): &Backup) {
        for id in self.people.keys().copied().collect::<Vec<_>>() {
            let entry = people.get(&id).cloned().flatten();
            if *self.people[&id].now() != entry {
                self.person(begun, done, id, entry);
            }
        }
        self.groups(begun, done, groups.clone());
    }

    /// How old what was said was; nothing where it was wrong for as long as `bounds` say.
    pub fn staleness(&self, asked: &Asked, answer: &Answer, bounds: Bounds) -> Option<Duration> {
        let longest = if asked.grouped { bounds.people.max(bounds.groups) } else { bounds.people };
        let owners = self.owners.get(&asked.number).into_iter().flatten();
        let ends = owners.flat_map(|id| self.people[id].ends());
        let ends = ends.chain(self.groups.ends()).chain(self.readable.ends());
        let mut ages: Vec<_> =
            ends.filter_map(|end| asked.begun.checked_duration_since(end)).collect();
        ages.retain(|age| *age <= longest);
        ages.push(Duration::ZERO);
        ages.sort_unstable();
        ages.dedup();
        ages.into_iter().find(|age| {
            let people = self.window(asked, (*age).min(bounds.people));
            let groups = self.window(asked, (*age).min(bounds.groups));
            self.is_right(asked, answer, people, groups)
        })
    }

    /// Whether this person could log in by this name at some moment since `since`.
    pub fn could_log_in(&self, id: PersonId, name: &str, since: Instant, grouped: bool) -> bool {
        let window = Window(since, Instant::now());
        self.people[&id].within(window).flatten().any(|entry| {
            let mut groups = self.groups.within(window);
            entry.enabled
                && entry.username == name
                && (!grouped || groups.any(|groups| groups.lets_in(id, &entry.dn)))
        })
    }

    /// The numbers that these have now.
    pub fn numbers(&self, ids: impl Iterator<Item = PersonId>) -> BTreeSet<Number> {
        let entries = ids.filter_map(|id| self.people.get(&id)?.now().as_ref());
        entries.flat_map(|entry| &entry.numbers).copied().collect()
    }

    /// Somebody who never had this number.
    pub fn stranger(&self, number: Number) -> PersonId {
        let none = BTreeSet::new();
        let owners = self.owners.get(&number).unwrap_or(&none);
        *self.people.keys().find(|id| !owners.contains(id)).expect("nobody has all numbers")
    }

    /// What stands in the directory of a person.
    pub fn entry(&self, id: PersonId) -> Option<&Entry> {
        self.people[&id].now().as_ref()
    }

    /// The states of those who ever had a number, for a report.
    pub fn told_of(&self, number: Number) -> String {
        let mut lines = String::new();
        for id in self.owners.get(&number).into_iter().flatten() {
            for State { from, until, value } in &self.people[id].0 {
                let ago = |at: &Instant| format!("{:.2?} ago", at.elapsed());
                let until = until.as_ref().map_or_else(|| "now".to_owned(), ago);
                let _ = writeln!(lines, "  person {id}, {} to {until}: {value:?}", ago(from));
            }
        }
        lines
    }

    fn window(&self, asked: &Asked, age: Duration) -> Window {
        Window(
            asked.begun.checked_sub(age).map_or(self.begun, |at| at.max(self.begun)),
            asked.ended,
        )
    }

    fn is_right(&self, asked: &Asked, answer: &Answer, people: Window, groups: Window) -> bool {
        let none = BTreeSet::new();
        let owners = self.owners.get(&asked.number).unwrap_or(&none);
        let states = |id: &PersonId| self.people[id].within(people);
        let has = |entry: &&Entry| entry.numbers.contains(&asked.number);
        let had = |id: &PersonId| states(id).flatten().any(|entry| has(&entry));
        let lacked =
            |id: &PersonId| states(id).any(|state| state.as_ref().is_none_or(|entry| !has(&entry)));
        // The one whom the number may have led to, with what was so of them.
        let alone = |id: &&PersonId| owners.iter().all(|other| other == *id || lacked(other));
        let entries = |id: PersonId| states(&id).flatten().filter(has).collect::<Vec<_>>();
        let any = |what: &dyn Fn(PersonId, &Entry) -> bool| {
            owners.iter().filter(alone).any(|id| entries(*id).iter().any(|entry| what(*id, entry)))
        };
        let said =
            |what: &dyn Fn(&Groups) -> bool| asked.grouped && self.groups.within(groups).any(what);
        match answer {
            Answer::Code(owner) => any(&|id, entry| {
                let let_in = |groups: &Groups| groups.lets_in(id, &entry.dn);
                id == *owner && entry.enabled && (!asked.grouped || said(&let_in))
            }),
            _ if answer.is_outage() => true,
            Answer::Refused(_) if self.readable.within(people).any(|readable| !readable) => true,
            Answer::Refused(reason) => match reason.as_str() {
                "number_unknown" => owners.iter().all(lacked),
                "number_ambiguous" => owners.iter().filter(|id| had(id)).count() > 1,
                "disabled" => any(&|_, entry| !entry.enabled),
                "not_in_required_group" => any(&|id, entry| {
                    said(&|groups| !groups.there || !groups.has(REQUIRED, id, &entry.dn))
                }),
                "in_excluded_group" => any(&|id, entry| {
                    said(&|groups| !groups.there || groups.has(EXCLUDED, id, &entry.dn))
                }),
                // The entry was found by its number, and is not where it was.
                "no_such_user" => any(&|id, _| asked.grouped && states(&id).count() > 1),
                _ => false,
            },
        }
    }
}
