//! `demo`: the lines it prints are run by a shell, and it leaves nothing behind.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::{dialpass, program, stderr};
use crate::gateway::wait_until;

/// A running demo; dropped, it is killed.
struct Demo {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Demo {
    fn start(temporary: &std::path::Path) -> Self {
        let mut child = program()
            .args(["demo", "--listen", "127.0.0.1:0"])
            .env("TMPDIR", temporary)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let (output, written) = (child.stdout.take().unwrap(), Arc::clone(&lines));
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                written.lock().unwrap().push(line);
            }
        });
        Self { child, lines }
    }

    /// The curl lines, once the last line of the instructions is there.
    fn curl_lines(&self) -> Vec<String> {
        let has = |text: &str| self.lines.lock().unwrap().iter().any(|line| line.contains(text));
        wait_until("the instructions", || has("Ctrl-C stops the gateway"));
        let lines = self.lines.lock().unwrap();
        lines.iter().filter(|line| line.starts_with("curl")).cloned().collect()
    }

    fn end(&mut self, signal: &str) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        let mut status = None;
        wait_until("the demo ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.and_then(|status| status.code())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn entries(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn the_lines_that_the_demo_prints_work_in_a_shell_and_it_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(temporary.path());
    let answers: Vec<Value> = demo
        .curl_lines()
        .iter()
        .map(|line| {
            let output = Command::new("sh").args(["-c", line]).output().unwrap();
            assert!(output.status.success(), "{line}: {}", stderr(&output));
            serde_json::from_slice(&output.stdout).expect("JSON")
        })
        .collect();
    let [call, login, shared] = answers.as_slice() else { panic!("three lines: {answers:?}") };
    let code = call["otp"].as_str().expect("a code");
    assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()), "{call}");
    let log = demo.lines.lock().unwrap().join("\n");
    assert_eq!(login["username"], "anna", "{login}: {log}");
    assert_eq!(shared["status"], 403, "{shared}");
    assert_eq!(entries(temporary.path()), 1);
    assert_eq!(demo.end("INT"), Some(0));
    assert_eq!(entries(temporary.path()), 0, "its folder went with it");
}

#[test]
fn a_demo_ended_as_soon_as_it_says_how_leaves_nothing_behind() {
    for signal in ["INT", "TERM"] {
        let temporary = tempfile::tempdir().unwrap();
        let mut demo = Demo::start(temporary.path());
        demo.curl_lines();
        assert_eq!(demo.end(signal), Some(0), "{signal}");
        assert_eq!(entries(temporary.path()), 0, "{signal}");
    }
}

#[test]
fn a_demo_whose_port_is_taken_says_so() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = dialpass(&["demo", "--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&address), "{}", stderr(&output));
}
