//! `check-directory`: the report for an administrator before going live. This gathers it;
//! [`crate::service::directory_report`] judges it, and the modules below print it.

mod csv;
mod table;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::runtime::Handle;

use super::setup::{CommandResult, find_tenant, source};
use crate::app;
use crate::config::{DirectoryConfig, TenantConfig};
use crate::directory::inspection::{
    Inspection, InspectionError, PeopleRead, ServerReport, Severity, Step,
};
use crate::domain::clock::{Clock as _, SystemClock};
use crate::service::directory_report::{Report, ReportBuilder, ReportRules, assemble};

/// Update interval of the terminal's counter, in people.
const SHOW_EVERY: usize = 500;

/// Help text: the output formats that programs can rely on.
pub(super) const FORMATS: &str = "\
JSON: one object with stable keys:
  { tenant, severity,
    servers: [{ name, steps: [{ step, severity, detail, hint }] }],
    people: { people, enabled, disabled, locked_or_expired, without_number, would_get_a_code,
              values, complete },
    findings: [{ check, severity, count, message, hint,
                 examples: [{ usernames: [], attribute, value, detail }] }] }
  severity is good, information, warning or error; people is null if none could be read.
CSV: the columns check, severity, count, server, usernames, attribute, value, detail, hint; a line
  for each step on each server (check is server.STEP), and for each example of each finding.";

/// How the report is printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for people.
    Table,
    /// One JSON object.
    Json,
    /// CSV with a header.
    Csv,
}

/// The arguments of `check-directory`.
#[derive(Args)]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The tenant; required if there are several.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// The format of the report.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Most examples for each kind of finding; counts always cover everything.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    examples: usize,
    /// Skip the check whether people may write their own numbers: it was done by other means.
    #[arg(long)]
    skip_write_check: bool,
}

/// Severities as exit statuses; 2 is clap's for wrong arguments.
const fn status(severity: Severity) -> u8 {
    match severity {
        Severity::Good | Severity::Information => 0,
        Severity::Warning => 1,
        Severity::Error => 3,
    }
}

pub(super) async fn run(arguments: Arguments) -> CommandResult {
    let source = source(arguments.config.clone());
    let config = source.load()?;
    let tenant = find_tenant(&config, arguments.tenant.as_deref(), &source.path)?;
    let inspection = app::inspection(&config, tenant, &Handle::current())?;
    let report = gather(inspection, tenant, &arguments).await;
    let printed = match arguments.format {
        Format::Table => table::print(&report),
        Format::Json => {
            let json = serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)?;
            format!("{json}\n").into_bytes()
        }
        Format::Csv => csv::print(&report).map_err(anyhow::Error::from)?,
    };
    // A reader that closes early (`| head`) is not a failure.
    let mut stdout = std::io::stdout().lock();
    drop(stdout.write_all(&printed).and_then(|()| stdout.flush()));
    Ok(ExitCode::from(status(report.severity)))
}

async fn gather(
    inspection: Arc<dyn Inspection>,
    tenant: &TenantConfig,
    arguments: &Arguments,
) -> Report {
    let progress = progress();
    progress.set_message("asking the servers");
    let servers = inspection.check_servers().await;

    let mut builder = ReportBuilder::new(rules(tenant, &*inspection, arguments.examples));
    progress.set_message("reading people");
    // Do not try a refused password again: that may lock the service account.
    let read = if servers.iter().any(ServerReport::let_in) {
        let mut each = |person| {
            builder.add(person);
            if builder.people().is_multiple_of(SHOW_EVERY) {
                progress.set_message(format!("reading people: {}", builder.people()));
            }
        };
        inspection.read_people(&mut each).await
    } else {
        Err(InspectionError {
            detail: "no people were read: no server accepted the service account".to_owned(),
            hint: "see the steps listed for each server".to_owned(),
        })
    };
    let (complete, notes) = notes(read);
    let self_write = if arguments.skip_write_check || builder.people() == 0 {
        None
    } else {
        let sample = builder.sample();
        progress.set_message(format!("reading the rights of {} people", sample.len()));
        Some(inspection.self_write(&sample, arguments.examples).await)
    };
    let nobody_read = !complete && builder.people() == 0;
    let (counts, mut findings) = builder.finish(complete);
    if nobody_read {
        findings.clear();
    }
    progress.finish_and_clear();
    let people = (!nobody_read).then_some(counts);
    assemble(tenant.id.to_string(), servers, people, &notes, findings, self_write)
}

/// Whether all people were read, and what to report about it.
fn notes(read: Result<PeopleRead, InspectionError>) -> (bool, Vec<Step>) {
    match read {
        Ok(read) => (read.complete, read.notes),
        Err(error) => {
            (false, vec![Step::bad("read_people", Severity::Error, error.detail, error.hint)])
        }
    }
}

fn rules(tenant: &TenantConfig, inspection: &dyn Inspection, examples: usize) -> ReportRules {
    ReportRules {
        callers: tenant.caller_ids.clone(),
        matching: inspection.matching(),
        ambiguity: tenant.ambiguity,
        attributes: match &tenant.directory {
            DirectoryConfig::File(_) | DirectoryConfig::Registered => vec!["numbers".to_owned()],
            DirectoryConfig::Ldap(ldap) => ldap.settings.phone_attributes.clone(),
        },
        examples,
        now: SystemClock.now(),
    }
}

/// A progress display on standard error, if that is a terminal.
fn progress() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
