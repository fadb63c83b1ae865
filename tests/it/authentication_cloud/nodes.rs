//! Three nodes of one service on one database: what one node did, all know.

use serde_json::json;

use super::*;
use crate::cluster::{Cluster, NODES, in_database, patient};
use crate::support::postgres::Postgres;

pub struct Nodes {
    cluster: Cluster,
    provider: Provider,
    key: Key,
    database: String,
}

impl Nodes {
    pub async fn start() -> Self {
        Self::start_with([&[], &[], &[]]).await
    }

    /// Each node with these variables in its environment.
    async fn start_with(environments: [&[(&str, &str)]; NODES]) -> Self {
        let provider = willing_provider().await;
        let (postgres, database) = (Postgres::shared(), Postgres::shared().database());
        let config = in_database(&config(&provider), &[postgres], &database);
        let cluster = Cluster::start_with(&patient(&config), environments);
        cluster.until_up(NODES).await;
        let key = access_key(cluster.node(0).folder(), "t1");
        Self { cluster, provider, key, database }
    }

    /// A backend that asks this node.
    pub fn api(&self, at: usize) -> Api {
        Api::of(self.cluster.node(at % NODES), &self.key.text)
    }

    async fn enroll(&self, at: usize, username: &str, phone: &str) -> Texted {
        let body = json!({"username": username, "channel": "sms", "phone": phone});
        let answer = self.api(at).enroll(body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        Texted::enrolled(&answer, latest_code(&self.provider, phone))
    }

    async fn approve(&self, at: usize, username: &str, phone: &str) -> Texted {
        let answer = self.api(at).approve(json!({"username": username, "channel": "sms"})).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        Texted::approving(&answer, latest_code(&self.provider, phone))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_begun_at_one_node_is_ended_at_any_other() {
    let nodes = Nodes::start().await;
    for at in 0..NODES {
        let (name, phone) = (format!("user{at}"), format!("+4670123450{at}"));
        let texted = nodes.enroll(at, &name, &phone).await;
        assert_eq!(nodes.api(at + 1).stage(&texted.token).await, "pending");
        assert_eq!(nodes.api(at + 1).verify(&texted, &texted.code).await.status, 200);
        for other in 0..NODES {
            assert_eq!(nodes.api(other).stage(&texted.token).await, "succeeded");
            assert_eq!(nodes.api(other).verify(&texted, &texted.code).await.status, 412);
            let user = nodes.api(other).user_named(&name).await.json();
            assert_eq!(user["phones"][0]["phone"], json!(phone));
        }
        let approval = nodes.approve(at + 2, &name, &phone).await;
        assert_eq!(nodes.api(at).verify(&approval, &approval.code).await.status, 200);
        let token = text(&nodes.api(at + 1).status(&approval.token).await.json()["token"]);
        let vouched = nodes.api(at + 2).introspect(&token).await.json();
        assert_eq!((&vouched["active"], &vouched["sub"]), (&json!(true), &json!(approval.user)));
        let code = nodes.cluster.node((at + 1) % NODES).code(&phone).await;
        let login = nodes.cluster.node((at + 2) % NODES).login(&name, "", &code).await;
        assert_eq!((login.status, &login.json()["userid"]), (200, &json!(approval.user)));
        let path = format!("/api/v1/users/{}", texted.user);
        assert_eq!(nodes.api(at).delete(&path).await.status, 204);
        assert_eq!(nodes.api(at + 1).user(&texted.user).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_right_codes_at_once_over_the_nodes_one_is_accepted() {
    let nodes = Nodes::start().await;
    for round in 0..5 {
        let texted = nodes.enroll(round, "anna", &format!("+4670123450{round}")).await;
        let apis: Vec<_> = (0..NODES).map(|at| nodes.api(at)).collect();
        let statuses = at_once(20, |number| {
            let (api, texted) = (apis[number % NODES].clone(), texted.clone());
            async move { api.verify(&texted, &texted.code).await }
        })
        .await;
        assert_eq!((count(&statuses, 200), count(&statuses, 412)), (1, 19), "{statuses:?}");
    }
    let user = nodes.api(0).user_named("anna").await.json();
    assert_eq!(user["phones"].as_array().unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_make_a_name_in_any_case_at_once_over_the_nodes_all_get_one_user() {
    let nodes = Nodes::start().await;
    let apis: Vec<_> = (0..NODES).map(|at| nodes.api(at)).collect();
    for round in 0..3 {
        let statuses = at_once(12, |number| {
            let api = apis[number % NODES].clone();
            let name = ["anna", "Anna", "ANNA", "aNNa"][number % 4];
            let name = format!("{name}{round}");
            async move { api.enroll(json!({"username": name, "channel": "recovery"})).await }
        })
        .await;
        assert_eq!(count(&statuses, 201), 12, "{statuses:?}");
    }
    let rows = "SELECT count(*) || ' ' || count(DISTINCT lower(name)) FROM dialpass.users";
    assert_eq!(Postgres::shared().psql(&nodes.database, rows), "3 3");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_and_texts_are_counted_over_the_nodes() {
    let nodes = Nodes::start().await;
    let mut waiting = Vec::new();
    for at in 0..3 {
        waiting.push(nodes.enroll(at, "anna", PHONE).await);
    }
    let apis: Vec<_> = (0..NODES).map(|at| nodes.api(at)).collect();
    let statuses = at_once(30, |number| {
        let (api, texted) = (apis[number % NODES].clone(), waiting[number % 2].clone());
        async move { api.verify(&texted, &another(&texted.code)).await }
    })
    .await;
    assert_eq!(count(&statuses, 400), 10, "five of each: {statuses:?}");
    for at in 0..NODES {
        let third = nodes.api(at).verify(&waiting[2], &waiting[2].code).await;
        assert_eq!(third.status, 429);
        assert_eq!(nodes.api(at).status(&waiting[2].token).await.status, 412);
        let user = nodes.api(at).user_named("anna").await.json();
        assert_eq!(user["exceededRateLimits"], json!(["sms"]));
    }
    let before = nodes.provider.count();
    let statuses = at_once(12, |number| {
        let api = apis[number % NODES].clone();
        let name = format!("user{number}");
        async move { api.enroll(json!({"username": name, "channel": "sms", "phone": PHONE})).await }
    })
    .await;
    assert_eq!((count(&statuses, 201), count(&statuses, 429)), (2, 10), "{statuses:?}");
    assert_eq!(nodes.provider.count(), before + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_and_an_intent_are_used_once_over_the_nodes() {
    let nodes = Nodes::start().await;
    let made = nodes.api(0).enroll(json!({"username": "anna", "channel": "recovery"})).await;
    let body = made.json();
    let user = text(&body["userId"]);
    let apis: Vec<_> = (0..NODES).map(|at| nodes.api(at)).collect();
    for code in body["recoveryCodes"].as_array().unwrap().iter().take(3).map(text) {
        let statuses = at_once(3, |number| {
            let (api, user, code) = (apis[number].clone(), user.clone(), code.clone());
            async move { api.recover(&user, &code).await }
        })
        .await;
        assert_eq!((count(&statuses, 200), count(&statuses, 400)), (1, 2), "{statuses:?}");
    }
    for round in 0..3 {
        let wish = json!({"username": "anna", "operation": "enroll"});
        let intent = nodes.api(round).intent(wish).await;
        let statuses = at_once(12, |number| {
            let api = apis[number % NODES].with(&intent);
            async move { api.enroll(json!({"channel": "sms", "phone": PHONE})).await }
        })
        .await;
        assert_eq!((count(&statuses, 201), count(&statuses, 403)), (1, 11), "{statuses:?}");
        assert_eq!(nodes.provider.count(), round + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_access_key_opens_all_nodes_at_once_and_a_revoked_one_none() {
    let nodes = Nodes::start().await;
    for at in 0..NODES {
        let folder = nodes.cluster.node(at).folder();
        let key = access_key(folder, "t1");
        for other in 0..NODES {
            assert_eq!(nodes.api(other).with(&key.text).get("/ping").await.status, 200);
        }
        let revoke = ["access-key", "revoke", "--tenant", "t1", "--id", &key.id];
        assert!(command(folder, &revoke).status.success());
        for other in 0..NODES {
            assert_eq!(nodes.api(other).with(&key.text).get("/ping").await.status, 403);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_whose_clocks_are_wrong_go_by_the_databases() {
    let faked = |by| {
        [
            ("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1"),
            ("FAKETIME", by),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ]
    };
    let nodes = Nodes::start_with([&faked("+1h"), &faked("-1h"), &[]]).await;
    let postgres = Postgres::shared();
    let mut now: u64 = postgres.psql(&nodes.database, "SELECT dialpass.now_ms()").parse().unwrap();
    let mut set_later = |seconds: u64| {
        now += seconds * 1000;
        let sql = format!(
            "CREATE OR REPLACE FUNCTION dialpass.now_ms() RETURNS bigint LANGUAGE sql VOLATILE \
             AS $$ SELECT {now}::bigint $$"
        );
        postgres.psql(&nodes.database, &sql);
    };
    set_later(0);
    let phone = |number: usize| format!("+467012345{number:02}");
    let mut texted = Vec::new();
    for number in 0..NODES * NODES {
        texted.push(nodes.enroll(number, &format!("user{number}"), &phone(number)).await);
    }
    let mut intents = Vec::new();
    for at in 0..NODES {
        let name = format!("anna{at}");
        let wish = json!({"username": name, "operation": "enroll", "channels": ["recovery"]});
        intents.push([nodes.api(at).intent(wish.clone()).await, nodes.api(at).intent(wish).await]);
    }
    // Of each node's three, one is verified at each node at the last moment.
    set_later(299);
    for (number, one) in texted.iter().enumerate() {
        let at = number + number / NODES;
        assert_eq!(nodes.api(at).verify(one, &one.code).await.status, 200, "{number}");
    }
    let late = nodes.enroll(0, "late", "+46702223344").await;
    set_later(300);
    for at in 0..NODES {
        assert_eq!(nodes.api(at).stage(&late.token).await, "failed");
        assert_eq!(nodes.api(at).verify(&late, &late.code).await.status, 412);
    }
    let status = nodes.api(1).status(&texted[0].token).await.json();
    let (token, recovery) = (text(&status["token"]), json!({"channel": "recovery"}));
    for (at, [early, _]) in intents.iter().enumerate() {
        assert!(nodes.api(at).is_active(&token).await);
        let answer = nodes.api(at + 1).with(early).enroll(recovery.clone()).await;
        assert_eq!(answer.status, 201, "within ten minutes: {}", answer.body);
    }
    set_later(301);
    for (at, [_, late]) in intents.iter().enumerate() {
        assert!(!nodes.api(at).is_active(&token).await);
        assert_eq!(nodes.api(at + 1).with(late).enroll(recovery.clone()).await.status, 403);
    }
}
