//! One request to either API and its answer: arrival, deadline, audit fields, grant and refusal.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use super::body;
use super::certificate::PeerCertificate;
use super::error::{escape_html, refuse, uniform_headers};
use super::gateway::{AuthenticationCloud, CurrentGateway, Gateway};
use super::listener::RequestBegan;
use super::refused::{Api, Refusal, Refused};
use crate::domain::authenticator::AuthenticatorId;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::reason::AuditReason;
use crate::domain::registered_user::{RegisteredId, RegisteredName};
use crate::domain::tenant::TenantId;
use crate::domain::transaction::TransactionId;
use crate::service::KnownUser;
pub(super) use crate::service::deadline::{DeadlinePassed, in_time};
use crate::telemetry::audit::Decision;
use crate::telemetry::metrics;

/// An id for one request, used in its answer and its audit event.
pub(super) fn new_request_id() -> String {
    Uuid::new_v4().simple().to_string()
}

/// The audit event's fields besides the outcome.
#[derive(Default)]
pub(super) struct AuditFields {
    pub tenant: Option<TenantId>,
    pub client: Option<String>,
    /// The endpoint that a voice platform called.
    pub voice: Option<String>,
    /// Whether the platform signed its request.
    pub is_signed: bool,
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

/// The answer to a granted request.
pub(super) struct Granted {
    status: StatusCode,
    body: Answer,
    reason: AuditReason,
    is_decision: bool,
}

enum Answer {
    Nothing,
    Text(Cow<'static, str>),
    Json(String),
}

impl Granted {
    /// JSON; the cloud's is escaped so that HTML parsers find nothing in it.
    pub(super) fn json(status: StatusCode, reason: AuditReason, body: &impl Serialize) -> Self {
        let body = serde_json::to_string(body).expect("texts and numbers always serialise");
        Self { status, body: Answer::Json(body), reason, is_decision: true }
    }

    /// Plain text.
    pub(super) fn text(reason: AuditReason, body: impl Into<Cow<'static, str>>) -> Self {
        let body = Answer::Text(body.into());
        Self { status: StatusCode::OK, body, reason, is_decision: true }
    }

    /// An empty body.
    pub(super) const fn nothing(status: StatusCode, reason: AuditReason) -> Self {
        Self { status, body: Answer::Nothing, reason, is_decision: true }
    }

    /// Marks an answer that decides nothing, such as a repeated status query: it gets no audit
    /// event.
    pub(super) fn without_trail(self) -> Self {
        Self { is_decision: false, ..self }
    }
}

/// One request in progress.
pub(super) struct RequestContext {
    pub request: HttpRequest,
    /// The body, as far as it is unread.
    pub payload: web::Payload,
    pub gateway: Arc<Gateway>,
    pub arrived: Instant,
    /// When the answer must be on its way.
    pub deadline: Instant,
    pub trail: AuditFields,
    pub request_id: String,
    /// The id of the access key used, if any.
    pub access_key: Option<Uuid>,
    name: &'static str,
    api: Api,
    /// Whether pages of other origins may ask (CORS).
    is_open_to_frontends: bool,
}

impl RequestContext {
    /// Starts answering `request`; the audit trail calls the operation `name`.
    pub(super) fn begin(
        request: HttpRequest,
        payload: web::Payload,
        gateway: &web::Data<CurrentGateway>,
        name: &'static str,
        api: Api,
    ) -> Self {
        let gateway = gateway.load_full();
        // A slowly sent head counts towards the request's time.
        let began = request.conn_data::<RequestBegan>().and_then(RequestBegan::get);
        let arrived = began.unwrap_or_else(Instant::now);
        // Leave time to write the answer.
        let margin = gateway.request_deadline / 50;
        Self {
            deadline: arrived + gateway.request_deadline - margin,
            trail: AuditFields {
                peer: request.peer_addr().map(|peer| peer.ip()),
                ..AuditFields::default()
            },
            request_id: new_request_id(),
            request,
            payload,
            gateway,
            arrived,
            name,
            access_key: None,
            api,
            is_open_to_frontends: false,
        }
    }

    /// Lets pages of other origins read the answer.
    pub(super) fn open_to_frontends(self, is_open_to_frontends: bool) -> Self {
        Self { is_open_to_frontends, ..self }
    }

    /// What the cloud's handlers share; `None` if the API is not served.
    pub(super) fn cloud(&self) -> Option<Arc<AuthenticationCloud>> {
        self.gateway.cloud.clone()
    }

    /// The path's segment for `{name}`.
    pub(super) fn path_segment(&self, name: &str) -> &str {
        self.request.match_info().get(name).unwrap_or_default()
    }

    /// Records for the audit trail which user the request is about.
    pub(super) fn about_user(&mut self, id: RegisteredId, name: Option<&RegisteredName>) {
        let username = name.map(ToString::to_string).unwrap_or_default();
        self.trail.user = Some(KnownUser { id: id.to_string(), username });
    }

    /// Records for the audit trail which transaction the request is about.
    pub(super) fn about_transaction(&mut self, id: TransactionId) {
        self.trail.transaction = Some(id);
    }

    /// Records for the audit trail which authenticator the request is about.
    pub(super) fn about_authenticator(&mut self, id: AuthenticatorId) {
        self.trail.authenticator = Some(id);
    }

    /// Records for the audit trail which phone the request is about; it is masked there.
    pub(super) fn about_phone(&mut self, number: &PhoneNumber) {
        self.trail.number = Some(number.clone());
    }

    /// Waits for a decision, at most until the deadline.
    pub(super) async fn in_time<T, R: From<DeadlinePassed>>(
        &self,
        decision: impl Future<Output = Result<T, R>>,
    ) -> Result<T, R> {
        in_time(self.deadline, decision).await?
    }

    /// The caller's address, from the trusted proxy if there is one.
    pub(super) fn address(&mut self) -> Option<IpAddr> {
        self.trail.peer = self.gateway.gate.caller_address(&self.request).or(self.trail.peer);
        self.trail.peer
    }

    /// Admits a request from this address.
    pub(super) fn admit_address(&mut self) -> Result<(), Refusal> {
        let gateway = Arc::clone(&self.gateway);
        let admitted = self.address().map_or(Ok(()), |address| gateway.admit_address(address));
        self.trail.floods = admitted.is_err();
        admitted.map_err(|wait| Refusal::plain(Refused::RateLimited(wait)))
    }

    /// Whether this is a CORS preflight request (Fetch 3.2.2).
    pub(super) fn is_preflight(&self) -> bool {
        self.is_open_to_frontends && *self.request.method() == Method::OPTIONS
    }

    /// The answer to a preflight request.
    pub(super) fn preflight(self) -> HttpResponse {
        let mut answer = self.answer(StatusCode::NO_CONTENT);
        answer
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "POST"))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, "86400"))
            .finish()
    }

    /// The answer to a granted request, or a refusal if the grant cannot be written to the audit
    /// trail. The store is not rolled back: an unsent code stays valid, and a used one stays
    /// used.
    pub(super) async fn grant(self, granted: Granted) -> HttpResponse {
        let Granted { status, body, reason, is_decision } = granted;
        if !is_decision {
            self.count(true, reason, status.as_u16());
        } else if !self.record_grant(reason, status.as_u16()).await {
            let refused = match self.api {
                // The same answer for every client: it reveals nothing about name, code or password.
                Api::CalledInOtp => Refused::Forbidden,
                Api::AuthenticationCloud => Refused::Unavailable,
            };
            return self.refuse(&Refusal { refused, reason: AuditReason::AuditUnwritable });
        }
        let mut answer = self.answer(status);
        match body {
            Answer::Nothing => answer.finish(),
            Answer::Text(text) => answer.content_type("text/plain; charset=utf-8").body(text),
            Answer::Json(body) => match self.api {
                Api::CalledInOtp => answer.content_type("application/json").body(body),
                Api::AuthenticationCloud => {
                    answer.content_type("application/json;charset=utf-8").body(escape_html(&body))
                }
            },
        }
    }

    /// The answer to a refusal, which does not wait for the rest of the body.
    pub(super) fn refuse(self, refusal: &Refusal) -> HttpResponse {
        let Refusal { refused, reason } = refusal;
        let answer = self.answer(refused.status());
        let answer = refuse(answer, refused, self.api, &self.request, self.gateway.clock.now());
        self.record_refusal(*reason, refused.status().as_u16());
        body::answer_before(self.payload, answer)
    }

    /// An answer with the common headers.
    fn answer(&self, status: StatusCode) -> HttpResponseBuilder {
        let mut answer = HttpResponse::build(status);
        uniform_headers(&mut answer, &self.request_id);
        if self.is_open_to_frontends {
            answer.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")).insert_header((
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                "Retry-After, X-Request-Id",
            ));
        }
        answer
    }

    /// Whether calls and logins are refused because the audit trail cannot be written.
    pub(super) fn audit_refuses(&self) -> bool {
        self.gateway.audit.refuses()
    }

    /// Writes a refusal to the audit trail and counts it. The answer does not wait for this, and
    /// refusals without a client's credential are written only within limits.
    pub(super) fn record_refusal(&self, reason: AuditReason, status: u16) {
        let AuditFields { tenant, client, is_signed, peer, floods, .. } = &self.trail;
        let is_client = client.is_some() || *is_signed;
        let unauthenticated_log = &self.gateway.unauthenticated_log;
        if (is_client && reason != AuditReason::Flood)
            || unauthenticated_log.may_write(*peer, tenant.is_some(), *floods && !is_client, reason)
        {
            self.write(false, reason, status);
        }
        self.count(false, reason, status);
    }

    /// Writes an upcoming grant to the audit trail and counts it. Returns whether to grant: not if
    /// a required event could not be written.
    pub(super) async fn record_grant(&self, reason: AuditReason, status: u16) -> bool {
        let write = || self.write(true, reason, status);
        if !self.gateway.audit.record_grant(write, self.deadline).await {
            return false;
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
            voice: trail.voice.as_deref(),
            allowed,
            reason,
            status: Some(status),
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
        metrics::answered(self.name, status.to_string(), self.arrived.elapsed());
    }
}
