//! Nodes whose own clocks are wrong: lifetimes and quotas go by the database's.

use std::time::{Duration, SystemTime};

use super::{Cluster, NODES, in_database};
use crate::faults::load::User;
use crate::support::gateway::{Answer, Gateway, clients, ldap_tenant, sections};
use crate::support::postgres::Postgres;
use crate::support::slapd::Slapd;

/// Seconds that a code lives: the shortest that the configuration takes.
const LIFETIME: u64 = 10;

/// Three nodes at +60 s, −60 s and the right time, and their database's clock.
struct Clocks {
    cluster: Cluster,
    database: String,
    _slapd: Slapd,
    millis: u128,
}

impl Clocks {
    fn start() -> Self {
        let slapd = Slapd::builder().users(60).without_tls().without_log().start();
        let (postgres, database) = (Postgres::shared(), Postgres::shared().database());
        let tenant = ldap_tenant("t1", &[&slapd.url()], "").replacen(
            "country",
            "spoken = true\nstatus_style = \"http\"\ncountry",
            1,
        );
        let more = format!(
            "[tenants.otp]\nlifetime = \"{LIFETIME}s\"\n\
             [tenants.login]\nrefusal_floor = \"0s\"\n\
             [tenants.limits]\ncodes_per_user = {{ burst = 3, per = \"1h\" }}\n"
        );
        let config = format!("{}{tenant}{more}{}", sections(""), clients());
        let config = in_database(&config, &[postgres], &database);
        let faked = |by| {
            [
                ("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1"),
                ("FAKETIME", by),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ]
        };
        let cluster = Cluster::start_with(&config, [&faked("+60s"), &faked("-60s"), &[]]);
        let now = postgres.psql(&database, "SELECT dialpass.now_ms()").parse().unwrap();
        let mut clocks = Self { cluster, database, _slapd: slapd, millis: now };
        clocks.advance(Duration::ZERO);
        clocks
    }

    /// From now on the database's clock stands so much later.
    fn advance(&mut self, by: Duration) {
        self.millis += by.as_millis();
        let sql = format!(
            "CREATE OR REPLACE FUNCTION dialpass.now_ms() RETURNS bigint LANGUAGE sql VOLATILE \
             AS $$ SELECT {}::bigint $$",
            self.millis
        );
        Postgres::shared().psql(&self.database, &sql);
    }

    fn node(&self, at: usize) -> &Gateway {
        self.cluster.node(at % NODES)
    }

    /// The code that a node tells, and the seconds that it says are left.
    async fn told(&self, at: usize, user: User) -> (String, u64) {
        let answer = self.node(at).call(&user.number()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let body = answer.json();
        (body["otp"].as_str().unwrap().to_owned(), body["expires_in"].as_u64().unwrap())
    }

    async fn login(&self, at: usize, user: User, code: &str) -> Answer {
        self.node(at).login(&user.name(), &user.password(), code).await
    }

    /// All ways to be told a code at one node and to use it at one.
    fn ways() -> impl Iterator<Item = (User, usize, usize)> {
        let all = (0..NODES).flat_map(|told| (0..NODES).map(move |used| (told, used)));
        all.zip(1..).map(|((told, used), user)| (User(user), told, used))
    }
}

/// When a node says that it was ready, by its own clock.
fn started(node: &Gateway) -> SystemTime {
    let log = node.log();
    let line = log.lines().find(|line| line.contains("\"ready\"")).expect("it is ready");
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    humantime::parse_rfc3339(line["timestamp"].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_lives_as_long_whichever_nodes_issue_and_redeem_it() {
    let mut clocks = Clocks::start();
    let (early, late, right) =
        (started(clocks.node(0)), started(clocks.node(1)), started(clocks.node(2)));
    assert!(early > right + Duration::from_secs(30), "its clock is a minute fast");
    assert!(late + Duration::from_secs(50) < right, "its clock is a minute slow");

    let mut codes = Vec::new();
    for (user, told, used) in Clocks::ways() {
        let (code, left) = clocks.told(told, user).await;
        assert_eq!(left, LIFETIME, "told by {told}");
        codes.push((user, used, code));
    }
    // At the last moment.
    clocks.advance(Duration::from_millis(LIFETIME * 1000 - 1001));
    for (user, used, code) in &codes {
        assert_eq!(clocks.login(*used, *user, code).await.status, 200, "{user:?}");
        assert_eq!(clocks.login(*used + 1, *user, code).await.status, 403, "{user:?}");
    }
    // After it.
    let mut codes = Vec::new();
    for (user, told, used) in Clocks::ways() {
        codes.push((user, used, clocks.told(told, user).await.0));
    }
    clocks.advance(Duration::from_secs(LIFETIME));
    for (user, used, code) in &codes {
        let answer = clocks.login(*used, *user, code).await;
        let event = clocks.node(*used).audit_of(answer.header("x-request-id"));
        assert_eq!((answer.status, event["reason"].as_str()), (403, Some("no_live_code")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_node_repeats_a_code_in_the_first_half_of_its_life() {
    let mut clocks = Clocks::start();
    let mut codes = Vec::new();
    for (user, told, again) in Clocks::ways() {
        codes.push((user, again, clocks.told(told, user).await.0));
    }
    clocks.advance(Duration::from_secs(LIFETIME / 2 - 1));
    for (user, again, code) in &codes {
        let told = clocks.told(*again, *user).await;
        assert_eq!(told, (code.clone(), LIFETIME / 2 + 1), "{user:?}");
    }
    clocks.advance(Duration::from_secs(2));
    for (user, again, code) in &codes {
        let (new, left) = clocks.told(*again, *user).await;
        assert_ne!(new, *code, "{user:?}");
        assert_eq!(left, LIFETIME);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_is_spent_and_frees_at_the_same_time_on_every_node() {
    let mut clocks = Clocks::start();
    for first in 0..NODES {
        let user = User(first + 1);
        for at in 0..3 {
            let (code, _) = clocks.told(first + at, user).await;
            assert_eq!(clocks.login(first + at + 1, user, &code).await.status, 200);
        }
    }
    for (step, status) in [(0, 429), (3598, 429), (2, 200)] {
        clocks.advance(Duration::from_secs(step));
        let mut waits = Vec::new();
        for user in (1..=NODES).map(User) {
            for at in 0..NODES {
                let answer = clocks.node(at).call(&user.number()).await;
                assert_eq!(answer.status, status, "{user:?} at {at} after {step}");
                waits.push(answer.header("retry-after").to_owned());
            }
        }
        assert!(waits.iter().all(|wait| *wait == waits[0]), "{waits:?}");
    }
}
