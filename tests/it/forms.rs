//! The operations' bodies as forms, as phone systems and RADIUS servers send them, and the ways in
//! which a login may be typed.

use serde_json::{Value, json};

use crate::support::gateway::{Answer, Gateway, clients, ldap_tenant, sections};
use crate::support::slapd::Slapd;
use crate::support::wire::{GET_OTP, OTP_TOKEN_AUTH, VALIDATE_OTP, VPN, ask, pbx, request};

const FORM: &str = "application/x-www-form-urlencoded";

fn slapd() -> Slapd {
    Slapd::builder().users(0).without_tls().start()
}

/// A gateway that holds no refusal back, with `more` sections of the tenant.
fn start(slapd: &Slapd, more: &str) -> Gateway {
    let server = sections("limits = { calls_per_caller = { burst = 10000, per = \"1s\" } }");
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let login = "[tenants.login]\nrefusal_floor = \"0s\"\n";
    let login = if more.contains("[tenants.login]") { "" } else { login };
    Gateway::start(&format!("{server}{tenant}{login}{more}{}", clients()))
}

async fn send(gateway: &Gateway, path: &str, media_type: &str, body: impl AsRef<[u8]>) -> Answer {
    let pbx = pbx();
    let authorization = if path == GET_OTP { pbx.as_str() } else { VPN };
    let headers =
        [("authorization", authorization), ("tenant", "t1"), ("content-type", media_type)];
    ask(gateway, &request("POST", path, &headers, body)).await
}

async fn call(gateway: &Gateway, form: impl AsRef<[u8]>) -> Answer {
    send(gateway, GET_OTP, FORM, form).await
}

fn reason(gateway: &Gateway, answer: &Answer) -> Value {
    gateway.audit_of(answer.header("x-request-id"))["reason"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_and_a_login_may_be_forms() {
    let slapd = slapd();
    let gateway = start(&slapd, "");
    let code = gateway.code("+46701234567").await;
    for form in [
        "phonenumber=%2B46701234567",
        "phonenumber=%2b46701234567&callid=1&attestation=A&pin=12",
        "phonenumber=%2B46+70-123%2045+67",
        "phonenumber=0701234567&unknown=1&unknown=2&Phonenumber=x",
        "phonenumber=070%E2%80%91123+45+67",
        "&&phonenumber=tel%3A%2B46701234567&",
        "phonenumber=%22Anna%22+%3Csip%3A%2B46701234567%40pbx.example.com%3E",
    ] {
        let answer = call(&gateway, form).await;
        assert_eq!(answer.status, 200, "{form}: {}", gateway.log());
        assert_eq!(answer.body, format!("{{\"otp\":\"{code}\"}}"), "{form}");
    }
    let answer = send(
        &gateway,
        GET_OTP,
        "Application/X-WWW-Form-URLencoded; charset=UTF-8",
        "phonenumber=0701234567",
    )
    .await;
    assert_eq!(answer.status, 200);
    let form = format!("username=anna&password=anna%2Dsecret&otp={code}&clientip=192.0.2.1");
    let login = send(&gateway, VALIDATE_OTP, FORM, form).await;
    assert_eq!((login.status, &login.json()["username"]), (200, &json!("anna")), "{login:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_plus_before_a_number_is_a_plus() {
    let slapd = slapd();
    let gateway = start(&slapd, "");
    // In a form it stands for a blank; phone systems that paste the number in forget that.
    for form in [
        "phonenumber=+46701234567",
        "phonenumber=+46+70+123+45+67",
        "callid=1&phonenumber=tel:+46701234567",
        "phonenumber=sip%3A+46701234567%40pbx.example.com",
        "phonenumber=sip:+46701234567@pbx.example.com:5060",
    ] {
        let answer = call(&gateway, form).await;
        assert_eq!(answer.status, 200, "{form}: {}", gateway.log());
    }
    // A blank that was sent as one is a blank, and no plus turns up inside of a number.
    for (form, number) in [
        ("phonenumber=%20070+123+45+67", "+46*****4567"),
        ("phonenumber=070+1234567", "+46*****4567"),
    ] {
        let answer = call(&gateway, form).await;
        let event = gateway.audit_of(answer.header("x-request-id"));
        assert_eq!(event["number"].as_str().unwrap_or_default(), number, "{form}: {event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_can_be_read_in_two_ways_is_400() {
    let slapd = slapd();
    let gateway = start(&slapd, "");
    for (form, message) in [
        (
            &b"phonenumber=%2B46701234567&phonenumber=%2B46703331001"[..],
            "field phonenumber appears twice",
        ),
        (b"phonenumber=1&phonenumber=", "field phonenumber appears twice"),
        (b"phonenumber=1&phone%6eumber=1", "field phonenumber appears twice"),
        (b"phonenumber=1&callid=a&attestation=A&callid=b", "field callid appears twice"),
        (b"", "field phonenumber is missing"),
        (b"Phonenumber=1", "field phonenumber is missing"),
        (b"phonenumber", ""),
        (b"phonenumber=1;callid=2", ""),
        (b"callid=1", "field phonenumber is missing"),
        (b"phonenumber=%", "%25"),
        (b"phonenumber=1%2", "%25"),
        (b"phonenumber=%zz", "%25"),
        (b"phonenumber=%%32%42", "%25"),
        (b"x=%&phonenumber=1", "%25"),
        (b"phonenumber=1&callid=Malm%F6", "UTF-8"),
        (b"phonenumber=1&callid=Malm\xf6", "UTF-8"),
        (b"phonenumber=1&x%ff=1", "UTF-8"),
        (b"phonenumber=1&callid=%ed%a0%80", "UTF-8"),
        (b"phonenumber=1&callid=%c3&x=%a9", "UTF-8"),
        (br#"{"phonenumber":"+46701234567"}"#, "application/json"),
    ] {
        let answer = call(&gateway, form).await;
        let shown = String::from_utf8_lossy(form);
        if message.is_empty() {
            assert_eq!(answer.status, 403, "{shown}: {answer:?}");
            continue;
        }
        assert_eq!(answer.status, 400, "{shown}: {answer:?}");
        let told = answer.json()["message"].as_str().expect("a message").to_owned();
        assert!(told.contains(message), "{shown}: {told}");
    }
    assert_eq!(slapd.searches(), 0);
    let huge = format!("phonenumber=1&x={}", "y".repeat(20_000));
    assert_eq!(call(&gateway, huge).await.status, 413);
    let many = "a&".repeat(8_000);
    assert_eq!(call(&gateway, many).await.status, 400);
}

/// A caller writes what the phone system pastes; in a form that is a value, whatever is in it.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_writes_adds_no_field_to_a_form() {
    let slapd = slapd();
    let gateway = start(&slapd, "[tenants.calls]\nminimum_attestation = \"A\"\n");
    let written = "+46701234567\",\"attestation\":\"A";
    let pasted = format!("{{\"phonenumber\":\"{written}\"}}");
    let answer = send(&gateway, GET_OTP, "application/json", &pasted).await;
    assert_eq!(answer.status, 200, "which is why JSON is not built from strings");
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("phonenumber", written)
        .append_pair("attestation", "C")
        .finish();
    let answer = call(&gateway, form).await;
    assert_eq!((answer.status, reason(&gateway, &answer)), (403, json!("number_unparseable")));
    let form = format!("phonenumber={}&attestation=C", "%2B46701234567%26attestation%3DA");
    let answer = call(&gateway, form).await;
    assert_eq!((answer.status, reason(&gateway, &answer)), (403, json!("number_unparseable")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passcode_is_the_password_with_the_code_behind_it() {
    let slapd = slapd();
    let gateway = start(&slapd, "");
    let logged_in = |answer: &Answer| assert_eq!(answer.status, 200, "{answer:?}");
    let code = gateway.code("+46701234567").await;
    let body = json!({"username": "anna", "passcode": format!("anna-secret{code}")});
    logged_in(&send(&gateway, VALIDATE_OTP, "application/json", body.to_string()).await);
    let code = gateway.code("+46701234567").await;
    let form = format!("username=anna&passcode=anna-secret{code}");
    logged_in(&send(&gateway, VALIDATE_OTP, FORM, form).await);
    // Digits of any script, and both other fields null.
    let code = gateway.code("+46701234567").await;
    let wide: String =
        code.bytes().map(|b| char::from_u32(0xff10 + u32::from(b - b'0')).unwrap()).collect();
    let body = json!({"username": "anna", "password": null, "otp": null,
        "passcode": format!("anna-secret{wide}")});
    logged_in(&send(&gateway, VALIDATE_OTP, "application/json", body.to_string()).await);

    let code = gateway.code("+46702223344").await;
    for (body, status, why) in [
        (json!({"username": "bob", "passcode": code}), 403, "password_missing"),
        (json!({"username": "bob", "passcode": "12345"}), 403, "password_missing"),
        (json!({"username": "bob", "passcode": ""}), 403, "password_missing"),
        (json!({"username": "bob", "passcode": format!("bob-secre{code}")}), 403, "wrong_password"),
        (
            json!({"username": "bob", "passcode": format!("bob-secret{code} ")}),
            403,
            "code_malformed",
        ),
        (json!({"username": "bob", "passcode": "x123456", "otp": "123456"}), 400, "body_malformed"),
        (json!({"username": "bob", "passcode": "x123456", "password": "x"}), 400, "body_malformed"),
        (json!({"username": "bob", "passcode": 123_456}), 400, "body_malformed"),
        (json!({"username": "bob", "passcode": null}), 400, "body_malformed"),
        (json!({"username": "bob"}), 400, "body_malformed"),
    ] {
        let answer = send(&gateway, VALIDATE_OTP, "application/json", body.to_string()).await;
        assert_eq!((answer.status, reason(&gateway, &answer)), (status, json!(why)), "{body}");
    }
    let body = json!({"username": "bob", "passcode": format!("bob-secret{code}")}).to_string();
    let answer = send(&gateway, OTP_TOKEN_AUTH, "application/json", body).await;
    assert_eq!(reason(&gateway, &answer), json!("operation_needs_password"));
    let answer = gateway.login("bob", "bob-secret", &code).await;
    assert_eq!(answer.status, 200, "none of it burnt the code");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passcode_is_parted_by_the_tenants_length_of_codes() {
    let slapd = slapd();
    let more = "[tenants.login]\npassword = \"not-asked\"\nrefusal_floor = \"0s\"\n";
    let gateway = start(&slapd, more);
    for path in [VALIDATE_OTP, OTP_TOKEN_AUTH] {
        let code = gateway.code("+46701234567").await;
        assert_eq!(code.len(), 8);
        let answer = send(&gateway, path, FORM, format!("username=anna&passcode={code}")).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_read_as_people_type_it() {
    let slapd = slapd();
    let gateway = start(
        &slapd,
        "[tenants.limits]\ncodes_per_user = { burst = 100, per = \"1h\" }\n\
        calls_per_number = { burst = 100, per = \"1h\" }\n",
    );
    let arabic = |code: &str| -> String {
        code.bytes().map(|b| char::from_u32(0x660 + u32::from(b - b'0')).unwrap()).collect()
    };
    let spoken = |code: &str| code.chars().map(String::from).collect::<Vec<_>>().join(" ");
    let ways: [&dyn Fn(&str) -> String; 6] = [
        &|code| format!("{} {}", &code[..3], &code[3..]),
        &|code| format!("{}-{}\n", &code[..3], &code[3..]),
        &|code| format!("\u{feff}{}\u{a0}{}", &code[..3], &code[3..]),
        &spoken,
        &arabic,
        &|code| spoken(&arabic(code)),
    ];
    for typed in ways {
        let code = gateway.code("+46701234567").await;
        let answer = gateway.login("anna", "anna-secret", &typed(&code)).await;
        assert_eq!(answer.status, 200, "{:?}: {}", typed(&code), gateway.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_chooses_how_its_codes_are_spelt_out() {
    let slapd = slapd();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let keys = "spoken = \"strings\"\nspoken_separator = \" … \"\ncountry";
    let tenant = tenant.replacen("country", keys, 1);
    let gateway = Gateway::start(&format!("{}{tenant}{}", sections(""), clients()));
    let body = gateway.call("+46701234567").await.json();
    let code = body["otp"].as_str().expect("an otp");
    let spelt: Vec<String> = code.chars().map(String::from).collect();
    assert_eq!(body["otp_spoken"], spelt.join(" … "));
    let expires_in: u64 = body["expires_in"].as_str().expect("a string").parse().expect("seconds");
    assert!((170..=180).contains(&expires_in), "{expires_in}");
}

/// The one line of the log that holds `text`.
fn line(gateway: &Gateway, text: &str) -> Value {
    // A thread of its own writes it.
    gateway.wait_for_line(text);
    let log = gateway.log();
    let mut lines = log.lines().filter(|line| line.contains(text));
    let line = lines.next().unwrap_or_else(|| panic!("no line with {text}: {log}"));
    assert_eq!(lines.next(), None, "one line");
    serde_json::from_str(line).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_phone_systems_and_proxies_get_wrong_leaves_a_line_that_says_so() {
    let slapd = slapd();
    let gateway = start(&slapd, "");
    let answer = call(&gateway, "phonenumber=L0%230701234567").await;
    assert_eq!(answer.status, 403);
    let said = line(&gateway, "dialpass lookup");
    assert_eq!(said["request_id"], answer.header("x-request-id"));
    assert_eq!(said["caller_id"], "L*#********67");
    assert!(said["why"].as_str().expect("why").contains("feature code"), "{said}");
    assert!(!gateway.log().contains("0701234567"));

    let pbx = pbx();
    let base = [("authorization", pbx.as_str()), ("content-type", FORM)];
    let body = "phonenumber=0701234567";
    for (name, value) in [
        ("x-forwarded-for", "192.0.2.1"),
        ("x-real-ip", "192.0.2.1"),
        ("x-ssl-client-cert", "-----BEGIN%20CERTIFICATE-----"),
        ("x-forwarded-client-cert", "Hash=00"),
    ] {
        let headers = [&base[..], &[(name, value)]].concat();
        assert_eq!(ask(&gateway, &request("PUT", GET_OTP, &headers, body)).await.status, 200);
    }
    let said = line(&gateway, "RFC 7239");
    assert_eq!((&said["header"], &said["level"]), (&json!("x-forwarded-for"), &json!("WARN")));
    assert!(said["message"].as_str().expect("a text").contains("server.trusted_proxies"), "{said}");
    let said = line(&gateway, "RFC 9440");
    assert_eq!(said["header"], "x-ssl-client-cert");
    for path in ["/getOTP", "/api/authentication/getotp", "/nothing"] {
        assert_eq!(ask(&gateway, &request("PUT", path, &base, body)).await.status, 404);
    }
    let said = line(&gateway, "belongs to no operation");
    assert_eq!((&said["path"], &said["meant"]), (&json!("/getOTP"), &json!(GET_OTP)));
}
