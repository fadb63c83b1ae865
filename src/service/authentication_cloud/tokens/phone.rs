//! The tokens that a phone gets: one in a link, for one transaction, and one with which its page
//! sets its push subscription.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Tokens;
use crate::domain::authenticator::AuthenticatorId;
use crate::domain::clock::Timestamp;
use crate::domain::registered_user::RegisteredId;
use crate::domain::tenant::TenantId;
use crate::domain::transaction::TransactionId;

/// How long a page may set its phone's push subscription.
const DEVICE_LIFETIME: Duration = Duration::from_hours(1);

/// The content of a link's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DispatchToken {
    /// The tenant.
    pub tenant: TenantId,
    /// The transaction; the token is worthless once it has ended.
    pub transaction: TransactionId,
}

/// The phone whose page may set its push subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceToken {
    /// The tenant.
    pub tenant: TenantId,
    /// The user.
    pub user: RegisteredId,
    /// The user's phone.
    pub authenticator: AuthenticatorId,
    /// When this permission expires.
    pub expires_at: Timestamp,
}

/// As short as possible, because it goes into a QR code: each character makes that harder to scan.
/// The transaction is found by its id, and its user with it.
#[derive(Serialize, Deserialize)]
struct DispatchClaims {
    aud: String,
    tenant: String,
    /// The UUID's sixteen bytes in base64url (RFC 4648 5), without padding.
    jti: String,
}

#[derive(Serialize, Deserialize)]
struct DeviceClaims {
    iss: String,
    aud: String,
    tenant: String,
    sub: Uuid,
    jti: Uuid,
    exp: i64,
}

impl Tokens {
    /// The token for the link that a phone opens.
    #[must_use]
    pub fn dispatch(&self, dispatch: &DispatchToken) -> String {
        self.dispatch.sign(&DispatchClaims {
            aud: self.dispatch.audience.to_owned(),
            tenant: dispatch.tenant.to_string(),
            jti: URL_SAFE_NO_PAD.encode(dispatch.transaction.as_uuid().as_bytes()),
        })
    }

    /// Reads a link's token; `None` if we did not issue it.
    #[must_use]
    pub fn read_dispatch(&self, token: &str) -> Option<DispatchToken> {
        let validation = self.dispatch.validation(["aud"]);
        let claims: DispatchClaims = self.dispatch.decode(token, &validation)?;
        let id = URL_SAFE_NO_PAD.decode(claims.jti).ok()?;
        Some(DispatchToken {
            tenant: TenantId::parse(&claims.tenant)?,
            transaction: TransactionId::from_uuid(Uuid::from_slice(&id).ok()?),
        })
    }

    /// The token for the page on a phone that confirmed a transaction at `now`.
    #[must_use]
    pub fn device(
        &self,
        tenant: &TenantId,
        user: RegisteredId,
        authenticator: AuthenticatorId,
        now: Timestamp,
    ) -> String {
        self.device.sign(&DeviceClaims {
            iss: self.issuer.clone(),
            aud: self.device.audience.to_owned(),
            tenant: tenant.to_string(),
            sub: *user.as_uuid(),
            jti: *authenticator.as_uuid(),
            exp: now.plus(DEVICE_LIFETIME).as_secs(),
        })
    }

    /// Reads a page's token; `None` if we did not issue it. It may have expired.
    #[must_use]
    pub fn read_device(&self, token: &str) -> Option<DeviceToken> {
        let claims: DeviceClaims = self.device.read(&self.issuer, token)?;
        Some(DeviceToken {
            tenant: TenantId::parse(&claims.tenant)?,
            user: RegisteredId::from_uuid(claims.sub),
            authenticator: AuthenticatorId::from_uuid(claims.jti),
            expires_at: Timestamp::from_millis(claims.exp.checked_mul(1000)?),
        })
    }
}
