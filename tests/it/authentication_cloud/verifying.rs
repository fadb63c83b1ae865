//! A code confirms its transaction: the right one, of the right user, once.

use serde_json::json;

use super::*;
use crate::support::gateway::Answer;

/// What an answer says, but for where and when.
fn said(answer: &Answer) -> (u16, serde_json::Value, serde_json::Value) {
    let body = answer.json();
    (answer.status, body["error"].clone(), body["message"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_accepted_once() {
    let service = Service::start().await;
    let texted = service.enroll("anna", PHONE).await;
    let wrong = service.api.verify(&texted, &another(&texted.code)).await;
    assert_eq!((wrong.status, wrong.json()["message"].clone()), (400, json!("the code is wrong")));
    assert_eq!(service.api.stage(&texted.token).await, "pending");
    let right = service.api.verify(&texted, &texted.code).await;
    assert_eq!((right.status, right.body.as_str()), (200, ""));
    assert_eq!(service.api.stage(&texted.token).await, "succeeded");
    for code in [&texted.code, &another(&texted.code)] {
        let again = service.api.verify(&texted, code).await;
        assert_eq!(
            (again.status, again.json()["message"].clone()),
            (412, json!("the transaction has ended"))
        );
    }
    assert_eq!(service.api.stage(&texted.token).await, "succeeded", "an end is final");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_thirty_right_codes_at_once_one_is_accepted() {
    let service = Service::start().await;
    for round in 0..4 {
        let texted = service.enroll("anna", &format!("+4670123450{round}")).await;
        let api = service.api.clone();
        let statuses = at_once(30, |_| {
            let (api, texted) = (api.clone(), texted.clone());
            async move { api.verify(&texted, &texted.code).await }
        })
        .await;
        assert_eq!((count(&statuses, 200), count(&statuses, 412)), (1, 29), "{statuses:?}");
    }
    let user = service.api.user_named("anna").await.json();
    assert_eq!(user["phones"].as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_codes_fail_the_transaction_even_at_once() {
    let service = Service::start().await;
    let texted = service.enroll("anna", PHONE).await;
    for _ in 0..5 {
        let wrong = service.api.verify(&texted, &another(&texted.code)).await;
        assert_eq!(wrong.status, 400);
    }
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 412, "the right one");
    assert_eq!(service.api.status(&texted.token).await.status, 412);

    let texted = service.enroll("berta", "+46702223344").await;
    let api = service.api.clone();
    let statuses = at_once(30, |_| {
        let (api, texted) = (api.clone(), texted.clone());
        async move { api.verify(&texted, &another(&texted.code)).await }
    })
    .await;
    assert_eq!((count(&statuses, 400), count(&statuses, 412)), (5, 25), "{statuses:?}");
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 412, "the right one");
    let user = service.api.user(&texted.user).await.json();
    assert_eq!((&user["status"], &user["phones"]), (&json!("new"), &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_code_is_400_and_costs_no_try() {
    let service = Service::start().await;
    let texted = service.enroll("anna", PHONE).await;
    let longer = format!("{}0", texted.code);
    for code in ["", " ", "12345", "abcdef", "\u{661}23456", "123456789", &longer, "12-34-56"] {
        let answer = service.api.verify(&texted, code).await;
        assert_eq!(answer.status, 400, "{code}");
    }
    let path = format!("/api/v1/users/{}/verification", texted.user);
    for (body, says) in [
        (json!({"statusToken": texted.token}), "the field code is missing"),
        (json!({"code": texted.code}), "the field statusToken is missing"),
        (json!({"code": texted.code, "channel": "app"}), "the channel app is not available here"),
        (json!({"code": texted.code, "channel": "x"}), "the channel is unknown"),
        (
            json!({"code": 123_456, "statusToken": texted.token}),
            "the field code has the wrong type or value",
        ),
    ] {
        let answer = service.api.post(&path, body).await;
        assert_eq!((answer.status, text(&answer.json()["message"])), (400, says.to_owned()));
    }
    let answer = service.api.verify(&texted, &texted.code).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(service.api.verify(&texted, "no code").await.status, 412, "whatever is typed");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_unknown_is_404_in_the_same_words() {
    let service = Service::start().await;
    let anna = service.enroll("anna", PHONE).await;
    let berta = service.enroll("berta", "+46702223344").await;
    let nobody = "7e16ba00-92e2-4fcb-b30e-1af8fdc843aa".to_owned();
    let transaction = text(&service.api.status(&anna.token).await.json()["token"]);
    let unknown = |user: &str, token: &str| Texted {
        user: user.to_owned(),
        token: token.to_owned(),
        ..anna.clone()
    };
    let mut forged = anna.token.clone();
    forged.pop();
    let mut answers = Vec::new();
    for texted in [
        unknown(&nobody, &anna.token),
        unknown(&nobody, "x"),
        unknown("no-uuid", &anna.token),
        unknown(&anna.user, "x"),
        unknown(&anna.user, &forged),
        unknown(&anna.user, &transaction),
        unknown(&anna.user, &berta.token),
        unknown(&berta.user, &anna.token),
    ] {
        answers.push(service.api.verify(&texted, &anna.code).await);
    }
    answers.push(service.backend_of("t2").verify(&anna, &anna.code).await);
    answers.push(service.api.recover(&nobody, "AAAA-AAAA-AAAA-AAAA").await);
    let first = said(&answers[0]);
    assert_eq!(first.0, 404);
    for answer in &answers {
        assert_eq!(said(answer), first, "{}", answer.body);
    }
    assert_eq!(service.api.verify(&anna, &anna.code).await.status, 200, "no try was spent");
    assert_eq!(service.api.verify(&berta, &berta.code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_for_its_own_transaction_alone() {
    let service = Service::start().await;
    let first = service.enroll("anna", PHONE).await;
    let second = service.enroll("anna", "+46702223344").await;
    let other = service.enroll("berta", "+46705556677").await;
    assert!(first.code != second.code && first.code != other.code, "one in a million");
    assert_eq!(service.api.verify(&first, &second.code).await.status, 400);
    assert_eq!(service.api.verify(&second, &first.code).await.status, 400);
    assert_eq!(service.api.verify(&first, &other.code).await.status, 400);
    for texted in [&first, &second, &other] {
        assert_eq!(service.api.verify(texted, &texted.code).await.status, 200);
    }
    let approval = service.approve("anna", "+46702223344").await;
    assert_eq!(service.api.verify(&approval, &second.code).await.status, 400);
    let enrolled = Texted { token: second.token.clone(), ..approval.clone() };
    assert_eq!(service.api.verify(&enrolled, &approval.code).await.status, 412);
    assert_eq!(service.api.verify(&approval, &approval.code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_edited_redeems_nothing() {
    let service = Service::start().await;
    let texted = service.enroll("anna", PHONE).await;
    let berta = service.user("berta", "+46702223344").await;
    let file = rusqlite::Connection::open(service.gateway.file("dialpass.db")).unwrap();
    let edit = |sql: &str, value: &str| {
        let changed = file.execute(sql, [value, &texted.transaction]).unwrap();
        assert_eq!(changed, 1, "{sql}");
    };
    // The code would register another phone, or another user's.
    edit("UPDATE transactions SET number = ?1 WHERE transaction_id = ?2", "+46709998877");
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 400);
    edit("UPDATE transactions SET number = ?1 WHERE transaction_id = ?2", PHONE);
    edit("UPDATE transactions SET undertaking = ?1 WHERE transaction_id = ?2", "approve");
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 400);
    edit("UPDATE transactions SET undertaking = ?1 WHERE transaction_id = ?2", "enroll");
    edit("UPDATE transactions SET user_id = ?1 WHERE transaction_id = ?2", &berta);
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 404);
    edit("UPDATE transactions SET user_id = ?1 WHERE transaction_id = ?2", &texted.user);
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_in_any_field_does_more_than_be_refused() {
    let service = Service::start().await;
    let texted = service.enroll("anna", PHONE).await;
    let (long, deep) = ("x".repeat(8000), format!("{}{}", "[".repeat(200), "]".repeat(200)));
    let nasty = [
        "\u{0}",
        "\n",
        "\r\nx: y",
        "'; DROP TABLE users; --",
        "%00",
        "../../etc/passwd",
        "\u{202e}",
        "\u{1f600}",
        "{{CODE}}{{CODE}}",
        "{phone}",
        "${jndi:ldap://x}",
        "*)(uid=*",
        &long,
    ];
    let fields = [
        "username",
        "userId",
        "channel",
        "phone",
        "message",
        "code",
        "statusToken",
        "operation",
        "channels",
        "token",
    ];
    let verification = format!("/api/v1/users/{}/verification", texted.user);
    let paths = [
        "/api/v1/users/enroll",
        "/api/v1/approval",
        &verification,
        "/api/v1/status",
        "/api/v1/intent",
    ];
    let sent = service.provider.count();
    for path in paths {
        for field in fields {
            for text in nasty {
                // Nothing is needed to enroll an app.
                let mut body = json!({"channel": "sms"});
                body[field] = json!(text);
                let answer = service.api.post(path, body).await;
                assert!(
                    (400..500).contains(&answer.status),
                    "{path} {field} {text}: {}",
                    answer.body
                );
            }
            let deep = format!("{{\"channel\":\"sms\",\"{field}\":{deep}}}");
            let answer = service.api.post_text(path, &deep).await;
            assert!((400..500).contains(&answer.status), "{path} {field}: {}", answer.body);
        }
    }
    for text in nasty {
        assert!(!service.api.is_active(text).await, "{text}");
        let typed: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        for answer in [
            service.api.user_named(&typed).await,
            service.api.user(&typed).await,
            service.api.verify(&texted, text).await,
            service.api.recover(&texted.user, text).await,
            service.api.delete(&format!("/api/v1/users/{typed}")).await,
        ] {
            assert!((400..500).contains(&answer.status), "{text}: {}", answer.body);
        }
    }
    assert_eq!(service.provider.count(), sent);
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200, "and cost no try");
}
