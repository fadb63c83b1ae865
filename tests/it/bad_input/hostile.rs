//! Texts in fields and headers that mean something to one layer or another.

use serde_json::{Value, json};

use super::{JSON, TENANT, fields, slapd, start, still_works};
use crate::support::wire::{GET_OTP, ask, exchange, head, operations, pbx};

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
