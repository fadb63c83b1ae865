//! What administrators see when `[tenants.sms]` is wrong.

use std::path::Path;

use super::SmsConfig;
use crate::config::{ConfigError, parse};
use crate::messenger::sms_over_http::settings::{Body, RequestMethod};

const TENANT: &str = "keys.server_key='000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'\n\
    [[tenants]]\nid='t1'\ncountry='SE'\n[tenants.directory]\nkind='ldap'\n\
    servers=['ldap://127.0.0.1']\nbind_dn='cn=a'\nbind_password='s3cr3t'\nbase_dn='dc=b'\n";
const URL: &str = "url='https://x/?to={phone}&text={message}'";

fn read(sms: &str) -> Result<SmsConfig, ConfigError> {
    let text = format!("{TENANT}{sms}\n");
    let config = parse(Path::new("test.toml"), &text, Path::new("/"), &[])?;
    Ok(config.tenants.into_iter().next().expect("a tenant").sms.expect("its texts"))
}

fn provider(keys: &str) -> String {
    format!("[[tenants.sms.providers]]\nname='main'\n{keys}")
}

#[test]
fn a_provider_in_two_lines_has_the_documented_defaults() {
    let sms = read(&provider(URL)).expect("good");
    let main = &sms.providers[0];
    assert_eq!((main.provider.name.as_str(), main.request.method), ("main", RequestMethod::Post));
    assert_eq!((main.provider.timeout.as_secs(), main.provider.accepted.len()), (2, 100));
    assert!(matches!(main.request.body, Body::None));
    assert!(
        !main.request.allow_plain_http
            && main.provider.countries.is_none()
            && main.ca_file.is_none()
    );
    assert!(sms.rules.allowed.is_none() && sms.rules.denied.is_empty());
    let none = parse(Path::new("test.toml"), TENANT, Path::new("/"), &[]).expect("good");
    assert!(none.tenants[0].sms.is_none());
}

#[test]
fn json_is_taken_as_it_is_nested() {
    let json = "json = { a = ['{phone}', 1, true, 1.5], b = { c = '{message}' } }";
    let sms = read(&provider(&format!("url='https://x/'\n{json}"))).expect("good");
    let Body::Json(json) = &sms.providers[0].request.body else { panic!("it is JSON") };
    let expected = serde_json::json!({ "a": ["{phone}", 1, true, 1.5], "b": { "c": "{message}" } });
    assert_eq!(*json, expected);
}

#[test]
fn each_mistake_is_named_with_file_key_found_and_accepted() {
    let with = |keys: &str| provider(&format!("{URL}\n{keys}"));
    for (text, key, says) in [
        ("[tenants.sms]\ndenied_countries=['XX']".to_owned(), "sms.denied_countries[0]", "\"XX\""),
        (
            "[tenants.sms]\nallowed_countries=['se']".to_owned(),
            "sms.allowed_countries[0]",
            "\"SE\"",
        ),
        ("[tenants.sms]\nallowed_countries=[]".to_owned(), "sms.allowed_countries", "empty"),
        ("[tenants.sms]\ndenied=['SE']".to_owned(), "sms.denied", "denied_countries"),
        (with("countries=['ZZ']"), "sms.providers[0].countries[0]", "\"ZZ\""),
        (provider(""), "providers[0].url", "preset"),
        (with("methdo='GET'"), "providers[0].methdo", "unknown key"),
        (with("method='DELETE'"), "providers[0].method", "`GET`"),
        (with("method='GET'\nform={a='b'}"), "providers[0].method", "with a body"),
        (with("form={a='b'}\njson={a='b'}"), "providers[0].json", "both"),
        (with("form={a=['b']}"), "providers[0].form.a", "whole number"),
        (with("json={a=[nan]}"), "providers[0].json.a[0]", "JSON"),
        (with("timeout='31s'"), "providers[0].timeout", "30s"),
        (with("timeout='1ms'"), "providers[0].timeout", "100ms"),
        (with("accepted={status=[302]}"), "providers[0].accepted.status", "200 to 299"),
        (with("accepted={status=[]}"), "providers[0].accepted.status", "200 to 299"),
        (with("accepted={body_contains=' '}"), "accepted.body_contains", "nothing"),
        (with("headers={A={file='/nowhere'}}"), "providers[0].headers.A", "/nowhere"),
        (with("headers={A={file='/dev/null'}}"), "providers[0].headers.A", "a device"),
        (with("ca_file='/nowhere'"), "providers[0].ca_file", "/nowhere"),
        (with("variables={phone='1'}"), "variables.phone", "invalid"),
        (with("variables={'A-b'='1'}"), "variables.A-b", "a-z 0-9 _"),
        (with("variables={a=''}"), "variables.a", "empty"),
        (with("basic={username='a'}"), "providers[0].basic", "password"),
        ("[tenants.sms]\none_user_per_number=true".to_owned(), "sms.providers", "at least one"),
        (with("variables={a='k…'}"), "variables.a", "your provider gave you"),
        (provider("preset='twilio'\nvariables={account='AC…'}"), "variables.account", "with …"),
        (provider("preset='twilio'\nvariables={account='AC1'}"), "variables.account", "SID"),
        (
            provider(&format!("preset='twilio'\nvariables={{account='AC{}'}}", "x".repeat(32))),
            "variables.account",
            "32 hexadecimal digits",
        ),
        (provider("preset='carrier-pigeon'"), "providers[0].preset", "\"twilio\""),
        (with("preset='twilio'"), "providers[0].url", "preset = \"twilio\" brings"),
        (format!("{}\n{}", provider(URL), provider(URL)), "providers[1].name", "second time"),
        (provider(URL).replace("main", "the main one"), "providers[0].name", "a-z"),
    ] {
        let problem = read(&text).err().unwrap_or_else(|| panic!("refused: {text}")).to_string();
        assert!(
            problem.starts_with("test.toml:") && problem.contains(": tenants[0]."),
            "{problem}"
        );
        assert!(problem.contains(key) && problem.contains(says), "{key}, {says}: {problem}");
        assert!(problem.contains("found ") && problem.contains("accepted: "), "{problem}");
    }
}

#[test]
fn no_mistake_and_no_debug_shows_a_secret() {
    for keys in [
        "headers={Authorization=['hunter2']}",
        "headers={Authorization={file='/nowhere', other='hunter2'}}",
        "variables={key={secret='hunter2'}}",
        "basic={username='a', password=['hunter2']}",
        "form={key={a='hunter2'}}",
        "url=['hunter2']",
    ] {
        let text = provider(keys);
        let problem = read(&text).err().unwrap_or_else(|| panic!("refused: {text}")).to_string();
        assert!(!problem.contains("hunter2"), "{problem}");
    }
    let good = format!(
        "{URL}\nheaders={{A='hunter2'}}\nbasic={{username='hunter2',password='hunter2'}}\n\
         variables={{k='hunter2'}}\nform={{a='hunter2'}}"
    );
    let debug = format!("{:?}", read(&provider(&good)).expect("good"));
    assert!(debug.contains("main") && !debug.contains("hunter2"), "{debug}");
}

#[test]
fn a_country_that_is_allowed_and_denied_is_warned_of() {
    let warned = |lists: &str| {
        let text = format!("{TENANT}[tenants.sms]\n{lists}\n{}\n", provider(URL));
        let config = parse(Path::new("test.toml"), &text, Path::new("/"), &[]).expect("good");
        let mut about = config.warnings.into_iter();
        about.find(|one| one.key.ends_with("sms.denied_countries")).map(|one| one.text)
    };
    let both = warned("allowed_countries=['SE','NO']\ndenied_countries=['NO','DK']");
    assert!(both.is_some_and(|text| text.contains("has NO as well")));
    assert_eq!(warned("allowed_countries=['SE']\ndenied_countries=['NO']"), None);
    assert_eq!(warned("denied_countries=['NO']"), None);
}
