//! Recovery codes: shown once, each used once.

use std::collections::HashSet;

use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn ten_codes_are_shown_once_and_each_is_good_once() {
    let service = Service::start().await;
    let answer = service.api.enroll(json!({"username": "anna", "channel": "recovery"})).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let body = answer.json();
    assert_eq!((&body["status"], &body["phones"]), (&json!("new"), &json!([])));
    let user = text(&body["userId"]);
    let codes: Vec<_> = body["recoveryCodes"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(codes.iter().collect::<HashSet<_>>().len(), 10);
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    for code in &codes {
        let groups: Vec<&str> = code.split('-').collect();
        assert_eq!(groups.len(), 4, "{code}");
        assert!(groups.iter().all(|group| group.len() == 4 && group.chars().all(plain)), "{code}");
    }
    let token = text(&body["enrollment"]["statusToken"]);
    assert_eq!(service.api.stage(&token).await, "succeeded", "there is nothing to confirm");
    let seen = service.api.user(&user).await;
    assert_eq!(seen.json()["status"], "new", "recovery codes alone don't count");
    assert!(!seen.body.contains(&codes[0]) && seen.json().get("recoveryCodes").is_none());
    for code in &codes[..5] {
        let answer = service.api.recover(&user, code).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        assert_eq!(service.api.recover(&user, code).await.status, 400, "used");
    }
    assert_eq!(service.provider.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_read_as_people_type_it() {
    let service = Service::start().await;
    let (user, codes) = service.recovery("anna").await;
    for typed in [
        codes[0].to_lowercase(),
        codes[1].replace('-', ""),
        codes[2].to_lowercase().replace('-', " "),
        format!(" {} ", codes[3]),
    ] {
        assert_eq!(service.api.recover(&user, &typed).await.status, 200, "{typed}");
    }
    for code in &codes[..4] {
        assert_eq!(service.api.recover(&user, code).await.status, 400, "used in another form");
    }
    for none in ["", "AAAA", "AAAA-AAAA-AAAA-AAA1", "AAAA-AAAA-AAAA-AAAAA", "åååå-åååå-åååå-åååå"]
    {
        assert_eq!(service.api.recover(&user, none).await.status, 400, "{none}");
    }
    assert_eq!(service.api.recover(&user, &codes[4]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_set_replaces_the_one_before() {
    let service = Service::start().await;
    let (user, old) = service.recovery("anna").await;
    assert_eq!(service.api.recover(&user, &old[0]).await.status, 200);
    let (same, new) = service.recovery("anna").await;
    assert_eq!((same, new.len()), (user.clone(), 10));
    assert!(new.iter().all(|code| !old.contains(code)));
    for code in &old[1..3] {
        assert_eq!(service.api.recover(&user, code).await.status, 400);
    }
    assert_eq!(service.api.recover(&user, &new[0]).await.status, 200);
    let by_id = service.api.enroll(json!({"userId": user, "channel": "recovery"})).await;
    assert_eq!(by_id.status, 201);
    assert_eq!(service.api.recover(&user, &new[1]).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_have_the_same_code_at_once_one_is_accepted() {
    let service = Service::start().await;
    let (user, codes) = service.recovery("anna").await;
    let api = service.api.clone();
    let statuses = at_once(10, |_| {
        let (api, user, code) = (api.clone(), user.clone(), codes[0].clone());
        async move { api.recover(&user, &code).await }
    })
    .await;
    assert_eq!((count(&statuses, 200), count(&statuses, 400)), (1, 9), "{statuses:?}");
    let statuses = at_once(9, |number| {
        let (api, user, code) = (api.clone(), user.clone(), codes[number + 1].clone());
        async move { api.recover(&user, &code).await }
    })
    .await;
    assert_eq!(count(&statuses, 200), 9, "different codes don't hinder each other: {statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_works_only_for_its_own_user_and_tenant() {
    let service = Service::start().await;
    let (anna, codes) = service.recovery("anna").await;
    let (berta, _) = service.recovery("berta").await;
    assert_eq!(service.api.recover(&berta, &codes[0]).await.status, 400);
    assert_eq!(service.backend_of("t2").recover(&anna, &codes[0]).await.status, 404);
    assert_eq!(service.api.recover(&anna, &codes[0]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_has_no_recovery_code_but_its_hash() {
    let service = Service::start().await;
    let (_, codes) = service.recovery("anna").await;
    let file = rusqlite::Connection::open(service.gateway.file("dialpass.db")).unwrap();
    let kept: Vec<u8> = file.query_row("SELECT recovery FROM users", [], |row| row.get(0)).unwrap();
    assert_eq!(kept.len(), 10 * 32);
    for code in codes {
        let hash = hex::decode(crate::support::gateway::sha256(&code)).unwrap();
        assert!(kept.chunks(32).any(|one| one == hash), "its SHA-256");
        assert!(!kept.windows(19).any(|part| part == code.as_bytes()));
    }
}
