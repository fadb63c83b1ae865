//! The whole gateway over a directory that changes at random and fails at random: each answer is
//! what a model in memory says now, or a refusal, or, by the index, what it said no longer ago than
//! is documented.
//!
//! | variable | |
//! |---|---|
//! | `MODEL_SEED` | a number: the same changes and faults again (not at the same moments) |
//! | `MODEL_SECONDS` | how long each directory's run lasts |
//! | `MODEL_FAULTS` | the only faults that happen (`restored,lagging`) |
//! | `WRITE_DOCS` | writes the table of what was tried |

mod changes;
mod cutter;
mod events;
mod faults;
mod layout;
mod oracle;
mod people;
mod planted;
mod rights;
mod run;
mod site;
mod tally;
mod tenants;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use self::events::Variant;
use self::run::Run;
use self::tally::Tally;

/// How long a run lasts unless `MODEL_SECONDS` says otherwise.
const SECONDS: u64 = 30;
/// How long it goes on where too little was tried.
const LONGEST: Duration = Duration::from_secs(100);

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number: {text:?}")))
}

async fn holds(variant: Variant) {
    static TALLIES: Mutex<BTreeMap<Variant, Tally>> = Mutex::new(BTreeMap::new());
    let seed = variable("MODEL_SEED").unwrap_or_else(|| {
        let mut bytes = [0; 4];
        getrandom::fill(&mut bytes).expect("random bytes");
        u32::from_be_bytes(bytes).into()
    });
    println!("model of {}: MODEL_SEED={seed}", variant.name());
    let mut run = Run::start(variant, seed).await;
    let begun = Instant::now();
    let planned = Duration::from_secs(variable("MODEL_SECONDS").unwrap_or(SECONDS));
    run.until(begun + planned).await;
    // A machine that has much to do needs longer.
    while !run.tally.is_enough() && begun.elapsed() < LONGEST {
        run.until(Instant::now() + Duration::from_secs(10)).await;
    }
    run.tally.took = begun.elapsed();
    println!("model of {}: {:?}", variant.name(), run.tally);
    run.tally.hold(planned);
    let mut tallies = TALLIES.lock().unwrap();
    tallies.insert(variant, run.tally);
    if tallies.len() == Variant::ALL.len() {
        tally::write(&tallies);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_openldap_server_is_what_the_model_says() {
    holds(Variant::One).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_openldap_provider_and_its_consumer_are_what_the_model_says() {
    holds(Variant::Consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_openldap_providers_are_what_the_model_says() {
    holds(Variant::Mirror).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_active_directory_is_what_the_model_says() {
    holds(Variant::Samba).await;
}

#[test]
fn the_documentation_has_what_was_tried_on_each_directory() {
    let table = tally::held();
    for variant in Variant::ALL {
        assert!(table.contains(variant.name()), "{}: WRITE_DOCS=1", variant.name());
    }
    assert!(table.contains("| told the wrong person | 0 |"), "{table}");
}
