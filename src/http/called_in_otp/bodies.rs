//! The two operations' request bodies, and the parts of their answers.

use serde::Serialize;
use zeroize::Zeroizing;

use super::bad_body::BadBody;
use super::fields::{Body, Fields, PHONE_NUMBER};

/// A call.
#[derive(utoipa::ToSchema)]
#[schema(as = GetOtpRequest)]
pub(super) struct GetOtpBody {
    /// The caller's number, as the phone system has it.
    pub phonenumber: String,
    /// The phone system's id of the call.
    pub callid: Option<String>,
    /// How surely the carrier vouches for the number: `A`, `B` or `C`.
    pub attestation: Option<String>,
    /// The digits that the caller keyed.
    pub pin: Option<String>,
}

impl Body for GetOtpBody {
    const FIELDS: &'static [&'static str] = &[PHONE_NUMBER, "callid", "attestation", "pin"];

    fn take(mut fields: Fields) -> Result<Self, BadBody> {
        Ok(Self {
            phonenumber: fields.required(PHONE_NUMBER)?,
            callid: fields.optional("callid"),
            attestation: fields.optional("attestation"),
            pin: fields.optional("pin"),
        })
    }
}

/// A login.
pub(super) struct ValidateOtpBody {
    pub username: String,
    pub secrets: Secrets,
    pub clientip: Option<String>,
}

/// What the user typed besides the name.
pub(super) enum Secrets {
    /// In separate fields.
    Apart { password: Option<String>, otp: String },
    /// The password followed directly by the code.
    Passcode(Zeroizing<String>),
}

impl Body for ValidateOtpBody {
    const FIELDS: &'static [&'static str] =
        &["username", "password", "otp", "passcode", "clientip"];

    fn take(mut fields: Fields) -> Result<Self, BadBody> {
        let username = fields.required("username")?;
        let (password, otp) = (fields.optional("password"), fields.optional("otp"));
        let secrets = match (fields.optional("passcode"), password, otp) {
            (Some(passcode), None, None) => Secrets::Passcode(Zeroizing::new(passcode)),
            (Some(_), ..) => return Err(BadBody::PasscodeAndMore),
            (None, password, Some(otp)) => Secrets::Apart { password, otp },
            (None, _, None) => return Err(BadBody::Missing("otp")),
        };
        Ok(Self { username, secrets, clientip: fields.optional("clientip") })
    }
}

/// A number of seconds, as the tenant's phone system takes it.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(super) enum Seconds {
    Number(u64),
    Text(String),
}
