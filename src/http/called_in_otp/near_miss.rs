//! A log line for administrators about requests that meant an operation but missed its path.

use actix_web::HttpRequest;

use super::paths::PATHS;
use crate::domain::clock::Timestamp;
use crate::http::notice::Seldom;

/// Longest path shown, in characters.
const MAX_PATH: usize = 100;

/// Warns if a request to an unknown path nearly matched an operation.
pub(super) fn near_miss(request: &HttpRequest, now: Timestamp) {
    static LAST: Seldom = Seldom::new();
    let Some(meant) = nearest(request.path()) else { return };
    if LAST.may(now) {
        let path: String = request.path().chars().take(MAX_PATH).collect();
        let peer = request.peer_addr().map(|peer| peer.ip().to_string());
        tracing::warn!(
            path,
            meant,
            peer,
            "a request was answered 404 because its path belongs to no operation: upper and lower case \
             count, and nothing stands before or behind it"
        );
    }
}

/// The operation whose name is in a path, in any spelling.
fn nearest(path: &str) -> Option<&'static str> {
    let squeezed = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let path = squeezed(path);
    PATHS.into_iter().find(|known| {
        let name = known.rsplit('/').next().unwrap_or_default();
        path.contains(&squeezed(name))
    })
}

#[cfg(test)]
mod tests {
    use super::super::paths::{GET_OTP, OTP_TOKEN_AUTH, VALIDATE_OTP};
    use super::*;

    #[test]
    fn a_path_that_is_nearly_an_operation_is_known_as_such() {
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
            assert_eq!(nearest(path), meant, "{path}");
        }
    }
}
