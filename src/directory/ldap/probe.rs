//! Watches one server: reads the base DNs and groups, and searches as calls and logins do. A server
//! that would refuse them is found before a caller meets it, and is used again once it works.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::bind_pool::LONGEST_IDLE;
use super::judgement::Kind;
use super::probes::{NO_PROOF, Searched, absence};
use super::search::{Found, Query, SearchFailure, SharedConnection};
use super::server::Server;
use crate::breaker::DownReason;

/// Pause between probes after a failed one.
const PROBE_AGAIN: Duration = Duration::from_secs(1);
/// Probe interval for a working server, short enough to notice an idle connection that was cut
/// before a caller needs it.
const PROBE_WORKING: Duration = Duration::from_secs(5);
/// Longest wait for a probe's answer.
const LONGEST_PROBE: Duration = Duration::from_secs(4);

/// What a test search found wrong with a server.
enum Unsound {
    /// The connection attempt has already reported it.
    Known,
    /// No answer within the time a call has.
    Unanswered(DownReason),
    /// The server reported it.
    Failed(DownReason),
}

impl Server {
    /// Probes the server as long as the directory exists: at once when it goes down or becomes
    /// slow, then every second until it recovers, and at intervals while it works.
    pub(super) async fn watch(self: Arc<Self>) {
        loop {
            if self.breaker.is_down() {
                self.searches.iter().for_each(|shared| shared.forget());
                self.binds.retain(|_, _| false);
            }
            self.probe().await;
            self.binds.retain(|bind, used| bind.is_usable() && used.last_used() < LONGEST_IDLE);
            let well = self.breaker.is_up() && !self.is_slow();
            let pause = if well { PROBE_WORKING } else { PROBE_AGAIN };
            tokio::select! {
                () = self.breaker.went_down() => {}
                () = self.latency.became_slow() => {}
                () = self.look.notified() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Connects, binds and reads the required entries over each of the shared search connections,
    /// then searches.
    async fn probe(&self) {
        let epoch = self.breaker.epoch();
        let limit = Instant::now() + self.settings.timeout.min(LONGEST_PROBE);
        for shared in &self.searches {
            for read in &self.probes.base_reads {
                let down = match self.probe_once(shared, read, limit).await {
                    Ok(true) => continue,
                    Ok(false) => Some(DownReason::persistent(absence(read))),
                    Err(failure) => self.down_reason(failure, &read.base),
                };
                if let Some(down) = down {
                    self.breaker.failed(epoch, down);
                }
                return;
            }
        }
        if let Some(down) = self.without_proof(limit).await {
            self.breaker.failed(epoch, down);
            return;
        }
        if self.probes.is_due(self.breaker.is_up()) {
            match self.test_search().await {
                Ok(()) => self.breaker.recovered(epoch, self.name()),
                Err(Unsound::Failed(down)) => self.breaker.failed(epoch, down),
                // While the server is up, a call that waits as long decides whether it is down.
                Err(Unsound::Unanswered(down)) if self.breaker.is_down() => {
                    self.breaker.failed(epoch, down);
                }
                Err(Unsound::Unanswered(_) | Unsound::Known) => {}
            }
        }
    }

    /// Searches as calls and logins do.
    async fn test_search(&self) -> Result<(), Unsound> {
        // The same time limit as a call, so that the probe fails nothing that a call would get.
        let (asked, limit) = (Instant::now(), Instant::now() + self.settings.timeout);
        // Cleared before the search: a doubt raised while the answer is on its way stays.
        self.probes.searched(|searched| searched.doubted = false);
        let outcome = self.all_searches(limit).await;
        self.probes.searched(|searched| {
            let unanswered = match outcome {
                Err(Unsound::Unanswered(_)) => searched.unanswered + 1,
                Ok(()) | Err(Unsound::Known | Unsound::Failed(_)) => 0,
            };
            let (ended, took) = (Instant::now(), asked.elapsed());
            *searched = Searched { ended, took, unanswered, ..*searched };
        });
        outcome
    }

    async fn all_searches(&self, limit: Instant) -> Result<(), Unsound> {
        for search in &self.probes.searches {
            let outcome = self.answer(&self.searches[0], search, limit).await;
            self.note(search, &outcome);
            match outcome {
                Ok(_) => {}
                Err(SearchFailure::TimedOut) => {
                    return Err(Unsound::Unanswered(DownReason::transient(format!(
                        "no answer within {:?} to a search as {}: have the server index {}",
                        self.settings.timeout,
                        if search.kind == Kind::Number {
                            "calls make it"
                        } else {
                            "logins make it"
                        },
                        search.kind.attributes(&self.settings).join(", "),
                    ))));
                }
                Err(failure) => {
                    let down = self.down_reason(failure, &search.base);
                    return Err(down.map_or(Unsound::Known, Unsound::Failed));
                }
            }
        }
        Ok(())
    }

    /// What is wrong if none of the proofs finds an entry.
    async fn without_proof(&self, limit: Instant) -> Option<DownReason> {
        for proof in &self.probes.proofs {
            match self.probe_once(&self.searches[0], proof, limit).await {
                Ok(true) => return None,
                Ok(false) => {}
                Err(failure) => return self.down_reason(failure, &proof.base),
            }
        }
        (!self.probes.proofs.is_empty()).then(|| DownReason::persistent(NO_PROOF))
    }

    /// Whether a read finds any entry.
    async fn probe_once(
        &self,
        shared: &Arc<SharedConnection>,
        read: &Query,
        limit: Instant,
    ) -> Result<bool, SearchFailure> {
        let asked = Instant::now();
        self.answer(shared, read, limit).await.map(|found| {
            self.latency.probed(asked.elapsed());
            !found.entries.is_empty()
        })
    }

    /// The answer; asks once more if the connection turns out to be broken.
    async fn answer(
        &self,
        shared: &Arc<SharedConnection>,
        query: &Query,
        limit: Instant,
    ) -> Result<Found, SearchFailure> {
        match shared.probe(query, limit).await {
            Err(SearchFailure::Lost) => shared.probe(query, limit).await,
            outcome => outcome,
        }
    }

    /// What a failed probe means for the server; `None` if it has been reported already.
    fn down_reason(&self, failure: SearchFailure, base: &str) -> Option<DownReason> {
        match failure {
            // The connection attempt has reported the cause.
            SearchFailure::Down => None,
            SearchFailure::TimedOut | SearchFailure::Crowded => Some(self.silent()),
            SearchFailure::Lost => Some(DownReason::transient("connections break")),
            SearchFailure::Failed(down) => Some(down),
            SearchFailure::Rejected(rejection) => {
                Some(DownReason::persistent(format!("{} (searching {base})", rejection.reason)))
            }
        }
    }
}
