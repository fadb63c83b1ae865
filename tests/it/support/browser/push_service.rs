//! A push service and what it delivers to: a TLS server that keeps what it is given, and the keys
//! of a browser that is subscribed there.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PublicKeyData as _};
use serde_json::{Value, json};

use super::tools::python;
use crate::sms::provider::{Manner, Provider, Taken};
use crate::support::pki::Ca;

/// A running push service; dropped, it is gone.
pub struct PushService {
    provider: Provider,
    ca: Ca,
}

/// A browser's subscription there, with what only the browser knows.
pub struct Subscription {
    /// Where its messages are posted to.
    pub endpoint: String,
    keys: KeyPair,
    auth: [u8; 16],
}

/// A message, as the browser reads it.
#[derive(Debug)]
pub struct Message {
    /// The public key of who signed it, uncompressed, in base64url.
    pub key: String,
    /// What was signed: `aud`, `exp`, `sub`.
    pub claims: Value,
    /// What it says.
    pub text: String,
}

impl PushService {
    /// One that takes every message.
    pub async fn start() -> Self {
        let ca = Ca::new("the push service's");
        let provider = Provider::start_tls(taken(), &ca.server(1)).await;
        Self { provider, ca }
    }

    /// The CA that vouches for it, in PEM.
    pub fn ca_pem(&self) -> String {
        self.ca.pem()
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("https://{}", self.host())
    }

    /// Its host and port.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.provider.port())
    }

    /// What it does from now on: `Manner::Answer("410 Gone", …)`, `Manner::Hang`, ….
    pub fn behave(&self, manner: Manner) {
        self.provider.behave(manner);
    }

    /// Takes every message again.
    pub fn recover(&self) {
        self.provider.behave(taken());
    }

    /// The requests so far.
    pub fn taken(&self) -> Vec<Taken> {
        self.provider.taken()
    }

    /// Subscribes a browser.
    pub fn subscribe(&self, name: &str) -> Subscription {
        Subscription::at(format!("{}/push/{name}", self.url()))
    }

    /// The messages so far that were posted for a subscription.
    pub fn messages(&self, subscription: &Subscription) -> Vec<Message> {
        let path = subscription.endpoint.strip_prefix(&self.url()).expect("its own");
        let line = format!("POST {path}");
        let taken = self.taken().into_iter().filter(|one| one.line == line);
        taken.map(|one| subscription.read(&one).expect("a message")).collect()
    }
}

fn taken() -> Manner {
    Manner::Answer("201 Created\r\nlocation: /message/1", String::new())
}

/// The bytes of a text in base64url.
pub fn decoded(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

impl Subscription {
    /// One whose messages are posted to this address.
    pub fn at(endpoint: String) -> Self {
        let mut auth = [0; 16];
        getrandom::fill(&mut auth).unwrap();
        Self { endpoint, keys: KeyPair::generate().unwrap(), auth }
    }

    /// One with these keys of the browser's: the private and the public one and the secret, in
    /// base64url.
    pub fn with(endpoint: String, private: &str, public: &str, auth: &str) -> Self {
        // PKCS #8 of a P-256 key.
        let mut der = hex::decode(concat!(
            "308187020100301306072a8648ce3d020106082a8648ce3d030107",
            "046d306b0201010420"
        ))
        .expect("hex");
        der.extend(decoded(private));
        der.extend([0xa1, 0x44, 0x03, 0x42, 0x00]);
        der.extend(decoded(public));
        let keys = KeyPair::try_from(der).expect("a key pair");
        Self { endpoint, keys, auth: decoded(auth).try_into().expect("16 bytes") }
    }

    /// What `PushSubscription.toJSON()` says of it.
    pub fn json(&self) -> Value {
        json!({
            "endpoint": self.endpoint,
            "expirationTime": null,
            "keys": {
                "p256dh": BASE64_URL_SAFE_NO_PAD.encode(self.keys.der_bytes()),
                "auth": BASE64_URL_SAFE_NO_PAD.encode(self.auth),
            },
        })
    }

    /// Reads a message, by an implementation that is not ours; or why it can't be read.
    pub fn read(&self, request: &Taken) -> Result<Message, String> {
        assert_eq!(request.header("content-encoding"), "aes128gcm");
        let question = json!({
            "authorization": request.header("authorization"),
            "body": BASE64_URL_SAFE_NO_PAD.encode(&request.body),
            "private_key": self.keys.serialize_pem(),
            "auth": BASE64_URL_SAFE_NO_PAD.encode(self.auth),
        });
        let read = python("read_push.py", &question)?;
        let part = |name: &str| read[name].as_str().expect("a text").to_owned();
        Ok(Message { key: part("key"), claims: read["claims"].clone(), text: part("message") })
    }
}
