//! The tokens that report on a transaction or permit one: JWTs (RFC 7519) signed with HS512 (RFC
//! 7518 3.2). Each kind has its own keys and audience, so that none can stand in for another.
//!
//! Expiry does not depend on a node's clock: the step that uses a token decides by the store's
//! clock how long it counts.

mod phone;

use std::collections::HashSet;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::phone::{DeviceToken, DispatchToken};
use crate::domain::clock::Timestamp;
use crate::domain::otp::ServerKeys;
use crate::domain::registered_user::{RegisteredId, RegisteredName};
use crate::domain::tenant::TenantId;
use crate::domain::transaction::{Transaction, TransactionId};

/// Maximum length of a token, in bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// The content of a status or transaction token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionRef {
    /// The tenant.
    pub tenant: TenantId,
    /// The transaction.
    pub transaction: TransactionId,
    /// Its user.
    pub user: RegisteredId,
    /// When the token was made.
    pub issued_at: Timestamp,
}

/// What an intent token permits, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Its id, which is used up.
    pub id: Uuid,
    /// The tenant.
    pub tenant: TenantId,
    /// The user, by id.
    pub user: Option<RegisteredId>,
    /// The user, by name; may not exist yet.
    pub name: Option<RegisteredName>,
    /// `enroll` or `approve`.
    pub operation: String,
    /// The access key that requested it; revoking the key ends the intent.
    pub key: Option<Uuid>,
    /// The permitted channels; if empty, all but `recovery`.
    pub channels: Vec<String>,
    /// The message to send.
    pub message: Option<String>,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Makes and reads tokens.
pub struct Tokens {
    issuer: String,
    status: Keys,
    transaction: Keys,
    intent: Keys,
    dispatch: Keys,
    device: Keys,
}

/// The keys of one token kind.
struct Keys {
    audience: &'static str,
    signing: EncodingKey,
    checking: Vec<DecodingKey>,
}

#[derive(Serialize, Deserialize)]
struct TransactionClaims {
    iss: String,
    aud: String,
    tenant: String,
    sub: Uuid,
    jti: Uuid,
    /// Whole seconds, as in RFC 7519.
    iat: i64,
}

#[derive(Serialize, Deserialize)]
struct IntentClaims {
    iss: String,
    aud: String,
    tenant: String,
    jti: Uuid,
    exp: i64,
    operation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    channels: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Uuid>,
}

impl Tokens {
    /// Tokens of the server at `public_url`, with keys derived from the server's: the first signs,
    /// all are accepted.
    #[must_use]
    pub fn new(public_url: &str, keys: &ServerKeys) -> Self {
        Self {
            issuer: format!("{}/", public_url.trim_end_matches('/')),
            status: Keys::new("status", keys),
            transaction: Keys::new("transaction", keys),
            intent: Keys::new("intent", keys),
            dispatch: Keys::new("dispatch", keys),
            device: Keys::new("device", keys),
        }
    }

    /// The issuer, as in `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// A token with which anyone may query a transaction's state.
    #[must_use]
    pub fn status(&self, tenant: &TenantId, transaction: &Transaction, now: Timestamp) -> String {
        self.point(&self.status, tenant, transaction, now)
    }

    /// A token with which a backend verifies that a transaction succeeded.
    #[must_use]
    pub fn transaction(
        &self,
        tenant: &TenantId,
        transaction: &Transaction,
        now: Timestamp,
    ) -> String {
        self.point(&self.transaction, tenant, transaction, now)
    }

    /// A token that permits `intent`.
    #[must_use]
    pub fn intent(&self, intent: &Intent) -> String {
        self.intent.sign(&IntentClaims {
            iss: self.issuer.clone(),
            aud: self.intent.audience.to_owned(),
            tenant: intent.tenant.to_string(),
            jti: intent.id,
            exp: intent.expires_at.as_secs(),
            operation: intent.operation.clone(),
            sub: intent.user.map(|user| *user.as_uuid()),
            username: intent.name.as_ref().map(ToString::to_string),
            channels: intent.channels.clone(),
            message: intent.message.clone(),
            key: intent.key,
        })
    }

    /// Reads a status token; `None` if we did not issue it.
    #[must_use]
    pub fn read_status(&self, token: &str) -> Option<TransactionRef> {
        self.read_pointer(&self.status, token)
    }

    /// Reads a transaction token; `None` if we did not issue it.
    #[must_use]
    pub fn read_transaction(&self, token: &str) -> Option<TransactionRef> {
        self.read_pointer(&self.transaction, token)
    }

    /// Reads an intent token; `None` if we did not issue it. It may be used or expired.
    #[must_use]
    pub fn read_intent(&self, token: &str) -> Option<Intent> {
        let claims: IntentClaims = self.intent.read(&self.issuer, token)?;
        let name = claims.username.map(|name| RegisteredName::parse(&name).ok_or(()));
        Some(Intent {
            id: claims.jti,
            tenant: TenantId::parse(&claims.tenant)?,
            user: claims.sub.map(RegisteredId::from_uuid),
            name: name.transpose().ok()?,
            operation: claims.operation,
            channels: claims.channels,
            message: claims.message,
            key: claims.key,
            expires_at: Timestamp::from_millis(claims.exp.checked_mul(1000)?),
        })
    }

    fn point(
        &self,
        keys: &Keys,
        tenant: &TenantId,
        transaction: &Transaction,
        now: Timestamp,
    ) -> String {
        keys.sign(&TransactionClaims {
            iss: self.issuer.clone(),
            aud: keys.audience.to_owned(),
            tenant: tenant.to_string(),
            sub: *transaction.user.as_uuid(),
            jti: *transaction.id.as_uuid(),
            iat: now.as_secs(),
        })
    }

    fn read_pointer(&self, keys: &Keys, token: &str) -> Option<TransactionRef> {
        let claims: TransactionClaims = keys.read(&self.issuer, token)?;
        Some(TransactionRef {
            tenant: TenantId::parse(&claims.tenant)?,
            transaction: TransactionId::from_uuid(claims.jti),
            user: RegisteredId::from_uuid(claims.sub),
            issued_at: Timestamp::from_millis(claims.iat.checked_mul(1000)?),
        })
    }
}

impl Keys {
    fn new(audience: &'static str, keys: &ServerKeys) -> Self {
        let subkeys = keys.subkeys(&format!("{audience} token"));
        Self {
            audience,
            signing: EncodingKey::from_secret(subkeys[0].as_slice()),
            checking: subkeys.iter().map(|key| DecodingKey::from_secret(key.as_slice())).collect(),
        }
    }

    fn sign<C: Serialize>(&self, claims: &C) -> String {
        let header = Header { typ: None, ..Header::new(Algorithm::HS512) };
        encode(&header, claims, &self.signing).expect("claims serialise and any secret signs")
    }

    fn read<C: DeserializeOwned>(&self, issuer: &str, token: &str) -> Option<C> {
        let mut validation = self.validation(["iss", "aud"]);
        validation.set_issuer(&[issuer]);
        self.decode(token, &validation)
    }

    fn validation<const N: usize>(&self, required: [&str; N]) -> Validation {
        let mut validation = Validation::new(Algorithm::HS512);
        validation.required_spec_claims = HashSet::from(required.map(str::to_owned));
        validation.validate_exp = false;
        validation.set_audience(&[self.audience]);
        validation
    }

    fn decode<C: DeserializeOwned>(&self, token: &str, validation: &Validation) -> Option<C> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        self.checking
            .iter()
            .find_map(|key| decode::<C>(token, key, validation).ok())
            .map(|token| token.claims)
    }
}

#[cfg(test)]
mod tests;
