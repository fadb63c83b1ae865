//! Who a command is about: finds the user or the number that the command line names.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::named::Named;
use crate::app;
use crate::config::{Config, DirectoryConfig, TenantConfig};
use crate::directory::Directory;
use crate::domain::caller_id::NoNumber;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::reason::{AuditReason, Reason};
use crate::domain::registered_user::{RegisteredId, RegisteredName};
use crate::service::KnownUser;
use crate::service::administration::find_user;
use crate::store::StoreError;

/// Longest wait for the directory.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who a command is about, once resolved.
pub(super) enum Target {
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
    pub(super) fn user_id(&self) -> &str {
        match self {
            Self::UserId(id) => id,
            Self::User(user) => &user.id,
            Self::Everybody | Self::Number { .. } => "",
        }
    }

    /// The user's name, if it was looked up in the directory.
    pub(super) fn username(&self) -> Option<&str> {
        match self {
            Self::User(user) => Some(&user.username),
            Self::Everybody | Self::UserId(_) | Self::Number { .. } => None,
        }
    }

    /// Text for the terminal.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Everybody => "everybody".to_owned(),
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
    pub(super) said: String,
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

/// Resolves `named`: a name through the directory, a number as a caller ID is read.
pub(super) async fn target(
    config: &Config,
    tenant: &TenantConfig,
    named: Named,
) -> Result<Target, Failure> {
    match named {
        Named::Everybody => Ok(Target::Everybody),
        Named::UserId(id) => id_as_stored(tenant, id).map(Target::UserId),
        Named::Person(name) => person(config, tenant, &name).await,
        // Registered users are in the store: there is no directory to look a name up in.
        Named::User(name) if matches!(tenant.directory, DirectoryConfig::Registered) => {
            person(config, tenant, &name).await
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
            .any(|attribute| ldap.settings.id_attribute.eq_ignore_ascii_case(attribute)),
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
pub(super) fn number_of(tenant: &TenantConfig, typed: &str) -> Result<PhoneNumber, Failure> {
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

/// Resolves a name to a registered user or a person in the directory; it must not match both.
async fn person(config: &Config, tenant: &TenantConfig, name: &str) -> Result<Target, Failure> {
    let registered = registered(config, tenant, name).await?;
    if matches!(tenant.directory, DirectoryConfig::Registered) {
        return registered.map(Target::User).ok_or_else(|| Failure {
            said: format!("no registered user has the name {name}; --user-id takes an id"),
            reason: AuditReason::UserUnknown,
        });
    }
    let directory = app::directory_of_names(config, tenant, &Handle::current());
    let directory = directory.map_err(|error| Failure {
        said: format!("{error}; --user-id needs no directory"),
        reason: AuditReason::DirectoryUnavailable,
    })?;
    let found = user_of(&*directory, name).await;
    match (registered, found) {
        (None, found) => found.map(Target::User),
        (Some(registered), Err(failure)) if failure.reason == AuditReason::UserUnknown => {
            Ok(Target::User(registered))
        }
        (Some(_), Err(failure)) => Err(failure),
        (Some(registered), Ok(found)) => Err(Failure {
            said: format!(
                "{name} is a registered user's name ({}) and one in the directory ({}): say which \
                 by --user-id",
                registered.id, found.id
            ),
            reason: AuditReason::UserAmbiguous,
        }),
    }
}

/// The registered user who alone has this name in any case.
async fn registered(
    config: &Config,
    tenant: &TenantConfig,
    name: &str,
) -> Result<Option<KnownUser>, Failure> {
    let Some(name) = RegisteredName::parse(name) else { return Ok(None) };
    let store = app::administration(config).await.map_err(|error| Failure {
        said: format!("{error:#}"),
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
                said: format!(
                    "{name} is the name of several registered users: {each}: say which by --user-id"
                ),
                reason: AuditReason::UserAmbiguous,
            })
        }
    }
}
