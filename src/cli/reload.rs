//! `reload`: has a running gateway reread its configuration, and waits for the outcome.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::output;
use super::setup::{CommandResult, EX_CONFIG};
use crate::app::{RUNTIME_DIRECTORY, ReloadStatus};

/// How long the outcome is waited for: less than the unit's `TimeoutStartSec=`, which also limits
/// `ExecReload=`.
const PATIENCE: Duration = Duration::from_secs(25);

/// How often the outcome is looked for.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Args)]
pub(super) struct Arguments {
    /// The gateway's process id; without it, the one in the variable MAINPID.
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> CommandResult {
    let outcome = reload(arguments.pid)?;
    for problem in &outcome.problems {
        output::print_error(problem);
    }
    if outcome.problems.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    output::print_error("dialpass: the new configuration is refused; the old one stays in force");
    Ok(ExitCode::from(EX_CONFIG))
}

/// Sends SIGHUP, and waits for a reload that began afterwards to end.
fn reload(pid: Option<u32>) -> anyhow::Result<ReloadStatus> {
    let pid = match pid {
        Some(pid) => pid,
        None => std::env::var("MAINPID").ok().and_then(|text| text.parse().ok()).context(
            "which gateway? Give its process id by --pid, or run this as the unit's ExecReload=",
        )?,
    };
    let directories = std::env::var(RUNTIME_DIRECTORY).with_context(|| {
        format!(
            "the variable {RUNTIME_DIRECTORY} is not set: run this as the unit's ExecReload= \
             (systemctl reload), with RuntimeDirectory= in the unit"
        )
    })?;
    let read = || ReloadStatus::read(&directories).ok().filter(|status| status.pid == pid);
    let before = read().with_context(|| {
        format!(
            "process {pid} reports no reloads in {directories}: restart the gateway with the same \
             {RUNTIME_DIRECTORY}"
        )
    })?;
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let process = process.context("a process id is a positive number")?;
    kill_process(process, Signal::HUP)
        .with_context(|| format!("process {pid} cannot be signalled"))?;
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = read().filter(|status| status.ended > before.begun) {
            return Ok(status);
        }
        if test_kill_process(process).is_err() {
            bail!("process {pid} ended before it had reloaded");
        }
        if Instant::now() >= end {
            bail!("process {pid} has not reloaded within {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(LOOK);
    }
}
