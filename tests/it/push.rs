//! Notifications to phones, through the configuration and the port: push services played by a small
//! TLS server, and messages read by an implementation that is not ours.

mod failing;
mod messages;
mod secrecy;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dialpass::app;
use dialpass::domain::authenticator::Subscription;
use dialpass::domain::clock::{Clock, SystemClock};
use dialpass::messenger::{Notification, Notifier, NotifyError};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::support::browser::push_service::{self, PushService, decoded};

const PATIENCE: Duration = Duration::from_secs(10);
const CONTACT: &str = "mailto:it@example.com";
const TOKEN: &str = "dispatch-token-s3cr3t";
const PROMPT: &str = "Pay CHF 100 to \"Müller\"";

/// What notifies phones by this `[push]`, beside which are the contact and a key. Paths are relative
/// to `folder`.
fn notifier_in(folder: &Path, push: &str) -> Arc<dyn Notifier> {
    std::fs::write(folder.join("people.toml"), "").unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(folder.join("push.pem"), key.serialize_pem()).unwrap();
    let text = format!(
        "keys.server_key = \"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"\n\
         [push]\ncontact = \"{CONTACT}\"\nprivate_key_file = \"push.pem\"\n{push}\n\
         [[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"file\"\nfile = \"people.toml\"\n"
    );
    let file = folder.join("dialpass.toml");
    let config = dialpass::config::parse(&file, &text, folder, &[]);
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let prepared = app::prepare(&config, &clock, &Handle::current());
    prepared.unwrap_or_else(|error| panic!("{error}")).notifier.expect("there is [push]")
}

/// What notifies phones through this push service.
fn notifier(service: &PushService, keys: &str) -> Arc<dyn Notifier> {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("ca.pem"), service.ca_pem()).unwrap();
    let host = service.url().replace("https://", "");
    notifier_in(folder.path(), &format!("hosts = [\"{host}\"]\nca_file = \"ca.pem\"\n{keys}"))
}

/// A browser's subscription as the store keeps it.
fn kept(subscription: &push_service::Subscription) -> Subscription {
    let json = subscription.json();
    let part = |name: &str| decoded(json["keys"][name].as_str().expect("a text"));
    Subscription {
        endpoint: subscription.endpoint.clone(),
        key: part("p256dh").try_into().expect("a point"),
        auth: part("auth").try_into().expect("16 bytes"),
    }
}

fn notification() -> Notification {
    Notification {
        open: format!("/open?dispatchTokenResponse={TOKEN}"),
        company: "Example AG".to_owned(),
        prompt: Some(PROMPT.to_owned()),
        lifetime: Duration::from_mins(2),
    }
}

/// Notifies a phone within `patience`, and says how long it took.
async fn notify(
    notifier: &Arc<dyn Notifier>,
    to: &Subscription,
    patience: Duration,
) -> (Result<(), NotifyError>, Duration) {
    let begun = Instant::now();
    let ended = notifier.notify(to, &notification(), begun + patience).await;
    (ended, begun.elapsed())
}
