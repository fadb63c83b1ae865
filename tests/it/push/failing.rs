//! Push services that do not take a notification, and hosts that are never asked.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

use dialpass::messenger::NotifyError;
use tempfile::TempDir;

use super::{PATIENCE, kept, notifier, notifier_in, notify};
use crate::sms::provider::Manner;
use crate::support::browser::push_service::{PushService, Subscription};
use crate::support::pki::Ca;

fn answer(status: &'static str) -> Manner {
    Manner::Answer(status, "a reason".to_owned())
}

#[tokio::test]
async fn what_a_push_service_answers_is_taken_or_gone_or_not_taken() {
    let service = PushService::start().await;
    let notifier = notifier(&service, "");
    let anna = kept(&service.subscribe("anna"));
    let (gone, not_taken) = (Err(NotifyError::Gone), Err(NotifyError::NotTaken));
    for (manner, expected) in [
        (answer("200 OK"), Ok(())),
        (answer("201 Created"), Ok(())),
        (answer("202 Accepted"), Ok(())),
        (answer("204 No Content"), Ok(())),
        (Manner::Huge(1024 * 1024), Ok(())),
        (Manner::HangInBody, Ok(())),
        (answer("404 Not Found"), gone),
        (answer("410 Gone"), gone),
        (answer("400 Bad Request"), not_taken),
        (answer("401 Unauthorized"), not_taken),
        (answer("403 Forbidden"), not_taken),
        (answer("413 Content Too Large"), not_taken),
        (answer("429 Too Many Requests\r\nretry-after: 1"), not_taken),
        (answer("500 Internal Server Error"), not_taken),
        (answer("503 Service Unavailable"), not_taken),
        (Manner::Junk, not_taken),
        (Manner::Close, not_taken),
        (answer("201 Created"), Ok(())),
    ] {
        let (before, shown) = (service.taken().len(), shown(&manner).to_owned());
        service.behave(manner);
        let (ended, took) = notify(&notifier, &anna, PATIENCE).await;
        assert_eq!(ended, expected, "{shown}");
        assert_eq!(service.taken().len(), before + 1, "asked once: {shown}");
        assert!(took < Duration::from_secs(5), "{shown}: {took:?}");
    }
}

fn shown(manner: &Manner) -> &str {
    match manner {
        Manner::Answer(status, _) => status,
        Manner::Huge(_) => "huge",
        Manner::HangInBody => "hangs in the body",
        Manner::Junk => "junk",
        Manner::Close => "closes",
        Manner::Redirect(_) | Manner::Hang => "other",
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let (service, other) = (PushService::start().await, PushService::start().await);
    let notifier = notifier(&service, "");
    let anna = kept(&service.subscribe("anna"));
    for to in [format!("{}/push/anna", other.url()), format!("{}/elsewhere", service.url())] {
        service.behave(Manner::Redirect(to.clone()));
        let (ended, _) = notify(&notifier, &anna, PATIENCE).await;
        assert_eq!(ended, Err(NotifyError::NotTaken), "{to}");
    }
    assert_eq!((service.taken().len(), other.taken().len()), (2, 0));
}

#[tokio::test]
async fn a_push_service_that_hangs_is_waited_for_no_longer_than_either_limit() {
    let service = PushService::start().await;
    service.behave(Manner::Hang);
    let anna = kept(&service.subscribe("anna"));
    let ms = Duration::from_millis;
    for (timeout, patience) in [("300ms", PATIENCE), ("10s", ms(300)), ("10s", ms(0))] {
        let notifier = notifier(&service, &format!("timeout = \"{timeout}\""));
        let (ended, took) = notify(&notifier, &anna, patience).await;
        assert_eq!(ended, Err(NotifyError::NotTaken), "{timeout}, {patience:?}");
        assert!(took >= ms(300).min(patience) && took < ms(3_000), "{timeout}: {took:?}");
    }
}

#[tokio::test]
async fn a_host_that_the_list_does_not_name_is_never_connected_to() {
    let service = PushService::start().await;
    let notifier = notifier(&service, "");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for endpoint in [
        format!("https://localhost:{port}/push/anna"),
        format!("https://127.0.0.1:{port}/push/anna"),
        format!("http://localhost:{port}/push/anna"),
        service.url().replace("https", "http"),
        service.url().replace("localhost", "127.0.0.1"),
        service.url().replace("localhost", "me:pw@localhost"),
        format!("{}/#push", service.url()),
        String::new(),
    ] {
        assert!(!notifier.may_reach(&endpoint), "{endpoint}");
        let subscription = kept(&Subscription::at(endpoint.clone()));
        let (ended, _) = notify(&notifier, &subscription, PATIENCE).await;
        assert_eq!(ended, Err(NotifyError::NotTaken), "{endpoint}");
    }
    let connected = listener.accept().map(|(_, from)| from);
    assert!(connected.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
    assert!(service.taken().is_empty());
}

#[tokio::test]
async fn a_push_service_shows_a_certificate_that_the_ca_vouches_for() {
    let service = PushService::start().await;
    let anna = kept(&service.subscribe("anna"));
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("own.pem"), service.ca_pem()).unwrap();
    std::fs::write(folder.path().join("other.pem"), Ca::new("another").pem()).unwrap();
    let host = service.url().replace("https://", "");
    for (ca_file, expected) in [
        ("ca_file = \"other.pem\"", Err(NotifyError::NotTaken)),
        ("", Err(NotifyError::NotTaken)),
        ("ca_file = \"own.pem\"", Ok(())),
    ] {
        let notifier = notifier_in(folder.path(), &format!("hosts = [\"{host}\"]\n{ca_file}"));
        assert_eq!(notify(&notifier, &anna, PATIENCE).await.0, expected, "{ca_file}");
        assert_eq!(service.taken().len(), usize::from(expected.is_ok()), "{ca_file}");
    }
}

#[tokio::test]
async fn a_subscription_for_which_nothing_can_be_sealed_is_to_be_forgotten() {
    let service = PushService::start().await;
    let notifier = notifier(&service, "");
    let mut anna = kept(&service.subscribe("anna"));
    // Not on the curve.
    anna.key[64] ^= 1;
    assert_eq!(notify(&notifier, &anna, PATIENCE).await.0, Err(NotifyError::Gone));
    anna.key = [0; 65];
    assert_eq!(notify(&notifier, &anna, PATIENCE).await.0, Err(NotifyError::Gone));
    assert!(service.taken().is_empty());
}
