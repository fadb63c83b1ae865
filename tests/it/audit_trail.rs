//! The audit trail for machines: its documented fields, its names in ECS, and its rotation.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use dialpass::telemetry::audit_fields::{ECS_ALWAYS, EVENTS, FIELDS};

use crate::support::gateway::{Gateway, clients, ldap_tenant, sections, wait_until};
use crate::support::slapd::Slapd;

#[test]
fn the_documents_tables_are_the_programs_lists() {
    let docs = include_str!("../../docs/audit.md");
    let rows: Vec<&str> = docs.lines().filter(|line| line.starts_with("| `")).collect();
    let (head, rows): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .partition(|row| row.starts_with("| `json` |") || row.starts_with("| `ecs` |"));
    assert_eq!(head.len(), 2);
    let events = EVENTS.iter().map(|(name, meaning)| format!("| `{name}` | {meaning} |"));
    let fields = FIELDS
        .iter()
        .map(|field| format!("| `{}` | `{}` | {} |", field.name, field.ecs, field.meaning));
    let always = ECS_ALWAYS.iter().map(|(name, value)| format!("| `{name}` | {value} |"));
    assert_eq!(rows, events.chain(fields).chain(always).collect::<Vec<_>>(), "docs/audit.md");
}

/// The configuration of a gateway on `slapd` with this `[audit]`.
fn config(slapd: &Slapd, audit: &str) -> String {
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    format!("{}[audit]\n{audit}\n{tenant}{}", sections(""), clients())
}

/// The whole lines of a file, each an event.
fn events(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_in_ecs_on_request_in_the_file_and_in_the_log() {
    let slapd = Slapd::builder().without_log().start();
    for file in ["file = \"audit.log\"\n", ""] {
        let gateway = Gateway::start(&config(&slapd, &format!("{file}format = \"ecs\"")));
        let code = gateway.code("+46701234567").await;
        assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
        assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 403);
        let written = || {
            if file.is_empty() {
                let log = gateway.log();
                let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
                lines.filter(|line| line["event.dataset"] == "dialpass.audit").collect()
            } else {
                events(&gateway.file("audit.log"))
            }
        };
        wait_until("three events", || written().len() == 3);
        for event in &written() {
            for name in event.as_object().unwrap().keys() {
                let known = FIELDS.iter().any(|field| field.ecs == name)
                    || ECS_ALWAYS.iter().any(|(always, _)| always == name)
                    || name == "dialpass.outcome";
                assert!(known, "{name}: {event}");
            }
        }
        let [_, login, refused] = &written()[..] else { panic!("three") };
        assert_eq!(
            (&login["event.action"], &login["event.outcome"]),
            (&"validateOTP".into(), &"success".into())
        );
        assert_eq!(
            (&refused["event.reason"], &refused["event.outcome"]),
            (&"no_live_code".into(), &"failure".into())
        );
        assert_eq!(login["user.name"], "anna");
        assert!(gateway.audit().is_empty(), "none in another format");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logrotate_under_load_loses_no_event() {
    const CALLS: usize = 200;
    let slapd = Slapd::builder().without_log().start();
    let limits = "[server.limits]\ncalls_per_caller = { burst = 1000, per = \"1m\" }\n";
    let config = config(&slapd, "file = \"audit.log\"").replace("[ops]", &format!("{limits}[ops]"));
    let gateway = Gateway::start(&config);
    let rules = include_str!("../../config/logrotate/dialpass");
    let shipped = [
        ("/var/log/dialpass/audit.log", gateway.file("audit.log").display().to_string()),
        (
            "systemctl kill --kill-whom=main --signal=HUP dialpass.service",
            format!("kill -HUP {}", gateway.pid()),
        ),
        // The test's folder has the test's own user.
        ("    su root root\n", String::new()),
        // Files of one day would have one name.
        ("    dateext\n", String::new()),
    ];
    let rules = shipped.iter().fold(rules.to_owned(), |rules, (old, new)| {
        assert!(rules.contains(old), "{old}");
        rules.replace(old, new)
    });
    std::fs::write(gateway.file("rules"), rules).unwrap();
    let rotate = || {
        let output = Command::new("/usr/sbin/logrotate")
            .arg("-f")
            .arg("-s")
            .arg(gateway.file("status"))
            .arg(gateway.file("rules"))
            .output()
            .expect("tests/run.sh installs logrotate");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let load = async {
        for _ in 0..CALLS {
            gateway.call("+46709999998").await;
        }
    };
    let rotations = async {
        for _ in 0..3 {
            tokio::task::block_in_place(rotate);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::join!(load, rotations);
    let lines = || -> usize {
        let files = std::fs::read_dir(gateway.folder()).unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|path| path.display().to_string().contains("/audit.log"));
        let text = files.map(|path| {
            // zcat takes compressed files, and with -f others too.
            let output = Command::new("zcat").arg("-f").arg(path).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        });
        text.map(|text| text.lines().filter(|line| line.contains("\"decision\"")).count()).sum()
    };
    wait_until("each event", || lines() == CALLS);
}
