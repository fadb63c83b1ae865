//! Tokens of an issuer whose keys come over HTTP, and what happens when they do not come.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use dialpass::domain::clock::Clock;
use dialpass::http::client_table::Credentials;
use dialpass::http::jwks::{Jwks, JwksError, JwksSource};
use dialpass::http::oauth2::{JwtRefusal, OAuth2Rule};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::support::gateway::PATIENCE;
use crate::support::http_harness::{NOW, SetClock, ask_plain, client, gate, start};

/// What the issuer's key endpoint does.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Keys,
    Down,
    Redirect,
    Huge,
    /// It answers when the test lets it.
    Held,
}

struct Issuer {
    signer: Mutex<(EncodingKey, String, Value)>,
    mood: Mutex<Mood>,
    fetches: AtomicUsize,
    /// Lets an answer go.
    released: Notify,
    url: String,
}

fn new_key(id: &str) -> (EncodingKey, String, Value) {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
    jwk.common.key_id = Some(id.to_owned());
    (key, id.to_owned(), serde_json::to_value(jwk).unwrap())
}

async fn keys(issuer: web::Data<Issuer>) -> HttpResponse {
    issuer.fetches.fetch_add(1, Ordering::SeqCst);
    let body = json!({"keys": [issuer.signer.lock().unwrap().2]});
    let mood = *issuer.mood.lock().unwrap();
    match mood {
        Mood::Keys => HttpResponse::Ok().json(body),
        Mood::Down => HttpResponse::ServiceUnavailable().json(body),
        Mood::Redirect => {
            HttpResponse::Found().insert_header(("location", "/elsewhere")).json(body)
        }
        Mood::Huge => {
            let filler = " ".repeat(300 * 1024);
            HttpResponse::Ok().body(format!("{body}{filler}"))
        }
        Mood::Held => {
            issuer.released.notified().await;
            HttpResponse::Ok().json(body)
        }
    }
}

async fn elsewhere(issuer: web::Data<Issuer>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"keys": [issuer.signer.lock().unwrap().2]}))
}

impl Issuer {
    fn start(mood: Mood) -> web::Data<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = web::Data::new(Self {
            signer: Mutex::new(new_key("1")),
            mood: Mutex::new(mood),
            fetches: AtomicUsize::new(0),
            released: Notify::new(),
            url: format!("http://{}/keys", listener.local_addr().unwrap()),
        });
        let data = issuer.clone();
        let app = move || {
            let app = App::new().app_data(data.clone());
            app.route("/keys", web::get().to(keys)).route("/elsewhere", web::get().to(elsewhere))
        };
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap();
        tokio::spawn(server.run());
        issuer
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn rotate(&self, id: &str) {
        *self.signer.lock().unwrap() = new_key(id);
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    fn rule(&self) -> OAuth2Rule {
        OAuth2Rule {
            issuer: "https://issuer".to_owned(),
            audience: "dialpass".to_owned(),
            jwks_url: self.url.clone(),
            scope: "otp.issue".to_owned(),
            algorithms: vec![Algorithm::ES256],
            client_id: None,
            sub: None,
            requires_typ: false,
        }
    }

    fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({"iss": "https://issuer", "aud": "dialpass", "exp": NOW + 300,
            "scope": "openid otp.issue"});
        change(&mut claims);
        let (key, id, _) = &*self.signer.lock().unwrap();
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(id.clone());
        encode(&header, &claims, key).unwrap()
    }

    fn keys_for(&self, clock: &Arc<SetClock>) -> Jwks {
        let clock: Arc<dyn Clock> = clock.clone();
        let source = JwksSource { url: self.url.clone(), ca_pem: None };
        Jwks::start(&[source], &clock, &Handle::current()).unwrap()
    }

    async fn verify(&self, keys: &Jwks, token: &str) -> Result<(), JwtRefusal> {
        let deadline = Instant::now() + Duration::from_secs(1);
        keys.verify(token, &self.rule(), deadline).await.map(drop)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_known_by_its_token() {
    let (issuer, clock) = (Issuer::start(Mood::Keys), SetClock::at(NOW));
    let rule = Credentials { oauth2: Some(issuer.rule()), ..Credentials::default() };
    let mut gate = gate(vec![client("pbx", rule)], clock.clone());
    gate.jwks = Some(Arc::new(issuer.keys_for(&clock)));
    let server = start(gate);
    let forged = {
        let key =
            EncodingKey::from_secret(issuer.signer.lock().unwrap().2["x"].to_string().as_bytes());
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("1".to_owned());
        encode(
            &header,
            &json!({"iss": "https://issuer", "aud": "dialpass", "exp": NOW + 300,
            "scope": "otp.issue"}),
            &key,
        )
        .unwrap()
    };
    let end = NOW - 61;
    for (token, expected) in [
        (issuer.token(|_| ()), (200, "pbx")),
        (issuer.token(|claims| claims["aud"] = json!("x")), (403, "token_audience_wrong")),
        (issuer.token(|claims| claims["iss"] = json!("x")), (403, "token_issuer_unknown")),
        (issuer.token(|claims| claims["exp"] = json!(end)), (403, "token_expired")),
        (issuer.token(|claims| claims["exp"] = Value::Null), (403, "token_malformed")),
        (issuer.token(|claims| claims["nbf"] = json!(NOW + 90)), (403, "token_not_yet_valid")),
        (issuer.token(|claims| claims["scope"] = json!("otp")), (403, "token_scope_missing")),
        (forged, (403, "token_algorithm_not_allowed")),
        ("a.b.c".to_owned(), (403, "token_malformed")),
        ("abc".to_owned(), (403, "credential_wrong")),
    ] {
        let header = format!("Bearer {token}");
        let (status, body) = ask_plain(server.address, &[("authorization", &header)]).await;
        assert_eq!((status, body.as_str()), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_has_the_keys_fetched_once_a_minute() {
    let (issuer, clock) = (Issuer::start(Mood::Keys), SetClock::at(NOW));
    let keys = issuer.keys_for(&clock);
    assert_eq!(issuer.verify(&keys, &issuer.token(|_| ())).await, Ok(()));
    assert_eq!(issuer.fetches(), 1);

    issuer.rotate("2");
    let token = issuer.token(|_| ());
    let both = tokio::join!(issuer.verify(&keys, &token), issuer.verify(&keys, &token));
    assert_eq!(both, (Ok(()), Ok(())));
    assert_eq!(issuer.fetches(), 2);

    issuer.rotate("3");
    let token = issuer.token(|_| ());
    for _ in 0..5 {
        assert_eq!(issuer.verify(&keys, &token).await, Err(JwtRefusal::KeyUnknown));
    }
    assert_eq!(issuer.fetches(), 2);
    clock.advance(61);
    assert_eq!(issuer.verify(&keys, &token).await, Ok(()));
    assert_eq!(issuer.fetches(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_outlive_their_issuer_by_a_day() {
    let (issuer, clock) = (Issuer::start(Mood::Keys), SetClock::at(NOW));
    let keys = issuer.keys_for(&clock);
    let token = issuer.token(|claims| claims["exp"] = json!(NOW + 10_000_000));
    assert_eq!(issuer.verify(&keys, &token).await, Ok(()));
    issuer.set(Mood::Down);
    clock.advance(24 * 3600);
    assert_eq!(issuer.verify(&keys, &token).await, Ok(()));
    clock.advance(1);
    assert_eq!(issuer.verify(&keys, &token).await, Err(JwtRefusal::KeysUnavailable));
    issuer.set(Mood::Keys);
    clock.advance(60);
    assert_eq!(issuer.verify(&keys, &token).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_or_too_much_gives_no_keys() {
    for mood in [Mood::Redirect, Mood::Huge, Mood::Down] {
        let (issuer, clock) = (Issuer::start(mood), SetClock::at(NOW));
        let keys = issuer.keys_for(&clock);
        let token = issuer.token(|_| ());
        assert_eq!(issuer.verify(&keys, &token).await, Err(JwtRefusal::KeysUnavailable));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_issuer_costs_no_more_than_the_deadline_and_its_keys_still_arrive() {
    let (issuer, clock) = (Issuer::start(Mood::Held), SetClock::at(NOW));
    let keys = issuer.keys_for(&clock);
    let token = issuer.token(|_| ());
    // It would hold the answer for good.
    assert_eq!(issuer.verify(&keys, &token).await, Err(JwtRefusal::KeysTimedOut));
    issuer.released.notify_one();
    let end = Instant::now() + PATIENCE;
    while issuer.verify(&keys, &token).await != Ok(()) {
        assert!(Instant::now() < end, "the keys have come");
    }
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn keys_come_by_https_or_from_this_machine() {
    let clock: Arc<dyn Clock> = SetClock::at(NOW);
    let start = |url: &str, ca_pem: Option<&[u8]>| {
        let source = JwksSource { url: url.to_owned(), ca_pem: ca_pem.map(<[u8]>::to_vec) };
        Jwks::start(&[source], &clock, &Handle::current()).map(drop)
    };
    for good in ["https://issuer.invalid/keys", "http://127.0.0.1:1/", "http://[::1]:1/"] {
        assert!(start(good, None).is_ok(), "{good}");
    }
    for bad in ["http://issuer.example/", "http://127.0.0.1.example/", "ftp://127.0.0.1/", "x"] {
        assert!(matches!(start(bad, None), Err(JwksError::Url { .. })), "{bad}");
    }
    let junk = start("https://issuer.invalid/keys", Some(b"junk"));
    assert!(matches!(junk, Err(JwksError::Ca { .. })));
}
