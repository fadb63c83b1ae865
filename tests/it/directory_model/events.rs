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
    RightsTaken,
    Lagging,
    GroupRenamed,
    OddGroupNames,
    OddPersonNames,
    Namesakes,
}

use Event::{
    Away, Cut, CutInRefresh, Disabled, GroupNested, GroupRenamed, Hup, Import, Killed, Lagging,
    ManyNumbers, MemberChanged, Namesakes, NumberMoved, NumbersChanged, OddGroupNames,
    OddPersonNames, OuRenamed, PersonAdded, PersonDeleted, PersonMoved, PersonRenamed, Restored,
    RightsTaken, Silent, Stopped, Writer,
};

/// What a run needs besides `MODEL_ALSO` to have something happen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// Only where it is asked for by name.
    Asked,
}

/// Each event, how often it comes among its like, and when.
const EVENTS: [(Event, usize, &str, When); 27] = [
    (PersonAdded, 3, "person added", When::Always),
    (PersonDeleted, 3, "person deleted", When::Always),
    (NumbersChanged, 5, "numbers changed", When::Always),
    (NumberMoved, 5, "number given to somebody else", When::Always),
    (PersonRenamed, 2, "person renamed", When::Always),
    (PersonMoved, 2, "person moved, also out of the base", When::Always),
    (OuRenamed, 1, "OU renamed", When::Always),
    (Disabled, 2, "person disabled or enabled", When::Always),
    (MemberChanged, 4, "member added or removed", When::Always),
    (GroupNested, 1, "group nested or not", When::Always),
    (ManyNumbers, 1, "seventy numbers", When::Asked),
    (Killed, 3, "server killed and restarted", When::Always),
    (Stopped, 3, "server stopped and continued", When::Always),
    (Silent, 3, "server silent, and changed meanwhile", When::Always),
    (Away, 3, "server out of reach, and changed meanwhile", When::Always),
    (Cut, 3, "connections cut", When::Always),
    (CutInRefresh, 3, "connections cut in a refresh", When::Always),
    (Hup, 2, "SIGHUP", When::Always),
    (Import, 2, "bulk import", When::Always),
    (Writer, 2, "changes through the other provider", When::Always),
    (Restored, 2, "restored from a backup", When::Asked),
    (RightsTaken, 2, "rights taken away and given back", When::Asked),
    (Lagging, 2, "preferred server back, the other lags", When::Asked),
    (GroupRenamed, 2, "excluded group renamed and back", When::Asked),
    (OddGroupNames, 0, "groups' names differ in punctuation", When::Asked),
    (OddPersonNames, 0, "members named in other Unicode forms", When::Asked),
    (Namesakes, 0, "a DN given to somebody else", When::Asked),
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
            RightsTaken => variant == Variant::One,
            OddPersonNames => !variant.is_samba(),
            _ => true,
        }
    }

    /// As in `MODEL_ALSO`: `OuRenamed` is `ou-renamed`.
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
    /// For this directory. OpenLDAP's people below a renamed OU come only where they are asked for.
    pub fn of(variant: Variant) -> Self {
        let also = std::env::var("MODEL_ALSO").unwrap_or_default();
        let only = std::env::var("MODEL_FAULTS").unwrap_or_default();
        let listed = |list: &str, event: Event| {
            list.split(',').any(|name| name == "all" || name == event.key())
        };
        for name in also.split(',').chain(only.split(',')).filter(|name| !name.is_empty()) {
            let known = EVENTS.iter().any(|(event, ..)| event.key() == name);
            assert!(known || name == "all", "{name:?} is no event");
        }
        let happens = |event: Event, when: When| {
            let asked = listed(&also, event) || listed(&only, event);
            let comes = when == When::Always && (event != OuRenamed || variant.is_samba());
            let wanted = only.is_empty() || !event.is_fault() || listed(&only, event);
            event.fits(variant) && (comes || asked) && wanted
        };
        let events = EVENTS.iter().filter(|(event, _, _, when)| happens(*event, *when));
        Self(events.map(|(event, weight, ..)| (*event, *weight)).collect())
    }

    pub fn has(&self, event: Event) -> bool {
        self.0.iter().any(|(other, _)| *other == event)
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
