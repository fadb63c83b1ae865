//! Servers that answer, and serve no search as a call makes it: they are known before anybody
//! calls, and are used again when they are mended.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use dialpass::directory::ldap::{IndexSettings, LdapDirectory, Lookup};
use dialpass::directory::{Directory, DirectoryError};
use tokio::runtime::Handle;

use super::{by_name, by_number, directory, is_up, names, settings, works_within};
use crate::support::slapd::Slapd;

/// Waits until the first server is not up, and says why.
async fn refusal(directory: &LdapDirectory, word: &str) -> String {
    for _ in 0..500 {
        let state = &directory.states()[0];
        if !state.up && state.detail.contains(word) {
            return state.detail.clone();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?} says {word}", directory.states());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_an_index_of_the_numbers_is_down_until_it_has_one() {
    let mut slapd = Slapd::builder().without_number_index().start();
    let directory = directory(&[slapd.url()]);
    // Nobody has called.
    let detail = refusal(&directory, "result code 11").await;
    assert!(detail.contains("adminLimitExceeded"), "{detail}");
    assert!(detail.contains("no index for mobile, telephoneNumber"), "{detail}");
    assert!(detail.contains("the service account's limit"), "{detail}");
    let answer = by_number(&directory, "+46701234567").await;
    assert!(matches!(answer, Err(DirectoryError::Unavailable)), "{answer:?}");
    slapd.index_numbers();
    works_within(&directory, Duration::from_secs(10)).await;
    is_up(&directory, 0, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_to_a_server_that_has_the_index() {
    let (first, second) = (Slapd::builder().without_number_index().start(), Slapd::start());
    let directory = directory(&[first.url(), second.url()]);
    for _ in 0..5 {
        assert_eq!(names(&by_number(&directory, "+46701234567").await.unwrap()), ["anna"]);
    }
    refusal(&directory, "result code 11").await;
    is_up(&directory, 1, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_judged_by_names_alone_while_calls_are_not_searched_there() {
    let slapd = Slapd::builder().without_tls().with_limited_sync().without_number_index().start();
    let mut settings = settings(&[slapd.url()]);
    let max_age = Duration::from_mins(15);
    settings.lookup =
        Lookup::Index(IndexSettings { max_age, poll: max_age, ..IndexSettings::default() });
    let directory = LdapDirectory::new(settings, Handle::current());
    is_up(&directory, 0, true).await;
    // There is no index here, so that a call is searched after all.
    let answer = by_number(&directory, "+46701234567").await;
    assert!(matches!(answer, Err(DirectoryError::Unavailable)), "{answer:?}");
    refusal(&directory, "result code 11").await;
    assert_eq!(names(&by_name(&directory, "anna").await.unwrap()), ["anna"], "logins go on");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_that_refuses_calls_makes_the_server_down_and_is_named() {
    let code = Arc::new(AtomicU8::new(0));
    let url = server_that_says(&code);
    let directory = directory(&[url]);
    is_up(&directory, 0, true).await;
    for refusing in [1, 2, 3, 4, 8, 11, 12, 13, 16, 17, 18, 21, 32, 34, 36, 50, 51, 52, 53, 54, 80]
    {
        code.store(refusing, Ordering::Relaxed);
        let answer = by_number(&directory, "+46701234567").await;
        assert!(matches!(answer, Err(DirectoryError::Unavailable)), "{refusing}: {answer:?}");
        refusal(&directory, &format!("result code {refusing}")).await;
        code.store(0, Ordering::Relaxed);
        is_up(&directory, 0, true).await;
    }
}

/// A server that takes each bind, has each entry that is read by its DN, and ends each other search
/// with this result code.
fn server_that_says(code: &Arc<AtomicU8>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("ldap://{}", listener.local_addr().unwrap());
    let code = Arc::clone(code);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let code = Arc::clone(&code);
            std::thread::spawn(move || say(stream, &code));
        }
    });
    url
}

fn say(mut stream: TcpStream, code: &AtomicU8) {
    let mut waiting = Vec::new();
    let mut buffer = vec![0; 8192];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        waiting.extend_from_slice(&buffer[..length]);
        while let Some((header, length)) = length_of(&waiting)
            && waiting.len() >= header + length
        {
            let request: Vec<u8> = waiting.drain(..header + length).skip(header).collect();
            let after = 2 + usize::from(request[1]);
            let (id, operation) = request.split_at(after);
            let (header, _) = length_of(operation).expect("an operation has a length");
            let done = |tag: u8, code: u8| vec![tag, 7, 0x0a, 1, code, 4, 0, 4, 0];
            let answers = match operation[0] {
                0x60 => vec![done(0x61, 0)],
                0x63 => {
                    // The base's DN, then the scope.
                    let base = usize::from(operation[header + 1]);
                    if operation[header + 2 + base + 2] == 0 {
                        vec![vec![0x64, 4, 4, 0, 0x30, 0], done(0x65, 0)]
                    } else {
                        vec![done(0x65, code.load(Ordering::Relaxed))]
                    }
                }
                _ => return,
            };
            for answer in answers {
                let mut message = vec![0x30, u8::try_from(id.len() + answer.len()).unwrap()];
                message.extend([id, &answer].concat());
                if stream.write_all(&message).is_err() {
                    return;
                }
            }
        }
    }
}

/// How long a BER element's header and its content are, if that has come.
fn length_of(element: &[u8]) -> Option<(usize, usize)> {
    let first = usize::from(*element.get(1)?);
    if first < 0x80 {
        return Some((2, first));
    }
    let more = element.get(2..2 + (first & 0x7f))?;
    Some((2 + more.len(), more.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))))
}
