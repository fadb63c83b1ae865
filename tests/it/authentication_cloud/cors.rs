//! Pages of other origins: what a browser lets them ask and read.

use serde_json::json;

use super::*;
use crate::support::gateway::Answer;

const OPEN: [&str; 3] = ["/api/v1/status", "/api/v1/users/enroll", "/api/v1/approval"];

async fn preflight(service: &Service, path: &str) -> Answer {
    let request = service
        .api
        .stranger()
        .request("OPTIONS", path)
        .header("origin", "https://shop.example.com")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    Answer::of(request).await
}

/// Whether a page of any origin may read the answer; never with the reader's cookies.
fn is_open(answer: &Answer) -> bool {
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    answer.header("access-control-allow-origin") == "*"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_may_ask_for_any_origin_at_three_paths_and_nowhere_else() {
    let service = Service::start().await;
    let slashed = OPEN.map(|path| format!("{path}/"));
    for path in OPEN.into_iter().chain(slashed.iter().map(String::as_str)) {
        let answer = preflight(&service, path).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{path}");
        assert!(is_open(&answer), "{path}");
        assert_eq!(answer.header("access-control-allow-methods"), "POST");
        let headers = answer.header("access-control-allow-headers").to_lowercase();
        assert!(headers.contains("authorization") && headers.contains("content-type"));
        assert!(answer.header("access-control-max-age").parse::<u32>().unwrap() > 0);
    }
    let id = uuid::Uuid::nil().to_string();
    for (method, path) in OPERATIONS {
        let path = path.replace("{id}", &id);
        if OPEN.contains(&path.as_str()) {
            continue;
        }
        let answer = preflight(&service, &path).await;
        assert_eq!((answer.status, is_open(&answer)), (405, false), "{path}");
        let answer = Answer::of(service.api.request(method, &path)).await;
        assert!(!is_open(&answer), "{path}");
    }
    for path in ["/api/v1", "/api/v1/nothing", "/api/authentication/getOTP"] {
        assert!(!is_open(&preflight(&service, path).await), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reads_answers_and_refusals_alike() {
    let service = Service::start().await;
    let texted = service.enroll("anna", PHONE).await;
    let stranger = service.api.stranger();
    let mut answers = vec![
        (200, service.api.status(&texted.token).await),
        (404, service.api.status("x").await),
        (400, stranger.post_text("/api/v1/status", "x").await),
        (405, Answer::of(stranger.request("GET", "/api/v1/status")).await),
        (401, stranger.enroll(json!({})).await),
        (403, service.api.with("stolen").enroll(json!({})).await),
        (400, service.api.enroll(json!({"channel": "fido2"})).await),
        (415, Answer::of(service.api.request("POST", "/api/v1/approval").body("x")).await),
        (404, service.api.approve(json!({"username": "nobody", "channel": "sms"})).await),
    ];
    for _ in 0..4 {
        service.enroll("anna", PHONE).await;
    }
    let more = json!({"username": "anna", "channel": "sms", "phone": PHONE});
    answers.push((429, service.api.enroll(more).await));
    for (status, answer) in answers {
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(is_open(&answer), "{status}");
        let readable = answer.header("access-control-expose-headers").to_lowercase();
        assert!(readable.contains("retry-after") && readable.contains("x-request-id"));
    }
}
