//! The fields of the two operations' bodies. All values are strings.

use actix_web::{HttpRequest, web};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::http::body::{self, BodyProblem};
use crate::http::error::Refused;

/// What is wrong with a body that cannot be read at all.
const NO_OBJECT: &str = "the body is not a JSON object";

/// The body of getOTP.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = GetOtpRequest)]
pub(super) struct GetOtpBody {
    pub phonenumber: String,
    #[serde(default, deserialize_with = "text")]
    #[schema(nullable = false)]
    pub callid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    #[schema(nullable = false)]
    pub attestation: Option<String>,
    #[serde(default, deserialize_with = "text")]
    #[schema(nullable = false)]
    pub pin: Option<String>,
}

/// The body of validateOTP and its alias.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = ValidateOtpRequest)]
pub(super) struct ValidateOtpBody {
    pub username: String,
    #[serde(default, deserialize_with = "text")]
    #[schema(nullable = false)]
    pub password: Option<String>,
    pub otp: String,
    #[serde(default, deserialize_with = "text")]
    #[schema(nullable = false)]
    pub clientip: Option<String>,
}

/// A field that may be left out, but is a string if it is there: `null` is none.
fn text<'de, D: Deserializer<'de>>(field: D) -> Result<Option<String>, D::Error> {
    String::deserialize(field).map(Some)
}

/// Reads a body: media type, then size, then JSON.
pub(super) async fn read<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: &mut web::Payload,
) -> Result<T, Refused> {
    let read = body::read(request, payload, "application/json").await;
    let body = read.map_err(|problem| match problem {
        BodyProblem::MediaType => Refused::UnsupportedMediaType,
        BodyProblem::TooLarge => Refused::TooLarge,
        BodyProblem::EndedEarly => Refused::BadRequest("the body ended early"),
    })?;
    // An array of the fields' values would pass for them.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refused::BadRequest(NO_OBJECT));
    }
    serde_json::from_slice(&body).map_err(|error| {
        Refused::BadRequest(match error.classify() {
            serde_json::error::Category::Data => "a field is missing, twice there, or not a string",
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => NO_OBJECT,
        })
    })
}
