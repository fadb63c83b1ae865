//! A run: random changes and calls, each answer held against the model.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::{Value, json};

use super::changes::{Action, numbers_of, written};
use super::events::{Event, Events, Variant};
use super::layout::{self, Layout};
use super::oracle::{Answer, Asked, Bounds, Number, Oracle};
use super::people::People;
use super::rights::{READERS, SEEING_CHANGES, readers};
use super::site::{self, Site};
use super::tally::Tally;
use super::tenants::{MAX_AGE, TENANTS, Tenant, ask, config};
use crate::support::gateway::{Answer as Http, Gateway, wait_until};

/// How long after a fault an index is in step again.
const RECOVERY: Duration = Duration::from_secs(5);
/// Within what time a change is seen where nothing fails: a second, as documented, and another for
/// a machine that has much to do.
const QUIET: Duration = Duration::from_secs(2);
/// What a change takes from one server to the other.
const REPLICATION: Duration = Duration::from_secs(2);
/// Within what time a change is known that a server has left out after a reconnection: 30 s, as
/// documented, and what the reading takes.
const LEFT_OUT: Duration = Duration::from_secs(32);
/// What the log says of a server that is slow.
const SLOW: &str = "directory server is slow";
/// Beyond a bound, for the time in which a request is on its way.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// What runs.
pub struct Run {
    pub site: Site,
    pub people: People,
    pub oracle: Oracle,
    pub events: Events,
    pub rng: TestRng,
    pub tally: Tally,
    pub gateway: Gateway,
    seed: u64,
    /// The lines of the log that were read, and the decisions in them that nobody asked for yet.
    read: usize,
    decisions: HashMap<String, Value>,
    /// Numbers that changed not long ago.
    recent: VecDeque<Number>,
    /// When the last fault ended; nothing while there is one.
    pub calm_since: Option<Instant>,
    /// Until when a change may be one that the server left out after a reconnection.
    left_out_until: Option<Instant>,
    /// Since when the second server has been given no changes, while it is not.
    pub behind_since: Option<Instant>,
    /// Until when people may be known by the old name of an entry above them, where no entry is
    /// read at a call.
    renamed_until: Option<Instant>,
    /// Which of the tenants with an index read the caller's entry at a call.
    confirming: [bool; 2],
    history: Vec<String>,
}

impl Run {
    pub async fn start(variant: Variant, seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        bytes[8] = variant as u8;
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let events = Events::of(variant, &mut rng);
        let confirming = [rng.random(), rng.random()];
        let names = if events.has(Event::OddGroupNames) { layout::ODD } else { layout::PLAIN };
        let layout = Layout::new(variant, names, events.has(Event::OddPersonNames));
        let mut people = People::new(layout, &events);
        let mut site = Site::start(variant, [0, 5, 100][rng.random_range(0..3)]).await;

        let mut ldap = site.admin().await;
        for change in people.layout.frame() {
            site::make(&mut ldap, &change).await;
        }
        if !variant.is_samba() {
            for group in [READERS, SEEING_CHANGES] {
                site::make(&mut ldap, &readers(group)).await;
            }
        }
        for action in people.first(&mut rng) {
            site::make(&mut ldap, &action.change).await;
        }
        site.in_step().await;
        // What was before the gateway can be no excuse for it.
        let mut oracle = Oracle::new(people.groups.clone());
        let begun = Instant::now();
        for id in people.all.keys() {
            oracle.person(begun, begun, *id, people.entry(*id));
        }
        let gateway = Gateway::start(&config(&site, &people.layout, confirming));
        gateway.wait_for_line("the directory's index is live");
        let mut run = Self {
            site,
            people,
            oracle,
            events,
            rng,
            tally: Tally::default(),
            gateway,
            seed,
            read: 0,
            decisions: HashMap::new(),
            recent: VecDeque::new(),
            calm_since: Some(Instant::now()),
            left_out_until: None,
            behind_since: None,
            renamed_until: None,
            confirming,
            history: Vec::new(),
        };
        for event in run.events.throughout() {
            run.tally.events.insert(event, 1);
        }
        run.rounds(Duration::from_secs(1), false).await;
        run
    }

    /// Goes on until then: changes and calls, and now and then something fails.
    pub async fn until(&mut self, end: Instant) {
        while Instant::now() < end {
            self.tally.steps += 1;
            if self.rng.random_range(0..3) > 0 {
                self.change().await;
                self.calls(12).await;
            } else {
                let event = self.events.fault(&mut self.rng);
                self.said(&format!("-- {}", event.name()));
                *self.tally.events.entry(event).or_default() += 1;
                self.calm_since = None;
                self.fail(event).await;
                self.calm_since = Some(Instant::now());
                self.said("-- over");
                if self.rng.random_range(0..5) == 0 {
                    self.rounds(RECOVERY * 2, true).await;
                }
            }
        }
        self.rounds(RECOVERY * 2, true).await;
        if let Some(until) = self.left_out_until {
            tokio::time::sleep_until(until.into()).await;
        }
        // What the last changes did.
        self.rounds(QUIET, false).await;
    }

    /// Calls for so long, with changes between them.
    pub async fn rounds(&mut self, span: Duration, changes: bool) {
        let end = Instant::now() + span;
        while Instant::now() < end {
            if changes {
                self.change().await;
            }
            self.calls(8).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A few random changes.
    pub async fn change(&mut self) {
        for _ in 0..self.rng.random_range(1..5) {
            let event = self.events.change(&mut self.rng);
            let actions = self.people.change(event, &mut self.rng);
            *self.tally.events.entry(event).or_default() += 1;
            self.make(actions).await;
            if event == Event::OuRenamed {
                self.renamed_until = Some(Instant::now() + LEFT_OUT);
            }
        }
    }

    /// From now on the server may leave changes out, for so long after this ends.
    pub fn leaves_out(&mut self, ended: bool) {
        let longest = if ended { LEFT_OUT } else { Duration::from_hours(1) };
        self.left_out_until = Some(Instant::now() + longest);
    }

    /// Makes changes on a server and in the model.
    pub async fn make(&mut self, actions: Vec<Action>) {
        let mut ldap = self.site.admin().await;
        for action in actions {
            let before = self.oracle.numbers(action.people.iter().map(|(id, _)| *id));
            let begun = Instant::now();
            site::make(&mut ldap, &action.change).await;
            note(&mut self.oracle, begun, &action);
            self.tally.changes += 1;
            self.recent.extend(before.into_iter().chain(numbers_of(&action)));
            while self.recent.len() > 30 {
                self.recent.pop_front();
            }
            self.said(&format!("{:?}", action.change));
        }
    }

    /// So many numbers call each tenant at the same time, and some of those who get a code log in.
    pub async fn calls(&mut self, count: usize) {
        let numbers: Vec<(Number, usize)> = (0..count)
            .map(|_| {
                let recent = self.recent.get(self.rng.random_range(0..30));
                let any = self.people.number(&mut self.rng);
                (recent.copied().unwrap_or(any), [0, 2, 4][self.rng.random_range(0..3)])
            })
            .collect();
        let gateway = &self.gateway;
        let calls = numbers.iter().flat_map(|(number, form)| {
            TENANTS.iter().map(move |tenant| async move {
                let begun = Instant::now();
                let said = json!({ "phonenumber": written(*number, *form) });
                let answer = ask(gateway, "getOTP", tenant.0, &said).await;
                let (number, grouped) = (*number, tenant.2);
                (tenant, Asked { number, begun, ended: Instant::now(), grouped }, answer)
            })
        });
        for (tenant, asked, answer) in join_all(calls).await {
            let decision = self.decision(&answer);
            if let Err(wrong) = self.judge(tenant, &asked, &decision) {
                self.is_wrong(tenant, &asked, &wrong).await;
            }
            if answer.status == 200 && self.rng.random_range(0..12) == 0 {
                self.log_in(tenant.0, asked.grouped, &answer, &decision).await;
            }
        }
    }

    /// Holds an answer against the model; says what was answered where it was wrong.
    fn judge(
        &mut self,
        &(_, indexed, grouped): &Tenant,
        asked: &Asked,
        decision: &Value,
    ) -> Result<(), Answer> {
        let confirms = self.confirming[usize::from(grouped)];
        let bounds = self.bounds(indexed, confirms, asked.begun);
        let reason = decision["reason"].as_str().expect("a reason").to_owned();
        let told = matches!(reason.as_str(), "issued" | "repeated");
        let answer = if told {
            let id = Layout::id_in_audit(decision, self.site.variant);
            Answer::Code(id.expect("it says who was told"))
        } else {
            Answer::Refused(reason)
        };
        let Some(stale) = self.oracle.staleness(asked, &answer, bounds) else {
            return Err(answer);
        };
        self.tally.answered(&answer, indexed, asked.grouped, self.is_calm(asked.begun), stale);
        // The judge is no judge if it lets a stranger be told.
        let stranger = Answer::Code(self.oracle.stranger(asked.number));
        assert_eq!(self.oracle.staleness(asked, &stranger, bounds), None, "{asked:?}");
        Ok(())
    }

    fn bounds(&self, indexed: bool, confirms: bool, at: Instant) -> Bounds {
        let replication = self.replication(at);
        if !indexed {
            return Bounds { people: replication, groups: replication };
        }
        let is_before = |until: Option<Instant>| until.is_some_and(|until| at < until);
        let may_be_left_out = is_before(self.left_out_until)
            || (is_before(self.renamed_until) && !confirms && !self.site.variant.is_samba());
        let people = match () {
            () if may_be_left_out => LEFT_OUT,
            () if self.is_calm(at) => QUIET,
            () => MAX_AGE,
        };
        let more = replication + ON_ITS_WAY;
        Bounds { people: people + more, groups: MAX_AGE + more }
    }

    /// How far one server may be behind the other where it is asked.
    fn replication(&self, at: Instant) -> Duration {
        match self.behind_since {
            // A slow server is asked last, also where it is the one that has all changes.
            Some(since) if self.gateway.log().contains(SLOW) => REPLICATION + (at - since),
            _ if self.site.variant.has_two() => REPLICATION,
            _ => Duration::ZERO,
        }
    }

    fn is_calm(&self, at: Instant) -> bool {
        self.calm_since.is_some_and(|since| since + RECOVERY < at)
    }

    /// A login is always as the directory is now.
    async fn log_in(&mut self, tenant: &str, grouped: bool, told: &Http, decision: &Value) {
        let id = Layout::id_in_audit(decision, self.site.variant).expect("judged");
        let Some(entry) = self.oracle.entry(id).cloned() else { return };
        let replication = self.replication(Instant::now());
        let since = Instant::now().checked_sub(replication).expect("the machine is up longer");
        let said = json!({
            "username": entry.username, "password": Layout::password(id), "otp": told.json()["otp"],
        });
        let answer = ask(&self.gateway, "validateOTP", tenant, &said).await;
        let decision = self.decision(&answer);
        let accepted = answer.status == 200;
        if accepted {
            assert_eq!(Layout::id_in_audit(&decision, self.site.variant), Some(id), "{decision}");
            let could = self.oracle.could_log_in(id, &entry.username, since, grouped);
            assert!(could, "{tenant}: person {id} logged in, {}", self.told());
        }
        self.tally.logged_in(accepted);
    }

    /// The decision that came to this answer.
    fn decision(&mut self, answer: &Http) -> Value {
        let id = answer.header("x-request-id").to_owned();
        let mut decision = None;
        wait_until("the audit event", || {
            for event in self.gateway.audit_since(&mut self.read) {
                let id = event["request_id"].as_str().unwrap_or_default().to_owned();
                self.decisions.insert(id, event);
            }
            decision = self.decisions.remove(&id);
            decision.is_some()
        });
        decision.expect("waited for")
    }

    pub fn said(&mut self, what: &str) {
        self.history.push(format!("{:.2?} {what}", self.tally.begun.elapsed()));
    }

    async fn is_wrong(&mut self, tenant: &Tenant, asked: &Asked, answer: &Answer) -> ! {
        let calm = self.is_calm(asked.begun);
        let (history, past) = (self.told(), self.oracle.told_of(asked.number));
        let now = self.until_right(tenant, asked).await;
        panic!(
            "{}, number {} ({}): {answer:?} is not what the directory said, calm: {calm}, {now}\n\
             {past}{history}",
            tenant.0,
            asked.number,
            written(asked.number, 0),
        );
    }

    /// When the answer becomes right.
    async fn until_right(&mut self, tenant: &Tenant, asked: &Asked) -> String {
        let said = json!({ "phonenumber": written(asked.number, 0) });
        let since = asked.begun;
        while since.elapsed() < 2 * LEFT_OUT {
            let begun = Instant::now();
            let answer = ask(&self.gateway, "getOTP", tenant.0, &said).await;
            let asked = Asked { begun, ended: Instant::now(), ..*asked };
            let decision = self.decision(&answer);
            if self.judge(tenant, &asked, &decision).is_ok() {
                return format!("but {} {:.1?} later", decision["reason"], since.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        "and is not soon".to_owned()
    }

    /// What led here.
    fn told(&self) -> String {
        let mut text = format!("MODEL_SEED={} and before that:\n", self.seed);
        for line in self.history.iter().rev().take(60).rev() {
            let _ = writeln!(text, "  {line}");
        }
        let log = self.gateway.log();
        let lines: Vec<_> = log.lines().filter(|line| !line.contains("\"audit\"")).collect();
        text + &lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

fn note(oracle: &mut Oracle, begun: Instant, action: &Action) {
    let done = Instant::now();
    for (id, entry) in &action.people {
        oracle.person(begun, done, *id, entry.clone());
    }
    if let Some(groups) = &action.groups {
        oracle.groups(begun, done, groups.clone());
    }
}
