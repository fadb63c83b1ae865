//! The table against plain maps, under random changes.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::{MOST, Table, key, number, person, plan, sweep};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::user::Ambiguity;

#[derive(Debug, Clone)]
enum Step {
    Upsert(u64, Vec<usize>, String, bool),
    Remove(u64),
    Begin,
    See(u64),
    Sweep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..12_u64;
    let step = prop_oneof![
        6 => (who.clone(), proptest::collection::vec(0..6_usize, 0..4), "[a-z]{1,60}", any::<bool>())
            .prop_map(|(of, numbers, name, usable)| Step::Upsert(of, numbers, name, usable)),
        2 => who.clone().prop_map(Step::Remove),
        1 => Just(Step::Begin),
        3 => who.prop_map(Step::See),
        1 => Just(Step::Sweep),
    ];
    proptest::collection::vec(step, 1..80)
}

proptest! {
    #[test]
    fn a_numbers_owner_is_the_one_who_has_it(
        text in "(\\+|00)?(1|39|43|44|46|49|54|55|354|358|800|0)[0-9]{3,14}( ext\\. [0-9]{1,7})?",
    ) {
        // Some unassigned numbers, such as +43 000000, lose zeros each time they are read; they
        // match no one.
        let stable = |number: &PhoneNumber| plan().read_stored(&number.key()).as_ref() == Some(number);
        if let Some(number) = plan().read_stored(&text).filter(stable) {
            let mut table = Table::default();
            table.upsert(&person(1, "anna", &[&text]));
            let found = table.candidates(&number, MOST);
            let one = found.exactly_one(&number, &plan(), Ambiguity::Refuse, None);
            prop_assert_eq!(one.map(|user| user.username), Ok("anna".to_owned()), "{}", text);
        }
    }

    #[test]
    fn the_table_says_what_plain_maps_say(steps in steps()) {
        let numbers: Vec<String> = (0..5).map(|n| format!("+4670123456{n}"))
            .chain(["+46701234560 ext. 7".to_owned()]).collect();
        let mut table = Table::default();
        let mut model: HashMap<u64, (Vec<usize>, Option<String>)> = HashMap::new();
        let mut seen = BTreeSet::new();
        for step in steps {
            match step {
                Step::Upsert(of, which, name, usable) => {
                    let texts: Vec<&str> = which.iter().map(|at| numbers[*at].as_str()).collect();
                    let mut person = person(of, &name, &texts);
                    if !usable {
                        person.user = None;
                    }
                    table.upsert(&person);
                    seen.insert(of);
                    if which.is_empty() {
                        model.remove(&of);
                    } else {
                        model.insert(of, (which, usable.then_some(name)));
                    }
                }
                Step::Remove(of) => {
                    table.remove(&key(of));
                    model.remove(&of);
                }
                Step::Begin => {
                    table.begin();
                    seen.clear();
                }
                Step::See(of) => {
                    table.see(&key(of));
                    if model.contains_key(&of) {
                        seen.insert(of);
                    }
                }
                Step::Sweep => {
                    sweep(&mut table);
                    model.retain(|of, _| seen.contains(of));
                }
            }
            prop_assert_eq!(table.len(), model.len());
            for (at, text) in numbers.iter().enumerate() {
                let found = table.candidates(&number(text), 100);
                let mut got: Vec<_> = found.users.iter().map(|user| user.username.clone()).collect();
                let owners = || model.values().filter(|(which, _)| which.contains(&at));
                let mut wanted: Vec<_> = owners().filter_map(|(_, name)| name.clone()).collect();
                got.sort();
                wanted.sort();
                prop_assert_eq!(got, wanted);
                prop_assert_eq!(found.truncated, owners().any(|(_, name)| name.is_none()));
                for user in found.users {
                    for value in user.numbers {
                        prop_assert!(plan().read_stored(&value.text).is_some());
                    }
                }
            }
        }
    }
}
