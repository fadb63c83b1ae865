//! Runs all targets, and reports how many inputs each had.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::mutation::{Mutator, Numbers};
use super::{Target, domain, outcome, wire};

/// Number of inputs in an ordinary run, all targets together.
const FEW: u64 = 30_000;

/// The seed of an ordinary run, so that it makes the same mutations everywhere.
const SEED: u64 = 15;

/// Most inputs kept as starting points.
const MOST_KEPT: usize = 2_000;

/// Longest time that one input may take.
const PATIENCE: Duration = Duration::from_secs(2);

fn targets() -> Vec<Target> {
    let mut all = domain::targets();
    all.extend(wire::targets());
    all.extend(crate::http::listener::fuzz::targets());
    all.extend(crate::http::called_in_otp::fuzz::targets());
    all.extend(crate::http::voice::fuzz::targets());
    all.extend(crate::service::authentication_cloud::fuzz::targets());
    all.extend(crate::messenger::sms_over_http::fuzz::targets());
    all
}

/// The result of a target.
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

/// Runs a target on `count` inputs.
fn fuzz(target: &Target, count: u64, seed: u64) -> Tried {
    let mut mutator = Mutator::new(target.seeds.clone(), target.words);
    let (mut outcomes, mut slowest) = (HashSet::new(), Duration::ZERO);
    let begun = Instant::now();
    for index in 0..count {
        let mut numbers = Numbers::new(seed ^ outcome((target.kind, index)));
        let input = mutator.input(index, &mut numbers);
        let shown = || {
            let text = String::from_utf8_lossy(&input);
            format!(
                "{}: input {index} of seed {seed}: {text:?} ({})",
                target.kind,
                hex::encode(&input)
            )
        };
        let started = Instant::now();
        let read = catch_unwind(AssertUnwindSafe(|| (target.read)(&input)));
        let mut took = started.elapsed();
        let Ok(outcome) = read else { panic!("a panic, {}", shown()) };
        // The machine may have been busy with something else, so try again.
        for _ in 0..3 {
            if took >= PATIENCE {
                let started = Instant::now();
                (target.read)(&input);
                took = took.min(started.elapsed());
            }
        }
        assert!(took < PATIENCE, "{took:?}, {}", shown());
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
