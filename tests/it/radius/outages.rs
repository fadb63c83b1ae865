//! What a client sees while dialpass, or what it depends on, is down or slow.

use std::time::{Duration, Instant};

use super::{ANNA, gateway, logins, slapd};
use crate::support::freeradius::{FreeRadius, request};
use crate::support::gateway::{PATIENCE, wait_until};
use crate::support::udp_tap::UdpTap;

/// The kind of the reply to anna's login with this code, of which there is none for so many seconds.
fn login(freeradius: &FreeRadius, code: &str, seconds: &str) -> String {
    let password = format!("anna-secret{code}");
    let login = request(&[
        ("User-Name", "anna"),
        ("User-Password", &password),
        ("Message-Authenticator", "0x00"),
    ]);
    let said = freeradius.radclient(&["-r", "1", "-t", seconds], &login);
    let received = said.lines().find_map(|line| line.strip_prefix("Received "));
    let kind = received.and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    assert!(!kind.is_empty() || said.contains("No reply from server"), "{said}");
    kind.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_gets_no_reply_so_that_the_client_asks_the_next_server() {
    let mut slapd = slapd();
    let mut gateway = gateway(&slapd);
    let freeradius = FreeRadius::before(&gateway);
    let code = gateway.code(ANNA).await;
    slapd.kill();
    assert_eq!(login(&freeradius, &code, "3"), "", "the directory is down");
    assert_eq!(logins(&gateway).pop().expect("an event")["status"], 503);
    slapd.restart();
    let begun = Instant::now();
    while gateway.call(ANNA).await.status != 200 {
        assert!(begun.elapsed() < PATIENCE, "the directory is used again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(login(&freeradius, &code, "12"), "Access-Accept", "the code is still good");
    gateway.kill();
    assert_eq!(login(&freeradius, &code, "1"), "", "dialpass is down");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialpass_that_hangs_gets_no_reply_and_is_asked_again_when_it_is_back() {
    let slapd = slapd();
    let gateway = gateway(&slapd);
    let freeradius = FreeRadius::before(&gateway);
    let code = gateway.code(ANNA).await;
    gateway.signal("STOP");
    assert_eq!(login(&freeradius, &code, "8"), "", "for longer than the recipe waits");
    gateway.signal("CONT");
    // The login that it had not answered may have used up that code.
    let code = gateway.code(ANNA).await;
    assert_eq!(login(&freeradius, &code, "12"), "Access-Accept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_sent_again_while_dialpass_is_slow_is_one_login() {
    let slapd = slapd();
    let gateway = gateway(&slapd);
    let freeradius = FreeRadius::before(&gateway);
    let tap = UdpTap::before(freeradius.port());
    let password = format!("anna-secret{}", gateway.code(ANNA).await);
    let login = request(&[
        ("User-Name", "anna"),
        ("User-Password", &password),
        ("Message-Authenticator", "0x00"),
    ]);
    let options = ["-r", "1", "-t", "12"];
    slapd.stop();
    let said = std::thread::scope(|scope| {
        let client = scope.spawn(|| FreeRadius::radclient_at(tap.port(), "auth", &options, &login));
        wait_until("it is sent", || !tap.passed().is_empty());
        tap.send_again();
        tap.send_again();
        wait_until("it is sent again", || freeradius.log().contains("Ignoring duplicate packet"));
        slapd.cont();
        client.join().unwrap()
    });
    assert!(said.contains("Received Access-Accept"), "{said}");
    let passed = tap.passed();
    let requests: Vec<_> = passed.iter().filter(|(from_client, _)| *from_client).collect();
    assert!(requests.len() == 3 && requests.windows(2).all(|pair| pair[0] == pair[1]));
    let replies = passed.iter().filter(|(from_client, _)| !from_client);
    let mut replies: Vec<_> = replies.map(|(_, bytes)| bytes.clone()).collect();
    replies.dedup();
    assert_eq!(replies.len(), 1, "one reply, however often it is asked for");
    wait_until("the event", || !logins(&gateway).is_empty());
    assert_eq!(logins(&gateway).len(), 1, "one request to dialpass");
    assert_eq!(slapd.binds_of("anna"), 1);
}
