//! The two stores compared: getOTP with SQLite, and with PostgreSQL on one and three nodes, with a
//! thousand to a million live codes, and while a million expired ones are deleted.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::ensure;
use dialpass::domain::clock::{Clock, SystemClock, Timestamp};

use crate::Options;
use crate::client::{self, Outcome, Target, Work};
use crate::flatness::{Filling, fill};
use crate::postgres::Postgres;
use crate::servers::{Http, Place, Quotas, file_tenant};
use crate::table::{Rounds, Table, thousands};

/// Lifetime of the calls' codes, in seconds: a repeated call gets the same code for half of it.
const SHORT: u32 = 10;
/// The fewest live codes.
const FEW: u32 = 1_000;
/// Live codes between the fewest and the most.
const SOME: u32 = 100_000;
/// Nodes of a cluster.
const NODES: usize = 3;

/// The figures of each side, one per round.
#[derive(Default)]
struct Series {
    rate: Rounds,
    p50: Rounds,
    p99: Rounds,
}

/// One setup under test.
struct Side {
    name: String,
    nodes: Vec<Http>,
    walk: Arc<AtomicU64>,
}

/// The state of the additional rows, whose owners never call.
#[derive(Clone, Copy)]
enum Rows {
    Live,
    /// Due for deletion as soon as the sweep looks.
    Dead,
}

pub fn measure(place: &Place, options: &Options, table: &mut Table) -> anyhow::Result<()> {
    let postgres = place.postgres()?;
    let mut few = None;
    for codes in [FEW, SOME, options.most] {
        let all = round_by_round(place, options, &postgres, codes, Rows::Live, table)?;
        let [sqlite, one, three] = &all;
        let codes_text = thousands(codes.into());
        for (name, series) in names().iter().zip(&all) {
            table.rate_and(
                &format!("{name}, {codes_text} live codes"),
                &series.rate,
                figures(series),
            );
        }
        let ratio = |of: &Series, to: &Series| of.rate.of(&to.rate).as_ratio();
        table.note("  PostgreSQL, one node, to SQLite", ratio(one, sqlite));
        table.note("  PostgreSQL, three nodes, to one", ratio(three, one));
        if let Some(few) = &few {
            compare(table, "to 1,000 live codes", &all, few);
        } else {
            few = Some(all);
        }
    }
    let deleting = round_by_round(place, options, &postgres, options.most, Rows::Dead, table)?;
    let dead = thousands(options.most.into());
    for (name, series) in names().iter().zip(&deleting) {
        table.rate_and(
            &format!("{name}, while {dead} dead codes are deleted"),
            &series.rate,
            figures(series),
        );
    }
    if let Some(few) = &few {
        compare(table, "to none to delete", &deleting, few);
    }
    table.note("PostgreSQL's memory after all that", format!("{:.0} MiB", postgres.memory()?));
    Ok(())
}

fn names() -> [&'static str; 3] {
    ["SQLite", "PostgreSQL, one node", "PostgreSQL, three nodes"]
}

fn figures(series: &Series) -> String {
    let ms = |rounds: &Rounds| format!("{:.1} ms", rounds.median());
    format!("{}, p50 {}, p99 {}", series.rate.as_rate(), ms(&series.p50), ms(&series.p99))
}

fn compare(table: &mut Table, to: &str, all: &[Series; 3], few: &[Series; 3]) {
    for ((name, series), few) in names().iter().zip(all).zip(few) {
        let rate = series.rate.of(&few.rate);
        let p99 = series.p99.of(&few.p99);
        table.note(
            &format!("  {name}, {to}: rate, p99"),
            format!("{}, {}", rate.as_ratio(), p99.as_ratio()),
        );
    }
}

/// Loads each side in turn, all with this many additional rows.
fn round_by_round(
    place: &Place,
    options: &Options,
    postgres: &Postgres,
    codes: u32,
    rows: Rows,
    table: &mut Table,
) -> anyhow::Result<[Series; 3]> {
    let kind = match rows {
        Rows::Live => "live",
        Rows::Dead => "dead",
    };
    eprintln!("{codes} {kind} codes");
    let sides = sides(place, options, postgres, codes, rows, &format!("{kind}{codes}"), table)?;
    let mut series: [Series; 3] = Default::default();
    for round in 0..options.rounds {
        for step in 0..sides.len() {
            // Each side goes first equally often.
            let at = (round + step) % sides.len();
            let outcome = load(&sides[at], options)?;
            series[at].rate.0.push(outcome.rate());
            series[at].p50.0.push(outcome.percentile(0.5));
            series[at].p99.0.push(outcome.percentile(0.99));
        }
    }
    if matches!(rows, Rows::Live) {
        let resident = |side: &Side| -> anyhow::Result<String> {
            let mib: Result<Vec<_>, _> =
                side.nodes.iter().map(|node| node.process.resident()).collect();
            Ok(mib?.iter().map(|mib| format!("{mib:.0}")).collect::<Vec<_>>().join(" + "))
        };
        let texts = sides.iter().map(resident).collect::<Result<Vec<_>, _>>()?;
        table.note(
            &format!("resident, {} live codes: SQLite, one node, three", thousands(codes.into())),
            format!("{} MiB", texts.join(", ")),
        );
    }
    Ok(series)
}

fn load(side: &Side, options: &Options) -> anyhow::Result<Outcome> {
    let mut target: Target = side.nodes[0].target("file", options.people);
    for node in &side.nodes[1..] {
        target.addresses.extend(node.target("file", options.people).addresses);
    }
    let outcome = client::run(&side.name, &target, Work::Calls, options.full(), &side.walk)?;
    eprintln!(
        "  {}: {:.0}/s, p50 {:.1} ms, p99 {:.1} ms",
        side.name,
        outcome.rate(),
        outcome.percentile(0.5),
        outcome.percentile(0.99)
    );
    Ok(outcome)
}

/// The three setups, each with its own store.
fn sides(
    place: &Place,
    options: &Options,
    postgres: &Postgres,
    codes: u32,
    rows: Rows,
    name: &str,
    table: &mut Table,
) -> anyhow::Result<[Side; 3]> {
    let people = place.people_file(options.people)?;
    let tenant = [file_tenant("file", SHORT, Quotas::InEarnest, &people)];
    let side = |name: &str, nodes| Side { name: name.to_owned(), nodes, walk: Arc::default() };

    let file = place.folder.join(format!("{name}.db"));
    let empty = place.folder.join(format!("{name}-empty.db"));
    let filling = Filling { first: options.people, people: codes };
    fill(&empty, &place.server_key, Filling { people: 0, ..filling }, Arc::new(SystemClock))?;
    let clock: Arc<dyn Clock> = match rows {
        Rows::Live => Arc::new(SystemClock),
        Rows::Dead => Arc::new(LongAgo),
    };
    fill(&file, &place.server_key, filling, clock)?;
    let sqlite = place.dialpass(&format!("{name}-sqlite"), &file, &tenant)?;

    let on_postgres = |label: &str, count: usize| -> anyhow::Result<(Vec<Http>, f64)> {
        let database = format!("{name}_{count}");
        let keys = postgres.database(&database)?;
        let mut nodes = Vec::new();
        for node in 0..count {
            let name = format!("{database}-{label}-{node}");
            nodes.push(place.dialpass_on(&name, &keys, &tenant)?);
        }
        let before = size(postgres, &database)?;
        insert(postgres, &database, codes, rows)?;
        Ok((nodes, (size(postgres, &database)? - before) / f64::from(codes)))
    };
    let (one, bytes) = on_postgres("one", 1)?;
    let (three, _) = on_postgres("three", NODES)?;
    if matches!(rows, Rows::Live) {
        let length = |path| -> anyhow::Result<f64> {
            #[expect(clippy::cast_precision_loss, reason = "a file far below 2^52 bytes")]
            Ok(std::fs::metadata(path)?.len() as f64)
        };
        let in_file = (length(&file)? - length(&empty)?) / f64::from(codes);
        table.note(
            &format!("bytes a code, {} live: SQLite, PostgreSQL", thousands(codes.into())),
            format!("{in_file:.0}, {bytes:.0} (with its user's budgets and its number's)"),
        );
    }
    Ok([
        side("SQLite", vec![sqlite]),
        side("PostgreSQL, one node", one),
        side("three nodes", three),
    ])
}

/// Size of a database's tables and indexes, in bytes.
fn size(postgres: &Postgres, database: &str) -> anyhow::Result<f64> {
    let sql = "SELECT pg_total_relation_size('dialpass.subjects') \
        + pg_total_relation_size('dialpass.callers')";
    Ok(postgres.sql(database, sql)?.parse()?)
}

/// Inserts rows of people who never call: by SQL, because the store itself would take minutes.
fn insert(postgres: &Postgres, database: &str, codes: u32, rows: Rows) -> anyhow::Result<()> {
    let idle_from = match rows {
        Rows::Live => "dialpass.now_ms() + 600000",
        Rows::Dead => "dialpass.now_ms() - 1000",
    };
    let time = "int8send(dialpass.now_ms())";
    let put = postgres.sql(
        database,
        &format!(
            "INSERT INTO dialpass.subjects SELECT 'file', 'call', gen_random_uuid()::text, \
             {idle_from}, dialpass.now_ms() / 1000, {idle_from} / 1000, 3, 20, 6, false, \
             uuid_send(gen_random_uuid()), '0123456789abcdef', {time}, '', '' \
             FROM generate_series(1, {codes}); \
             INSERT INTO dialpass.callers SELECT 'file', '+4679' || lpad(n::text, 7, '0'), \
             {idle_from}, {time} FROM generate_series(1, {codes}) n"
        ),
    )?;
    ensure!(put.is_empty(), "{put}");
    postgres.sql(database, "VACUUM ANALYZE dialpass.subjects, dialpass.callers")?;
    postgres.sql(database, "CHECKPOINT")?;
    Ok(())
}

/// The time a day ago, so that whatever is issued has long expired.
struct LongAgo;

impl Clock for LongAgo {
    fn now(&self) -> Timestamp {
        let day = Duration::from_hours(24);
        let millis = i64::try_from(day.as_millis()).unwrap_or(0);
        Timestamp::from_millis(SystemClock.now().as_millis() - millis)
    }
}
