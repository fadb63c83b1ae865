//! The algorithms that access tokens may be signed with.

use jsonwebtoken::Algorithm;

/// The accepted signature algorithms, in the order of error messages. None is symmetric, so a public
/// key can never be taken for a shared secret.
pub const ACCEPTED: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Parses the name used in a token's header, of an accepted algorithm (RFC 7518 section 3.1, RFC
/// 8037).
#[must_use]
pub fn parse(name: &str) -> Option<Algorithm> {
    name.parse().ok().filter(|algorithm| ACCEPTED.contains(algorithm))
}
