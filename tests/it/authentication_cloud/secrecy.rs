//! What must not be in logs, audit trail and metrics, at the chattiest level, after all that
//! can go right and wrong.

use serde_json::json;

use super::*;
use crate::secrecy::{all_output, find};
use crate::support::gateway::Answer;

const TYPED_NAME: &str = "somebody.who.is.not.here";
const TYPED_CODE: &str = "90817263";

/// Everything, and what of it is secret.
async fn exercise(service: &Service) -> Vec<String> {
    let api = &service.api;
    let (user, recovery) = service.recovery("anna").await;
    let enrolled = service.enroll("anna", PHONE).await;
    let mut secrets = vec![service.key.text.clone(), enrolled.code.clone(), enrolled.token.clone()];
    api.verify(&enrolled, &another(&enrolled.code)).await;
    api.verify(&enrolled, TYPED_CODE).await;
    assert_eq!(api.verify(&enrolled, &enrolled.code).await.status, 200);
    let approval = service.approve("anna", PHONE).await;
    secrets.extend([approval.code.clone(), approval.token.clone()]);
    api.verify(&approval, &enrolled.code).await;
    assert_eq!(api.verify(&approval, &approval.code).await.status, 200);
    let vouching = text(&api.status(&approval.token).await.json()["token"]);
    assert!(api.is_active(&vouching).await);
    api.introspect(&service.key.text).await;
    let intent = api.intent(json!({"username": "anna", "operation": "enroll"})).await;
    let frontend = api.with(&intent);
    let second = frontend.enroll(json!({"channel": "sms", "phone": "+46702223344"})).await;
    assert_eq!(second.status, 201);
    secrets.extend([vouching, intent, service.code("+46702223344")]);
    assert_eq!(frontend.enroll(json!({"channel": "sms", "phone": PHONE})).await.status, 403);
    assert_eq!(api.recover(&user, &recovery[0]).await.status, 200);
    api.recover(&user, &recovery[0]).await;
    api.recover(&user, &recovery[1].to_lowercase()).await;
    secrets.extend([recovery[1].to_lowercase(), recovery[1].replace('-', "")]);
    secrets.extend(recovery);
    let called_in = service.gateway.code(PHONE).await;
    assert_eq!(service.gateway.login("anna", "", &called_in).await.status, 200);
    secrets.push(called_in);
    // What is typed in the wrong place.
    for token in ["stolen-secret", TYPED_CODE, &enrolled.token] {
        api.with(token).get("/ping").await;
        api.with(token).enroll(json!({"username": TYPED_NAME})).await;
        api.introspect(token).await;
        api.status(token).await;
    }
    api.user_named(TYPED_NAME).await;
    api.user(TYPED_NAME).await;
    api.approve(json!({"username": TYPED_NAME, "channel": "sms"})).await;
    for body in [
        "stolen-secret",
        r#"{"phone":"0701234567","channel":"sms"}"#,
        r#"{"channel":"stolen-secret"}"#,
    ] {
        api.post_text("/api/v1/users/enroll", body).await;
    }
    // While no provider and no store takes anything.
    service.provider.behave(Manner::Answer("500 Oh no", "stolen-secret".to_owned()));
    let failed = api.approve(json!({"username": "anna", "channel": "sms"})).await;
    assert_eq!(failed.status, 502);
    secrets.push(service.code("+46701234567"));
    let intruder = rusqlite::Connection::open(service.gateway.file("dialpass.db")).unwrap();
    intruder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(api.verify(&approval, &approval.code).await.status, 503);
    intruder.execute_batch("COMMIT").unwrap();
    secrets
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_written_at_any_log_level() {
    let chatty = "[log]\nlevel = \"trace\"\n[audit]\nfile = \"audit.log\"\n[ops]\n";
    let service = Service::start_with(|config| config.replacen("[ops]\n", chatty, 1), &[]).await;
    let mut secrets = exercise(&service).await;
    secrets.extend(["stolen-secret", TYPED_CODE, TYPED_NAME].map(str::to_owned));
    let key = std::fs::read_to_string(service.gateway.file("server-key.hex")).unwrap();
    secrets.push(key.trim().to_owned());
    // Also the tokens' signatures, by which they could be put together again.
    let signatures: Vec<_> = secrets
        .iter()
        .filter(|secret| secret.starts_with("eyJ"))
        .map(|token| token.rsplit('.').next().expect("a JWT").to_owned())
        .collect();
    assert_eq!(signatures.len(), 4);
    secrets.extend(signatures);
    let told = all_output(&service.gateway).await;
    for (place, said) in &told {
        for secret in &secrets {
            let found = find(said, secret);
            assert!(found.is_none(), "{secret} in {place}: {found:?}");
        }
        for line in said.lines() {
            let digits: String = line
                .chars()
                .filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '+'))
                .collect();
            for number in ["701234567", "702223344"] {
                assert!(!digits.contains(number), "a number in {place}: {line}");
            }
        }
    }
    let audit = std::fs::read_to_string(service.gateway.file("audit.log")).unwrap();
    assert!(audit.contains("+46*****4567"), "the audit file has the events, with masked numbers");
    for reason in [
        "enrollment_begun",
        "code_wrong",
        "code_right",
        "recovery_code_right",
        "intent_used",
        "text_not_sent",
        "store_unavailable",
    ] {
        assert!(audit.contains(&format!("\"reason\":\"{reason}\"")), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_holds_no_code_no_token_and_no_key() {
    let service = Service::start().await;
    let secrets = exercise(&service).await;
    let live = service.gateway.file("dialpass.db");
    let mut bytes = std::fs::read(&live).unwrap();
    bytes.extend(std::fs::read(live.with_extension("db-wal")).unwrap_or_default());
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    for secret in secrets {
        assert!(!holds(&secret), "{secret} in the store");
    }
    assert!(holds("anna") && holds(PHONE), "what was read is the store");
    let answer: Answer = service.api.get("/ping").await;
    assert_eq!(answer.status, 200);
}
