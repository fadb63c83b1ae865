//! What is not signed is forbidden; what is refused sounds the same, whatever the reason.

use std::time::Duration;

use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_for_this_very_request_is_forbidden() {
    let gateway = started("", "");
    let call = call_from(ANNA);
    let body = form(&call);
    let url = format!("{PUBLIC}{MAIN}");
    let signed = |token: &str, url: &str| twilio("sign", &json!([token, url, call]));
    let right = signed(TOKEN, &url);
    let elsewhere = [
        signed("another token", &url),
        signed(TOKEN, &format!("{}{MAIN}", gateway.url(""))),
        signed(TOKEN, &format!("{url}?a=b")),
        signed(TOKEN, &format!("{url}/pin")),
        "not base64!".to_owned(),
        String::new(),
    ];
    let unknown =
        [(MAIN.replace("main", "other"), "no endpoint"), (MAIN.replace("t1", "t2"), "no tenant")];
    let mut refused = Vec::new();
    for signature in &elsewhere {
        refused
            .push((signature.clone(), send(&gateway, MAIN, body.clone(), Some(signature)).await));
    }
    refused.push(("none".to_owned(), send(&gateway, MAIN, body.clone(), None).await));
    let changed = body.replace("ringing", "ringinG");
    refused.push(("a byte".to_owned(), send(&gateway, MAIN, changed, Some(&right)).await));
    for (path, what) in &unknown {
        let answer = send(&gateway, path, body.clone(), Some(&right)).await;
        refused.push(((*what).to_owned(), answer));
    }
    let json =
        gateway.http.post(gateway.url(MAIN)).header("x-twilio-signature", &right).json(&call);
    refused.push(("JSON".to_owned(), Answer::of(json).await));
    for (what, answer) in &refused {
        must_be_forbidden(&gateway, answer, what);
    }
    let host =
        gateway.http.post(gateway.url(MAIN)).header("host", "otp.example.com").body(body.clone());
    let host = host.header("content-type", "application/x-www-form-urlencoded");
    let host = Answer::of(host.header("x-twilio-signature", right.as_str())).await;
    assert_eq!(host.status, 200, "what Host says is not signed, and changes nothing");
    let got = Answer::of(gateway.http.get(gateway.url(MAIN))).await;
    assert_eq!((got.status, got.header("allow")), (405, "POST"));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_refusals_sound_the_same() {
    let more = "called_numbers = [\"+46101234567\"]";
    let calls = "[tenants.calls]\naccepted_countries = [\"SE\"]\nrefuse_diverted = true\n";
    let gateway = started(more, calls);
    let with = |field: &str, value: &str| {
        let mut call = call_from(ANNA);
        call[field] = json!(value);
        call
    };
    let mut elsewhere = with("To", "+46109999999");
    elsewhere["Called"] = json!("+46109999999");
    let mut lacking = call_from(ANNA);
    lacking.as_object_mut().unwrap().remove("To");
    let refused = [
        (call_from("+46709990000"), "number_unknown"),
        (call_from("+266696687"), "number_withheld"),
        (call_from("client:+46701234567"), "number_unparseable"),
        (call_from("sip:+46701234567@evil.example"), "number_unparseable"),
        (call_from("+4790123456"), "country_not_accepted"),
        (with("ForwardedFrom", "+46709999999"), "call_diverted"),
        (with("StirVerstat", "TN-Validation-Passed-A-Diverted"), "call_diverted"),
        (elsewhere, "called_number_not_listed"),
        (lacking, "body_malformed"),
    ];
    let expected = twilio("refusal", &json!(["sv-SE", "Vi kan inte ge dig någon kod."]));
    for (call, reason) in &refused {
        let answer = report(&gateway, call).await;
        assert_eq!((answer.status, &answer.body), (200, &expected), "{reason}");
        let event = event(&gateway, &answer);
        assert_eq!((&event["reason"], &event["voice"]), (&json!(reason), &json!("main")));
        assert_eq!((&event["status"], &event["outcome"]), (&json!(200), &json!("refused")));
    }
    // The field that says so, hidden in the one before it: the signature is the same.
    let forwarded = with("ForwardedFrom", "+46709999999");
    let signature = twilio("sign", &json!([TOKEN, format!("{PUBLIC}{MAIN}"), forwarded]));
    let mut hidden = forwarded.clone();
    hidden.as_object_mut().unwrap().remove("ForwardedFrom");
    hidden["Direction"] = json!("inboundForwardedFrom+46709999999");
    let answer = send(&gateway, MAIN, form(&hidden), Some(&signature)).await;
    assert_eq!((answer.status, &answer.body), (200, &expected));
    assert_eq!(event(&gateway, &answer)["reason"], "body_malformed");

    assert_eq!(report(&gateway, &call_from(ANNA)).await.status, 200);
    let rejecting = started("refuse_by = \"reject\"", "");
    let answer = report(&rejecting, &call_from("+46709990000")).await;
    assert_eq!(answer.body, twilio("rejection", &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captured_request_is_worth_nothing_after_ten_minutes() {
    let folder = people(&anna());
    let gateway = Gateway::start_in(Arc::clone(&folder), &config("", ""));
    let call = call_from(ANNA);
    let told = report(&gateway, &call).await;
    assert_eq!(event(&gateway, &told)["reason"], "issued");
    drop(gateway);
    let later = |minutes: u64| {
        let environment = ahead(Duration::from_secs(minutes * 60));
        let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
        Gateway::start_with(Arc::clone(&folder), &config("", ""), &environment)
    };
    let gateway = later(9);
    let over = report(&gateway, &call).await;
    assert_eq!(event(&gateway, &over)["reason"], "call_over", "its code has expired");
    drop(gateway);
    let gateway = later(11);
    let replayed = report(&gateway, &call).await;
    assert_eq!(event(&gateway, &replayed)["reason"], "call_replayed");
    // The fields cut elsewhere: another id, by the same signature.
    let signature = twilio("sign", &json!([TOKEN, format!("{PUBLIC}{MAIN}"), call]));
    let mut cut = call.clone();
    cut.as_object_mut().unwrap().remove("CallStatus");
    cut["CallSid"] = json!(format!("{}CallStatusringing", call["CallSid"].as_str().unwrap()));
    assert_eq!(twilio("sign", &json!([TOKEN, format!("{PUBLIC}{MAIN}"), cut])), signature);
    let cut = send(&gateway, MAIN, form(&cut), Some(&signature)).await;
    assert_eq!(event(&gateway, &cut)["reason"], "body_malformed");
    let new = report(&gateway, &call_from(ANNA)).await;
    assert_eq!(event(&gateway, &new)["outcome"], "allowed");
}
