//! `codes`, `counts`, `access-key` and `person`: what administrators look up and change in the
//! store while the gateway runs. Each command writes an audit event before it acts and another when
//! it is done.

mod access_key;
mod codes;
mod counts;
mod journal;
mod person;
mod person_json;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::runtime::Handle;
use tokio::time::Instant;

pub(super) use self::access_key::{AccessKeyCommand, run as access_key};
pub(super) use self::codes::{Codes, run as codes};
pub(super) use self::counts::{Counts, run as counts};
use self::journal::{Journal, KeyInTrail};
pub(super) use self::person::{PersonCommand, run as person};
use super::output::{self, plain};
use super::{Ended, chosen, source};
use crate::app::{self, AdministratorsStore};
use crate::config::{Config, DirectoryConfig, TenantConfig};
use crate::directory::Directory;
use crate::domain::caller_id::NoNumber;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::reason::{AuditReason, Reason};
use crate::domain::registered_user::RegisteredId;
use crate::service::KnownUser;
use crate::service::administration::{TenantDesk, find_user};
use crate::store::StoreError;
use crate::telemetry::audit::ActOutcome;
use crate::telemetry::logs;

/// Longest wait for the directory.
const PATIENCE: Duration = Duration::from_secs(10);

/// Help text shared by all these commands.
pub(super) const AUDITED: &str = "\
Run as the user that the gateway runs as, or as root where that is a systemd DynamicUser.
Each command is in the audit trail with who ran it, in audit.file or on standard error; what
cannot be written there is not done.

Exit status: 0 done, also if there was nothing to do; 1 failed: no such user, the store or the
directory cannot be asked; 2 wrong arguments; 78 the configuration cannot be used.";

/// The gateway's configuration file and the tenant.
#[derive(Args)]
struct Place {
    /// The gateway's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The tenant; required if there are several.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
}

/// Whom a command is about, as named on the command line.
enum Named {
    Everybody,
    User(String),
    UserId(String),
    Number(String),
    /// A user in the directory or a registered user, by name.
    Person(String),
}

impl Named {
    /// From the options; clap allows at most one of them.
    fn new(user: Option<String>, user_id: Option<String>, number: Option<String>) -> Self {
        let user = user.map(Self::User).or(user_id.map(Self::UserId));
        user.or(number.map(Self::Number)).unwrap_or(Self::Everybody)
    }
}

/// Whom a command is about, once resolved.
enum Target {
    Everybody,
    /// By stable id.
    UserId(String),
    /// From the directory.
    User(KnownUser),
    Number {
        typed: String,
        number: PhoneNumber,
    },
}

impl Target {
    /// The user's stable id; empty if the target is not a single user.
    fn user_id(&self) -> &str {
        match self {
            Self::UserId(id) => id,
            Self::User(user) => &user.id,
            Self::Everybody | Self::Number { .. } => "",
        }
    }

    /// The user's name, if it was looked up in the directory.
    fn username(&self) -> Option<&str> {
        match self {
            Self::User(user) => Some(&user.username),
            Self::Everybody | Self::UserId(_) | Self::Number { .. } => None,
        }
    }

    /// Text for the terminal.
    fn shown(&self) -> String {
        match self {
            Self::Everybody => "everybody".to_owned(),
            Self::UserId(id) => id.clone(),
            Self::User(user) => format!("{} ({})", user.username, user.id),
            Self::Number { typed, number } => format!("{typed} ({})", number.key()),
        }
    }
}

/// Why a command was not done.
struct Failure {
    /// The reason in the audit trail.
    reason: AuditReason,
    said: String,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let said = match error {
            StoreError::Unavailable => "the store could not be asked; nothing was done",
            StoreError::OutcomeUnknown => {
                "the store's answer did not come: whether it was done is not known, so look"
            }
        };
        Self { reason: Reason::from(error).name(), said: said.to_owned() }
    }
}

/// A tenant and the store, opened for a command.
struct Office<'c> {
    tenant: &'c TenantConfig,
    store: AdministratorsStore,
}

impl Office<'_> {
    /// The tenant's codes and counts.
    fn desk(&self) -> TenantDesk {
        TenantDesk {
            tenant: self.tenant.id.clone(),
            store: Arc::clone(&self.store.administration),
            limits: self.tenant.limits,
        }
    }
}

/// Runs `work` on the resolved target, between two audit events. `work` returns the result's name
/// in the audit trail.
async fn audited<F>(operation: &'static str, place: Place, named: Named, work: F) -> Ended
where
    F: AsyncFnOnce(&TenantDesk, &Target) -> Result<AuditReason, Failure>,
{
    let at_desk = async |office: &Office<'_>, target: &Target| work(&office.desk(), target).await;
    in_trail(operation, place, named, None, at_desk).await
}

/// Like [`audited`], for a command that may be about `key` and needs the whole store.
async fn in_trail<F>(
    operation: &'static str,
    place: Place,
    named: Named,
    key: Option<KeyInTrail>,
    work: F,
) -> Ended
where
    F: AsyncFnOnce(&Office<'_>, &Target) -> Result<AuditReason, Failure>,
{
    // Fails if logging has already started, which does no harm here.
    let _ = logs::start_for_command();
    let source = source(place.config);
    let config = source.load()?;
    let tenant = chosen(&config, place.tenant.as_deref(), &source.path)?;
    let mut journal = Journal::open(operation, &config, tenant, key)?;

    let target = match target(&config, tenant, named).await {
        Ok(target) => target,
        Err(failure) => return journal.failed(&Target::Everybody, &failure),
    };
    journal.write(&target, ActOutcome::Attempted, None).context("nothing was done")?;
    let store = match app::administration(&config).await {
        Ok(store) => store,
        Err(error) => {
            let (reason, said) = (AuditReason::StoreUnavailable, format!("{error:#}"));
            return journal.failed(&target, &Failure { reason, said });
        }
    };
    match work(&Office { tenant, store }, &target).await {
        Ok(done) => {
            journal
                .write(&target, ActOutcome::Done, Some(done))
                .context("it was done, but its end is not in the audit trail")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => journal.failed(&target, &failure),
    }
}

/// Resolves `named`: a name through the directory, a number as a caller ID is read.
async fn target(config: &Config, tenant: &TenantConfig, named: Named) -> Result<Target, Failure> {
    match named {
        Named::Everybody => Ok(Target::Everybody),
        Named::UserId(id) => id_as_stored(tenant, id).map(Target::UserId),
        Named::Person(name) => person::target(config, tenant, &name).await,
        // Registered users are in the store: there is no directory to look a name up in.
        Named::User(name) if matches!(tenant.directory, DirectoryConfig::Registered) => {
            person::target(config, tenant, &name).await
        }
        Named::Number(typed) => {
            number_of(tenant, &typed).map(|number| Target::Number { typed, number })
        }
        Named::User(name) => {
            let directory = app::directory_of_names(config, tenant, &Handle::current());
            let directory = directory.map_err(|error| Failure {
                said: format!("{error}; --user-id needs no directory"),
                reason: AuditReason::DirectoryUnavailable,
            })?;
            user_of(&*directory, &name).await.map(Target::User)
        }
    }
}

/// The id in the notation that the store's keys have. UUIDs are written in lower case there
/// (RFC 9562 4), whatever the tool wrote from which an administrator copies one.
fn id_as_stored(tenant: &TenantConfig, typed: String) -> Result<String, Failure> {
    let is_uuid = match &tenant.directory {
        DirectoryConfig::Registered => {
            return RegisteredId::parse(&typed).map(|id| id.to_string()).ok_or_else(|| Failure {
                said: format!(
                    "--user-id {typed}: the id of a registered user is a UUID, such as \
                     7e16ba00-92e2-4fcb-b30e-1af8fdc843aa; --user takes a name"
                ),
                reason: AuditReason::UserUnknown,
            });
        }
        DirectoryConfig::Ldap(ldap) => ["objectGUID", "entryUUID"]
            .iter()
            .any(|attribute| ldap.id_attribute.eq_ignore_ascii_case(attribute)),
        DirectoryConfig::File(_) => false,
    };
    let uuid = RegisteredId::parse(&typed).filter(|_| is_uuid);
    Ok(uuid.map_or(typed, |id| id.to_string()))
}

/// The directory's user with this name.
async fn user_of(directory: &dyn Directory, name: &str) -> Result<KnownUser, Failure> {
    let found = find_user(directory, name, Instant::now() + PATIENCE).await;
    found.map_err(|reason| Failure {
        said: match reason {
            Reason::UserUnknown => format!(
                "nobody in the directory has the name {name}; by --user-id, somebody whom it no \
                 longer has can be named"
            ),
            Reason::UserAmbiguous => format!("more than one in the directory has the name {name}"),
            Reason::NameMalformed => "what --user says is no user name".to_owned(),
            _ => "the directory could not be asked; --user-id needs none".to_owned(),
        },
        reason: reason.name(),
    })
}

/// Reads a number as the tenant reads caller IDs.
fn number_of(tenant: &TenantConfig, typed: &str) -> Result<PhoneNumber, Failure> {
    tenant.caller_ids.read(typed).map_err(|error| match error {
        NoNumber::Withheld => Failure {
            said: format!("{typed} is how a caller without a number looks"),
            reason: AuditReason::NumberWithheld,
        },
        NoNumber::Unparseable => Failure {
            said: format!("{typed} is no number, as this tenant reads caller IDs"),
            reason: AuditReason::NumberUnparseable,
        },
        NoNumber::TwoReadings => Failure {
            said: format!("{typed} could be two numbers; write it with + and country code"),
            reason: AuditReason::NumberTwoReadings,
        },
    })
}

/// Prints a line; returns whether the reader is still there.
fn print(line: &str) -> bool {
    output::print(&plain(line.trim_end()))
}

/// Prints an object as one line of JSON; returns whether the reader is still there.
fn print_json(object: &impl serde::Serialize) -> bool {
    output::print(&serde_json::to_string(object).expect("texts and numbers always serialise"))
}

/// Parses a stable id: only what a directory's id could be.
fn stable_id(text: &str) -> Result<String, String> {
    let is_bad = text.is_empty() || text.trim() != text || text.len() > 512;
    if is_bad || text.chars().any(char::is_control) {
        return Err("an id has 1 to 512 characters, no blanks around it and no control characters"
            .to_owned());
    }
    Ok(text.to_owned())
}

/// A duration for people, in whole seconds, rounded up.
fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

/// A time in whole seconds since the Unix epoch, for people and programs (RFC 3339, UTC).
fn shown_time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |time| time.to_string())
}
