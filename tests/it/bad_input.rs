//! What a broken or hostile client may send: each gets the status that the contract names, in the
//! contract's order, and none of it keeps the next caller from a code.

mod bodies;
mod connections;
mod hostile;

use serde_json::{Value, json};

use crate::support::gateway::{Answer, Gateway, clients, ldap_tenant, sections};
use crate::support::slapd::Slapd;
use crate::support::wire::{
    GET_OTP, OTP_TOKEN_AUTH, Operation, VALIDATE_OTP, VPN, ask, operations, pbx, request,
};

const JSON: (&str, &str) = ("content-type", "application/json");
const TENANT: (&str, &str) = ("tenant", "t1");

fn slapd() -> Slapd {
    Slapd::builder().users(0).without_tls().start()
}

/// A gateway that takes one number as often as these tests call, and holds no refusal back.
fn start(slapd: &Slapd) -> Gateway {
    let server = sections("limits = { calls_per_caller = { burst = 10000, per = \"1s\" } }");
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let login = "[tenants.login]\nrefusal_floor = \"0s\"\n";
    Gateway::start(&format!("{server}{tenant}{login}{}", clients()))
}

/// Holds an answer to the form that every refusal has.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, path: &str, what: &str) {
    assert_eq!(answer.status, status, "{what}: {answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    assert_eq!(answer.header("content-type"), "application/json", "{what}");
    assert_eq!(answer.header("x-request-id").len(), 32, "{what}");
    let body = answer.json();
    assert_eq!(body["status"], status, "{what}");
    assert_eq!(body["path"], path, "{what}");
    let title = reqwest::StatusCode::from_u16(status).unwrap().canonical_reason().unwrap();
    assert_eq!(body["error"], title, "{what}");
    assert!(body["timestamp"].as_str().expect("a time").ends_with('Z'), "{what}");
    assert_eq!(body["message"].is_string(), status == 400, "only a 400 explains itself: {what}");
    let names: Vec<&String> = body.as_object().expect("an object").keys().collect();
    assert!(
        names.iter().all(
            |name| ["error", "message", "status", "path", "timestamp"].contains(&name.as_str())
        ),
        "{what}: {names:?}"
    );
}

async fn still_works(gateway: &Gateway) {
    assert_eq!(gateway.code("+46701234567").await.len(), 6);
}

/// `body` of `operation` with one field set to `value`.
fn with(operation: &Operation, field: &str, value: Value) -> String {
    let mut body: Value = serde_json::from_str(operation.body).unwrap();
    body[field] = value;
    body.to_string()
}

/// The fields that an operation takes, and whether each must be there.
fn fields(operation: &Operation) -> &'static [(&'static str, bool)] {
    match operation.path {
        GET_OTP => {
            &[("phonenumber", true), ("callid", false), ("attestation", false), ("pin", false)]
        }
        VALIDATE_OTP => {
            &[("username", true), ("password", true), ("otp", true), ("clientip", false)]
        }
        _ => &[("username", true), ("otp", true), ("clientip", false)],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_thing_wrong_decides_the_status() {
    let slapd = slapd();
    let gateway = start(&slapd);
    let huge = "x".repeat(40_000);
    let text = ("content-type", "text/plain");
    for operation in operations() {
        let path = operation.path;
        let right = ("authorization", operation.authorization.as_str());
        let wrong = ("authorization", "Bearer wrong");
        let none: &[(&str, &str)] = &[text];
        for (what, method, headers, body, status) in [
            ("method before all", "GET", none, huge.as_str(), 405),
            ("no credential", "PUT", none, &huge, 401),
            ("no credential, for a known tenant", "PUT", &[TENANT, text], &huge, 401),
            ("a wrong credential", "POST", &[wrong, TENANT, text], &huge, 403),
            ("media type before size", "PUT", &[right, TENANT, text], &huge, 415),
            ("size before body", "PUT", &[right, TENANT, JSON], &huge, 413),
            ("the body", "POST", &[right, TENANT, JSON], "x", 400),
            ("the decision", "POST", &[right, TENANT, JSON], operation.body, 403),
        ] {
            let answer = ask(&gateway, &request(method, path, headers, body)).await;
            assert_refused(&answer, status, path, &format!("{path}: {what}"));
        }
    }
    still_works(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_method_is_405_and_names_those_that_are_allowed() {
    let slapd = slapd();
    let gateway = start(&slapd);
    for operation in operations() {
        for method in ["GET", "HEAD", "OPTIONS", "DELETE", "PATCH", "TRACE", "PROPFIND", "put"] {
            let path = operation.path;
            let headers = [("authorization", operation.authorization.as_str()), TENANT];
            let answer = ask(&gateway, &request(method, path, &headers, "")).await;
            assert_eq!(answer.header("allow"), "PUT, POST", "{method}");
            if method == "HEAD" {
                assert_eq!((answer.status, answer.header("cache-control")), (405, "no-store"));
            } else {
                assert_refused(&answer, 405, path, method);
            }
        }
    }
    still_works(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn put_and_post_are_the_same() {
    let slapd = slapd();
    let gateway = start(&slapd);
    let body = r#"{"phonenumber":"+46701234567"}"#;
    let authorization = pbx();
    let headers = [("authorization", authorization.as_str()), TENANT, JSON];
    let put = ask(&gateway, &request("PUT", GET_OTP, &headers, body)).await;
    let post = ask(&gateway, &request("POST", GET_OTP, &headers, body)).await;
    assert_eq!((put.status, post.status), (200, 200));
    assert_eq!(put.body, post.body);
    let otp = put.json()["otp"].as_str().unwrap().to_owned();
    assert_eq!(put.body, format!("{{\"otp\":\"{otp}\"}}"), "this and nothing more");
    let body = json!({"username": "anna", "password": "anna-secret", "otp": otp}).to_string();
    let headers = [("authorization", VPN), TENANT, JSON];
    let login = ask(&gateway, &request("POST", VALIDATE_OTP, &headers, body)).await;
    assert_eq!(login.status, 200);
    assert_eq!(login.header("cache-control"), "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_comes_from_the_header_or_the_credential_and_they_must_agree() {
    let slapd = slapd();
    let gateway = start(&slapd);
    let body = r#"{"phonenumber":"+46701234567"}"#;
    let authorization = pbx();
    let base = [("authorization", authorization.as_str()), JSON];
    for (tenants, status, reason) in [
        (&[][..], 200, "issued"),
        (&[TENANT], 200, "repeated"),
        (&[TENANT, TENANT], 200, "repeated"),
        (&[("Tenant", "t1")], 200, "repeated"),
        (&[TENANT, ("tenant", "t2")], 403, "tenant_header_unusable"),
        (&[("tenant", "nowhere"), TENANT], 403, "tenant_header_unusable"),
        (&[("tenant", "nowhere")], 403, "tenant_unknown"),
        (&[("tenant", "")], 403, "tenant_header_unusable"),
        (&[("tenant", "T1")], 403, "tenant_unknown"),
    ] {
        let headers = [&base[..], tenants].concat();
        let answer = ask(&gateway, &request("PUT", GET_OTP, &headers, body)).await;
        assert_eq!(answer.status, status, "{tenants:?}: {answer:?}");
        let event = gateway.audit_of(answer.header("x-request-id"));
        assert_eq!(event["reason"], reason, "{tenants:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_404() {
    let slapd = slapd();
    let gateway = start(&slapd);
    let authorization = pbx();
    let headers = [("authorization", authorization.as_str()), TENANT, JSON];
    for path in [
        "/",
        "/api/authentication/getotp",
        "/api/authentication/getOTP//",
        "/api/authentication/getOTP%2F",
        "/metrics",
        "/readyz",
        "/api/authentication/getOTP/../validateOTP",
        "/api//authentication/getOTP",
        "/%3Cscript%3E",
    ] {
        let answer = ask(&gateway, &request("PUT", path, &headers, "{}")).await;
        assert_refused(&answer, 404, path, path);
        assert!(!answer.body.contains('<'), "{path}");
    }
    let event = gateway.log();
    assert!(event.contains("/api/authentication/getotp"), "nearly an operation: {event}");
    // Nor is a slash behind it, or a query.
    for operation in operations() {
        let path = format!("{}/", operation.path);
        let authorization = ("authorization", operation.authorization.as_str());
        let headers = [authorization, TENANT, JSON];
        let answer = ask(&gateway, &request("POST", &path, &headers, operation.body)).await;
        assert_refused(&answer, 403, &path, &path);
    }
    let path = "/api/authentication/getOTP?x=y";
    let body = r#"{"phonenumber":"+46701234567"}"#;
    assert_eq!(ask(&gateway, &request("PUT", path, &headers, body)).await.status, 200);
    assert_eq!(ask(&gateway, &request("PUT", OTP_TOKEN_AUTH, &headers, "{}")).await.status, 403);
}
