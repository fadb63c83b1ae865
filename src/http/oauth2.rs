//! `OAuth2` access tokens: their claims, and whether those satisfy a client's rule.

use serde::Deserialize;
use thiserror::Error;

use crate::domain::clock::Timestamp;
use crate::domain::reason::AuditReason;
use jsonwebtoken::Algorithm;

/// Allowed difference between the issuer's clock and ours.
const LEEWAY_SECS: f64 = 60.0;

/// What a client's token must contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuth2Rule {
    /// Its `iss`, compared exactly.
    pub issuer: String,
    /// A value of its `aud`.
    pub audience: String,
    /// The URL of the issuer's keys.
    pub jwks_url: String,
    /// A whole word of its scope.
    pub scope: String,
    /// The algorithms it may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// The client it was issued to: its `client_id`, or its `azp` if it has none.
    pub client_id: Option<String>,
    /// Its `sub`.
    pub sub: Option<String>,
    /// Whether `typ` must say that it is an access token (RFC 9068 section 2.1).
    pub requires_typ: bool,
}

impl OAuth2Rule {
    /// Whether a token with a valid signature and valid dates satisfies this rule.
    ///
    /// # Errors
    /// The first requirement that is not met.
    pub fn accepts(&self, token: &SignedToken) -> Result<(), JwtRefusal> {
        let claims = &token.claims;
        if token.jwks_url != self.jwks_url || claims.iss != self.issuer {
            Err(JwtRefusal::Issuer)
        } else if !self.algorithms.contains(&token.algorithm) {
            Err(JwtRefusal::Algorithm)
        } else if !token.kind.may_be_an_access_token(self.requires_typ) {
            Err(JwtRefusal::Kind)
        } else if !claims.aud.has(&self.audience) {
            Err(JwtRefusal::Audience)
        } else if self.client_id.is_some() && self.client_id.as_deref() != claims.client() {
            Err(JwtRefusal::Client)
        } else if self.sub.is_some() && self.sub != claims.sub {
            Err(JwtRefusal::Subject)
        } else if !claims.has_scope(&self.scope) {
            Err(JwtRefusal::Scope)
        } else {
            Ok(())
        }
    }
}

/// A token whose signature was verified with a key from `jwks_url`.
#[derive(Debug, Clone)]
pub struct SignedToken {
    /// The URL of the issuer's keys.
    pub jwks_url: String,
    /// The signature's algorithm.
    pub algorithm: Algorithm,
    /// The kind that `typ` states.
    pub kind: TokenKind,
    /// The claims.
    pub claims: Claims,
}

/// What a token's `typ` says it is (RFC 7519 section 5.1, RFC 8725 section 3.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Unspecified: `typ` is missing or is `JWT`, as most issuers write it.
    Unsaid,
    /// An access token: `at+jwt`.
    AccessToken,
    /// Any other kind, such as `logout+jwt`.
    Other,
}

impl TokenKind {
    /// Reads a `typ`: a media type, compared without case, whose `application/` may be omitted (RFC
    /// 7515 section 4.1.9).
    #[must_use]
    pub fn of(typ: Option<&str>) -> Self {
        let Some(typ) = typ else { return Self::Unsaid };
        let typ = typ.to_ascii_lowercase();
        match typ.strip_prefix("application/").unwrap_or(&typ) {
            "jwt" => Self::Unsaid,
            "at+jwt" => Self::AccessToken,
            _ => Self::Other,
        }
    }

    const fn may_be_an_access_token(self, must_say_so: bool) -> bool {
        match self {
            Self::Unsaid => !must_say_so,
            Self::AccessToken => true,
            Self::Other => false,
        }
    }
}

/// The claims that are checked (RFC 7519 section 4.1, RFC 9068 section 2.2).
#[derive(Debug, Clone, Deserialize)]
pub struct Claims {
    /// The issuer.
    pub iss: String,
    /// The audience.
    pub aud: Words,
    /// Expiry, in seconds since the Unix epoch.
    pub exp: f64,
    /// Start of validity, in seconds since the Unix epoch.
    pub nbf: Option<f64>,
    /// What it allows: words separated by spaces, or an array of words.
    pub scope: Option<Words>,
    /// The scope, as some issuers name it.
    pub scp: Option<Words>,
    /// The client it was issued to.
    pub client_id: Option<String>,
    /// The client, as some issuers name it.
    pub azp: Option<String>,
    /// The subject.
    pub sub: Option<String>,
}

impl Claims {
    /// Whether the token is valid at `now`, with a leeway of one minute.
    ///
    /// # Errors
    /// [`JwtRefusal::Expired`] or [`JwtRefusal::NotYetValid`].
    pub fn valid_at(&self, now: Timestamp) -> Result<(), JwtRefusal> {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds are exact for 285,000 years")]
        let now = now.as_millis() as f64 / 1000.0;
        let is_unexpired = now < self.exp + LEEWAY_SECS;
        let has_started = self.nbf.is_none_or(|nbf| now >= nbf - LEEWAY_SECS);
        match (is_unexpired, has_started) {
            (true, true) => Ok(()),
            (false, _) => Err(JwtRefusal::Expired),
            (true, false) => Err(JwtRefusal::NotYetValid),
        }
    }

    fn client(&self) -> Option<&str> {
        self.client_id.as_deref().or(self.azp.as_deref())
    }

    fn has_scope(&self, scope: &str) -> bool {
        // Two spaces in a row enclose an empty word, which must not match.
        let mut words = self.scope.iter().chain(&self.scp).filter(|_| !scope.is_empty());
        words.any(|words| match words {
            Words::One(text) => text.split(' ').any(|word| word == scope),
            Words::Several(list) => list.iter().any(|word| word == scope),
        })
    }
}

/// A claim that is one string or an array of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Words {
    /// One string.
    One(String),
    /// An array.
    Several(Vec<String>),
}

impl Words {
    fn has(&self, word: &str) -> bool {
        match self {
            Self::One(text) => text == word,
            Self::Several(list) => list.iter().any(|text| text == word),
        }
    }
}

/// Why a token is refused, in the order of the checks: of several refusals, the greatest got
/// furthest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum JwtRefusal {
    /// It is not a JWT that we can read.
    #[error("the token cannot be read")]
    Malformed,
    /// No client's rule has its issuer.
    #[error("the token's issuer is not known")]
    Issuer,
    /// No rule allows its signature algorithm.
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    /// The issuer's keys were never fetched, or not for a day.
    #[error("the issuer's keys are not to be had")]
    KeysUnavailable,
    /// The issuer's keys did not arrive before the request's deadline.
    #[error("the issuer's keys did not come in time")]
    KeysTimedOut,
    /// No key of the issuer fits, or several fit and the token does not name one.
    #[error("the issuer has no such key")]
    KeyUnknown,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// It has expired.
    #[error("the token has expired")]
    Expired,
    /// It is not valid yet.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It is not an access token, or does not say so where the rule requires it.
    #[error("the token is of another kind")]
    Kind,
    /// It is for another audience.
    #[error("the token is for another audience")]
    Audience,
    /// It was issued to another client.
    #[error("the token was issued to another client")]
    Client,
    /// It has another subject.
    #[error("the token is about another subject")]
    Subject,
    /// Its scope does not allow this.
    #[error("the token lacks the scope")]
    Scope,
}

impl JwtRefusal {
    /// The reason as the audit trail names it: stable, `snake_case`.
    #[must_use]
    pub const fn name(self) -> AuditReason {
        match self {
            Self::Malformed => AuditReason::TokenMalformed,
            Self::Issuer => AuditReason::TokenIssuerUnknown,
            Self::Algorithm => AuditReason::TokenAlgorithmNotAllowed,
            Self::KeysUnavailable => AuditReason::TokenKeysUnavailable,
            Self::KeysTimedOut => AuditReason::TokenKeysTimedOut,
            Self::KeyUnknown => AuditReason::TokenKeyUnknown,
            Self::Signature => AuditReason::TokenSignatureWrong,
            Self::Expired => AuditReason::TokenExpired,
            Self::NotYetValid => AuditReason::TokenNotYetValid,
            Self::Kind => AuditReason::TokenKindWrong,
            Self::Audience => AuditReason::TokenAudienceWrong,
            Self::Client => AuditReason::TokenClientWrong,
            Self::Subject => AuditReason::TokenSubjectWrong,
            Self::Scope => AuditReason::TokenScopeMissing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rule() -> OAuth2Rule {
        OAuth2Rule {
            issuer: "https://issuer".to_owned(),
            audience: "dialpass".to_owned(),
            jwks_url: "https://issuer/keys".to_owned(),
            scope: "otp.issue".to_owned(),
            algorithms: vec![Algorithm::ES256],
            client_id: Some("pbx".to_owned()),
            sub: None,
            requires_typ: false,
        }
    }

    fn token(change: impl FnOnce(&mut Value)) -> SignedToken {
        let mut claims = json!({"iss": "https://issuer", "aud": "dialpass", "exp": 1000,
            "scope": "openid otp.issue", "client_id": "pbx"});
        change(&mut claims);
        SignedToken {
            jwks_url: "https://issuer/keys".to_owned(),
            algorithm: Algorithm::ES256,
            kind: TokenKind::Unsaid,
            claims: serde_json::from_value(claims).unwrap(),
        }
    }

    #[test]
    fn a_token_is_accepted_only_if_each_claim_fits() {
        let cases: [(&str, Value, Result<(), JwtRefusal>); 12] = [
            ("iss", json!("https://issuer"), Ok(())),
            ("iss", json!("https://issuer/"), Err(JwtRefusal::Issuer)),
            ("aud", json!(["other", "dialpass"]), Ok(())),
            ("aud", json!("dialpass other"), Err(JwtRefusal::Audience)),
            ("aud", json!([]), Err(JwtRefusal::Audience)),
            ("scope", json!(["otp.issue"]), Ok(())),
            ("scope", json!("otp.issue.all"), Err(JwtRefusal::Scope)),
            ("scope", json!(["openid otp.issue"]), Err(JwtRefusal::Scope)),
            ("scope", json!(""), Err(JwtRefusal::Scope)),
            ("client_id", json!("login"), Err(JwtRefusal::Client)),
            ("client_id", Value::Null, Err(JwtRefusal::Client)),
            ("scp", json!(["x"]), Ok(())),
        ];
        for (claim, value, expected) in cases {
            let token = token(|claims| claims[claim] = value.clone());
            assert_eq!(rule().accepts(&token), expected, "{claim} = {value}");
        }
        let azp = token(|claims| {
            claims["client_id"] = Value::Null;
            claims["azp"] = json!("pbx");
        });
        assert_eq!(rule().accepts(&azp), Ok(()));
    }

    #[test]
    fn a_token_of_another_kind_is_no_access_token() {
        for (typ, may, may_where_it_must_say_so) in [
            (None, true, false),
            (Some("JWT"), true, false),
            (Some("application/jwt"), true, false),
            (Some("at+jwt"), true, true),
            (Some("AT+JWT"), true, true),
            (Some("application/at+jwt"), true, true),
            (Some("logout+jwt"), false, false),
            (Some("secevent+jwt"), false, false),
            (Some("dpop+jwt"), false, false),
            (Some("id+jwt"), false, false),
            (Some(""), false, false),
        ] {
            let mut token = token(|_| ());
            token.kind = TokenKind::of(typ);
            for (requires_typ, may) in [(false, may), (true, may_where_it_must_say_so)] {
                let rule = OAuth2Rule { requires_typ, ..rule() };
                let expected = if may { Ok(()) } else { Err(JwtRefusal::Kind) };
                assert_eq!(rule.accepts(&token), expected, "{typ:?}, required: {requires_typ}");
            }
        }
    }

    #[test]
    fn a_key_set_of_another_issuer_vouches_for_nothing() {
        let mut token = token(|_| ());
        token.jwks_url = "https://evil/keys".to_owned();
        assert_eq!(rule().accepts(&token), Err(JwtRefusal::Issuer));
    }

    #[test]
    fn a_rule_with_an_empty_scope_accepts_nothing() {
        let rule = OAuth2Rule { scope: String::new(), ..rule() };
        let token = token(|claims| claims["scope"] = json!("a  b"));
        assert_eq!(rule.accepts(&token), Err(JwtRefusal::Scope));
    }

    #[test]
    fn dates_have_a_minute_of_leeway() {
        let claims = token(|claims| claims["nbf"] = json!(500.5)).claims;
        let at = |secs: i64| claims.valid_at(Timestamp::from_millis(secs * 1000));
        assert_eq!(at(440), Err(JwtRefusal::NotYetValid));
        assert_eq!(at(441), Ok(()));
        assert_eq!(at(1059), Ok(()));
        assert_eq!(at(1060), Err(JwtRefusal::Expired));
    }
}
