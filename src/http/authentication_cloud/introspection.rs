//! `POST /api/v1/introspect`: whether a token vouches for something (after RFC 7662).

use actix_web::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::admission;
use super::bodies;
use super::handlers::audited;
use super::resources::{AnyRefusal, IntrospectionBody, TokenRefusal, millis};
use crate::domain::reason::AuditReason;
use crate::http::endpoint::{Endpoint, described};
use crate::http::gateway::AuthenticationCloud;
use crate::http::refused::Refusal;
use crate::http::request_context::{Granted, RequestContext};
use crate::service::authentication_cloud::status::ActiveToken;

/// The token in question.
#[derive(Deserialize, ToSchema)]
#[schema(as = IntrospectRequest)]
#[expect(dead_code, reason = "the form's one field, for the documentation alone")]
pub(super) struct IntrospectRequest {
    /// A transaction token, or an access key.
    token: String,
}

/// The endpoint.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::new("introspect", described!(introspect), audited(introspect))
}

/// Says whether a token vouches for something.
///
/// Before a backend relies on a transaction's token it must check that `active` is true, `operation`
/// is `approve`, `sub` is the user who logs in or pays, and `message` is what it asked the user to
/// approve. It must also check that this is the transaction started for this purpose:
/// `transactionId` is the one from `approval` or, if a page started it, `intentId` is the one from
/// `intent`. Accept each transaction only once.
#[utoipa::path(
    post,
    path = "/api/v1/introspect",
    tag = "authentication cloud",
    request_body(content = IntrospectRequest, content_type = "application/x-www-form-urlencoded"),
    security(("accessKey" = [])),
    responses(
        (status = 200, description = "What the token vouches for.", body = IntrospectionBody),
        AnyRefusal, TokenRefusal
    )
)]
pub(super) async fn introspect(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    let tenant = admission::admit_backend(context, cloud).await?;
    let token = bodies::form_field(context, "token").await?;
    let vouched = context.in_time(tenant.introspect(&token)).await?;
    Ok(answer(context, cloud, vouched))
}

/// The answer for a backend: what a token vouches for, if anything.
pub(in crate::http) fn answer(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
    vouched: Option<ActiveToken>,
) -> Granted {
    let Some(vouched) = vouched else {
        return Granted::json(StatusCode::OK, AuditReason::Inactive, &IntrospectionBody::default());
    };
    let mut body = IntrospectionBody {
        active: true,
        sub: Some(vouched.subject().hyphenated().to_string()),
        aud: Some("api"),
        iss: Some(cloud.tokens.issuer().to_owned()),
        ..IntrospectionBody::default()
    };
    match vouched {
        ActiveToken::AccessKey(key) => body.iat = Some(millis(key.created_at)),
        ActiveToken::Transaction {
            transaction,
            kind,
            user,
            message,
            intent,
            issued_at,
            expires_at,
        } => {
            context.about_user(user, None);
            body.iat = Some(millis(issued_at));
            body.exp = Some(millis(expires_at));
            body.transaction_id = Some(transaction.to_string());
            body.operation = Some(kind.as_str());
            body.message = message;
            body.intent_id = intent.map(|id| id.hyphenated().to_string());
        }
    }
    Granted::json(StatusCode::OK, AuditReason::Active, &body)
}
