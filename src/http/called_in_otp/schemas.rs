//! What the two operations take and answer, for the documentation alone: the answers of one tenant
//! may have fewer statuses than are named here, see `status_style`.

use utoipa::{IntoResponses, ToSchema};

use crate::http::error::ErrorSchema;

/// A caller's code.
#[derive(ToSchema)]
#[schema(as = Otp)]
#[expect(dead_code, reason = "the answer's form, for the documentation alone")]
pub(super) struct OtpSchema {
    /// The digits.
    #[schema(pattern = "^[0-9]{6,8}$")]
    otp: String,
    /// The digits with blanks between them, where the tenant has that switched on.
    #[schema(nullable = false)]
    otp_spoken: Option<String>,
    /// How many seconds the code still lives, where the tenant has that switched on.
    #[schema(nullable = false)]
    expires_in: Option<u64>,
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
}

/// The refusals of both operations.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the statuses of the refusals, for the documentation alone")]
pub(super) enum AnyRefusal {
    /// The body is malformed.
    #[response(status = 400, content_type = "application/json")]
    BadRequest(ErrorSchema),
    /// There is no credential.
    #[response(status = 401, content_type = "application/json")]
    NoCredential(ErrorSchema),
    /// No.
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
    /// A limit holds; only where `status_style` is `http`.
    #[response(status = 429, content_type = "application/json")]
    RateLimited(ErrorSchema),
    /// The directory or the store does not answer; only where `status_style` is `http`.
    #[response(status = 503, content_type = "application/json")]
    Unavailable(ErrorSchema),
}
