//! `person export` and `person delete`: show or delete everything that the store holds about a
//! person.

use clap::{Args, Subcommand};
use serde_json::json;

use super::audited::{AdminStore, in_trail};
use super::named::{Named, Place, stable_id};
use super::person_json;
use super::printed::{print, print_json};
use super::target::{Failure, Target, number_of};
use crate::cli::setup::Ended;
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
    Export(Whose),
    /// Delete everything that the store holds about a person, at once, including a live code.
    ///
    /// The audit trail keeps its events, and a directory is not changed: a person who is still in
    /// it gets a code at their next call. Exit status 0 also if there was nothing to delete.
    Delete(Whose),
}

#[derive(Args)]
pub(in crate::cli) struct Whose {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    user: OnePerson,
    /// A phone number of a person in a directory, in any form that a phone system would send; calls
    /// and texts are counted by number. May be given several times. Not needed for the verified
    /// phones of a registered user.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    number: Vec<String>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct OnePerson {
    /// The user name, of a registered user or looked up in the directory as at a login.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The stable id; the directory need not have this person any more.
    #[arg(long, value_name = "ID", value_parser = stable_id)]
    user_id: Option<String>,
}

/// Runs the command.
pub(in crate::cli) async fn run(command: PersonCommand) -> Ended {
    let (operation, whose) = match command {
        PersonCommand::Export(whose) => (Operation::Export, whose),
        PersonCommand::Delete(whose) => (Operation::Delete, whose),
    };
    let Whose { place, user: OnePerson { user, user_id }, number: numbers } = whose;
    let named = match (user, user_id) {
        (Some(name), _) => Named::Person(name),
        (None, id) => Named::new(None, id, None),
    };
    let work = async |office: &AdminStore<'_>, target: &Target| {
        let read = |typed: &String| number_of(office.tenant, typed);
        let whose = Individual {
            tenant: office.tenant.id.clone(),
            user_id: target.user_id().to_owned(),
            numbers: numbers.iter().map(read).collect::<Result<Vec<PhoneNumber>, _>>()?,
        };
        match operation {
            Operation::Export => export(office, target, &whose).await,
            Operation::Delete => delete(office, target, &whose).await,
        }
    };
    in_trail(operation.as_str(), place, named, None, work).await
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
    office: &AdminStore<'_>,
    target: &Target,
    whose: &Individual,
) -> Result<AuditReason, Failure> {
    let Snapshot { value: held, now } = office.store.personal_records.records(whose).await?;
    let mut object = person_json::object(&held, now);
    object["tenant"] = json!(whose.tenant.as_str());
    object["user_id"] = json!(whose.user_id);
    if let Some(username) = target.username() {
        object["username"] = json!(username);
    }
    if !print_json(&object) {
        let said = "the output was not taken whole".to_owned();
        return Err(Failure { reason: AuditReason::NotShown, said });
    }
    Ok(if held.is_empty() { AuditReason::NothingHeld } else { AuditReason::Exported })
}

async fn delete(
    office: &AdminStore<'_>,
    target: &Target,
    whose: &Individual,
) -> Result<AuditReason, Failure> {
    let Snapshot { value: held, now } = office.store.personal_records.delete_records(whose).await?;
    if held.is_empty() {
        print(&format!("{}: the store holds nothing", target.shown()));
        return Ok(AuditReason::NothingHeld);
    }
    print(&format!("{}: deleted", target.shown()));
    for (what, count) in deleted(&held, now) {
        print(&format!("  {what:<22}{count}"));
    }
    print(
        "The audit trail was not changed: docs/privacy.md says how to find a person's lines in it.",
    );
    Ok(AuditReason::Deleted)
}

/// What was deleted, for the terminal: a label and a count each.
fn deleted(held: &PersonRecords, now: Timestamp) -> Vec<(&'static str, usize)> {
    let accounts = || held.accounts.iter().map(|(_, account)| account);
    let user = held.person.as_ref().map(|person| &person.user);
    let events = |logs: &mut dyn Iterator<Item = u32>| logs.map(|len| len as usize).sum::<usize>();
    let per_user = accounts().flat_map(|account| {
        [&account.codes_issued, &account.wrong_passwords, &account.wrong_codes]
    });
    let per_person = held.person.iter().flat_map(|person| {
        [
            &person.texts,
            &person.enrolling_texts,
            &person.wrong_codes,
            &person.wrong_recovery,
            &person.pushes,
            &person.app_approvals,
        ]
    });
    let texts = held.texts.iter().map(|(_, texts)| texts);
    vec![
        ("live codes", accounts().filter(|account| account.live(now).is_some()).count()),
        ("registered users", usize::from(user.is_some())),
        ("phones", user.map_or(0, |user| user.phones.len())),
        ("authenticators", user.map_or(0, |user| user.authenticators.len())),
        ("recovery codes", user.map_or(0, |user| user.recovery.len())),
        ("transactions", held.transactions.len()),
        ("events by user", events(&mut per_user.chain(per_person).map(EventLog::len))),
        ("calls by number", events(&mut held.calls.iter().map(|(_, calls)| calls.len()))),
        (
            "texts by number",
            events(&mut texts.map(|texts| texts.sent.len() + texts.enrolling.len())),
        ),
    ]
}
