//! Texts to phones, through the configuration and the port: providers of SMS played by a small HTTP
//! server, and a real SMS gateway.

mod countries;
mod failing;
mod kannel;
pub mod provider;
mod requests;
mod tls;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dialpass::app;
use dialpass::domain::clock::{Clock, SystemClock};
use dialpass::domain::phone_number::PhoneNumber;
use dialpass::domain::stored_number::NumberingPlan;
use dialpass::domain::text_message::TextMessage;
use dialpass::messenger::{Messenger, SendError};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::time::Instant;
use zeroize::Zeroizing;

/// The messenger of a tenant with this `[tenants.sms]`. Paths are relative to `folder`.
fn messenger_in(folder: &Path, sms: &str) -> Arc<dyn Messenger> {
    let people = folder.join("people.toml");
    std::fs::write(&people, "").unwrap();
    let text = format!(
        "keys.server_key = \"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"\n\
         [[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"file\"\nfile = \"people.toml\"\n{sms}"
    );
    let file = folder.join("dialpass.toml");
    let config = dialpass::config::parse(&file, &text, folder, &[]);
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let prepared = app::prepare(&config, &clock, &Handle::current());
    let prepared = prepared.unwrap_or_else(|error| panic!("{error}"));
    Arc::clone(&prepared.messengers[&config.tenants[0].id])
}

fn messenger(sms: &str) -> Arc<dyn Messenger> {
    let folder = TempDir::new().unwrap();
    messenger_in(folder.path(), sms)
}

fn number(text: &str) -> PhoneNumber {
    NumberingPlan::read_e164(text).expect("a number")
}

/// Sends a text within `patience`, and says how long it took.
async fn send(
    messenger: &Arc<dyn Messenger>,
    to: &str,
    body: &str,
    patience: Duration,
) -> (Result<(), SendError>, Duration) {
    let message = TextMessage { to: number(to), body: Zeroizing::new(body.to_owned()) };
    let begun = Instant::now();
    let sent = messenger.send(&message, begun + patience).await;
    (sent, begun.elapsed())
}
