//! Calls that Vonage reports, with tokens and documents that its own libraries check.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

use super::*;

/// The endpoint `main` of Vonage, with `more` keys.
fn endpoint(more: &str) -> String {
    format!(
        "[[tenants.voice]]\nname = \"main\"\ndialect = \"ncco\"\nsignature = \"vonage\"\n\
         secrets = [\"the last token\", {{ file = \"token\" }}]\nlanguages = [\"sv\"]\n{more}\n"
    )
}

fn started(more: &str, rest: &str) -> Gateway {
    Gateway::start_in(people(&anna()), &config_with(&endpoint(more), rest))
}

fn vonage(what: &str, arguments: &Value) -> String {
    library("vonage_library.py", what, arguments)
}

/// The actions of a document that Vonage's models take.
fn actions(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(vonage("check", &json!([answer.body])), "good");
    answer.json()
}

/// A call from `from`, as Vonage describes it, with an id of its own.
fn call_from(from: &str) -> Value {
    json!({
        "from": from,
        "to": "46101234567",
        "uuid": uuid::Uuid::new_v4().simple().to_string(),
        "conversation_uuid": format!("CON-{}", uuid::Uuid::new_v4()),
        "endpoint_type": "phone",
        "region_url": "https://api-eu-3.vonage.com",
        "custom_data": {"Ö": "\"&' +"},
    })
}

/// What a token for this body says.
fn claims(body: &str) -> Value {
    json!({
        "iat": time::OffsetDateTime::now_utc().unix_timestamp(),
        "jti": uuid::Uuid::new_v4().to_string(),
        "iss": "Vonage",
        "api_key": "a1b2c3d4",
        "application_id": uuid::Uuid::new_v4().to_string(),
        "payload_hash": hex::encode(Sha256::digest(body)),
    })
}

fn token(secret: &str, claims: &Value) -> String {
    token_with(Algorithm::HS256, secret, claims)
}

fn token_with(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(algorithm), claims, &key).unwrap()
}

async fn send(gateway: &Gateway, path: &str, body: &str, token: &str) -> Answer {
    let request = gateway.http.post(gateway.url(path)).bearer_auth(token);
    let request = request.header("content-type", "application/json").body(body.to_owned());
    Answer::of(request).await
}

async fn report_to(gateway: &Gateway, path: &str, body: &str) -> Answer {
    send(gateway, path, body, &token(TOKEN, &claims(body))).await
}

async fn report(gateway: &Gateway, call: &Value) -> Answer {
    report_to(gateway, MAIN, &call.to_string()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_hears_the_code_that_logs_them_in_and_a_token_serves_once() {
    let gateway = started("voice = \"3\"", "");
    let call = call_from("46701234567");
    let body = call.to_string();
    assert_eq!(vonage("webhook", &json!([body])), "46701234567", "Vonage describes calls so");
    let first = token("the last token", &claims(&body));
    assert_eq!(vonage("verify", &json!([first, "the last token"])), "good");
    let answer = send(&gateway, MAIN, &body, &first).await;
    let said = actions(&answer);
    let code = spoken(said[1]["text"].as_str().expect("a text"));
    let digits = code.chars().map(String::from).collect::<Vec<_>>().join(", ");
    assert_eq!(said[3]["text"], json!(format!("En gång till: {digits}.")));
    assert_eq!((&said[1]["style"], &said[1]["bargeIn"]), (&json!(3), &json!(false)));
    let told = event(&gateway, &answer);
    assert_eq!((&told["reason"], &told["callid"]), (&json!("issued"), &call["uuid"]));
    assert!(!gateway.log().contains(&code), "the log has no code");

    let replayed = send(&gateway, MAIN, &body, &first).await;
    assert_eq!(event(&gateway, &replayed)["reason"], "call_replayed");
    assert_eq!(actions(&replayed)[0]["text"], "Vi kan inte ge dig någon kod.");
    let repeated = report(&gateway, &call).await;
    assert_eq!(repeated.body, answer.body, "the same call under another token");
    assert_eq!(gateway.login("anna", "correct horse", &code).await.status, 200);

    let ssml = started("ssml = true\nrepeat = 1", "");
    let said = actions(&report(&ssml, &call_from("46701234567")).await);
    assert!(said[1]["text"].as_str().unwrap().starts_with("<speak>Din kod är: "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_with_one_number_are_told_apart_by_the_keyed_pin() {
    let shared = "[[people]]\nusername = \"anna\"\nnumbers = [\"070-123 45 67\"]\npin = \"1234\"\n\
                  [[people]]\nusername = \"bob\"\nnumbers = [\"070-123 45 67\"]\npin = \"4321\"\n";
    let config = config_with(&endpoint("pin = \"asked\""), "ambiguous = \"pin\"\n");
    let gateway = Gateway::start_in(people(shared), &config);
    let call = call_from("46701234567");
    let asked = actions(&report(&gateway, &call).await);
    let pin = format!("{MAIN}/pin");
    assert_eq!(asked[2]["eventUrl"], json!([format!("{PUBLIC}{pin}")]));
    let keyed = |digits: &str| {
        let mut keyed = call.clone();
        keyed["dtmf"] = json!({"digits": digits, "timed_out": digits.is_empty()});
        keyed["timestamp"] = json!("2026-11-30T12:00:00.000Z");
        keyed.to_string()
    };
    let none = report_to(&gateway, &pin, &keyed("")).await;
    assert_eq!(event(&gateway, &none)["reason"], "number_ambiguous");
    let right = report_to(&gateway, &pin, &keyed("4321")).await;
    assert_eq!(event(&gateway, &right)["username"], "bob");
    assert_eq!(actions(&right)[1]["action"], "talk");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_refusals_sound_the_same() {
    let calls = "[tenants.calls]\naccepted_countries = [\"SE\"]\n";
    let gateway = started("called_numbers = [\"+46101234567\"]", calls);
    let with = |name: &str, value: Value| {
        let mut call = call_from("46701234567");
        call[name] = value;
        call
    };
    let refused = [
        (call_from("46709990000"), "number_unknown"),
        (call_from("anonymous"), "number_withheld"),
        (call_from("Private"), "number_withheld"),
        (call_from("unknown"), "number_withheld"),
        (call_from("0701234567"), "number_unparseable"),
        (call_from("492111234567"), "country_not_accepted"),
        (call_from("46701234567\",\"x\":\"<speak>"), "number_unparseable"),
        (call_from("46709999999\r\n46701234567"), "number_unparseable"),
        (with("from_user", json!("46701234567")), "number_unparseable"),
        (with("SipHeader_X", json!("1")), "number_unparseable"),
        (with("to", json!("46109999999")), "called_number_not_listed"),
        (with("status", json!("answered")), "body_malformed"),
        (with("uuid", json!(null)), "body_malformed"),
    ];
    let expected = report(&gateway, &refused[0].0).await.body;
    assert_eq!(vonage("check", &json!([expected])), "good");
    for (call, reason) in &refused {
        let answer = report(&gateway, call).await;
        assert_eq!((answer.status, &answer.body), (200, &expected), "{reason}");
        assert_eq!(event(&gateway, &answer)["reason"], json!(reason));
    }
    let call = call_from("46701234567").to_string();
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for body in [
        call.replacen('{', "{\"from\":\"46709999999\",", 1),
        call.replacen('{', &format!("{{\"deep\":{deep},"), 1),
    ] {
        let answer = report_to(&gateway, MAIN, &body).await;
        assert_eq!((answer.status, &answer.body), (200, &expected));
        assert_eq!(event(&gateway, &answer)["reason"], "body_malformed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_recent_token_for_this_body_is_forbidden() {
    let gateway = started("", "");
    let body = call_from("46701234567").to_string();
    let right = claims(&body);
    let with = |name: &str, value: Value| {
        let mut claims = right.clone();
        claims[name] = value;
        token(TOKEN, &claims)
    };
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let good = token(TOKEN, &right);
    let (unsigned, signature) = good.rsplit_once('.').unwrap();
    let claimed = unsigned.split_once('.').unwrap().1;
    // {"alg":"none"} and {"alg":"RS256"}
    let headers = ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJSUzI1NiJ9"];
    let tokens = [
        (token("another secret of the account", &right), "another secret"),
        (with("iat", json!(now - 301)), "a replay"),
        (with("iat", json!(now + 330)), "a time to come"),
        (with("payload_hash", json!(hex::encode(Sha256::digest("{}")))), "another body"),
        (with("payload_hash", json!(null)), "no body"),
        (with("jti", json!(null)), "no id"),
        (format!("{}.{claimed}.", headers[0]), "no algorithm"),
        (format!("{}.{claimed}.{signature}", headers[0]), "no algorithm, with a signature"),
        (format!("{}.{claimed}.{signature}", headers[1]), "another algorithm"),
        (token_with(Algorithm::HS512, TOKEN, &right), "a longer hash"),
        (format!("{unsigned}."), "no signature"),
        (TOKEN.replace(' ', "."), "the secret itself"),
    ];
    for (token, what) in &tokens {
        must_be_forbidden(&gateway, &send(&gateway, MAIN, &body, token).await, what);
    }
    let changed = body.replacen("phone", "Phone", 1);
    must_be_forbidden(&gateway, &send(&gateway, MAIN, &changed, &good).await, "a byte");
    let elsewhere = MAIN.replace("main", "other");
    must_be_forbidden(&gateway, &send(&gateway, &elsewhere, &body, &good).await, "no endpoint");
    let bare = gateway.http.post(gateway.url(MAIN)).header("content-type", "application/json");
    must_be_forbidden(&gateway, &Answer::of(bare.body(body.clone())).await, "no token");
    let got = gateway.http.get(gateway.url(&format!("{MAIN}?from=46701234567&to=46101234567")));
    assert_eq!(Answer::of(got.bearer_auth(&good)).await.status, 405, "no token covers a query");
    let named = gateway.http.post(gateway.url(MAIN)).header("host", "evil.example");
    let named = named.bearer_auth(&good).header("content-type", "application/json").body(body);
    assert_eq!(Answer::of(named).await.status, 200, "what Host says changes nothing");
}
