//! The limits of each phase, one request at a time, and heads that are replaced.

use super::*;
use actix_http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LIMITS: TimeLimits = TimeLimits {
    request: Duration::from_secs(10),
    pause: Duration::from_secs(75),
    answer: Duration::from_secs(5),
};

const HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_request_that_trickles_ends_at_its_limit_and_an_answered_one_starts_anew() {
    let (mut client, server) = tokio::io::duplex(64);
    let secs = Duration::from_secs;
    let mut server = TimedStream::new(server, LIMITS, None);
    for _ in 0..3 {
        client.write_all(HEAD).await.unwrap();
        server.read_exact(&mut [0; HEAD.len()]).await.unwrap();
        assert!(server.began().get().is_some());
        server.progress().dispatched(&mut Request::new());
        tokio::time::advance(secs(9)).await;
        server.progress().response_started();
        server.write_all(b"y").await.unwrap();
        server.progress().response_complete();
        server.flush().await.unwrap();
        assert!(server.began().get().is_none());
        tokio::time::advance(secs(70)).await;
    }
    let trickling = async {
        for byte in HEAD.iter().take(11) {
            client.write_all(&[*byte]).await.unwrap();
            tokio::time::sleep(secs(1)).await;
        }
    };
    let (read, ()) = tokio::join!(server.read_u8(), trickling);
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn silence_ends_at_its_limit() {
    let (_client, server) = tokio::io::duplex(64);
    let mut server = TimedStream::new(server, LIMITS, None);
    assert_eq!(server.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

/// Reads whatever is available without waiting.
async fn read_at_once(server: &mut TimedStream<tokio::io::DuplexStream>) -> String {
    let mut read = Vec::with_capacity(1 << 16);
    loop {
        let more = tokio::time::timeout(Duration::ZERO, server.read_buf(&mut read)).await;
        if !matches!(more, Ok(Ok(1..))) {
            return String::from_utf8(read).unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_request_is_handed_on_when_the_answer_before_it_is_out() {
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let mut server = TimedStream::new(server, LIMITS, None);
    let requests: Vec<String> =
        (0..20).map(|n| format!("GET /{n} HTTP/1.1\r\nhost: a\r\n\r\n")).collect();
    client.write_all(requests.concat().as_bytes()).await.unwrap();
    for request in &requests {
        assert_eq!(read_at_once(&mut server).await, *request);
        assert_eq!(read_at_once(&mut server).await, "");
        server.progress().dispatched(&mut Request::new());
        server.progress().response_started();
        server.write_all(b"y").await.unwrap();
        server.progress().response_complete();
        assert_eq!(read_at_once(&mut server).await, "");
        server.flush().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_taken_ends_the_connection() {
    let (_client, server) = tokio::io::duplex(64);
    let mut server = TimedStream::new(server, LIMITS, None);
    let began = Instant::now();
    let ended = server.write_all(&[0; 1000]).await.unwrap_err();
    assert_eq!((ended.kind(), began.elapsed().as_secs()), (io::ErrorKind::TimedOut, 5));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_large_or_has_bare_line_ends_is_replaced() {
    let large = format!("GET / HTTP/1.1\r\nx: {}", "a".repeat(MAX_HEAD));
    let bare = "GET / HTTP/1.1\nhost: a\r\n\r\n".to_owned();
    for (head, status) in [(large, 431), (bare, 400)] {
        let (mut client, server) = tokio::io::duplex(1 << 17);
        let mut server = TimedStream::new(server, LIMITS, None);
        client.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(read_at_once(&mut server).await.as_bytes(), REFUSED);
        let refused = server.progress().dispatched(&mut Request::new());
        assert_eq!(refused.map(|status| status.as_u16()), Some(status));
    }
}
