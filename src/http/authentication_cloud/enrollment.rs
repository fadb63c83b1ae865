//! `POST /api/v1/users/enroll`: registers an authenticator, a phone or a set of recovery codes.

use actix_web::http::StatusCode;
use serde::Deserialize;

use super::admission;
use super::bodies;
use super::handlers::audited;
use super::resources::{AnyRefusal, EnrolledBody, EnrollmentBody, Link, TokenRefusal, UserBody};
use crate::domain::reason::AuditReason;
use crate::domain::registered_user::UserRef;
use crate::domain::stored_number::NumberingPlan;
use crate::domain::transaction::TransactionKind;
use crate::http::endpoint::{Endpoint, described};
use crate::http::error::ErrorSchema;
use crate::http::gateway::AuthenticationCloud;
use crate::http::refused::Refusal;
use crate::http::request_context::{Granted, RequestContext};
use crate::service::authentication_cloud::enrollment::PhoneEnrollment;
use crate::service::authentication_cloud::intent::Permission;
use crate::service::authentication_cloud::sms_code::Started;
use crate::service::authentication_cloud::{Cloud, CloudRefusal};

/// What to register, and for which user.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnrollRequest {
    /// The user's name; a user who does not exist is created. Not together with `userId`.
    username: Option<String>,
    /// An existing user's id; not together with `username`.
    user_id: Option<String>,
    /// How the user will confirm; `app` by default.
    channel: Option<String>,
    /// For `sms`: the phone's number, E.164 with its plus.
    phone: Option<String>,
    /// For `sms`: the text, in the GSM 7-bit alphabet, with `{{CODE}}` where the code goes.
    message: Option<String>,
}

/// The endpoint.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::new("enroll", described!(enroll), audited(enroll)).open_to_frontends()
}

/// Registers an authenticator, a phone or a set of recovery codes.
#[utoipa::path(
    post,
    path = "/api/v1/users/enroll",
    tag = "authentication cloud",
    request_body(content = EnrollRequest, examples(
        ("an authenticator" = (value = json!({"username": "reto.frei"}))),
        ("a phone" = (value = json!({"username": "reto.frei", "channel": "sms", "phone": "+41781234567"}))),
        ("recovery codes" = (value = json!({"username": "reto.frei", "channel": "recovery"})))
    )),
    security(("accessKey" = []), ("intentToken" = [])),
    responses(
        (status = 201, description = "The enrollment has started.", body = EnrolledBody),
        (status = 404, description = "There is no such user.", body = ErrorSchema),
        (status = 409, description = "The user has the maximum number of phones or authenticators, or several users have this name in different case.", body = ErrorSchema),
        (status = 502, description = "No provider accepted the text message.", body = ErrorSchema),
        AnyRefusal, TokenRefusal
    )
)]
pub(super) async fn enroll(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    let (tenant, permission) = admission::admit(context, cloud).await?;
    let body: EnrollRequest = bodies::json(context).await?;
    let named = bodies::user_ref(body.username, body.user_id)?;
    let channel = match body.channel.as_deref() {
        // Enrolling for push enrolls a passkey; the user turns notifications on with it.
        None | Some("push") => "app",
        Some(channel) => channel,
    };
    let message = bodies::allowed_message(&permission, body.message)?;
    if !permission.allows(TransactionKind::Enroll, channel) {
        return Err(CloudRefusal::IntentForOther.into());
    }
    match channel {
        "app" => enroll_app(context, cloud, &tenant, permission, named).await,
        "sms" => enroll_phone(context, &tenant, permission, named, body.phone, message).await,
        "recovery" => enroll_recovery(context, &tenant, permission, named).await,
        _ => Err(bodies::channel_refused(channel)),
    }
}

async fn enroll_app(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
    tenant: &Cloud,
    permission: Permission,
    named: Option<UserRef>,
) -> Result<Granted, Refusal> {
    let by_frontend = matches!(permission, Permission::Intent(_));
    let requester = admission::requester(context, &permission);
    let started = context.in_time(tenant.enroll_app(permission, named, requester)).await?;
    let link = bodies::link(cloud, tenant, &started.transaction)?;
    let enrolled = Enrolled { link: Some(link), recovery_codes: None, by_frontend };
    Ok(answer(context, tenant, &started, enrolled))
}

async fn enroll_phone(
    context: &mut RequestContext,
    tenant: &Cloud,
    permission: Permission,
    named: Option<UserRef>,
    phone: Option<String>,
    message: Option<String>,
) -> Result<Granted, Refusal> {
    let phone = phone.ok_or_else(|| Refusal::bad_request("the field phone is missing"))?;
    let number = NumberingPlan::read_e164(&phone).ok_or_else(|| {
        Refusal::bad_request("the phone is not a number in E.164 with its plus, as +41791234567")
    })?;
    context.about_phone(&number);
    let by_frontend = matches!(permission, Permission::Intent(_));
    let request = PhoneEnrollment { permission, named, number, message: message.as_deref() };
    let started = context.in_time(tenant.enroll_phone(request, context.deadline)).await?;
    let enrolled = Enrolled { link: None, recovery_codes: None, by_frontend };
    Ok(answer(context, tenant, &started, enrolled))
}

async fn enroll_recovery(
    context: &mut RequestContext,
    tenant: &Cloud,
    permission: Permission,
    named: Option<UserRef>,
) -> Result<Granted, Refusal> {
    let by_frontend = matches!(permission, Permission::Intent(_));
    let made = context.in_time(tenant.enroll_recovery(permission, named)).await?;
    let codes = made.codes.iter().map(|code| code.expose().to_owned()).collect();
    let enrolled = Enrolled { link: None, recovery_codes: Some(codes), by_frontend };
    Ok(answer(context, tenant, &made.started, enrolled))
}

/// The parts of an enrollment's answer besides user and transaction.
struct Enrolled {
    link: Option<Link>,
    recovery_codes: Option<Vec<String>>,
    by_frontend: bool,
}

fn answer(
    context: &mut RequestContext,
    tenant: &Cloud,
    started: &Started,
    enrolled: Enrolled,
) -> Granted {
    let Enrolled { link, recovery_codes, by_frontend } = enrolled;
    let Started { user, transaction, now } = started;
    context.about_user(user.id, user.name.as_ref());
    context.about_transaction(transaction.id);
    let mut shown = UserBody::from(user);
    if by_frontend {
        // A page does not need them, and an intent token does not grant access to them.
        shown.phones.clear();
        shown.authenticators.clear();
    }
    let token = tenant.tokens.status(&tenant.tenant, transaction, *now);
    let body = EnrolledBody {
        user: shown,
        recovery_codes,
        enrollment: EnrollmentBody::new(transaction, token, link),
    };
    Granted::json(StatusCode::CREATED, AuditReason::EnrollmentBegun, &body)
}
