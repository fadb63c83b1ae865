//! The unit's `ExecReload=`: it ends when the reload has ended, and fails if the new configuration
//! was refused.

use std::process::{Command, Output};
use std::sync::Arc;

use crate::support::gateway::{Gateway, clients, folder, ldap_tenant, sections};
use crate::support::slapd::Slapd;

/// Runs the unit's own line as systemd would, with the variables that it sets.
fn exec_reload(pid: u32, runtime_directory: &str) -> Output {
    let unit = include_str!("../../../systemd/dialpass.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecReload=")).expect("a line");
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(words[0], "/usr/local/bin/dialpass");
    Command::new(env!("CARGO_BIN_EXE_dialpass"))
        .args(&words[1..])
        .env("MAINPID", pid.to_string())
        .env("RUNTIME_DIRECTORY", runtime_directory)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_units_reload_waits_for_the_outcome_and_fails_with_what_is_wrong() {
    let slapd = Slapd::builder().without_log().start();
    let folder = Arc::new(folder());
    let runtime = folder.path().join("run");
    std::fs::create_dir(&runtime).unwrap();
    let runtime = runtime.to_str().unwrap().to_owned();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let good = format!("{}{tenant}{}", sections(""), clients());
    let environment = [("RUNTIME_DIRECTORY", runtime.as_str())];
    let mut gateway = Gateway::start_with(Arc::clone(&folder), &good, &environment);
    let read = |gateway: &Gateway| gateway.log().matches("read again and is in force").count();

    for count in 1..=2 {
        let output = exec_reload(gateway.pid(), &runtime);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
        crate::support::gateway::wait_until("the line", || read(&gateway) == count);
    }
    let two_mistakes = good.replace("[server]", "[server]\nlisen = 1").replace("SE", "Sweden");
    let restart = good.replace("127.0.0.1:0", "127.0.0.2:0");
    for (config, keys) in [
        (two_mistakes.as_str(), &["server.lisen", "tenants[0].country"][..]),
        ("no configuration", &["dialpass.toml:1"]),
        (&restart, &["server.listen", "a restart"]),
    ] {
        std::fs::write(gateway.file("dialpass.toml"), config).unwrap();
        let output = exec_reload(gateway.pid(), &runtime);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(78), "{said}");
        for text in keys.iter().chain(&["the old one stays in force"]) {
            assert!(said.contains(text), "{text}: {said}");
        }
    }
    std::fs::write(gateway.file("dialpass.toml"), &good).unwrap();
    assert!(exec_reload(gateway.pid(), &runtime).status.success(), "and it works again");
    crate::support::gateway::wait_until("the third line", || read(&gateway) == 3);

    let (pid, other) = (gateway.pid(), std::process::id());
    let output = exec_reload(other, &runtime);
    assert_eq!(output.status.code(), Some(1), "another process is not signalled: {output:?}");
    gateway.signal("TERM");
    gateway.wait();
    let output = exec_reload(pid, &runtime);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("cannot be signalled"), "{}", said(&output));
}

#[test]
fn a_gateway_that_reports_no_reloads_is_not_signalled() {
    let slapd = Slapd::builder().without_log().start();
    let gateway = Gateway::on(&slapd);
    let runtime = gateway.folder().to_str().unwrap().to_owned();
    let output = exec_reload(gateway.pid(), &runtime);
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(said.contains("reports no reloads") && said.contains("RUNTIME_DIRECTORY"), "{said}");
    assert!(!gateway.log().contains("read again"), "{}", gateway.log());
}
