//! The right person or none, over every country of the numbering metadata: each of its example
//! numbers as a caller in each form that telephone systems write, against the same number in each
//! form that directories hold, with the strangers whom those texts could be taken for.

pub mod forms;
mod judge;
pub mod samples;
mod table;

use std::sync::atomic::{AtomicUsize, Ordering};

use rlibphonenumber::Region;

use self::judge::{Tally, judge};
use self::samples::{Sample, regions, samples};

/// Every country's verdicts, by several threads.
fn countries() -> Vec<(Region, Tally)> {
    let regions = regions();
    let abroad: Vec<Sample> =
        regions.iter().filter_map(|region| samples(*region).into_iter().next()).collect();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let next = AtomicUsize::new(0);
    let mut judged: Vec<(usize, Tally)> = std::thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(region) = regions.get(at) else { return done };
                done.push((at, judge(*region, &abroad)));
            }
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it ends")).collect()
    });
    judged.sort_by_key(|(at, _)| *at);
    judged.into_iter().map(|(at, tally)| (regions[at], tally)).collect()
}

#[test]
fn in_no_country_does_a_caller_hear_another_users_code() {
    let countries = countries();
    let mut world = Tally::default();
    for (_, tally) in &countries {
        world.add(tally);
    }
    let few = |all: &[String]| all.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(world.wrong.is_empty(), "{} wrong:\n{}", world.wrong.len(), few(&world.wrong));
    assert!(world.unexplained.is_empty(), "refused:\n{}", few(&world.unexplained));
    assert!(world.pairs >= 100_000, "{} pairs", world.pairs);
    assert!(world.stored.share(0) >= 65.0, "by equality {}", world.stored.share(0));
    assert!(world.stored.share(1) >= 97.0, "by patterns {}", world.stored.share(1));
    assert_eq!(world.stored.by[2] + world.two_readings, world.stored.written, "by the index");
    table::hold("directory.md", &table::summary(&world));
    table::hold("numbers.md", &table::whole(&world, &countries));
}
