//! What operators read in the log, and what must not be there.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dialpass::directory::Directory;
use dialpass::directory::PasswordCheck::Right;
use dialpass::directory::ldap::{IndexSettings, LdapDirectory, Lookup};
use tokio::runtime::Handle;

use super::{by_name, by_number, check, directory, is_up, names, settings, user, works_within};
use crate::support::slapd::Slapd;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics with the lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Has everything that this thread does logged into `lines`, until what comes back is dropped.
fn keep(lines: &Lines) -> impl Drop + use<> {
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_default(subscriber)
}

// On one thread, so that a subscriber of this thread's own sees everything.
#[tokio::test]
async fn each_change_of_a_server_is_logged_once_and_no_secret_ever() {
    let lines = Lines::default();
    // While there is only one dispatcher, tracing asks the current thread's instead, and other
    // tests' threads, which have none, would turn the log lines off for this one.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = keep(&lines);

    let mut slapd = Slapd::start();
    let directory = directory(&[slapd.url()]);
    is_up(&directory, 0, true).await;
    let anna = user(&directory, "aNNa").await;
    assert_eq!(check(&directory, &anna, "anna-secret").await, Ok(Right));
    slapd.kill();
    for _ in 0..20 {
        assert!(by_number(&directory, "+46701234567").await.is_err());
        assert!(by_name(&directory, "aNNa").await.is_err());
        assert!(check(&directory, &anna, "anna-secret").await.is_err());
    }
    is_up(&directory, 0, false).await;
    slapd.restart();
    works_within(&directory, Duration::from_secs(5)).await;
    assert!(directory.states()[0].up);

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches("directory server is down").count(), 1, "{log}");
    assert_eq!(log.matches("directory server is up").count(), 2, "{log}");
    assert!(log.contains(&slapd.url()) && log.contains("cannot connect"), "{log}");
    for secret in ["aNNa", "uid=anna", "701234567", "123 45 67", "secret"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[tokio::test]
async fn each_change_of_the_index_is_logged_once_without_personal_data() {
    let lines = Lines::default();
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = keep(&lines);

    let mut slapd = Slapd::builder().without_tls().with_sync().start();
    let mut settings = settings(&[slapd.url()]);
    let max_age = Duration::from_mins(15);
    settings.lookup =
        Lookup::Index(IndexSettings { max_age, poll: max_age, ..IndexSettings::default() });
    let directory = LdapDirectory::new(settings, Handle::current());
    is_up(&directory, 1, true).await;
    for _ in 0..2 {
        slapd.kill();
        is_up(&directory, 1, false).await;
        assert_eq!(names(&by_number(&directory, "+46701234567").await.unwrap()), ["anna"]);
        slapd.restart();
        is_up(&directory, 1, true).await;
    }

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches("index is live").count(), 3, "{log}");
    assert_eq!(log.matches("index is not kept up to date").count(), 2, "{log}");
    for secret in ["anna", "uid=", "701234567", "123 45 67", "secret"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
