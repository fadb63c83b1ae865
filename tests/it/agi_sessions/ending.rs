//! How sessions end: by a hang-up, by replies that are none, by a stop.

use std::time::Instant;

use super::*;

/// Whether a session without a decision has ended without a code for anybody.
fn is_hung_up(event: &Value) -> bool {
    event["reason"] == "hung_up" && event["outcome"] == "refused"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_ends_the_session_at_once_and_the_code_stays() {
    let gateway = started("", "");
    let hung_up_at = async |count: usize, how: fn() -> Does| {
        let said = AtomicU64::new(0);
        let peer = Peer::open(&gateway, &Header::of(ANNA)).await;
        let session = peer.carry_out(|command| {
            let is_it = command.starts_with("SAY")
                && said.fetch_add(1, Ordering::Relaxed) + 1 == count as u64;
            if is_it { how() } else { Does::AsUsual }
        });
        session.await
    };
    let unsaid = hung_up_at(1, || Does::HangsUp).await;
    assert_eq!(unsaid.told()[3..], ["NOOP"], "{:?}", unsaid.0);
    assert!(unsaid.told()[2].starts_with("SAY DIGITS") && unsaid.result() == "ERROR");
    let code = unsaid.code().to_owned();
    let once = hung_up_at(2, || Does::HangsUp).await;
    assert!(
        once.told()[5].starts_with("SAY DIGITS") && once.told()[6..] == ["NOOP"],
        "{:?}",
        once.0
    );
    assert_eq!((once.result(), once.code()), ("TOLD", code.as_str()));
    let line = hung_up_at(1, || Does::Replies("HANGUP\n200 result=0".to_owned())).await;
    assert_eq!((line.result(), line.told().len()), ("ERROR", 3));
    let closed = hung_up_at(1, || Does::Closes).await;
    assert_eq!((closed.result(), closed.told().len()), ("ERROR", 3));
    assert_eq!(login(&gateway, &code).await, 200);
    assert!(!gateway.log().contains("Asterisk did not"), "{}", gateway.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_ends_before_its_decision_gets_no_code() {
    let config = config("", "ambiguous = \"pin\"\n", &format!("{SCRIPT}pin = {{}}\n"));
    let gateway = Gateway::start_in(people(PEOPLE), &config);
    let header = Header::of(ANNA);
    let peer = Peer::open(&gateway, &header).await;
    let does = |command: &str| {
        if command.starts_with("GET DATA") { Does::HangsUp } else { Does::AsUsual }
    };
    let session = peer.carry_out(does).await;
    assert_eq!(session.told(), ["ANSWER", "EXEC Wait 1", "GET DATA \"\" 8000 4", "NOOP"]);
    assert!(is_hung_up(&event(&gateway, &header)));
    // In the middle of the header.
    let mut peer = Peer::connect(&gateway).await;
    peer.say("agi_network: yes\nagi_network_script: t1\nagi_uni").await;
    drop(peer);
    event_where(&gateway, |event| is_hung_up(event) && event.get("callid").is_none());
    assert!(!gateway.log().contains("\"issued\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_not_carried_out_ends_the_session_and_is_logged() {
    let gateway = started("", "");
    for reply in [
        "510 Invalid or unknown command",
        "511 Command Not Permitted on a dead channel or intercept routine",
        "520-Invalid command syntax.  Proper usage follows:\nUsage: x\n520 End of proper usage.",
        "200 result=",
        "200 result=-1",
        "200 result=1",
        "201 result=0",
        "nonsense",
        "",
        &"x".repeat(1000),
    ] {
        let peer = Peer::open(&gateway, &Header::of(ANNA)).await;
        let session = peer.carry_out(|command| {
            if command.starts_with("SAY") { Does::Replies(reply.to_owned()) } else { Does::AsUsual }
        });
        let session = session.await;
        let asked_again = usize::from(reply.ends_with("-1"));
        assert_eq!((session.result(), session.told().len()), ("ERROR", 3 + asked_again), "{reply}");
    }
    wait_until("the complaints", || gateway.log().matches("did not carry out").count() == 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_sessions_finish_and_accepts_no_more() {
    let mut gateway = started("", "");
    let mut peer = Peer::open(&gateway, &Header::of(ANNA)).await;
    for _ in 0..2 {
        let command = peer.command().await.expect("a command");
        peer.say(&format!("{}\n", usual_reply(&command))).await;
    }
    assert_eq!(peer.command().await.as_deref(), Some("ANSWER"));
    gateway.signal("TERM");
    gateway.wait_for_line("requests in flight are finished");
    let address = gateway.fastagi();
    wait_until("the port is closed", || std::net::TcpStream::connect(address).is_err());
    peer.say("200 result=0\n").await;
    let session = peer.carry_out(|_| Does::AsUsual).await;
    assert_eq!(session.result(), "TOLD");
    assert_eq!(gateway.wait().code(), Some(0));
    gateway.wait_for_line("\"stopped\"");
    assert!(!gateway.log().contains("are cut"), "{}", gateway.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_outlives_the_stops_deadline() {
    let script = format!("{SCRIPT}pin = {{}}\n");
    let config = config("shutdown_timeout = \"1s\"", "ambiguous = \"pin\"\n", &script);
    let mut gateway = Gateway::start_in(people(PEOPLE), &config);
    let mut undecided = Peer::open(&gateway, &Header::of(ANNA)).await;
    for _ in 0..2 {
        let command = undecided.command().await.expect("a command");
        undecided.say(&format!("{}\n", usual_reply(&command))).await;
    }
    assert_eq!(undecided.command().await.as_deref(), Some("ANSWER"));
    let silent = Peer::connect(&gateway).await;
    gateway.signal("TERM");
    let began = Instant::now();
    assert_eq!(undecided.command().await, None);
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
    assert_eq!(gateway.wait().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    gateway.wait_for_line("FastAGI sessions are cut by the stop");
    let ended = gateway.audit().iter().filter(|event| is_hung_up(event)).count();
    assert_eq!(ended, 2, "{}", gateway.log());
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_too_many_is_told_so_at_once() {
    let gateway = started("", "");
    let mut open = Vec::new();
    for _ in 0..1_000 {
        // It sends its header, and then no reply.
        open.push(Peer::open(&gateway, &Header::of(ANNA)).await);
    }
    let full = "dialpass_fastagi_sessions_open 1000\n";
    for _ in 0..100 {
        if metrics(&gateway).await.contains(full) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let one_more = Session::of(&gateway, &Header::of(ANNA)).await;
    assert_eq!(one_more.0, ["SET VARIABLE DIALPASS_RESULT ERROR"]);
    let refused = "dialpass_connections_refused_total{reason=\"fastagi_sessions\"} 1\n";
    assert!(metrics(&gateway).await.contains(refused));
    open.pop();
    let mut result = String::new();
    for _ in 0..100 {
        result = Session::of(&gateway, &Header::of(ANNA)).await.result().to_owned();
        if result == "TOLD" {
            break;
        }
    }
    assert_eq!(result, "TOLD", "its place is free again");
}

/// A minute: part of the long run.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute"]
async fn a_session_ends_after_60_seconds() {
    let gateway = started("", "");
    let header = Header::of(ANNA);
    let mut peer = Peer::open(&gateway, &header).await;
    let began = Instant::now();
    while let Ok(Some(command)) = timeout(Duration::from_mins(2), read(&mut peer)).await {
        if command.starts_with("SAY") {
            continue;
        }
        peer.say(&format!("{}\n", usual_reply(&command))).await;
    }
    let took = began.elapsed();
    assert!((Duration::from_secs(58)..Duration::from_secs(65)).contains(&took), "{took:?}");
    assert_eq!(event(&gateway, &header)["reason"], "issued");
}

/// The next command, however long it takes.
async fn read(peer: &mut Peer) -> Option<String> {
    let mut line = String::new();
    let read = peer.commands.read_line(&mut line).await.unwrap_or(0);
    (read > 0).then(|| line.trim_end().to_owned())
}
