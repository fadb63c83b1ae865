//! The requests and responses of the two operations, for the API description only. A tenant may use
//! fewer statuses than listed here, see `status_style`.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use super::bodies::Seconds;
use crate::http::error::ErrorSchema;

/// A caller's code.
#[derive(ToSchema)]
#[schema(as = Otp)]
#[expect(dead_code, reason = "the answer's form, for the documentation alone")]
pub(super) struct OtpSchema {
    /// The digits.
    #[schema(pattern = "^[0-9]{6,8}$")]
    otp: String,
    /// The digits separated for speech synthesis, if the tenant has enabled this.
    #[schema(nullable = false)]
    otp_spoken: Option<String>,
    /// For how many more seconds the code is valid, if the tenant has enabled this.
    #[schema(nullable = false)]
    expires_in: Option<Seconds>,
}

/// A call as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the body's form, for the documentation alone")]
pub(super) struct GetOtpForm {
    /// The caller's number, as the phone system has it, its plus written as `%2B`.
    phonenumber: String,
    /// The phone system's id of the call.
    #[schema(nullable = false)]
    callid: Option<String>,
    /// How surely the carrier vouches for the number: `A`, `B` or `C`.
    #[schema(nullable = false)]
    attestation: Option<String>,
    /// The digits that the caller keyed.
    #[schema(nullable = false)]
    pin: Option<String>,
}

/// A login as JSON: `otp`, with `password` if the tenant requires one, or `passcode`, which is the
/// password followed directly by the code.
pub(super) struct ValidateOtpRequest;

/// The same as a form.
pub(super) struct ValidateOtpForm;

impl PartialSchema for ValidateOtpRequest {
    fn schema() -> RefOr<Schema> {
        let null = || ObjectBuilder::new().schema_type(Type::Null);
        let optional = || {
            ObjectBuilder::new()
                .schema_type([Type::String, Type::Null].into_iter().collect::<SchemaType>())
        };
        login("", &optional, &null)
    }
}

impl PartialSchema for ValidateOtpForm {
    fn schema() -> RefOr<Schema> {
        // A form has no null, so no text fits a field that must not be there.
        let never = || text().min_length(Some(1)).max_length(Some(0));
        login(" as a form", &text, &never)
    }
}

impl ToSchema for ValidateOtpRequest {}
impl ToSchema for ValidateOtpForm {}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// Both forms of a login, given how optional fields and fields of the other form appear.
///
/// Generated clients are named by the titles, which the form's must not share.
fn login(
    form: &str,
    optional: &dyn Fn() -> ObjectBuilder,
    absent: &dyn Fn() -> ObjectBuilder,
) -> RefOr<Schema> {
    let apart = ObjectBuilder::new()
        .title(Some(format!("log in with password and otp{form}")))
        .property("username", text())
        .property("password", optional())
        .property("otp", text())
        .property("passcode", absent())
        .property("clientip", optional())
        .required("username")
        .required("otp");
    let glued = ObjectBuilder::new()
        .title(Some(format!("log in with passcode{form}")))
        .property("username", text())
        .property("password", absent())
        .property("otp", absent())
        .property("passcode", text())
        .property("clientip", optional())
        .required("username")
        .required("passcode");
    OneOfBuilder::new().item(apart).item(glued).into()
}

/// Who logged in.
#[derive(ToSchema)]
#[schema(as = LoggedIn)]
#[expect(dead_code, reason = "the answer's form, for the documentation alone")]
pub(super) struct LoggedInSchema {
    /// The directory's name for the user.
    username: String,
    /// The user's stable id.
    userid: String,
    /// The user's groups among the tenant's `answer_groups`, as the configuration writes their
    /// DNs. Left out unless the tenant has that key.
    #[schema(nullable = false)]
    groups: Option<Vec<String>>,
}

/// The refusals of both operations.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the statuses of the refusals, for the documentation alone")]
pub(super) enum AnyRefusal {
    /// The body is malformed.
    #[response(status = 400, content_type = "application/json")]
    BadRequest(ErrorSchema),
    /// The credential is missing.
    #[response(status = 401, content_type = "application/json")]
    NoCredential(ErrorSchema),
    /// The request is refused; the audit trail has the reason.
    #[response(status = 403, content_type = "application/json")]
    Forbidden(ErrorSchema),
    /// The method is neither PUT nor POST.
    #[response(status = 405, content_type = "application/json")]
    MethodNotAllowed(ErrorSchema),
    /// The body came too slowly.
    #[response(status = 408, content_type = "application/json")]
    TooSlow(ErrorSchema),
    /// The body is too large.
    #[response(status = 413, content_type = "application/json")]
    TooLarge(ErrorSchema),
    /// The body is of another media type.
    #[response(status = 415, content_type = "application/json")]
    UnsupportedMediaType(ErrorSchema),
    /// A rate limit was exceeded; only where `status_style` is `http`.
    #[response(status = 429, content_type = "application/json")]
    RateLimited(ErrorSchema),
    /// The directory or the store does not answer; only where `status_style` is `http`.
    #[response(status = 503, content_type = "application/json")]
    Unavailable(ErrorSchema),
}
