//! What the figures depend on: the machine, and how fast its disk completes a write.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::Options;
use crate::table::Table;

/// Describes the machine.
pub fn describe(options: &Options, table: &mut Table) -> anyhow::Result<()> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism()?;
    let model = model.map_or("unknown", |(_, model)| model);
    table.note("machine", format!("{cores} cores, {model}"));
    table.note("kernel, compiler", format!("{}, {}", says("uname", "-sr"), says("rustc", "-V")));
    let (middle, slow) = disk(&options.folder)?;
    table.note(
        "disk: one 4 KiB write and fdatasync",
        format!("p50 {middle:.2} ms, p99 {slow:.2} ms ({})", filesystem(&options.folder)),
    );
    table.note(
        "load",
        format!(
            "{} connections, {} rounds of {} s, medians (least to most)",
            options.connections, options.rounds, options.seconds
        ),
    );
    Ok(())
}

fn says(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| format!("no {program}"))
}

fn filesystem(folder: &Path) -> String {
    let output = Command::new("stat").args(["-f", "-c", "%T"]).arg(folder).output();
    output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default()
}

/// The median and the slow end of 300 synced writes, in milliseconds.
fn disk(folder: &Path) -> anyhow::Result<(f64, f64)> {
    let path = folder.join("fdatasync");
    let mut file = File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..300 {
        let begun = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    fs::remove_file(path)?;
    times.sort_unstable_by(f64::total_cmp);
    Ok((times[150], times[297]))
}
