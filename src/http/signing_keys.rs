//! The keys of a JSON Web Key Set, and signature checks with them. No network access here.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;

use super::oauth2::{Claims, JwtRefusal, TokenKind};
use super::signing_algorithm;

/// What a token's header says about its signature.
#[derive(Debug, Clone)]
pub struct TokenHeader {
    /// The signature's algorithm.
    pub algorithm: Algorithm,
    /// The key's id, if given.
    pub key_id: Option<String>,
    /// The kind of token, from `typ`.
    pub kind: TokenKind,
}

impl TokenHeader {
    /// Reads a token's header.
    ///
    /// # Errors
    /// [`JwtRefusal::Malformed`], or [`JwtRefusal::Algorithm`] if it is symmetric or unknown.
    pub fn read(token: &str) -> Result<Self, JwtRefusal> {
        let Header { alg, kid, crit, typ, .. } =
            decode_header(token).map_err(|error| refusal_of(error.kind()))?;
        // A critical extension must be understood (RFC 7515 section 4.1.11), and we know none.
        if crit.is_some() {
            return Err(JwtRefusal::Malformed);
        }
        let is_accepted = signing_algorithm::ACCEPTED.contains(&alg);
        let kind = TokenKind::of(typ.as_deref());
        Ok(Self {
            algorithm: is_accepted.then_some(alg).ok_or(JwtRefusal::Algorithm)?,
            key_id: kid,
            kind,
        })
    }
}

/// The issuer that a token names, used to find its keys. Not verified yet.
#[must_use]
pub fn unverified_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        iss: String,
    }
    jsonwebtoken::dangerous::insecure_decode_claims::<Named>(token).ok().map(|named| named.iss)
}

/// An issuer's keys for checking signatures.
#[derive(Debug, Default)]
pub struct SigningKeys(Vec<SigningKey>);

#[derive(Debug)]
struct SigningKey {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl SigningKeys {
    /// Reads a JSON Web Key Set (RFC 7517). Skips keys that are unusable or unreadable; `None` if
    /// it is not a key set at all.
    #[must_use]
    pub fn read(json: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct KeySet {
            keys: Vec<serde_json::Value>,
        }
        let set: KeySet = serde_json::from_slice(json).ok()?;
        let keys = set.keys.into_iter().filter_map(|key| {
            let key: Jwk = serde_json::from_value(key).ok()?;
            let algorithms = algorithms_of(&key);
            let usable = !algorithms.is_empty();
            let id = key.common.key_id.clone();
            usable.then(|| {
                Some(SigningKey { id, algorithms, key: DecodingKey::from_jwk(&key).ok()? })
            })?
        });
        Some(Self(keys.collect()))
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Verifies a token's signature and reads its claims.
    ///
    /// # Errors
    /// [`JwtRefusal::KeyUnknown`] if not exactly one key fits, else [`JwtRefusal::Signature`] or
    /// [`JwtRefusal::Malformed`].
    pub fn verify(&self, token: &str, header: &TokenHeader) -> Result<Claims, JwtRefusal> {
        let mut fitting = self.0.iter().filter(|key| {
            key.algorithms.contains(&header.algorithm)
                && (header.key_id.is_none() || key.id == header.key_id)
        });
        let (Some(key), None) = (fitting.next(), fitting.next()) else {
            return Err(JwtRefusal::KeyUnknown);
        };
        let mut rules = Validation::new(header.algorithm);
        // Dates are checked against our own clock, the rest against each client's rule.
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        rules.validate_aud = false;
        let verified = decode::<Claims>(token, &key.key, &rules);
        verified.map(|token| token.claims).map_err(|error| refusal_of(error.kind()))
    }
}

/// The algorithms that a key may verify, from its type and from `alg`, `use` and `key_ops` if set.
fn algorithms_of(key: &Jwk) -> Vec<Algorithm> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let by_type: &[Algorithm] = match &key.algorithm {
        AlgorithmParameters::RSA(_) => &[RS256, RS384, RS512, PS256, PS384, PS512],
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => &[ES256],
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P384 => &[ES384],
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => &[EdDSA],
        _ => &[],
    };
    let common = &key.common;
    let for_signatures =
        common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let may_verify = common
        .key_operations
        .as_ref()
        .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    let fits = |algorithm: &Algorithm| {
        let named = KeyAlgorithm::from(*algorithm);
        for_signatures && may_verify && common.key_algorithm.is_none_or(|only| only == named)
    };
    by_type.iter().copied().filter(fits).collect()
}

fn refusal_of(error: &ErrorKind) -> JwtRefusal {
    match error {
        ErrorKind::InvalidSignature => JwtRefusal::Signature,
        ErrorKind::InvalidAlgorithm
        | ErrorKind::InvalidAlgorithmName
        | ErrorKind::UnsupportedAlgorithm => JwtRefusal::Algorithm,
        _ => JwtRefusal::Malformed,
    }
}

#[cfg(test)]
mod tests;
