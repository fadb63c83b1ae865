//! Builds the notifier of phones from `[push]`: the one place that names its adapter.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::outgoing_tls::outgoing_tls;
use super::report::ConfigReporter;
use super::reuse::Reusable;
use crate::config::{ConfigError, PushConfig, TlsFiles};
use crate::domain::clock::Clock;
use crate::messenger::Notifier;
use crate::messenger::http_client::client;
use crate::messenger::web_push::{WebPush, WebPushSettings};
use crate::tls::client::{ClientTls, Proof};

/// Everything that a notifier is built from.
#[derive(PartialEq, Eq)]
pub(super) struct Origin {
    push: WebPushSettings,
    tls: ClientTls,
}

/// A notifier, and what it was built from.
pub(super) type ReusableNotifier = Reusable<Origin, Arc<dyn Notifier>>;

/// Builds the notifier.
pub(super) fn notifier(
    push: &PushConfig,
    clock: &Arc<dyn Clock>,
    runtime: &Handle,
    report: &ConfigReporter<'_>,
) -> Result<ReusableNotifier, ConfigError> {
    let files = TlsFiles::trusting(push.ca_file.clone());
    let tls = outgoing_tls("push", Proof::Name, &files, report)?;
    let client = client(Some(&tls))
        .map_err(|error| report.problem("push", &error, "what an HTTP client needs"))?;
    let web_push = WebPush::new(&push.settings, Arc::clone(clock), client, runtime.clone());
    let web_push = web_push.map_err(|error| {
        let accepted = "a private key on P-256 in PEM, as `dialpass new-push-key` prints it";
        report.problem(&push.private_key_at, &error, accepted)
    })?;
    let from = Origin { push: push.settings.clone(), tls };
    Ok(Reusable { from, part: Arc::new(web_push) })
}
