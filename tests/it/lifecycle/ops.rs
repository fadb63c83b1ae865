//! What operators see: health, readiness, metrics, and the audit file.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::gateway::{
    Answer, Gateway, PATIENCE, clients, ldap_tenant, sections, wait_until,
};
use crate::support::slapd::Slapd;

async fn ops(gateway: &Gateway, path: &str) -> Answer {
    Answer::of(gateway.http.get(gateway.ops_url(path))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_and_callers_have_listeners_of_their_own() {
    let slapd = Slapd::builder().without_log().start();
    let gateway = Gateway::on(&slapd);
    assert_eq!(ops(&gateway, "/healthz").await.status, 200);
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = Answer::of(gateway.http.get(gateway.url(path))).await;
        assert_eq!(answer.status, 404, "{path} on the public listener");
    }
    for path in ["getOTP", "validateOTP", "otp_token_auth"] {
        let url = gateway.ops_url(&format!("/api/authentication/{path}"));
        let answer = Answer::of(gateway.http.put(url).basic_auth("pbx", Some("pbx-secret"))).await;
        assert_eq!(answer.status, 404, "{path} on the operators' listener");
    }
}

/// A sample of the Prometheus text format: name, labels, value.
pub(super) type Sample = (String, Vec<(String, String)>, f64);

/// Reads the text format, version 0.0.4; panics at what is not of it.
pub(super) fn samples(text: &str) -> Vec<Sample> {
    let name = |text: &str| {
        let shaped = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'));
        assert!(shaped, "a name: {text:?}");
        text.to_owned()
    };
    let mut samples = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            assert!(matches!(words.next(), Some("HELP" | "TYPE")), "{line}");
            name(words.next().expect("a name"));
            assert!(words.next().is_some_and(|rest| !rest.is_empty()), "{line}");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("a value: {line}"));
        let (series, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("closed: {line}"));
        // No label here holds a comma or a quote.
        let labels = labels.split(',').filter(|label| !label.is_empty()).map(|label| {
            let (key, value) = label.split_once('=').unwrap_or_else(|| panic!("a label: {line}"));
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            (name(key), value.unwrap_or_else(|| panic!("quoted: {line}")).to_owned())
        });
        samples.push((name(series), labels.collect(), value.parse().expect("a number")));
    }
    samples
}

/// The value of the one series with these labels, among others.
fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let has = |sample: &&Sample| {
        sample.0 == name
            && labels.iter().all(|(key, value)| {
                sample.1.iter().any(|(its_key, its)| its_key == key && its == value)
            })
    };
    let mut found = samples.iter().filter(has);
    let first = found.next().map(|sample| sample.2);
    assert!(found.next().is_none(), "one series: {name} {labels:?}");
    first
}

/// Has Prometheus's own tool judge the names, help texts and types of a scrape.
pub(super) fn prometheus_accepts(scrape: &str) {
    let mut promtool = std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("tests/run.sh installs promtool");
    std::io::Write::write_all(&mut promtool.stdin.take().unwrap(), scrape.as_bytes()).unwrap();
    let judged = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&judged.stdout) + String::from_utf8_lossy(&judged.stderr);
    assert!(judged.status.success() && said.trim().is_empty(), "{said}\n{scrape}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_each_decision_by_its_true_reason() {
    let mut slapd = Slapd::builder().without_log().start();
    let gateway = Gateway::on(&slapd);
    let code = gateway.code("+46701234567").await;
    gateway.code("+46701234567").await;
    assert_eq!(gateway.call("+46709999998").await.status, 403);
    assert_eq!(gateway.login("anna", "wrong", &code).await.status, 403);
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
    let unknown = gateway.http.put(gateway.url("/api/authentication/getOTP"));
    assert_eq!(Answer::of(unknown).await.status, 401);
    let scrape = ops(&gateway, "/metrics").await;
    assert!(scrape.header("content-type").starts_with("text/plain"));
    prometheus_accepts(&scrape.body);
    let seen = samples(&scrape.body);
    for (tenant, operation, outcome, reason, count) in [
        ("t1", "getOTP", "allowed", "issued", 1.0),
        ("t1", "getOTP", "allowed", "repeated", 1.0),
        ("t1", "getOTP", "refused", "number_unknown", 1.0),
        ("t1", "validateOTP", "refused", "wrong_password", 1.0),
        ("t1", "validateOTP", "allowed", "logged_in", 1.0),
        ("", "getOTP", "refused", "no_credential", 1.0),
    ] {
        let labels = [
            ("tenant", tenant),
            ("operation", operation),
            ("outcome", outcome),
            ("reason", reason),
        ];
        let found = value(&seen, "dialpass_decisions_total", &labels);
        assert_eq!(found, Some(count), "{labels:?}:\n{}", scrape.body);
    }
    let timed = [("operation", "getOTP"), ("status", "200")];
    assert_eq!(value(&seen, "dialpass_request_seconds_count", &timed), Some(2.0));
    let url = slapd.url();
    let directory = [("kind", "directory"), ("tenant", "t1"), ("name", url.as_str())];
    assert_eq!(value(&seen, "dialpass_dependency_up", &[("kind", "store")]), Some(1.0));
    assert_eq!(value(&seen, "dialpass_dependency_up", &directory), Some(1.0));

    slapd.kill();
    assert_eq!(gateway.call("+46702223344").await.status, 403);
    let seen = samples(&ops(&gateway, "/metrics").await.body);
    assert_eq!(value(&seen, "dialpass_dependency_up", &directory), Some(0.0));
    let reason = [("reason", "directory_unavailable")];
    assert_eq!(value(&seen, "dialpass_decisions_total", &reason), Some(1.0));
    let unready = ops(&gateway, "/readyz").await;
    assert_eq!((unready.status, &unready.json()["ready"]), (503, &Value::Bool(false)));
    assert_eq!(ops(&gateway, "/healthz").await.status, 200, "the process itself is well");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_have_what_is_measured_of_an_index() {
    let slapd = Slapd::builder().without_tls().with_sync().start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "lookup = \"index\"\n");
    let gateway = Gateway::start(&format!("{}{tenant}{}", sections(""), clients()));
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let seen = loop {
        let seen = samples(&ops(&gateway, "/metrics").await.body);
        if value(&seen, "dialpass_dependency_up", &[("kind", "index")]) == Some(1.0) {
            break seen;
        }
        assert!(std::time::Instant::now() < patience, "the index is not live");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let of = |name: &str| value(&seen, name, &[("tenant", "t1")]).expect(name);
    assert!(of("dialpass_index_people") > 300.0);
    assert!(of("dialpass_index_age_seconds") < 60.0);
    assert!(of("dialpass_index_full_reads_total") >= 1.0);
    assert!(of("dialpass_index_misses_total") < 1.0);
    // The documentation names each.
    let docs = include_str!("../../../docs/directory.md");
    let names = seen.iter().map(|sample| sample.0.as_str());
    for name in names.filter(|name| name.starts_with("dialpass_index_")) {
        assert!(docs.contains(&format!("| `{name}` |")), "{name}");
    }
}

/// The lines of the audit file, each an event.
fn events(gateway: &Gateway, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(gateway.file(name)).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_file_has_every_decision_and_the_log_none_before_and_after_it_is_rotated() {
    let slapd = Slapd::builder().without_log().start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let audit = "[audit]\nfile = \"audit.log\"\n";
    let gateway = Gateway::start(&format!("{}{audit}{tenant}{}", sections(""), clients()));
    let code = gateway.code("+46701234567").await;
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
    wait_until("two events", || events(&gateway, "audit.log").len() == 2);
    let mode = std::fs::metadata(gateway.file("audit.log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // What is written between the move and the signal goes to the file that was moved.
    std::fs::rename(gateway.file("audit.log"), gateway.file("audit.log.1")).unwrap();
    gateway.code("+46702223344").await;
    wait_until("a third event", || events(&gateway, "audit.log.1").len() == 3);
    gateway.signal("HUP");
    gateway.wait_for_line("the configuration was read again");
    assert_eq!(gateway.call("+46709999998").await.status, 403);
    wait_until("an event in the new file", || events(&gateway, "audit.log").len() == 1);
    assert_eq!(events(&gateway, "audit.log")[0]["reason"], "number_unknown");
    assert_eq!(events(&gateway, "audit.log.1").len(), 3);
    assert!(gateway.audit().is_empty(), "none on standard output");
    let written = std::fs::read_to_string(gateway.file("audit.log.1")).unwrap();
    for secret in [code.as_str(), "anna-secret", "pbx-secret", "701234567"] {
        assert!(!written.contains(secret) && !gateway.log().contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_directory_rejects_calls_is_not_ready_before_the_first_one() {
    let mut slapd = Slapd::builder().without_log().without_number_index().start();
    let gateway = Gateway::on(&slapd);
    let mut unready = ops(&gateway, "/readyz").await;
    let patience = Instant::now() + PATIENCE;
    while !unready.body.contains("result code 11") {
        assert!(Instant::now() < patience, "{}", unready.body);
        unready = ops(&gateway, "/readyz").await;
    }
    assert_eq!((unready.status, &unready.json()["ready"]), (503, &Value::Bool(false)));
    assert!(unready.body.contains("no index for mobile, telephoneNumber"), "{}", unready.body);
    assert_eq!(gateway.call("+46701234567").await.status, 403);
    // It is mended there, and nothing is done here.
    slapd.index_numbers();
    let patience = Instant::now() + PATIENCE;
    while ops(&gateway, "/readyz").await.status != 200 {
        assert!(Instant::now() < patience, "{}", ops(&gateway, "/readyz").await.body);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(gateway.call("+46701234567").await.status, 200);
}
