//! The webhooks in the API description. What is described here, the handler serves.

use utoipa::openapi::OpenApi;
use utoipa::{IntoResponses, OpenApi as _, ToSchema};

use crate::http::error::ErrorSchema;

/// An incoming call in the dialect `twiml`. Platforms send more fields, and sign them all.
#[derive(ToSchema)]
#[schema(rename_all = "PascalCase")]
#[expect(dead_code, reason = "the body's form, for the documentation alone")]
struct ReportedCall {
    /// The platform's id of the call.
    #[schema(min_length = 1)]
    call_sid: String,
    /// The caller's number in E.164.
    #[schema(min_length = 1)]
    from: String,
    /// The called number in E.164.
    #[schema(min_length = 1)]
    to: String,
    /// The number that forwarded the call.
    #[schema(nullable = false)]
    forwarded_from: Option<String>,
    /// The carrier's verdict on the caller's number (Twilio, `SignalWire`).
    #[schema(nullable = false)]
    stir_verstat: Option<String>,
    /// What the caller keyed.
    #[schema(nullable = false)]
    digits: Option<String>,
}

/// The answers to a platform.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the answers' statuses, for the documentation alone")]
enum AnyAnswer {
    /// A document that has the platform say the code, say that there is none, or ask for the PIN.
    #[response(status = 200, content_type = "text/xml")]
    Document(String),
    /// The browser of a `vxml` endpoint has shown no credential. The body is empty.
    #[response(status = 401)]
    NoCredential,
    /// The request is not signed by one of the endpoint's secrets, or there is no such endpoint. The
    /// body is empty.
    #[response(status = 403)]
    NotSigned,
    /// No tenant has an endpoint.
    #[response(status = 404, content_type = "application/json")]
    NotServed(ErrorSchema),
    /// The method is not POST.
    #[response(status = 405, content_type = "application/json")]
    MethodNotAllowed(ErrorSchema),
}

/// Answers a call that a voice platform reports.
///
/// The body is of the endpoint's dialect: a form as described here, the JSON of jambonz and Vonage, or
/// the form of our own first page for `VoiceXML`.
#[utoipa::path(
    post,
    path = "/voice/v1/{tenant}/{name}",
    operation_id = "reportCall",
    tag = "voice webhooks",
    params(
        ("tenant" = String, Path, description = "The tenant's id."),
        ("name" = String, Path, description = "The endpoint's name.")
    ),
    request_body(content = ReportedCall, content_type = "application/x-www-form-urlencoded"),
    security(("twilioSignature" = []), ("signalWireSignature" = []), ("telnyxSignature" = [])),
    responses(AnyAnswer)
)]
#[expect(dead_code, reason = "carries the description alone")]
const fn report() {}

/// Answers a call after its caller has keyed a PIN.
#[utoipa::path(
    post,
    path = "/voice/v1/{tenant}/{name}/pin",
    operation_id = "reportKeyedPin",
    tag = "voice webhooks",
    params(
        ("tenant" = String, Path, description = "The tenant's id."),
        ("name" = String, Path, description = "The endpoint's name.")
    ),
    request_body(content = ReportedCall, content_type = "application/x-www-form-urlencoded"),
    security(("twilioSignature" = []), ("signalWireSignature" = []), ("telnyxSignature" = [])),
    responses(AnyAnswer)
)]
#[expect(dead_code, reason = "carries the description alone")]
const fn report_pin() {}

#[derive(utoipa::OpenApi)]
#[openapi(
    paths(report, report_pin),
    components(schemas(ErrorSchema)),
    tags((name = "voice webhooks", description = "Answers calls that voice platforms report."))
)]
struct Description;

/// The description.
pub(in crate::http) fn description() -> OpenApi {
    Description::openapi()
}
