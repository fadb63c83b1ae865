//! A typed password in the server's memory, which is read as root can: it goes with its connection,
//! and with the next requests to the same thread, which keeps the heads of the last ones.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use super::{ANNA, start};
use crate::support::gateway::{Gateway, wait_until};
use crate::support::wire::{VALIDATE_OTP, VPN, Wire, request};

/// How often `marker` is in what the process may write of its memory.
fn copies(gateway: &Gateway, marker: &[u8]) -> usize {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", gateway.pid())).unwrap();
    let memory = File::open(format!("/proc/{}/mem", gateway.pid())).unwrap();
    let mut found = 0;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split(' ').next().and_then(|range| range.split_once('-')).unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut region = vec![0; usize::try_from(to - from).unwrap()];
        // Some cannot be read, and hold nothing of the program's.
        if memory.read_exact_at(&mut region, from).is_ok() {
            found += region.windows(marker.len()).filter(|window| *window == marker).count();
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typed_password_is_gone_from_memory_with_its_connection() {
    let gateway = start("workers = 1", "");
    let code = gateway.code(ANNA).await;
    // In no log line, and nothing that compresses or repeats.
    let marker = "Kq7-mArKeR-x2Zt9Wp4";
    let body = format!(r#"{{"username":"anna","password":"{marker}","otp":"{code}"}}"#);
    let headers = [("authorization", VPN), ("tenant", "t1"), ("content-type", "application/json")];
    for _ in 0..3 {
        let mut connection = Wire::connect(gateway.address()).await;
        assert!(connection.send(&request("PUT", VALIDATE_OTP, &headers, &body)).await);
        assert_eq!(connection.answer(false).await.expect("an answer").status, 403);
    }
    for _ in 0..3 {
        let mut connection = Wire::connect(gateway.address()).await;
        assert!(connection.send(&request("GET", "/nothing", &[], "")).await);
        assert_eq!(connection.answer(false).await.expect("an answer").status, 404);
    }
    wait_until("no copy is left", || copies(&gateway, marker.as_bytes()) == 0);
    // It is looked for where such things are: the name of a client is there for good.
    assert!(copies(&gateway, b"anna") > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_core_file_is_written_whatever_its_limit() {
    let mut gateway = start("", "");
    let pid = gateway.pid().to_string();
    // Not everybody may raise it.
    let _ = Command::new("prlimit").args(["--core=unlimited", "--pid", &pid]).status();
    gateway.signal("ABRT");
    let status = gateway.wait();
    assert_eq!((status.signal(), status.core_dumped()), (Some(6), false));
}
