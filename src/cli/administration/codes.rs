//! `codes list` and `codes revoke`; a code itself is never shown.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::audited::audited;
use super::named::{Named, Place, stable_id};
use super::printed::{print, print_json, shown, shown_time};
use super::target::{Failure, Target};
use crate::cli::setup::Ended;
use crate::domain::reason::AuditReason;
use crate::service::administration::{LiveCode, TenantCodes};

/// The subcommands of `codes`.
#[derive(Subcommand)]
pub(in crate::cli) enum Codes {
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
    place: Place,
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
    place: Place,
    #[command(flatten)]
    user: OneUser,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct OneUser {
    /// The user's name, looked up in the directory as at a login.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The user's stable id; the directory need not have this person any more.
    #[arg(long, value_name = "ID", value_parser = stable_id)]
    user_id: Option<String>,
}

/// Runs the command.
pub(in crate::cli) async fn run(command: Codes) -> Ended {
    match command {
        Codes::List(List { place, user, user_id, json }) => {
            let named = Named::new(user, user_id, None);
            let list = async |desk: &TenantCodes, target: &Target| list(desk, target, json).await;
            audited("codes list", place, named, list).await
        }
        Codes::Revoke(Revoke { place, user }) => {
            let named = Named::new(user.user, user.user_id, None);
            audited("codes revoke", place, named, revoke).await
        }
    }
}

async fn list(desk: &TenantCodes, target: &Target, json: bool) -> Result<AuditReason, Failure> {
    let mut table = Table { username: target.username(), json, rows: 0 };
    if matches!(target, Target::Everybody) {
        let mut after = None;
        loop {
            let page = desk.codes(after.as_deref()).await?;
            let is_read = page.codes.iter().all(|code| table.row(code));
            after = page.next;
            if !is_read || after.is_none() {
                break;
            }
        }
    } else if let Some(code) = desk.code(target.user_id()).await? {
        table.row(&code);
    }
    table.end(target);
    Ok(AuditReason::Listed)
}

async fn revoke(desk: &TenantCodes, target: &Target) -> Result<AuditReason, Failure> {
    let revoked = desk.revoke(target.user_id()).await?;
    let (said, done) = if revoked {
        ("the live code is revoked", AuditReason::Revoked)
    } else {
        ("there was no live code", AuditReason::NoLiveCode)
    };
    print(&format!("{}: {said}", target.shown()));
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
struct Object<'a> {
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
        let issued_at = shown_time(code.issued_at);
        self.rows += 1;
        if self.json {
            let expires_in = expires_in.as_secs();
            let username = self.username;
            let (tries_left, tried) = (*tries_left, *tried);
            return print_json(&Object {
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
        print(&columns(user_id, &issued_at, &shown(*expires_in), &tries_left.to_string(), tried))
    }

    fn end(&self, target: &Target) {
        if self.json {
            return;
        }
        let whose = match target {
            Target::Everybody => String::new(),
            _ => format!("{}: ", target.shown()),
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
