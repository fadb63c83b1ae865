//! The webhooks in the API description, as the dialects `twiml` and `vxml` send them. What is described
//! here, the handler serves.

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

/// A call as `VoiceXML` browsers send it from our first page. Other fields are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the body's form, for the documentation alone")]
struct SubmittedCall {
    /// The call's id, which the first page brought.
    #[schema(pattern = r"^[A-Za-z0-9_.@\-]{1,64}$")]
    callid: String,
    /// The caller: a `tel:` or `sip:` URI, or a number.
    #[schema(min_length = 1)]
    caller: String,
    /// The called number, in the same forms.
    #[schema(min_length = 1)]
    called: String,
    /// Whether the call was forwarded. Without it, it counts as forwarded.
    #[schema(nullable = false)]
    diverted: Option<String>,
    /// What the caller keyed.
    #[schema(nullable = false)]
    pin: Option<String>,
}

/// A call with what its caller keyed, in the endpoint's dialect.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the body's forms, for the documentation alone")]
enum KeyedPin {
    /// Of a platform that signs.
    Reported(ReportedCall),
    /// Of a `VoiceXML` browser.
    Submitted(SubmittedCall),
}

/// The refusals of all webhooks.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the answers' statuses, for the documentation alone")]
enum AnyRefusal {
    /// The request is not signed by one of the endpoint's secrets or has not its client's credential,
    /// or the endpoint does not exist. The body is empty.
    #[response(status = 403)]
    Forbidden,
    /// No tenant has an endpoint.
    #[response(status = 404, content_type = "application/json")]
    NotServed(ErrorSchema),
    /// The endpoint serves another method.
    #[response(status = 405, content_type = "application/json")]
    MethodNotAllowed(ErrorSchema),
}

/// The answer to a browser that has shown no credential.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the answer's status, for the documentation alone")]
enum NoCredential {
    /// The endpoint's client has a password, and the request no `Authorization`. The body is empty.
    #[response(status = 401)]
    NoCredential,
}

/// Answers a call that a voice platform reports.
///
/// The body is of the endpoint's dialect: a form as described here, or the JSON of jambonz and Vonage.
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
    responses(
        (
            status = 200,
            description = "A document that has the platform say the code, say that there is none, or \
                           ask for the PIN.",
            body = String,
            content_type = "text/xml"
        ),
        AnyRefusal
    )
)]
#[expect(dead_code, reason = "carries the description alone")]
const fn report() {}

/// Gives a `VoiceXML` browser its first page, which has it send the call.
///
/// The page holds no secret. Browsers whose certificate or address is the credential need no header.
#[utoipa::path(
    get,
    path = "/voice/v1/{tenant}/{name}",
    operation_id = "fetchFirstPage",
    tag = "voice webhooks",
    params(
        ("tenant" = String, Path, description = "The tenant's id."),
        ("name" = String, Path, description = "The endpoint's name.")
    ),
    security(("clientBasic" = []), ("clientBearer" = [])),
    responses(
        (
            status = 200,
            description = "The page, which brings an id for the call.",
            body = String,
            content_type = "application/voicexml+xml"
        ),
        NoCredential,
        AnyRefusal
    )
)]
#[expect(dead_code, reason = "carries the description alone")]
const fn first_page() {}

/// Answers a call that a `VoiceXML` browser sends from the first page.
#[utoipa::path(
    post,
    path = "/voice/v1/{tenant}/{name}/code",
    operation_id = "submitCall",
    tag = "voice webhooks",
    params(
        ("tenant" = String, Path, description = "The tenant's id."),
        ("name" = String, Path, description = "The endpoint's name.")
    ),
    request_body(content = SubmittedCall, content_type = "application/x-www-form-urlencoded"),
    security(("clientBasic" = []), ("clientBearer" = [])),
    responses(
        (
            status = 200,
            description = "A page that has the browser say the code, say that there is none, or ask \
                           for the PIN.",
            body = String,
            content_type = "application/voicexml+xml"
        ),
        NoCredential,
        AnyRefusal
    )
)]
#[expect(dead_code, reason = "carries the description alone")]
const fn submit() {}

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
    request_body(content = KeyedPin, content_type = "application/x-www-form-urlencoded"),
    security(
        ("twilioSignature" = []),
        ("signalWireSignature" = []),
        ("telnyxSignature" = []),
        ("clientBasic" = []),
        ("clientBearer" = [])
    ),
    responses(
        (
            status = 200,
            description = "A document that has the platform say the code, or that there is none.",
            content((String = "text/xml"), (String = "application/voicexml+xml"))
        ),
        NoCredential,
        AnyRefusal
    )
)]
#[expect(dead_code, reason = "carries the description alone")]
const fn report_pin() {}

#[derive(utoipa::OpenApi)]
#[openapi(
    paths(report, first_page, submit, report_pin),
    components(schemas(ErrorSchema)),
    tags((name = "voice webhooks", description = "Answers calls that voice platforms report."))
)]
struct Description;

/// The description.
pub(in crate::http) fn description() -> OpenApi {
    Description::openapi()
}
