//! `codes list` and `codes revoke`; a code itself is never shown.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::arguments::{TargetArgument, TenantArguments, stable_id};
use super::audited::audited;
use super::format::{format_duration, format_time, print, print_json};
use super::target::{Failure, Target};
use crate::cli::setup::CommandResult;
use crate::domain::reason::AuditReason;
use crate::service::administration::{LiveCode, TenantCodes};

/// The subcommands of `codes`.
#[derive(Subcommand)]
pub(in crate::cli) enum CodesCommand {
    /// List a tenant's live codes, or one user's.
    ///
    /// For each: the user's id, when it was issued, how long it remains valid, how many wrong codes
    /// are still allowed, and whether a login has tried it. Never the code itself.
    List(List),
    /// Revoke a user's live code: from now on no node accepts it at a login.
    ///
    /// The next call gets a new code, within the user's quota. Exit status 0 also if there was
    /// none.
    Revoke(Revoke),
}

#[derive(Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    arguments: TenantArguments,
    /// Only the user with this name, looked up in the directory as at a login.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only the user with this stable id; the directory need not have this person any more.
    #[arg(long, value_name = "ID", value_parser = stable_id, conflicts_with = "user")]
    user_id: Option<String>,
    /// Print one object per line: `user_id`, `issued_at`, `expires_in`, `tries_left`, `tried`.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(in crate::cli) struct Revoke {
    #[command(flatten)]
    arguments: TenantArguments,
    #[command(flatten)]
    user: UserArguments,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct UserArguments {
    /// The user's name, looked up in the directory as at a login.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The user's stable id; the directory need not have this person any more.
    #[arg(long, value_name = "ID", value_parser = stable_id)]
    user_id: Option<String>,
}

/// Runs the command.
pub(in crate::cli) async fn run(command: CodesCommand) -> CommandResult {
    match command {
        CodesCommand::List(List { arguments, user, user_id, json }) => {
            let target = TargetArgument::new(user, user_id, None);
            let list = async |codes: &TenantCodes, target: &Target| list(codes, target, json).await;
            audited("codes list", arguments, target, list).await
        }
        CodesCommand::Revoke(Revoke { arguments, user }) => {
            let target = TargetArgument::new(user.user, user.user_id, None);
            audited("codes revoke", arguments, target, revoke).await
        }
    }
}

async fn list(codes: &TenantCodes, target: &Target, json: bool) -> Result<AuditReason, Failure> {
    let mut table = Table { username: target.username(), json, rows: 0 };
    if matches!(target, Target::WholeTenant) {
        let mut after = None;
        loop {
            let page = codes.list(after.as_deref()).await?;
            let is_read = page.codes.iter().all(|code| table.row(code));
            after = page.next;
            if !is_read || after.is_none() {
                break;
            }
        }
    } else if let Some(code) = codes.find(target.user_id()).await? {
        table.row(&code);
    }
    table.end(target);
    Ok(AuditReason::Listed)
}

async fn revoke(codes: &TenantCodes, target: &Target) -> Result<AuditReason, Failure> {
    let revoked = codes.revoke(target.user_id()).await?;
    let (message, done) = if revoked {
        ("the live code is revoked", AuditReason::Revoked)
    } else {
        ("there was no live code", AuditReason::NoLiveCode)
    };
    print(&format!("{}: {message}", target.describe()));
    Ok(done)
}

/// Prints codes as they arrive; there may be millions.
struct Table<'a> {
    username: Option<&'a str>,
    json: bool,
    rows: u64,
}

/// A code as JSON.
#[derive(Serialize)]
struct CodeJson<'a> {
    user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    issued_at: String,
    /// In seconds.
    expires_in: u64,
    tries_left: u32,
    tried: bool,
}

impl Table<'_> {
    /// Prints a code; returns whether the reader is still there.
    fn row(&mut self, code: &LiveCode) -> bool {
        let LiveCode { user_id, expires_in, tries_left, tried, .. } = code;
        let issued_at = format_time(code.issued_at);
        self.rows += 1;
        if self.json {
            let expires_in = expires_in.as_secs();
            let username = self.username;
            let (tries_left, tried) = (*tries_left, *tried);
            return print_json(&CodeJson {
                user_id,
                username,
                issued_at,
                expires_in,
                tries_left,
                tried,
            });
        }
        if self.rows == 1 {
            print(&columns("USER ID", "ISSUED", "EXPIRES IN", "TRIES LEFT", "TRIED"));
        }
        let tried = if *tried { "yes" } else { "no" };
        print(&columns(
            user_id,
            &issued_at,
            &format_duration(*expires_in),
            &tries_left.to_string(),
            tried,
        ))
    }

    fn end(&self, target: &Target) {
        if self.json {
            return;
        }
        let whose = match target {
            Target::WholeTenant => String::new(),
            _ => format!("{}: ", target.describe()),
        };
        match self.rows {
            0 => print(&format!("{whose}no live code")),
            1 => print(&format!("{whose}1 live code")),
            rows => print(&format!("{whose}{rows} live codes")),
        };
    }
}

fn columns(user_id: &str, issued: &str, expires_in: &str, tries_left: &str, tried: &str) -> String {
    format!("{user_id:<36}  {issued:<20}  {expires_in:>10}  {tries_left:>10}  {tried}")
}
