//! The paths of the operations.

/// The path that issues codes.
pub const GET_OTP: &str = "/api/authentication/getOTP";
/// The path that checks logins.
pub const VALIDATE_OTP: &str = "/api/authentication/validateOTP";
/// The same without a password, under the name used for token logins.
pub const OTP_TOKEN_AUTH: &str = "/api/authentication/otp_token_auth";

/// All three.
pub(in crate::http) const PATHS: [&str; 3] = [GET_OTP, VALIDATE_OTP, OTP_TOKEN_AUTH];
