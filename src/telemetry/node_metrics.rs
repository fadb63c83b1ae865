//! Metrics of a node's own parts: its build and configuration, its pools and queues, and how long its
//! store and its directories take.

use std::sync::LazyLock;
use std::time::Duration;

use metrics::{Histogram, Unit, counter, describe_gauge, describe_histogram, gauge, histogram};

const BUILD: &str = "dialpass_build_info";
const RELOADED: &str = "dialpass_config_last_reload_successful";
const RELOADED_AT: &str = "dialpass_config_last_reload_success_timestamp_seconds";
const FILE_EXPIRY: &str = "dialpass_certificate_file_expiry_timestamp_seconds";
const OPEN: &str = "dialpass_pool_connections";
const IN_USE: &str = "dialpass_pool_in_use";
const LIMIT: &str = "dialpass_pool_limit";
const QUEUED: &str = "dialpass_output_queue_bytes";
const QUEUE_LIMIT: &str = "dialpass_output_queue_limit_bytes";
const LIVE_CODES: &str = "dialpass_live_codes";

/// Time that a directory's server takes for a search or a password check.
pub(super) const DIRECTORY_SECONDS: &str = "dialpass_directory_seconds";

/// Time that the store takes for a step or a read.
pub(super) const STORE_SECONDS: &str = "dialpass_store_seconds";

/// The commit that this program was built from, if the build was told
/// (`DIALPASS_COMMIT=$(git rev-parse HEAD) cargo build`).
const COMMIT: &str = match option_env!("DIALPASS_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// Describes the metrics, and sets those that never change.
pub(super) fn describe() {
    describe_gauge!(BUILD, "1, with the version and the commit that this program was built from.");
    describe_gauge!(RELOADED, "1 if the configuration's last reload was accepted, 0 if not.");
    describe_gauge!(
        RELOADED_AT,
        Unit::Seconds,
        "When the configuration in force was read (Unix time)."
    );
    describe_gauge!(
        FILE_EXPIRY,
        Unit::Seconds,
        "When the first certificate in a file of the configuration expires (Unix time), as read at \
         the start or the last reload; NaN once no key names such a file."
    );
    describe_gauge!(OPEN, "Open connections of a pool.");
    describe_gauge!(IN_USE, "Requests that use a pool's connections now.");
    describe_gauge!(
        LIMIT,
        "Requests that may use a pool's connections at once; more have to wait."
    );
    describe_gauge!(QUEUED, Unit::Bytes, "Bytes of lines that wait to be written.");
    describe_gauge!(QUEUE_LIMIT, Unit::Bytes, "Bytes of lines that may wait; more lines are lost.");
    describe_gauge!(LIVE_CODES, "Codes by call that are not used, burnt or expired.");
    describe_histogram!(
        DIRECTORY_SECONDS,
        Unit::Seconds,
        "Time that a directory's server took for a search or a password check (bind)."
    );
    describe_histogram!(
        STORE_SECONDS,
        Unit::Seconds,
        "Time that the store took for a write (until it is durable) or a read, waiting included."
    );
    gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION"), "commit" => COMMIT).set(1.0);
    LazyLock::force(&STORE);
}

/// Records whether the configuration read now was accepted; `at` is in seconds since the Unix epoch.
#[expect(clippy::cast_precision_loss, reason = "seconds stay exact in a double")]
pub fn configuration_read(is_accepted: bool, at: i64) {
    gauge!(RELOADED).set(if is_accepted { 1.0 } else { 0.0 });
    if is_accepted {
        gauge!(RELOADED_AT).set(at as f64);
    }
}

/// Sets when the first certificate in the file that a key names expires, in seconds since the Unix
/// epoch; `None` if the key names none any more.
#[expect(clippy::cast_precision_loss, reason = "seconds stay exact in a double")]
pub fn certificate_file_expiry(key: &str, seconds: Option<i64>) {
    let value = seconds.map_or(f64::NAN, |seconds| seconds as f64);
    gauge!(FILE_EXPIRY, "key" => key.to_owned()).set(value);
}

/// How much of a pool of connections is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolUse {
    /// What it is for: `search`, `bind`, `store`.
    pub pool: &'static str,
    /// The server's name; empty for the store.
    pub name: String,
    /// Open connections.
    pub open: usize,
    /// Requests that use them.
    pub in_use: usize,
    /// Requests that may use them at once.
    pub limit: usize,
}

/// Sets the use of a pool; `tenant` is empty for the store's.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub fn pool(tenant: &str, one: &PoolUse) {
    let labels =
        [("pool", one.pool.to_owned()), ("tenant", tenant.to_owned()), ("name", one.name.clone())];
    for (metric, value) in [(OPEN, one.open), (IN_USE, one.in_use), (LIMIT, one.limit)] {
        gauge!(metric, &labels).set(value as f64);
    }
}

/// Sets how many bytes wait to be written to an output, `log` or `audit`, and how many may.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub fn output_queue(output: &'static str, bytes: usize, limit: usize) {
    gauge!(QUEUED, "output" => output).set(bytes as f64);
    gauge!(QUEUE_LIMIT, "output" => output).set(limit as f64);
}

/// Sets how many live codes a tenant has.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub fn live_codes(tenant: &str, count: u64) {
    gauge!(LIVE_CODES, "tenant" => tenant.to_owned()).set(count as f64);
}

/// Where one kind of duration is recorded. Kept by those who measure, because finding it by its
/// labels takes longer than recording.
#[derive(Clone)]
pub struct Timing(Histogram);

impl Timing {
    /// For the searches at a directory's server.
    #[must_use]
    pub fn searches(server: &str) -> Self {
        Self::of_directory(server, "search")
    }

    /// For the password checks at a directory's server.
    #[must_use]
    pub fn binds(server: &str) -> Self {
        Self::of_directory(server, "bind")
    }

    fn of_directory(server: &str, operation: &'static str) -> Self {
        Self(histogram!(DIRECTORY_SECONDS, "name" => server.to_owned(), "operation" => operation))
    }

    /// Records a duration.
    pub fn record(&self, took: Duration) {
        self.0.record(took);
    }
}

/// The store's timings.
pub struct StoreTimings {
    /// Of steps that write.
    pub writes: Timing,
    /// Of reads.
    pub reads: Timing,
}

static STORE: LazyLock<StoreTimings> = LazyLock::new(|| {
    let of = |operation: &'static str| Timing(histogram!(STORE_SECONDS, "operation" => operation));
    StoreTimings { writes: of("write"), reads: of("read") }
});

/// The store's timings. In a process that serves, not before the metrics are started.
#[must_use]
pub fn store() -> &'static StoreTimings {
    &STORE
}

/// Makes counters start at zero instead of appearing with their first count, so that a rise from
/// none to one is seen.
pub(super) fn count_from_zero(metric: &'static str, label: &'static str, values: &[&'static str]) {
    for value in values {
        counter!(metric, label => *value).absolute(0);
    }
}
