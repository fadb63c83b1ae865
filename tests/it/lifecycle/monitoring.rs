//! The metrics that documents, alerts and the dashboard name are those of a live scrape.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use super::ops::{prometheus_accepts, samples};
use crate::support::gateway::{
    Answer, Gateway, PATIENCE, clients, folder, ldap_tenant, sections, sha256,
};
use crate::support::pki::Ca;
use crate::support::postgres::Postgres;
use crate::support::slapd::Slapd;

const DASHBOARD: &str = include_str!("../../../config/grafana/dialpass.json");
const RULES: &str = include_str!("../../../config/prometheus/dialpass.rules.yml");

/// A family's type, and the names of its labels.
type Families = BTreeMap<String, (String, BTreeSet<String>)>;

/// The families of a scrape.
fn families(scrape: &str) -> Families {
    let mut families = Families::new();
    for line in scrape.lines() {
        if let Some(line) = line.strip_prefix("# TYPE ") {
            let (name, kind) = line.split_once(' ').expect("a type");
            families.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        }
    }
    for (name, labels, _) in samples(scrape) {
        let (_, its) = families.get_mut(family(&name)).unwrap_or_else(|| panic!("{name}: a type"));
        its.extend(labels.into_iter().map(|(key, _)| key).filter(|key| key != "le"));
    }
    families
}

/// The family that a series belongs to.
fn family(name: &str) -> &str {
    let parts = ["_bucket", "_count", "_sum"];
    let is_part = |part: &&str| name.ends_with(&format!("_seconds{part}"));
    parts.iter().find(|part| is_part(part)).map_or(name, |part| name.strip_suffix(part).unwrap())
}

/// The families that the document describes, in the same form.
fn documented() -> Families {
    let docs = include_str!("../../../docs/metrics.md");
    let rows = docs.lines().filter(|line| line.starts_with("| `dialpass_"));
    let family = |row: &str| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let labels = cells[3].split(", ").filter(|label| !label.is_empty());
        let labels = labels.map(|label| label.trim_matches('`').to_owned()).collect();
        (cells[1].trim_matches('`').to_owned(), (cells[2].to_owned(), labels))
    };
    rows.map(family).collect()
}

/// A gateway with everything that has metrics of its own.
fn with_everything(slapd: &Slapd) -> Gateway {
    let folder = Arc::new(folder());
    let (ca, at) = (Ca::new("one"), folder.path());
    let issued = ca.server(1);
    let push_key = Command::new(env!("CARGO_BIN_EXE_dialpass")).arg("new-push-key").output();
    for (name, text) in [
        ("server.pem", issued.certificate.into_bytes()),
        ("server.key", issued.key.into_bytes()),
        ("ca.pem", ca.pem().into_bytes()),
        ("crl.pem", ca.crl(&[7]).into_bytes()),
        ("push.pem", push_key.unwrap().stdout),
    ] {
        std::fs::write(at.join(name), text).unwrap();
    }
    let server = "public_url = \"https://localhost\"\n[server.tls]\ncertificate = \"server.pem\"\n\
                  private_key = \"server.key\"\nclient_ca = \"ca.pem\"\ncrl_files = [\"crl.pem\"]\n\
                  client_certificates = \"optional\"";
    let postgres = Postgres::shared();
    let store = postgres.store_keys(&postgres.database());
    let sections = sections(server).replace("url = \"sqlite:dialpass.db\"\n", &store);
    let more = "[push]\ncontact = \"mailto:it@example.com\"\nprivate_key_file = \"push.pem\"\n\
                [audit]\nfile = \"audit.log\"\n";
    let tenant = ldap_tenant("t1", &[&slapd.url()], "lookup = \"index\"\n");
    let sms = "[[tenants.sms.providers]]\nname = \"main\"\nurl = \"http://127.0.0.1:9/\"\n\
               json = { to = \"{phone}\", text = \"{message}\" }\n";
    let client = format!(
        "[[tenants.clients]]\nname = \"portal\"\noperations = [\"validateOTP\"]\n\
         bearer = {{ token_sha256 = \"{}\", valid_until = \"2090-01-01T00:00:00Z\" }}\n",
        sha256("portal-secret")
    );
    let config = format!("{sections}{more}{tenant}{sms}{}{client}", clients());
    Gateway::start_in(folder, &config)
}

/// A scrape that has all families, or the last one within patience.
async fn scrape_of_everything(slapd: &Slapd) -> String {
    let gateway = with_everything(slapd);
    let (end, wanted) = (Instant::now() + PATIENCE, documented());
    loop {
        let scrape = Answer::of(gateway.http.get(gateway.ops_url("/metrics"))).await.body;
        let has = families(&scrape);
        if wanted.keys().all(|name| has.contains_key(name)) || Instant::now() > end {
            return scrape;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// A query's metrics, each with the labels that its selector names, and all other labels that the
/// query names.
fn named(query: &str) -> (Vec<(String, Vec<String>)>, Vec<String>) {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (mut metrics, mut labels) = (Vec::new(), Vec::new());
    let mut rest = query;
    while let Some(at) = rest.find("dialpass_") {
        rest = &rest[at..];
        let end = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let selector = after.strip_prefix('{').and_then(|after| after.split_once('}'));
        let selector = selector.map(|(inside, _)| inside).unwrap_or_default();
        let matchers = selector.split(", ").filter(|matcher| !matcher.is_empty());
        let keys =
            matchers.map(|matcher| matcher[..matcher.find(|c| !is_of_name(c)).unwrap()].to_owned());
        metrics.push((name.to_owned(), keys.collect()));
        rest = after;
    }
    for grouping in query.split("by (").skip(1) {
        let (inside, _) = grouping.split_once(')').expect("closed");
        labels.extend(inside.split(", ").map(str::to_owned));
    }
    (metrics, labels)
}

/// Checks that a query names only metrics and labels of the scrape.
fn check_query(query: &str, has: &Families) {
    let known = |label: &str, its: &BTreeSet<String>| {
        matches!(label, "instance" | "job" | "le") || its.contains(label)
    };
    let (metrics, groupings) = named(query);
    let mut all = BTreeSet::new();
    for (name, labels) in metrics {
        let (kind, its) = has.get(family(&name)).unwrap_or_else(|| panic!("{name}: {query}"));
        assert_eq!(kind == "histogram", family(&name) != name, "{name}: {query}");
        for label in labels {
            assert!(known(&label, its), "{name} has no label {label}: {query}");
        }
        all.extend(its.iter().cloned());
    }
    for label in groupings {
        assert!(known(&label, &all), "no label {label}: {query}");
    }
}

/// The queries of the dashboard's panels.
fn dashboard_queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().expect("a query").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_the_alerts_and_the_dashboard_name_what_a_scrape_has() {
    let slapd = Slapd::builder().without_tls().without_log().with_sync().start();
    let scrape = scrape_of_everything(&slapd).await;
    prometheus_accepts(&scrape);
    let has = families(&scrape);
    assert_eq!(has, documented(), "docs/metrics.md");

    let queries = dashboard_queries();
    for query in &queries {
        check_query(query, &has);
    }
    for name in has.keys() {
        assert!(queries.iter().any(|query| query.contains(name.as_str())), "a panel shows {name}");
    }
    let alerts: Vec<_> =
        RULES.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert!(alerts.len() > 10, "{alerts:?}");
    for query in alerts {
        check_query(query, &has);
    }
}

/// Runs promtool in the folder of the rules.
fn promtool(arguments: &[&str], at: &Path) {
    let output = Command::new("promtool").args(arguments).current_dir(at).output();
    let output = output.expect("tests/run.sh installs promtool");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
}

#[test]
fn prometheus_takes_the_alerts_their_tests_and_the_dashboards_queries() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/prometheus");
    promtool(&["check", "rules", "dialpass.rules.yml"], &folder);
    promtool(&["test", "rules", "dialpass.rules.test.yml"], &folder);
    let tests = std::fs::read_to_string(folder.join("dialpass.rules.test.yml")).unwrap();
    for alert in RULES.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(&format!("{{alertname=\"{alert}\"}}")), "{alert} is tested");
    }
    // Grafana's variables are text that it replaces.
    let queries = dashboard_queries().into_iter().enumerate().map(|(at, query)| {
        let query = query.replace("$__rate_interval", "5m").replace(['$'], "");
        serde_json::json!({ "record": format!("query{at}"), "expr": query })
    });
    let rules: Vec<_> = queries.collect();
    let groups = serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    let folder = tempfile::tempdir().unwrap();
    // JSON is YAML, which is what promtool reads.
    std::fs::write(folder.path().join("rules.yml"), groups.to_string()).unwrap();
    promtool(&["check", "rules", "rules.yml"], folder.path());
}

/// Waits until a scrape has this line.
async fn wait_for_sample(gateway: &Gateway, line: &str) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let scrape = Answer::of(gateway.http.get(gateway.ops_url("/metrics"))).await.body;
        if scrape.lines().any(|one| one == line) {
            return scrape;
        }
        assert!(Instant::now() < end, "{line}: {scrape}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_start_at_zero_and_latencies_pools_and_queues_are_measured() {
    let slapd = Slapd::builder().without_log().start();
    let gateway = Gateway::on(&slapd);
    let of =
        |series: &str| format!("dialpass_decisions_total{{tenant=\"t1\",operation={series}}} 0");
    for series in [
        "\"getOTP\",outcome=\"allowed\",reason=\"issued\"",
        "\"getOTP\",outcome=\"refused\",reason=\"codes_per_user\"",
        "\"validateOTP\",outcome=\"refused\",reason=\"wrong_codes_per_user\"",
    ] {
        wait_for_sample(&gateway, &of(series)).await;
    }
    wait_for_sample(&gateway, "dialpass_audit_events_lost_total 0").await;
    let code = gateway.code("+46701234567").await;
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
    let scrape = Answer::of(gateway.http.get(gateway.ops_url("/metrics"))).await.body;
    let seen = samples(&scrape);
    let value = |name: &str, label: (&str, &str)| {
        let has = |labels: &[(String, String)]| {
            labels.iter().any(|(key, value)| (key.as_str(), value.as_str()) == label)
        };
        let found = seen.iter().find(|sample| sample.0 == name && has(&sample.1));
        found.unwrap_or_else(|| panic!("{name} {label:?}: {scrape}")).2
    };
    assert!(value("dialpass_directory_seconds_count", ("operation", "search")) >= 2.0);
    assert!(value("dialpass_directory_seconds_count", ("operation", "bind")) >= 1.0);
    assert!(value("dialpass_store_seconds_count", ("operation", "write")) >= 3.0);
    assert!(value("dialpass_store_seconds_count", ("operation", "read")) >= 1.0);
    assert!(value("dialpass_pool_connections", ("pool", "search")) >= 1.0);
    assert!(value("dialpass_pool_connections", ("pool", "bind")) >= 1.0);
    assert!(value("dialpass_pool_in_use", ("pool", "bind")) < 1.0, "none is in use now");
    assert!(value("dialpass_pool_limit", ("pool", "bind")) >= 1.0);
    assert!(value("dialpass_output_queue_limit_bytes", ("output", "log")) > 1e6);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_reload_is_shown_with_its_time() {
    let slapd = Slapd::builder().without_log().start();
    let gateway = Gateway::on(&slapd);
    let read_at = |scrape: &str| {
        let seen = samples(scrape);
        let name = "dialpass_config_last_reload_success_timestamp_seconds";
        seen.iter().find(|sample| sample.0 == name).expect("a time").2
    };
    let good = std::fs::read_to_string(gateway.file("dialpass.toml")).unwrap();
    let began = wait_for_sample(&gateway, "dialpass_config_last_reload_successful 1").await;
    assert!(read_at(&began) > 1.7e9, "a time of today: {began}");
    std::fs::write(gateway.file("dialpass.toml"), "nothing").unwrap();
    gateway.signal("HUP");
    let refused = wait_for_sample(&gateway, "dialpass_config_last_reload_successful 0").await;
    assert!((read_at(&refused) - read_at(&began)).abs() < 0.5, "the old one is in force");
    std::fs::write(gateway.file("dialpass.toml"), good).unwrap();
    gateway.signal("HUP");
    let accepted = wait_for_sample(&gateway, "dialpass_config_last_reload_successful 1").await;
    assert!(read_at(&accepted) >= read_at(&began));
}

#[tokio::test(flavor = "multi_thread")]
async fn live_codes_are_counted_in_either_store() {
    let slapd = Slapd::builder().without_log().start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let postgres = Postgres::shared();
    let store = postgres.store_keys(&postgres.database());
    let sqlite = sections("");
    let shared = sqlite.replace("url = \"sqlite:dialpass.db\"\n", &store);
    for sections in [sqlite, shared] {
        let gateway = Gateway::start(&format!("{sections}{tenant}{}", clients()));
        let code = gateway.code("+46701234567").await;
        gateway.code("+46702223344").await;
        // A start counts at once.
        let gateway = gateway.restart();
        wait_for_sample(&gateway, "dialpass_live_codes{tenant=\"t1\"} 2").await;
        assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
        let gateway = gateway.restart();
        wait_for_sample(&gateway, "dialpass_live_codes{tenant=\"t1\"} 1").await;
    }
}
