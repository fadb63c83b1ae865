//! Notifications to browsers through their vendors' push services (Web Push: RFC 8030), encrypted
//! for the browser (RFC 8291) and signed by this server (RFC 8292).

mod identity;
mod payload;
pub mod settings;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Client;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};
use url::{Host, Url};
use web_push_native::p256::PublicKey;
use web_push_native::{Auth, encrypt};
use zeroize::Zeroizing;

use self::identity::Identity;
pub use self::identity::KeyError;
pub use self::settings::WebPushSettings;
use super::http_client::DeliveryFailure;
use super::{Notification, Notifier, NotifyError};
use crate::domain::authenticator::Subscription;
use crate::domain::clock::Clock;
use crate::domain::host_pattern::HostPattern;
use crate::telemetry::metrics;

/// Maximum length of a subscription's URL, in bytes.
const MAX_ENDPOINT: usize = 2048;

/// Client of the push services.
pub struct WebPush {
    shared: Arc<Shared>,
    runtime: Handle,
}

struct Shared {
    /// Signs requests.
    identity: Identity,
    /// The allowed push services.
    hosts: Vec<HostPattern>,
    /// Time limit for one answer.
    timeout: Duration,
    client: Client,
}

impl WebPush {
    /// A client of the push services that sends by `client`; its requests run on `runtime`.
    ///
    /// # Errors
    /// [`KeyError`] if the private key cannot be used.
    pub fn new(
        settings: &WebPushSettings,
        clock: Arc<dyn Clock>,
        client: Client,
        runtime: Handle,
    ) -> Result<Self, KeyError> {
        let identity = Identity::new(&settings.private_key, settings.contact.clone(), clock)?;
        let (hosts, timeout) = (settings.hosts.clone(), settings.timeout);
        let shared = Arc::new(Shared { identity, hosts, timeout, client });
        Ok(Self { shared, runtime })
    }
}

#[async_trait]
impl Notifier for WebPush {
    fn public_key(&self) -> &str {
        self.shared.identity.public_key()
    }

    fn may_reach(&self, endpoint: &str) -> bool {
        self.shared.reach(endpoint).is_some()
    }

    async fn notify(
        &self,
        to: &Subscription,
        notification: &Notification,
        deadline: Instant,
    ) -> Result<(), NotifyError> {
        let (shared, to) = (Arc::clone(&self.shared), to.clone());
        let (message, lifetime) = (payload::of(notification), notification.lifetime);
        // Spawned, so that a notification under way is not aborted when the caller goes away.
        let sending =
            self.runtime.spawn(async move { shared.send(&to, message, lifetime, deadline).await });
        sending.await.unwrap_or(Err(NotifyError::NotTaken))
    }
}

impl Shared {
    /// A subscription's URL, and the list entry that allows it.
    fn reach(&self, endpoint: &str) -> Option<(Url, &HostPattern)> {
        if endpoint.len() > MAX_ENDPOINT || !endpoint.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let url = Url::parse(endpoint).ok()?;
        let no_account = url.username().is_empty() && url.password().is_none();
        if url.scheme() != "https" || !no_account || url.fragment().is_some() {
            return None;
        }
        let Some(Host::Domain(host)) = url.host() else { return None };
        let port = url.port_or_known_default()?;
        let service = self.hosts.iter().find(|pattern| pattern.admits(host, port))?;
        Some((url, service))
    }

    async fn send(
        &self,
        to: &Subscription,
        message: Option<Zeroizing<Vec<u8>>>,
        lifetime: Duration,
        deadline: Instant,
    ) -> Result<(), NotifyError> {
        let Some((url, service)) = self.reach(&to.endpoint) else {
            warn!("a phone is not notified: push.hosts does not name the host of its subscription");
            return Err(NotifyError::NotTaken);
        };
        let host = url.host_str().unwrap_or_default().to_owned();
        let patience = self.timeout.min(deadline.saturating_duration_since(Instant::now()));
        let posted = timeout(patience, self.post(url, to, message, lifetime)).await;
        let taken = posted.unwrap_or(Err(DeliveryFailure::TimedOut(patience)));
        // Labelled by list entry, not by host: a wildcard allows any number of hosts.
        let outcome = taken.as_ref().err().map_or("taken", DeliveryFailure::outcome);
        metrics::notification(&service.to_string(), outcome);
        match taken {
            Ok(()) => Ok(()),
            Err(reason @ DeliveryFailure::Gone) => {
                info!(host, %reason, "a push service did not take a notification");
                Err(NotifyError::Gone)
            }
            Err(reason @ DeliveryFailure::Status(401 | 403)) => {
                warn!(
                    host,
                    %reason,
                    "a push service did not take a notification: is push.private_key another than \
                     before?"
                );
                Err(NotifyError::NotTaken)
            }
            Err(reason) => {
                warn!(host, %reason, "a push service did not take a notification");
                Err(NotifyError::NotTaken)
            }
        }
    }

    async fn post(
        &self,
        url: Url,
        to: &Subscription,
        message: Option<Zeroizing<Vec<u8>>>,
        lifetime: Duration,
    ) -> Result<(), DeliveryFailure> {
        let message = message.ok_or(DeliveryFailure::Unmakeable)?;
        let key = PublicKey::from_sec1_bytes(&to.key).map_err(|_| DeliveryFailure::Gone)?;
        let sealed = encrypt(message.to_vec(), &key, &Auth::from(to.auth));
        let sealed = sealed.map_err(|_| DeliveryFailure::Unmakeable)?;
        let origin = url.origin().ascii_serialization();
        let signed = self.identity.authorization(&origin).ok_or(DeliveryFailure::Unmakeable)?;
        let request = self
            .client
            .post(url)
            .header("TTL", lifetime.as_secs())
            // Less urgent messages wait until the phone is next used (RFC 8030 5.3).
            .header("Urgency", "high")
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_ENCODING, "aes128gcm")
            .header(AUTHORIZATION, signed)
            .body(sealed);
        let answer = request.send().await?;
        match answer.status().as_u16() {
            200..=299 => Ok(()),
            404 | 410 => Err(DeliveryFailure::Gone),
            status => Err(DeliveryFailure::Status(status)),
        }
    }
}

#[cfg(test)]
mod tests;
