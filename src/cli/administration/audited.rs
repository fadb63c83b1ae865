//! Runs a command's work between two audit events.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use super::arguments::{TargetArgument, TenantArguments};
use super::audit_log::{AuditLog, AuditedKey};
use super::target::{Failure, Target, resolve_target};
use crate::app::{self, AdministratorsStore};
use crate::cli::setup::{CommandResult, find_tenant, source};
use crate::config::TenantConfig;
use crate::domain::reason::AuditReason;
use crate::service::administration::TenantCodes;
use crate::telemetry::audit::AdminOutcome;
use crate::telemetry::logs;

/// A tenant and the store, opened for a command.
pub(super) struct AdminStore<'c> {
    pub(super) tenant: &'c TenantConfig,
    pub(super) store: AdministratorsStore,
}

impl AdminStore<'_> {
    /// The tenant's codes and counts.
    pub(super) fn codes(&self) -> TenantCodes {
        TenantCodes {
            tenant: self.tenant.id.clone(),
            store: Arc::clone(&self.store.administration),
            limits: self.tenant.limits,
        }
    }
}

/// Runs `work` on the resolved target, between two audit events. `work` returns the result's name
/// in the audit trail.
pub(super) async fn audited<F>(
    operation: &'static str,
    arguments: TenantArguments,
    target: TargetArgument,
    work: F,
) -> CommandResult
where
    F: AsyncFnOnce(&TenantCodes, &Target) -> Result<AuditReason, Failure>,
{
    let with_codes =
        async |admin: &AdminStore<'_>, target: &Target| work(&admin.codes(), target).await;
    audited_with_store(operation, arguments, target, None, with_codes).await
}

/// Like [`audited`], for a command that may be about `key` and needs the whole store.
pub(super) async fn audited_with_store<F>(
    operation: &'static str,
    arguments: TenantArguments,
    target: TargetArgument,
    key: Option<AuditedKey>,
    work: F,
) -> CommandResult
where
    F: AsyncFnOnce(&AdminStore<'_>, &Target) -> Result<AuditReason, Failure>,
{
    // Fails if logging has already started, which does no harm here.
    let _ = logs::start_for_command();
    let source = source(arguments.config);
    let config = source.load()?;
    let tenant = find_tenant(&config, arguments.tenant.as_deref(), &source.path)?;
    let mut audit_log = AuditLog::open(operation, &config, tenant, key)?;

    let target = match resolve_target(&config, tenant, target).await {
        Ok(target) => target,
        Err(failure) => return audit_log.failed(&Target::WholeTenant, &failure),
    };
    audit_log.write(&target, AdminOutcome::Attempted, None).context("nothing was done")?;
    let store = match app::administration(&config).await {
        Ok(store) => store,
        Err(error) => {
            let (reason, message) = (AuditReason::StoreUnavailable, format!("{error:#}"));
            return audit_log.failed(&target, &Failure { reason, message });
        }
    };
    match work(&AdminStore { tenant, store }, &target).await {
        Ok(done) => {
            audit_log.write(&target, AdminOutcome::Done, Some(done)).context(
                "the command was carried out, but the audit trail does not record its end",
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => audit_log.failed(&target, &failure),
    }
}
