//! One request to the API: its caller, its deadline and its answer.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use serde::Serialize;
use uuid::Uuid;

use super::failure::{Failure, Seen};
use crate::domain::access_key::AccessKeyHash;
use crate::domain::authenticator::{AuthenticatorId, is_visible};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::reason::AuditReason;
use crate::domain::registered_user::{RegisteredId, RegisteredName};
use crate::domain::tenant::TenantId;
use crate::domain::transaction::TransactionId;
use crate::http::authorization::Authorization;
use crate::http::error::{
    RETRY_UNAVAILABLE, error_body, escape_html, uniform_headers, whole_seconds,
};
use crate::http::exchange::{Exchange, in_time};
use crate::http::gateway::{AuthenticationCloud, CurrentGateway};
use crate::service::KnownUser;
use crate::service::authentication_cloud::asking::Asker;
use crate::service::authentication_cloud::intent::Permission;
use crate::service::authentication_cloud::{Cloud, Refusal};

/// The answer to a granted request.
pub(in crate::http) struct Granted {
    status: StatusCode,
    body: Answer,
    reason: AuditReason,
    is_decision: bool,
}

enum Answer {
    Nothing,
    Text(&'static str),
    Json(String),
}

impl Granted {
    /// JSON, escaped so that HTML parsers find nothing in it.
    pub(in crate::http) fn json(
        status: StatusCode,
        reason: AuditReason,
        body: &impl Serialize,
    ) -> Self {
        let body = serde_json::to_string(body).expect("texts and numbers always serialise");
        Self { status, body: Answer::Json(escape_html(&body)), reason, is_decision: true }
    }

    /// Plain text.
    pub(super) const fn text(reason: AuditReason, body: &'static str) -> Self {
        Self { status: StatusCode::OK, body: Answer::Text(body), reason, is_decision: true }
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
pub(in crate::http) struct Visit {
    exchange: Exchange,
    /// The id of the access key used.
    access_key: Option<Uuid>,
    is_open_to_frontends: bool,
}

impl Visit {
    /// Starts answering `request`; the audit trail calls the operation `name`.
    pub(in crate::http) fn begin(
        request: HttpRequest,
        gateway: &web::Data<CurrentGateway>,
        name: &'static str,
        is_open_to_frontends: bool,
    ) -> Self {
        let exchange = Exchange::begin(request, gateway, name);
        Self { exchange, access_key: None, is_open_to_frontends }
    }

    /// What the handlers share; `None` if the API is not served.
    pub(in crate::http) fn cloud(&self) -> Option<Arc<AuthenticationCloud>> {
        self.exchange.gateway.cloud.clone()
    }

    /// The request.
    pub(in crate::http) fn request(&self) -> &HttpRequest {
        &self.exchange.request
    }

    /// The id of the access key used, if any.
    pub(super) fn access_key(&self) -> Option<Uuid> {
        self.access_key
    }

    /// When the answer must be on its way.
    pub(super) fn deadline(&self) -> tokio::time::Instant {
        self.exchange.deadline
    }

    /// Records for the audit trail which user the request is about.
    pub(super) fn about_user(&mut self, id: RegisteredId, name: Option<&RegisteredName>) {
        let username = name.map(ToString::to_string).unwrap_or_default();
        self.exchange.trail.user = Some(KnownUser { id: id.to_string(), username });
    }

    /// Records for the audit trail which transaction the request is about.
    pub(super) fn about_transaction(&mut self, id: TransactionId) {
        self.exchange.trail.transaction = Some(id);
    }

    /// Records for the audit trail which authenticator the request is about.
    pub(super) fn about_authenticator(&mut self, id: AuthenticatorId) {
        self.exchange.trail.authenticator = Some(id);
    }

    /// Records for the audit trail which phone the request is about; it is masked there.
    pub(super) fn about_phone(&mut self, number: &PhoneNumber) {
        self.exchange.trail.number = Some(number.clone());
    }

    /// Waits for a decision, at most until the deadline.
    pub(in crate::http) async fn in_time<T>(
        &self,
        decision: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        in_time(self.deadline(), decision).await.unwrap_or(Err(Refusal::DeadlinePassed))
    }

    /// Whether every decision must be refused because the audit trail cannot be written.
    pub(super) fn audit_refuses(&self) -> bool {
        self.exchange.audit_refuses()
    }

    /// The caller's address, from the trusted proxy if there is one.
    pub(super) fn address(&mut self) -> Option<IpAddr> {
        let Exchange { gateway, request, trail, .. } = &mut self.exchange;
        trail.peer = gateway.gate.caller_address(request).or(trail.peer);
        trail.peer
    }

    /// Admits a request from this address.
    pub(super) fn admit_address(&mut self) -> Result<(), Failure> {
        let gateway = Arc::clone(&self.exchange.gateway);
        let admitted = self.address().map_or(Ok(()), |address| gateway.admit_address(address));
        self.exchange.trail.floods = admitted.is_err();
        admitted.map_err(|wait| Failure::plain(Seen::RateLimited(wait)))
    }

    /// Records the tenant and returns its part.
    pub(in crate::http) fn enter(
        &mut self,
        cloud: &AuthenticationCloud,
        tenant: &TenantId,
    ) -> Option<Arc<Cloud>> {
        let found = cloud.tenants.get(tenant).map(Arc::clone);
        if found.is_some() {
            self.exchange.trail.tenant = Some(tenant.clone());
        }
        found
    }

    /// Admits only callers with an access key.
    pub(super) async fn admit_backend(
        &mut self,
        cloud: &AuthenticationCloud,
    ) -> Result<Arc<Cloud>, Failure> {
        match self.admit(cloud).await? {
            (tenant, Permission::AccessKey) => Ok(tenant),
            (_, Permission::Intent(_)) => Err(Failure::plain(Seen::Forbidden)),
        }
    }

    /// Admits only callers with an access key or an intent token.
    pub(super) async fn admit(
        &mut self,
        cloud: &AuthenticationCloud,
    ) -> Result<(Arc<Cloud>, Permission), Failure> {
        self.admit_address()?;
        let values = self.request().headers().get_all(header::AUTHORIZATION);
        let token = match Authorization::read(values.map(header::HeaderValue::as_bytes)) {
            Authorization::Absent => return Err(Failure::plain(Seen::Unauthorized)),
            Authorization::Unusable | Authorization::Basic { .. } => {
                return Err(Failure::plain(Seen::Forbidden));
            }
            Authorization::Bearer(token) => token,
        };
        let no = || Failure::plain(Seen::Forbidden);
        let Some(hash) = AccessKeyHash::of(token.expose()) else {
            let intent = cloud.tokens.read_intent(token.expose()).ok_or_else(no)?;
            let tenant = self.enter(cloud, &intent.tenant).ok_or_else(no)?;
            self.in_time(cloud.access.check(&intent)).await?;
            return Ok((tenant, Permission::Intent(intent)));
        };
        let key = self.in_time(cloud.access.key(&hash)).await?.ok_or_else(no)?;
        let tenant = self.enter(cloud, &key.tenant).ok_or_else(no)?;
        self.access_key = Some(key.id);
        let client = (key.tenant, key.name);
        let admitted = self.exchange.gateway.by_client.admit(&client);
        self.exchange.trail.client = Some(client.1);
        admitted.map_err(|wait| Failure::plain(Seen::RateLimited(wait)))?;
        Ok((tenant, Permission::AccessKey))
    }

    /// Who asks for something that a phone will show, as far as known: the access key's name, or
    /// the origin of the page that holds the intent, as its browser reports it; and from which
    /// address.
    pub(super) fn asker(&mut self, permission: &Permission) -> Asker {
        let by = match permission {
            Permission::AccessKey => self.exchange.trail.client.clone(),
            Permission::Intent(_) => self.origin(),
        };
        let by = by.filter(|by| by.chars().all(is_visible)).unwrap_or_else(|| "?".to_owned());
        Asker {
            by: Some(by),
            from: self.address().map(|address| address.to_canonical().to_string()),
        }
    }

    /// The `Origin` of the page that asks (Fetch 3.2, RFC 6454 6.2), if it has one.
    fn origin(&self) -> Option<String> {
        let origin = self.request().headers().get(header::ORIGIN)?.to_str().ok()?;
        let url = url::Url::parse(origin).ok().filter(|url| url.origin().is_tuple())?;
        Some(url.origin().ascii_serialization()).filter(|origin| origin.len() <= MAX_ORIGIN)
    }

    /// Whether this is a CORS preflight request (Fetch 3.2.2).
    pub(super) fn is_preflight(&self) -> bool {
        self.is_open_to_frontends && *self.request().method() == Method::OPTIONS
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
    /// trail.
    pub(in crate::http) async fn grant(self, granted: Granted) -> HttpResponse {
        let Granted { status, body, reason, is_decision } = granted;
        if !is_decision {
            self.exchange.count(true, reason, status.as_u16());
        } else if !self.exchange.record_grant(reason, status.as_u16()).await {
            let reason = AuditReason::AuditUnwritable;
            return self.refuse(&Failure { seen: Seen::Unavailable, reason });
        }
        let mut answer = self.answer(status);
        match body {
            Answer::Nothing => answer.finish(),
            Answer::Text(text) => answer.content_type("text/plain; charset=utf-8").body(text),
            Answer::Json(body) => answer.content_type(JSON).body(body),
        }
    }

    /// The answer to a refusal.
    pub(in crate::http) fn refuse(self, failure: &Failure) -> HttpResponse {
        let Failure { seen, reason } = failure;
        let status = seen.status();
        let mut answer = self.answer(status);
        match seen {
            Seen::Unauthorized => {
                answer.insert_header((header::WWW_AUTHENTICATE, r#"Bearer realm="dialpass""#));
            }
            Seen::MethodNotAllowed(allow) => {
                answer.insert_header((header::ALLOW, allow.as_str()));
            }
            Seen::RateLimited(wait) => {
                answer.insert_header((header::RETRY_AFTER, whole_seconds(*wait)));
            }
            Seen::Unavailable => {
                answer.insert_header((header::RETRY_AFTER, whole_seconds(RETRY_UNAVAILABLE)));
            }
            Seen::BodyTooSlow => {
                answer.force_close();
            }
            Seen::BadRequest(_)
            | Seen::Forbidden
            | Seen::NotFound(_)
            | Seen::NoSuchPath
            | Seen::Conflict(_)
            | Seen::PreconditionFailed
            | Seen::TooLarge
            | Seen::UnsupportedMediaType
            | Seen::BadGateway(_) => {}
        }
        let Exchange { gateway, request, .. } = &self.exchange;
        let body = error_body(status, seen.message(), request.path(), gateway.clock.now());
        let answer = answer.content_type(JSON).body(body);
        self.exchange.record_refusal(*reason, status.as_u16());
        answer
    }

    /// An answer with the common headers.
    fn answer(&self, status: StatusCode) -> HttpResponseBuilder {
        let mut answer = HttpResponse::build(status);
        uniform_headers(&mut answer, &self.exchange.request_id);
        if self.is_open_to_frontends {
            answer.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")).insert_header((
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                "Retry-After, X-Request-Id",
            ));
        }
        answer
    }
}

/// Longest origin shown, in bytes.
const MAX_ORIGIN: usize = 300;

/// The media type of all bodies but one.
const JSON: &str = "application/json;charset=utf-8";
