//! PAM: Debian's `libpam-radius-auth`, asked by `pamtester` as any service asks.

use std::io::Write;
use std::process::{Command, Stdio};

use super::{PROMPT, Site, other_than, pam_asks, radius_before, recipe, write};
use crate::support::machine::on_its_own;
use crate::support::ports::free_port;

/// Makes a service of PAM that asks the RADIUS servers on these ports in turn, each for so many seconds.
fn service(name: &str, radius: &[(u16, &str)]) {
    let servers = format!("/etc/{name}.conf");
    pam_asks(&servers, radius);
    let recipe = recipe("# /etc/pam.d/openvpn").replace("/etc/dialpass_pam.conf", &servers);
    write(&format!("/etc/pam.d/{name}"), &recipe);
}

/// Asks a service about Anna, who comes from 192.0.2.7 and types `lines`. Whether she is let in, and
/// what she reads.
fn log_in(service: &str, lines: &[&str]) -> (bool, String) {
    let mut child = Command::new("pamtester")
        .args(["-I", "rhost=192.0.2.7", service, "anna", "authenticate", "acct_mgmt"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pamtester is installed");
    let mut typed = child.stdin.take().expect("it is piped");
    // It may refuse before it reads all.
    let _ = typed.write_all((lines.join("\n") + "\n").as_bytes());
    drop(typed);
    let run = child.wait_with_output().unwrap();
    let read = [run.stdout, run.stderr].concat();
    (run.status.success(), String::from_utf8_lossy(&read).into_owned())
}

#[test]
fn a_password_with_the_code_behind_it_is_let_in_once() {
    on_its_own(async || {
        let site = Site::start();
        service("vnc", &[(site.radius.port(), "20")]);
        let typed = format!("anna-secret{}", site.code().await);
        let (is_in, read) = log_in("vnc", &[&typed]);
        assert!(is_in, "{read}{}", site.gateway.log());
        assert!(!log_in("vnc", &[&typed]).0, "the code was used");
        let typed = format!("wrong-secret{}", site.code().await);
        assert!(!log_in("vnc", &[&typed]).0, "a wrong password");
        // Failures count for the address that the user comes from.
        site.must_have_logins(3, "192.0.2.7");
    });
}

#[test]
fn a_password_alone_is_answered_by_the_prompt_and_the_code_is_let_in() {
    on_its_own(async || {
        let site = Site::start();
        service("vnc", &[(site.radius.port(), "20")]);
        let code = site.code().await;
        let (is_in, read) = log_in("vnc", &["anna-secret", &code]);
        assert!(is_in && read.contains(PROMPT), "{read}{}", site.gateway.log());
        assert!(!log_in("vnc", &["anna-secret", &code]).0, "the code was used");
        let code = site.code().await;
        assert!(!log_in("vnc", &["anna-secret", other_than(&code)]).0, "a wrong code");
        let (is_in, read) = log_in("vnc", &["wrong-secret", &code]);
        assert!(!is_in && read.contains(PROMPT), "the prompt tells nothing: {read}");
    });
}

#[test]
fn a_server_whose_gateway_is_down_is_passed_over_and_alone_lets_nobody_in() {
    on_its_own(async || {
        let site = Site::start();
        let gone = radius_before(&site.gateway, &format!("https://localhost:{}", free_port()));
        // The shortest that it takes.
        service("two", &[(gone.port(), "3"), (site.radius.port(), "20")]);
        service("one", &[(gone.port(), "3")]);
        let typed = format!("anna-secret{}", site.code().await);
        let (by_one, by_two) = std::thread::scope(|scope| {
            let by_two = scope.spawn(|| log_in("two", &[&typed]));
            (log_in("one", &[&typed]), by_two.join().unwrap())
        });
        let (is_in, read) = by_two;
        assert!(is_in, "{read}{}", site.gateway.log());
        let (is_in, read) = by_one;
        assert!(!is_in && read.contains("cannot retrieve authentication info"), "{read}");
    });
}
