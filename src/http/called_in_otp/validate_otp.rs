//! `PUT /api/authentication/validateOTP` and its alias: checks a login for the login service.

use actix_web::http::StatusCode;
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use super::admission;
use super::bad_body::BadBody;
use super::bodies::{Secrets, ValidateOtpBody};
use super::fields;
use super::schemas::{AnyRefusal, LoggedInSchema, ValidateOtpForm, ValidateOtpRequest};
use crate::domain::client_address::ClientAddress;
use crate::domain::otp::split_passcode;
use crate::domain::reason::Reason;
use crate::domain::secret::Password;
use crate::http::client_table::Operation;
use crate::http::endpoint::{Endpoint, described};
use crate::http::error::wants;
use crate::http::refused::Refusal;
use crate::http::request_context::{Granted, RequestContext, in_time};
use crate::service::login::{LoggedIn, LoginAttempt, LoginDecision};

/// The endpoints.
pub(super) fn endpoints() -> [Endpoint; 2] {
    [
        Endpoint::new("validateOTP", described!(validate_otp), validate_otp),
        // Without a password, under the name that token logins use.
        Endpoint::new("otp_token_auth", described!(otp_token_auth), otp_token_auth),
    ]
}

/// The answer to a correct login.
#[derive(Serialize)]
struct LoginBody<'a> {
    username: &'a str,
    userid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<&'a [String]>,
}

/// Checks a login.
#[utoipa::path(
    method(put, post),
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
    responses((status = 200, description = "The login is right.", content((LoggedInSchema = "application/json"), (String = "text/plain"))), AnyRefusal)
)]
pub(super) async fn validate_otp(context: &mut RequestContext) -> Result<Granted, Refusal> {
    answer(context, true).await
}

/// Checks a login that carries no password.
#[utoipa::path(
    method(put, post),
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
    responses((status = 200, description = "The login is right.", content((LoggedInSchema = "application/json"), (String = "text/plain"))), AnyRefusal)
)]
pub(super) async fn otp_token_auth(context: &mut RequestContext) -> Result<Granted, Refusal> {
    answer(context, false).await
}

async fn answer(context: &mut RequestContext, carries_password: bool) -> Result<Granted, Refusal> {
    match decide(context, carries_password).await {
        Ok(LoggedIn { user, groups }) if wants(&context.request).plain_text => {
            let text = lines(&user.username, groups.as_deref().unwrap_or_default());
            Ok(Granted::text(Reason::LoggedIn.name(), text))
        }
        Ok(LoggedIn { user, groups }) => {
            let body =
                LoginBody { username: &user.username, userid: &user.id, groups: groups.as_deref() };
            Ok(Granted::json(StatusCode::OK, Reason::LoggedIn.name(), &body))
        }
        Err(DelayableRefusal { refusal, not_before }) => {
            if let Some(not_before) = not_before {
                let _counted = context.gateway.waiting.take();
                sleep_until(not_before).await;
            }
            Err(refusal)
        }
    }
}

/// The answer as text: the name on the first line, and each group on a line of its own. A control
/// character in the name is shown as U+FFFD, because a line break would make a group of its rest.
fn lines(username: &str, groups: &[String]) -> String {
    let mut text = username.replace(char::is_control, "\u{fffd}");
    for group in groups {
        text.extend(["\n", group]);
    }
    text
}

/// A refusal, and the earliest time to send it.
struct DelayableRefusal {
    refusal: Refusal,
    not_before: Option<Instant>,
}

impl From<Refusal> for DelayableRefusal {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, not_before: None }
    }
}

/// Splits a passcode into password and code; if it is shorter than a code, there is no password.
fn split_off_password(passcode: &str, digits: u8) -> (Option<String>, String) {
    match split_passcode(passcode, digits) {
        Some((password, otp)) => (Some(password.to_owned()), otp.to_owned()),
        None => (None, passcode.to_owned()),
    }
}

/// Decides a login. Holds no resources when it returns, so that a delayed refusal waits alone.
async fn decide(
    context: &mut RequestContext,
    carries_password: bool,
) -> Result<LoggedIn, DelayableRefusal> {
    let tenant = admission::admit(context, Operation::ValidateOtp).await?;
    let body: ValidateOtpBody = fields::read(context).await?;
    context.trail.client_ip = body.clientip;
    let policy = tenant.login.policy;
    let needs_password = carries_password && policy.password_required;
    let (password, otp) = match body.secrets {
        Secrets::Apart { password: None, .. } if needs_password => {
            return Err(Refusal::from(BadBody::Missing("password")).into());
        }
        Secrets::Apart { password, otp } => (password, otp),
        Secrets::Passcode(passcode) => split_off_password(&passcode, tenant.login.parts.otp.digits),
    };
    if !context.gateway.waiting.has_room() {
        return Err(Refusal::decided(Reason::Flood(policy.refusal_floor), tenant.style).into());
    }
    let read_at = Instant::now();
    let attempt = LoginAttempt {
        username: body.username,
        password: password.and_then(Password::parse),
        otp,
        carries_password,
        from: context.trail.client_ip.as_deref().and_then(ClientAddress::parse),
    };
    let decision = in_time(context.deadline, tenant.login.decide(attempt, context.deadline))
        .await
        .unwrap_or_else(|_| LoginDecision::refused(Reason::DeadlinePassed));
    context.trail.user = decision.known;
    decision.outcome.map_err(|reason| DelayableRefusal {
        not_before: reason
            .depended_on_a_backend()
            .then(|| tenant.login.refusal_time(read_at, Instant::now(), context.deadline)),
        refusal: Refusal::login(reason, decision.every_name, tenant.style),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_line_break_makes_no_group_of_its_rest() {
        let groups = ["cn=vpn".to_owned(), "cn=staff".to_owned()];
        assert_eq!(lines("åsa", &groups), "åsa\ncn=vpn\ncn=staff");
        assert_eq!(lines("anna\ncn=vpn\r", &[]), "anna\u{fffd}cn=vpn\u{fffd}");
    }
}
