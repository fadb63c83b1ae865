//! The ratios: getOTP against the bare server; getOTP and validateOTP on a directory server against
//! the rate that its searches and binds allow; latency at half the load; memory and start-up time.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use std::{fs, thread};

use anyhow::ensure;

use crate::Options;
use crate::client::{self, Code, Load, Outcome, Target, Work};
use crate::ldap::{self, Question};
use crate::people;
use crate::servers::{Http, Place, Process, Quotas, Slapd, file_tenant, ldap_tenant, processor};
use crate::table::{Goal, Rounds, Table};

/// The shortest allowed lifetime of codes, in seconds: a repeated call gets the same code for half
/// of it.
pub const SHORT: u32 = 10;
/// The longest lifetime, for codes that are made in advance.
const LONG: u32 = 600;

/// What each round measures.
#[derive(Default)]
struct Series {
    bare: Rounds,
    bare_micros: Rounds,
    file: Rounds,
    file_micros: Rounds,
    slapd: Rounds,
    login: Rounds,
    by_number: Rounds,
    adapter: Rounds,
    by_name: Rounds,
    bind: Rounds,
}

/// The servers under test.
struct Running {
    bare: Http,
    file: Http,
    ldap: Http,
    slapd: Slapd,
}

pub fn measure(place: &Place, options: &Options, table: &mut Table) -> anyhow::Result<()> {
    eprintln!("starting");
    start_and_rest(place, table)?;
    let slapd = place.slapd(options.people)?;
    let people = place.people_file(options.people)?;
    let file = file_tenant("file", SHORT, Quotas::InEarnest, &people);
    let calls = ldap_tenant("calls", SHORT, Quotas::InEarnest, &slapd.server);
    let logins = ldap_tenant("logins", LONG, Quotas::InEarnest, &slapd.server);
    let mut running = Running {
        bare: place.bare()?,
        file: place.dialpass("file", &place.folder.join("file.db"), &[file])?,
        ldap: place.dialpass("ldap", &place.folder.join("ldap.db"), &[calls, logins])?,
        slapd,
    };
    running.ldap.wait_until_all_is_up()?;

    let mut series = Series::default();
    let mut walk = Walk::default();
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        one_round(&running, options, &mut series, &mut walk)?;
    }
    let (file_half, ldap_half) = at_half(&running, options, &series, &walk)?;
    only_new_codes(&[&running.file, &running.ldap])?;

    rows(table, &series);
    processor_rows(table, &series);
    latency(table, "getOTP, file directory, at half that", &file_half, true);
    latency(table, "getOTP, OpenLDAP, at half that", &ldap_half, false);
    table.note("resident after all that", format!("{:.0} MiB", running.ldap.process.resident()?));
    Ok(())
}

/// The bare server and getOTP with the file directory alone, alternating.
pub fn measure_file_only(
    place: &Place,
    options: &Options,
    table: &mut Table,
) -> anyhow::Result<()> {
    let people = place.people_file(options.people)?;
    let file = file_tenant("file", SHORT, Quotas::InEarnest, &people);
    let bare = place.bare()?;
    let durable = [place.durable(1)?, place.durable(2)?];
    let file = place.dialpass("file", &place.folder.join("file.db"), &[file])?;
    let mut series = Series::default();
    let mut alone = [Rounds::default(), Rounds::default()];
    let mut walk = Walk::default();
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        bare_and_file(&bare, &file, options, &mut series, &mut walk)?;
        for (index, (server, rates)) in durable.iter().zip(&mut alone).enumerate() {
            let what = format!("durable rows alone: {}", index + 1);
            let target = server.target("file", options.people);
            let next = &walk.durable[index];
            rates
                .0
                .push(calls(&what, &server.process, &target, Work::Calls, options.full(), next)?.0);
        }
    }
    let half = Load { rate: Some(series.file.median() / 2.0), ..options.full() };
    let target = file.target("file", options.people);
    let half = client::run("getOTP at half", &target, Work::Calls, half, &walk.file)?;
    only_new_codes(&[&file])?;
    file_rows(table, &series);
    processor_rows(table, &series);
    for (rates, what) in alone.iter().zip(["one durable row", "two durable rows"]) {
        table.rate(&format!("{what} a call in SQLite, and nothing else"), rates);
        table.note("  to the bare server", rates.of(&series.bare).as_ratio());
    }
    latency(table, "getOTP, file directory, at half that", &half, true);
    table.note("resident after all that", format!("{:.0} MiB", file.process.resident()?));
    Ok(())
}

/// The positions of the walks through the people, and the codes left over.
#[derive(Default)]
pub struct Walk {
    bare: Arc<AtomicU64>,
    durable: [Arc<AtomicU64>; 2],
    pub file: Arc<AtomicU64>,
    ldap: Arc<AtomicU64>,
    alone: Arc<AtomicU64>,
    logins: u64,
    pub codes: Vec<Code>,
    login_rate: Option<f64>,
}

/// Runs everything once, each next to what it is compared with.
fn one_round(
    running: &Running,
    options: &Options,
    series: &mut Series,
    walk: &mut Walk,
) -> anyhow::Result<()> {
    let (load, people) = (options.full(), options.people);
    bare_and_file(&running.bare, &running.file, options, series, walk)?;
    let alone = |what: &str, question| -> anyhow::Result<f64> {
        let rate = ldap::rate(
            &running.slapd.server,
            question,
            load.connections,
            load.warm_up,
            load.time,
            &walk.alone,
        )?;
        eprintln!("  {what}: {rate:.0}/s");
        Ok(rate)
    };
    series.by_number.0.push(alone("search by number", Question::ByNumber)?);
    let ldap = running.ldap.target("calls", people);
    let slapd = &running.slapd.process;
    let (rate, _) = calls("getOTP, OpenLDAP", slapd, &ldap, Work::Calls, load, &walk.ldap)?;
    series.slapd.0.push(rate);
    series.adapter.0.push(alone("search by number, by the adapter", Question::Adapter)?);

    series.by_name.0.push(alone("search by name", Question::ByName)?);
    series.bind.0.push(alone("bind", Question::Bind)?);
    series.login.0.push(logins(&running.ldap, options, walk)?);
    Ok(())
}

/// The bare server and getOTP with the file directory, one after the other.
fn bare_and_file(
    bare: &Http,
    file: &Http,
    options: &Options,
    series: &mut Series,
    walk: &mut Walk,
) -> anyhow::Result<()> {
    let (load, people) = (options.full(), options.people);
    let target = bare.target("file", people);
    let (rate, micros) = calls("bare", &bare.process, &target, Work::Calls, load, &walk.bare)?;
    series.bare.0.push(rate);
    series.bare_micros.0.push(micros);

    let target = file.target("file", people);
    let (rate, micros) =
        calls("getOTP, file directory", &file.process, &target, Work::Calls, load, &walk.file)?;
    series.file.0.push(rate);
    series.file_micros.0.push(micros);
    Ok(())
}

/// Runs calls, as `work` makes them; returns their rate, and the CPU microseconds that `server` used per call.
pub fn calls(
    what: &str,
    server: &Process,
    target: &Target,
    work: Work,
    load: Load,
    next: &Arc<AtomicU64>,
) -> anyhow::Result<(f64, f64)> {
    let (server_before, client_before) = (server.processor()?, processor("self")?);
    let outcome = client::run(what, target, work, load, next)?;
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let each = 1e6 / outcome.answered_in_all as f64;
    let micros = (server.processor()? - server_before) * each;
    let client = (processor("self")? - client_before) * each;
    eprintln!(
        "  {what}: {:.0}/s, p50 {:.2} ms, p99 {:.2} ms, processor time a request: server \
         {micros:.1} µs, client {client:.1} µs",
        outcome.rate(),
        outcome.percentile(0.5),
        outcome.percentile(0.99),
    );
    Ok((outcome.rate(), micros))
}

/// Runs logins of the tenant `logins` with codes made in advance, each used once; counts until no code
/// is left.
pub fn logins(server: &Http, options: &Options, walk: &mut Walk) -> anyhow::Result<f64> {
    let load = options.full();
    make_codes(server, options, walk)?;
    let target = server.target("logins", options.people);
    let unused = Arc::default();
    let done = client::run(
        "validateOTP",
        &target,
        Work::Logins(walk.codes.as_slice().into()),
        load,
        &unused,
    )?;
    let used = usize::try_from(done.answered_in_all)?.min(walk.codes.len());
    walk.codes.drain(..used);
    eprintln!(
        "  validateOTP: {:.0}/s over {} logins, p50 {:.2} ms, p99 {:.2} ms",
        done.rate(),
        done.answered,
        done.percentile(0.5),
        done.percentile(0.99),
    );
    walk.login_rate = Some(done.rate());
    Ok(done.rate())
}

/// Has enough codes told for a round of logins: half as many again as last time; the first round has
/// to guess.
pub fn make_codes(server: &Http, options: &Options, walk: &mut Walk) -> anyhow::Result<()> {
    let load = options.full();
    let wanted = walk.login_rate.unwrap_or(4000.0) * 1.5 * (load.time + load.warm_up).as_secs_f64();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousands")]
    let wanted = (wanted as usize).min(options.people as usize);
    let missing = wanted.saturating_sub(walk.codes.len());
    let callers: Arc<[u32]> =
        (walk.logins..).take(missing).map(|turn| people::at_turn(turn, options.people)).collect();
    walk.logins += u64::try_from(missing)?;
    let unbounded = Load { warm_up: Duration::ZERO, time: Duration::from_mins(2), ..load };
    if !callers.is_empty() {
        let target = server.target("logins", options.people);
        let work = Work::CallsBy(callers);
        let told = client::run("codes for logins", &target, work, unbounded, &Arc::default())?;
        walk.codes.extend(told.codes);
    }
    Ok(())
}

/// Runs calls at half the highest rate.
fn at_half(
    running: &Running,
    options: &Options,
    series: &Series,
    walk: &Walk,
) -> anyhow::Result<(Outcome, Outcome)> {
    eprintln!("at half the rate");
    let load = |most: &Rounds| Load { rate: Some(most.median() / 2.0), ..options.full() };
    let file = running.file.target("file", options.people);
    let ldap = running.ldap.target("calls", options.people);
    Ok((
        client::run("getOTP at half", &file, Work::Calls, load(&series.file), &walk.file)?,
        client::run("getOTP at half", &ldap, Work::Calls, load(&series.slapd), &walk.ldap)?,
    ))
}

/// A repeated code costs no write, so repeats must not distort the result.
fn only_new_codes(servers: &[&Http]) -> anyhow::Result<()> {
    for server in servers {
        let (new, again) = server.told()?;
        ensure!(new > 0.0, "the metrics do not say that codes were made");
        ensure!(
            again <= new / 1000.0,
            "{again} codes were told again beside {new} new ones, which is cheaper: give --people \
             more than are called in 5 s"
        );
    }
    Ok(())
}

/// Starts dialpass a few times with a thousand people, and leaves the last one idle for a while.
fn start_and_rest(place: &Place, table: &mut Table) -> anyhow::Result<()> {
    let file = file_tenant("file", SHORT, Quotas::InEarnest, &place.people_file(1000)?);
    let store = place.folder.join("idle.db");
    let mut ready = Rounds::default();
    for _ in 0..7 {
        let started = place.dialpass("idle", &store, std::slice::from_ref(&file))?;
        ready.0.push(started.ready_after.as_secs_f64() * 1000.0);
        fs::remove_file(&store)?;
    }
    let idle = place.dialpass("idle", &store, &[file])?;
    thread::sleep(Duration::from_secs(2));
    let resident = idle.process.resident()?;
    let after = ready.median();
    let what = "ready after (first answer over TLS), ms";
    table.judge(what, format!("{after:.0}"), after, Goal::Below(200.0));
    table.judge("resident when idle, MiB", format!("{resident:.1}"), resident, Goal::Below(40.0));
    Ok(())
}

fn file_rows(table: &mut Table, series: &Series) {
    let Series { bare, file, .. } = series;
    table.rate("bare actix-web server", bare);
    table.rate("getOTP, file directory, SQLite, new codes", file);
    let share = file.of(bare);
    table.judge("  to the bare server", share.as_ratio(), share.median(), Goal::AtLeast(0.5));
}

fn processor_rows(table: &mut Table, series: &Series) {
    table.note("  processor time of the bare server", micros(&series.bare_micros));
    table.note("  processor time of getOTP, file directory", micros(&series.file_micros));
}

fn rows(table: &mut Table, series: &Series) {
    let Series { file, slapd, login, by_number, adapter, by_name, bind, .. } = series;
    file_rows(table, series);
    table.rate("search by number alone, by the LDAP library", by_number);
    table.rate("  the same by dialpass's adapter", adapter);
    table.rate("getOTP, OpenLDAP, SQLite, new codes", slapd);
    let sum = file.then(by_number);
    table.rate("  1 / (1/getOTP with a file + 1/search)", &sum);
    let share = slapd.of(&sum);
    table.judge("  to that", share.as_ratio(), share.median(), Goal::AtLeast(0.9));

    table.rate("search by name alone, by the LDAP library", by_name);
    table.rate("{SSHA} bind alone, by the LDAP library", bind);
    table.rate("validateOTP, OpenLDAP, SQLite", login);
    let sum = file.then(by_name).then(bind);
    table.rate("  1 / (1/getOTP with a file + 1/search + 1/bind)", &sum);
    let share = login.of(&sum);
    table.judge("  to that", share.as_ratio(), share.median(), Goal::AtLeast(0.9));
}

pub fn micros(rounds: &Rounds) -> String {
    format!("{:.0} µs a request", rounds.median())
}

pub fn latency(table: &mut Table, what: &str, outcome: &Outcome, judged: bool) {
    let (middle, slow) = (outcome.percentile(0.5), outcome.percentile(0.99));
    let rate = crate::table::thousands(outcome.rate());
    table.note(&format!("{what} ({rate}/s): p50, ms"), format!("{middle:.2}"));
    if judged {
        table.judge("  p99, ms", format!("{slow:.2}"), slow, Goal::Below(5.0));
    } else {
        table.note("  p99, ms", format!("{slow:.2}"));
    }
}
