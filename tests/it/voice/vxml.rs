//! Calls that `VoiceXML` browsers describe, by clients of the API, with pages that the W3C's DTD
//! judges.

use std::io::Write as _;
use std::process::Stdio;

use reqwest::{Certificate, Client, Identity};

use super::*;
use crate::support::http_harness::{Files, PBX};
use crate::support::pki::Leaf;

/// The DTD of `VoiceXML` 2.1.
const DTD: &str = "/usr/share/xml/w3c-sgml-lib/schema/dtd/REC-voicexml21-20070619/vxml.dtd";
/// Where the first page has the browser send the call.
const CODE: &str = "/voice/v1/t1/main/code";

/// The endpoint `main`, which the client `pbx` asks, with `more` keys.
fn endpoint(more: &str) -> String {
    format!(
        "[[tenants.voice]]\nname = \"main\"\ndialect = \"vxml\"\nclient = \"pbx\"\n\
         languages = [\"sv\"]\n{more}\n"
    )
}

fn started(more: &str, rest: &str) -> Gateway {
    Gateway::start_in(people(&anna()), &config_with(&endpoint(more), rest))
}

/// A page that the DTD accepts.
fn page(answer: &Answer) -> &str {
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/voicexml+xml"));
    assert_eq!(answer.header("cache-control"), "no-store");
    let mut xmllint = Command::new("xmllint")
        .args(["--nonet", "--noout", "--dtdvalid", DTD, "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("xmllint is missing: tests/run.sh installs it");
    xmllint.stdin.take().unwrap().write_all(answer.body.as_bytes()).unwrap();
    let judged = xmllint.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&judged.stderr);
    assert!(judged.status.success(), "{errors}: {}", answer.body);
    &answer.body
}

/// What follows `before` in a page, up to `end`.
fn after<'p>(page: &'p str, before: &str, end: char) -> &'p str {
    page.split_once(before)
        .unwrap_or_else(|| panic!("{before} in {page}"))
        .1
        .split(end)
        .next()
        .unwrap()
}

/// What a browser submits of a call from `caller`.
fn call_from(caller: &str) -> Vec<(&'static str, String)> {
    vec![
        ("callid", uuid::Uuid::new_v4().to_string()),
        ("caller", caller.to_owned()),
        ("called", "sip:+46101234567@ivr.example".to_owned()),
        ("diverted", "false".to_owned()),
    ]
}

fn form(fields: &[(&'static str, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A request as a browser sends it, without a credential.
fn post(gateway: &Gateway, path: &str, body: String) -> reqwest::RequestBuilder {
    let request = gateway.http.post(gateway.url(path));
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

async fn report_to(gateway: &Gateway, path: &str, fields: &[(&'static str, String)]) -> Answer {
    Answer::of(post(gateway, path, form(fields)).basic_auth("pbx", Some("pbx-secret"))).await
}

async fn first_page(gateway: &Gateway) -> Answer {
    let request = gateway.http.get(gateway.url(MAIN)).basic_auth("pbx", Some("pbx-secret"));
    Answer::of(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_hears_the_code_that_logs_them_in() {
    let gateway = started("", "");
    let answer = first_page(&gateway).await;
    let first = page(&answer);
    assert_eq!(after(first, "<submit next=\"", '"'), CODE);
    let event_of_page = gateway.audit().into_iter().find(|event| event["operation"] == "voice");
    assert_eq!(event_of_page, None, "a page is no decision");
    let mut call = call_from("tel:+46701234567");
    call[0].1 = after(first, "<var name=\"callid\" expr=\"&apos;", '&').to_owned();
    let told = report_to(&gateway, CODE, &call).await;
    let code = spoken(page(&told));
    let digits = code.chars().map(String::from).collect::<Vec<_>>().join(", ");
    assert!(told.body.contains(&format!("En gång till: {digits}.")), "{}", told.body);
    let event = event(&gateway, &told);
    assert_eq!((&event["reason"], &event["client"]), (&json!("issued"), &json!("pbx")));
    assert_eq!((&event["voice"], &event["callid"]), (&json!("main"), &json!(call[0].1)));
    assert!(!gateway.log().contains(&code), "the log has no code");
    assert_eq!(report_to(&gateway, CODE, &call).await.body, told.body);
    let by_sip = call_from("sip:+46701234567@gw.example;user=phone");
    assert_eq!(spoken(&report_to(&gateway, CODE, &by_sip).await.body), code);
    assert_eq!(gateway.login("anna", "correct horse", &code).await.status, 200);

    let again = first_page(&gateway).await;
    assert_ne!(again.body, answer.body, "each call has an id of its own");
    let voiced = started("ssml = true\nvoice = \"A\\\"<&\"", "");
    let told = report_to(&voiced, CODE, &call_from("+46701234567")).await;
    assert!(page(&told).contains("<break time=\"300ms\"/>"), "{}", told.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_with_one_number_are_told_apart_by_the_keyed_pin() {
    let shared = "[[people]]\nusername = \"anna\"\nnumbers = [\"070-123 45 67\"]\npin = \"1234\"\n\
                  [[people]]\nusername = \"bob\"\nnumbers = [\"070-123 45 67\"]\npin = \"4321\"\n";
    let config = config_with(&endpoint("pin = \"asked\""), "ambiguous = \"pin\"\n");
    let gateway = Gateway::start_in(people(shared), &config);
    let mut call = call_from("tel:+46701234567");
    let asked = report_to(&gateway, CODE, &call).await;
    let pin = after(page(&asked), "<submit next=\"", '"').to_owned();
    assert_eq!(pin, format!("{MAIN}/pin"));
    assert_eq!(after(&asked.body, "<var name=\"callid\" expr=\"&apos;", '&'), call[0].1);
    let none = report_to(&gateway, &pin, &call).await;
    assert_eq!(event(&gateway, &none)["reason"], "number_ambiguous");
    call.push(("pin", "4321".to_owned()));
    let right = report_to(&gateway, &pin, &call).await;
    assert_eq!(event(&gateway, &right)["username"], "bob");
    spoken(page(&right));
    let unasked = report_to(&gateway, CODE, &call).await;
    assert_eq!(unasked.body, asked.body, "a PIN that was not asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_refusals_sound_the_same() {
    let calls = "[tenants.calls]\naccepted_countries = [\"SE\"]\nrefuse_diverted = true\n";
    let gateway = started("called_numbers = [\"+46101234567\"]", calls);
    let with = |name: &str, value: &str| {
        let mut call = call_from("tel:+46701234567");
        call.iter_mut().find(|(known, _)| *known == name).unwrap().1 = value.to_owned();
        call
    };
    let twice = [call_from("tel:+46701234567"), vec![("caller", "tel:+46709999999".to_owned())]];
    let refused = [
        (call_from("tel:+46709990000"), "number_unknown"),
        (call_from("sip:anonymous@anonymous.invalid"), "number_withheld"),
        (call_from("undefined"), "number_unparseable"),
        (call_from("+46701234567</prompt><prompt>1"), "number_unparseable"),
        (call_from("tel:+46709999999\r\ntel:+46701234567"), "number_unparseable"),
        (call_from("tel:+4790123456"), "country_not_accepted"),
        (with("diverted", "true"), "call_diverted"),
        (with("called", "tel:+46109999999"), "called_number_not_listed"),
        (with("callid", "'/><submit next='//evil.example"), "body_malformed"),
        (twice.concat(), "body_malformed"),
        (Vec::new(), "body_malformed"),
    ];
    let expected = report_to(&gateway, CODE, &refused[0].0).await;
    assert!(page(&expected).contains("Vi kan inte ge dig någon kod."));
    for (call, reason) in &refused {
        let answer = report_to(&gateway, CODE, call).await;
        assert_eq!((answer.status, &answer.body), (200, &expected.body), "{reason}");
        assert_eq!(event(&gateway, &answer)["reason"], json!(reason));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_endpoints_client_may_ask() {
    let other = format!(
        "[[tenants.clients]]\nname = \"other\"\noperations = [\"getOTP\"]\n\
         bearer = {{ token_sha256 = \"{}\" }}\n",
        sha256("other-secret")
    );
    let gateway = started("", &other);
    let body = form(&call_from("tel:+46701234567"));
    for path in [CODE.to_owned(), format!("{MAIN}/pin")] {
        let cases = [
            (post(&gateway, &path, body.clone()).basic_auth("pbx", Some("wrong")), "a password"),
            (post(&gateway, &path, body.clone()).bearer_auth("other-secret"), "another client"),
            (post(&gateway, &path, body.clone()).bearer_auth("vpn-secret"), "a login service"),
        ];
        for (request, what) in cases {
            must_be_forbidden(&gateway, &Answer::of(request).await, what);
        }
    }
    let get = || gateway.http.get(gateway.url(MAIN));
    must_be_forbidden(&gateway, &Answer::of(get().bearer_auth("other-secret")).await, "a page");
    // A browser that was not asked for its password may have one.
    for request in [get(), post(&gateway, CODE, body.clone())] {
        let asked = Answer::of(request).await;
        assert_eq!((asked.status, asked.body.as_str()), (401, ""));
        assert!(asked.header("www-authenticate").starts_with("Basic "));
        assert_eq!(event(&gateway, &asked)["reason"], "signature_invalid");
    }
    let pbx = |request: reqwest::RequestBuilder| request.basic_auth("pbx", Some("pbx-secret"));
    let unknown = pbx(post(&gateway, &CODE.replace("main", "other"), body.clone()));
    must_be_forbidden(&gateway, &Answer::of(unknown).await, "no endpoint");
    let json = pbx(gateway.http.post(gateway.url(CODE)).json(&json!({})));
    must_be_forbidden(&gateway, &Answer::of(json).await, "JSON");
    let posted = Answer::of(pbx(post(&gateway, MAIN, body.clone()))).await;
    assert_eq!((posted.status, posted.header("allow")), (405, "GET"));
    let got = Answer::of(pbx(gateway.http.get(gateway.url(CODE)))).await;
    assert_eq!((got.status, got.header("allow")), (405, "POST"));
    let named = pbx(post(&gateway, CODE, body)).header("host", "evil.example");
    let named = Answer::of(named).await;
    assert_eq!(named.status, 200);
    assert!(!named.body.contains("evil"), "what Host says is nowhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_asks_with_its_certificate_or_from_its_address() {
    let files = Files::new();
    let file = |name: &str| files.path(name).display().to_string();
    let config = |credential: &str| {
        format!(
            "{}[server.tls]\ncertificate = {:?}\nprivate_key = {:?}\nclient_ca = {:?}\n\
             client_certificates = \"optional\"\n[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
             [tenants.directory]\nkind = \"file\"\nfile = \"people.toml\"\n\
             [[tenants.clients]]\nname = \"pbx\"\noperations = [\"getOTP\"]\n{credential}\n{}",
            sections(&format!("public_url = \"{PUBLIC}\"")),
            file("server.pem"),
            file("server.key"),
            file("ca.pem"),
            endpoint(""),
        )
    };
    let by_certificate = config("certificate = { san = \"dns:pbx.example\" }");
    let mut gateway = Gateway::start_in(people(&anna()), &by_certificate);
    let trusting = || {
        Client::builder()
            .tls_certs_only([Certificate::from_pem(files.ca.pem().as_bytes()).unwrap()])
    };
    let with = |leaf: Leaf| {
        let own = files.ca.client(leaf);
        let pem = format!("{}{}", own.certificate, own.key);
        trusting().identity(Identity::from_pem(pem.as_bytes()).unwrap()).build().unwrap()
    };
    let call = form(&call_from("tel:+46701234567"));
    gateway.http = with(PBX);
    page(&Answer::of(gateway.http.get(gateway.url(MAIN))).await);
    spoken(page(&Answer::of(post(&gateway, CODE, call.clone())).await));
    gateway.http = with(Leaf { dns: "other.example", ..PBX });
    must_be_forbidden(&gateway, &Answer::of(post(&gateway, CODE, call.clone())).await, "another");
    gateway.http = trusting().build().unwrap();
    must_be_forbidden(&gateway, &Answer::of(post(&gateway, CODE, call.clone())).await, "none");
    drop(gateway);

    for (address, status) in [("127.0.0.1", 200), ("192.0.2.1", 403)] {
        let by_address = config(&format!("anonymous = {{ addresses = [\"{address}\"] }}"));
        let mut gateway = Gateway::start_in(people(&anna()), &by_address);
        gateway.http = trusting().build().unwrap();
        assert_eq!(Answer::of(gateway.http.get(gateway.url(MAIN))).await.status, status);
        assert_eq!(Answer::of(post(&gateway, CODE, call.clone())).await.status, status);
    }
}
