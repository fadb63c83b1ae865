//! What fails in a run, and what goes on meanwhile.

use std::time::{Duration, Instant};

use proptest::prelude::RngExt;

use super::cutter::Way;
use super::events::{Event, Variant};
use super::run::Run;

/// How many people come at once.
const CROWD: usize = 300;
const CROWD_OF_SAMBA: usize = 60;
/// How long the preferred server has worked, as documented, when the index follows it again.
const RETURN: Duration = Duration::from_secs(6);

impl Run {
    /// Has this fail, and mends it.
    pub async fn fail(&mut self, event: Event) {
        let server = self.rng.random_range(0..self.site.count());
        // Mostly shorter than what an index is served for without a server.
        let longest = if self.rng.random_range(0..3) == 0 { 8000 } else { 3000 };
        let span = Duration::from_millis(self.rng.random_range(300..longest));
        match event {
            Event::Killed | Event::Stopped => self.without_server(event, server, span).await,
            Event::Silent | Event::Away => {
                let way = if event == Event::Silent { Way::Silent } else { Way::Away };
                self.site.ways[server].set(way);
                self.rounds(span, true).await;
                self.site.ways[server].set(Way::Open);
            }
            Event::Cut => {
                for way in &self.site.ways {
                    way.cut();
                }
                self.rounds(Duration::from_millis(500), true).await;
            }
            Event::CutInRefresh => self.cut_in_refresh().await,
            Event::Hup => {
                let before = self.gateway.log().matches("read again").count();
                self.gateway.signal("HUP");
                self.rounds(Duration::from_millis(500), true).await;
                let read = || self.gateway.log().matches("read again").count() > before;
                crate::support::gateway::wait_until("the configuration is read again", read);
            }
            Event::Import => {
                self.crowd().await;
                self.rounds(Duration::from_secs(1), true).await;
            }
            Event::Writer => {
                self.site.in_step().await;
                self.site.writer = 1 - self.site.writer;
            }
            Event::Restored => self.restore().await,
            Event::ClockBack => self.set_clock_back().await,
            Event::RightsTaken => {
                self.let_read(false).await;
                self.rounds(span * 2, true).await;
                self.let_read(true).await;
                self.rounds(span, true).await;
            }
            Event::ChangesHidden => {
                self.let_see_changes(false).await;
                self.site.ways[0].cut();
                self.rounds(span * 2, true).await;
                self.let_see_changes(true).await;
                self.rounds(span, true).await;
            }
            Event::DeletionsHidden => {
                self.site.let_see_deletions(false);
                self.rounds(span * 2, true).await;
                self.site.let_see_deletions(true);
            }
            Event::Lagging => self.lag().await,
            Event::GroupRenamed => {
                for _ in 0..2 {
                    let action = self.people.rename_excluded();
                    self.make(vec![action]).await;
                    self.rounds(span / 2, false).await;
                }
            }
            _ => unreachable!("{event:?} is no fault"),
        }
    }

    /// A server is killed or stopped, and comes back when it is in step with the other.
    async fn without_server(&mut self, event: Event, server: usize, span: Duration) {
        self.site.in_step().await;
        if self.site.variant == Variant::Mirror {
            self.site.writer = 1 - server;
        }
        if event == Event::Killed {
            self.site.kill(server);
        } else {
            self.site.stop(server);
        }
        self.rounds(span, self.site.writer != server).await;
        let two = self.site.variant.has_two();
        if two {
            self.site.ways[server].set(Way::Away);
        }
        if event == Event::Killed {
            self.site.restart(server);
        } else {
            self.site.cont(server);
        }
        if two {
            self.site.in_step().await;
            self.site.ways[server].set(Way::Open);
        }
    }

    /// Much has changed when the server is back, and the connections are cut while it is read.
    async fn cut_in_refresh(&mut self) {
        for way in &self.site.ways {
            way.set(Way::Away);
        }
        self.crowd().await;
        self.change().await;
        for way in &self.site.ways {
            way.set(Way::Open);
        }
        for _ in 0..3 {
            let bytes = self.rng.random_range(200..60_000);
            for way in &self.site.ways {
                way.cut_after(bytes);
            }
            self.rounds(Duration::from_millis(700), true).await;
        }
        for way in &self.site.ways {
            way.cut_after(i64::MAX);
        }
    }

    /// Many people come, or those who came go.
    async fn crowd(&mut self) {
        let crowd = if self.site.variant.is_samba() { CROWD_OF_SAMBA } else { CROWD };
        let actions = if self.people.all.len() > crowd {
            self.people.shrink()
        } else {
            self.people.import(crowd, &mut self.rng)
        };
        self.make(actions).await;
    }

    /// The server's data are what they were some changes ago.
    async fn restore(&mut self) {
        self.site.back_up();
        let (people, backup) = (self.people.clone(), self.oracle.backup());
        self.rounds(Duration::from_secs(3), true).await;
        self.leaves_out(false);
        let begun = Instant::now();
        self.site.restore();
        self.people = people;
        self.oracle.restore(begun, Instant::now(), &backup);
        self.said("restored");
        self.change().await;
        self.rounds(Duration::from_secs(9), false).await;
        self.leaves_out(true);
    }

    /// Some changes are counted as earlier than those before them.
    async fn set_clock_back(&mut self) {
        let heard: bool = self.rng.random();
        if !heard {
            self.site.ways[0].set(Way::Away);
        }
        self.leaves_out(false);
        self.site.restart_at(Some("-1h"));
        self.rounds(Duration::from_secs(2), true).await;
        self.site.restart_at(None);
        self.site.ways[0].set(Way::Open);
        self.leaves_out(true);
        self.rounds(Duration::from_secs(3), true).await;
    }

    /// The preferred server was away for a moment, and the other gets no changes any more.
    async fn lag(&mut self) {
        self.site.in_step().await;
        self.site.ways[0].set(Way::Away);
        self.rounds(Duration::from_secs(4), false).await;
        let replication = |way| {
            let cutter = self.site.replication.as_ref().expect("a consumer has it");
            cutter.set(way);
        };
        replication(Way::Away);
        self.behind_since = Some(Instant::now());
        self.site.ways[0].set(Way::Open);
        self.rounds(RETURN, false).await;
        self.rounds(Duration::from_secs(12), true).await;
        let cutter = self.site.replication.as_ref().expect("a consumer has it");
        cutter.set(Way::Open);
        self.site.in_step().await;
        self.behind_since = None;
    }
}
