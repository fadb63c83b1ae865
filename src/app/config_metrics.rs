//! The metrics that depend on the configuration: which counters start at zero, when certificate files
//! expire, and the numbers of live codes.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::certificates;
use crate::config::Config;
use crate::domain::clock::Clock;
use crate::domain::tenant::TenantId;
use crate::http::gateway::CurrentGateway;
use crate::store::StoreHealth;
use crate::telemetry::{metrics, node_metrics};

/// Least time between two counts of the live codes.
const COUNT_EVERY: Duration = Duration::from_secs(15);

/// Counting may take one part in this many of the time.
const SHARE: u32 = 50;

/// Shows that `config` is in force.
pub(super) fn in_force(config: &Config, clock: &dyn Clock) {
    for tenant in &config.tenants {
        metrics::expect_decisions(tenant.id.as_str());
        for provider in tenant.sms.iter().flat_map(|sms| &sms.providers) {
            metrics::expect_texts(tenant.id.as_str(), &provider.provider.name);
        }
    }
    for service in config.push.iter().flat_map(|push| &push.settings.hosts) {
        metrics::expect_notifications(&service.to_string());
    }
    certificate_files(config);
    node_metrics::configuration_read(true, clock.now().as_secs());
}

/// Shows when each certificate file expires, and that those of before are no longer used.
fn certificate_files(config: &Config) {
    static SHOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    for key in std::mem::take(&mut *shown) {
        node_metrics::certificate_file_expiry(&key, None);
    }
    for (key, file) in certificates::files::all(config) {
        let expiry = certificates::files::first_expiry(file as &Path);
        node_metrics::certificate_file_expiry(&key, expiry);
        shown.insert(key);
    }
}

/// Counts the tenants' live codes at intervals, off the requests' path. Ends with the gateway and
/// holds it and the store only weakly, because a stop waits for the store to be released.
pub(super) async fn count_live_codes(gateway: Weak<CurrentGateway>, store: Weak<dyn StoreHealth>) {
    loop {
        let began = Instant::now();
        let Some(tenants) = gateway.upgrade().map(|gateway| tenants(&gateway)) else { return };
        for tenant in tenants {
            let Some(store) = store.upgrade() else { return };
            if let Ok(count) = store.live_codes(&tenant).await {
                node_metrics::live_codes(tenant.as_str(), count);
            }
        }
        tokio::time::sleep(COUNT_EVERY.max(began.elapsed() * SHARE)).await;
    }
}

fn tenants(gateway: &Arc<CurrentGateway>) -> Vec<TenantId> {
    gateway.load().tenants.keys().cloned().collect()
}
