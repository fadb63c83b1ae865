//! The authentication cloud's API, asked of the real program, with a provider of SMS that keeps the
//! texts it is given. What is asked is in the files below.

pub mod api;
mod approving;
mod calling_in;
mod changing;
mod cors;
mod enrolling;
mod errors;
mod examples;
mod intents;
mod introspecting;
mod keys;
mod limits;
mod names;
mod nodes;
mod outages;
mod phone;
mod recovering;
mod secrecy;
mod status;
mod strangers;
pub mod time;
mod users;
mod verifying;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use serde_json::{Value, json};

use self::api::{Api, at_once, count};
use crate::sms::provider::{Manner, Provider};
use crate::support::gateway::{Answer, Gateway, clients, folder, sections};

/// What the nodes say that their base is.
pub const PUBLIC_URL: &str = "https://id.example.com";

/// A phone of the tests.
pub const PHONE: &str = "+46701234567";

/// The paths of the API, with the method that each takes; `{id}` stands for an id.
pub const OPERATIONS: [(&str, &str); 13] = [
    ("GET", "/ping"),
    ("POST", "/api/v1/users/enroll"),
    ("POST", "/api/v1/approval"),
    ("POST", "/api/v1/users/{id}/verification"),
    ("POST", "/api/v1/status"),
    ("POST", "/api/v1/introspect"),
    ("POST", "/api/v1/intent"),
    ("GET", "/api/v1/users?username=anna"),
    ("GET", "/api/v1/users/{id}"),
    ("DELETE", "/api/v1/users/{id}"),
    ("PATCH", "/api/v1/authenticators/{id}"),
    ("DELETE", "/api/v1/authenticators/{id}"),
    ("DELETE", "/api/v1/phones/{id}"),
];

/// A tenant whose people are its registered users, who log in without a password.
pub fn tenant(id: &str, provider: &str) -> String {
    format!(
        "[[tenants]]\nid = \"{id}\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"registered\"\n\
         [tenants.login]\npassword = \"not-asked\"\nrefusal_floor = \"0s\"\n\
         {}{provider}",
        clients()
    )
}

/// The configuration of two such tenants, `t1` and `t2`, with one provider.
pub fn config(provider: &Provider) -> String {
    let section = provider.section("main", "");
    let public = format!("public_url = \"{PUBLIC_URL}\"");
    format!("{}{}{}", sections(&public), tenant("t1", &section), tenant("t2", &section))
}

/// A provider that takes every text.
pub async fn willing_provider() -> Provider {
    Provider::start(Manner::Answer("200 OK", "{}".to_owned())).await
}

/// Runs a command of the program with the configuration in `folder`.
pub fn command(folder: &Path, words: &[&str]) -> Output {
    let config = folder.join("dialpass.toml");
    Command::new(env!("CARGO_BIN_EXE_dialpass"))
        .args(words)
        .arg("--config")
        .arg(config)
        .output()
        .unwrap()
}

/// An access key, as the command shows it.
#[derive(Debug, Clone)]
pub struct Key {
    /// The key.
    pub text: String,
    /// Its id.
    pub id: String,
}

/// Has the command make an access key of a tenant.
pub fn access_key(folder: &Path, tenant: &str) -> Key {
    let output =
        command(folder, &["access-key", "create", "--tenant", tenant, "--name", "backend"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    // Beside events of the audit trail, where that is in no file.
    let mut told = said.lines().filter_map(|line| line.strip_prefix("access key "));
    let id = told.next().and_then(|told| told.split(' ').next());
    let text = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    Key { text, id: id.expect("an id").to_owned() }
}

/// A running service and a backend of its tenant `t1`.
pub struct Service {
    pub gateway: Gateway,
    pub provider: Provider,
    pub key: Key,
    /// The backend.
    pub api: Api,
}

impl Service {
    pub async fn start() -> Self {
        Self::start_with(|config| config, &[]).await
    }

    /// With the configuration changed, and these variables in the environment.
    pub async fn start_with(
        change: impl FnOnce(String) -> String,
        environment: &[(&str, &str)],
    ) -> Self {
        let provider = willing_provider().await;
        let config = change(config(&provider));
        let gateway = Gateway::start_with(Arc::new(folder()), &config, environment);
        let key = access_key(gateway.folder(), "t1");
        let api = Api::of(&gateway, &key.text);
        Self { gateway, provider, key, api }
    }

    /// Ends the program (SIGKILL) and starts it again on what it left behind.
    pub fn restart(self) -> Self {
        let Self { gateway, provider, key, .. } = self;
        let gateway = gateway.restart();
        let api = Api::of(&gateway, &key.text);
        Self { gateway, provider, key, api }
    }

    /// A backend of another tenant.
    pub fn backend_of(&self, tenant: &str) -> Api {
        Api::of(&self.gateway, &access_key(self.gateway.folder(), tenant).text)
    }

    /// The code in the latest text to a phone.
    pub fn code(&self, phone: &str) -> String {
        latest_code(&self.provider, phone)
    }

    /// Begins to enroll a phone; the user's id, the status token and the code.
    pub async fn enroll(&self, username: &str, phone: &str) -> Texted {
        let body = json!({"username": username, "channel": "sms", "phone": phone});
        let answer = self.api.enroll(body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        Texted::enrolled(&answer, self.code(phone))
    }

    /// A user with a verified phone; the user's id.
    pub async fn user(&self, username: &str, phone: &str) -> String {
        let texted = self.enroll(username, phone).await;
        assert_eq!(self.api.verify(&texted, &texted.code).await.status, 200);
        texted.user
    }

    /// Has a user asked for an approval.
    pub async fn approve(&self, username: &str, phone: &str) -> Texted {
        let answer = self.api.approve(json!({"username": username, "channel": "sms"})).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        Texted::approving(&answer, self.code(phone))
    }

    /// A user's recovery codes.
    pub async fn recovery(&self, username: &str) -> (String, Vec<String>) {
        let answer = self.api.enroll(json!({"username": username, "channel": "recovery"})).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let body = answer.json();
        let codes = body["recoveryCodes"].as_array().expect("codes").iter();
        let codes = codes.map(|code| code.as_str().expect("a text").to_owned()).collect();
        (text(&body["userId"]), codes)
    }
}

/// The texts that a phone got, oldest first.
pub fn texts(provider: &Provider, phone: &str) -> Vec<String> {
    let all = provider.taken();
    let bodies = all.iter().map(|one| serde_json::from_str::<Value>(one.text()).expect("JSON"));
    bodies.filter(|body| body["to"] == phone).map(|body| text(&body["text"])).collect()
}

/// The code in the latest text to a phone.
pub fn latest_code(provider: &Provider, phone: &str) -> String {
    let texts = texts(provider, phone);
    let latest = texts.last().unwrap_or_else(|| panic!("a text to {phone}"));
    let digits = |part: &&str| part.len() == 6 && part.bytes().all(|byte| byte.is_ascii_digit());
    let code = latest.split(|c: char| !c.is_ascii_digit()).find(digits);
    code.unwrap_or_else(|| panic!("a code in {latest}")).to_owned()
}

/// What a JSON value says, which is a text.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}")).to_owned()
}

/// A code that is not this one.
pub fn another(code: &str) -> String {
    let number: u32 = code.parse().expect("digits");
    format!("{:06}", (number + 1) % 1_000_000)
}

/// A transaction that waits for the code in a text.
#[derive(Debug, Clone)]
pub struct Texted {
    pub user: String,
    pub transaction: String,
    pub token: String,
    pub code: String,
}

impl Texted {
    /// From the answer to an enrollment.
    pub fn enrolled(answer: &Answer, code: String) -> Self {
        let body = answer.json();
        let enrollment = &body["enrollment"];
        Self {
            user: text(&body["userId"]),
            transaction: text(&enrollment["transactionId"]),
            token: text(&enrollment["statusToken"]),
            code,
        }
    }

    /// From the answer to an approval.
    pub fn approving(answer: &Answer, code: String) -> Self {
        let body = answer.json();
        Self {
            user: text(&body["userId"]),
            transaction: text(&body["transactionId"]),
            token: text(&body["statusToken"]),
            code,
        }
    }
}
