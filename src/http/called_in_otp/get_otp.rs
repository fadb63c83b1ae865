//! `PUT /api/authentication/getOTP`: issues a caller's code to the phone system.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tokio::time::timeout_at;

use super::admission::Refusal;
use super::bodies::{GetOtpBody, Seconds};
use super::fields;
use super::schemas::{AnyRefusal, GetOtpForm, OtpSchema};
use crate::domain::caller_id::{kind, shape};
use crate::domain::reason::Reason;
use crate::domain::tenant::TenantId;
use crate::http::body;
use crate::http::client_table::Operation;
use crate::http::error::{Refused, wants};
use crate::http::exchange::{Exchange, in_time};
use crate::http::gateway::{CurrentGateway, ExpiresIn, Spoken, Tenant};
use crate::service::call_in::{Call, Told};

/// The answer with a code.
#[derive(Serialize)]
struct OtpBody<'a> {
    otp: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    otp_spoken: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<Seconds>,
}

/// Handles getOTP.
#[utoipa::path(
    put,
    path = "/api/authentication/getOTP",
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
pub(super) async fn get_otp(
    request: HttpRequest,
    mut payload: web::Payload,
    gateway: web::Data<CurrentGateway>,
) -> HttpResponse {
    let mut exchange = Exchange::begin(request, &gateway, "getOTP");
    match decide(&mut exchange, &mut payload).await {
        Ok((told, reason, tenant)) => {
            let digits = told.otp.expose();
            if wants(&exchange.request).plain_text {
                let digits = digits.to_owned();
                return exchange.grant(reason, "text/plain; charset=utf-8", digits).await;
            }
            let spoken = tenant.spoken.as_ref();
            let body = OtpBody {
                otp: digits,
                otp_spoken: spoken.map(|spoken| spell(digits, &spoken.separator)),
                expires_in: spoken.map(|spoken| seconds(told.expires_in.as_secs(), spoken)),
            };
            let body = serde_json::to_string(&body).expect("texts and numbers always serialise");
            exchange.grant(reason, "application/json", body).await
        }
        Err(refusal) => body::answer_before(payload, exchange.refuse(&refusal)),
    }
}

async fn decide(
    exchange: &mut Exchange,
    payload: &mut web::Payload,
) -> Result<(Told, Reason, Arc<Tenant>), Refusal> {
    let tenant = exchange.admit(Operation::GetOtp, payload).await?;
    let body: GetOtpBody = timeout_at(exchange.deadline, fields::read(&exchange.request, payload))
        .await
        .unwrap_or(Err(Refused::BodyTooSlow))
        .map_err(Refusal::plain)?;
    exchange.trail.call_id = body.callid;
    let call = Call {
        caller_id: &body.phonenumber,
        attestation: body.attestation.as_deref(),
        pin: body.pin.as_deref(),
    };
    let decision = in_time(exchange.deadline, tenant.call_in.decide(call, exchange.deadline))
        .await
        .map_err(|_| Refusal::decided(Reason::DeadlinePassed, tenant.style))?;
    if decision.outcome.as_ref().is_err_and(|reason| *reason == Reason::NumberUnparseable) {
        note_unreadable(exchange, &body.phonenumber);
    }
    exchange.trail.number = decision.number;
    exchange.trail.user = decision.user;
    let told = decision.outcome.map_err(|reason| Refusal::decided(reason, tenant.style))?;
    Ok((told, decision.reason, tenant))
}

/// Logs the shape of what the phone system sent instead of a number, without revealing a number or
/// a name.
fn note_unreadable(exchange: &Exchange, caller_id: &str) {
    tracing::info!(
        request_id = exchange.request_id,
        tenant = exchange.trail.tenant.as_ref().map(TenantId::as_str),
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
