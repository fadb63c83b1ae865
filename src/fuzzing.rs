//! Tries what reads strangers' bytes on bytes that nobody would send: real inputs, changed at random.
//! No input may end in a panic, or take long. docs/fuzzing.md says how to run it for longer.
//!
//! Each [`Target`] stands beside the code that it tries. An input that has an outcome not seen
//! before becomes one to start from, so that changes add up.

mod domain;
pub(crate) mod mutation;
mod wire;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use self::mutation::{Mutator, Numbers};

/// Inputs in an ordinary run, all targets together.
const FEW: u64 = 30_000;

/// The seed of an ordinary run, so that it tries the same inputs wherever it runs.
const SEED: u64 = 15;

/// Most inputs that are kept to start from.
const MOST_KEPT: usize = 2_000;

/// Longest that one input may take, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads an input, and gives back what tells its outcome from another.
pub(crate) type Reader = Box<dyn Fn(&[u8]) -> u64>;

/// Something that reads strangers' bytes.
pub(crate) struct Target {
    /// What it reads.
    pub kind: &'static str,
    /// How large its part of all inputs is, against the other targets'.
    pub share: u64,
    /// Real inputs.
    pub seeds: Vec<Vec<u8>>,
    /// Words that mean something in them.
    pub words: &'static [&'static str],
    /// Reads one; panics if that is wrong. What it gives back tells one outcome from another.
    pub read: Reader,
}

/// Real inputs as a target has them.
pub(crate) fn seeds<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> Vec<Vec<u8>> {
    texts.into_iter().map(|text| text.as_ref().to_vec()).collect()
}

/// What tells one outcome from another.
pub(crate) fn outcome(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

fn targets() -> Vec<Target> {
    let mut all = domain::targets();
    all.extend(wire::targets());
    all.extend(crate::http::called_in_otp::fuzz::targets());
    all.extend(crate::service::authentication_cloud::fuzz::targets());
    all.extend(crate::messenger::sms_over_http::fuzz::targets());
    all
}

/// What became of a target.
struct Tried {
    kind: &'static str,
    inputs: u64,
    outcomes: usize,
    took: Duration,
    slowest: Duration,
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// Tries a target on `count` inputs.
fn fuzz(target: &Target, count: u64, seed: u64) -> Tried {
    let mut mutator = Mutator::new(target.seeds.clone(), target.words);
    let (mut outcomes, mut slowest) = (HashSet::new(), Duration::ZERO);
    let begun = Instant::now();
    for index in 0..count {
        let mut numbers = Numbers::new(seed ^ outcome((target.kind, index)));
        let input = mutator.input(index, &mut numbers);
        let started = Instant::now();
        let read = catch_unwind(AssertUnwindSafe(|| (target.read)(&input)));
        let took = started.elapsed();
        let shown = String::from_utf8_lossy(&input);
        let (kind, hex) = (target.kind, || hex::encode(&input));
        let Ok(outcome) = read else {
            panic!("{kind}: a panic at input {index} of seed {seed}: {shown:?} ({})", hex());
        };
        assert!(took < PATIENCE, "{kind}: {took:?} for input {index}: {shown:?} ({})", hex());
        slowest = slowest.max(took);
        if outcomes.insert(outcome) && mutator.len() < MOST_KEPT {
            mutator.keep(input);
        }
    }
    let (kind, outcomes, took) = (target.kind, outcomes.len(), begun.elapsed());
    Tried { kind, inputs: count, outcomes, took, slowest }
}

#[test]
fn no_input_of_a_stranger_panics_or_takes_long() {
    let count = number("FUZZ_INPUTS").unwrap_or(FEW);
    let seed = number("FUZZ_SEED").unwrap_or(SEED);
    let only = std::env::var("FUZZ_ONLY").ok();
    let targets = targets();
    let shares: u64 = targets.iter().map(|target| target.share).sum();
    println!("seed {seed}");
    println!("| what is read | inputs | outcomes | inputs a second | slowest |");
    println!("|---|---|---|---|---|");
    let mut total = 0;
    for target in &targets {
        if only.as_ref().is_some_and(|only| only != target.kind) {
            continue;
        }
        let tried = fuzz(target, count.saturating_mul(target.share).div_ceil(shares), seed);
        let Tried { kind, inputs, outcomes, took, slowest } = tried;
        let rate = u128::from(inputs) * 1_000_000 / took.as_micros().max(1);
        println!(
            "| {kind} | {inputs} | {outcomes} | {rate} | {:.1} ms |",
            slowest.as_secs_f64() * 1e3
        );
        total += inputs;
    }
    println!("| all | {total} | | | |");
}
