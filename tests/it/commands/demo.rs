//! `demo`: the lines it prints are run by a shell, its page is there and nowhere else, and it leaves
//! nothing behind.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use reqwest::header::HOST;
use serde_json::{Value, json};

use super::{dialpass, on_a_file, program, stderr};
use crate::support::gateway::{Answer, Gateway, sections, wait_until};

/// A running demo; dropped, it is killed.
pub struct Demo {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Demo {
    /// Starts it, with its files in a folder of its own below this one.
    pub fn start(temporary: &std::path::Path) -> Self {
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

    /// The URL of its page, which it names first, without a path.
    pub fn page(&self) -> String {
        let before = "http://localhost:";
        self.curl_lines();
        let lines = self.lines.lock().unwrap();
        let named = lines.iter().find(|line| line.contains("http://")).expect("a URL");
        assert!(named.starts_with(before), "{named}");
        named.strip_suffix('/').expect("its path").to_owned()
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

fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demos_page_is_at_localhost_and_says_what_it_may_do() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path());
    let (page, http) = (demo.page(), http());
    let answer = Answer::of(http.get(format!("{page}/"))).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = answer.header("content-security-policy");
    let expected = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ];
    for part in expected {
        assert!(policy.split("; ").any(|one| one == part), "{part} in {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    let body = answer.body;
    // By an address there are no passkeys.
    let address = page.replace("localhost", "127.0.0.1");
    let answer = Answer::of(http.get(format!("{address}/"))).await;
    assert_eq!((answer.status, answer.header("location")), (307, format!("{page}/").as_str()));
    for part in body.split('"').filter(|text| is_path(text)) {
        let answer = Answer::of(http.get(format!("{page}{part}"))).await;
        assert_eq!(
            (answer.status, answer.header("x-content-type-options")),
            (200, "nosniff"),
            "{part}"
        );
    }
    let answer = Answer::of(http.post(format!("{page}/"))).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"));
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.contains('>')
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demos_backend_gives_an_intent_that_enrolls_and_introspects_what_comes_back() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path());
    let (page, http) = (demo.page(), http());
    let intent = http.post(format!("{page}/demo/intent"));
    let enroll = json!({"username": "anna", "operation": "enroll"});
    let answer = Answer::of(intent.try_clone().unwrap().json(&enroll)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = answer.json()["token"].as_str().expect("a token").to_owned();
    let begun = http.post(format!("{page}/api/v1/users/enroll")).bearer_auth(token);
    let begun = Answer::of(begun.json(&json!({"channel": "app"}))).await;
    assert_eq!(begun.status, 201, "{}", begun.body);
    let enrollment = &begun.json()["enrollment"];
    let link = enrollment["appLinkUri"].as_str().expect("a link");
    assert!(link.starts_with(&format!("{page}/open?")), "{link}");
    // What nobody has confirmed yet is not vouched for.
    let status = http.post(format!("{page}/api/v1/status"));
    let status = Answer::of(status.json(&json!({"statusToken": enrollment["statusToken"]}))).await;
    let introspect = http.post(format!("{page}/demo/introspect"));
    let question = json!({"token": status.json()["token"]});
    let answer = Answer::of(introspect.try_clone().unwrap().json(&question)).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"active": false})));

    let approve =
        |about: &str| json!({"username": "bertil", "operation": "approve", "about": about});
    for (request, expected) in [
        (intent.try_clone().unwrap().json(&approve("login")), 404),
        (intent.try_clone().unwrap().json(&approve("anything")), 400),
        (intent.try_clone().unwrap().json(&json!({"username": "anna"})), 400),
        (intent.try_clone().unwrap().body(enroll.to_string()), 415),
        (intent.try_clone().unwrap().header(HOST, "example.com").json(&enroll), 403),
        (introspect.try_clone().unwrap().json(&json!({})), 400),
        (introspect.header(HOST, "example.com").json(&question), 403),
        (http.get(format!("{page}/demo/intent")), 405),
    ] {
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, expected, "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_demo_is_at_a_gateway_that_serves_somebody() {
    let (_, config) = on_a_file();
    let public_url = "public_url = \"http://localhost:8080\"\n";
    let config = config.replace(&sections(""), &sections(public_url));
    assert!(config.contains(public_url));
    let folder = crate::support::gateway::folder();
    std::fs::write(folder.path().join("people.toml"), super::PEOPLE).unwrap();
    let gateway = Gateway::start_in(Arc::new(folder), &config);
    for path in ["/", "/demo/page.css", "/demo/page.js", "/demo/intent", "/demo/introspect"] {
        let got = Answer::of(gateway.http.get(gateway.url(path))).await;
        let posted = gateway.http.post(gateway.url(path));
        let posted = posted.header(HOST, "localhost:8080").json(&json!({"username": "anna"}));
        let posted = Answer::of(posted).await;
        assert_eq!((got.status, posted.status), (404, 404), "{path}");
    }
}
