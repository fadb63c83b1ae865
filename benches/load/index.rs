//! The index of a directory server's numbers: how long it takes to build, how much memory it needs,
//! and how many lookups it answers, compared with a search at each call and with the file
//! directory.
//!
//! With few people, each is called repeatedly and gets the same code for a while, which is cheaper,
//! whatever the lookup. So only sides that differ in nothing but the lookup are compared.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use dialpass::directory::Directory;
use dialpass::directory::file::FileDirectory;
use dialpass::directory::ldap::{Confirm, IndexSettings, LdapDirectory, Lookup};
use dialpass::domain::stored_number::NumberingPlan;
use tokio::runtime::Runtime;

use crate::Options;
use crate::client::{self, Target, Work};
use crate::ldap;
use crate::people;
use crate::servers::{Http, Place, Quotas, Slapd, file_tenant, index_tenant, ldap_tenant};
use crate::table::{Goal, Rounds, Table, thousands};

/// The smaller numbers of people.
const FEWER: [u32; 2] = [1000, 100_000];
/// Lifetime of all codes here, in seconds.
const LIFETIME: u32 = 600;
/// Goal for building the index with the most people, in seconds.
const BUILT_WITHIN: f64 = 60.0;
/// Goal for the whole process's memory then, in MiB.
const RESIDENT: f64 = 150.0;

pub fn measure(place: &Place, options: &Options, table: &mut Table) -> anyhow::Result<()> {
    let most = options.most;
    for count in FEWER.into_iter().filter(|fewer| *fewer < most).chain([most]) {
        eprintln!("{count} people");
        with(place, options, count, table)?;
    }
    Ok(())
}

fn with(place: &Place, options: &Options, count: u32, table: &mut Table) -> anyhow::Result<()> {
    let slapd = place.slapd_with_sync(count)?;
    let of = format!("{} people", thousands(count.into()));
    let mut index = start(place, "index", &index_tenant("ldap", LIFETIME, &slapd.server), count)?;
    let built = index.wait_until_index_is_live()?.as_secs_f64();
    eprintln!("  index live after {built:.1} s");
    table.judge(
        &format!("{of}: index built, from the program's start"),
        format!("{built:.1} s"),
        built,
        Goal::Below(BUILT_WITHIN),
    );
    resident(&index, &format!("{of}: resident with the index built"), table)?;
    calls(place, options, count, (&mut index, &slapd), table)?;
    resident(&index, &format!("{of}: resident after all calls"), table)?;
    drop(index);
    lookups(place, options, &slapd, table)
}

fn resident(server: &Http, what: &str, table: &mut Table) -> anyhow::Result<()> {
    let taken = server.process.resident()?;
    table.judge(what, format!("{taken:.0} MiB"), taken, Goal::Below(RESIDENT));
    Ok(())
}

fn start(place: &Place, how: &str, tenant: &str, count: u32) -> anyhow::Result<Http> {
    let name = format!("{how}-{count}");
    let store = place.folder.join(format!("{name}.db"));
    place.dialpass(&name, &store, std::slice::from_ref(&tenant.to_owned()))
}

/// getOTP with the index, with a search at each call, and with the file directory.
fn calls(
    place: &Place,
    options: &Options,
    count: u32,
    (index, slapd): (&mut Http, &Slapd),
    table: &mut Table,
) -> anyhow::Result<()> {
    let searching = ldap_tenant("ldap", LIFETIME, Quotas::Open, &slapd.server);
    let mut search = start(place, "search", &searching, count)?;
    search.wait_until_all_is_up()?;
    let people = place.people_file(count)?;
    let file = start(place, "file", &file_tenant("file", LIFETIME, Quotas::Open, &people), count)?;
    let sides: [(&str, Target); 3] = [
        ("file directory", file.target("file", count)),
        ("OpenLDAP, a search at each call", search.target("ldap", count)),
        ("OpenLDAP, the index", index.target("ldap", count)),
    ];
    let mut rates = [Rounds::default(), Rounds::default(), Rounds::default()];
    let walks: [Arc<AtomicU64>; 3] = Default::default();
    for round in 0..options.rounds {
        for step in 0..sides.len() {
            let side = (round + step) % sides.len();
            let (what, target) = &sides[side];
            let outcome = client::run(what, target, Work::Calls, options.full(), &walks[side])?;
            eprintln!("  {what}: {:.0}/s", outcome.rate());
            rates[side].0.push(outcome.rate());
        }
    }
    let of = format!("{} people: getOTP", thousands(count.into()));
    for ((what, _), rate) in sides.iter().zip(&rates) {
        table.rate(&format!("{of}, {what}"), rate);
    }
    let [file, search, index] = &rates;
    let share = index.of(file);
    let goal = Goal::AtLeast(0.9);
    table.judge("  the index to the file directory", share.as_ratio(), share.median(), goal);
    table.note("  the index to a search at each call", index.of(search).as_ratio());
    Ok(())
}

/// Lookups alone, by the adapters themselves.
fn lookups(
    place: &Place,
    options: &Options,
    slapd: &Slapd,
    table: &mut Table,
) -> anyhow::Result<()> {
    let count = slapd.server.people;
    let plan = NumberingPlan::for_country("SE").context("a country")?;
    // The same kind of runtime as for dialpass's directory.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let path = place.people_file(count)?;
    let file: Arc<dyn Directory> =
        Arc::new(FileDirectory::open(&path, plan, runtime.handle().clone())?);
    let mut settings = ldap::settings(&slapd.server, plan)?;
    settings.lookup = Lookup::Index(IndexSettings {
        max_age: Duration::from_mins(15),
        // Only the index itself is measured.
        confirm: Confirm::Nothing,
        ..IndexSettings::default()
    });
    let index = Arc::new(LdapDirectory::new(settings, runtime.handle().clone()));
    runtime.block_on(async {
        let end = Instant::now() + Duration::from_mins(2);
        while !index.states().last().is_some_and(|state| state.up) {
            ensure!(Instant::now() < end, "{:?}", index.states());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::Ok(())
    })?;
    let index: Arc<dyn Directory> = index;
    let (mut of_file, mut of_index) = (Rounds::default(), Rounds::default());
    for _ in 0..options.rounds {
        of_file.0.push(rate(&runtime, &file, plan, count, options)?);
        of_index.0.push(rate(&runtime, &index, plan, count, options)?);
    }
    let of = format!("{} people: lookups alone", thousands(count.into()));
    table.note(&format!("{of}, file directory"), of_file.as_rate());
    let goal = Goal::AtLeast(20_000.0);
    table.judge(&format!("{of}, the index"), of_index.as_rate(), of_index.median(), goal);
    table.note("  the index to the file directory", of_index.of(&of_file).as_ratio());
    Ok(())
}

/// Lookups per second by as many tasks as there are connections elsewhere.
fn rate(
    runtime: &Runtime,
    directory: &Arc<dyn Directory>,
    plan: NumberingPlan,
    count: u32,
    options: &Options,
) -> anyhow::Result<f64> {
    let next = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let end = begin + options.full().time / 4;
    let asking: Vec<_> = (0..options.connections)
        .map(|_| {
            let (directory, next) = (Arc::clone(directory), Arc::clone(&next));
            runtime.spawn(async move {
                while Instant::now() < end {
                    let person = people::at_turn(next.fetch_add(1, Ordering::Relaxed), count);
                    let number = plan.read_stored(&people::number(person)).context("a number")?;
                    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
                    let found = directory.find_by_number(&number, deadline).await?;
                    ensure!(found.users.len() == 1, "{} people", found.users.len());
                    // Yields as the end of a request would, so that no task keeps a thread to
                    // itself.
                    tokio::task::yield_now().await;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    runtime.block_on(async {
        for task in asking {
            task.await??;
        }
        anyhow::Ok(())
    })?;
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let answered = next.load(Ordering::Relaxed) as f64;
    Ok(answered / begin.elapsed().as_secs_f64())
}
