//! Who a command is about: finds the user or the number that the command line names.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::arguments::TargetArgument;
use crate::app;
use crate::config::{Config, DirectoryConfig, TenantConfig};
use crate::domain::caller_id::NoNumber;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::reason::{AuditReason, Reason};
use crate::domain::registered_user::{RegisteredId, RegisteredName};
use crate::domain::uuid_id::parse_hyphenated;
use crate::service::KnownUser;
use crate::service::administration::find_user;
use crate::store::StoreError;

/// Longest wait for the directory.
const DIRECTORY_TIMEOUT: Duration = Duration::from_secs(10);

/// Who a command is about, once resolved.
pub(super) enum Target {
    WholeTenant,
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
    pub(super) fn user_id(&self) -> &str {
        match self {
            Self::UserId(id) => id,
            Self::User(user) => &user.id,
            Self::WholeTenant | Self::Number { .. } => "",
        }
    }

    /// The user's name, if it was looked up in the directory.
    pub(super) fn username(&self) -> Option<&str> {
        match self {
            Self::User(user) => Some(&user.username),
            Self::WholeTenant | Self::UserId(_) | Self::Number { .. } => None,
        }
    }

    /// Text for the terminal.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::WholeTenant => "the whole tenant".to_owned(),
            Self::UserId(id) => id.clone(),
            Self::User(user) => format!("{} ({})", user.username, user.id),
            Self::Number { typed, number } => format!("{typed} ({})", number.key()),
        }
    }
}

/// Why a command was not done.
pub(super) struct Failure {
    /// The reason in the audit trail.
    pub(super) reason: AuditReason,
    pub(super) message: String,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let message = match error {
            StoreError::Unavailable => "the store is unavailable; nothing was done",
            StoreError::OutcomeUnknown => {
                "the store did not answer, so this may or may not have been done: check, and repeat it if not"
            }
        };
        Self { reason: Reason::from(error).name(), message: message.to_owned() }
    }
}

/// Resolves the argument: a name through the directory, a number as a caller ID is read.
pub(super) async fn resolve_target(
    config: &Config,
    tenant: &TenantConfig,
    target: TargetArgument,
) -> Result<Target, Failure> {
    match target {
        TargetArgument::WholeTenant => Ok(Target::WholeTenant),
        TargetArgument::UserId(id) => normalize_id(tenant, id).map(Target::UserId),
        TargetArgument::Person(name) => find_person(config, tenant, &name).await,
        // Registered users are in the store: there is no directory to look a name up in.
        TargetArgument::User(name) if matches!(tenant.directory, DirectoryConfig::Registered) => {
            find_person(config, tenant, &name).await
        }
        TargetArgument::Number(typed) => {
            parse_number(tenant, &typed).map(|number| Target::Number { typed, number })
        }
        TargetArgument::User(name) => {
            find_directory_user(config, tenant, &name).await.map(Target::User)
        }
    }
}

/// The id as the store writes it: UUIDs in lower case (RFC 9562 4). Administrators may copy one from
/// a tool that writes upper case.
fn normalize_id(tenant: &TenantConfig, typed: String) -> Result<String, Failure> {
    let is_uuid = match &tenant.directory {
        DirectoryConfig::Registered => {
            return RegisteredId::parse(&typed).map(|id| id.to_string()).ok_or_else(|| Failure {
                message: format!(
                    "--user-id {typed}: the id of a registered user is a UUID, such as \
                     7e16ba00-92e2-4fcb-b30e-1af8fdc843aa; --user takes a name"
                ),
                reason: AuditReason::UserUnknown,
            });
        }
        DirectoryConfig::Ldap(ldap) => ["objectGUID", "entryUUID"]
            .iter()
            .any(|attribute| ldap.settings.id_attribute.eq_ignore_ascii_case(attribute)),
        DirectoryConfig::File(_) => false,
    };
    let uuid = parse_hyphenated(&typed).filter(|_| is_uuid);
    Ok(uuid.map_or(typed, |uuid| uuid.hyphenated().to_string()))
}

/// The directory's user with this name.
async fn find_directory_user(
    config: &Config,
    tenant: &TenantConfig,
    name: &str,
) -> Result<KnownUser, Failure> {
    let directory = app::directory_of_names(config, tenant, &Handle::current());
    let directory = directory.map_err(|error| Failure {
        message: format!("{error}; --user-id works without the directory"),
        reason: AuditReason::DirectoryUnavailable,
    })?;
    let found = find_user(&*directory, name, Instant::now() + DIRECTORY_TIMEOUT).await;
    found.map_err(|reason| Failure {
        message: match reason {
            Reason::UserUnknown => format!(
                "no user in the directory has the name {name}; for someone who has left it, use \
                 --user-id"
            ),
            Reason::UserAmbiguous => format!("several users in the directory have the name {name}; use --user-id"),
            Reason::NameMalformed => "--user is not a user name: accepted are 1 to 256 characters without control characters".to_owned(),
            _ => "the directory is unavailable; --user-id works without it".to_owned(),
        },
        reason: reason.name(),
    })
}

/// Reads a number as the tenant reads caller IDs.
pub(super) fn parse_number(tenant: &TenantConfig, typed: &str) -> Result<PhoneNumber, Failure> {
    tenant.caller_ids.read(typed).map_err(|error| match error {
        NoNumber::Withheld => Failure {
            message: format!("{typed} stands for a withheld number"),
            reason: AuditReason::NumberWithheld,
        },
        NoNumber::Unparseable => Failure {
            message: format!("{typed} is not a telephone number as this tenant reads caller IDs"),
            reason: AuditReason::NumberUnparseable,
        },
        NoNumber::TwoReadings => Failure {
            message: format!("{typed} could be two numbers; write it with + and country code"),
            reason: AuditReason::NumberTwoReadings,
        },
    })
}

/// Resolves a name to a registered user or a person in the directory; it must not match both.
async fn find_person(
    config: &Config,
    tenant: &TenantConfig,
    name: &str,
) -> Result<Target, Failure> {
    let registered = find_registered_user(config, tenant, name).await?;
    if matches!(tenant.directory, DirectoryConfig::Registered) {
        return registered.map(Target::User).ok_or_else(|| Failure {
            message: format!(
                "no registered user has the name {name}; to give an id, use --user-id"
            ),
            reason: AuditReason::UserUnknown,
        });
    }
    let found = find_directory_user(config, tenant, name).await;
    match (registered, found) {
        (None, found) => found.map(Target::User),
        (Some(registered), Err(failure)) if failure.reason == AuditReason::UserUnknown => {
            Ok(Target::User(registered))
        }
        (Some(_), Err(failure)) => Err(failure),
        (Some(registered), Ok(found)) => Err(Failure {
            message: format!(
                "{name} is the name of a registered user ({}) and of a user in the directory ({}): \
                 choose one with --user-id",
                registered.id, found.id
            ),
            reason: AuditReason::UserAmbiguous,
        }),
    }
}

/// The registered user who alone has this name in any case.
async fn find_registered_user(
    config: &Config,
    tenant: &TenantConfig,
    name: &str,
) -> Result<Option<KnownUser>, Failure> {
    let Some(name) = RegisteredName::parse(name) else { return Ok(None) };
    let store = app::administration(config).await.map_err(|error| Failure {
        message: format!("{error:#}"),
        reason: AuditReason::StoreUnavailable,
    })?;
    let found = store.personal_records.registered(&tenant.id, &name).await?;
    match &found[..] {
        [] => Ok(None),
        [(id, name)] => Ok(Some(KnownUser { id: id.to_string(), username: name.to_string() })),
        several => {
            let each = several.iter().map(|(id, name)| format!("{name} ({id})"));
            let each = each.collect::<Vec<_>>().join(", ");
            Err(Failure {
                message: format!(
                    "several registered users have the name {name}: {each}; choose one with --user-id"
                ),
                reason: AuditReason::UserAmbiguous,
            })
        }
    }
}
