//! Bodies: what is no JSON object of strings, media types, and sizes.

use serde_json::{Value, json};

use super::{JSON, TENANT, assert_refused, fields, slapd, start, still_works, with};
use crate::support::gateway::Answer;
use crate::support::wire::{GET_OTP, ask, head, operations, request};

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
