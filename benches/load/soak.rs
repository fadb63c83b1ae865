//! The soak test: strangers attack one node in every way that costs it something, all at once,
//! while a phone system makes calls. It shows how the calls fare and what the node uses.
//!
//! The node is set up as in production: TLS, optional client certificates, the default
//! `[server.limits]`, pages, an audit file that is rotated, and a standard output that nothing
//! reads. The strangers have no credential and use their own addresses (127.0.1.1 and following).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::Options;
use crate::attackers::Attackers;
use crate::client::{self, Load, Work};
use crate::servers::{Place, Quotas, file_tenant, resident};
use crate::table::{Goal, Table, thousands};

/// Calls by the phone system per second.
const CALLS: f64 = 200.0;
/// Interval of audit log rotation, as logrotate would rotate by size.
const ROTATED: Duration = Duration::from_mins(2);

/// Attacks for as long as the options say, and adds the results to the table.
///
/// # Errors
/// If a call is refused or not answered, or the node exits.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub fn measure(place: &Place, options: &Options, table: &mut Table) -> anyhow::Result<()> {
    let folder = place.folder.join("soak");
    fs::create_dir(&folder)?;
    let people = place.people_file(options.people)?;
    let tenant = file_tenant("file", 180, Quotas::InEarnest, &people);
    let server = place.besieged(&folder, &tenant)?;
    let idle = server.process.resident()?;

    let attackers = Attackers::begin(server.address(), &place.tls);
    let watch = Watch::begin(server.process.id(), folder);
    let load = Load {
        connections: 16,
        threads: 1,
        warm_up: Duration::ZERO,
        time: Duration::from_secs_f64(options.seconds),
        rate: Some(CALLS),
    };
    let target = server.target("file", options.people);
    let calls = client::run("the calls", &target, Work::Calls, load, &Arc::new(AtomicU64::new(0)));
    let seen = watch.end();
    let attacks = attackers.end();
    let (calls, seen) = (calls?, seen?);

    let asked = CALLS * options.seconds;
    ensure!(
        calls.answered as f64 > 0.99 * asked,
        "{} of {asked} calls were answered in time",
        calls.answered
    );
    let ms = |share: f64| calls.percentile(share);
    table.note("honest calls a second", format!("{CALLS:.0}, for {:.0} s", options.seconds));
    // The load generator fails on the first call that is not granted.
    table.note("honest calls granted, none refused", thousands(calls.answered as f64));
    table.note("honest calls: p50, p99", format!("{:.1} ms, {:.1} ms", ms(0.5), ms(0.99)));
    let longest = ms(1.0);
    table.judge("honest calls: longest, ms", format!("{longest:.0}"), longest, Goal::Below(1000.0));
    table.note("resident memory, idle", format!("{idle:.0} MiB"));
    let memory = seen.memory;
    table.judge("resident memory, most, MiB", format!("{memory:.0}"), memory, Goal::Below(150.0));
    let disk = seen.disk;
    let what = "store and audit trail, most, MB";
    table.judge(what, format!("{disk:.0}"), disk, Goal::Below(100.0));
    table.note("lines of the audit trail", thousands(seen.lines as f64));
    table.note("processor time of the node", format!("{:.0} s", server.process.processor()?));
    for (what, count) in attacks {
        table.note(what, thousands(count as f64));
    }
    Ok(())
}

/// The highest figures seen for a node.
#[derive(Default)]
struct Seen {
    /// Resident memory, in MiB.
    memory: f64,
    /// Its files, in MB.
    disk: f64,
    /// Lines of the audit trail, including rotated ones.
    lines: usize,
}

/// Checks a node every second, and rotates its audit trail.
struct Watch {
    ended: Arc<AtomicBool>,
    watching: JoinHandle<anyhow::Result<Seen>>,
}

impl Watch {
    fn begin(process: u32, folder: PathBuf) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&ended);
        let watching = thread::spawn(move || watch(process, &folder, &until));
        Self { ended, watching }
    }

    fn end(self) -> anyhow::Result<Seen> {
        self.ended.store(true, Ordering::Relaxed);
        self.watching.join().expect("looking does not panic")
    }
}

fn watch(process: u32, folder: &Path, ended: &AtomicBool) -> anyhow::Result<Seen> {
    let (audit, rotated) = (folder.join("audit.log"), folder.join("audit.log.1"));
    let mut seen = Seen::default();
    let mut last = Instant::now();
    while !ended.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_secs(1));
        seen.memory = seen.memory.max(resident(process)?);
        seen.disk = seen.disk.max(size(folder)?);
        if last.elapsed() >= ROTATED {
            last = Instant::now();
            // The previous file is complete by now.
            seen.lines += lines(&rotated)?;
            fs::rename(&audit, &rotated).context("no audit trail")?;
            let hang_up = Command::new("kill").args(["-HUP", &process.to_string()]).status()?;
            ensure!(hang_up.success(), "the node is gone");
        }
    }
    seen.lines += lines(&rotated)? + lines(&audit)?;
    Ok(seen)
}

/// How many lines a file has; 0 if it does not exist.
fn lines(path: &Path) -> anyhow::Result<usize> {
    if !path.exists() {
        return Ok(0);
    }
    Ok(fs::read(path)?.split(|byte| *byte == b'\n').count() - 1)
}

/// Total size of a folder's files, in MB.
#[expect(clippy::cast_precision_loss, reason = "sizes stay far below 2^52")]
fn size(folder: &Path) -> anyhow::Result<f64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        // A log file of the store may disappear meanwhile.
        bytes += entry?.metadata().map_or(0, |metadata| metadata.len());
    }
    Ok(bytes as f64 / 1e6)
}
