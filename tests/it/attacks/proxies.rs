//! What load balancers and proxies tell about a caller, and what others tell who are none.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use serde_json::json;

use super::connections::{WIDE, config};
use crate::authentication_cloud::{PHONE, Service};
use crate::support::gateway::{Answer, Gateway, PATIENCE, folder};
use crate::support::haproxy::Haproxy;
use crate::support::ports::free_port;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const FROM_HERE: &str = "proxy_protocol_from = [\"127.0.0.1\"]\n";

/// A PROXY header, version 2, of these addresses of IPv4.
fn proxied(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, addresses].concat()
}

/// From 203.0.113.`last`, port 1000, to port 443.
fn from(last: u8) -> Vec<u8> {
    proxied(0x21, 0x11, &[203, 0, 113, last, 192, 0, 2, 1, 3, 232, 1, 187])
}

/// The status and the id of the answer to a call behind these bytes; `None` if there is none.
fn asked(address: SocketAddr, front: &[u8]) -> Option<(String, String)> {
    let call = b"PUT /api/authentication/getOTP HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may be closed by now.
    let _ = stream.write_all(&[front, call].concat());
    let mut answer = [0; 4096];
    let read = stream.read(&mut answer).ok().filter(|read| *read > 0)?;
    let answer = String::from_utf8_lossy(&answer[..read]).to_lowercase();
    let id = answer.split("x-request-id: ").nth(1).and_then(|rest| rest.lines().next());
    Some((answer[9..12].to_owned(), id.unwrap_or_default().to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_tells_the_clients_address_and_without_its_word_nothing_is_served() {
    let gateway = Gateway::start(&config(&format!("{FROM_HERE}{WIDE}")));
    let peer = |front: &[u8]| {
        let (status, id) = asked(gateway.address(), front).expect("an answer");
        assert_eq!(status, "401");
        gateway.audit_of(&id)["peer"].clone()
    };
    assert_eq!(peer(&from(7)), json!("203.0.113.7"));
    let mut six = [0; 36];
    six[..4].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
    six[15] = 9;
    assert_eq!(peer(&proxied(0x21, 0x21, &six)), json!("2001:db8::9"));
    // With what load balancers add, and when it looks whether the server is there.
    let more = [&[203, 0, 113, 8, 192, 0, 2, 1, 3, 232, 1, 187][..], &[4, 0, 2, 0, 0]].concat();
    assert_eq!(peer(&proxied(0x21, 0x11, &more)), json!("203.0.113.8"));
    assert_eq!(peer(&proxied(0x20, 0x00, &[])), json!("127.0.0.1"));

    let mut broken = from(7);
    broken[0] = b'X';
    let bad: [&[u8]; 8] = [
        b"",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 1000 443\r\n",
        &broken,
        &proxied(0x21, 0x00, &[]),
        &proxied(0x21, 0x12, &[203, 0, 113, 7, 192, 0, 2, 1, 3, 232, 1, 187]),
        &proxied(0x21, 0x31, &[0; 216]),
        &proxied(0x21, 0x11, &[203, 0, 113]),
        &proxied(0x21, 0x11, &[0; 5000]),
    ];
    for front in bad {
        assert_eq!(asked(gateway.address(), front), None, "{front:?}");
    }

    let elsewhere = FROM_HERE.replace("127.0.0.1", "10.0.0.1");
    let wary = Gateway::start(&config(&format!("{elsewhere}{WIDE}")));
    let (status, _) = asked(wary.address(), &from(7)).expect("an answer");
    assert_eq!(status, "400");
    let (_, id) = asked(wary.address(), b"").expect("an answer");
    assert_eq!(wary.audit_of(&id)["peer"], "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_behind_one_load_balancer_share_no_limit() {
    let few = "[server.limits]\nrequests_per_address = { burst = 5, per = \"1h\" }\n\
        connections_per_address = 3\n";
    let gateway = Gateway::start(&config(&format!("{FROM_HERE}{few}")));
    let port = free_port();
    let text = format!(
        "defaults\n    mode tcp\n    timeout connect 2s\n    timeout client 10s\n    timeout server 10s\n\
         frontend api\n    bind 127.0.0.1:{port}\n    default_backend dialpass\n\
         backend dialpass\n    server gateway {} send-proxy-v2\n",
        gateway.address()
    );
    let folder = folder();
    let _haproxy = Haproxy::start(folder.path(), &text, port);
    let client = |last: u8| {
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        reqwest::Client::builder().local_address(from).build().unwrap()
    };
    let ask = async |client: &reqwest::Client| {
        Answer::of(client.get(format!("http://127.0.0.1:{port}/open"))).await.status
    };
    let (stranger, honest) = (client(66), client(7));
    let mut statuses = Vec::new();
    for _ in 0..7 {
        statuses.push(ask(&stranger).await);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429]);
    assert_eq!(ask(&honest).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ipv6_network_is_one_address_to_the_limit_of_polling() {
    let trusting = |config: String| {
        config.replacen("[server]\n", "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n", 1)
    };
    let service = Service::start_with(trusting, &[]).await;
    let token = service.enroll("anna", PHONE).await.token;
    let poll = async |address: String| {
        let asked = service.api.stranger().request("POST", "/api/v1/status");
        let asked = asked.header("forwarded", format!("for=\"[{address}]\""));
        Answer::of(asked.json(&json!({ "statusToken": token }))).await.status
    };
    let mut held = 0;
    for host in 0..150 {
        held = poll(format!("2001:db8::{host:x}:1")).await;
        if held == 429 {
            break;
        }
    }
    assert_eq!(held, 429);
    assert_eq!(poll("2001:db8:0:1::1".to_owned()).await, 200);
}
