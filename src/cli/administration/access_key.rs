//! `access-key create`, `list` and `revoke`. A key is shown once, when it is created.

use clap::{Args, Subcommand};
use serde::Serialize;
use uuid::Uuid;

use super::arguments::{TargetArgument, TenantArguments};
use super::audit_log::AuditedKey;
use super::audited::{AdminStore, audited_with_store};
use super::format::{format_time, print, print_json};
use super::target::{Failure, Target};
use crate::cli::output;
use crate::cli::setup::CommandResult;
use crate::domain::access_key::{AccessKey, AccessKeyHash, AccessKeyText};
use crate::domain::random::{Random as _, SystemRandom};
use crate::domain::reason::AuditReason;
use crate::domain::uuid_id::parse_hyphenated;
use crate::store::registry::NewAccessKey;

/// The subcommands of `access-key`.
#[derive(Subcommand)]
pub(in crate::cli) enum AccessKeyCommand {
    /// Create a key and print it, alone, on standard output. It is not shown again.
    ///
    /// Every node accepts it at once. Existing keys stay valid, so that a backend can switch from
    /// one to the next. The id, needed to revoke it, goes to standard error.
    Create(Create),
    /// List a tenant's keys, oldest first: id, name, creation time. Never the key itself.
    List(List),
    /// Revoke a key: from now on no node accepts it.
    ///
    /// Exit status 0 also if there was none.
    Revoke(Revoke),
}

#[derive(Args)]
pub(in crate::cli) struct Create {
    #[command(flatten)]
    arguments: TenantArguments,
    /// A name for it, such as the backend that uses it.
    #[arg(long, value_name = "NAME", value_parser = key_name)]
    name: String,
}

#[derive(Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    arguments: TenantArguments,
    /// Print one object per line: `id`, `name`, `created_at`.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(in crate::cli) struct Revoke {
    #[command(flatten)]
    arguments: TenantArguments,
    /// The key's id, as `access-key list` shows it.
    #[arg(long, value_name = "ID", value_parser = key_id)]
    id: Uuid,
}

/// Runs the command.
pub(in crate::cli) async fn run(command: AccessKeyCommand) -> CommandResult {
    match command {
        AccessKeyCommand::Create(Create { arguments, name }) => {
            let Some((id, text)) = new_key() else {
                return Err(anyhow::anyhow!(
                    "the system provides no random bits; nothing was done"
                )
                .into());
            };
            let key = AuditedKey { id: id.to_string(), name: Some(name.clone()) };
            let create =
                async |admin: &AdminStore<'_>, _: &Target| create(admin, id, name, &text).await;
            audited_with_store(
                "access-key create",
                arguments,
                TargetArgument::WholeTenant,
                Some(key),
                create,
            )
            .await
        }
        AccessKeyCommand::List(List { arguments, json }) => {
            let list = async |admin: &AdminStore<'_>, _: &Target| list(admin, json).await;
            audited_with_store(
                "access-key list",
                arguments,
                TargetArgument::WholeTenant,
                None,
                list,
            )
            .await
        }
        AccessKeyCommand::Revoke(Revoke { arguments, id }) => {
            let key = AuditedKey { id: id.to_string(), name: None };
            let revoke = async |admin: &AdminStore<'_>, _: &Target| revoke(admin, id).await;
            audited_with_store(
                "access-key revoke",
                arguments,
                TargetArgument::WholeTenant,
                Some(key),
                revoke,
            )
            .await
        }
    }
}

/// A new random id and key; `None` without random bits.
fn new_key() -> Option<(Uuid, AccessKeyText)> {
    let id = uuid::Builder::from_random_bytes(SystemRandom.nonce()?).into_uuid();
    Some((id, AccessKeyText::from_random(SystemRandom.nonce()?, SystemRandom.nonce()?)))
}

async fn create(
    admin: &AdminStore<'_>,
    id: Uuid,
    name: String,
    text: &AccessKeyText,
) -> Result<AuditReason, Failure> {
    let tenant = &admin.tenant.id;
    let hash = AccessKeyHash::of(text.expose()).expect("a new key is shaped as keys are");
    let key = NewAccessKey { id, tenant: tenant.clone(), name, hash };
    let made = admin.store.access_keys.create_access_key(&key).await?;
    if !output::print(text.expose()) {
        // A working key that its owner has not seen, or that someone else has: revoke it.
        let revoked = admin.store.access_keys.revoke_access_key(tenant, id).await;
        let and = match revoked {
            Ok(_) => "so it was revoked again".to_owned(),
            Err(_) => format!(
                "and could not be revoked either: run `dialpass access-key revoke --id {id}`"
            ),
        };
        let message = format!("the key could not be shown, {and}");
        return Err(Failure { reason: AuditReason::KeyNotShown, message });
    }
    output::print_error(&output::replace_controls(&format!(
        "access key {id} ({}) of tenant {tenant}: it is shown only once; store it like a password",
        made.name
    )));
    Ok(AuditReason::Created)
}

async fn list(admin: &AdminStore<'_>, json: bool) -> Result<AuditReason, Failure> {
    let keys = admin.store.access_keys.access_keys(&admin.tenant.id).await?;
    if json {
        for AccessKey { id, name, created_at, .. } in &keys {
            let created_at = format_time(created_at.as_secs());
            print_json(&AccessKeyJson { id: id.to_string(), name, created_at });
        }
        return Ok(AuditReason::Listed);
    }
    if !keys.is_empty() {
        print(&columns("ID", "CREATED", "NAME"));
    }
    for AccessKey { id, name, created_at, .. } in &keys {
        print(&columns(&id.to_string(), &format_time(created_at.as_secs()), name));
    }
    match keys.len() {
        0 => print("no access key"),
        1 => print("1 access key"),
        several => print(&format!("{several} access keys")),
    };
    Ok(AuditReason::Listed)
}

async fn revoke(admin: &AdminStore<'_>, id: Uuid) -> Result<AuditReason, Failure> {
    let revoked = admin.store.access_keys.revoke_access_key(&admin.tenant.id, id).await?;
    let (message, done) = if revoked {
        ("the access key is revoked", AuditReason::Revoked)
    } else {
        ("the tenant has no such access key", AuditReason::NoSuchKey)
    };
    print(&format!("{id}: {message}"));
    Ok(done)
}

/// A key as JSON.
#[derive(Serialize)]
struct AccessKeyJson<'a> {
    id: String,
    name: &'a str,
    created_at: String,
}

fn columns(id: &str, created: &str, name: &str) -> String {
    format!("{id:<36}  {created:<20}  {name}")
}

fn key_name(text: &str) -> Result<String, String> {
    let is_name = AccessKey::is_name(text);
    is_name
        .then(|| text.to_owned())
        .ok_or_else(|| "a name of 1 to 64 characters, without control characters".to_owned())
}

fn key_id(text: &str) -> Result<Uuid, String> {
    parse_hyphenated(text)
        .ok_or_else(|| "accepted is an id as `access-key list` shows it".to_owned())
}
