//! What a provider receives, byte for byte.

use std::time::Duration;

use tempfile::TempDir;

use super::provider::{Manner, Provider, Taken};
use super::{messenger, messenger_in, send};

const PATIENCE: Duration = Duration::from_secs(10);
const NUMBER: &str = "+46701234567";
/// All that JSON, forms or URLs could take for something else, and all of GSM 7 bit beyond ASCII.
const NASTY: &str = "\"quoted\" \\ 'a' & b=c + 100% #1 ?/;,:<>\n{phone} {{message}} \r[~] ^|\u{c}\
    @£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà€";

/// What the provider got of this message by this request.
async fn received(keys: &str, body: &str) -> Taken {
    let provider = Provider::start(Manner::Answer("200 OK", String::new())).await;
    let keys = keys.replace("URL", &provider.url());
    let section = format!("[[tenants.sms.providers]]\nname = \"main\"\n{keys}\n");
    let (sent, _) = send(&messenger(&section), NUMBER, body, PATIENCE).await;
    assert_eq!(sent, Ok(()));
    let [taken] = provider.taken().try_into().expect("one request");
    taken
}

#[tokio::test]
async fn json_holds_the_message_whatever_is_in_it() {
    let json = "json = { to = [{ n = '{phone_digits}' }], text = '{message}', part = 'x{phone}y', \
        id = 7, urgent = true }";
    let taken = received(&format!("url = 'URL/v1/send'\n{json}"), NASTY).await;
    assert_eq!(taken.line, "POST /v1/send");
    assert_eq!(taken.header("content-type"), "application/json");
    // RFC 8259 has it that only these need an escape; all else is UTF-8.
    let escaped = NASTY
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
        .replace('\u{c}', "\\f");
    let expected = format!(
        r#"{{"id":7,"part":"x+46701234567y","text":"{escaped}","to":[{{"n":"46701234567"}}],"urgent":true}}"#
    );
    assert_eq!(taken.text(), expected);
}

#[tokio::test]
async fn a_form_holds_the_message_whatever_is_in_it() {
    let form = "form = { To = '{phone}', Body = '{message}', 'max length' = 160, flash = false }";
    let taken = received(&format!("url = 'URL/send'\nmethod = 'PUT'\n{form}"), NASTY).await;
    assert_eq!(taken.line, "PUT /send");
    assert_eq!(taken.header("content-type"), "application/x-www-form-urlencoded");
    let encoded: String = NASTY.bytes().map(|byte| encoded(byte, "*-._", "+")).collect();
    assert_eq!(
        taken.text(),
        format!("Body={encoded}&To=%2B46701234567&flash=false&max+length=160")
    );
}

#[tokio::test]
async fn a_url_holds_the_message_whatever_is_in_it() {
    let url = "url = 'URL/to/{phone}/{phone_digits}?key={key}&text={message}&charset=UTF-8'\n\
        method = 'GET'\nvariables = { key = 'a&b/c d' }";
    let taken = received(url, NASTY).await;
    let encoded: String = NASTY.bytes().map(|byte| encoded(byte, "-._~", "%20")).collect();
    assert_eq!(
        taken.line,
        format!(
            "GET /to/%2B46701234567/46701234567?key=a%26b%2Fc%20d&text={encoded}&charset=UTF-8"
        )
    );
    assert!(taken.body.is_empty() && taken.header("content-type").is_empty());
}

fn encoded(byte: u8, kept: &str, blank: &str) -> String {
    match char::from(byte) {
        ' ' => blank.to_owned(),
        c if c.is_ascii_alphanumeric() || kept.contains(c) => c.to_string(),
        _ => format!("%{byte:02X}"),
    }
}

#[test]
fn no_proxy_of_the_environment_is_asked() {
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "sms::requests::json_holds_the_message_whatever_is_in_it"]);
    // Nobody listens there.
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        again.env(name, "http://127.0.0.1:1");
    }
    let output = again.env_remove("no_proxy").env_remove("NO_PROXY").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn header_fields_hold_secrets_from_files_as_they_are() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("key"), "s3cr{et}\n").unwrap();
    std::fs::write(folder.path().join("password"), "pä:ss{word}\r\n").unwrap();
    let provider = Provider::start(Manner::Answer("200 OK", String::new())).await;
    let keys = "headers = { X-Api-Key = { file = 'key' }, X-To = 'no {{ {phone}', \
         Content-Type = 'application/json; charset=utf-8' }\n\
         basic = { username = 'me', password = { file = 'password' } }";
    let messenger = messenger_in(folder.path(), &provider.section("main", keys));
    assert_eq!(send(&messenger, NUMBER, "12", PATIENCE).await.0, Ok(()));
    let taken = &provider.taken()[0];
    assert_eq!(taken.header("x-api-key"), "s3cr{et}");
    assert_eq!(taken.header("x-to"), "no { +46701234567");
    assert_eq!(taken.header("content-type"), "application/json; charset=utf-8");
    // printf 'me:pä:ss{word}' | base64
    assert_eq!(taken.header("authorization"), "Basic bWU6cMOkOnNze3dvcmR9");
}
