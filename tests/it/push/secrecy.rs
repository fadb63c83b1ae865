//! What logs and metrics say of notifications, and what they never do.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use tracing_subscriber::fmt::MakeWriter;

use super::{CONTACT, PATIENCE, TOKEN, kept, notifier, notify};
use crate::sms::provider::Manner;
use crate::support::browser::push_service::PushService;

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Tasks run on the test's own thread, where the log and the metrics are its own.
#[tokio::test(flavor = "current_thread")]
async fn logs_and_metrics_say_which_push_service_failed_and_no_more() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    let subscriber = subscriber.with_ansi(false).with_writer(log.clone()).finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counted = metrics::set_default_local_recorder(&recorder);

    let service = PushService::start().await;
    let notifier = notifier(&service, "timeout = \"500ms\"");
    let anna = service.subscribe("anna-at-this-secret-path");
    let answer = |status| Manner::Answer(status, "what-the-service-says".to_owned());
    for manner in [
        answer("201 Created"),
        answer("403 Forbidden"),
        answer("410 Gone"),
        answer("500 Oops"),
        Manner::Junk,
        Manner::Hang,
    ] {
        service.behave(manner);
        let _ = notify(&notifier, &kept(&anna), PATIENCE).await;
    }
    let mut elsewhere = kept(&anna);
    elsewhere.endpoint = "https://elsewhere.example.com/anna-at-this-secret-path".to_owned();
    let _ = notify(&notifier, &elsewhere, Duration::from_secs(1)).await;

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).expect("UTF-8");
    let counted = recorder.handle().render();
    for said in [
        "status 403",
        "a notification: is push.private_key another than before?",
        "status 500",
        "no answer within 500 ms",
        "not reached: ",
        "no longer knows the phone",
        "push.hosts does not name",
        "host=\"localhost\"",
    ] {
        assert!(logged.contains(said), "{said}: {logged}");
    }
    let host = service.url().replace("https://", "");
    for (outcome, times) in
        [("taken", 1), ("gone", 1), ("refused", 2), ("unreachable", 1), ("timed_out", 1)]
    {
        let line = format!(
            "dialpass_notifications_total{{service=\"{host}\",outcome=\"{outcome}\"}} {times}\n"
        );
        assert!(counted.contains(&line), "{line}: {counted}");
    }
    let json = anna.json();
    let part = |name: &str| json["keys"][name].as_str().expect("a text").to_owned();
    let signed = service.taken()[0].header("authorization").to_owned();
    let token = signed.split(['=', ',']).nth(1).expect("a token").to_owned();
    for secret in [
        "anna-at-this-secret-path",
        TOKEN,
        "CHF",
        "Example AG",
        "what-the-service-says",
        CONTACT,
        &part("p256dh"),
        &part("auth"),
        &token,
    ] {
        for (text, name) in [(&logged, "the log"), (&counted, "the metrics")] {
            assert!(!text.contains(secret), "{secret} in {name}: {text}");
        }
    }
}
