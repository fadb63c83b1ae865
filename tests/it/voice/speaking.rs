//! Callers hear their code.

use serde_json::json;

use super::*;
use crate::support::slapd::PEOPLE;

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_hears_the_code_that_logs_them_in() {
    let gateway = started("", "");
    let call = call_from(ANNA);
    let answer = report(&gateway, &call).await;
    assert_eq!(answer.status, 200, "{}", gateway.log());
    assert_eq!(answer.header("content-type"), "text/xml");
    assert_eq!(answer.header("cache-control"), "no-store");
    let code = spoken(&answer.body);
    let digits = code.chars().map(String::from).collect::<Vec<_>>().join(", ");
    let said = [format!("Din kod är: {digits}."), format!("En gång till: {digits}.")];
    assert_eq!(answer.body, twilio("code", &json!(["sv-SE", said[0], said[1]])));
    let event = event(&gateway, &answer);
    assert_eq!((&event["operation"], &event["voice"]), (&json!("voice"), &json!("main")));
    assert_eq!((&event["reason"], &event["outcome"]), (&json!("issued"), &json!("allowed")));
    assert_eq!((&event["callid"], &event["username"]), (&call["CallSid"], &json!("anna")));
    assert!(!gateway.log().contains(&code), "the log has no code");

    let again = report(&gateway, &call).await;
    assert_eq!(again.body, answer.body, "the platform asks again for an answer that it lost");
    let slash = report_to(&gateway, &format!("{MAIN}/"), &call_from(ANNA)).await;
    assert_eq!(spoken(&slash.body), code, "a trailing slash changes nothing");
    assert_eq!(gateway.login("anna", "correct horse", &code).await.status, 200);
    assert_eq!(gateway.login("anna", "correct horse", &code).await.status, 403);

    let over = report(&gateway, &call).await;
    assert!(over.body.contains("Vi kan inte"), "a call hears one code: {}", over.body);
    assert_eq!(self::event(&gateway, &over)["reason"], "call_over");
    let next = report(&gateway, &call_from(ANNA)).await;
    assert_ne!(spoken(&next.body), code);
}

#[tokio::test(flavor = "multi_thread")]
async fn either_secret_signs_and_either_spelling_of_the_url_is_signed() {
    let gateway = started("repeat = 1", "");
    for token in [TOKEN, "the last token"] {
        for url in [format!("{PUBLIC}{MAIN}?a=%20b"), format!("{PUBLIC}:443{MAIN}?a=%20b")] {
            let call = call_from(ANNA);
            let signature = twilio("sign", &json!([token, url, call]));
            let target = format!("{MAIN}?a=%20b");
            let answer = send(&gateway, &target, form(&call), Some(&signature)).await;
            assert_eq!(answer.status, 200, "{token}, {url}");
            assert!(answer.body.contains("Din kod är") && !answer.body.contains("En gång"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_with_one_number_are_told_apart_by_the_keyed_pin() {
    let shared = "[[people]]\nusername = \"anna\"\nnumbers = [\"070-123 45 67\"]\npin = \"1234\"\n\
                  [[people]]\nusername = \"bob\"\nnumbers = [\"070-123 45 67\"]\npin = \"4321\"\n";
    let config = config("pin = \"asked\"", "ambiguous = \"pin\"\n");
    let gateway = Gateway::start_in(people(shared), &config);
    let call = call_from(ANNA);
    let asked = report(&gateway, &call).await;
    let pin = format!("{PUBLIC}{MAIN}/pin");
    let sentence = "Ange din pinkod och tryck fyrkant.";
    assert_eq!(asked.body, twilio("ask_pin", &json!(["sv-SE", sentence, pin])));
    let keyed = |digits: &str| {
        let mut call = call.clone();
        call["Digits"] = json!(digits);
        call
    };
    let wrong = report_to(&gateway, &format!("{MAIN}/pin"), &keyed("9999")).await;
    assert_eq!(event(&gateway, &wrong)["reason"], "number_ambiguous");
    let right = report_to(&gateway, &format!("{MAIN}/pin"), &keyed("4321")).await;
    let told = event(&gateway, &right);
    assert_eq!((&told["reason"], &told["username"]), (&json!("issued"), &json!("bob")));
    // Digits that come with a first request were not asked for.
    let unasked = report(&gateway, &keyed("4321")).await;
    assert_eq!(unasked.body, asked.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_hears_their_own_language_if_the_endpoint_speaks_it() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    slapd.modify(&format!(
        "dn: uid=anna,{PEOPLE}\nchangetype: modify\nadd: preferredLanguage\n\
         preferredLanguage: de, en;q=0.5\n"
    ));
    let config = format!(
        "{}{}{}",
        sections(&format!("public_url = \"{PUBLIC}\"")),
        ldap_tenant("t1", &[&slapd.url()], ""),
        endpoint("[tenants.voice.text.en]\ncode = \"Hear: {code}.\""),
    );
    let gateway = Gateway::start_in(people(""), &config);
    let english = report(&gateway, &call_from(ANNA)).await;
    assert!(english.body.contains("<Say language=\"en-GB\">Hear: "), "{}", english.body);
    assert!(english.body.contains("<Say language=\"en-GB\">Once more: "), "{}", english.body);
    let swedish = report(&gateway, &call_from("+46702223344")).await;
    assert!(swedish.body.contains("<Say language=\"sv-SE\">Din kod"), "{}", swedish.body);
    let refused = report(&gateway, &call_from("+46709990000")).await;
    assert!(refused.body.contains("sv-SE"), "a refusal tells nothing of who calls");
}
