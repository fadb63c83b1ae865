//! Counts are shared by all nodes: spreading guesses over them allows no more than one node does.

use std::collections::HashMap;

use tokio::task::JoinSet;

use super::{Cluster, NODES, in_database};
use crate::faults::load::User;
use crate::support::gateway::{Answer, clients, ldap_tenant, sections};
use crate::support::postgres::Postgres;
use crate::support::slapd::Slapd;

/// One thing that somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Do {
    Call,
    /// A login with a wrong code and the right password.
    GuessCode,
    /// A login with a wrong code and a wrong password.
    GuessBoth,
    /// A login with the right code and a wrong password.
    GuessPassword,
    LogIn,
}

use Do::{Call, GuessBoth, GuessCode, GuessPassword, LogIn};

fn cluster(slapd: &Slapd, limits: &str) -> Cluster {
    let postgres = Postgres::shared();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let more = format!("[tenants.login]\nrefusal_floor = \"0s\"\n[tenants.limits]\n{limits}\n");
    let config = format!("{}{tenant}{more}{}", sections(""), clients());
    Cluster::start(&in_database(&config, &[postgres], &postgres.database()))
}

fn slapd() -> Slapd {
    Slapd::builder().users(20).without_tls().start()
}

/// A code that is not `code`, the `nth` of them.
fn not(code: &str, nth: usize) -> String {
    format!("{:06}", (code.parse::<usize>().expect("digits") + 1 + nth) % 1_000_000)
}

fn reason(cluster: &Cluster, at: usize, answer: &Answer) -> String {
    let event = cluster.node(at).audit_of(answer.header("x-request-id"));
    event["reason"].as_str().expect("a reason").to_owned()
}

/// Why each thing that `user` does was decided as it was, the nth by the node `at(n)`.
async fn play(
    cluster: &Cluster,
    user: User,
    script: &[Do],
    at: impl Fn(usize) -> usize,
) -> Vec<String> {
    let (mut code, mut reasons) = (String::new(), Vec::new());
    for (n, step) in script.iter().enumerate() {
        let (at, right, wrong) = (at(n), user.password(), "wrong");
        let node = cluster.node(at);
        let answer = match step {
            Call => node.call(&user.number()).await,
            GuessCode => node.login(&user.name(), &right, &not(&code, n)).await,
            GuessBoth => node.login(&user.name(), wrong, &not(&code, n)).await,
            GuessPassword => node.login(&user.name(), wrong, &code).await,
            LogIn => node.login(&user.name(), &right, &code).await,
        };
        if *step == Call && answer.status == 200 {
            answer.json()["otp"].as_str().expect("a code").clone_into(&mut code);
        }
        reasons.push(reason(cluster, at, &answer));
    }
    reasons
}

/// The reasons of the end of a script, which are the same at one node and over all.
async fn ends_with(cluster: &Cluster, first: usize, script: &[Do], end: &[&str]) {
    let alone = play(cluster, User(first), script, |_| 0).await;
    for offset in 0..NODES {
        let user = User(first + 1 + offset);
        let spread = play(cluster, user, script, |n| (n + offset) % NODES).await;
        assert_eq!(spread, alone, "{script:?}");
    }
    assert_eq!(alone[alone.len() - end.len()..], *end, "{script:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_spread_over_the_nodes_end_where_they_end_at_one() {
    let slapd = slapd();
    let cluster = cluster(
        &slapd,
        "wrong_codes_per_user = { burst = 4, per = \"1h\" }\n\
         wrong_passwords_per_user = { burst = 3, per = \"1h\" }\n\
         calls_per_number = { burst = 3, per = \"1h\" }",
    );
    let spent = "wrong_codes_per_user";
    let codes = [Call, GuessCode, GuessCode, Call, GuessCode, GuessCode, Call, GuessCode, LogIn];
    ends_with(&cluster, 1, &codes, &["code_wrong", "issued", spent, spent]).await;
    // Three wrong codes burn one.
    let attempts = [Call, GuessCode, GuessCode, GuessCode, LogIn];
    ends_with(&cluster, 5, &attempts, &["code_wrong", "no_live_code"]).await;
    let spent = "wrong_passwords_per_user";
    let passwords = [
        &[Call, GuessBoth, GuessBoth, GuessBoth][..],
        &[GuessPassword, GuessPassword, GuessPassword, LogIn],
    ];
    // The last two are for the right code.
    let end = [spent, "wrong_password", "wrong_password", spent, spent];
    ends_with(&cluster, 9, &passwords.concat(), &end).await;
    let calls = [Call, LogIn, Call, LogIn, Call, LogIn, Call];
    ends_with(&cluster, 13, &calls, &["logged_in", "calls_per_number"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_for_a_user_spread_over_the_nodes_end_where_they_end_at_one() {
    let slapd = slapd();
    let cluster = cluster(
        &slapd,
        "codes_per_user = { burst = 2, per = \"1h\" }\n\
         calls_per_number = { burst = 100, per = \"1h\" }",
    );
    let calls = [Call, Call, LogIn, Call, LogIn, Call, LogIn];
    let end = ["logged_in", "codes_per_user", "no_live_code"];
    ends_with(&cluster, 1, &calls, &end).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_once_at_all_nodes_reach_the_directory_no_oftener_than_the_budget() {
    const GUESSES: usize = 60;
    let slapd = slapd();
    let cluster = cluster(&slapd, "wrong_passwords_per_user = { burst = 3, per = \"1h\" }");
    let user = User(1);
    let code = cluster.node(0).code(&user.number()).await;
    let mut guesses = JoinSet::new();
    for n in 0..GUESSES {
        let node = cluster.node(n % NODES);
        let request = node
            .http
            .put(node.url("/api/authentication/validateOTP"))
            .bearer_auth("vpn-secret")
            .header("tenant", "t1")
            .json(&serde_json::json!({
                "username": user.name(), "password": format!("guess {n}"), "otp": not(&code, n),
            }));
        guesses.spawn(async move { (n % NODES, Answer::of(request).await) });
    }
    let mut reasons = HashMap::<String, usize>::new();
    for (at, answer) in guesses.join_all().await {
        assert_eq!(answer.status, 403);
        *reasons.entry(reason(&cluster, at, &answer)).or_default() += 1;
    }
    // The last two of the three are for the right code.
    assert_eq!(slapd.binds_of(&user.name()), 1);
    assert_eq!(reasons["wrong_password"], 1, "{reasons:?}");
    let login = cluster.node(0).login(&user.name(), &user.password(), &code).await;
    assert_eq!(login.status, 200, "who knows no password burns no code");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_another_node_has_replaced_is_dead_on_every_node() {
    let slapd = slapd();
    let cluster = cluster(&slapd, "");
    for replacing in 0..NODES {
        let user = User(1 + replacing);
        let node = |at: usize| cluster.node(at % NODES);
        let old = node(replacing + 1).code(&user.number()).await;
        assert_eq!(node(replacing + 2).code(&user.number()).await, old, "the same everywhere");
        // One that was tried is not told again.
        let wrong = node(replacing + 2).login(&user.name(), &user.password(), &not(&old, 0)).await;
        assert_eq!(wrong.status, 403);
        let new = node(replacing).code(&user.number()).await;
        assert_ne!(new, old);
        for at in 0..2 {
            let late = node(at).login(&user.name(), &user.password(), &old).await;
            assert_eq!((late.status, reason(&cluster, at, &late).as_str()), (403, "code_wrong"));
        }
        let login = node(replacing + 1).login(&user.name(), &user.password(), &new).await;
        assert_eq!(login.status, 200);
        let late = node(2).login(&user.name(), &user.password(), &old).await;
        assert_eq!((late.status, reason(&cluster, 2, &late).as_str()), (403, "no_live_code"));
    }
}
