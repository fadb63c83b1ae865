//! Prometheus metrics: the counters, and the text of a scrape.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use super::node_metrics::{self, count_from_zero};
use crate::domain::reason::AuditReason;

const DECISIONS: &str = "dialpass_decisions_total";
const SECONDS: &str = "dialpass_request_seconds";
const UP: &str = "dialpass_dependency_up";
const INDEX_PEOPLE: &str = "dialpass_index_people";
const INDEX_AGE: &str = "dialpass_index_age_seconds";
const INDEX_READS: &str = "dialpass_index_full_reads_total";
const INDEX_MISSES: &str = "dialpass_index_misses_total";
const EXPIRY: &str = "dialpass_certificate_expiry_timestamp_seconds";
const CRL_DUE: &str = "dialpass_crl_due_timestamp_seconds";
const SECRET_EXPIRY: &str = "dialpass_client_secret_expiry_timestamp_seconds";
const LOST: &str = "dialpass_audit_events_lost_total";
const LOG_LOST: &str = "dialpass_log_lines_lost_total";
const HANDSHAKES: &str = "dialpass_failed_handshakes_total";
const CLOCK: &str = "dialpass_clock_ahead_seconds";
const TEXTS: &str = "dialpass_texts_total";
const NOTIFICATIONS: &str = "dialpass_notifications_total";
const WAITING: &str = "dialpass_waiting_refusals";
const AGI_SESSIONS: &str = "dialpass_fastagi_sessions_total";
const AGI_OPEN: &str = "dialpass_fastagi_sessions_open";
const REFUSED_CONNECTIONS: &str = "dialpass_connections_refused_total";

/// How often recorded values are aggregated.
const SUM_UP_EVERY: Duration = Duration::from_secs(5);

/// Bucket bounds of request times, in seconds.
const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Starts counting.
///
/// # Errors
/// [`BuildError`] if counting was already started.
pub fn start() -> Result<PrometheusHandle, BuildError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(SECONDS.to_owned()), &BOUNDS)?
        .set_buckets_for_metric(Matcher::Full(node_metrics::DIRECTORY_SECONDS.to_owned()), &BOUNDS)?
        .set_buckets_for_metric(Matcher::Full(node_metrics::STORE_SECONDS.to_owned()), &BOUNDS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    describe();
    node_metrics::describe();
    begin();
    Ok(handle)
}

/// Describes each metric.
fn describe() {
    describe_counter!(DECISIONS, "Decisions by tenant, operation, outcome and true reason.");
    describe_histogram!(SECONDS, Unit::Seconds, "Time from a request's head to its answer.");
    describe_gauge!(
        UP,
        "1 if the dependency answers, 0 if not; NaN once no dependency has that name."
    );
    describe_gauge!(INDEX_PEOPLE, "People with a number in the index of a directory.");
    describe_gauge!(
        INDEX_AGE,
        Unit::Seconds,
        "Time since the index was last known to be in step; NaN if it is not built."
    );
    describe_counter!(INDEX_READS, "Full reads of the directory for the index.");
    describe_counter!(INDEX_MISSES, "Times the directory contradicted the index about a person.");
    describe_gauge!(EXPIRY, Unit::Seconds, "When the server's certificate expires (Unix time).");
    describe_gauge!(
        CRL_DUE,
        Unit::Seconds,
        "When the first revocation list is due for replacement (Unix time): the listener's own, and \
         that for proxies."
    );
    describe_gauge!(
        SECRET_EXPIRY,
        Unit::Seconds,
        "When a client's secret expires (Unix time), if it does."
    );
    describe_counter!(LOST, "Audit events that could not be written.");
    describe_gauge!(CLOCK, Unit::Seconds, "How far the machine's clock was set back.");
    describe_counter!(LOG_LOST, "Log lines that could not be written.");
    describe_counter!(HANDSHAKES, "Failed TLS handshakes by outcome.");
    describe_counter!(TEXTS, "Texts by tenant, provider and outcome.");
    describe_counter!(NOTIFICATIONS, "Notifications by push service and outcome.");
    describe_gauge!(
        WAITING,
        "Refused logins whose answers are being delayed to the refusal floor."
    );
    describe_counter!(AGI_SESSIONS, "FastAGI sessions by result, as in DIALPASS_RESULT.");
    describe_gauge!(AGI_OPEN, "FastAGI sessions that are open.");
    describe_counter!(REFUSED_CONNECTIONS, "Connections closed at once, by reason.");
}

/// Starts what does not depend on the configuration at zero.
fn begin() {
    counter!(LOST).absolute(0);
    counter!(LOG_LOST).absolute(0);
    gauge!(CLOCK).set(0.0);
    gauge!(WAITING).set(0.0);
    gauge!(AGI_OPEN).set(0.0);
    count_from_zero(HANDSHAKES, "outcome", &["failed", "closed", "timed_out"]);
    count_from_zero(AGI_SESSIONS, "result", &["TOLD", "REFUSED", "ERROR"]);
    let reasons = ["address", "proxy_header", "fastagi_address", "fastagi_sessions"];
    count_from_zero(REFUSED_CONNECTIONS, "reason", &reasons);
    for operation in ["getOTP", "validateOTP"] {
        drop(histogram!(SECONDS, "operation" => operation, "status" => "503"));
    }
}

/// Starts a tenant's most important decisions at zero: what succeeds, and what its limits refuse.
pub fn expect_decisions(tenant: &str) {
    let start = |operation: &'static str, outcome: &'static str, reason: AuditReason| {
        counter!(DECISIONS, "tenant" => tenant.to_owned(), "operation" => operation, "outcome" => outcome, "reason" => reason.as_str())
            .absolute(0);
    };
    start("getOTP", "allowed", AuditReason::Issued);
    start("validateOTP", "allowed", AuditReason::LoggedIn);
    for reason in [AuditReason::CodesPerUser, AuditReason::CallsPerNumber] {
        start("getOTP", "refused", reason);
    }
    for reason in [AuditReason::WrongPasswordsPerUser, AuditReason::WrongCodesPerUser] {
        start("validateOTP", "refused", reason);
    }
}

/// Starts the counts of texts to a provider at zero.
pub fn expect_texts(tenant: &str, provider: &str) {
    for outcome in ["taken", "refused", "timed_out", "unreachable"] {
        counter!(TEXTS, "tenant" => tenant.to_owned(), "provider" => provider.to_owned(), "outcome" => outcome)
            .absolute(0);
    }
}

/// Starts the counts of notifications to a push service at zero.
pub fn expect_notifications(service: &str) {
    for outcome in ["taken", "gone", "refused", "timed_out", "unreachable"] {
        counter!(NOTIFICATIONS, "service" => service.to_owned(), "outcome" => outcome).absolute(0);
    }
}

/// Aggregates recorded values at intervals; otherwise they pile up until the next scrape.
pub async fn keep_small(recorded: PrometheusHandle) {
    loop {
        tokio::time::sleep(SUM_UP_EVERY).await;
        recorded.run_upkeep();
    }
}

/// Counts a decision. `tenant` is empty until the client is identified, so that strangers cannot
/// create series.
pub fn decision(tenant: &str, operation: &'static str, allowed: bool, reason: AuditReason) {
    let outcome = if allowed { "allowed" } else { "refused" };
    counter!(DECISIONS, "tenant" => tenant.to_owned(), "operation" => operation, "outcome" => outcome, "reason" => reason.as_str())
        .increment(1);
}

/// Counts an audit event that could not be written.
pub fn audit_event_lost() {
    counter!(LOST).increment(1);
}

/// Sets how far the machine's clock was set back since the start.
pub fn clock_ahead(ahead: Duration) {
    gauge!(CLOCK).set(ahead.as_secs_f64());
}

/// Counts a log line that could not be written.
pub fn log_line_lost() {
    counter!(LOG_LOST).increment(1);
}

/// Counts a failed TLS handshake: `failed`, `closed` by the client, or `timed_out`.
pub fn handshake_failed(outcome: &'static str) {
    counter!(HANDSHAKES, "outcome" => outcome).increment(1);
}

/// Counts a text sent to a provider: `taken`, `refused`, `timed_out` or `unreachable`.
pub fn text(tenant: &str, provider: &str, outcome: &'static str) {
    counter!(TEXTS, "tenant" => tenant.to_owned(), "provider" => provider.to_owned(), "outcome" => outcome)
        .increment(1);
}

/// Counts a notification sent to a push service: `taken`, `gone`, `refused`, `timed_out` or
/// `unreachable`.
pub fn notification(service: &str, outcome: &'static str) {
    counter!(NOTIFICATIONS, "service" => service.to_owned(), "outcome" => outcome).increment(1);
}

/// Counts a connection closed at once: `address` (its connection limit is reached), `proxy_header`
/// (missing or broken), `fastagi_address` (no script lists it) or `fastagi_sessions` (too many are
/// open).
pub fn connection_refused(reason: &'static str) {
    counter!(REFUSED_CONNECTIONS, "reason" => reason).increment(1);
}

/// Records a response's time: its HTTP status, or the result of a FastAGI session.
pub fn answered(operation: &'static str, status: String, took: Duration) {
    histogram!(SECONDS, "operation" => operation, "status" => status).record(took);
}

/// Sets which dependencies answer: kind, tenant, name, and whether it does. A dependency that has
/// disappeared (an address that a name no longer has, a tenant removed by a reload) is neither up
/// nor down from then on.
pub fn dependencies(states: &[(&'static str, &str, &str, bool)]) {
    static SHOWN: Mutex<BTreeSet<[String; 3]>> = Mutex::new(BTreeSet::new());
    let set = |[kind, tenant, name]: [String; 3], value: f64| {
        gauge!(UP, "kind" => kind, "tenant" => tenant, "name" => name).set(value);
    };
    let labels = |kind: &str, tenant: &str, name: &str| [kind, tenant, name].map(str::to_owned);
    let now: BTreeSet<_> =
        states.iter().map(|&(kind, tenant, name, _)| labels(kind, tenant, name)).collect();
    let before =
        std::mem::replace(&mut *SHOWN.lock().unwrap_or_else(PoisonError::into_inner), now.clone());
    for gone in before.difference(&now) {
        set(gone.clone(), f64::NAN);
    }
    for &(kind, tenant, name, up) in states {
        set(labels(kind, tenant, name), if up { 1.0 } else { 0.0 });
    }
}

/// Sets a tenant's index metrics: people, age in seconds (`None` if it is not built), full reads,
/// and contradictions by the directory.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub fn index(tenant: &str, people: usize, age: Option<f64>, full_reads: u64, misses: u64) {
    static COUNTED: Mutex<BTreeMap<String, [u64; 2]>> = Mutex::new(BTreeMap::new());
    let tenant = tenant.to_owned();
    gauge!(INDEX_PEOPLE, "tenant" => tenant.clone()).set(people as f64);
    gauge!(INDEX_AGE, "tenant" => tenant.clone()).set(age.unwrap_or(f64::NAN));
    let now = [full_reads, misses];
    let mut counted = COUNTED.lock().unwrap_or_else(PoisonError::into_inner);
    let before = counted.insert(tenant.clone(), now).unwrap_or_default();
    // The index of a tenant whose directory has changed starts from zero.
    let more = |at: usize| now[at].checked_sub(before[at]).unwrap_or(now[at]);
    counter!(INDEX_READS, "tenant" => tenant.clone()).increment(more(0));
    counter!(INDEX_MISSES, "tenant" => tenant).increment(more(1));
}

/// Sets when the server's certificate expires, in seconds since the Unix epoch.
#[expect(
    clippy::cast_precision_loss,
    reason = "seconds stay exact in a double for 285 million years"
)]
pub fn certificate_expiry(seconds: i64) {
    gauge!(EXPIRY).set(seconds as f64);
}

/// Sets when the first revocation list is due for replacement, in seconds since the Unix epoch:
/// among the lists for the `server`'s own clients, or for those behind a `proxy`.
#[expect(
    clippy::cast_precision_loss,
    reason = "seconds stay exact in a double for 285 million years"
)]
pub fn crl_due(of: &'static str, seconds: i64) {
    gauge!(CRL_DUE, "of" => of).set(seconds as f64);
}

/// Sets when a client's secret (`basic` or `bearer`) expires, in seconds since the Unix epoch.
#[expect(
    clippy::cast_precision_loss,
    reason = "seconds stay exact in a double for 285 million years"
)]
pub fn client_secret_expiry(tenant: &str, client: &str, kind: &'static str, seconds: i64) {
    gauge!(SECRET_EXPIRY, "tenant" => tenant.to_owned(), "client" => client.to_owned(), "kind" => kind)
        .set(seconds as f64);
}

/// Sets how many refused logins are waiting.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub fn waiting_refusals(count: usize) {
    gauge!(WAITING).set(count as f64);
}

/// One FastAGI session, counted as open until it is dropped.
pub struct FastAgiSession(&'static str);

impl FastAgiSession {
    /// Counts a session whose result is `result` unless it [ends](Self::end) with another.
    #[must_use]
    pub fn begin(result: &'static str) -> Self {
        gauge!(AGI_OPEN).increment(1.0);
        Self(result)
    }

    /// Ends the session.
    pub fn end(mut self, result: &'static str) {
        self.0 = result;
    }
}

impl Drop for FastAgiSession {
    fn drop(&mut self) {
        gauge!(AGI_OPEN).decrement(1.0);
        counter!(AGI_SESSIONS, "result" => self.0).increment(1);
    }
}
