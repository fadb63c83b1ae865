//! Twilio's relatives, `SignalWire` and Telnyx, with signatures that their own libraries make or check.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

fn relative(what: &str, arguments: &Value) -> String {
    library("relatives_library.py", what, arguments)
}

fn started_as(signature: &str, secret: &str) -> Gateway {
    let endpoint = endpoint("").replace("\"twilio\"", &format!("{signature:?}"));
    let endpoint = endpoint.replace("{ file = \"token\" }", &format!("{secret:?}"));
    let endpoint = endpoint.replace("\"the last token\", ", "");
    Gateway::start_in(people(&anna()), &config_with(&endpoint, ""))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_signalwires_library_signs_is_answered() {
    let gateway = started_as("signalwire", "PSK_a signing key");
    let call = call_from(ANNA);
    let send = async |signature: &str| {
        let request = gateway.http.post(gateway.url(MAIN)).body(form(&call));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        Answer::of(request.header("x-signalwire-signature", signature)).await
    };
    let url = format!("{PUBLIC}{MAIN}");
    let answer = send(&relative("signalwire", &json!(["PSK_a signing key", url, call]))).await;
    assert!(answer.body.contains("Din kod är"), "{}", answer.body);
    let another = send(&relative("signalwire", &json!(["PSK_another", url, call]))).await;
    must_be_forbidden(&gateway, &another, "another key");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_telnyxs_library_accepts_is_answered_and_what_it_refuses_forbidden() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let key = STANDARD.encode(pair.public_key().as_ref());
    let gateway = started_as("telnyx", &key);
    let body = form(&call_from(ANNA));
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    for (time, signed, is_good) in [
        (now, body.clone(), true),
        (now - 400, body.clone(), false),
        (now, body.replace("ringing", "Ringing"), false),
    ] {
        let signature = STANDARD.encode(pair.sign(format!("{time}|{signed}").as_bytes()).as_ref());
        let judged = relative("telnyx", &json!([body, signature, time.to_string(), key]));
        assert_eq!(judged, if is_good { "good" } else { "bad" });
        let request = gateway.http.post(gateway.url(MAIN)).body(body.clone());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = request.header("telnyx-timestamp", time);
        let answer = Answer::of(request.header("telnyx-signature-ed25519", signature)).await;
        if is_good {
            assert!(answer.body.contains("Din kod är"), "{}", answer.body);
        } else {
            must_be_forbidden(&gateway, &answer, "what Telnyx refuses");
        }
    }
}
