//! How flat the rates are: from a thousand to a million people, and from none to a million live
//! codes.
//!
//! A thousand people cannot get thousands of new codes a second, because a repeated call gets the
//! same code. So where the number of people differs, each call is followed by its login, after
//! which the next call gets a new code. Both sides do the same.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use dialpass::domain::clock::{Clock, SystemClock, Timestamp};
use dialpass::domain::grant::{KeyId, Purpose, Subject};
use dialpass::domain::otp::ServerKey;
use dialpass::domain::policy::{Limits, Quota};
use dialpass::domain::reported_call::ReportIds;
use dialpass::domain::stored_number::NumberingPlan;
use dialpass::domain::tenant::TenantId;
use dialpass::store::sqlite::SqliteStore;
use dialpass::store::{Grants, Issue, IssueRequest, NewGrant};

use crate::Options;
use crate::client::{self, Target, Work};
use crate::people;
use crate::servers::{Place, Quotas, file_tenant, ldap_tenant};
use crate::table::{Goal, Rounds, Table, thousands};

/// The smallest number of people.
const FEW: u32 = 1000;
/// Lifetime of all codes here, in seconds.
const LIFETIME: u32 = 600;
/// The age of the codes that fill the store, in seconds: they stay live long enough, but are too
/// old to be repeated, so that a call by the same person makes a new one.
const AGE: i64 = 310;

pub fn measure(place: &Place, options: &Options, table: &mut Table) -> anyhow::Result<()> {
    people_in_a_file(place, options, table)?;
    people_in_slapd(place, options, table)?;
    live_codes(place, options, table)
}

fn people_in_a_file(place: &Place, options: &Options, table: &mut Table) -> anyhow::Result<()> {
    eprintln!("people in a file");
    let mut servers = Vec::new();
    for count in [FEW, options.most] {
        let name = format!("file-{count}");
        let store = place.folder.join(format!("{name}.db"));
        let tenant = file_tenant("file", LIFETIME, Quotas::Open, &place.people_file(count)?);
        let server = place.dialpass(&name, &store, &[tenant])?;
        table.note(
            &format!("{} people in a file: ready after, resident", thousands(count.into())),
            format!(
                "{:.1} s, {:.0} MiB",
                server.ready_after.as_secs_f64(),
                server.process.resident()?
            ),
        );
        servers.push((server, count));
    }
    let sides = servers.iter().map(|(server, count)| server.target("file", *count));
    let work = Work::CallsAndLogins { with_password: false };
    let rates = turn_by_turn(&sides.collect::<Vec<_>>(), &work, options)?;
    rows(table, "a call and its login by code, file directory", &rates, options, "people");
    Ok(())
}

fn people_in_slapd(place: &Place, options: &Options, table: &mut Table) -> anyhow::Result<()> {
    eprintln!("people in OpenLDAP");
    let mut servers = Vec::new();
    for count in [FEW, options.most] {
        let slapd = place.slapd(count)?;
        let name = format!("ldap-{count}");
        let store = place.folder.join(format!("{name}.db"));
        let tenant = ldap_tenant("ldap", LIFETIME, Quotas::Open, &slapd.server);
        let mut server = place.dialpass(&name, &store, &[tenant])?;
        server.wait_until_all_is_up()?;
        servers.push((server, slapd, count));
    }
    let sides = servers.iter().map(|(server, _, count)| server.target("ldap", *count));
    let work = Work::CallsAndLogins { with_password: true };
    let rates = turn_by_turn(&sides.collect::<Vec<_>>(), &work, options)?;
    rows(table, "a call and its login with password, OpenLDAP", &rates, options, "people");
    Ok(())
}

fn live_codes(place: &Place, options: &Options, table: &mut Table) -> anyhow::Result<()> {
    eprintln!("live codes");
    let people = place.people_file(options.most)?;
    let tenant = file_tenant("file", LIFETIME, Quotas::InEarnest, &people);
    let full = place.folder.join("full.db");
    let filled = Instant::now();
    let filling = Filling { people: options.most, ..Filling::default() };
    fill(&full, &place.server_key, filling, Arc::new(AgeAgo))?;
    let rate = f64::from(options.most) / filled.elapsed().as_secs_f64();
    table.note("live codes put into the store, by its own code", format!("{}/s", thousands(rate)));
    let servers = [
        place.dialpass("empty", &place.folder.join("empty.db"), std::slice::from_ref(&tenant))?,
        place.dialpass("full", &full, &[tenant])?,
    ];
    let sides = servers.each_ref().map(|server| server.target("file", options.most));
    let rates = turn_by_turn(&sides, &Work::Calls, options)?;
    for server in &servers {
        let (new, again) = server.told()?;
        ensure!(new > 0.0 && again == 0.0, "{again} codes were told again beside {new} new ones");
    }
    ensure!(
        filled.elapsed() < Duration::from_secs(270),
        "the codes that the store was filled with died meanwhile: give less --seconds or --rounds"
    );
    rows(table, "getOTP, new codes, file directory", &rates, options, "live codes");
    Ok(())
}

/// Loads one server after the other, alternating each round.
fn turn_by_turn(sides: &[Target], work: &Work, options: &Options) -> anyhow::Result<[Rounds; 2]> {
    let mut rates = [Rounds::default(), Rounds::default()];
    let walks = [Arc::default(), Arc::default()];
    for round in 0..options.rounds {
        for step in 0..2 {
            // Each side goes first equally often.
            let side = (round + step) % 2;
            let what = if side == 0 { "few" } else { "many" };
            let outcome =
                client::run(what, &sides[side], work.clone(), options.full(), &walks[side])?;
            eprintln!("  {what}: {:.0}/s", outcome.rate());
            rates[side].0.push(outcome.rate());
        }
    }
    Ok(rates)
}

fn rows(table: &mut Table, what: &str, rates: &[Rounds; 2], options: &Options, of: &str) {
    let few = if of == "people" { f64::from(FEW) } else { 0.0 };
    table.rate(&format!("{what}, {} {of}", thousands(few)), &rates[0]);
    table.rate(&format!("{what}, {} {of}", thousands(options.most.into())), &rates[1]);
    let share = rates[1].of(&rates[0]);
    table.judge("  many to few", share.as_ratio(), share.median(), Goal::AtLeast(0.8));
}

/// The people whose codes fill a store.
#[derive(Clone, Copy, Default)]
pub struct Filling {
    /// The first person.
    pub first: u32,
    /// The number of people.
    pub people: u32,
}

/// Issues a code to each person, through the store itself, at the time of `clock`.
pub fn fill(
    path: &Path,
    server_key: &[u8; 32],
    Filling { first, people }: Filling,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<()> {
    const AT_ONCE: u32 = 1024;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let store = SqliteStore::open(path, Duration::from_secs(10), clock)?;
    let store = Arc::new(store);
    let next = Arc::new(AtomicU64::new(0));
    let key = ServerKey::new(*server_key).id().clone();
    let plan = NumberingPlan::for_country("SE").context("a country")?;
    let tenant = TenantId::parse("file").context("a tenant id")?;
    runtime.block_on(async {
        let issuing: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (store, next) = (Arc::clone(&store), Arc::clone(&next));
                let (tenant, key) = (tenant.clone(), key.clone());
                tokio::spawn(async move {
                    loop {
                        let person = u32::try_from(next.fetch_add(1, Ordering::Relaxed))?;
                        if person >= people {
                            return anyhow::Ok(());
                        }
                        let request = request(first + person, &tenant, plan, &key)?;
                        let issue = store.issue(request).await?;
                        ensure!(
                            matches!(issue, Issue::Issued(_)),
                            "the store issued nothing: {issue:?}"
                        );
                    }
                })
            })
            .collect();
        for task in issuing {
            task.await??;
        }
        anyhow::Ok(())
    })
}

fn request(
    person: u32,
    tenant: &TenantId,
    plan: NumberingPlan,
    key: &KeyId,
) -> anyhow::Result<IssueRequest> {
    let mut nonce = [0; 16];
    nonce[..4].copy_from_slice(&person.to_be_bytes());
    let quota = Quota { burst: 1000, per: Duration::from_mins(10) };
    Ok(IssueRequest {
        subject: Subject { tenant: tenant.clone(), purpose: Purpose::Call, id: people::id(person) },
        number: plan.read_stored(&people::number(person)).context("a number")?,
        grant: NewGrant {
            key_id: key.clone(),
            nonce,
            digits: 6,
            lifetime: Duration::from_secs(LIFETIME.into()),
        },
        usable_keys: vec![key.clone()],
        max_attempts: 3,
        limits: Limits {
            codes_per_user: quota,
            calls_per_number: quota,
            wrong_passwords_per_user: quota,
            wrong_codes_per_user: quota,
        },
        report: ReportIds::default(),
    })
}

/// The clock for filling the store, so that the codes have the wanted age.
struct AgeAgo;

impl Clock for AgeAgo {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(SystemClock.now().as_millis() - AGE * 1000)
    }
}
