//! What SIGHUP leaves as it was: keys of issuers, indexes, connections, counts, where what they are
//! made from did not change.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dialpass::domain::clock::{Clock as _, SystemClock};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

use crate::support::gateway::{Answer, Gateway, clients, ldap_tenant, sections, wait_until};
use crate::support::slapd::Slapd;

const READ_AGAIN: &str = "the configuration was read again and is in force";

/// Writes a configuration, has it read, and waits until it is in force for the `count`th time.
fn reload(gateway: &Gateway, config: &str, count: usize) {
    std::fs::write(gateway.file("dialpass.toml"), config).unwrap();
    gateway.signal("HUP");
    wait_until(READ_AGAIN, || gateway.log().matches(READ_AGAIN).count() >= count);
}

/// An issuer's keys, served until it is down.
struct Issuer {
    url: String,
    key: EncodingKey,
    is_down: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    fn start() -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
        let mut public = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
        public.common.key_id = Some("1".to_owned());
        let body = json!({ "keys": [public] }).to_string();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let (is_down, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (down, count) = (Arc::clone(&is_down), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                if down.load(Ordering::SeqCst) {
                    continue;
                }
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        break;
                    }
                    head.push(byte[0]);
                }
                let length = body.len();
                // A client that has gone needs no answer.
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                     content-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
            }
        });
        Self { url, key, is_down, asked }
    }

    fn client(&self, url: &str) -> String {
        let url = url.replace("URL", &self.url);
        format!(
            "[[tenants.clients]]\nname = \"ivr\"\noperations = [\"getOTP\"]\n\
             oauth2 = {{ issuer = \"https://issuer.example\", audience = \"dialpass\", \
             jwks_url = \"{url}\", scope = \"otp\", algorithms = [\"ES256\"] }}\n"
        )
    }

    /// The status of a call by a token of the issuer's.
    async fn call(&self, gateway: &Gateway) -> u16 {
        let claims = json!({ "iss": "https://issuer.example", "aud": "dialpass", "scope": "otp",
            "exp": SystemClock.now().as_secs() + 300 });
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("1".to_owned());
        let token = encode(&header, &claims, &self.key).unwrap();
        let request = gateway
            .http
            .put(gateway.url("/api/authentication/getOTP"))
            .bearer_auth(token)
            .json(&json!({ "phonenumber": "+46701234567" }));
        Answer::of(request).await.status
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_an_issuer_that_is_down_are_good_after_sighup() {
    let (slapd, issuer) = (Slapd::builder().without_log().start(), Issuer::start());
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let config = |ivr: &str| format!("{}{tenant}{}{ivr}", sections(""), clients());
    let gateway = Gateway::start(&config(&issuer.client("URL")));
    assert_eq!(issuer.call(&gateway).await, 200);
    issuer.is_down.store(true, Ordering::SeqCst);
    for count in 1..=2 {
        let asked = issuer.asked.load(Ordering::SeqCst);
        let renamed = config(&issuer.client("URL")).replace("\"pbx\"", &format!("\"pbx{count}\""));
        reload(&gateway, &renamed, count);
        wait_until("the keys are fetched again", || issuer.asked.load(Ordering::SeqCst) > asked);
        assert_eq!(issuer.call(&gateway).await, 200, "{}", gateway.log());
    }
    // Another address is another issuer, until it has said otherwise.
    reload(&gateway, &config(&issuer.client("URL?other")), 3);
    assert_eq!(issuer.call(&gateway).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_of_a_directory_is_kept_where_its_section_did_not_change() {
    const LIVE: &str = "the directory's index is live";
    let mut slapd = Slapd::builder().with_sync().start();
    let url = slapd.url();
    let with = |more: &str| {
        let tenant = ldap_tenant("t1", &[&url], &format!("lookup = \"index\"\n{more}"));
        format!("{}{tenant}{}", sections(""), clients())
    };
    let gateway = Gateway::start(&with(""));
    gateway.wait_for_line(LIVE);
    gateway.code("+46701234567").await;
    let binds = slapd.binds_of_gateway();

    // A tenant before it moves its place in the file, which is no setting.
    let other = "[[tenants]]\nid = \"t0\"\ncountry = \"SE\"\nlogin.password = \"not-asked\"\n\
                 directory.kind = \"registered\"\n";
    let moved = with("").replacen("[[tenants]]", &format!("{other}[[tenants]]"), 1);
    reload(&gateway, &moved.replace("\"pbx\"", "\"pbx2\""), 1);
    assert_eq!(slapd.binds_of_gateway(), binds, "the connections are kept");
    slapd.kill();
    reload(&gateway, &with(""), 2);
    gateway.code("+46701234567").await;
    assert_eq!(gateway.log().matches(LIVE).count(), 1, "{}", gateway.log());

    for (count, config) in [
        (3, with("user_filter = \"(objectClass=person)\"")),
        (4, with("").replace("country = \"SE\"", "country = \"NO\"")),
    ] {
        slapd.restart();
        let live = gateway.log().matches(LIVE).count();
        reload(&gateway, &config, count);
        wait_until("an index of its own", || gateway.log().matches(LIVE).count() > live);
        gateway.code("+46701234567").await;
        slapd.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_file_with_other_certificates_is_another_setting() {
    let slapd = Slapd::start();
    let folder = Arc::new(crate::support::gateway::folder());
    let ca = std::fs::read_to_string(slapd.ca_pem()).unwrap();
    std::fs::write(folder.path().join("ca.pem"), &ca).unwrap();
    let tenant = ldap_tenant("t1", &[&slapd.ldaps_url()], "ca_file = \"ca.pem\"");
    let config = format!("{}{tenant}{}", sections(""), clients());
    let gateway = Gateway::start_in(Arc::clone(&folder), &config);
    gateway.code("+46701234567").await;
    let binds = slapd.binds_of_gateway();
    reload(&gateway, &config, 1);
    assert_eq!(slapd.binds_of_gateway(), binds);

    let other = crate::support::pki::Ca::new("another CA");
    std::fs::write(folder.path().join("ca.pem"), other.pem()).unwrap();
    reload(&gateway, &config, 2);
    assert_ne!(gateway.call("+46701234567").await.status, 200, "it is not trusted any more");
    std::fs::write(folder.path().join("ca.pem"), &ca).unwrap();
    reload(&gateway, &config, 3);
    gateway.code("+46701234567").await;
    assert!(slapd.binds_of_gateway() > binds);
}

#[tokio::test(flavor = "multi_thread")]
async fn flood_counts_go_on_where_their_limit_did_not_change() {
    let slapd = Slapd::builder().without_log().start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let tenant = tenant.replacen("country", "status_style = \"http\"\ncountry", 1);
    let config = |limits: &str| {
        let limits = format!("[server.limits]\n{limits}\n[ops]");
        format!("{}{tenant}{}", sections("").replacen("[ops]", &limits, 1), clients())
    };
    let gateway = Gateway::start(&config(""));
    // Of a number that is nobody's, the store counts nothing.
    let used_up = async |limits: &str, count: usize| {
        reload(&gateway, &config(limits), count);
        let mut taken = 0;
        while gateway.call("+46700000099").await.status != 429 {
            taken += 1;
            assert!(taken < 100, "{limits}: {}", gateway.log());
        }
        taken
    };
    let burst = |name: &str, burst: usize| format!("{name} = {{ burst = {burst}, per = \"1h\" }}");
    let mut count = 0;
    for name in ["requests_per_client", "requests_per_address", "calls_per_caller"] {
        let limit = burst(name, 7);
        count += 1;
        let taken = used_up(&limit, count).await;
        assert!((7..=8).contains(&taken), "{name}: {taken}");
        let renamed = config(&limit).replace("\"vpn\"", "\"renamed\"");
        count += 1;
        reload(&gateway, &renamed, count);
        let again = gateway.call("+46700000099").await;
        assert_eq!(again.status, 429, "{name}: {}", gateway.log());
        let event = gateway.audit_of(again.header("x-request-id"));
        assert_eq!(event["reason"], "flood", "{name}: {event}");
    }
}
