//! Refusals that look alike, whatever their reason, and what all answers have in common.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::gateway::{Answer, Gateway, clients, ldap_tenant, sections, sha256};
use crate::support::slapd::Slapd;
use crate::support::wire::{GET_OTP, OTP_TOKEN_AUTH, VALIDATE_OTP};

/// A client `extra` with another secret for each tenant but the first.
fn extra(secret: &str) -> String {
    format!(
        "[[tenants.clients]]\nname = \"extra\"\noperations = [\"getOTP\", \"validateOTP\"]\n\
         bearer = {{ token_sha256 = \"{}\" }}\n",
        sha256(secret)
    )
}

/// Tenant `t1` as usual but for one code an hour; `vouched` takes no call without attestation;
/// `down` has no directory.
fn config(slapd: &Slapd, style: &str) -> String {
    let style = format!("status_style = \"{style}\"\n");
    let tenant = |id: &str, server: &str| {
        let text = ldap_tenant(id, &[server], "");
        text.replacen("country", &format!("{style}country"), 1)
    };
    let limits = "[tenants.limits]\ncodes_per_user = { burst = 1, per = \"1h\" }\n\
                  wrong_passwords_per_user = { burst = 3, per = \"1h\" }\n\
                  wrong_codes_per_user = { burst = 1, per = \"1h\" }\n";
    let floor = "[tenants.login]\nrefusal_floor = \"100ms\"\n";
    format!(
        "{}{}{floor}{limits}{}{}{floor}[tenants.calls]\nminimum_attestation = \"A\"\n{}{}{floor}{}",
        sections(""),
        tenant("t1", &slapd.url()),
        clients(),
        tenant("vouched", &slapd.url()),
        extra("vouched-secret"),
        tenant("down", "ldap://127.0.0.1:9"),
        extra("down-secret"),
    )
}

fn call(gateway: &Gateway, body: &Value) -> RequestBuilder {
    gateway.http.put(gateway.url(GET_OTP)).json(body)
}

fn login(gateway: &Gateway, body: &Value) -> RequestBuilder {
    gateway.http.put(gateway.url(VALIDATE_OTP)).json(body)
}

/// All of an answer that a client can tell from another: with the two texts that differ each
/// time replaced by their lengths.
fn look(answer: &Answer) -> (u16, BTreeMap<String, String>, Value, usize) {
    let mut headers = BTreeMap::new();
    for (name, value) in &answer.headers {
        let value = value.to_str().unwrap();
        let shown = match name.as_str() {
            "date" | "x-request-id" => format!("{} bytes", value.len()),
            _ => value.to_owned(),
        };
        assert!(headers.insert(name.to_string(), shown).is_none(), "{name} twice");
    }
    let mut body = answer.json();
    if let Some(timestamp) = body.get_mut("timestamp") {
        *timestamp = json!(timestamp.as_str().expect("a time").len());
    }
    (answer.status, headers, body, answer.body.len())
}

/// Sends each request and holds all answers to one look, and to their reasons in the audit trail.
async fn assert_alike(
    gateway: &Gateway,
    refused: Vec<(&str, RequestBuilder)>,
) -> (u16, BTreeMap<String, String>, Value, usize) {
    let mut first = None;
    for (reason, request) in refused {
        let answer = Answer::of(request).await;
        let event = gateway.audit_of(answer.header("x-request-id"));
        assert_eq!(event["reason"], reason, "{event}");
        assert_eq!(event["status"], answer.status, "{event}");
        assert_eq!(event["outcome"], "refused", "{event}");
        let look = look(&answer);
        assert_eq!(&look, first.get_or_insert_with(|| look.clone()), "{reason}");
    }
    first.expect("a refusal")
}

/// Every way for a call to be refused that the contract gives one face, but those about load.
fn refused_calls(gateway: &Gateway) -> Vec<(&'static str, RequestBuilder)> {
    let anna = json!({"phonenumber": "+46701234567"});
    let pbx = |number: &str| {
        call(gateway, &json!({"phonenumber": number})).basic_auth("pbx", Some("pbx-secret"))
    };
    let of = |tenant: &'static str, request: RequestBuilder| request.header("tenant", tenant);
    vec![
        ("number_unknown", pbx("+46709990000")),
        ("number_withheld", pbx("anonymous")),
        ("number_withheld", pbx("")),
        ("number_unparseable", pbx("abc")),
        ("number_unparseable", pbx(&"7".repeat(9_000))),
        ("number_ambiguous", pbx("+46703334455")),
        ("number_ambiguous", pbx("+46709999999")),
        ("disabled", pbx("+46704445566")),
        ("attestation_too_low", call(gateway, &anna).bearer_auth("vouched-secret")),
        ("tenant_unknown", of("nowhere", pbx("+46701234567"))),
        ("tenant_mismatch", of("vouched", pbx("+46701234567"))),
        ("tenant_header_unusable", of("a b", pbx("+46701234567"))),
        ("tenant_header_unusable", of("vouched", of("t1", pbx("+46701234567")))),
        ("operation_not_allowed", call(gateway, &anna).bearer_auth("vpn-secret")),
        ("credential_wrong", call(gateway, &anna).basic_auth("pbx", Some("wrong"))),
        ("credential_wrong", call(gateway, &anna).basic_auth("nobody", Some("pbx-secret"))),
        ("credential_wrong", call(gateway, &anna).bearer_auth("wrong")),
        ("credential_wrong", call(gateway, &anna).header("authorization", "Digest x")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn all_refused_calls_look_alike() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let gateway = Gateway::start(&config(&slapd, "phenixid"));
    let code = gateway.code("+46701234567").await;
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
    let mut refused = refused_calls(&gateway);
    let anna = json!({"phonenumber": "+46701234567"});
    refused.push(("codes_per_user", call(&gateway, &anna).basic_auth("pbx", Some("pbx-secret"))));
    refused.push(("directory_unavailable", call(&gateway, &anna).bearer_auth("down-secret")));
    let (status, headers, body, _) = assert_alike(&gateway, refused).await;
    assert_eq!(status, 403);
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(
        body,
        json!({"error": "Forbidden", "status": 403, "path": GET_OTP,
            "timestamp": "2026-01-01T00:00:00.000Z".len()})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flooding_client_looks_like_any_other_refused_one() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let server = sections("limits = { requests_per_client = { burst = 1, per = \"1h\" } }");
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let gateway = Gateway::start(&format!("{server}{tenant}{}", clients()));
    let pbx = || {
        call(&gateway, &json!({"phonenumber": "+46709990000"}))
            .basic_auth("pbx", Some("pbx-secret"))
    };
    assert_alike(&gateway, vec![("number_unknown", pbx()), ("flood", pbx())]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_refused_logins_look_alike() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let gateway = Gateway::start(&config(&slapd, "phenixid"));
    let try_as = |username: &str, password: &str, otp: &str| {
        let body = json!({"username": username, "password": password, "otp": otp});
        login(&gateway, &body).bearer_auth("vpn-secret")
    };
    let anna = json!({"username": "anna", "password": "anna-secret", "otp": "123456"});
    let anna_code = gateway.code("+46701234567").await;
    let bob_code = gateway.code("+46702223344").await;
    let erik_code = gateway.code("+46705556677").await;
    // A code that is none of the three.
    let wrong = (0..4)
        .map(|n| format!("{n:06}"))
        .find(|code| [&anna_code, &bob_code, &erik_code].into_iter().all(|known| known != code));
    let wrong = wrong.expect("four codes are not three");
    let refused = vec![
        ("user_unknown", try_as("nobody", "secret", "123456")),
        ("user_unknown", try_as("*", "secret", "123456")),
        ("user_unknown", try_as("anna@elsewhere.example", "anna-secret", &anna_code)),
        ("name_malformed", try_as("", "secret", "123456")),
        ("disabled", try_as("diana", "diana-secret", "123456")),
        ("no_live_code", try_as("fia", "fia-secret", "123456")),
        ("code_malformed", try_as("anna", "anna-secret", "12345")),
        ("code_malformed", try_as("anna", "anna-secret", "")),
        ("password_missing", try_as("anna", "", &anna_code)),
        ("wrong_password", try_as("anna", "wrong", &wrong)),
        ("wrong_passwords_per_user", try_as("anna", "anna-secret", &wrong)),
        ("wrong_password", try_as("anna", "wrong", &anna_code)),
        ("code_wrong", try_as("bob", "bob-secret", &wrong)),
        ("wrong_codes_per_user", try_as("bob", "bob-secret", &wrong)),
        ("code_wrong", try_as("erik", "erik-secret", &wrong)),
        ("operation_not_allowed", login(&gateway, &anna).basic_auth("pbx", Some("pbx-secret"))),
        ("credential_wrong", login(&gateway, &anna).bearer_auth("wrong")),
        ("tenant_unknown", try_as("anna", "x", "123456").header("tenant", "nowhere")),
        ("tenant_mismatch", try_as("anna", "x", "123456").header("tenant", "down")),
        ("directory_unavailable", login(&gateway, &anna).bearer_auth("down-secret")),
    ];
    let (status, headers, body, _) = assert_alike(&gateway, refused).await;
    assert_eq!(status, 403);
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(
        body,
        json!({"error": "Forbidden", "status": 403, "path": VALIDATE_OTP,
            "timestamp": "2026-01-01T00:00:00.000Z".len()})
    );

    let token = |body: Value| {
        gateway.http.put(gateway.url(OTP_TOKEN_AUTH)).json(&body).bearer_auth("vpn-secret")
    };
    let needs_password = vec![
        ("operation_needs_password", token(json!({"username": "erik", "otp": erik_code}))),
        (
            "operation_needs_password",
            token(json!({"username": "erik", "password": "erik-secret", "otp": erik_code})),
        ),
        ("operation_needs_password", token(json!({"username": "nobody", "otp": "x"}))),
    ];
    let (status, _, body, _) = assert_alike(&gateway, needs_password).await;
    assert_eq!((status, &body["path"]), (403, &json!(OTP_TOKEN_AUTH)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_http_style_says_when_to_come_again_and_nothing_else_more() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let gateway = Gateway::start(&config(&slapd, "http"));
    let code = gateway.code("+46701234567").await;
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
    let (status, headers, ..) = assert_alike(&gateway, refused_calls(&gateway)).await;
    assert_eq!((status, headers.get("retry-after")), (403, None));

    let assert_later = |answer: &Answer, status: u16, reason: &str, most: u64| {
        let event = gateway.audit_of(answer.header("x-request-id"));
        assert_eq!((answer.status, &event["reason"]), (status, &json!(reason)));
        let seconds: u64 = answer.header("retry-after").parse().expect("whole seconds");
        assert!((1..=most).contains(&seconds), "{reason}: {seconds}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let title = if status == 429 { "Too Many Requests" } else { "Service Unavailable" };
        assert_eq!(answer.json()["error"], title);
        assert_eq!(answer.json()["status"], status);
        assert!(answer.json().get("message").is_none());
    };
    assert_later(&gateway.call("+46701234567").await, 429, "codes_per_user", 3600);
    let anna = json!({"phonenumber": "+46701234567"});
    let down = Answer::of(call(&gateway, &anna).bearer_auth("down-secret")).await;
    assert_later(&down, 503, "directory_unavailable", 60);
    let anna = json!({"username": "anna", "password": "x", "otp": "123456"});
    let down = Answer::of(login(&gateway, &anna).bearer_auth("down-secret")).await;
    assert_later(&down, 503, "directory_unavailable", 60);
    let code = gateway.code("+46702223344").await;
    assert_eq!(gateway.login("bob", "wrong", "000000").await.status, 403);
    let answer = gateway.login("bob", "bob-secret", "000000").await;
    if code != "000000" {
        // 429 would tell that the user has a live code.
        assert_eq!((answer.status, answer.headers.get("retry-after")), (403, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_answered_in_the_form_that_it_asks_for() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let gateway = Gateway::on(&slapd);
    let with = |accept: &'static str, number: &str| {
        let request = call(&gateway, &json!({"phonenumber": number}))
            .basic_auth("pbx", Some("pbx-secret"))
            .header("accept", accept);
        Answer::of(request)
    };
    let code = gateway.code("+46701234567").await;
    for (accept, media_type, body) in [
        ("text/plain", "text/plain; charset=utf-8", code.clone()),
        ("text/plain;q=0.9, application/json;q=0.1", "text/plain; charset=utf-8", code.clone()),
        ("application/json", "application/json", format!("{{\"otp\":\"{code}\"}}")),
        ("*/*", "application/json", format!("{{\"otp\":\"{code}\"}}")),
        ("text/html", "application/json", format!("{{\"otp\":\"{code}\"}}")),
        ("application/problem+json", "application/json", format!("{{\"otp\":\"{code}\"}}")),
    ] {
        let answer = with(accept, "+46701234567").await;
        assert_eq!(answer.status, 200, "{accept}");
        assert_eq!((answer.header("content-type"), &answer.body), (media_type, &body), "{accept}");
        assert_eq!(answer.header("cache-control"), "no-store", "{accept}");
    }

    let problem = with("application/problem+json", "+46709990000").await;
    assert_eq!(problem.status, 403);
    assert_eq!(problem.header("content-type"), "application/problem+json");
    assert_eq!(problem.header("cache-control"), "no-store");
    assert_eq!(
        problem.json(),
        json!({"type": "about:blank", "title": "Forbidden", "status": 403, "instance": GET_OTP})
    );
    let plain = with("text/plain", "+46709990000").await;
    assert_eq!((plain.status, plain.header("content-type")), (403, "application/json"));
    let malformed = call(&gateway, &json!({}))
        .basic_auth("pbx", Some("pbx-secret"))
        .header("accept", "application/problem+json");
    let malformed = Answer::of(malformed).await;
    assert_eq!(malformed.status, 400);
    assert_eq!(malformed.header("content-type"), "application/problem+json");
    assert!(malformed.json()["detail"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_refused_calls_look_alike_as_problems_too() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let gateway = Gateway::start(&config(&slapd, "phenixid"));
    let refused = refused_calls(&gateway)
        .into_iter()
        .map(|(reason, request)| (reason, request.header("accept", "application/problem+json")));
    let (status, headers, ..) = assert_alike(&gateway, refused.collect()).await;
    assert_eq!((status, headers["content-type"].as_str()), (403, "application/problem+json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_may_have_its_codes_spelt_out() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let tenant = tenant.replacen("country", "spoken = true\ncountry", 1);
    let otp = "[tenants.otp]\nlength = 8\nlifetime = \"2m\"\n";
    let gateway = Gateway::start(&format!("{}{tenant}{otp}{}", sections(""), clients()));
    let answer = gateway.call("+46701234567").await;
    let body = answer.json();
    let code = body["otp"].as_str().expect("an otp");
    assert_eq!(code.len(), 8);
    let spelt: Vec<String> = code.chars().map(String::from).collect();
    assert_eq!(body["otp_spoken"], spelt.join(", "));
    let expires_in = body["expires_in"].as_u64().expect("seconds");
    assert!((100..=120).contains(&expires_in), "{expires_in}");
    assert_eq!(body.as_object().expect("an object").len(), 3);
    assert_eq!(gateway.login("anna", "anna-secret", code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_credential_is_asked_for_one() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let gateway = Gateway::on(&slapd);
    for path in [GET_OTP, VALIDATE_OTP, OTP_TOKEN_AUTH] {
        let answer = Answer::of(gateway.http.put(gateway.url(path)).json(&json!({}))).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("cache-control"), "no-store");
        let asked: Vec<&str> = answer
            .headers
            .get_all("www-authenticate")
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        assert!(asked.iter().any(|value| value.starts_with("Basic realm=")), "{asked:?}");
        assert!(asked.iter().any(|value| value.starts_with("Bearer realm=")), "{asked:?}");
        let event = gateway.audit_of(answer.header("x-request-id"));
        assert_eq!((&event["reason"], &event["status"]), (&json!("no_credential"), &json!(401)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_depended_on_the_directory_waits_for_the_floor_and_no_other_does() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let floor = Duration::from_secs(5);
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let login_section = "[tenants.login]\nrefusal_floor = \"5s\"\n";
    let server = sections("request_deadline = \"30s\"");
    let gateway = Gateway::start(&format!("{server}{tenant}{login_section}{}", clients()));
    let code = gateway.code("+46701234567").await;
    let wrong = if code == "000000" { "000001" } else { "000000" };

    let began = Instant::now();
    let held = async {
        let tries = [
            ("nobody", "secret", "123456"),
            ("diana", "diana-secret", "123456"),
            ("fia", "fia-secret", "123456"),
            ("anna", "wrong", wrong),
            ("anna", "wrong", code.as_str()),
            ("anna", "anna-secret", wrong),
        ];
        let tries = tries.map(|(name, password, otp)| {
            let gateway = &gateway;
            async move {
                let answer = gateway.login(name, password, otp).await;
                (name, answer, began.elapsed())
            }
        });
        for (name, answer, took) in futures_util::future::join_all(tries).await {
            assert_eq!(answer.status, 403);
            assert!(took >= floor, "{name} after {took:?}");
        }
    };
    let body = json!({"username": "anna", "password": "x", "otp": "123456"});
    let at_once = async {
        for (status, request) in [
            (403, login(&gateway, &body).bearer_auth("wrong")),
            (403, login(&gateway, &body).basic_auth("pbx", Some("pbx-secret"))),
            (401, login(&gateway, &body)),
            (400, login(&gateway, &json!({})).bearer_auth("vpn-secret")),
        ] {
            assert_eq!(Answer::of(request).await.status, status);
        }
        for (name, password, otp) in
            [("anna", "", "123456"), ("anna", "x", "1"), ("", "anna-secret", "123456")]
        {
            assert_eq!(gateway.login(name, password, otp).await.status, 403);
        }
        // A right login and a refused call have nothing to hide in their time.
        assert_eq!(gateway.call("+46709990000").await.status, 403);
        let bob = gateway.code("+46702223344").await;
        assert_eq!(gateway.login("bob", "bob-secret", &bob).await.status, 200);
    };
    // Requests that are not held back are answered before those that are.
    tokio::pin!(held);
    tokio::select! {
        () = at_once => {}
        () = &mut held => panic!("what needs no floor waited for it"),
    }
    held.await;
}
