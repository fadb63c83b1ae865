//! Providers and stores that are not there: refused, in time, and nothing is half done.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use super::*;
use crate::cluster::in_database;
use crate::support::gateway::{Answer, PATIENCE};
use crate::support::postgres::Postgres;

/// How far the store says that a user's transactions are.
fn stages(service: &Service, user: &str) -> Vec<String> {
    let file = Connection::open(service.gateway.file("dialpass.db")).unwrap();
    let sql = "SELECT stage FROM transactions WHERE user_id = ?1 ORDER BY created_at";
    let mut rows = file.prepare(sql).unwrap();
    rows.query_map([user], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_provider_takes_the_text_it_is_502_the_transaction_failed_and_the_text_counted() {
    let service = Service::start().await;
    for manner in [Manner::Answer("500 Oh no", "{}".to_owned()), Manner::Close] {
        service.provider.behave(manner);
        let body = json!({"username": "anna", "channel": "sms", "phone": PHONE});
        let answer = service.api.enroll(body).await;
        assert_eq!(answer.status, 502, "{}", answer.body);
        assert_eq!(answer.json()["message"], "the text message could not be sent");
        assert!(answer.json().get("enrollment").is_none());
    }
    let user = text(&service.api.user_named("anna").await.json()["userId"]);
    assert_eq!(stages(&service, &user), ["failed", "failed"]);
    service.provider.behave(Manner::Answer("200 OK", String::new()));
    for _ in 0..3 {
        service.enroll("anna", PHONE).await;
    }
    let body = json!({"username": "anna", "channel": "sms", "phone": PHONE});
    assert_eq!(service.api.enroll(body).await.status, 429, "two failures and three texts");
    let texted = Texted { ..service.enroll("berta", "+46702223344").await };
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200);
    service.provider.behave(Manner::Answer("503 Later", String::new()));
    let approval = service.api.approve(json!({"username": "berta", "channel": "sms"})).await;
    assert_eq!(approval.status, 502);
    assert_eq!(stages(&service, &texted.user), ["succeeded", "failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_never_answers_costs_no_more_than_the_requests_time() {
    let deadline = "[server]\nrequest_deadline = \"3s\"\n";
    let service =
        Service::start_with(|config| config.replacen("[server]\n", deadline, 1), &[]).await;
    service.provider.behave(Manner::Hang);
    let begun = std::time::Instant::now();
    let body = json!({"username": "anna", "channel": "sms", "phone": PHONE});
    assert_eq!(service.api.enroll(body).await.status, 502);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let user = text(&service.api.user_named("anna").await.json()["userId"]);
    assert_eq!(stages(&service, &user), ["failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_provider_takes_over() {
    let second = willing_provider().await;
    let section = second.section("second", "");
    let service = Service::start_with(|config| format!("{config}{section}"), &[]).await;
    service.provider.behave(Manner::Answer("500 Oh no", String::new()));
    let other = service.backend_of("t2");
    let answer = other.enroll(json!({"username": "anna", "channel": "sms", "phone": PHONE})).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let texted = Texted::enrolled(&answer, latest_code(&second, PHONE));
    assert_eq!(other.verify(&texted, &texted.code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_takes_no_write_is_503_and_nothing_is_sent_or_spent() {
    let service = Service::start().await;
    let (user, codes) = service.recovery("anna").await;
    service.user("anna", PHONE).await;
    let open = service.approve("anna", PHONE).await;
    let intent = service.api.intent(json!({"username": "anna", "operation": "approve"})).await;
    let sent = service.provider.count();
    let intruder = Connection::open(service.gateway.file("dialpass.db")).unwrap();
    intruder.busy_timeout(Duration::from_secs(5)).unwrap();
    intruder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let answers = [
        service.api.enroll(json!({"username": "berta", "channel": "sms", "phone": PHONE})).await,
        service.api.with(&intent).approve(json!({"channel": "sms"})).await,
        service.api.verify(&open, &open.code).await,
        service.api.recover(&user, &codes[0]).await,
        service.api.delete(&format!("/api/v1/users/{user}")).await,
    ];
    for answer in answers {
        assert_eq!((answer.status, answer.header("retry-after")), (503, "5"), "{}", answer.body);
        assert_eq!(answer.json()["error"], "Service Unavailable");
        assert!(answer.json().get("message").is_none(), "{}", answer.body);
    }
    assert_eq!(service.provider.count(), sent);
    intruder.execute_batch("COMMIT").unwrap();
    let begun = std::time::Instant::now();
    while service.api.verify(&open, &open.code).await.status == 503 {
        assert!(begun.elapsed() < PATIENCE, "it is used again");
    }
    assert_eq!(service.api.stage(&open.token).await, "succeeded");
    assert_eq!(service.api.recover(&user, &codes[0]).await.status, 200);
    assert_eq!(service.api.with(&intent).approve(json!({"channel": "sms"})).await.status, 201);
    assert_eq!(service.api.user_named("berta").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_gone_is_503_everywhere_until_it_is_back() {
    let mut postgres = Postgres::start();
    let database = postgres.database();
    let service =
        Service::start_with(|config| in_database(&config, &[&postgres], &database), &[]).await;
    let (user, codes) = service.recovery("anna").await;
    service.user("anna", PHONE).await;
    let open = service.approve("anna", PHONE).await;
    let sent = service.provider.count();
    postgres.kill();
    for (method, path) in OPERATIONS {
        let path = path.replace("{id}", &user);
        let request = service.api.request(method, &path);
        let request = if path.ends_with("/status") {
            request.json(&json!({"statusToken": open.token}))
        } else {
            request
        };
        let answer = Answer::of(request).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "5"), "{method} {path}");
        assert_eq!(answer.json()["error"], "Service Unavailable");
    }
    assert_eq!(service.provider.count(), sent);
    postgres.restart();
    let begun = std::time::Instant::now();
    while service.api.get("/ping").await.status == 503 {
        assert!(begun.elapsed() < PATIENCE, "it is used again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(service.api.verify(&open, &open.code).await.status, 200);
    assert_eq!(service.api.recover(&user, &codes[0]).await.status, 200);
}
