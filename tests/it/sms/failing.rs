//! Providers that fail: who takes over, how soon, and what operators read of it.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dialpass::messenger::SendError;
use tokio::net::TcpListener;

use super::provider::{Manner, Provider};
use super::{messenger, send};

const PATIENCE: Duration = Duration::from_secs(10);
const NUMBER: &str = "+46701234567";

fn good() -> Manner {
    Manner::Answer("200 OK", String::new())
}

fn bad() -> Manner {
    Manner::Answer("500 Internal Server Error", String::new())
}

#[tokio::test]
async fn the_next_provider_takes_over_from_one_that_fails_in_any_way() {
    let elsewhere = Provider::start(good()).await;
    for (what, manner) in [
        ("an error", bad()),
        ("a refusal", Manner::Answer("401 Unauthorized", String::new())),
        ("a redirect", Manner::Redirect(format!("{}/", elsewhere.url()))),
        ("silence", Manner::Hang),
        ("silence amid the body", Manner::HangInBody),
        ("a closed connection", Manner::Close),
        ("junk", Manner::Junk),
        ("a huge body", Manner::Huge(50 * 1024 * 1024)),
        ("another body", Manner::Answer("200 OK", "{\"status\": \"9\"}".to_owned())),
        ("no body", good()),
    ] {
        let first = Provider::start(manner).await;
        let second = Provider::start(good()).await;
        let wanted = "timeout = \"300ms\"\naccepted = { body_contains = '\"status\":\"0\"' }";
        let sections = first.section("first", wanted) + &second.section("second", "");
        let (sent, took) = send(&messenger(&sections), NUMBER, "12345", PATIENCE).await;
        assert_eq!(sent, Ok(()), "{what}");
        assert!(took < Duration::from_secs(5), "{what}: {took:?}");
        assert_eq!((first.count(), second.count()), (1, 1), "{what}");
        let expected = "{\"text\":\"12345\",\"to\":\"+46701234567\"}";
        assert_eq!(second.taken()[0].text(), expected, "{what}");
    }
    assert_eq!(elsewhere.count(), 0, "no redirect is followed");
}

#[tokio::test]
async fn an_answer_counts_by_its_status_and_by_what_its_body_holds() {
    let provider = Provider::start(good()).await;
    let keys = "accepted = { status = [202], body_contains = '0: Accepted' }";
    let messenger = messenger(&provider.section("main", keys));
    let answer = |status, body: &str| Manner::Answer(status, body.to_owned());
    for (manner, taken) in [
        (answer("202 Accepted", "0: Accepted for delivery"), true),
        (answer("202 Accepted", "{ 0:\r\n  Accepted }"), true),
        (answer("200 OK", "0: Accepted for delivery"), false),
        (answer("202 Accepted", "3: Queued for later delivery"), false),
        (answer("202 Accepted", &format!("0: Accepted{}", "x".repeat(100_000))), true),
        (answer("202 Accepted", &format!("{}0: Accepted", "x".repeat(100_000))), false),
    ] {
        provider.behave(manner);
        let (sent, _) = send(&messenger, NUMBER, "1", PATIENCE).await;
        assert_eq!(sent.is_ok(), taken);
    }
}

#[tokio::test]
async fn a_status_alone_does_not_wait_for_the_body() {
    let provider = Provider::start(Manner::HangInBody).await;
    let messenger = messenger(&provider.section("main", "timeout = \"20s\""));
    let (sent, took) = send(&messenger, NUMBER, "1", PATIENCE).await;
    assert_eq!(sent, Ok(()));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn where_all_are_down_the_answer_comes_before_the_deadline() {
    let refusing = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let nobody = refusing.local_addr().unwrap();
    drop(refusing);
    let slow = [Provider::start(Manner::Hang).await, Provider::start(Manner::Hang).await];
    let sections = slow[0].section("one", "timeout = \"20s\"")
        + &format!(
            "[[tenants.sms.providers]]\nname = \"two\"\nurl = \"http://{nobody}/{{phone}}/{{message}}\"\n"
        )
        + &slow[1].section("three", "timeout = \"20s\"");
    let messenger = messenger(&sections);
    let patience = Duration::from_millis(900);
    let (sent, took) = send(&messenger, NUMBER, "1", patience).await;
    assert_eq!(sent, Err(SendError::NotTaken));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(took > Duration::from_millis(500), "the last one had its share: {took:?}");
    assert_eq!((slow[0].count(), slow[1].count()), (1, 1), "a slow one leaves time for the others");
    let (sent, took) = send(&messenger, NUMBER, "1", Duration::ZERO).await;
    assert_eq!(sent, Err(SendError::NotTaken));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!((slow[0].count(), slow[1].count()), (1, 1), "nobody is asked without time");
}

#[tokio::test]
async fn a_provider_that_failed_is_asked_last_and_is_still_asked() {
    let (first, second) = (Provider::start(bad()).await, Provider::start(good()).await);
    let messenger = messenger(&(first.section("first", "") + &second.section("second", "")));
    for _ in 0..3 {
        assert_eq!(send(&messenger, NUMBER, "1", PATIENCE).await.0, Ok(()));
    }
    assert_eq!((first.count(), second.count()), (1, 3));
    first.behave(good());
    second.behave(bad());
    assert_eq!(send(&messenger, NUMBER, "1", PATIENCE).await.0, Ok(()));
    assert_eq!((first.count(), second.count()), (2, 4), "the second failed, the first took it");
    assert_eq!(send(&messenger, NUMBER, "1", PATIENCE).await.0, Ok(()));
    assert_eq!((first.count(), second.count()), (3, 4), "trusted again");
}

#[tokio::test]
async fn a_provider_that_refuses_one_text_is_asked_first_for_the_next() {
    let refusal = Manner::Answer("400 Bad Request", "no such number".to_owned());
    let (first, second) = (Provider::start(refusal).await, Provider::start(good()).await);
    let messenger = messenger(&(first.section("first", "") + &second.section("second", "")));
    for count in 1..3 {
        assert_eq!(send(&messenger, NUMBER, "1", PATIENCE).await.0, Ok(()));
        assert_eq!((first.count(), second.count()), (count, count));
    }
}

#[tokio::test]
async fn a_text_under_way_is_sent_even_if_the_request_is_gone() {
    let (slow, good) = (Provider::start(Manner::Hang).await, Provider::start(good()).await);
    let sections = slow.section("slow", "timeout = \"200ms\"") + &good.section("good", "");
    let messenger = messenger(&sections);
    let waiting = send(&messenger, NUMBER, "1", PATIENCE);
    assert!(tokio::time::timeout(Duration::from_millis(50), waiting).await.is_err());
    let end = tokio::time::Instant::now() + PATIENCE;
    while good.count() == 0 {
        assert!(tokio::time::Instant::now() < end, "the second provider is asked");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// On one thread, so that a subscriber of this thread's own sees everything.
#[tokio::test]
async fn each_failure_is_logged_and_counted_once_and_shows_no_number_text_or_secret() {
    let lines = Lines::default();
    // While there is only one dispatcher, tracing asks the current thread's instead, and other
    // tests' threads, which have none, would turn the log lines off for this one.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let counted = dialpass::telemetry::metrics::start().expect("no other test counts");

    let providers = [
        ("a-status", Manner::Answer("503 Service Unavailable", "a body".to_owned())),
        ("a-slow", Manner::Hang),
        ("a-closing", Manner::Close),
        ("a-junk", Manner::Junk),
        ("a-taker", good()),
    ];
    let (mut running, mut sections) = (Vec::new(), Vec::new());
    for (name, manner) in providers {
        let provider = Provider::start(manner).await;
        sections.push(format!(
            "[[tenants.sms.providers]]\nname = \"{name}\"\ntimeout = \"300ms\"\n\
             url = \"{}/?to={{phone}}&text={{message}}&key={{key}}\"\n\
             variables = {{ key = \"hunter2\" }}\nheaders = {{ X-Key = \"hunter3\" }}\n",
            provider.url()
        ));
        running.push(provider);
    }
    let messenger = messenger(&sections.concat());
    let text = "Your code is 735911";
    assert_eq!(send(&messenger, NUMBER, text, PATIENCE).await.0, Ok(()));

    let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let failures: Vec<&str> = said.lines().filter(|line| line.contains("WARN dialpass")).collect();
    assert_eq!(failures.len(), 4, "{said}");
    for (line, (name, reason)) in failures.iter().zip([
        ("a-status", "its answer has status 503"),
        ("a-slow", "no answer within 300 ms"),
        ("a-closing", "not reached: "),
        ("a-junk", "not reached: "),
    ]) {
        assert!(line.contains(&format!("provider=\"{name}\"")), "{name}: {line}");
        assert!(line.contains(reason) && line.contains("to=+46*****4567"), "{name}: {line}");
    }
    for secret in ["0123456", "01234567", "735911", "hunter2", "hunter3", "a body", "/?to="] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
    let counted = counted.render();
    for (name, outcome) in [
        ("a-status", "refused"),
        ("a-slow", "timed_out"),
        ("a-closing", "unreachable"),
        ("a-junk", "unreachable"),
        ("a-taker", "taken"),
    ] {
        let series = format!(
            "dialpass_texts_total{{tenant=\"t1\",provider=\"{name}\",outcome=\"{outcome}\"}} 1"
        );
        assert!(counted.contains(&series), "{series}: {counted}");
    }
}
