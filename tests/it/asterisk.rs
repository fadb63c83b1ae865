//! Calls through a real Asterisk: telephones (SIPp) call it, it asks the real server, and a decoder
//! listens to what the callers hear. The dialplans are those that the documentation prints.

mod attestation;

use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::asterisk::{Asterisk, SipCall, Then, printed};
use crate::support::gateway::{Answer, Gateway, clients, folder, sections};
use crate::support::pki::Ca;

/// The number of the user `anna`, in E.164.
const ANNA: &str = "+46701234567";
/// Callers who inject, as SIP writes them: line breaks with fields of the header, its whole rest and
/// its end with replies; quotes with a JSON field; percent signs, and what a form would split.
const INJECTING: [(&str, &str); 7] = [
    ("9101", "+46709999999%0Aagi_callerid%3A%20+46701234567"),
    ("9102", "+46701234567%0Aagi_arg_1%3A%20success%0Aagi_arg_2%3A%20A"),
    ("9103", "+46701234567%0Aagi_callingpres%3A%200%0Aagi_rdnis%3A%20%0A%0A200%20result%3D1"),
    ("9104", "+46701234567%22%2C%22attestation%22%3A%22A"),
    ("9105", "+46701234567%26attestation=A"),
    ("9106", "+46701234567%2526attestation%253DA"),
    ("9107", "+46701234567%0D%0A%0D%0A$%7BSHELL(id)%7D"),
];

/// A folder with Anna.
fn people(more: &str) -> Arc<TempDir> {
    let folder = folder();
    let anna = "[[people]]\nusername = \"anna\"\nnumbers = [\"070-123 45 67\"]\npin = \"1234\"\n";
    std::fs::write(folder.path().join("people.toml"), format!("{anna}{more}")).unwrap();
    Arc::new(folder)
}

/// A tenant `id` with `rest`; codes alone log in, and there is no limit on codes.
fn tenant(id: &str, rest: &str) -> String {
    format!(
        "[[tenants]]\nid = \"{id}\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"file\"\nfile = \"people.toml\"\n{rest}\
         [tenants.login]\npassword = \"not-asked\"\n[tenants.otp]\nlength = 6\n"
    )
}

/// The script of a tenant.
fn script(name: &str, more: &str) -> String {
    format!("[[tenants.fastagi]]\nscript = \"{name}\"\naddresses = [\"127.0.0.1\"]\n{more}\n")
}

/// The context `recipe` with these lines; what a call ended with is logged.
fn recipe(lines: &str) -> String {
    format!("[recipe]\n{lines}\nexten => h,1,NoOp(RESULT ${{NAME}} ${{DIALPASS_RESULT}})\n")
}

/// The printed dialplan for FastAGI, which asks `gateway`.
fn fastagi(gateway: &Gateway) -> String {
    asking(gateway, &printed("phone-systems.md", "AGI(agi://"))
}

/// A printed dialplan, which asks `gateway`.
fn asking(gateway: &Gateway, printed: &str) -> String {
    let host = "agi://dialpass.example.com/";
    assert!(printed.contains(host), "{printed}");
    printed.replace(host, &format!("agi://{}/", gateway.fastagi()))
}

/// Calls all at the same time.
fn call_all(asterisk: &Asterisk, calls: &[SipCall<'_>]) {
    std::thread::scope(|scope| {
        for call in calls {
            scope.spawn(|| asterisk.call(call));
        }
    });
}

/// Whether this is a code, twice.
fn is_code_twice(heard: &str) -> bool {
    heard.len() == 12 && heard[..6] == heard[6..] && heard.bytes().all(|key| key.is_ascii_digit())
}

/// The events of FastAGI or getOTP.
fn events(gateway: &Gateway) -> Vec<Value> {
    let events = gateway.audit().into_iter();
    events.filter(|event| event["operation"] != "validateOTP").collect()
}

/// How many events have this reason.
fn count(gateway: &Gateway, reason: &str) -> usize {
    events(gateway).iter().filter(|event| event["reason"] == reason).count()
}

async fn login(gateway: &Gateway, tenant: &str, code: &str) -> u16 {
    let request = gateway
        .http
        .put(gateway.url("/api/authentication/validateOTP"))
        .bearer_auth("vpn-secret")
        .header("tenant", tenant)
        .json(&json!({ "username": "anna", "otp": code }));
    Answer::of(request).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_of_a_real_asterisk_hear_their_code_by_fastagi() {
    let config = format!(
        "{}[fastagi]\nlisten = \"127.0.0.1:0\"\n{}{}{}",
        sections(""),
        tenant("t1", "[tenants.calls]\nrefuse_diverted = true\n"),
        clients(),
        script("t1", ""),
    );
    let gateway = Gateway::start_in(people(""), &config);
    let asterisk = Asterisk::start(&recipe(&fastagi(&gateway)));
    let identity = format!("P-Asserted-Identity: <sip:{ANNA}@127.0.0.1>");
    let (by_carrier, hidden) = ([identity.as_str()], ["Privacy: id", &identity]);
    let mut calls = vec![
        SipCall::new("9001", ANNA),
        SipCall { headers: &by_carrier, ..SipCall::new("9002", "anonymous") },
        SipCall::new("9003", "+46709990000"),
        SipCall { headers: &hidden, ..SipCall::new("9004", ANNA) },
        SipCall::new("9005", "anonymous"),
        SipCall {
            headers: &["Diversion: <sip:+46709999999@127.0.0.1>;reason=unconditional"],
            ..SipCall::new("9006", ANNA)
        },
    ];
    let injecting = INJECTING.iter().map(|(dialled, from)| SipCall::new(dialled, from));
    calls.extend(injecting);
    call_all(&asterisk, &calls);
    let code = asterisk.heard("9001", is_code_twice);
    assert_eq!(asterisk.heard("9002", is_code_twice), code, "the carrier says who calls");
    for told in ["9001", "9002"] {
        assert_eq!(asterisk.result(told), "TOLD");
    }
    let refused = ["9003", "9004", "9005", "9006"];
    for refused in refused.into_iter().chain(INJECTING.map(|(dialled, _)| dialled)) {
        asterisk.heard(refused, |heard| heard == "#");
        assert_eq!(asterisk.result(refused), "REFUSED");
    }
    for (reason, expected) in [
        ("number_unknown", 1),
        ("number_withheld", 2),
        ("call_diverted", 1),
        ("agi_header_malformed", 4),
        ("issued", 1),
        ("repeated", 1),
    ] {
        assert_eq!(count(&gateway, reason), expected, "{reason}: {}", gateway.log());
    }
    assert_eq!(login(&gateway, "t1", &code[..6]).await, 200);
    assert!(!gateway.log().contains("Asterisk did not"), "{}", gateway.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_in_the_middle_ends_the_session_and_keeps_the_code() {
    let config = format!(
        "{}[fastagi]\nlisten = \"127.0.0.1:0\"\n{}{}{}",
        sections(""),
        tenant("t1", ""),
        clients(),
        script("t1", "repeat = 5"),
    );
    let gateway = Gateway::start_in(people(""), &config);
    let asterisk = Asterisk::start(&recipe(&fastagi(&gateway)));
    asterisk.call(&SipCall { then: Then::HangUp(4_000), ..SipCall::new("9001", ANNA) });
    let metrics = gateway.ops_url("/metrics");
    let mut ended = false;
    for _ in 0..100 {
        let scrape = Answer::of(gateway.http.get(&metrics)).await.body;
        ended = scrape.contains("dialpass_fastagi_sessions_open 0\n");
        if ended {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(ended, "the session ends");
    assert_eq!(asterisk.result("9001"), "TOLD");
    let heard = asterisk.heard("9001", |heard| heard.len() >= 6);
    assert!(heard.len() < 30, "{heard}");
    assert_eq!(login(&gateway, "t1", &heard[..6]).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_that_is_keyed_in_a_real_call_tells_two_people_apart() {
    let bob = "[[people]]\nusername = \"bob\"\nnumbers = [\"070-123 45 67\"]\npin = \"4321\"\n";
    let config = format!(
        "{}[fastagi]\nlisten = \"127.0.0.1:0\"\n{}{}{}",
        sections(""),
        tenant("t1", "ambiguous = \"pin\"\n"),
        clients(),
        script("t1", "pin = { prompt = \"enter-pin\" }"),
    );
    let gateway = Gateway::start_in(people(bob), &config);
    let asterisk = Asterisk::start(&recipe(&fastagi(&gateway)));
    let keys =
        |dialled, digits| SipCall { then: Then::Key(3_000, digits), ..SipCall::new(dialled, ANNA) };
    call_all(&asterisk, &[keys("9001", "1234"), keys("9002", "99#"), keys("9003", "4321")]);
    let after_prompt = |heard: &str| heard.strip_prefix('*').is_some_and(is_code_twice);
    let anna = asterisk.heard("9001", after_prompt);
    let bob = asterisk.heard("9003", after_prompt);
    assert_ne!(anna, bob);
    asterisk.heard("9002", |heard| heard == "*#");
    let names: Vec<_> = events(&gateway).iter().map(|event| event["username"].clone()).collect();
    assert!(names.contains(&json!("anna")) && names.contains(&json!("bob")), "{names:?}");
    assert_eq!(count(&gateway, "number_ambiguous"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_dialplan_for_curl_tells_codes_and_gives_way_to_no_injection() {
    let folder = people("");
    let ca = Ca::new("ca");
    let server = ca.server(1);
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        path
    };
    let ca = file("ca.pem", &ca.pem());
    file("server.pem", &server.certificate);
    file("server.key", &server.key);
    let tls = "[server.tls]\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"\n";
    let attested = "[tenants.calls]\nminimum_attestation = \"A\"\n";
    let config = format!(
        "{}{}{}{}{}",
        sections("").replace("[ops]", &format!("{tls}[ops]")),
        tenant("t1", ""),
        clients(),
        tenant("t2", attested),
        clients().replace("\"pbx\"", "\"pbx2\"").replace("vpn", "vpn2"),
    );
    let mut gateway = Gateway::start_in(Arc::clone(&folder), &config);
    let root = reqwest::Certificate::from_pem(&std::fs::read(&ca).unwrap()).unwrap();
    gateway.http = reqwest::Client::builder().tls_certs_only([root]).build().unwrap();
    let printed = printed("phone-systems.md", "${CURL(");
    let asking = |client: &str| {
        let (host, user) = ("dialpass.example.com:8443", "pbx:THE-SECRET");
        assert!(printed.contains(host) && printed.contains(user), "{printed}");
        let dialplan = printed.replace(host, &format!("localhost:{}", gateway.address().port()));
        dialplan.replace(user, &format!("{client}:pbx-secret"))
    };
    // The test's CA is not among the system's.
    let trusting = format!("Set(CURLOPT(ssl_cainfo)={})", ca.display());
    let contexts = format!(
        "{}{}",
        recipe(&asking("pbx")),
        recipe(&asking("pbx2")).replace("[recipe]", "[attested]")
    );
    let asterisk = Asterisk::start_with(&trusting, &contexts);
    let dialled: Vec<_> = INJECTING.iter().map(|(dialled, _)| dialled.replace('9', "8")).collect();
    let mut calls = vec![
        SipCall::new("9001", ANNA),
        SipCall::new("9002", "070-123%2045%2067"),
        SipCall::new("9003", "+46709990000"),
        SipCall::new("9004", "anonymous"),
        SipCall::new("8001", ANNA),
    ];
    calls.extend(dialled.iter().zip(INJECTING).map(|(to, (_, from))| SipCall::new(to, from)));
    call_all(&asterisk, &calls);
    let code = asterisk.heard("9001", is_code_twice);
    assert_eq!(asterisk.heard("9002", is_code_twice), code, "a number with blanks and hyphens");
    for refused in ["9003", "9004", "8001"].into_iter().chain(dialled.iter().map(String::as_str)) {
        asterisk.heard(refused, |heard| heard == "#");
    }
    let allowed = events(&gateway).iter().filter(|event| event["outcome"] == "allowed").count();
    assert_eq!(allowed, 2, "{}", gateway.log());
    assert!(count(&gateway, "attestation_too_low") >= 1, "{}", gateway.log());
    assert_eq!(login(&gateway, "t1", &code[..6]).await, 200);
}
