//! The description of the APIs against the server that serves it: Schemathesis sends what fits the
//! description and what doesn't, and looks at each answer.

mod generated_client;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, LazyLock};

use reqwest::Method;
use serde_json::{Value, json};

use crate::checkers::must_be_good_openapi;
use crate::sms::provider::{Manner, Provider};
use crate::support::gateway::{Answer, Gateway, folder, sections, sha256};
use crate::support::soft_phone::SoftPhone;

/// Where the gateway says that it is.
const PUBLIC_URL: &str = "https://login.example.com";
/// The user of the description's examples.
const NAME: &str = "anna.muster";
/// That user's phone.
const PHONE: &str = "+41791234567";

/// A gateway whose users are registered ones, with the flood limits out of the way.
fn gateway(provider: &Provider) -> Gateway {
    let wide = "{ burst = 1000000, per = \"1s\" }";
    let often = "{ burst = 1000, per = \"1s\" }";
    let server = format!(
        "public_url = \"{PUBLIC_URL}\"\n\
         [server.limits]\nrequests_per_client = {wide}\nrequests_per_address = {wide}\n\
         calls_per_caller = {wide}"
    );
    let tenant = format!(
        "[[tenants]]\nid = \"t1\"\ncountry = \"CH\"\n\
         [[tenants.voice]]\nname = \"main\"\ndialect = \"twiml\"\nsignature = \"twilio\"\n\
         secrets = [\"a token of the account\"]\nlanguages = [\"de\"]\npin = \"asked\"\n\
         [[tenants.voice]]\nname = \"ivr\"\ndialect = \"vxml\"\nclient = \"pbx\"\n\
         languages = [\"de\"]\npin = \"asked\"\n\
         [tenants.login]\npassword = \"not-asked\"\n\
         [tenants.limits]\ncodes_per_user = {often}\ncalls_per_number = {often}\n\
         wrong_codes_per_user = {often}\n\
         [tenants.directory]\nkind = \"registered\"\n{}\
         [[tenants.clients]]\nname = \"pbx\"\noperations = [\"getOTP\", \"validateOTP\"]\n\
         basic = {{ username = \"pbx\", password_sha256 = \"{}\" }}\n",
        provider.section("nordic", ""),
        sha256("pbx-secret"),
    );
    Gateway::start_in(Arc::new(folder()), &format!("{}{tenant}", sections(&server)))
}

fn access_key(gateway: &Gateway) -> String {
    let made = Command::new(env!("CARGO_BIN_EXE_dialpass"))
        .args(["access-key", "create", "--tenant", "t1", "--name", "backend", "--config"])
        .arg(gateway.file("dialpass.toml"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

async fn post(gateway: &Gateway, key: &str, path: &str, body: &Value) -> Answer {
    Answer::of(gateway.http.post(gateway.url(path)).bearer_auth(key).json(body)).await
}

/// Registers the phone of the examples.
async fn register(gateway: &Gateway, provider: &Provider, key: &str) {
    let body = json!({ "username": NAME, "channel": "sms", "phone": PHONE });
    let enrolled = post(gateway, key, "/api/v1/users/enroll", &body).await;
    assert_eq!(enrolled.status, 201, "{}", enrolled.body);
    let enrolled = enrolled.json();
    let text: Value = serde_json::from_str(provider.taken()[0].text()).unwrap();
    let text = text["text"].as_str().unwrap();
    let code = text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6);
    let path = format!("/api/v1/users/{}/verification", enrolled["userId"].as_str().unwrap());
    let token = &enrolled["enrollment"]["statusToken"];
    let body = json!({ "code": code, "statusToken": token });
    assert_eq!(post(gateway, key, &path, &body).await.status, 200);
}

/// Registers phones of the same user; their ids.
async fn add_phones<const N: usize>(gateway: &Gateway, key: &str) -> [String; N] {
    let mut ids = std::array::from_fn(|_| String::new());
    for id in &mut ids {
        let body = json!({ "username": NAME });
        let enrolled = post(gateway, key, "/api/v1/users/enroll", &body).await.json();
        let link = enrolled["enrollment"]["appLinkUri"].as_str().expect("a link");
        let token = link.split_once('=').expect("a token").1;
        let asked = post(gateway, key, "/open/transaction", &json!({ "token": token })).await;
        let mut phone = SoftPhone::at(PUBLIC_URL);
        let made = phone.make(&asked.json()["publicKey"]).await.expect("a passkey");
        let body = json!({ "token": token, "credential": made });
        let confirmed = post(gateway, key, "/open/confirm", &body).await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.body);
        confirmed.json()["authenticatorId"].as_str().expect("an id").clone_into(id);
    }
    ids
}

/// `tests/run.sh` installs it.
fn schemathesis() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target");
    let program = target.join("schemathesis/bin/st");
    assert!(program.exists(), "{} is missing: tests/run.sh installs it", program.display());
    program
}

/// Along the links of the called-in codes, then approvals and the authenticators that there are,
/// then every other operation alone, which at some time deletes the user who calls, then along the
/// other links, where a good request may come too early or too late.
const RUNS: [&[&str]; 5] = [
    &["--phases=stateful", "--include-method=PUT", "--max-examples=50"],
    &["--phases=examples,coverage,fuzzing", "--include-path=/api/v1/approval", "--max-examples=25"],
    &["--phases=fuzzing", "--include-path-regex=/authenticators/", "--max-examples=25"],
    &["--phases=examples,coverage,fuzzing", "--exclude-path=/api/v1/approval", "--max-examples=25"],
    &[
        "--phases=stateful",
        "--include-path-regex=^/api/v1/",
        "--exclude-checks=positive_data_acceptance",
        "--max-examples=320",
    ],
];

/// How it is to try, with names for the ids of authenticators.
fn settings() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis.toml");
    std::fs::read_to_string(file).unwrap()
}

/// Tries the server; what was said.
fn try_it(gateway: &Gateway, key: &str, phones: &[String], run: &[&str]) -> Output {
    let mut settings = settings();
    for (number, id) in phones.iter().enumerate() {
        settings = settings.replace(&format!("AUTHENTICATOR_{number}"), id);
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let config = gateway.file("schemathesis.toml");
    std::fs::write(&config, settings).unwrap();
    Command::new("timeout")
        .args(["--kill-after=5", "300"])
        .arg(schemathesis())
        .arg("--config-file")
        .arg(config)
        .arg("run")
        .arg(gateway.ops_url("/openapi.json"))
        .arg("--url")
        .arg(format!("http://{}", gateway.address()))
        .args(["--no-color", "--continue-on-failure"])
        .args(run)
        .current_dir(gateway.folder())
        .env("SCHEMATHESIS_HOOKS", tests.join("schemathesis_hooks.py"))
        // Nothing is left beside the hooks.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("ACCESS_KEY", key)
        .env("NO_PROXY", "*")
        .output()
        .unwrap()
}

/// How many requests to an operation were answered with a status that says yes, by the metrics.
fn granted(metrics: &str, operation: &str) -> u64 {
    let mut granted = 0;
    for line in metrics.lines() {
        let of = format!("dialpass_request_seconds_count{{operation=\"{operation}\",status=\"2");
        if let Some((_, count)) = line.strip_prefix(&of).and_then(|rest| rest.split_once("} ")) {
            granted += count.parse::<u64>().expect("a count");
        }
    }
    granted
}

async fn metrics(gateway: &Gateway) -> String {
    Answer::of(gateway.http.get(gateway.ops_url("/metrics"))).await.body
}

/// The operations, as the metrics call them.
const OPERATIONS: [&str; 15] = [
    "getOTP",
    "validateOTP",
    "otp_token_auth",
    "ping",
    "enroll",
    "approval",
    "verification",
    "status",
    "introspect",
    "intent",
    "getUser",
    "deleteUser",
    "renameAuthenticator",
    "deleteAuthenticator",
    "voice",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_as_it_is_described() {
    let provider = Provider::start(Manner::Answer("200 OK", String::new())).await;
    let gateway = gateway(&provider);
    let key = access_key(&gateway);
    register(&gateway, &provider, &key).await;
    let phones = add_phones::<2>(&gateway, &key).await;
    let before = metrics(&gateway).await;
    for run in RUNS {
        let output = try_it(&gateway, &key, &phones, run);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    }
    // What says no to everything would pass, too.
    let after = metrics(&gateway).await;
    for operation in OPERATIONS {
        let times = granted(&after, operation) - granted(&before, operation);
        println!("{operation}: {times} times granted");
        assert!(times > 0, "{operation} was never granted");
    }
}

#[tokio::test]
async fn what_is_served_is_the_description_of_this_code() {
    let provider = Provider::start(Manner::Answer("200 OK", String::new())).await;
    let gateway = gateway(&provider);
    let served = Answer::of(gateway.http.get(gateway.ops_url("/openapi.json"))).await;
    assert_eq!(served.status, 200);
    let described = dialpass::http::openapi::document(Some(PUBLIC_URL));
    let described = serde_json::to_value(described).unwrap();
    assert_eq!(served.json(), described);
    assert!(described["paths"].as_object().unwrap().len() > 10, "{described}");
    must_be_good_openapi(&served.body);
    must_be_good_openapi(&dialpass::http::openapi::document(None).to_json().unwrap());
}

#[tokio::test]
async fn each_path_serves_the_methods_that_are_described_and_no_others() {
    let provider = Provider::start(Manner::Answer("200 OK", String::new())).await;
    let gateway = gateway(&provider);
    let description = serde_json::to_value(dialpass::http::openapi::document(None)).unwrap();
    for (path, item) in description["paths"].as_object().unwrap() {
        let path = path.replace("{tenant}", "t1");
        // The dialects of the endpoints differ in what they serve.
        let endpoints = if path.contains("{name}") { &["main", "ivr"][..] } else { &[""] };
        let urls = endpoints
            .iter()
            .map(|endpoint| gateway.url(&path.replace("{name}", endpoint).replace(['{', '}'], "")));
        let urls: Vec<String> = urls.collect();
        let ask = |method: &str, url: &str| {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            Answer::of(gateway.http.request(method, url))
        };
        let described: BTreeSet<String> =
            item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        let mut allowed = BTreeSet::new();
        for url in &urls {
            let other = ask("PROPFIND", url).await;
            assert_eq!(other.status, 405, "{path}");
            for method in other.header("allow").split(", ") {
                let status = ask(method, url).await.status;
                assert!(![404, 405].contains(&status), "{method} {path}: {status}");
                allowed.insert(method.to_owned());
            }
        }
        assert_eq!(allowed, described, "{path}");
    }
}

/// What any test here is answered has to be described.
pub fn must_be_described(method: &Method, path: &str, status: u16) {
    static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
        serde_json::to_value(dialpass::http::openapi::document(None)).expect("JSON")
    });
    let segments: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
    let fits = |described: &&String| {
        let described: Vec<&str> = described.split('/').collect();
        let same = |(one, other): (&&str, &&str)| one.starts_with('{') || one == other;
        described.len() == segments.len() && described.iter().zip(&segments).all(same)
    };
    let paths = DESCRIPTION["paths"].as_object().expect("paths");
    // One without a placeholder comes before one with.
    let found = paths.keys().filter(fits).min_by_key(|described| described.contains('{'));
    let Some(found) = found else { return };
    let described = match &paths[found][method.as_str().to_lowercase()] {
        // Also what a browser asks first.
        Value::Null => status == 405 || (*method == Method::OPTIONS && status == 204),
        operation => operation["responses"].get(status.to_string()).is_some(),
    };
    // Where the authentication cloud is switched off, nothing of it is there.
    assert!(described || status == 404, "{method} {path}: {status} is not described");
}
