//! What happens in a run, by name, and which of it does.

use proptest::prelude::RngExt;
use proptest::test_runner::TestRng;

/// A directory, as a run has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variant {
    /// One OpenLDAP server.
    One,
    /// An OpenLDAP provider, and a consumer behind it.
    Consumer,
    /// Two OpenLDAP providers.
    Mirror,
    /// A Samba domain controller.
    Samba,
}

impl Variant {
    pub const ALL: [Self; 4] = [Self::One, Self::Consumer, Self::Mirror, Self::Samba];

    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "OpenLDAP",
            Self::Consumer => "provider and consumer",
            Self::Mirror => "two providers",
            Self::Samba => "Samba",
        }
    }

    pub fn is_samba(self) -> bool {
        self == Self::Samba
    }

    pub fn has_two(self) -> bool {
        matches!(self, Self::Consumer | Self::Mirror)
    }
}

/// Something that happens: changes of entries, then what makes trouble, then what is so throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    PersonAdded,
    PersonDeleted,
    NumbersChanged,
    NumberMoved,
    PersonRenamed,
    PersonMoved,
    OuRenamed,
    Disabled,
    MemberChanged,
    GroupNested,
    ManyNumbers,
    Killed,
    Stopped,
    Silent,
    Away,
    Cut,
    CutInRefresh,
    Hup,
    Import,
    Writer,
    Restored,
    ClockBack,
    RightsTaken,
    ChangesHidden,
    DeletionsHidden,
    Lagging,
    GroupRenamed,
    OddGroupNames,
    OddPersonNames,
    Namesakes,
}

use Event::{
    Away, ChangesHidden, ClockBack, Cut, CutInRefresh, DeletionsHidden, Disabled, GroupNested,
    GroupRenamed, Hup, Import, Killed, Lagging, ManyNumbers, MemberChanged, Namesakes, NumberMoved,
    NumbersChanged, OddGroupNames, OddPersonNames, OuRenamed, PersonAdded, PersonDeleted,
    PersonMoved, PersonRenamed, Restored, RightsTaken, Silent, Stopped, Writer,
};

/// Each event, and how often it comes among its like.
const EVENTS: [(Event, usize, &str); 30] = [
    (PersonAdded, 3, "person added"),
    (PersonDeleted, 3, "person deleted"),
    (NumbersChanged, 5, "numbers changed"),
    (NumberMoved, 5, "number given to somebody else"),
    (PersonRenamed, 2, "person renamed"),
    (PersonMoved, 2, "person moved, also out of the base"),
    (OuRenamed, 1, "OU renamed"),
    (Disabled, 2, "person disabled or enabled"),
    (MemberChanged, 4, "member added or removed"),
    (GroupNested, 1, "group nested or not"),
    (ManyNumbers, 1, "seventy numbers"),
    (Killed, 3, "server killed and restarted"),
    (Stopped, 3, "server stopped and continued"),
    (Silent, 3, "server silent, and changed meanwhile"),
    (Away, 3, "server out of reach, and changed meanwhile"),
    (Cut, 3, "connections cut"),
    (CutInRefresh, 3, "connections cut in a refresh"),
    (Hup, 2, "SIGHUP"),
    (Import, 2, "bulk import"),
    (Writer, 2, "changes through the other provider"),
    (Restored, 2, "restored from a backup"),
    (ClockBack, 2, "clock set back for some changes"),
    (RightsTaken, 2, "rights taken away and given back"),
    (ChangesHidden, 2, "entryCSN hidden over a reconnection"),
    (DeletionsHidden, 2, "deletions hidden and shown again"),
    (Lagging, 2, "preferred server back, the other lags"),
    (GroupRenamed, 2, "excluded group renamed and back"),
    (OddGroupNames, 0, "groups' names differ in punctuation"),
    (OddPersonNames, 0, "members named in other Unicode forms"),
    (Namesakes, 0, "a DN given to somebody else"),
];

impl Event {
    pub fn name(self) -> &'static str {
        EVENTS.iter().find(|(event, ..)| *event == self).expect("it is listed").2
    }

    fn is_change(self) -> bool {
        self <= ManyNumbers
    }

    fn is_fault(self) -> bool {
        !self.is_change() && self <= GroupRenamed
    }

    /// Whether this can happen to such a directory.
    fn fits(self, variant: Variant) -> bool {
        match self {
            Writer => variant == Variant::Mirror,
            Lagging => variant == Variant::Consumer,
            Restored => !variant.has_two(),
            RightsTaken | ClockBack | ChangesHidden => variant == Variant::One,
            DeletionsHidden => variant.is_samba(),
            OddPersonNames => !variant.is_samba(),
            _ => true,
        }
    }

    /// As in `MODEL_FAULTS`: `CutInRefresh` is `cut-in-refresh`.
    fn key(self) -> String {
        let mut key = String::new();
        for c in format!("{self:?}").chars() {
            if c.is_uppercase() && !key.is_empty() {
                key.push('-');
            }
            key.extend(c.to_lowercase());
        }
        key
    }
}

/// What happens in one run.
pub struct Events(Vec<(Event, usize)>);

impl Events {
    /// For this directory. What is so throughout is so in half of the runs.
    pub fn of(variant: Variant, rng: &mut TestRng) -> Self {
        let only = std::env::var("MODEL_FAULTS").unwrap_or_default();
        for name in only.split(',').filter(|name| !name.is_empty()) {
            let is = |event: Event| event.is_fault() && event.key() == name;
            assert!(EVENTS.iter().any(|(event, ..)| is(*event)), "{name:?} is no fault");
        }
        let mut happens = |event: Event| {
            let wanted = only.is_empty() || only.split(',').any(|name| name == event.key());
            let comes = event.is_change() || if event.is_fault() { wanted } else { rng.random() };
            event.fits(variant) && comes
        };
        let events = EVENTS.iter().filter(|(event, ..)| happens(*event));
        let events: Vec<_> = events.map(|(event, weight, _)| (*event, *weight)).collect();
        // Of faults that do not happen to such a directory there are none.
        assert!(events.iter().any(|(event, _)| event.is_fault()), "{only} is nothing to it");
        Self(events)
    }

    pub fn has(&self, event: Event) -> bool {
        self.0.iter().any(|(other, _)| *other == event)
    }

    /// What is so throughout.
    pub fn throughout(&self) -> impl Iterator<Item = Event> {
        let events = self.0.iter().map(|(event, _)| *event);
        events.filter(|event| !event.is_change() && !event.is_fault())
    }

    pub fn change(&self, rng: &mut TestRng) -> Event {
        self.one(rng, Event::is_change)
    }

    pub fn fault(&self, rng: &mut TestRng) -> Event {
        self.one(rng, Event::is_fault)
    }

    fn one(&self, rng: &mut TestRng, is: fn(Event) -> bool) -> Event {
        let fitting = || self.0.iter().filter(|(event, _)| is(*event));
        let mut at = rng.random_range(0..fitting().map(|(_, weight)| weight).sum::<usize>());
        for (event, weight) in fitting() {
            if at < *weight {
                return *event;
            }
            at -= weight;
        }
        unreachable!("less than the sum")
    }
}
