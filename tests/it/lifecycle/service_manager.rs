//! What systemd receives over its socket (`sd_notify(3)`).

use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::gateway::{Gateway, PATIENCE, clients, folder, ldap_tenant, sections};
use crate::support::slapd::Slapd;

/// Reads messages until one that has `line`; returns it and how many came before.
fn wait_for(socket: &UnixDatagram, line: &str) -> (String, Vec<String>) {
    let (end, mut before) = (Instant::now() + PATIENCE, Vec::new());
    let mut bytes = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "{line} within {PATIENCE:?}, after {before:?}");
        socket.set_read_timeout(Some(left)).unwrap();
        let Ok(count) = socket.recv(&mut bytes) else { continue };
        let message = String::from_utf8(bytes[..count].to_vec()).unwrap();
        if message.lines().any(|one| one == line) {
            return (message, before);
        }
        before.push(message);
    }
}

#[test]
fn the_service_manager_is_notified_of_the_start_the_watchdog_each_reload_and_the_stop() {
    let slapd = Slapd::builder().without_log().start();
    let folder = Arc::new(folder());
    let path = folder.path().join("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let config = format!("{}{tenant}{}", sections(""), clients());
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "300000")];
    let begun = Instant::now();
    let mut gateway = Gateway::start_with(Arc::clone(&folder), &config, &environment);

    let (_, before) = wait_for(&socket, "READY=1");
    assert!(before.is_empty(), "first of all it is ready: {before:?}");
    for _ in 0..5 {
        wait_for(&socket, "WATCHDOG=1");
    }
    assert!(begun.elapsed() > Duration::from_millis(300), "not all at once");

    for config in [config.as_str(), "no configuration"] {
        std::fs::write(gateway.file("dialpass.toml"), config).unwrap();
        gateway.signal("HUP");
        let (message, _) = wait_for(&socket, "RELOADING=1");
        assert!(message.contains("MONOTONIC_USEC="), "{message}");
        wait_for(&socket, "READY=1");
    }
    gateway.signal("TERM");
    wait_for(&socket, "STOPPING=1");
    assert_eq!(gateway.wait().code(), Some(0));
}

#[test]
fn a_stop_is_notified_at_once_with_the_time_that_the_drain_may_take() {
    let slapd = Slapd::builder().without_log().start();
    let folder = Arc::new(folder());
    let path = folder.path().join("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let patient = "drain = \"4m\"\nshutdown_timeout = \"5m\"";
    let config = format!("{}{tenant}{}", sections(patient), clients());
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap())];
    let mut gateway = Gateway::start_with(folder, &config, &environment);
    wait_for(&socket, "READY=1");
    gateway.signal("TERM");
    let (message, _) = wait_for(&socket, "STOPPING=1");
    let asked = message.lines().find_map(|line| line.strip_prefix("EXTEND_TIMEOUT_USEC="));
    let asked = Duration::from_micros(asked.expect("a time").parse().unwrap());
    assert!((Duration::from_mins(9)..Duration::from_mins(10)).contains(&asked), "{asked:?}");
    std::net::TcpStream::connect(gateway.address()).expect("connections are still taken");
    gateway.signal("TERM");
    assert_eq!(gateway.wait().code(), Some(0));
}

#[test]
fn without_a_watchdog_none_is_fed() {
    let slapd = Slapd::builder().without_log().start();
    let folder = Arc::new(folder());
    let path = folder.path().join("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let config = format!("{}{tenant}{}", sections(""), clients());
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap())];
    let gateway = Gateway::start_with(folder, &config, &environment);
    wait_for(&socket, "READY=1");
    gateway.signal("TERM");
    let (_, before) = wait_for(&socket, "STOPPING=1");
    assert!(before.is_empty(), "{before:?}");
}
