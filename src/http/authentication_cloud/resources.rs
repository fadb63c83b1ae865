//! The API's response bodies, as JSON.

use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::domain::authenticator::Authenticator;
use crate::domain::clock::Timestamp;
use crate::domain::registered_user::{RegisteredUser, VerifiedPhone};
use crate::domain::transaction::Transaction;
use crate::http::error::{ErrorSchema, rfc3339};
use crate::service::authentication_cloud::intent::IssuedIntent;

/// A registered user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub(super) struct UserBody {
    /// The user's permanent id.
    #[schema(format = Uuid)]
    user_id: String,
    /// The name by which another system knows the user.
    #[schema(required = true, max_length = 300)]
    username: Option<String>,
    /// `active` once a phone is verified or an authenticator confirmed.
    #[schema(schema_with = user_status)]
    status: &'static str,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// The registered authenticators.
    pub authenticators: Vec<AuthenticatorBody>,
    /// The verified phones.
    pub phones: Vec<PhoneBody>,
    /// The rate limits that the user has exceeded: `sms` (approvals by text), `sms-enrollment`,
    /// `app`, `push`, `recovery`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub exceeded_rate_limits: Vec<&'static str>,
}

fn user_status() -> utoipa::openapi::schema::Object {
    one_of(&["new", "active"])
}

/// A string with one of these values.
pub(super) fn one_of(values: &[&'static str]) -> utoipa::openapi::schema::Object {
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::Type::String)
        .enum_values(Some(values.iter().copied()))
        .build()
}

/// A string with one of these values, or `null`, which counts as absent.
pub(super) fn one_of_or_null(values: &[&'static str]) -> utoipa::openapi::schema::Object {
    use utoipa::openapi::schema::{SchemaType, Type};
    let values = values.iter().map(|value| serde_json::Value::from(*value));
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(values.chain([serde_json::Value::Null])))
        .build()
}

/// A phone on which a passkey was made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Authenticator)]
pub(super) struct AuthenticatorBody {
    #[schema(format = Uuid)]
    authenticator_id: String,
    /// The name that the phone reported, or that a backend has set since.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// `ios` for Apple devices, `android` for all others.
    #[serde(rename = "type")]
    #[schema(schema_with = platform)]
    platform: &'static str,
    #[schema(format = DateTime)]
    enrolled_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

fn platform() -> utoipa::openapi::schema::Object {
    one_of(&["ios", "android"])
}

impl From<&Authenticator> for AuthenticatorBody {
    fn from(authenticator: &Authenticator) -> Self {
        Self {
            authenticator_id: authenticator.id.to_string(),
            name: authenticator.name.to_string(),
            platform: authenticator.platform.as_str(),
            enrolled_at: rfc3339(authenticator.enrolled_at),
            updated_at: rfc3339(authenticator.updated_at),
        }
    }
}

/// A link for a phone, also as a QR code.
#[derive(Debug)]
pub(super) struct Link {
    pub qr_code: QrCodeBody,
    pub uri: String,
}

/// A QR code (ISO/IEC 18004).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QrCode)]
pub(super) struct QrCodeBody {
    #[serde(rename = "type")]
    #[schema(schema_with = png)]
    pub media_type: &'static str,
    /// Width and height, in pixels.
    #[schema(minimum = 300, maximum = 300)]
    pub size: u32,
    /// The image, for the `src` of an `img`.
    #[schema(pattern = "^data:image/png;base64,")]
    pub data_uri: String,
}

fn png() -> utoipa::openapi::schema::Object {
    one_of(&["image/png"])
}

/// A verified phone.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Phone)]
pub(super) struct PhoneBody {
    #[schema(format = Uuid)]
    phone_id: String,
    /// E.164 with its plus.
    phone: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<&VerifiedPhone> for PhoneBody {
    fn from(phone: &VerifiedPhone) -> Self {
        Self {
            phone_id: phone.id.hyphenated().to_string(),
            phone: phone.number.as_str().to_owned(),
            created_at: rfc3339(phone.created_at),
            updated_at: rfc3339(phone.updated_at),
        }
    }
}

impl From<&RegisteredUser> for UserBody {
    fn from(user: &RegisteredUser) -> Self {
        Self {
            user_id: user.id.to_string(),
            username: user.name.as_ref().map(ToString::to_string),
            status: if user.is_active() { "active" } else { "new" },
            created_at: rfc3339(user.created_at),
            updated_at: rfc3339(user.updated_at),
            authenticators: user.authenticators.iter().map(AuthenticatorBody::from).collect(),
            phones: user.phones.iter().map(PhoneBody::from).collect(),
            exceeded_rate_limits: Vec::new(),
        }
    }
}

/// A started transaction, and the token to query its status.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Enrollment)]
pub(super) struct EnrollmentBody {
    #[schema(format = Uuid)]
    transaction_id: String,
    /// May be published: it only allows status queries.
    status_token: String,
    /// For `app`: a QR code for a phone to scan.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    qr_code: Option<QrCodeBody>,
    /// For `app`: the QR code's link, to be opened on the phone itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    app_link_uri: Option<String>,
}

impl EnrollmentBody {
    pub(super) fn new(transaction: &Transaction, status_token: String, link: Option<Link>) -> Self {
        let (qr_code, app_link_uri) = link.map(|link| (link.qr_code, link.uri)).unzip();
        let transaction_id = transaction.id.to_string();
        Self { transaction_id, status_token, qr_code, app_link_uri }
    }
}

/// A user, and the started enrollment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EnrolledUser)]
pub(super) struct EnrolledBody {
    #[serde(flatten)]
    pub user: UserBody,
    /// The new set. It cannot be retrieved later.
    #[schema(required = true)]
    pub recovery_codes: Option<Vec<String>>,
    pub enrollment: EnrollmentBody,
}

/// A started approval.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Approval)]
pub(super) struct ApprovalBody {
    #[schema(format = Uuid)]
    transaction_id: String,
    #[schema(format = Uuid)]
    user_id: String,
    /// May be published: it only allows status queries.
    status_token: String,
    /// For `app`: a QR code for a phone to scan.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    qr_code: Option<QrCodeBody>,
    /// For `app`: the QR code's link, to be opened on the phone itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    app_link_uri: Option<String>,
    /// For `app` and `push`, if the tenant requires it: two digits for the page to show, which the
    /// user types on the phone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[1-9][0-9]$")]
    match_number: Option<String>,
}

impl ApprovalBody {
    pub(super) fn new(transaction: &Transaction, status_token: String, link: Option<Link>) -> Self {
        let (qr_code, app_link_uri) = link.map(|link| (link.qr_code, link.uri)).unzip();
        let number =
            transaction.confirmation_request.as_ref().and_then(|request| request.match_number);
        Self {
            transaction_id: transaction.id.to_string(),
            user_id: transaction.user.to_string(),
            status_token,
            qr_code,
            app_link_uri,
            match_number: number.map(|number| number.as_u8().to_string()),
        }
    }
}

/// A transaction's status.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Status)]
pub(super) struct StatusBody {
    #[schema(format = Uuid)]
    pub transaction_id: String,
    #[schema(schema_with = stage)]
    pub status: &'static str,
    #[schema(format = Uuid)]
    pub user_id: String,
    #[schema(required = true)]
    pub username: Option<String>,
    /// For the backend to introspect: active once the transaction has succeeded, for ten minutes.
    pub token: String,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub last_updated_at: String,
}

fn stage() -> utoipa::openapi::schema::Object {
    one_of(&["pending", "succeeded", "failed"])
}

/// A status token that names no transaction.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UnknownStatus)]
pub(super) struct UnknownBody {
    #[schema(schema_with = unknown)]
    pub status: &'static str,
}

fn unknown() -> utoipa::openapi::schema::Object {
    one_of(&["unknown"])
}

/// What a token vouches for. All fields but `active` are present only if it is true.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Introspection)]
pub(in crate::http) struct IntrospectionBody {
    pub active: bool,
    /// The expiry time, in milliseconds since the Unix epoch; access keys have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub exp: Option<i64>,
    /// The issue time, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub iat: Option<i64>,
    /// The user, or the id of the access key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub aud: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub iss: Option<String>,
    /// For a transaction token. Compare it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub transaction_id: Option<String>,
    /// For a transaction token. Compare it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub operation: Option<&'static str>,
    /// For a transaction token: the message that was approved, if any. Compare it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<String>,
    /// For a transaction started with an intent token: the intent's id. Compare it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = Uuid)]
    pub intent_id: Option<String>,
}

/// A token that allows one enrollment or approval.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IntentToken)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct IntentBody {
    /// For the page, which sends it as its bearer token.
    token: String,
    /// For the backend: what `introspect` says of the transaction that the token begins.
    #[schema(format = Uuid)]
    intent_id: String,
}

impl From<IssuedIntent> for IntentBody {
    fn from(made: IssuedIntent) -> Self {
        Self { token: made.token, intent_id: made.id.hyphenated().to_string() }
    }
}

/// Milliseconds since the Unix epoch, the time format of introspection.
pub(super) const fn millis(time: Timestamp) -> i64 {
    time.as_millis()
}

/// The refusals that every operation may have.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the statuses of the refusals, for the documentation alone")]
pub(super) enum AnyRefusal {
    /// The request is malformed.
    #[response(status = 400, content_type = "application/json")]
    BadRequest(ErrorSchema),
    /// The API has no such path or method.
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
    /// A limit holds; `Retry-After` says for how many seconds.
    #[response(status = 429, content_type = "application/json")]
    RateLimited(ErrorSchema),
    /// The store does not answer; `Retry-After` says when to ask again.
    #[response(status = 503, content_type = "application/json")]
    Unavailable(ErrorSchema),
}

/// The refusals where a token is asked for.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the statuses of the refusals, for the documentation alone")]
pub(super) enum TokenRefusal {
    /// `Authorization` is missing.
    #[response(status = 401, content_type = "application/json")]
    Unauthorized(ErrorSchema),
    /// The token is not valid, or not for this.
    #[response(status = 403, content_type = "application/json")]
    Forbidden(ErrorSchema),
}
