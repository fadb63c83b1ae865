//! Calls that jambonz reports, with signatures and verbs that its own libraries check.

use aws_lc_rs::hmac;

use super::*;

/// A forwarded call's history, as RFC 7044 writes it.
const ENCODED_CAUSE: &str = "<sip:+46709999999@a.example?Reason=SIP%3Bcause%3D302>;index=1";

/// The endpoint `main` of jambonz, with `more` keys.
fn endpoint(more: &str) -> String {
    format!(
        "[[tenants.voice]]\nname = \"main\"\ndialect = \"jambonz\"\nsignature = \"jambonz\"\n\
         secrets = [\"the last token\", {{ file = \"token\" }}]\nlanguages = [\"sv\"]\n{more}\n"
    )
}

fn started(more: &str, rest: &str) -> Gateway {
    Gateway::start_in(people(&anna()), &config_with(&endpoint(more), rest))
}

/// Whether jambonz' library accepts this.
fn judged(what: &str, arguments: &Value) -> bool {
    let node = target().join("checkers/node");
    let library = target().join("voicetools/node_modules");
    assert!(library.exists(), "{} is missing: tests/run.sh installs it", library.display());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/voice/jambonz_library.js");
    let mut command = Command::new(node);
    command.arg(script).arg(library).args([what, &arguments.to_string()]);
    command.output().unwrap().status.success()
}

/// The verbs of a document that jambonz takes.
fn verbs(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(judged("validate", &json!([answer.body])), "{}", answer.body);
    answer.json()
}

/// A call from `from`, as jambonz describes it, with an id of its own.
fn call_from(from: &str) -> Value {
    json!({
        "sip": {
            "headers": {"from": format!("<sip:{from}@carrier.example>;tag=1"), "max-forwards": "70"},
            "body": "v=0\r\n", "method": "INVITE", "payload": [{"type": "application/sdp"}],
        },
        "call_sid": uuid::Uuid::new_v4().to_string(),
        "direction": "inbound",
        "from": from,
        "to": "+46101234567",
        "sip_status": 100,
        "call_status": "trying",
        "caller_name": "Ö \"&' +",
        "originating_sip_trunk_name": "carrier",
        "defaults": {"synthesizer": {"vendor": "google", "language": "sv-SE"}},
    })
}

fn with_header(name: &str, value: &str) -> Value {
    let mut call = call_from(ANNA);
    call["sip"]["headers"][name] = json!(value);
    call
}

/// What the caller keyed, as jambonz reports it after the document `asked`.
fn keyed(call: &Value, asked: &Value, digits: &str) -> Value {
    let mut keyed = call.clone();
    let members = keyed.as_object_mut().unwrap();
    members.remove("sip");
    members.insert("reason".to_owned(), json!("dtmfDetected"));
    members.insert("digits".to_owned(), json!(digits));
    members.insert("customer_data".to_owned(), asked[1]["data"].clone());
    keyed
}

/// The header of a body signed so many seconds ago.
fn signature(secret: &str, body: &str, ago: i64) -> String {
    let time = time::OffsetDateTime::now_utc().unix_timestamp() - ago;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    format!("t={time},v1={}", hex::encode(signed))
}

async fn send(gateway: &Gateway, path: &str, body: String, signature: Option<&str>) -> Answer {
    let request =
        gateway.http.post(gateway.url(path)).header("content-type", "application/json").body(body);
    Answer::of(match signature {
        Some(signature) => request.header("jambonz-signature", signature),
        None => request,
    })
    .await
}

async fn report_to(gateway: &Gateway, path: &str, body: String) -> Answer {
    let signature = signature(TOKEN, &body, 0);
    send(gateway, path, body, Some(&signature)).await
}

async fn report(gateway: &Gateway, call: &Value) -> Answer {
    report_to(gateway, MAIN, call.to_string()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_hears_the_code_that_logs_them_in() {
    let gateway = started("", "");
    let call = call_from(ANNA);
    let body = call.to_string();
    for secret in [TOKEN, "the last token"] {
        let signature = signature(secret, &body, 0);
        assert!(judged("verify", &json!([[secret], signature, body])), "jambonz signs so");
        let answer = send(&gateway, MAIN, body.clone(), Some(&signature)).await;
        let verbs = verbs(&answer);
        let code = spoken(verbs[2]["text"].as_str().expect("a text"));
        let digits = code.chars().map(String::from).collect::<Vec<_>>().join(", ");
        assert_eq!(verbs[4]["text"], json!(format!("En gång till: {digits}.")));
        assert_eq!(verbs[2]["disableTtsCache"], true);
        assert!(!gateway.log().contains(&code), "the log has no code");
        let event = event(&gateway, &answer);
        assert_eq!((&event["voice"], &event["callid"]), (&json!("main"), &call["call_sid"]));
    }
    let answer = report(&gateway, &call).await;
    let code = spoken(verbs(&answer)[2]["text"].as_str().expect("a text"));
    assert_eq!(gateway.login("anna", "correct horse", &code).await.status, 200);
    let spoken_as_ssml = started("ssml = true\nvoice = \"sv-SE-Standard-A\"", "");
    let ssml = verbs(&report(&spoken_as_ssml, &call_from(ANNA)).await);
    assert!(ssml[2]["text"].as_str().unwrap().starts_with("<speak>Din kod är: "), "{ssml}");
    assert_eq!(ssml[2]["synthesizer"]["voice"], "sv-SE-Standard-A");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyed_pin_comes_with_the_caller_of_the_first_request() {
    let shared = "[[people]]\nusername = \"anna\"\nnumbers = [\"070-123 45 67\"]\npin = \"1234\"\n\
                  [[people]]\nusername = \"bob\"\nnumbers = [\"070-123 45 67\"]\npin = \"4321\"\n";
    let endpoint = endpoint("pin = \"asked\"\nrefuse_by = \"reject\"");
    let config = config_with(&endpoint, "ambiguous = \"pin\"\n");
    let gateway = Gateway::start_in(people(shared), &config);
    let pin = format!("{MAIN}/pin");
    let call = call_from(ANNA);
    let asked = verbs(&report(&gateway, &call).await);
    assert_eq!(asked[3]["actionHook"], json!(format!("{PUBLIC}{pin}")));
    let right = report_to(&gateway, &pin, keyed(&call, &asked, "4321").to_string()).await;
    let told = event(&gateway, &right);
    assert_eq!((&told["reason"], &told["username"]), (&json!("issued"), &json!("bob")));
    let wrong = report_to(&gateway, &pin, keyed(&call, &asked, "9999").to_string()).await;
    assert_eq!(event(&gateway, &wrong)["reason"], "number_ambiguous");
    assert_eq!(verbs(&wrong)[1]["verb"], "say", "an answered call cannot be declined");

    let hidden = with_header("privacy", "id");
    let asked = verbs(&report(&gateway, &hidden).await);
    let answer = report_to(&gateway, &pin, keyed(&hidden, &asked, "4321").to_string()).await;
    assert_eq!(event(&gateway, &answer)["reason"], "number_withheld");
    let unasked = keyed(&call, &json!([{}, {"data": {}}]), "4321");
    let answer = report_to(&gateway, &pin, unasked.to_string()).await;
    assert_eq!(
        event(&gateway, &answer)["reason"],
        "body_malformed",
        "the first request is missing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_refusals_sound_the_same() {
    let calls = "[tenants.calls]\naccepted_countries = [\"SE\"]\nrefuse_diverted = true\n";
    let gateway = started("called_numbers = [\"+46101234567\"]", calls);
    let with = |name: &str, value: Value| {
        let mut call = call_from(ANNA);
        call[name] = value;
        call
    };
    let injected = "+46701234567\"},{\"verb\":\"say\",\"text\":\"<speak>1</speak>";
    let refused = [
        (call_from("+46709990000"), "number_unknown"),
        (call_from("anonymous"), "number_withheld"),
        (with_header("Privacy", "id;critical"), "number_withheld"),
        (with("caller_name", json!("Anonymous")), "number_withheld"),
        (with_header("from", "\"anonymous\" <sip:+46701234567@a.example>"), "number_withheld"),
        (with_header("from", "<sip:+46701234567@anonymous.invalid>"), "number_withheld"),
        (with_header("from", "<sip:+46709990000@a.example>;tag=1"), "number_unknown"),
        (call_from("sip:+46701234567@evil.example"), "number_unparseable"),
        (call_from(injected), "number_unparseable"),
        (call_from("+46709999999\r\nFrom: +46701234567"), "number_unparseable"),
        (call_from("+4790123456"), "country_not_accepted"),
        (with_header("diversion", "<sip:+46709999999@carrier.example>"), "call_diverted"),
        (with_header("history-info", ENCODED_CAUSE), "call_diverted"),
        (with("to", json!("+46109999999")), "called_number_not_listed"),
        (with("direction", json!("outbound")), "body_malformed"),
        (with("sip", json!(null)), "body_malformed"),
    ];
    let expected = report(&gateway, &refused[0].0).await.body;
    for (call, reason) in &refused {
        let answer = report(&gateway, call).await;
        assert_eq!(answer.body, expected, "{reason}");
        assert_eq!(verbs(&answer)[1]["text"], "Vi kan inte ge dig någon kod.");
        let event = event(&gateway, &answer);
        assert_eq!((&event["reason"], &event["status"]), (&json!(reason), &json!(200)));
    }
    let call = call_from(ANNA).to_string();
    let deep = format!("{}{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    for body in [
        call.replacen('{', "{\"from\":\"+46709999999\",", 1),
        call.replacen("\"headers\":{", "\"headers\":{\"from\":\"\",", 1),
        call.replacen('{', &format!("{{\"deep\":{deep},"), 1),
        "[]".to_owned(),
        "{".to_owned(),
    ] {
        let answer = report_to(&gateway, MAIN, body).await;
        assert_eq!((answer.status, &answer.body), (200, &expected));
        assert_eq!(event(&gateway, &answer)["reason"], "body_malformed");
    }
    let rejecting = started("refuse_by = \"reject\"\ncaller = \"p-asserted-identity\"", "");
    let answer = report(&rejecting, &call_from(ANNA)).await;
    let declined = json!([{"verb": "sip:decline", "status": 603, "reason": "Declined"}]);
    assert_eq!(verbs(&answer), declined, "the carrier asserted nobody");
    let mut asserted = call_from("+46709999999");
    asserted["sip"]["headers"]["p-asserted-identity"] =
        json!("\"Anna\" <sip:+46701234567@carrier.example;user=phone>");
    asserted["from"] = json!(ANNA);
    let answer = report(&rejecting, &asserted).await;
    assert_eq!(event(&rejecting, &answer)["reason"], "issued");
    asserted["call_sid"] = json!("another");
    let answer = report(&gateway, &asserted).await;
    assert_eq!(event(&gateway, &answer)["reason"], "number_unknown", "From has another number");
    asserted["call_sid"] = json!("a third");
    asserted["sip"]["headers"]["from"] = json!("\"ANONYMOUS\" <sip:x@anonymous.invalid>;tag=1");
    let answer = report(&rejecting, &asserted).await;
    assert_eq!(event(&rejecting, &answer)["reason"], "number_withheld");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_lately_for_this_body_is_forbidden() {
    let gateway = started("", "[tenants.calls]\nminimum_attestation = \"none\"\n");
    let body = call_from(ANNA).to_string();
    let right = signature(TOKEN, &body, 0);
    let changed = body.replacen("trying", "trYing", 1);
    let cases = [
        (MAIN.to_owned(), &body, signature("another", &body, 0), "another secret"),
        (MAIN.to_owned(), &body, signature(TOKEN, &body, 301), "a replay"),
        (MAIN.to_owned(), &body, signature(TOKEN, &body, -330), "a time to come"),
        (MAIN.to_owned(), &changed, right.clone(), "a byte"),
        (MAIN.to_owned(), &body, right.replace("v1=", "v0="), "another scheme"),
        (MAIN.to_owned(), &body, String::new(), "an empty header"),
        (MAIN.replace("main", "other"), &body, right.clone(), "no endpoint"),
        (format!("{MAIN}/code"), &body, right.clone(), "no step of jambonz"),
    ];
    for (path, body, signature, what) in cases {
        let answer = send(&gateway, &path, body.clone(), Some(&signature)).await;
        must_be_forbidden(&gateway, &answer, what);
    }
    must_be_forbidden(&gateway, &send(&gateway, MAIN, body.clone(), None).await, "no header");
    let form = gateway.http.post(gateway.url(MAIN)).header("jambonz-signature", &right);
    let form = form.header("content-type", "application/x-www-form-urlencoded").body(body.clone());
    must_be_forbidden(&gateway, &Answer::of(form).await, "a form");
    let large = format!("{{\"a\":\"{}\"}}", "a".repeat(64 * 1024));
    must_be_forbidden(&gateway, &report_to(&gateway, MAIN, large).await, "too large");

    let elsewhere = gateway.http.post(gateway.url(MAIN)).header("host", "evil.example");
    let elsewhere = elsewhere.header("jambonz-signature", &right);
    let elsewhere = elsewhere.header("content-type", "application/json").body(body);
    assert_eq!(Answer::of(elsewhere).await.status, 200, "what Host says changes nothing");
}
