//! The channels `app` and `push`: a link is opened on a phone, whose passkey confirms. The phone is
//! one in software; what its page would ask is asked as the page asks it.

mod addresses;
mod approving;
mod authenticators;
mod ending;
mod enrolling;
mod forging;
mod frontends;
mod junk;
mod match_number;
mod nodes;
mod notifying;
mod racing;
mod replaying;
mod secrecy;
mod stolen;
mod tokens;
mod unasked;

use serde_json::{Value, json};

use super::api::Api;
use super::{PUBLIC_URL, Service, text};
use crate::support::gateway::Answer;
use crate::support::soft_phone::SoftPhone;

/// What the browser of a phone says that it is.
const PIXEL: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/140.0.0.0 Mobile Safari/537.36";

/// A transaction that waits for a phone to open its link.
#[derive(Debug, Clone)]
pub struct Linked {
    pub user: String,
    pub transaction: String,
    /// The status token.
    pub status: String,
    /// The link's token.
    pub token: String,
}

impl Linked {
    /// From the answer to an enrollment, or to an approval.
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 201, "{}", answer.body);
        let body = answer.json();
        let begun = if body["enrollment"].is_null() { &body } else { &body["enrollment"] };
        Self {
            user: text(&body["userId"]),
            transaction: text(&begun["transactionId"]),
            status: text(&begun["statusToken"]),
            token: token_in(&text(&begun["appLinkUri"])),
        }
    }
}

/// The token in a link.
fn token_in(link: &str) -> String {
    let (page, token) = link.split_once("?dispatchTokenResponse=").expect("a link");
    assert_eq!(page, format!("{PUBLIC_URL}/open"));
    token.to_owned()
}

/// What a phone's page asks.
impl Api {
    /// What the page asks at a path of its own.
    async fn open(&self, path: &str, body: Value) -> Answer {
        let request = self.stranger().request("POST", &format!("/open/{path}"));
        Answer::of(request.header("user-agent", PIXEL).json(&body)).await
    }

    /// What a link is about.
    pub async fn look(&self, token: &str) -> Answer {
        self.open("transaction", json!({"token": token})).await
    }

    /// What a passkey is to sign, of a transaction that waits.
    pub async fn options(&self, token: &str) -> Value {
        let answer = self.look(token).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let options = answer.json()["publicKey"].clone();
        assert!(options.is_object(), "{}", answer.body);
        options
    }

    /// Confirms by what a passkey gave.
    pub async fn confirm(&self, token: &str, credential: &Value) -> Answer {
        self.open("confirm", json!({"token": token, "credential": credential})).await
    }

    /// Declines.
    pub async fn decline(&self, token: &str) -> Answer {
        self.open("decline", json!({"token": token})).await
    }

    /// Opens a link on a phone that makes a passkey, and confirms.
    pub async fn register(&self, token: &str, phone: &mut SoftPhone) -> Answer {
        let made = phone.make(&self.options(token).await).await.expect("a passkey");
        self.confirm(token, &made).await
    }

    /// Opens a link on a phone that has a passkey, and approves.
    pub async fn sign(&self, token: &str, phone: &mut SoftPhone) -> Answer {
        let signed = phone.sign(&self.options(token).await).await.expect("a signature");
        self.confirm(token, &signed).await
    }
}

impl Service {
    /// Begins to register a phone.
    pub async fn enroll_app(&self, body: Value) -> Linked {
        Linked::of(&self.api.enroll(body).await)
    }

    /// Registers a phone of the user with this name; returns what its page receives.
    pub async fn phone_of(&self, username: &str, phone: &mut SoftPhone) -> (Linked, Value) {
        let linked = self.enroll_app(json!({"username": username})).await;
        let confirmed = self.api.register(&linked.token, phone).await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.body);
        (linked, confirmed.json())
    }

    /// A user with a phone.
    pub async fn user_with_phone(&self, username: &str) -> (String, SoftPhone) {
        let mut phone = SoftPhone::at(PUBLIC_URL);
        let (linked, _) = self.phone_of(username, &mut phone).await;
        (linked.user, phone)
    }

    /// Has a user asked by a link.
    pub async fn ask(&self, username: &str, message: &str) -> Linked {
        let body = json!({"username": username, "channel": "app", "message": message});
        Linked::of(&self.api.approve(body).await)
    }
}
