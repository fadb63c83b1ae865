//! Answers that a phone would never give, each signed by the right passkey: what the server checks
//! beside the signature.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::*;
use super::Linked;
use crate::support::soft_phone::{Signed, SoftPhone, bytes, made_otherwise, text as encoded};

/// Something that a test does to what is signed.
type Change = fn(&mut Signed);

/// What makes an answer wrong, whichever of the two it is.
const WRONG: [(&str, Change); 20] = [
    ("another origin", |signed| signed.client_data["origin"] = json!("https://evil.example.com")),
    ("an origin below", |signed| signed.client_data["origin"] = json!("https://a.id.example.com")),
    ("an origin above", |signed| signed.client_data["origin"] = json!("https://example.com")),
    ("another scheme", |signed| signed.client_data["origin"] = json!("http://id.example.com")),
    ("another port", |signed| signed.client_data["origin"] = json!("https://id.example.com:8443")),
    ("a path", |signed| signed.client_data["origin"] = json!("https://id.example.com/evil")),
    ("a slash", |signed| signed.client_data["origin"] = json!("https://id.example.com/")),
    ("a port", |signed| signed.client_data["origin"] = json!("https://id.example.com:443")),
    ("capitals", |signed| signed.client_data["origin"] = json!("https://ID.example.com")),
    ("a name", |signed| signed.client_data["origin"] = json!("https://a@id.example.com")),
    ("no origin", |signed| signed.client_data["origin"] = json!("null")),
    ("a page around it", |signed| signed.client_data["crossOrigin"] = json!(true)),
    ("another challenge", |signed| signed.client_data["challenge"] = encoded([7; 32])),
    ("no challenge", |signed| signed.client_data["challenge"] = json!("")),
    ("another type", |signed| {
        let is_get = signed.client_data["type"] == "webauthn.get";
        signed.client_data["type"] = json!(if is_get { "webauthn.create" } else { "webauthn.get" });
    }),
    ("no type", |signed| {
        signed.client_data.as_object_mut().expect("an object").remove("type");
    }),
    ("another RP ID", |signed| {
        signed.data[..32].copy_from_slice(&Sha256::digest("example.com"));
    }),
    ("nobody verified", |signed| signed.data[Signed::FLAGS] &= !Signed::VERIFIED),
    ("nobody there", |signed| signed.data[Signed::FLAGS] &= !Signed::PRESENT),
    ("nobody at all", |signed| {
        signed.data[Signed::FLAGS] &= !(Signed::PRESENT | Signed::VERIFIED);
    }),
];

async fn refuses(service: &Service, linked: &Linked, credential: &Value, what: &str) {
    let refused = service.api.confirm(&linked.token, credential).await;
    assert_eq!(refused.status, 400, "{what}: {}", refused.body);
    let message = refused.json()["message"].clone();
    assert_eq!(message, "the passkey is refused", "{what}: the reason stays in the audit trail");
    assert_eq!(service.api.stage(&linked.status).await, "pending", "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_for_our_origin_by_a_user_who_was_verified() {
    let service = Service::start().await;
    let (_, mut phone) = service.user_with_phone("anna").await;
    let asked = service.ask("anna", "Log in").await;
    let signed = phone.sign(&service.api.options(&asked.token).await).await.unwrap();
    for (what, change) in WRONG {
        refuses(&service, &asked, &phone.signed_anew(&signed, change), what).await;
    }
    let short = phone.signed_anew(&signed, |signed| signed.data.truncate(36));
    refuses(&service, &asked, &short, "too short").await;
    let none = phone.signed_anew(&signed, |signed| signed.data.clear());
    refuses(&service, &asked, &none, "no data").await;
    // What the browser itself would sign for a page below.
    let below = phone.moved_to("https://login.id.example.com");
    let options = service.api.options(&asked.token).await;
    let honest = below.clone().sign(&options).await.expect("the RP ID allows it");
    refuses(&service, &asked, &honest, "a page below").await;
    // Signed anew and not changed, it passes: it is the change that is refused.
    let same = phone.signed_anew(&signed, |_| {});
    assert_ne!(same["response"]["clientDataJSON"], Value::Null);
    assert_eq!(service.api.confirm(&asked.token, &same).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_after_it_was_signed_is_refused() {
    let service = Service::start().await;
    let (_, mut phone) = service.user_with_phone("anna").await;
    let asked = service.ask("anna", "Log in").await;
    let signed = phone.sign(&service.api.options(&asked.token).await).await.unwrap();
    let changed = |field: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut answer = signed.clone();
        let mut inside = bytes(&answer["response"][field]);
        change(&mut inside);
        answer["response"][field] = encoded(inside);
        answer
    };
    for at in [0, 15, 31, 32, 33, 36] {
        let answer = changed("authenticatorData", &|data| data[at] ^= 1);
        refuses(&service, &asked, &answer, &format!("byte {at} of the data")).await;
    }
    let signature = bytes(&signed["response"]["signature"]);
    for at in [0, 3, 5, 20, signature.len() / 2 + 4, signature.len() - 1] {
        let answer = changed("signature", &|signature| signature[at] ^= 1);
        refuses(&service, &asked, &answer, &format!("byte {at} of the signature")).await;
    }
    for (what, field, change) in [
        (
            "no signature",
            "signature",
            (&|signature: &mut Vec<u8>| signature.clear()) as &dyn Fn(&mut Vec<u8>),
        ),
        ("half a signature", "signature", &|signature| signature.truncate(20)),
        ("a signature and more", "signature", &|signature| signature.push(0)),
        ("data and more", "authenticatorData", &|data| data.push(0)),
        ("a blank in the client data", "clientDataJSON", &|data| data.insert(1, b' ')),
    ] {
        refuses(&service, &asked, &changed(field, change), what).await;
    }
    // Another key's signature of the same.
    let mut other = SoftPhone::at(PUBLIC_URL);
    let enrolling = service.enroll_app(json!({})).await;
    let made = other.make(&service.api.options(&enrolling.token).await).await.unwrap();
    let mut its_own = signed.clone();
    (its_own["id"], its_own["rawId"]) = (made["id"].clone(), made["rawId"].clone());
    let mut by_other = other.signed_anew(&its_own, |_| {});
    (by_other["id"], by_other["rawId"]) = (signed["id"].clone(), signed["rawId"].clone());
    refuses(&service, &asked, &by_other, "another key").await;
    assert_eq!(service.api.confirm(&asked.token, &signed).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_passkey_is_for_our_origin_by_a_user_who_was_verified() {
    let service = Service::start().await;
    let linked = service.enroll_app(json!({"username": "anna"})).await;
    let options = service.api.options(&linked.token).await;
    let mut phone = SoftPhone::at(PUBLIC_URL);
    let made = phone.make(&options).await.unwrap();
    for (what, change) in WRONG {
        refuses(&service, &linked, &made_otherwise(&made, change), what).await;
    }
    let without = made_otherwise(&made, |signed| signed.data[Signed::FLAGS] &= !(1 << 6));
    refuses(&service, &linked, &without, "no credential in it").await;
    let mut below = SoftPhone::at("https://login.id.example.com");
    let honest = below.make(&options).await.expect("the RP ID allows it");
    refuses(&service, &linked, &honest, "a page below").await;
    let mut elsewhere = SoftPhone::at("https://evil.example.com");
    assert!(elsewhere.make(&options).await.is_err(), "a browser makes none there");
    assert_eq!(service.api.user(&linked.user).await.json()["authenticators"], json!([]));
    assert_eq!(
        service.api.confirm(&linked.token, &made_otherwise(&made, |_| {})).await.status,
        200
    );
    assert_eq!(service.api.user(&linked.user).await.json()["status"], "active");
}
