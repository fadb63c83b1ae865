//! `person export` and `person delete`: show or delete everything that the store holds about a
//! person.

use clap::{Args, Subcommand};
use serde_json::json;

use super::arguments::{TargetArgument, TenantArguments, stable_id};
use super::audited::{AdminStore, audited_with_store};
use super::format::{print, print_json};
use super::person_json;
use super::target::{Failure, Target, parse_number};
use crate::cli::setup::CommandResult;
use crate::domain::clock::Timestamp;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::EventLog;
use crate::domain::reason::AuditReason;
use crate::store::Snapshot;
use crate::store::personal_records::{Individual, PersonRecords};

/// The subcommands of `person`.
#[derive(Subcommand)]
pub(in crate::cli) enum PersonCommand {
    /// Print everything that the store holds about a person, as one JSON object.
    ///
    /// It shows their own numbers unmasked: protect the output like the directory. It holds no
    /// code, no key and no hash of a recovery code. docs/privacy.md describes each field.
    Export(PersonArguments),
    /// Delete everything that the store holds about a person, at once, including a live code.
    ///
    /// The audit trail keeps its events, and a directory is not changed: a person who is still in
    /// it gets a code at their next call. Exit status 0 also if there was nothing to delete.
    Delete(PersonArguments),
}

#[derive(Args)]
pub(in crate::cli) struct PersonArguments {
    #[command(flatten)]
    arguments: TenantArguments,
    #[command(flatten)]
    user: UserArguments,
    /// A phone number of a person in a directory, in any form that a phone system would send; calls
    /// and texts are counted by number. May be given several times. Not needed for the verified
    /// phones of a registered user.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    number: Vec<String>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct UserArguments {
    /// The user name, of a registered user or looked up in the directory as at a login.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The stable id; the directory need not have this person any more.
    #[arg(long, value_name = "ID", value_parser = stable_id)]
    user_id: Option<String>,
}

/// Runs the command.
pub(in crate::cli) async fn run(command: PersonCommand) -> CommandResult {
    let (operation, individual) = match command {
        PersonCommand::Export(individual) => (Operation::Export, individual),
        PersonCommand::Delete(individual) => (Operation::Delete, individual),
    };
    let PersonArguments { arguments, user: UserArguments { user, user_id }, number: numbers } =
        individual;
    let target = match (user, user_id) {
        (Some(name), _) => TargetArgument::Person(name),
        (None, id) => TargetArgument::new(None, id, None),
    };
    let work = async |admin: &AdminStore<'_>, target: &Target| {
        let read = |typed: &String| parse_number(admin.tenant, typed);
        let individual = Individual {
            tenant: admin.tenant.id.clone(),
            user_id: target.user_id().to_owned(),
            numbers: numbers.iter().map(read).collect::<Result<Vec<PhoneNumber>, _>>()?,
        };
        match operation {
            Operation::Export => export(admin, target, &individual).await,
            Operation::Delete => delete(admin, target, &individual).await,
        }
    };
    audited_with_store(operation.as_str(), arguments, target, None, work).await
}

#[derive(Clone, Copy)]
enum Operation {
    Export,
    Delete,
}

impl Operation {
    /// The name in the audit trail.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Export => "person export",
            Self::Delete => "person delete",
        }
    }
}

async fn export(
    admin: &AdminStore<'_>,
    target: &Target,
    individual: &Individual,
) -> Result<AuditReason, Failure> {
    let Snapshot { value: records, now } = admin.store.personal_records.records(individual).await?;
    let mut object = person_json::object(&records, now);
    object["tenant"] = json!(individual.tenant.as_str());
    object["user_id"] = json!(individual.user_id);
    if let Some(username) = target.username() {
        object["username"] = json!(username);
    }
    if !print_json(&object) {
        let message = "the output could not be written completely".to_owned();
        return Err(Failure { reason: AuditReason::NotShown, message });
    }
    Ok(if records.is_empty() { AuditReason::NothingHeld } else { AuditReason::Exported })
}

async fn delete(
    admin: &AdminStore<'_>,
    target: &Target,
    individual: &Individual,
) -> Result<AuditReason, Failure> {
    let Snapshot { value: records, now } =
        admin.store.personal_records.delete_records(individual).await?;
    if records.is_empty() {
        print(&format!("{}: the store holds nothing", target.describe()));
        return Ok(AuditReason::NothingHeld);
    }
    print(&format!("{}: deleted", target.describe()));
    for (what, count) in deleted(&records, now) {
        print(&format!("  {what:<22}{count}"));
    }
    print(
        "The audit trail was not changed: docs/privacy.md says how to find a person's lines in it.",
    );
    Ok(AuditReason::Deleted)
}

/// What was deleted, for the terminal: a label and a count each.
fn deleted(records: &PersonRecords, now: Timestamp) -> Vec<(&'static str, usize)> {
    let accounts = || records.accounts.iter().map(|(_, account)| account);
    let user = records.person.as_ref().map(|person| &person.user);
    let events = |logs: &mut dyn Iterator<Item = u32>| logs.map(|len| len as usize).sum::<usize>();
    let per_user = accounts().flat_map(|account| {
        [&account.codes_issued, &account.wrong_passwords, &account.wrong_codes]
    });
    let per_person = records.person.iter().flat_map(|person| {
        [
            &person.texts,
            &person.enrolling_texts,
            &person.wrong_codes,
            &person.wrong_recovery,
            &person.pushes,
            &person.app_approvals,
        ]
    });
    let texts = records.texts.iter().map(|(_, texts)| texts);
    vec![
        ("live codes", accounts().filter(|account| account.live(now).is_some()).count()),
        ("registered users", usize::from(user.is_some())),
        ("phones", user.map_or(0, |user| user.phones.len())),
        ("authenticators", user.map_or(0, |user| user.authenticators.len())),
        ("recovery codes", user.map_or(0, |user| user.recovery.len())),
        ("transactions", records.transactions.len()),
        ("events by user", events(&mut per_user.chain(per_person).map(EventLog::len))),
        ("calls by number", events(&mut records.calls.iter().map(|(_, calls)| calls.len()))),
        (
            "texts by number",
            events(&mut texts.map(|texts| texts.sent.len() + texts.enrolling.len())),
        ),
    ]
}
