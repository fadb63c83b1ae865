//! `PUT /api/authentication/getOTP`: issues a caller's code to the phone system.

use std::sync::Arc;

use actix_web::http::StatusCode;
use serde::Serialize;

use super::admission;
use super::bodies::{GetOtpBody, Seconds};
use super::fields;
use super::schemas::{AnyRefusal, GetOtpForm, OtpSchema};
use crate::domain::call_trust::Vouching;
use crate::domain::caller_id::{kind, shape};
use crate::domain::reason::Reason;
use crate::domain::reported_call::ReportIds;
use crate::domain::tenant::TenantId;
use crate::http::client_table::Operation;
use crate::http::endpoint::{Endpoint, described};
use crate::http::error::wants;
use crate::http::gateway::{ExpiresIn, Spoken, Tenant};
use crate::http::refused::Refusal;
use crate::http::request_context::{Granted, RequestContext, in_time};
use crate::service::call_in::{Call, SpokenCode};

/// The path.
pub const GET_OTP: &str = "/api/authentication/getOTP";

/// The endpoint.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::new("getOTP", described!(get_otp), get_otp)
}

/// The answer with a code.
#[derive(Serialize)]
struct OtpBody<'a> {
    otp: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    otp_spoken: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<Seconds>,
}

/// Gives a caller a code.
#[utoipa::path(
    method(put, post),
    path = GET_OTP,
    operation_id = "getOTP",
    tag = "called-in codes",
    request_body(
        content(
            (GetOtpBody = "application/json", examples(
                ("a call" = (value = json!({"phonenumber": "+41791234567"})))
            )),
            (GetOtpForm = "application/x-www-form-urlencoded", examples(
                ("a call" = (value = json!({"phonenumber": "+41791234567"})))
            ))
        )
    ),
    security(("clientBasic" = [], "tenant" = []), ("clientBearer" = [], "tenant" = [])),
    responses((status = 200, description = "The caller's code.", content((OtpSchema = "application/json"), (String = "text/plain"))), AnyRefusal)
)]
pub(super) async fn get_otp(context: &mut RequestContext) -> Result<Granted, Refusal> {
    let (code, reason, tenant) = decide(context).await?;
    let digits = code.otp.expose();
    if wants(&context.request).plain_text {
        return Ok(Granted::text(reason.name(), digits.to_owned()));
    }
    let spoken = tenant.spoken.as_ref();
    let body = OtpBody {
        otp: digits,
        otp_spoken: spoken.map(|spoken| spell(digits, &spoken.separator)),
        expires_in: spoken.map(|spoken| seconds(code.expires_in.as_secs(), spoken)),
    };
    Ok(Granted::json(StatusCode::OK, reason.name(), &body))
}

async fn decide(
    context: &mut RequestContext,
) -> Result<(SpokenCode, Reason, Arc<Tenant>), Refusal> {
    let tenant = admission::admit(context, Operation::GetOtp).await?;
    let body: GetOtpBody = fields::read(context).await?;
    context.trail.call_id = body.callid;
    let call = Call {
        caller_id: &body.phonenumber,
        vouching: body.attestation.as_deref().map(Vouching::parse).unwrap_or_default(),
        pin: body.pin.as_deref(),
        report: &ReportIds::default(),
    };
    let decision = in_time(context.deadline, tenant.call_in.decide(call, context.deadline))
        .await
        .map_err(|_| Refusal::decided(Reason::DeadlinePassed, tenant.style))?;
    if decision.outcome.as_ref().is_err_and(|reason| *reason == Reason::NumberUnparseable) {
        note_unreadable(context, &body.phonenumber);
    }
    context.trail.number = decision.number;
    context.trail.user = decision.user;
    let code = decision.outcome.map_err(|reason| Refusal::decided(reason, tenant.style))?;
    Ok((code, decision.reason, tenant))
}

/// Logs the shape of what the phone system sent instead of a number, without revealing a number or
/// a name.
fn note_unreadable(context: &RequestContext, caller_id: &str) {
    tracing::info!(
        request_id = context.request_id,
        tenant = context.trail.tenant.as_ref().map(TenantId::as_str),
        caller_id = shape(caller_id),
        why = kind(caller_id),
        "a caller ID cannot be read as a number: have the phone system send the number alone; \
         `dialpass lookup` says step by step how a text is read"
    );
}

/// Separates the digits, so that speech synthesis reads them one by one.
fn spell(digits: &str, separator: &str) -> String {
    let mut spelt = String::with_capacity(digits.len() * (1 + separator.len()));
    for digit in digits.chars() {
        if !spelt.is_empty() {
            spelt.push_str(separator);
        }
        spelt.push(digit);
    }
    spelt
}

fn seconds(seconds: u64, spoken: &Spoken) -> Seconds {
    match spoken.expires_in {
        ExpiresIn::Number => Seconds::Number(seconds),
        ExpiresIn::Text => Seconds::Text(seconds.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_spelt_with_the_separator_between_its_digits() {
        assert_eq!(spell("532190", ", "), "5, 3, 2, 1, 9, 0");
        assert_eq!(spell("532190", " "), "5 3 2 1 9 0");
    }
}
