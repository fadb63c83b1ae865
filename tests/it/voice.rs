//! Calls that voice platforms report by webhook, signed and read by the platforms' own libraries.

mod jambonz;
mod refusing;
mod relatives;
mod speaking;
mod vonage;
mod vxml;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::support::browser::tools::target;
use crate::support::gateway::{Answer, Gateway, clients, folder, ldap_tenant, sections, sha256};
use crate::support::slapd::Slapd;

/// The public URL, which platforms sign.
const PUBLIC: &str = "https://otp.example.com";
/// The path of the endpoint `main` of tenant `t1`.
const MAIN: &str = "/voice/v1/t1/main";
/// The platform account's secret.
const TOKEN: &str = "a token of the account";
/// The number of the user `anna`, in E.164.
pub(crate) const ANNA: &str = "+46701234567";

/// The tenant `t1`, with `more` keys of its endpoint, and `rest` of the tenant.
fn config(more: &str, rest: &str) -> String {
    config_with(&endpoint(more), rest)
}

/// The tenant `t1` with this endpoint, and `rest` of the tenant.
fn config_with(endpoint: &str, rest: &str) -> String {
    format!(
        "{}[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"file\"\nfile = \"people.toml\"\n\
         {rest}{}{endpoint}",
        sections(&format!("public_url = \"{PUBLIC}\"")),
        clients(),
    )
}

/// The endpoint `main`, with `more` keys.
fn endpoint(more: &str) -> String {
    format!(
        "[[tenants.voice]]\nname = \"main\"\ndialect = \"twiml\"\nsignature = \"twilio\"\n\
         secrets = [\"the last token\", {{ file = \"token\" }}]\nlanguages = [\"sv\", \"en\"]\n{more}\n"
    )
}

/// A folder with the people and the token.
fn people(people: &str) -> Arc<TempDir> {
    let folder = folder();
    std::fs::write(folder.path().join("people.toml"), people).unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    Arc::new(folder)
}

/// Anna, whose password is "correct horse".
fn anna() -> String {
    format!(
        "[[people]]\nusername = \"anna\"\nnumbers = [\"070-123 45 67\"]\npassword_hash = {:?}\n",
        dialpass_hash()
    )
}

fn dialpass_hash() -> String {
    use argon2::password_hash::PasswordHasher as _;
    let quick = argon2::Params::new(8, 1, 1, None).unwrap();
    let argon2 = argon2::Argon2::from(quick);
    argon2.hash_password_with_salt(b"correct horse", b"a salt of its own").unwrap().to_string()
}

pub(crate) fn started(more: &str, rest: &str) -> Gateway {
    Gateway::start_in(people(&anna()), &config(more, rest))
}

/// What a platform's own library says, through one of the scripts here.
fn library(script: &str, what: &str, arguments: &Value) -> String {
    let python = target().join("voicetools/bin/python");
    assert!(python.exists(), "{} is missing: tests/run.sh installs it", python.display());
    let script = format!("{}/tests/it/voice/{script}", env!("CARGO_MANIFEST_DIR"));
    let output =
        Command::new(python).arg(script).args([what, &arguments.to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// What Twilio's library says.
fn twilio(what: &str, arguments: &Value) -> String {
    // The library leaves a blank before the end of an empty element.
    library("twilio_library.py", what, arguments).replace(" />", "/>")
}

/// A call from `from`, as Twilio describes it, with an id of its own.
pub(crate) fn call_from(from: &str) -> Value {
    let id = hex::encode(&Sha256::digest(uuid::Uuid::new_v4().as_bytes())[..16]);
    json!({
        "AccountSid": "AC00000000000000000000000000000000",
        "ApiVersion": "2010-04-01",
        "CallSid": format!("CA{id}"),
        "CallStatus": "ringing",
        "Called": "+46101234567",
        "Caller": from,
        "Direction": "inbound",
        "From": from,
        "FromCity": "Ö \"&' +",
        "To": "+46101234567",
    })
}

/// The form of a call.
fn form(call: &Value) -> String {
    let fields = call.as_object().expect("an object").iter();
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        form.append_pair(name, value.as_str().expect("a text"));
    }
    form.finish()
}

/// Sends a request with this signature.
async fn send(gateway: &Gateway, target: &str, body: String, signature: Option<&str>) -> Answer {
    let request = gateway
        .http
        .post(gateway.url(target))
        .header("content-type", "application/x-www-form-urlencoded; charset=UTF-8")
        .body(body);
    Answer::of(match signature {
        Some(signature) => request.header("x-twilio-signature", signature),
        None => request,
    })
    .await
}

/// Reports a call to `path`, signed with the account's token.
async fn report_to(gateway: &Gateway, path: &str, call: &Value) -> Answer {
    let signature = twilio("sign", &json!([TOKEN, format!("{PUBLIC}{path}"), call]));
    send(gateway, path, form(call), Some(&signature)).await
}

/// Reports a call to the endpoint `main`.
pub(crate) async fn report(gateway: &Gateway, call: &Value) -> Answer {
    report_to(gateway, MAIN, call).await
}

/// The code that a document has the platform say.
pub(crate) fn spoken(document: &str) -> String {
    let said = document.split_once("är: ").expect(document).1;
    said.split_once('.').expect("a sentence").0.replace(", ", "")
}

/// The audit event of an answer.
fn event(gateway: &Gateway, answer: &Answer) -> Value {
    gateway.audit_of(answer.header("x-request-id"))
}

/// An answer to what is not signed: no lookup, and no reason given.
fn must_be_forbidden(gateway: &Gateway, answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.body.as_str()), (403, ""), "{what}");
    let event = event(gateway, answer);
    assert_eq!(event["reason"], "signature_invalid", "{what}");
    assert_eq!(event.get("number"), None, "{what}: nothing is looked up");
}

/// A clock that is ahead by so much.
fn ahead(by: Duration) -> [(&'static str, String); 3] {
    [
        ("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1".to_owned()),
        ("FAKETIME", format!("+{}s", by.as_secs())),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}
