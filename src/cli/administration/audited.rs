//! Runs a command's work between two audit events.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use super::audit_log::{AuditLog, KeyInTrail};
use super::named::{Named, Place};
use super::target::{Failure, Target, target};
use crate::app::{self, AdministratorsStore};
use crate::cli::setup::{Ended, chosen, source};
use crate::config::TenantConfig;
use crate::domain::reason::AuditReason;
use crate::service::administration::TenantCodes;
use crate::telemetry::audit::ActOutcome;
use crate::telemetry::logs;

/// A tenant and the store, opened for a command.
pub(super) struct AdminStore<'c> {
    pub(super) tenant: &'c TenantConfig,
    pub(super) store: AdministratorsStore,
}

impl AdminStore<'_> {
    /// The tenant's codes and counts.
    pub(super) fn desk(&self) -> TenantCodes {
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
    place: Place,
    named: Named,
    work: F,
) -> Ended
where
    F: AsyncFnOnce(&TenantCodes, &Target) -> Result<AuditReason, Failure>,
{
    let at_desk =
        async |office: &AdminStore<'_>, target: &Target| work(&office.desk(), target).await;
    in_trail(operation, place, named, None, at_desk).await
}

/// Like [`audited`], for a command that may be about `key` and needs the whole store.
pub(super) async fn in_trail<F>(
    operation: &'static str,
    place: Place,
    named: Named,
    key: Option<KeyInTrail>,
    work: F,
) -> Ended
where
    F: AsyncFnOnce(&AdminStore<'_>, &Target) -> Result<AuditReason, Failure>,
{
    // Fails if logging has already started, which does no harm here.
    let _ = logs::start_for_command();
    let source = source(place.config);
    let config = source.load()?;
    let tenant = chosen(&config, place.tenant.as_deref(), &source.path)?;
    let mut audit_log = AuditLog::open(operation, &config, tenant, key)?;

    let target = match target(&config, tenant, named).await {
        Ok(target) => target,
        Err(failure) => return audit_log.failed(&Target::Everybody, &failure),
    };
    audit_log.write(&target, ActOutcome::Attempted, None).context("nothing was done")?;
    let store = match app::administration(&config).await {
        Ok(store) => store,
        Err(error) => {
            let (reason, said) = (AuditReason::StoreUnavailable, format!("{error:#}"));
            return audit_log.failed(&target, &Failure { reason, said });
        }
    };
    match work(&AdminStore { tenant, store }, &target).await {
        Ok(done) => {
            audit_log
                .write(&target, ActOutcome::Done, Some(done))
                .context("it was done, but its end is not in the audit trail")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => audit_log.failed(&target, &failure),
    }
}
