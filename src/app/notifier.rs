//! From `[push]` to what notifies phones: the one place that names its adapter.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::outgoing_tls::outgoing_tls;
use super::prepare::Report;
use crate::client_tls::Proof;
use crate::config::{ConfigError, PushConfig};
use crate::domain::clock::Clock;
use crate::messenger::Notifier;
use crate::messenger::http_client::client;
use crate::messenger::web_push::{Identity, Settings, WebPush};

/// Makes what notifies phones.
pub(super) fn notifier(
    push: &PushConfig,
    clock: &Arc<dyn Clock>,
    runtime: &Handle,
    report: &Report<'_>,
) -> Result<Arc<dyn Notifier>, ConfigError> {
    let identity = Identity::new(&push.private_key, push.contact.clone(), Arc::clone(clock));
    let identity = identity.map_err(|error| {
        let accepted = "a private key on P-256 in PEM, as `dialpass new-push-key` prints it";
        report.problem(&push.private_key_at, &error, accepted)
    })?;
    let tls = outgoing_tls("push", Proof::Name, push.ca_file.as_deref(), None, report)?;
    let client = client(Some(&tls))
        .map_err(|error| report.problem("push", &error, "what an HTTP client needs"))?;
    let settings = Settings { identity, hosts: push.hosts.clone(), timeout: push.timeout, client };
    Ok(Arc::new(WebPush::new(settings, runtime.clone())))
}
