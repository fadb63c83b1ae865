//! Builds the notifier of phones from `[push]`: the one place that names its adapter.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::kept::Made;
use super::outgoing_tls::{self, outgoing_tls};
use super::report::ConfigReporter;
use crate::client_tls::Proof;
use crate::config::{ConfigError, PushConfig};
use crate::domain::clock::Clock;
use crate::messenger::Notifier;
use crate::messenger::http_client::client;
use crate::messenger::web_push::{Identity, Settings, WebPush};

/// Everything that a notifier is built from.
#[derive(PartialEq, Eq)]
pub(super) struct Origin {
    push: PushConfig,
    tls: outgoing_tls::Origin,
}

/// A notifier, and what it was built from.
pub(super) type Kept = Made<Origin, Arc<dyn Notifier>>;

/// Builds the notifier.
pub(super) fn notifier(
    push: &PushConfig,
    clock: &Arc<dyn Clock>,
    runtime: &Handle,
    report: &ConfigReporter<'_>,
) -> Result<Kept, ConfigError> {
    let identity = Identity::new(&push.private_key.0, push.contact.clone(), Arc::clone(clock));
    let identity = identity.map_err(|error| {
        let accepted = "a private key on P-256 in PEM, as `dialpass new-push-key` prints it";
        report.problem(&push.private_key_at, &error, accepted)
    })?;
    let tls = outgoing_tls("push", Proof::Name, push.ca_file.as_deref(), None, report)?;
    let client = client(Some(&tls.config))
        .map_err(|error| report.problem("push", &error, "what an HTTP client needs"))?;
    let settings = Settings { identity, hosts: push.hosts.clone(), timeout: push.timeout, client };
    let from = Origin { push: push.clone(), tls: tls.origin };
    Ok(Made { from, part: Arc::new(WebPush::new(settings, runtime.clone())) })
}
