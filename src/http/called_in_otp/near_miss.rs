//! Warns administrators about requests whose path is nearly that of an operation.

use actix_web::HttpRequest;

use crate::domain::clock::Timestamp;
use crate::http::notice::OncePerMinute;

/// Longest path shown, in characters.
const MAX_PATH: usize = 100;

/// Warns if a request to an unknown path nearly matched one of `paths`.
pub(super) fn near_miss(request: &HttpRequest, paths: &[String], now: Timestamp) {
    static LAST: OncePerMinute = OncePerMinute::new();
    let Some(meant) = nearest(request.path(), paths) else { return };
    if LAST.may(now) {
        let path: String = request.path().chars().take(MAX_PATH).collect();
        let peer = request.peer_addr().map(|peer| peer.ip().to_string());
        tracing::warn!(
            path,
            meant,
            peer,
            "a request was answered 404 because its path belongs to no operation: upper and lower case \
             matter, and nothing may precede or follow it"
        );
    }
}

/// The one of `paths` whose last segment is in `path`, in any spelling.
fn nearest<'p>(path: &str, paths: &'p [String]) -> Option<&'p str> {
    let squeezed = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let path = squeezed(path);
    paths.iter().map(String::as_str).find(|known| {
        let name = known.rsplit('/').next().unwrap_or_default();
        path.contains(&squeezed(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET_OTP: &str = "/api/authentication/getOTP";
    const VALIDATE_OTP: &str = "/api/authentication/validateOTP";
    const OTP_TOKEN_AUTH: &str = "/api/authentication/otp_token_auth";

    #[test]
    fn a_path_that_is_nearly_an_operation_is_known_as_such() {
        let paths = [GET_OTP, VALIDATE_OTP, OTP_TOKEN_AUTH].map(str::to_owned);
        for (path, meant) in [
            ("/api/authentication/getotp", Some(GET_OTP)),
            ("/api/authentication/getOTP//", Some(GET_OTP)),
            ("/getOTP", Some(GET_OTP)),
            ("/pipes/api/authentication/getOTP", Some(GET_OTP)),
            ("/api/authentication/get-otp", Some(GET_OTP)),
            ("/api/authentication/validateOtp", Some(VALIDATE_OTP)),
            ("/api/authentication/otp-token-auth", Some(OTP_TOKEN_AUTH)),
            ("/favicon.ico", None),
            ("/", None),
        ] {
            assert_eq!(nearest(path, &paths), meant, "{path}");
        }
    }
}
