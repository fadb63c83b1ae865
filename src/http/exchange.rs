//! One request and its answer: arrival time, deadline and audit fields.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, web};
use tokio::time::{Instant, timeout_at};

use super::certificate::PeerCertificate;
use super::gateway::{CurrentGateway, Gateway};
use super::listener::RequestBegan;
use crate::domain::authenticator::AuthenticatorId;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::reason::AuditReason;
use crate::domain::tenant::TenantId;
use crate::domain::transaction::TransactionId;
use crate::service::KnownUser;
use crate::telemetry::audit::Decision;
use crate::telemetry::{metrics, output};

/// An id for one request, used in its answer and its audit event.
pub(super) fn new_request_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Waits for `work` until `deadline`. A result after the deadline is late even if it is ready at
/// the first poll: the whole process may have been suspended meanwhile.
pub(super) async fn in_time<T>(
    deadline: Instant,
    work: impl Future<Output = T>,
) -> Result<T, DeadlinePassed> {
    let done = timeout_at(deadline, work).await.map_err(|_| DeadlinePassed)?;
    if Instant::now() > deadline { Err(DeadlinePassed) } else { Ok(done) }
}

/// The request's deadline has passed.
pub(super) struct DeadlinePassed;

/// The audit event's fields besides the outcome.
#[derive(Default)]
pub(super) struct Trail {
    pub tenant: Option<TenantId>,
    pub client: Option<String>,
    pub number: Option<PhoneNumber>,
    pub user: Option<KnownUser>,
    pub transaction: Option<TransactionId>,
    pub authenticator: Option<AuthenticatorId>,
    pub call_id: Option<String>,
    pub client_ip: Option<String>,
    pub peer: Option<IpAddr>,
    pub certificate: Option<Box<PeerCertificate>>,
    /// Whether the address exceeds its flood limit.
    pub floods: bool,
}

/// How long an answer waits for its audit event to be written.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

/// One request in progress.
pub(super) struct Exchange {
    pub request: HttpRequest,
    pub gateway: Arc<Gateway>,
    pub arrived: Instant,
    /// When the answer must be on its way.
    pub deadline: Instant,
    pub trail: Trail,
    pub request_id: String,
    name: &'static str,
}

impl Exchange {
    /// Starts answering `request`; the audit trail calls the operation `name`.
    pub(super) fn begin(
        request: HttpRequest,
        gateway: &web::Data<CurrentGateway>,
        name: &'static str,
    ) -> Self {
        let gateway = gateway.load_full();
        // A slowly sent head counts towards the request's time.
        let began = request.conn_data::<RequestBegan>().and_then(RequestBegan::get);
        let arrived = began.unwrap_or_else(Instant::now);
        // Leave time to write the answer.
        let margin = gateway.request_deadline / 50;
        Self {
            deadline: arrived + gateway.request_deadline - margin,
            trail: Trail { peer: request.peer_addr().map(|peer| peer.ip()), ..Trail::default() },
            request_id: new_request_id(),
            request,
            gateway,
            arrived,
            name,
        }
    }

    /// Whether calls and logins are refused because the audit trail cannot be written.
    pub(super) fn audit_refuses(&self) -> bool {
        self.gateway.audit.refuses()
    }

    /// Writes a refusal to the audit trail and counts it. The answer does not wait for this, and
    /// refusals without a client's credential are written only within limits.
    pub(super) fn record_refusal(&self, reason: AuditReason, status: u16) {
        let Trail { tenant, client, peer, floods, .. } = &self.trail;
        let is_client = client.is_some();
        let strangers = &self.gateway.strangers;
        if (is_client && reason != AuditReason::Flood)
            || strangers.may_write(*peer, tenant.is_some(), *floods && !is_client, reason)
        {
            self.write(false, reason, status);
        }
        self.count(false, reason, status);
    }

    /// Writes an upcoming grant to the audit trail and counts it. Returns whether to grant: not if
    /// a required event could not be written.
    pub(super) async fn record_grant(&self, reason: AuditReason, status: u16) -> bool {
        let written = output::acknowledged(|| self.write(true, reason, status));
        if self.gateway.audit.must_be_written() {
            let patience = self.deadline.min(Instant::now() + WRITTEN_WITHIN);
            if !written.came(patience).await {
                return false;
            }
        }
        self.count(true, reason, status);
        true
    }

    /// Writes the decision to the audit trail.
    fn write(&self, allowed: bool, reason: AuditReason, status: u16) {
        let trail = &self.trail;
        let took = self.arrived.elapsed();
        let tenant = trail.tenant.as_ref().map(TenantId::as_str);
        let transaction = trail.transaction.map(|id| id.to_string());
        let authenticator = trail.authenticator.map(|id| id.to_string());
        Decision {
            request_id: &self.request_id,
            operation: self.name,
            tenant,
            client: trail.client.as_deref(),
            allowed,
            reason,
            status,
            number: trail.number.as_ref(),
            user_id: trail.user.as_ref().map(|user| user.id.as_str()),
            username: trail
                .user
                .as_ref()
                .map(|user| user.username.as_str())
                .filter(|name| !name.is_empty()),
            transaction_id: transaction.as_deref(),
            authenticator_id: authenticator.as_deref(),
            call_id: trail.call_id.as_deref(),
            client_ip: trail.client_ip.as_deref(),
            peer: trail.peer,
            certificate_san: trail.certificate.as_ref().map(|certificate| certificate.names()),
            certificate_sha256: trail
                .certificate
                .as_ref()
                .map(|certificate| hex::encode(certificate.sha256)),
            took,
        }
        .record();
    }

    /// Counts the answer, and writes nothing.
    pub(super) fn count(&self, allowed: bool, reason: AuditReason, status: u16) {
        let tenant = self.trail.tenant.as_ref().map(TenantId::as_str);
        metrics::decision(tenant.unwrap_or_default(), self.name, allowed, reason);
        metrics::answered(self.name, status, self.arrived.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_done_after_the_deadline_is_late_though_it_is_done_at_the_first_look() {
        let second = Duration::from_secs(1);
        let deadline = Instant::now() + second;
        assert!(in_time(deadline, async { 1 }).await.is_ok_and(|one| one == 1));
        let asleep = async {
            // As in a suspended process: the time is not checked until it resumes.
            tokio::time::advance(2 * second).await;
        };
        assert!(in_time(deadline, asleep).await.is_err());
        assert!(in_time(deadline, std::future::pending::<()>()).await.is_err());
    }
}
