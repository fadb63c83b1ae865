//! Access control of the authentication cloud: access keys, and intents whose key still exists.

use std::sync::Arc;

use super::refusal::CloudRefusal;
use super::tokens::Intent;
use crate::domain::access_key::{AccessKey, AccessKeyHash};
use crate::store::registry::Registry;

/// Checks the access keys of all tenants.
#[derive(Clone)]
pub struct AccessControl(Arc<dyn Registry>);

impl AccessControl {
    /// Checks the keys that the registry has.
    #[must_use]
    pub const fn new(registry: Arc<dyn Registry>) -> Self {
        Self(registry)
    }

    /// The access key with this hash; `None` if there is none.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn key(&self, hash: &AccessKeyHash) -> Result<Option<AccessKey>, CloudRefusal> {
        Ok(self.0.access_key(hash).await?)
    }

    /// Checks that the access key that made an intent has not been revoked. The demo's intents
    /// have no key.
    ///
    /// # Errors
    /// [`CloudRefusal::IntentKeyRevoked`], or a failure of the store.
    pub async fn check(&self, intent: &Intent) -> Result<(), CloudRefusal> {
        match intent.key {
            Some(key) if !self.0.has_access_key(&intent.tenant, key).await? => {
                Err(CloudRefusal::IntentKeyRevoked)
            }
            Some(_) | None => Ok(()),
        }
    }
}
