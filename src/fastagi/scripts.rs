//! What sessions see of the configuration in force. Replaced as a whole on reload.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::settings::ScriptSettings;
use crate::domain::tenant::TenantId;
use crate::service::call_in::CallIn;
use crate::service::flood::FloodLimit;
use crate::telemetry::audit::AuditTrail;
use crate::unauthenticated_log::UnauthenticatedLog;

/// One script, and the tenant that it belongs to.
pub struct Script {
    /// Its settings.
    pub settings: ScriptSettings,
    /// getOTP of the tenant.
    pub call_in: Arc<CallIn>,
}

impl Script {
    /// Whether `peer` may open sessions for it.
    #[must_use]
    pub fn lists(&self, peer: IpAddr) -> bool {
        self.settings.addresses.iter().any(|network| network.contains(&peer))
    }
}

/// All scripts.
pub struct Scripts {
    /// By name.
    pub by_name: HashMap<String, Arc<Script>>,
    /// Flood limit per tenant and client, which scripts share with the clients of the API.
    pub by_client: Arc<FloodLimit<(TenantId, String)>>,
    /// Longest time of a decision.
    pub request_deadline: Duration,
    /// Where decisions are recorded.
    pub audit: Arc<AuditTrail>,
    /// Limits what is written about strangers.
    pub unauthenticated_log: Arc<UnauthenticatedLog>,
}

impl Scripts {
    /// Whether any script lists `peer`.
    #[must_use]
    pub fn list(&self, peer: IpAddr) -> bool {
        self.by_name.values().any(|script| script.lists(peer))
    }
}

/// The scripts in force.
pub type CurrentScripts = ArcSwap<Scripts>;
