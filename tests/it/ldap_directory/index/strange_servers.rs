//! Servers that an index cannot be kept from.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::super::settings;
use super::{has, is_live, state, synced, until, with_index};
use crate::support::slapd::Slapd;

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_searched_where_the_server_has_no_synchronization() {
    let slapd = Slapd::builder().without_tls().start();
    let directory = with_index(settings(&[slapd.url()]), Duration::from_mins(15));
    until(&directory, |directory| state(directory).detail.contains("syncprov")).await;
    let searches = slapd.searches();
    has(&directory, "+46701234567", &["anna"]).await;
    assert!(slapd.searches() > searches);
    assert!(!state(&directory).up);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_searched_where_not_all_entries_can_be_read() {
    let slapd = Slapd::builder().without_tls().with_limited_sync().users(600).start();
    let directory = with_index(settings(&[slapd.url()]), Duration::from_mins(15));
    until(&directory, |directory| state(directory).detail.contains("size=unlimited")).await;
    let searches = slapd.searches();
    has(&directory, "+46760000600", &["user0600"]).await;
    assert!(slapd.searches() > searches && !state(&directory).up);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_talks_nonsense_is_left_for_the_next_one() {
    let strange = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("ldap://{}", strange.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in strange.incoming().flatten() {
            std::thread::spawn(move || talk_nonsense(stream));
        }
    });
    let slapd = synced().start();
    let alone = with_index(settings(std::slice::from_ref(&url)), Duration::from_mins(15));
    until(&alone, |directory| state(directory).detail.contains("unreadable")).await;
    let directory = with_index(settings(&[url, slapd.url()]), Duration::from_mins(15));
    is_live(&directory, true).await;
    has(&directory, "+46701234567", &["anna"]).await;
}

/// Says yes to each bind, that there is an entry wherever one is read, and that each search is
/// done; but what it says of changes is no message of RFC 4533.
fn talk_nonsense(mut stream: TcpStream) {
    const PERSIST: &[u8] = b"1.3.6.1.4.1.4203.1.9.1.1\x01\x01\xff\x04\x05\x30\x03\x0a\x01\x03";
    const ONE_ENTRY: &[u8] = b"\x0a\x01\x00\x0a\x01\x00";
    let mut unread = Vec::new();
    let mut some = vec![0; 8192];
    while let Ok(length @ 1..) = stream.read(&mut some) {
        unread.extend_from_slice(&some[..length]);
        while let Some((header, length)) = message(&unread) {
            let request: Vec<u8> = unread.drain(..header + length).collect();
            let after = header + 2 + usize::from(request[header + 1]);
            let id = &request[header..after];
            let done: &[u8] = b"\x65\x07\x0a\x01\x00\x04\x00\x04\x00";
            let answers: &[&[u8]] = match request[after] {
                0x60 => &[b"\x61\x07\x0a\x01\x00\x04\x00\x04\x00"],
                0x63 if request.windows(PERSIST.len()).any(|part| part == PERSIST) => {
                    &[b"\x79\x00"]
                }
                0x63 if request.windows(6).any(|part| part == ONE_ENTRY) => {
                    &[b"\x64\x04\x04\x00\x30\x00", done]
                }
                0x63 => &[done],
                _ => return,
            };
            for answer in answers {
                let mut message = vec![0x30, u8::try_from(id.len() + answer.len()).unwrap()];
                message.extend([id, answer].concat());
                if stream.write_all(&message).is_err() {
                    return;
                }
            }
        }
    }
}

/// How long the header of the first message is, and what follows it, if all of it is there.
fn message(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = usize::from(*bytes.get(1)?);
    let (header, length) = if first < 0x80 {
        (2, first)
    } else {
        let digits = bytes.get(2..2 + (first & 0x7f))?;
        (2 + digits.len(), digits.iter().fold(0, |all, digit| (all << 8) + usize::from(*digit)))
    };
    (bytes.len() >= header + length).then_some((header, length))
}
