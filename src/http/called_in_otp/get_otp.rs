//! `PUT /api/authentication/getOTP`: the phone system asks for a caller's code.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tokio::time::timeout_at;

use super::admission::Refusal;
use super::fields::{self, GetOtpBody};
use super::schemas::{AnyRefusal, OtpSchema};
use crate::domain::reason::Reason;
use crate::http::body;
use crate::http::client::Operation;
use crate::http::error::{Refused, wants};
use crate::http::exchange::Exchange;
use crate::http::gateway::CurrentGateway;
use crate::service::call_in::{Call, Told};

/// The answer that tells a code.
#[derive(Serialize)]
struct OtpBody<'a> {
    otp: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    otp_spoken: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
}

/// Handles getOTP.
#[utoipa::path(
    put,
    path = "/api/authentication/getOTP",
    operation_id = "getOTP",
    tag = "called-in codes",
    request_body(content = GetOtpBody, examples(
        ("a call" = (value = json!({"phonenumber": "+41791234567"})))
    )),
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
        Ok((told, reason, spoken)) => {
            let digits = told.otp.expose();
            if wants(&exchange.request).plain_text {
                let digits = digits.to_owned();
                return exchange.grant(reason, "text/plain; charset=utf-8", digits);
            }
            let body = OtpBody {
                otp: digits,
                otp_spoken: spoken.then(|| spell(digits)),
                expires_in: spoken.then_some(told.expires_in.as_secs()),
            };
            let body = serde_json::to_string(&body).expect("texts and numbers always serialise");
            exchange.grant(reason, "application/json", body)
        }
        Err(refusal) => body::answer_before(payload, exchange.refuse(&refusal)),
    }
}

async fn decide(
    exchange: &mut Exchange,
    payload: &mut web::Payload,
) -> Result<(Told, Reason, bool), Refusal> {
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
    let decision = timeout_at(exchange.deadline, tenant.call_in.decide(call, exchange.deadline))
        .await
        .map_err(|_| Refusal::decided(Reason::DeadlinePassed, tenant.style))?;
    exchange.trail.number = decision.number;
    exchange.trail.user = decision.user;
    let told = decision.outcome.map_err(|reason| Refusal::decided(reason, tenant.style))?;
    Ok((told, decision.reason, tenant.spoken))
}

/// The digits with blanks between them, as speech synthesis reads them one by one.
fn spell(digits: &str) -> String {
    let mut spelt = String::with_capacity(digits.len() * 2);
    for digit in digits.chars() {
        if !spelt.is_empty() {
            spelt.push(' ');
        }
        spelt.push(digit);
    }
    spelt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_spelt_with_blanks() {
        assert_eq!(spell("532190"), "5 3 2 1 9 0");
    }
}
