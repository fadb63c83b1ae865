//! The state that requests share and a reload keeps.

use std::sync::Arc;

use crate::domain::clock::Clock;
use crate::domain::random::Random;
use crate::http::gateway::DelayedRefusals;
use crate::service::guesses::Guesses;
use crate::service::reported_calls::RecentReports;
use crate::store::registry::Registry;
use crate::store::{Grants, ReportedCalls, Tries};
use crate::telemetry::audit::AuditTrail;
use crate::unauthenticated_log::UnauthenticatedLog;

/// State that lives as long as the process.
pub struct SharedState {
    /// Issued codes.
    pub grants: Arc<dyn Grants>,
    /// Calls that voice platforms reported.
    pub reported_calls: Arc<dyn ReportedCalls>,
    /// What this node remembers of them.
    pub recent_reports: Arc<RecentReports>,
    /// Login attempts.
    pub tries: Arc<dyn Tries>,
    /// Registered users.
    pub registry: Arc<dyn Registry>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Random bits.
    pub random: Arc<dyn Random>,
    /// Limits the refused logins that wait.
    pub waiting: Arc<DelayedRefusals>,
    /// Guesses at codes.
    pub guesses: Arc<Guesses>,
    /// Where decisions are recorded.
    pub audit: Arc<AuditTrail>,
    /// Limits what is written about callers without a credential.
    pub unauthenticated_log: Arc<UnauthenticatedLog>,
}
