//! Sends texts through SMS providers, each by one HTTP request described in its settings.

#[cfg(test)]
pub(crate) mod fuzz;
mod pattern;
mod provider;
mod request;
pub mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::warn;

pub use self::provider::Provider;
pub use self::request::Request;
pub use self::settings::{
    Body, ProviderSettings, RequestMethod, RequestSettings, SettingsError, Text,
};
use super::{Messenger, SendError};
use crate::domain::country::{Country, CountryRules};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::tenant::TenantId;
use crate::domain::text_message::TextMessage;
use crate::messenger::http_client::DeliveryFailure;
use crate::telemetry::metrics;

/// A tenant's SMS providers.
pub struct SmsOverHttp {
    shared: Arc<Shared>,
    runtime: Handle,
}

struct Shared {
    tenant: TenantId,
    rules: CountryRules,
    providers: Vec<Provider>,
}

impl SmsOverHttp {
    /// The providers, in the order to try them; their requests run on `runtime`.
    #[must_use]
    pub fn new(
        tenant: TenantId,
        rules: CountryRules,
        providers: Vec<Provider>,
        runtime: Handle,
    ) -> Self {
        Self { shared: Arc::new(Shared { tenant, rules, providers }), runtime }
    }

    /// The providers.
    #[cfg(test)]
    pub(crate) fn providers(&self) -> &[Provider] {
        &self.shared.providers
    }
}

#[async_trait]
impl Messenger for SmsOverHttp {
    fn reaches(&self, number: &PhoneNumber) -> bool {
        !self.shared.candidates(number).is_empty()
    }

    async fn send(&self, message: &TextMessage, deadline: Instant) -> Result<(), SendError> {
        let shared = Arc::clone(&self.shared);
        let message = TextMessage { to: message.to.clone(), body: message.body.clone() };
        // Spawned, so that a text under way is not aborted when the caller goes away.
        let sending = self.runtime.spawn(async move { shared.send(&message, deadline).await });
        sending.await.unwrap_or(Err(SendError::NotTaken))
    }
}

impl Shared {
    /// Providers for a number, in the order to try them: those that list its country, then those
    /// without a list. Providers that failed recently go last.
    fn candidates(&self, number: &PhoneNumber) -> Vec<&Provider> {
        let country = Country::of(number);
        if !self.rules.reach(country) {
            return Vec::new();
        }
        let named_first = |named: bool| {
            self.providers.iter().filter(move |one| one.serves(country) == Some(named))
        };
        let mut candidates: Vec<&Provider> = named_first(true).chain(named_first(false)).collect();
        candidates.sort_by_cached_key(|provider| provider.is_distrusted());
        candidates
    }

    async fn send(&self, message: &TextMessage, deadline: Instant) -> Result<(), SendError> {
        let candidates = self.candidates(&message.to);
        if candidates.is_empty() {
            return Err(SendError::CountryRefused);
        }
        let mut left = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
        for provider in candidates {
            // A slow provider leaves the others their share of the time.
            let most = deadline.saturating_duration_since(Instant::now()) / left;
            left -= 1;
            if most.is_zero() {
                break;
            }
            let sent = provider.send(message, most).await;
            let outcome = sent.as_ref().err().map_or("taken", DeliveryFailure::outcome);
            metrics::text(self.tenant.as_str(), provider.name(), outcome);
            let Err(reason) = sent else { return Ok(()) };
            let (tenant, to, provider) = (self.tenant.as_str(), &message.to, provider.name());
            warn!(tenant, provider, %to, %reason, "a provider did not take a text");
        }
        Err(SendError::NotTaken)
    }
}
