//! `counts show` and `counts clear`: the counts against a user's or a number's limits.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::arguments::{TargetArgument, TenantArguments, stable_id};
use super::audited::audited;
use super::format::{format_duration, print, print_json};
use super::target::{Failure, Target};
use crate::cli::setup::CommandResult;
use crate::domain::reason::AuditReason;
use crate::service::administration::{Count, TenantCodes, UserCounts};

/// The subcommands of `counts`.
#[derive(Subcommand)]
pub(in crate::cli) enum CountsCommand {
    /// Show a user's codes, wrong passwords and wrong codes against the tenant's limits, or a
    /// number's calls, and when each count expires.
    Show(Show),
    /// Clear a user's issued codes and failures, or a number's calls, so that new ones are allowed.
    ///
    /// A live code stays (`codes revoke`), and so do the directory's own counts. Exit status 0 also
    /// if nothing was counted.
    Clear(Clear),
}

#[derive(Args)]
pub(in crate::cli) struct Show {
    #[command(flatten)]
    arguments: TenantArguments,
    #[command(flatten)]
    who: UserOrNumberArguments,
    /// Print one object, with the counts by name; durations in seconds.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(in crate::cli) struct Clear {
    #[command(flatten)]
    arguments: TenantArguments,
    #[command(flatten)]
    who: UserOrNumberArguments,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct UserOrNumberArguments {
    /// The user with this name, looked up in the directory as at a login.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The user with this stable id; the directory need not have this person any more.
    #[arg(long, value_name = "ID", value_parser = stable_id)]
    user_id: Option<String>,
    /// The caller with this number, in any form that a phone system would send.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    number: Option<String>,
}

impl From<UserOrNumberArguments> for TargetArgument {
    fn from(UserOrNumberArguments { user, user_id, number }: UserOrNumberArguments) -> Self {
        Self::new(user, user_id, number)
    }
}

/// Runs the command.
pub(in crate::cli) async fn run(command: CountsCommand) -> CommandResult {
    match command {
        CountsCommand::Show(Show { arguments, who, json }) => {
            let show = async |codes: &TenantCodes, target: &Target| show(codes, target, json).await;
            audited("counts show", arguments, who.into(), show).await
        }
        CountsCommand::Clear(Clear { arguments, who }) => {
            audited("counts clear", arguments, who.into(), clear).await
        }
    }
}

async fn show(codes: &TenantCodes, target: &Target, json: bool) -> Result<AuditReason, Failure> {
    let mut object = CountsJson::of(target);
    let rows = if let Target::Number { number, .. } = target {
        vec![("calls", codes.calls(number).await?)]
    } else {
        let UserCounts { codes_issued, wrong_passwords, wrong_codes } =
            codes.user_counts(target.user_id()).await?;
        vec![
            ("codes_issued", codes_issued),
            ("wrong_passwords", wrong_passwords),
            ("wrong_codes", wrong_codes),
        ]
    };
    if json {
        object.counts = rows.iter().map(|(name, count)| (*name, CountJson::of(count))).collect();
        print_json(&object);
    } else {
        print(&target.describe());
        for (name, count) in rows {
            print(&format!("  {:<16}{}", name.replace('_', " "), line(&count)));
        }
    }
    Ok(AuditReason::Shown)
}

async fn clear(codes: &TenantCodes, target: &Target) -> Result<AuditReason, Failure> {
    let cleared = match target {
        Target::Number { number, .. } => codes.clear_number(number).await?,
        Target::WholeTenant | Target::User(_) | Target::UserId(_) => {
            codes.clear_user(target.user_id()).await?
        }
    };
    let (message, done) = if cleared {
        ("the counts are cleared", AuditReason::Cleared)
    } else {
        ("nothing was counted", AuditReason::NothingCounted)
    };
    print(&format!("{}: {message}", target.describe()));
    Ok(done)
}

/// A count for the terminal.
fn line(count: &Count) -> String {
    let limit = format!("{} in {}", count.quota.burst, format_duration(count.quota.per));
    let frees = match (count.one_frees_in, count.all_free_in) {
        (Some(one), Some(all)) if count.counted > 1 => {
            format!(
                "; the next expires in {}, all in {}",
                format_duration(one),
                format_duration(all)
            )
        }
        (Some(one), _) => format!("; it expires in {}", format_duration(one)),
        (None, _) => String::new(),
    };
    let spent = if count.is_spent() { "; limit reached" } else { "" };
    format!("{} of {limit}{spent}{frees}", count.counted)
}

/// Counts as JSON.
#[derive(Serialize)]
struct CountsJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<&'a str>,
    #[serde(flatten)]
    counts: std::collections::BTreeMap<&'static str, CountJson>,
}

impl<'a> CountsJson<'a> {
    fn of(target: &'a Target) -> Self {
        let number = match target {
            Target::Number { typed, .. } => Some(typed.as_str()),
            Target::WholeTenant | Target::User(_) | Target::UserId(_) => None,
        };
        Self {
            user_id: Some(target.user_id()).filter(|id| !id.is_empty()),
            username: target.username(),
            number,
            counts: std::collections::BTreeMap::new(),
        }
    }
}

/// A count as JSON.
#[derive(Serialize)]
struct CountJson {
    counted: u32,
    limit: u32,
    per: u64,
    spent: bool,
    one_frees_in: Option<u64>,
    all_free_in: Option<u64>,
}

impl CountJson {
    fn of(count: &Count) -> Self {
        Self {
            counted: count.counted,
            limit: count.quota.burst,
            per: count.quota.per.as_secs(),
            spent: count.is_spent(),
            one_frees_in: count.one_frees_in.map(|wait| wait.as_secs()),
            all_free_in: count.all_free_in.map(|wait| wait.as_secs()),
        }
    }
}
