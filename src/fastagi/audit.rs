//! What the audit trail and the metrics say of a session.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::time::Instant;
use uuid::Uuid;

use super::outcome::Outcome;
use super::scripts::Scripts;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::reason::AuditReason;
use crate::domain::tenant::TenantId;
use crate::service::KnownUser;
use crate::telemetry::audit::Decision;
use crate::telemetry::metrics;

/// The operation's name in audit events and metrics.
const OPERATION: &str = "fastagi";

/// A session's audit event. It writes exactly one: at the latest when it is dropped.
pub(super) struct Trail {
    scripts: Arc<Scripts>,
    began: Instant,
    peer: IpAddr,
    request_id: String,
    /// Whether the event is written.
    is_decided: bool,
    /// Whether the script lists the peer.
    pub is_listed: bool,
    pub tenant: Option<TenantId>,
    pub script: Option<String>,
    pub call_id: Option<String>,
    pub number: Option<PhoneNumber>,
    pub user: Option<KnownUser>,
}

impl Trail {
    pub(super) fn new(peer: IpAddr, scripts: Arc<Scripts>) -> Self {
        Self {
            scripts,
            began: Instant::now(),
            peer,
            request_id: Uuid::new_v4().simple().to_string(),
            is_decided: false,
            is_listed: false,
            tenant: None,
            script: None,
            call_id: None,
            number: None,
            user: None,
        }
    }

    /// Writes and counts a refusal.
    pub(super) fn record_refusal(&mut self, reason: AuditReason) {
        self.is_decided = true;
        let is_client = self.is_listed && reason != AuditReason::Flood;
        let log = &self.scripts.unauthenticated_log;
        if is_client || log.may_write(Some(self.peer), false, false, reason) {
            self.write(false, reason);
        }
        self.count(Outcome::Refused, reason);
    }

    /// Writes and counts an upcoming grant. Returns whether to grant.
    pub(super) async fn record_grant(&mut self, reason: AuditReason, deadline: Instant) -> bool {
        let audit = Arc::clone(&self.scripts.audit);
        let is_written = audit.record_grant(|| self.write(true, reason), deadline).await;
        if is_written {
            self.is_decided = true;
            self.count(Outcome::Told, reason);
        }
        is_written
    }

    fn write(&self, allowed: bool, reason: AuditReason) {
        let username = self.user.as_ref().map(|user| user.username.as_str());
        Decision {
            request_id: &self.request_id,
            operation: OPERATION,
            tenant: self.tenant.as_ref().map(TenantId::as_str),
            client: None,
            voice: self.script.as_deref(),
            allowed,
            reason,
            status: None,
            number: self.number.as_ref(),
            user_id: self.user.as_ref().map(|user| user.id.as_str()),
            username: username.filter(|name| !name.is_empty()),
            transaction_id: None,
            authenticator_id: None,
            call_id: self.call_id.as_deref(),
            client_ip: None,
            certificate_san: None,
            certificate_sha256: None,
            peer: Some(self.peer),
            took: self.began.elapsed(),
        }
        .record();
    }

    fn count(&self, outcome: Outcome, reason: AuditReason) {
        let tenant = self.tenant.as_ref().map(TenantId::as_str).unwrap_or_default();
        metrics::decision(tenant, OPERATION, outcome == Outcome::Told, reason);
        metrics::answered(OPERATION, outcome.word().to_owned(), self.began.elapsed());
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        if !self.is_decided {
            self.record_refusal(AuditReason::HungUp);
        }
    }
}
