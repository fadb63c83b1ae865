//! `PUT /api/authentication/validateOTP` and its alias: checks a login for the login service.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::admission::Refusal;
use super::bodies::{Secrets, ValidateOtpBody};
use super::fields;
use super::schemas::{AnyRefusal, LoggedInSchema, ValidateOtpForm, ValidateOtpRequest};
use crate::domain::client_address::ClientAddress;
use crate::domain::otp::split_passcode;
use crate::domain::reason::Reason;
use crate::domain::secret::Password;
use crate::http::body;
use crate::http::client_table::Operation;
use crate::http::error::{BadBody, Refused};
use crate::http::exchange::{Exchange, in_time};
use crate::http::gateway::CurrentGateway;
use crate::service::KnownUser;
use crate::service::login::{LoginAttempt, LoginDecision};

/// The answer to a correct login.
#[derive(Serialize)]
struct LoginBody<'a> {
    username: &'a str,
    userid: &'a str,
}

/// Handles validateOTP.
#[utoipa::path(
    put,
    path = "/api/authentication/validateOTP",
    operation_id = "validateOTP",
    tag = "called-in codes",
    request_body(
        content(
            (ValidateOtpRequest = "application/json", examples(
                ("a login" = (value = json!({"username": "anna.muster", "password": "correct horse", "otp": "532190"})))
            )),
            (ValidateOtpForm = "application/x-www-form-urlencoded", examples(
                ("a login" = (value = json!({"username": "anna.muster", "password": "correct horse", "otp": "532190"})))
            ))
        )
    ),
    security(("clientBasic" = [], "tenant" = []), ("clientBearer" = [], "tenant" = [])),
    responses((status = 200, description = "The login is right.", body = LoggedInSchema), AnyRefusal)
)]
pub(super) async fn validate_otp(
    request: HttpRequest,
    payload: web::Payload,
    gateway: web::Data<CurrentGateway>,
) -> HttpResponse {
    answer(Exchange::begin(request, &gateway, "validateOTP"), payload, true).await
}

/// Handles the alias that carries no password.
#[utoipa::path(
    put,
    path = "/api/authentication/otp_token_auth",
    operation_id = "otpTokenAuth",
    tag = "called-in codes",
    request_body(
        content(
            (ValidateOtpRequest = "application/json", examples(
                ("a login" = (value = json!({"username": "anna.muster", "password": "correct horse", "otp": "532190"})))
            )),
            (ValidateOtpForm = "application/x-www-form-urlencoded", examples(
                ("a login" = (value = json!({"username": "anna.muster", "password": "correct horse", "otp": "532190"})))
            ))
        )
    ),
    security(("clientBasic" = [], "tenant" = []), ("clientBearer" = [], "tenant" = [])),
    responses((status = 200, description = "The login is right.", body = LoggedInSchema), AnyRefusal)
)]
pub(super) async fn otp_token_auth(
    request: HttpRequest,
    payload: web::Payload,
    gateway: web::Data<CurrentGateway>,
) -> HttpResponse {
    answer(Exchange::begin(request, &gateway, "otp_token_auth"), payload, false).await
}

async fn answer(
    mut exchange: Exchange,
    mut payload: web::Payload,
    carries_password: bool,
) -> HttpResponse {
    match decide(&mut exchange, &mut payload, carries_password).await {
        Ok(user) => {
            let body = LoginBody { username: &user.username, userid: &user.id };
            let body = serde_json::to_string(&body).expect("texts always serialise");
            exchange.grant(Reason::LoggedIn, "application/json", body).await
        }
        Err(Held { refusal, until }) => {
            if let Some(until) = until {
                let _seat = exchange.gateway.waiting.take();
                sleep_until(until).await;
            }
            body::answer_before(payload, exchange.refuse(&refusal))
        }
    }
}

/// A refusal, and until when to delay it.
struct Held {
    refusal: Refusal,
    until: Option<Instant>,
}

impl From<Refusal> for Held {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, until: None }
    }
}

/// Splits a passcode into password and code; if it is shorter than a code, there is no password.
fn parted(passcode: &str, digits: u8) -> (Option<String>, String) {
    match split_passcode(passcode, digits) {
        Some((password, otp)) => (Some(password.to_owned()), otp.to_owned()),
        None => (None, passcode.to_owned()),
    }
}

/// Decides a login. Holds no resources when it returns, so that a delayed refusal waits alone.
async fn decide(
    exchange: &mut Exchange,
    payload: &mut web::Payload,
    carries_password: bool,
) -> Result<KnownUser, Held> {
    let tenant = exchange.admit(Operation::ValidateOtp, payload).await?;
    let body: ValidateOtpBody =
        timeout_at(exchange.deadline, fields::read(&exchange.request, payload))
            .await
            .unwrap_or(Err(Refused::BodyTooSlow))
            .map_err(Refusal::plain)?;
    exchange.trail.client_ip = body.clientip;
    let policy = tenant.login.policy;
    let needs_password = carries_password && policy.password_required;
    let (password, otp) = match body.secrets {
        Secrets::Apart { password: None, .. } if needs_password => {
            return Err(Refusal::plain(Refused::BadRequest(BadBody::Missing("password"))).into());
        }
        Secrets::Apart { password, otp } => (password, otp),
        Secrets::Passcode(passcode) => parted(&passcode, tenant.login.parts.otp.digits),
    };
    if !exchange.gateway.waiting.has_room() {
        return Err(Refusal::decided(Reason::Flood(policy.refusal_floor), tenant.style).into());
    }
    let read_at = Instant::now();
    let attempt = LoginAttempt {
        username: body.username,
        password: password.and_then(Password::parse),
        otp,
        carries_password,
        from: exchange.trail.client_ip.as_deref().and_then(ClientAddress::parse),
    };
    let decision = in_time(exchange.deadline, tenant.login.decide(attempt, exchange.deadline))
        .await
        .unwrap_or_else(|_| LoginDecision::refused(Reason::DeadlinePassed));
    exchange.trail.user = decision.known;
    decision.user.map_err(|reason| Held {
        until: reason
            .depended_on_a_backend()
            .then(|| tenant.login.refusal_time(read_at, Instant::now(), exchange.deadline)),
        refusal: Refusal::login(reason, decision.every_name, tenant.style),
    })
}
