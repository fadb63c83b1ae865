//! A command's audit events: its target, its progress, why it failed.

use std::process::ExitCode;

use anyhow::Context as _;

use super::target::{Failure, Target};
use crate::cli::output::{self, replace_controls};
use crate::cli::setup::CommandResult;
use crate::config::{Config, TenantConfig};
use crate::domain::reason::AuditReason;
use crate::telemetry::audit::{AdminEvent, AdminOutcome};
use crate::telemetry::audit_writer::AuditWriter;

/// The access key that a command is about, without its text.
pub(super) struct AuditedKey {
    /// Its id.
    pub id: String,
    /// Its name, if the command knows it.
    pub name: Option<String>,
}

/// Writes one command's audit events.
pub(super) struct AuditLog {
    writer: AuditWriter,
    request_id: String,
    operation: &'static str,
    tenant: String,
    key: Option<AuditedKey>,
}

impl AuditLog {
    /// Opens the audit trail for a command, which may be about the access key `key`.
    ///
    /// # Errors
    /// If it cannot be opened: then nothing may be done.
    pub(super) fn open(
        operation: &'static str,
        config: &Config,
        tenant: &TenantConfig,
        key: Option<AuditedKey>,
    ) -> anyhow::Result<Self> {
        let file = config.audit.file.as_deref();
        let writer = AuditWriter::open(file, config.audit.format).with_context(|| {
            let file = file.map(|file| file.display().to_string()).unwrap_or_default();
            format!("nothing was done: audit.file {file} cannot be opened")
        })?;
        let request_id = uuid::Uuid::new_v4().simple().to_string();
        Ok(Self { writer, request_id, operation, tenant: tenant.id.to_string(), key })
    }

    /// Writes an event about the command's progress.
    ///
    /// # Errors
    /// If the event cannot be written completely.
    pub(super) fn write(
        &mut self,
        target: &Target,
        outcome: AdminOutcome,
        reason: Option<AuditReason>,
    ) -> anyhow::Result<()> {
        let number = match target {
            Target::Number { number, .. } => Some(number),
            Target::WholeTenant | Target::UserId(_) | Target::User(_) => None,
        };
        let event = AdminEvent {
            request_id: &self.request_id,
            operation: self.operation,
            outcome,
            reason,
            tenant: &self.tenant,
            number,
            user_id: Some(target.user_id()).filter(|id| !id.is_empty()),
            username: target.username(),
            access_key_id: self.key.as_ref().map(|key| key.id.as_str()),
            access_key_name: self.key.as_ref().and_then(|key| key.name.as_deref()),
        };
        self.writer.write(&event).context("the audit trail cannot be written")
    }

    /// Reports a failure to the audit trail and to the administrator.
    pub(super) fn failed(&mut self, target: &Target, failure: &Failure) -> CommandResult {
        output::print_error(&format!("dialpass: {}", replace_controls(&failure.message)));
        self.write(target, AdminOutcome::Failed, Some(failure.reason))?;
        Ok(ExitCode::FAILURE)
    }
}
