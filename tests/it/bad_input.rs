//! What a broken or hostile client may send: each gets the status that the contract names, in the
//! contract's order, and none of it keeps the next caller from a code.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::gateway::{Answer, Gateway, PATIENCE, clients, ldap_tenant, sections};
use crate::support::slapd::Slapd;
use crate::support::wire::{
    GET_OTP, OTP_TOKEN_AUTH, Operation, VALIDATE_OTP, VPN, Wire, ask, exchange, head, operations,
    pbx, request,
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
async fn a_body_that_is_not_an_object_of_strings_is_400() {
    let slapd = slapd();
    let gateway = start(&slapd);
    for operation in operations() {
        let path = operation.path;
        let first = fields(&operation)[0].0;
        let deep = format!("{{\"x\":{}", "[".repeat(7000));
        let twice = format!("{},\"{first}\":\"x\"}}", operation.body.trim_end_matches('}'));
        let trailing = format!("{} x", operation.body);
        let surrogate = operation.body.replacen(":\"", ":\"\\ud800", 1);
        let bytes: Vec<(&str, Vec<u8>)> = vec![
            ("no body", Vec::new()),
            ("blanks", b"  \r\n".to_vec()),
            ("no JSON", b"phonenumber=%2B46701234567".to_vec()),
            ("half an object", operation.body.as_bytes()[..10].to_vec()),
            ("an array", b"[]".to_vec()),
            ("an array of strings", b"[\"+46701234567\",\"a\",\"b\",\"c\"]".to_vec()),
            ("a number", b"46701234567".to_vec()),
            ("a string", b"\"+46701234567\"".to_vec()),
            ("null", b"null".to_vec()),
            ("true", b"true".to_vec()),
            ("an empty object", b"{}".to_vec()),
            ("a field twice", twice.into_bytes()),
            ("more after the object", trailing.into_bytes()),
            ("a lone surrogate", surrogate.into_bytes()),
            (
                "two byte order marks",
                [b"\xef\xbb\xbf\xef\xbb\xbf", operation.body.as_bytes()].concat(),
            ),
            (
                "a bare control character",
                operation.body.replacen(":\"", ":\"\u{1}", 1).into_bytes(),
            ),
            ("Latin-1", [&operation.body.as_bytes()[..20], b"\xe5\"}"].concat()),
            ("UTF-16", operation.body.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            ("deep nesting without an end", deep.into_bytes()),
        ];
        for (what, body) in bytes {
            let answer = ask(&gateway, &operation.with_body(&body)).await;
            assert_refused(&answer, 400, path, &format!("{path}, {what}"));
        }
        for (field, required) in fields(&operation) {
            let odd = [
                json!(46_701_234_567_u64),
                json!(-1.5),
                json!(true),
                json!([[]]),
                json!({"a": {}}),
            ];
            for value in required.then_some(json!(null)).into_iter().chain(odd) {
                let what = format!("{path}, {field} = {value}");
                let is_null = value.is_null();
                let body = with(&operation, field, value);
                let answer = ask(&gateway, &operation.with_body(&body)).await;
                assert_refused(&answer, 400, path, &what);
                let told = format!(
                    "the field {field} is {}",
                    if is_null { "missing" } else { "not a string" }
                );
                assert_eq!(answer.json()["message"], told, "{what}");
            }
            if *required {
                let mut body: Value = serde_json::from_str(operation.body).unwrap();
                body.as_object_mut().unwrap().remove(*field);
                let answer = ask(&gateway, &operation.with_body(body.to_string())).await;
                assert_refused(&answer, 400, path, &format!("{path}, no {field}"));
                assert_eq!(answer.json()["message"], format!("the field {field} is missing"));
            }
        }
    }
    assert_eq!(slapd.searches(), 0, "none of it reached the directory");
    still_works(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_400_says_what_to_mend() {
    let slapd = slapd();
    let gateway = start(&slapd);
    let utf16: Vec<u8> =
        r#"{"phonenumber":"+46701234567"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (body, message) in [
        (&b"{\"phonenumber\":\"+46701234567\",\"callid\":\"Malm\xf6\"}"[..], "UTF-8"),
        (&utf16, "UTF-8"),
        (&[b"\xff\xfe", &utf16[..]].concat(), "UTF-8"),
        (
            br#"{"phonenumber":"+46701234567","phonenumber":null}"#,
            "field phonenumber appears twice",
        ),
        (br#"{"callid":"1","callid":"2","phonenumber":"1"}"#, "field callid appears twice"),
        (br#"{"phonenumber":46701234567}"#, "field phonenumber is not a string"),
        (b"{}", "field phonenumber is missing"),
        (b"phonenumber=%2B46701234567", "not a JSON object"),
    ] {
        let answer = ask(&gateway, &operations()[0].with_body(body)).await;
        let told = answer.json()["message"].as_str().expect("a message").to_owned();
        assert!(answer.status == 400 && told.contains(message), "{message}: {told}");
    }
    assert_eq!(slapd.searches(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn null_is_like_left_out_and_a_byte_order_mark_is_passed_over() {
    let slapd = slapd();
    let gateway = start(&slapd);
    for body in [
        r#"{"phonenumber":"+46701234567","callid":null,"attestation":null,"pin":null}"#,
        "\u{feff}{\"phonenumber\":\"+46701234567\"}",
        "\u{feff}\r\n {\"phonenumber\":\"+46701234567\"}\r\n",
    ] {
        let answer = ask(&gateway, &operations()[0].with_body(body)).await;
        assert_eq!(answer.status, 200, "{body}: {answer:?}");
    }
    let otp = gateway.code("+46701234567").await;
    let body = json!({"username": "anna", "password": "anna-secret", "otp": otp,
        "passcode": null, "clientip": null});
    let answer = ask(&gateway, &operations()[1].with_body(body.to_string())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn further_fields_are_ignored_whatever_they_hold() {
    let slapd = slapd();
    let gateway = start(&slapd);
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    for value in [json!(1), json!(null), json!({"a": [1, {"b": null}]}), json!("x"), deep] {
        let body = json!({"phonenumber": "+46701234567", "lang": value, "Phonenumber": value});
        let [get_otp, ..] = operations();
        let answer = ask(&gateway, &get_otp.with_body(body.to_string())).await;
        assert_eq!(answer.status, 200, "{value}");
    }
    let answer = ask(
        &gateway,
        &operations()[0].with_body(
            br#"{"phonenumber":"+46701234567","callid":"1","attestation":"A","pin":"1234"}"#,
        ),
    )
    .await;
    assert_eq!(answer.status, 200);
    // However deep what is ignored goes: nothing is built of it.
    let deep = format!(
        "{{\"phonenumber\":\"+46701234567\",\"x\":{}{}}}",
        "[".repeat(7000),
        "]".repeat(7000)
    );
    assert_eq!(ask(&gateway, &operations()[0].with_body(&deep)).await.status, 200);
    let otp = gateway.code("+46701234567").await;
    let body = json!({"username": "anna", "password": "anna-secret", "otp": otp, "x": {"y": 1}});
    let answer = ask(&gateway, &operations()[1].with_body(body.to_string())).await;
    assert_eq!(answer.status, 200, "{}", gateway.log());
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
async fn a_body_is_json_or_a_form_by_its_media_type() {
    let slapd = slapd();
    let gateway = start(&slapd);
    for operation in operations() {
        let path = operation.path;
        let authorization = ("authorization", operation.authorization.as_str());
        let none = request("PUT", path, &[authorization, TENANT], operation.body);
        assert_refused(&ask(&gateway, &none).await, 415, path, "no media type");
        for (media_type, status) in [
            ("application/json", 403),
            ("Application/JSON", 403),
            ("application/json; charset=utf-8", 403),
            ("application/json;charset=UTF-8", 403),
            ("application/json; charset=\"utf-8\"", 403),
            ("application/json; charset=UTF8", 403),
            ("application/json; charset=\"US-ASCII\"", 403),
            ("application/json; charset='utf-8'", 403),
            ("application/json; Charset=Utf-8; x=y", 403),
            ("application/json; charset=iso-8859-1", 415),
            ("application/json; charset=utf-8; charset=latin1", 415),
            ("application/json; charset=utf-16", 415),
            ("application/problem+json", 415),
            ("application/jsonx", 415),
            ("text/json", 415),
            ("text/plain", 415),
            ("application/x-www-form-urlencoded; charset=windows-1252", 415),
            ("multipart/form-data; boundary=x", 415),
            ("*/*", 415),
            ("", 415),
            ("json", 415),
        ] {
            let headers = [authorization, TENANT, ("content-type", media_type)];
            let answer = ask(&gateway, &request("PUT", path, &headers, operation.body)).await;
            assert_refused(&answer, status, path, media_type);
        }
    }
    still_works(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_a_megabyte_reads_the_413() {
    let slapd = slapd();
    let gateway = start(&slapd);
    let filler = "x".repeat(1 << 20);
    for operation in operations() {
        let body = with(&operation, "more", json!(filler));
        let answer = ask(&gateway, &operation.with_body(&body)).await;
        assert_refused(&answer, 413, operation.path, "with a length");

        let authorization = ("authorization", operation.authorization.as_str());
        let headers = [authorization, TENANT, JSON, ("transfer-encoding", "chunked")];
        let mut chunked = head("PUT", operation.path, &headers);
        chunked.extend_from_slice(b"\r\n");
        for chunk in body.as_bytes().chunks(1000) {
            chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            chunked.extend_from_slice(chunk);
            chunked.extend_from_slice(b"\r\n");
        }
        chunked.extend_from_slice(b"0\r\n\r\n");
        let answer = ask(&gateway, &chunked).await;
        assert_refused(&answer, 413, operation.path, "in chunks");

        // A library that sends the whole body before it reads.
        let request = gateway
            .http
            .put(gateway.url(operation.path))
            .header("authorization", &operation.authorization)
            .header("content-type", "application/json")
            .body(body);
        assert_eq!(Answer::of(request).await.status, 413);
    }
    // The same for whom the body is not even read.
    for (headers, status) in [(&[JSON][..], 401), (&[("authorization", "Bearer x"), JSON], 403)] {
        let answer = ask(&gateway, &request("PUT", GET_OTP, headers, &filler)).await;
        assert_refused(&answer, status, GET_OTP, "a megabyte of a stranger's");
    }
    still_works(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_up_to_the_limit_is_read_in_chunks_as_with_a_length() {
    let slapd = slapd();
    let gateway = start(&slapd);
    let [get_otp, ..] = operations();
    let body = json!({"phonenumber": "+46701234567", "more": "x".repeat(15_000)}).to_string();
    assert_eq!(ask(&gateway, &get_otp.with_body(&body)).await.status, 200);
    let authorization = ("authorization", get_otp.authorization.as_str());
    let headers = [authorization, TENANT, JSON, ("transfer-encoding", "chunked")];
    let mut chunked = head("PUT", GET_OTP, &headers);
    chunked.extend_from_slice(b"\r\n");
    for byte in body.as_bytes().chunks(7) {
        chunked.extend_from_slice(format!("{:x}\r\n", byte.len()).as_bytes());
        chunked.extend_from_slice(byte);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(ask(&gateway, &chunked).await.status, 200);
}

/// Texts that mean something to one layer or another.
fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = [
        "\0",
        "anna\0",
        "\0anna",
        "*",
        "*)(uid=*",
        "anna)(|(uid=*",
        "*)(objectClass=*))(|(a=b",
        "a\r\nSet-Cookie: x=y",
        "\r\n\r\n",
        "anna\n",
        "\u{1b}[31m",
        "\\2a",
        "\\00",
        "anna\\",
        "uid=anna,ou=people,dc=example,dc=com",
        "' OR 1=1 --",
        "\"; DROP TABLE subjects; --",
        "../../etc/passwd",
        "%00",
        "%s%n",
        "${jndi:ldap://x}",
        "\u{202e}annA",
        "аnna",
        "\u{feff}",
        "\u{fffd}",
        "\u{1f4de}",
        " ",
        "-1",
        "NaN",
        "<script>",
        "anna@elsewhere.example",
        "ELSEWHERE\\anna",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("1".repeat(10_000));
    texts.push("å".repeat(5_000));
    texts.push("*".repeat(10_000));
    texts
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_in_any_field_does_more_than_be_refused() {
    let slapd = slapd();
    let gateway = start(&slapd);
    for text in hostile() {
        for (field, status) in
            [("phonenumber", 403), ("callid", 200), ("attestation", 200), ("pin", 200)]
        {
            let mut body = json!({"phonenumber": "+46701234567"});
            body[field] = json!(text);
            let answer = ask(&gateway, &operations()[0].with_body(body.to_string())).await;
            assert_eq!(answer.status, status, "{field} = {text:?}: {answer:?}");
        }
    }
    let otp = gateway.code("+46701234567").await;
    let right = json!({"username": "anna", "password": "anna-secret", "otp": otp});
    for text in hostile() {
        for operation in &operations()[1..] {
            for (field, required) in fields(operation) {
                let mut body = right.clone();
                body[field] = json!(text);
                // What is optional refuses nobody, so the code is what is wrong.
                if !required {
                    body["otp"] = json!("000");
                }
                let answer = ask(&gateway, &operation.with_body(body.to_string())).await;
                let what = format!("{} {field} = {text:?}", operation.path);
                assert_eq!(answer.status, 403, "{what}: {answer:?}");
            }
        }
    }
    // A password with a NUL, or none, was no reason to ask the directory.
    let binds = slapd.binds_of("anna");
    for password in ["", "\0", "anna-secret\0", "anna-secret\0x"] {
        let answer = gateway.login("anna", password, &otp).await;
        assert_eq!(answer.status, 403, "{password:?}");
        let event = gateway.audit_of(answer.header("x-request-id"));
        assert_eq!(event["reason"], "password_missing", "{password:?}");
    }
    assert_eq!(slapd.binds_of("anna"), binds);
    for line in gateway.log().lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "each line is one event: {line}");
    }
    still_works(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_does_more_than_be_refused() {
    let slapd = slapd();
    let gateway = start(&slapd);
    let body = br#"{"phonenumber":"+46701234567"}"#;
    let long = "x".repeat(10_000);
    let values: Vec<&[u8]> = vec![
        b"",
        b" ",
        b"*)(uid=*",
        b"\xff\xfe",
        b"t\xc3\xa5",
        b"../t1",
        b"t1 ",
        b"T1",
        b"t1,t1",
        b"t1;x",
        b"%74%31",
        b"\"t1\"",
        long.as_bytes(),
        b"<script>",
    ];
    for value in &values {
        for header in [
            "tenant",
            "authorization",
            "content-type",
            "accept",
            "forwarded",
            "client-cert",
            "x-request-id",
            "accept-encoding",
            "user-agent",
            "cookie",
        ] {
            let authorization = pbx();
            let mut headers = vec![("authorization", authorization.as_str()), TENANT, JSON];
            headers.retain(|(name, _)| *name != header);
            let mut bytes = head("PUT", GET_OTP, &headers);
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(
                format!("\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(),
            );
            bytes.extend_from_slice(body);
            let answer = ask(&gateway, &bytes).await;
            let what = format!("{header}: {}", String::from_utf8_lossy(value));
            let expected = match header {
                // A blank at the end is no part of a value.
                "tenant" if *value == b"t1 " => 200,
                "tenant" | "authorization" => 403,
                "content-type" => 415,
                _ => 200,
            };
            assert_eq!(answer.status, expected, "{what}: {answer:?}");
            assert_eq!(answer.header("x-request-id").len(), 32, "{what}: our own id");
        }
    }
    // What HTTP itself forbids in a value.
    for value in [&b"t1\0"[..], b"t\x01", b"t\x7f", b"t1\rx"] {
        let mut bytes = head("PUT", GET_OTP, &[("authorization", &pbx()), JSON]);
        bytes.extend_from_slice(b"tenant: ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(format!("\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes());
        bytes.extend_from_slice(body);
        let answer = exchange(&gateway, &bytes).await;
        assert!(answer.as_ref().is_none_or(|answer| answer.status == 400), "{value:?}: {answer:?}");
    }
    still_works(&gateway).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_ends_its_own_connection_only() {
    let slapd = slapd();
    let gateway = start(&slapd);
    let long_header = format!("PUT {GET_OTP} HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(300_000));
    let many_headers = format!("PUT {GET_OTP} HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(2_000));
    let long_path = format!("PUT /{} HTTP/1.1\r\nhost: x\r\n\r\n", "y".repeat(300_000));
    let start = format!("PUT {GET_OTP} HTTP/1.1\r\nhost: x\r\n");
    let noise: Vec<u8> =
        (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let garbage: Vec<(&str, Vec<u8>)> = vec![
        ("noise", [&noise[..], b"\r\n\r\n"].concat()),
        ("zeros", [&[0; 1000][..], b"\r\n\r\n"].concat()),
        ("blank lines, then noise", b"\r\n\r\n\r\n\x80\x81\r\n\r\n".to_vec()),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec()),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("HTTP/9", format!("PUT {GET_OTP} HTTP/9.9\r\n\r\n").into_bytes()),
        ("no version", format!("PUT {GET_OTP}\r\n\r\n").into_bytes()),
        ("a negative length", format!("{start}content-length: -1\r\n\r\n").into_bytes()),
        (
            "a length beyond 64 bits",
            format!("{start}content-length: 99999999999999999999\r\n\r\n").into_bytes(),
        ),
        (
            "two lengths",
            format!("{start}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}x").into_bytes(),
        ),
        (
            "a chunk beyond 64 bits",
            format!("{start}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n").into_bytes(),
        ),
        ("an unknown transfer coding", format!("{start}transfer-encoding: x\r\n\r\n").into_bytes()),
        ("a header without a colon", format!("{start}nonsense\r\n\r\n").into_bytes()),
        ("a header that goes on", format!("{start}x: a\r\n b\r\n\r\n").into_bytes()),
        ("a long header", long_header.into_bytes()),
        ("many headers", many_headers.into_bytes()),
        ("a long path", long_path.into_bytes()),
    ];
    for (what, bytes) in garbage {
        let answer = exchange(&gateway, &bytes).await;
        let refused = answer.as_ref().is_none_or(|answer| (400..500).contains(&answer.status));
        assert!(refused, "{what}: {answer:?}");
        still_works(&gateway).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_that_makes_no_sense_is_400() {
    let slapd = slapd();
    let gateway = start(&slapd);
    let [get_otp, ..] = operations();
    let authorization = ("authorization", get_otp.authorization.as_str());
    let headers = [authorization, TENANT, JSON, ("transfer-encoding", "chunked")];
    for chunk in ["zz\r\nxx\r\n0\r\n\r\n", "ffffffffffffffffff\r\nx\r\n", "-1\r\nx\r\n"] {
        let mut bytes = head("PUT", GET_OTP, &headers);
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(chunk.as_bytes());
        let answer = exchange(&gateway, &bytes).await;
        assert!(answer.as_ref().is_none_or(|answer| answer.status == 400), "{chunk:?}: {answer:?}");
    }
    still_works(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_or_a_head_that_never_comes_is_not_waited_for_beyond_the_deadline() {
    let slapd = slapd();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let quick = sections("request_deadline = \"1s\"");
    let gateway = Gateway::start(&format!("{quick}{tenant}{}", clients()));
    for operation in operations() {
        let mut wire = Wire::connect(gateway.address()).await;
        let whole = operation.with_body(operation.body);
        let began = Instant::now();
        assert!(wire.send(&whole[..whole.len() - 3]).await);
        let answer = wire.answer(false).await.expect("an answer");
        assert_refused(&answer, 408, operation.path, "a body without its end");
        let took = began.elapsed();
        assert!(took > Duration::from_millis(500), "{took:?}");
        assert!(wire.closes(Duration::from_secs(15)).await, "nothing more is read from it");
    }
    // Nor that of a stranger, who is told no more than at once.
    let mut wire = Wire::connect(gateway.address()).await;
    let stranger = [("authorization", "Bearer wrong"), JSON, ("content-length", "100")];
    let mut bytes = head("PUT", GET_OTP, &stranger);
    bytes.extend_from_slice(b"\r\n{");
    assert!(wire.send(&bytes).await);
    let answer = wire.answer(false).await.expect("an answer");
    assert_refused(&answer, 403, GET_OTP, "a stranger's body without its end");
    assert!(wire.closes(Duration::from_secs(15)).await);

    let mut wire = Wire::connect(gateway.address()).await;
    assert!(wire.send(&head("PUT", GET_OTP, &[JSON])).await);
    let answer = wire.answer(false).await;
    assert!(answer.is_none_or(|answer| answer.status == 408));
    still_works(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_first_is_told_to_go_on() {
    let slapd = slapd();
    let gateway = start(&slapd);
    let body = br#"{"phonenumber":"+46701234567"}"#;
    let length = body.len().to_string();
    let expect = ("expect", "100-continue");
    let authorization = pbx();
    let headers = [
        ("authorization", authorization.as_str()),
        TENANT,
        JSON,
        expect,
        ("content-length", &length),
    ];
    let mut wire = Wire::connect(gateway.address()).await;
    let mut bytes = head("PUT", GET_OTP, &headers);
    bytes.extend_from_slice(b"\r\n");
    assert!(wire.send(&bytes).await);
    assert_eq!(wire.answer(false).await.expect("an answer").status, 100);
    assert!(wire.send(body).await);
    assert_eq!(wire.answer(false).await.expect("an answer").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_on_one_connection_are_answered_in_turn() {
    let slapd = slapd();
    let gateway = start(&slapd);
    let [get_otp, ..] = operations();
    let good = get_otp.with_body(br#"{"phonenumber":"+46701234567"}"#);
    let bad = get_otp.with_body("x");
    let mut wire = Wire::connect(gateway.address()).await;
    assert!(wire.send(&[&good[..], &bad, &good].concat()).await);
    for status in [200, 400, 200] {
        assert_eq!(wire.answer(false).await.expect("an answer").status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_is_answered_and_then_not_read_for_ever() {
    let slapd = slapd();
    let gateway = start(&slapd);
    let authorization = pbx();
    for (path, authorization, status) in [
        (GET_OTP, authorization.as_str(), 413),
        (VALIDATE_OTP, VPN, 413),
        (GET_OTP, "Bearer wrong", 403),
        ("/", "Bearer wrong", 404),
    ] {
        let chunked = ("transfer-encoding", "chunked");
        let headers = [("authorization", authorization), TENANT, JSON, chunked];
        let mut wire = Wire::connect(gateway.address()).await;
        let mut bytes = head("PUT", path, &headers);
        bytes.extend_from_slice(b"\r\n");
        assert!(wire.send(&bytes).await);
        let chunk = format!("400\r\n{}\r\n", " ".repeat(1024));
        for _ in 0..20 {
            assert!(wire.send(chunk.as_bytes()).await);
        }
        let answer = wire.answer(false).await.expect("an answer");
        assert_refused(&answer, status, path, "a body without end");
        let end = Instant::now() + PATIENCE;
        while wire.send(chunk.as_bytes()).await {
            assert!(Instant::now() < end, "{status}: the server goes on reading");
            tokio::task::yield_now().await;
        }
    }
    still_works(&gateway).await;
}
