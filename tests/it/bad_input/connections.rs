//! Broken HTTP, bodies that never come or never end, and several requests on one connection.

use std::time::{Duration, Instant};

use super::{JSON, TENANT, assert_refused, slapd, start, still_works};
use crate::support::gateway::{Gateway, PATIENCE, clients, ldap_tenant, sections};
use crate::support::wire::{GET_OTP, VALIDATE_OTP, VPN, Wire, exchange, head, operations, pbx};

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
    // Nor that of a stranger, who gets the same answer as at once.
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
async fn a_client_that_expects_100_continue_gets_it() {
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
