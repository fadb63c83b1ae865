//! Caller IDs on the wire: every form of a number finds its owner, a hidden caller is never
//! looked up.

use crate::support::gateway::{Answer, Gateway, clients, ldap_tenant, sections};
use crate::support::slapd::Slapd;

const ANNA: &str = "00000000-0000-4000-8000-000000000000";

/// A tenant whose phone system puts 9 before outside numbers; callers may call often.
fn start(slapd: &Slapd, directory: &str, prefix: &str) -> Gateway {
    let server = sections("limits = { calls_per_caller = { burst = 1000, per = \"1s\" } }");
    let tenant = ldap_tenant("t1", &[&slapd.url()], directory);
    let calls = format!("[tenants.calls]\noutside_line_prefix = \"{prefix}\"\n");
    Gateway::start(&format!("{server}{tenant}{calls}{}", clients()))
}

fn reason(gateway: &Gateway, answer: &Answer) -> String {
    let event = gateway.audit_of(answer.header("x-request-id"));
    event["reason"].as_str().expect("a reason").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_a_callers_number_finds_its_owner() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    for directory in ["number_match = \"equality\"", "number_match = \"patterns\""] {
        let gateway = start(&slapd, directory, "");
        for text in [
            "+46701234567",
            "0046701234567",
            "0701234567",
            "070-123 45 67",
            "070.123.45.67",
            "(070) 123 45 67",
            "(070)123-45-67",
            "+46 70 123 45 67",
            "+46-70-123-45-67",
            "+46.70.123.45.67",
            "+46 (0)70 123 45 67",
            "(+46) 70 1234567",
            "00 46 70 123 45 67",
            "  +46701234567  ",
            "tel:+46701234567",
            "tel:+46-70-123-45-67",
            "tel:0701234567;phone-context=+46",
            "TEL:+46701234567;isub=1",
            "sip:+46701234567@pbx.example.com",
            "sip:+46701234567@10.1.2.3:5060;transport=tcp",
            "sip:0701234567@pbx.example.com",
            "SIP:+46701234567@pbx.example.com;user=phone",
            "sips:+46701234567@pbx.example.com",
            "\"Anna Andersson\" <sip:+46701234567@pbx.example.com>",
            "\"Anna\" <sip:+46701234567@pbx.example.com>;tag=1928301774",
            "Anna <sip:0046701234567@pbx.example.com>",
            "<sip:+46701234567@pbx.example.com>",
            "\"\" <tel:+46701234567>",
            "4:+46701234567",
            "4:0701234567",
        ] {
            let answer = gateway.call(text).await;
            assert_eq!(answer.status, 200, "{directory}, {text}: {}", reason(&gateway, &answer));
            let event = gateway.audit_of(answer.header("x-request-id"));
            assert_eq!((&event["user_id"], &event["username"]), (&ANNA.into(), &"anna".into()));
            assert_eq!(event["number"], "+46*****4567", "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outside_line_prefix_is_taken_off() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let gateway = start(&slapd, "", "9");
    for text in
        ["90701234567", "9 070-123 45 67", "90046701234567", "sip:90701234567@pbx", "+46701234567"]
    {
        let answer = gateway.call(text).await;
        assert_eq!(answer.status, 200, "{text}: {}", reason(&gateway, &answer));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_in_the_directory_is_found() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let equality: &[u32] = &[1, 2, 3, 4, 5, 6, 7, 8];
    for (directory, forms) in
        [("number_match = \"patterns\"", equality), ("number_match = \"equality\"", equality)]
    {
        let gateway = start(&slapd, directory, "");
        for form in forms {
            let answer = gateway.call(&format!("+4670100000{form}")).await;
            let why = reason(&gateway, &answer);
            assert_eq!(answer.status, 200, "{directory}, form {form}: {why}");
            let event = gateway.audit_of(answer.header("x-request-id"));
            assert_eq!(event["username"], format!("form{form}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_caller_is_never_looked_up() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let gateway = start(&slapd, "", "");
    let searches_of = |slapd: &Slapd| slapd.searches();
    gateway.code("+46701234567").await;
    let before = searches_of(&slapd);
    for text in [
        "",
        "   ",
        "anonymous",
        "Anonymous",
        "restricted",
        "private",
        "Private",
        "unavailable",
        "unknown",
        "UNKNOWN",
        "withheld",
        "sip:anonymous@anonymous.invalid",
        "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
        "<sip:anonymous@anonymous.invalid>;tag=1",
        "\"Anonymous\" <sip:+46701234567@pbx.example.com>",
        "sip:unavailable@unknown.invalid",
        "tel:anonymous",
        "0000000000",
        "+0000000000",
        "000-000 00 00",
        "+266696687",
        "+86282452253",
        "+2562533",
        "+7378742833",
        "+2 66 69 66 87",
        "00266696687",
        "tel:+86282452253",
        "sip:+2562533@pbx.example.com",
        "4:+7378742833",
    ] {
        let answer = gateway.call(text).await;
        assert_eq!(answer.status, 403, "{text:?}");
        assert_eq!(reason(&gateway, &answer), "number_withheld", "{text:?}");
    }
    for text in ["abc", "12", "+", "+46", "*", "1-800-FLOWERS", "sip:bob@example.com", "http://x"] {
        let answer = gateway.call(text).await;
        assert_eq!(answer.status, 403, "{text:?}");
        assert_eq!(reason(&gateway, &answer), "number_unparseable", "{text:?}");
    }
    assert_eq!(searches_of(&slapd), before, "nobody asked the directory");
    gateway.code("+46701234567").await;
    assert!(searches_of(&slapd) > before, "a number is asked for, so the count does count");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_belongs_to_exactly_one_user_or_to_none() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let gateway = start(&slapd, "", "");
    for (number, expected) in [
        ("+46703334455", "number_ambiguous"),
        ("+46709999999", "number_ambiguous"),
        ("+46704445566", "disabled"),
        ("+46709990000", "number_unknown"),
        // The number that the API's own documentation calls from; possible, and nobody's here.
        ("+467012345678", "number_unknown"),
        // A part of a number is not the number.
        ("+4670123456", "number_unknown"),
        ("+467012345670", "number_unknown"),
    ] {
        let answer = gateway.call(number).await;
        assert_eq!(answer.status, 403, "{number}");
        assert_eq!(reason(&gateway, &answer), expected, "{number}");
    }
    for (number, username) in [
        ("+46702223344", "bob"),
        ("+46705556677", "erik"),
        ("+46812345678", "fia"),
        ("tel:+46812345678;ext=12", "evert"),
    ] {
        let answer = gateway.call(number).await;
        assert_eq!(answer.status, 200, "{number}: {}", reason(&gateway, &answer));
        let event = gateway.audit_of(answer.header("x-request-id"));
        assert_eq!(event["username"], username);
    }
    let answer = gateway.call("tel:+46812345678;ext=13").await;
    assert_eq!((answer.status, reason(&gateway, &answer).as_str()), (403, "number_unknown"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_number_is_the_one_users_who_has_it_in_an_earlier_attribute_where_that_is_asked() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let gateway = start(&slapd, "ambiguous = \"prefer-attribute-order\"", "");
    let answer = gateway.call("+46703334455").await;
    assert_eq!(answer.status, 200, "{}", reason(&gateway, &answer));
    let event = gateway.audit_of(answer.header("x-request-id"));
    assert_eq!(event["username"], "carl", "mobile comes before telephoneNumber");
    let answer = gateway.call("+46709999999").await;
    assert_eq!((answer.status, reason(&gateway, &answer).as_str()), (403, "number_ambiguous"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_takes_only_calls_that_are_vouched_for_enough() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let calls = "[tenants.calls]\nminimum_attestation = \"B\"\n";
    let gateway = Gateway::start(&format!("{}{tenant}{calls}{}", sections(""), clients()));
    for (attestation, status) in [
        (None, 403),
        (Some("C"), 403),
        (Some(""), 403),
        (Some("X"), 403),
        (Some("B"), 200),
        (Some("A"), 200),
    ] {
        let mut body = serde_json::json!({"phonenumber": "+46701234567"});
        if let Some(attestation) = attestation {
            body["attestation"] = attestation.into();
        }
        let request = gateway
            .http
            .put(gateway.url("/api/authentication/getOTP"))
            .basic_auth("pbx", Some("pbx-secret"))
            .json(&body);
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, status, "{attestation:?}");
        if status == 403 {
            assert_eq!(reason(&gateway, &answer), "attestation_too_low", "{attestation:?}");
        }
    }
}
