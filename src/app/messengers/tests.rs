//! What a provider's settings become: the presets' requests, and the errors for settings from which
//! no request can be made.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Request;
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use super::sms_over_http;
use crate::app::report::ConfigReporter;
use crate::config::{ConfigError, parse};
use crate::domain::stored_number::NumberingPlan;
use crate::domain::text_message::TextMessage;

const TENANT: &str = "keys.server_key='000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'\n\
    [[tenants]]\nid='t1'\ncountry='SE'\n[tenants.directory]\nkind='ldap'\n\
    servers=['ldap://127.0.0.1']\nbind_dn='cn=a'\nbind_password='s3cr3t'\nbase_dn='dc=b'\n";

/// The request that a provider with these keys makes for a text in which everything needs encoding.
fn request(keys: &str) -> Result<Request, ConfigError> {
    let text = format!("{TENANT}[[tenants.sms.providers]]\nname='main'\n{keys}\n");
    let file = Path::new("test.toml");
    let config = parse(file, &text, Path::new("/"), &[]).unwrap_or_else(|error| panic!("{error}"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let handle: &Handle = runtime.handle();
    let report = ConfigReporter(&config.positions);
    let (sms, _) = sms_over_http(&config.tenants[0], handle, &report)?.expect("a provider");
    let to = NumberingPlan::read_e164("+46701234567").expect("a number");
    let message = TextMessage { to, body: Zeroizing::new("12 & \"é\"\n+%".to_owned()) };
    Ok(sms.providers()[0].request(&message))
}

fn problem(keys: &str) -> String {
    request(keys).err().unwrap_or_else(|| panic!("refused: {keys}")).to_string()
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers().get(name).map_or("", |value| value.to_str().expect("a text"))
}

fn basic(name_and_password: &str) -> String {
    format!("Basic {}", STANDARD.encode(name_and_password))
}

/// Checks the request that a preset makes from these variables, with a user name and password or a
/// header field.
fn check(preset: &str, variables: &str, url: &str, authorization: &str, body: &str) {
    let made = request(&format!("preset='{preset}'\nvariables={{{variables}}}"));
    let made = made.unwrap_or_else(|error| panic!("{error}"));
    let (method, kind) = match body.chars().next() {
        None => ("GET", ""),
        Some('{') => ("POST", "application/json"),
        Some(_) => ("POST", "application/x-www-form-urlencoded"),
    };
    assert_eq!((made.method().as_str(), made.url().as_str()), (method, url), "{preset}");
    assert_eq!(header(&made, "authorization"), authorization, "{preset}");
    assert_eq!(header(&made, "content-type"), kind, "{preset}");
    let sent = made.body().map_or(&[][..], |body| body.as_bytes().expect("in memory"));
    assert_eq!(String::from_utf8_lossy(sent), body, "{preset}");
}

#[test]
fn presets_with_a_form_or_a_query_make_the_request_that_their_provider_documents() {
    const TEXT: &str = "12+%26+%22%C3%A9%22%0A%2B%25";
    check(
        "twilio",
        "account='AC0123456789abcdef0123456789abcdef', token='t', sender='+15551234567'",
        "https://api.twilio.com/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages.json",
        &basic("AC0123456789abcdef0123456789abcdef:t"),
        &format!("Body={TEXT}&From=%2B15551234567&To=%2B46701234567"),
    );
    check(
        "46elks",
        "username='u', password='p', sender='Acme'",
        "https://api.46elks.com/a1/sms",
        &basic("u:p"),
        &format!("from=Acme&message={TEXT}&to=%2B46701234567"),
    );
    check(
        "kannel",
        "server='http://127.0.0.1:13013', username='u', password='p&q', sender='Acme'",
        "http://127.0.0.1:13013/cgi-bin/sendsms?username=u&password=p%26q&from=Acme\
         &to=%2B46701234567&text=12%20%26%20%22%C3%A9%22%0A%2B%25&coding=0&charset=UTF-8",
        "",
        "",
    );
}

#[test]
fn presets_with_json_make_the_request_that_their_provider_documents() {
    for (preset, variables, url, authorization, body) in [
        (
            "vonage",
            "key='k', secret='s', sender='Acme'",
            "https://api.nexmo.com/v1/messages",
            basic("k:s"),
            r#"{"channel":"sms","from":"Acme","message_type":"text","text":TEXT,"to":"46701234567"}"#,
        ),
        (
            "messagebird",
            "key='k', sender='Acme'",
            "https://rest.messagebird.com/messages",
            "AccessKey k".to_owned(),
            r#"{"body":TEXT,"originator":"Acme","recipients":["46701234567"]}"#,
        ),
        (
            "bird",
            "workspace='w', channel='c', key='k'",
            "https://api.bird.com/workspaces/w/channels/c/messages",
            "AccessKey k".to_owned(),
            r#"{"body":{"text":{"text":TEXT},"type":"text"},"receiver":{"contacts":[{"identifierKey":"phonenumber","identifierValue":"+46701234567"}]}}"#,
        ),
        (
            "sinch",
            "region='eu', plan='p', token='t', sender='Acme'",
            "https://eu.sms.api.sinch.com/xms/v1/p/batches",
            "Bearer t".to_owned(),
            r#"{"body":TEXT,"from":"Acme","to":["+46701234567"],"type":"mt_text"}"#,
        ),
        (
            "infobip",
            "host='x.api.infobip.com', key='k', sender='Acme'",
            "https://x.api.infobip.com/sms/3/messages",
            "App k".to_owned(),
            r#"{"messages":[{"content":{"text":TEXT},"destinations":[{"to":"46701234567"}],"sender":"Acme"}]}"#,
        ),
        (
            "clicksend",
            "username='u', key='k', sender='Acme'",
            "https://rest.clicksend.com/v3/sms/send",
            basic("u:k"),
            r#"{"messages":[{"body":TEXT,"from":"Acme","source":"dialpass","to":"+46701234567"}]}"#,
        ),
        (
            "telnyx",
            "key='k', sender='+15551234567'",
            "https://api.telnyx.com/v2/messages",
            "Bearer k".to_owned(),
            r#"{"from":"+15551234567","text":TEXT,"to":"+46701234567"}"#,
        ),
        (
            "plivo",
            "account='MA1', token='t', sender='Acme'",
            "https://api.plivo.com/v1/Account/MA1/Message/",
            basic("MA1:t"),
            r#"{"dst":"46701234567","src":"Acme","text":TEXT}"#,
        ),
    ] {
        let body = body.replace("TEXT", r#""12 & \"é\"\n+%""#);
        check(preset, variables, url, &authorization, &body);
    }
}

#[test]
fn a_presets_variables_are_all_given_and_no_others() {
    let twilio = |variables: &str| problem(&format!("preset='twilio'\nvariables={{{variables}}}"));
    let said = twilio("account='AC0123456789abcdef0123456789abcdef', sender='s'");
    assert!(said.contains("tenants[0].sms.providers[0].variables.token: found nothing"), "{said}");
    assert!(said.contains("preset = \"twilio\""), "{said}");
    let said = twilio(
        "account='AC0123456789abcdef0123456789abcdef', sender='s', token='hunter2', tokn='hunter2'",
    );
    assert!(said.contains("providers[0].variables.tokn"), "{said}");
    assert!(said.contains("account, sender, token") && !said.contains("hunter2"), "{said}");
}

#[test]
fn settings_that_no_request_comes_of_are_named() {
    let good = "url='https://x/?{phone}{message}'";
    for (keys, key, says) in [
        ("url='https://x/?{phone}'".to_owned(), "providers[0]: ", "{message}"),
        ("url='https://x/?{message}'".to_owned(), "providers[0]: ", "no number"),
        ("url='https://x/?{phone}{mesage}'".to_owned(), "providers[0].url", "{mesage}"),
        ("url='https://x/?{phone}{message'".to_owned(), "providers[0].url", "brace"),
        ("url='https://{phone}/?{message}'".to_owned(), "providers[0].url", "cannot stand here"),
        ("url='https://me:pw@x/?{phone}{message}'".to_owned(), "providers[0].url", "basic"),
        ("url='http://x/?{phone}{message}'".to_owned(), "providers[0].url", "allow_plain_http"),
        ("url='ftp://x/?{phone}{message}'".to_owned(), "providers[0].url", "scheme"),
        ("url='x/?{phone}{message}'".to_owned(), "providers[0].url", "not a URL"),
        ("url='https://x/#{phone}{message}'".to_owned(), "providers[0].url", "#"),
        (
            "url='{server}/?{phone}{message}'\nvariables={server='https://x/y?'}".to_owned(),
            "providers[0].url",
            "not a URL with a host",
        ),
        (
            "url='https://{host}/?{phone}{message}'\nvariables={host='x@y'}".to_owned(),
            "providers[0].url",
            "basic",
        ),
        (format!("{good}\njson={{a=['{{b}}']}}"), "providers[0].json.a[0]", "{b}"),
        (format!("{good}\nform={{a='{{b}}'}}"), "providers[0].form.a", "{b}"),
        (format!("{good}\nheaders={{'a b'='c'}}"), "providers[0].headers.a b", "name"),
        (format!("{good}\nheaders={{Host='c'}}"), "providers[0].headers.Host", "connection"),
        (format!("{good}\nheaders={{a='{{message}}'}}"), "providers[0].headers.a", "{message}"),
        (format!("{good}\nheaders={{a='å'}}"), "providers[0].headers", "ASCII"),
        (format!("{good}\nheaders={{a='b', A='c'}}"), "providers[0].headers.", "twice"),
        (
            format!("{good}\nbasic={{username='a:b',password='c'}}"),
            "providers[0].basic.username",
            "colon",
        ),
        (
            format!("{good}\nheaders={{authorization='b'}}\nbasic={{username='a',password='c'}}"),
            "providers[0].basic",
            "both basic and headers.Authorization",
        ),
        (
            format!("{good}\nca_file='{}/Cargo.toml'", env!("CARGO_MANIFEST_DIR")),
            "providers[0].ca_file",
            "PEM",
        ),
    ] {
        let problem = problem(&keys);
        assert!(problem.contains(key) && problem.contains(says), "{key}, {says}: {problem}");
    }
    let said = problem(&format!("{good}\nbasic={{username='a',password='x{{hunter2}}y'}}"));
    assert!(said.contains("basic.password") && !said.contains("hunter2"), "{said}");
}

#[test]
fn plain_http_is_for_this_machine_or_for_who_asks_for_it() {
    for good in [
        "url='http://127.0.0.1:1/?{phone}{message}'",
        "url='http://[::1]:1/?{phone}{message}'",
        "url='http://localhost/?{phone}{message}'",
        "url='http://x/?{phone}{message}'\nallow_plain_http=true",
        "url='https://x?{phone}{message}'",
    ] {
        assert!(request(good).is_ok(), "{good}");
    }
}

#[test]
fn a_tenant_without_providers_has_no_messenger() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let file = Path::new("test.toml");
    let config = parse(file, TENANT, Path::new("/"), &[]).expect("good");
    let reporter = ConfigReporter(&config.positions);
    let made = super::messenger(&config.tenants[0], runtime.handle(), &reporter);
    assert!(made.is_ok_and(|messenger| messenger.is_none()));
}
