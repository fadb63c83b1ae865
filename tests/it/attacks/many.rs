//! Connections that are many, or that begin a handshake and do not go on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use super::connections::{WIDE, ask, config, connect_tls, over_tls};
use crate::support::gateway::{Gateway, PATIENCE, folder, wait_until};

const ASKING: &[u8] = b"GET /open HTTP/1.1\r\nHost: a\r\n\r\n";

/// A connection, if it is kept and answered.
fn served(address: SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(ASKING).ok()?;
    let read = stream.read(&mut [0; 4096]).ok()?;
    (read > 0).then_some(stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_holds_as_many_connections_as_it_may_and_a_proxy_any_number() {
    let five = "[server.limits]\nconnections_per_address = 5\n";
    let gateway = Gateway::start(&config(five));
    let mut held: Vec<_> = (0..5).map(|_| served(gateway.address()).unwrap()).collect();
    assert!(served(gateway.address()).is_none());
    held.pop();
    wait_until("a place is free", || {
        held.extend(served(gateway.address()));
        held.len() == 5
    });
    assert!(served(gateway.address()).is_none());
    // The operators' listener has places of its own.
    let metrics = reqwest::get(gateway.ops_url("/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("dialpass_connections_refused_total{reason=\"address\"}"));

    let gateway = Gateway::start(&config(&format!("trusted_proxies = [\"127.0.0.1\"]\n{five}")));
    let held: Vec<_> = (0..20).map(|_| served(gateway.address())).collect();
    assert!(held.iter().all(Option::is_some));
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_do_not_go_on_hold_back_no_other() {
    let gateway = over_tls(&format!("{WIDE}connections_per_address = 5000\n"));
    let hello = {
        let mut hello = Vec::new();
        connect_tls(&gateway).conn.write_tls(&mut hello).unwrap();
        hello
    };
    // One byte, most of what opens a handshake, or all of it, and nothing more.
    let parts = [1, hello.len().saturating_sub(1), hello.len()];
    let held: Vec<_> = (0..700)
        .map(|index| {
            let mut stream = TcpStream::connect(gateway.address()).unwrap();
            let part = parts[index % parts.len()].max(1);
            stream.write_all(hello.get(..part).unwrap_or(&[22])).unwrap();
            stream
        })
        .collect();
    let began = Instant::now();
    let mut stream = connect_tls(&gateway);
    stream.write_all(ASKING).unwrap();
    assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
    // Those who wait for a turn that is held by silence wait until it ends, after 5 s.
    assert!(began.elapsed() < Duration::from_millis(4500), "{:?}", began.elapsed());
    drop(held);
}

#[test]
fn a_start_raises_the_limit_of_open_files_and_fails_where_it_is_too_low() {
    let limits = |gateway: &Gateway| {
        let all = std::fs::read_to_string(format!("/proc/{}/limits", gateway.pid())).unwrap();
        let line = all.lines().find(|line| line.starts_with("Max open files")).unwrap().to_owned();
        let fields: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        (fields[3].clone(), fields[4].clone())
    };
    let gateway = Gateway::start(&config(""));
    let (soft, hard) = limits(&gateway);
    assert_eq!(soft, hard);

    let folder = folder();
    let config = config("[server.limits]\nconnections = 2000\n");
    std::fs::write(folder.path().join("dialpass.toml"), config).unwrap();
    for (command, succeeds) in [("serve", false), ("check-config", true)] {
        let run = Command::new("sh")
            .args(["-c", "ulimit -n 1000 && exec \"$0\" \"$1\" --config \"$2\""])
            .arg(env!("CARGO_BIN_EXE_dialpass"))
            .args([command.as_ref(), folder.path().join("dialpass.toml").as_os_str()])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
        assert_eq!(run.status.success(), succeeds, "{command}: {said}");
        for part in ["1000 files", "2000", "server.limits.connections", "LimitNOFILE"] {
            assert!(said.contains(part), "{command}, {part}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_what_is_not_there_count_for_their_address() {
    let ten = "[server.limits]\nrequests_per_address = { burst = 10, per = \"1h\" }\n";
    for path in ["/widget/auth.js", "/open", "/nothing", "/api/v1/nothing"] {
        let gateway = Gateway::start(&config(ten));
        for _ in 0..10 {
            assert_ne!(ask(&gateway, path).await.status, 429, "{path}");
        }
        let refused = ask(&gateway, path).await;
        assert_eq!(refused.status, 429, "{path}");
        assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
    }
}
