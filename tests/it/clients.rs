//! Who may call the real program, over real TLS and for several tenants: each kind of credential,
//! and each way for it to be no good, with the reason that the audit trail or the log has.

mod tokens;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Certificate, Client, ClientBuilder, Identity, RequestBuilder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::gateway::{Answer, Gateway, PATIENCE, clients, ldap_tenant, sections, sha256};
use crate::support::http_harness::{Files, PBX, connect};
use crate::support::pki::{Ca, Issued, Leaf};
use crate::support::slapd::Slapd;
use crate::support::wire::{GET_OTP, VALIDATE_OTP};

fn slapd() -> Slapd {
    Slapd::builder().users(0).without_tls().start()
}

/// The section of a client that may call getOTP, with `credential`.
fn caller(name: &str, credential: &str) -> String {
    format!("[[tenants.clients]]\nname = \"{name}\"\noperations = [\"getOTP\"]\n{credential}\n")
}

fn bearer(secret: &str) -> String {
    format!("bearer = {{ token_sha256 = \"{}\" }}", sha256(secret))
}

fn tenant(id: &str, slapd: &Slapd, clients: &[String]) -> String {
    format!("{}{}", ldap_tenant(id, &[&slapd.url()], ""), clients.concat())
}

/// `[server]` with the TLS files, and `need` for client certificates.
fn tls(files: &Files, need: &str) -> String {
    let file = |name: &str| files.path(name).display().to_string();
    format!(
        "[server.tls]\ncertificate = {:?}\nprivate_key = {:?}\nclient_ca = {:?}\n\
         crl_files = [{:?}]\nclient_certificates = \"{need}\"\n",
        file("server.pem"),
        file("server.key"),
        file("ca.pem"),
        file("crl.pem"),
    )
}

/// A client that trusts the server's CA.
fn trusting(files: &Files) -> ClientBuilder {
    let ca = Certificate::from_pem(files.ca.pem().as_bytes()).unwrap();
    Client::builder().tls_certs_only([ca])
}

fn with(files: &Files, own: &Issued) -> Client {
    let pem = format!("{}{}", own.certificate, own.key);
    trusting(files).identity(Identity::from_pem(pem.as_bytes()).unwrap()).build().unwrap()
}

/// A client that comes from another loopback address than others.
fn from(address: [u8; 4]) -> Client {
    Client::builder().local_address(IpAddr::from(address)).build().unwrap()
}

/// Anna's call, without a credential yet.
fn call(gateway: &Gateway, http: &Client) -> RequestBuilder {
    http.put(gateway.url(GET_OTP)).json(&json!({"phonenumber": "+46701234567"}))
}

/// Sends a call and returns its status, and the reason, tenant and client in the audit trail.
async fn outcome(gateway: &Gateway, request: RequestBuilder) -> (u16, String, Value, Value) {
    let answer = Answer::of(request).await;
    let event = gateway.audit_of(answer.header("x-request-id"));
    let reason = match event["reason"].as_str().expect("a reason") {
        "issued" | "repeated" => "told",
        reason => reason,
    };
    (answer.status, reason.to_owned(), event["tenant"].clone(), event["client"].clone())
}

#[track_caller]
fn assert_client(outcome: &(u16, String, Value, Value), tenant: &str, client: &str) {
    let expected = (200, "told".to_owned(), json!(tenant), json!(client));
    assert_eq!(outcome, &expected);
}

#[track_caller]
fn assert_refused(outcome: &(u16, String, Value, Value), status: u16, reason: &str) {
    assert_eq!((outcome.0, outcome.1.as_str()), (status, reason));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_credential_names_its_client() {
    let (slapd, files) = (slapd(), Files::new());
    let by_dns = files.ca.client(PBX);
    let by_uri = files.ca.client(Leaf {
        dns: "other.example",
        uri: "urn:example:ivr",
        serial: 11,
        ends: 2080,
    });
    let by_hash = files.ca.client(Leaf { dns: "third.example", uri: "", serial: 12, ends: 2080 });
    let hash = hex::encode(Sha256::digest(by_hash.der()));
    let t1 = tenant(
        "t1",
        &slapd,
        &[
            clients(),
            // Names have no case (RFC 4343).
            caller("by-dns", "certificate = { san = \"dns:PBX.Example\" }"),
            caller("by-uri", "certificate = { san = \"uri:urn:example:ivr\" }"),
            caller("by-hash", &format!("certificate = {{ sha256 = \"{hash}\" }}")),
            caller("by-token", &bearer("token-secret")),
        ],
    );
    let gateway = Gateway::start(&format!("{}{}{t1}", sections(""), tls(&files, "optional")));
    for (own, name) in [(&by_dns, "by-dns"), (&by_uri, "by-uri"), (&by_hash, "by-hash")] {
        let http = with(&files, own);
        assert_client(&outcome(&gateway, call(&gateway, &http)).await, "t1", name);
        let named = call(&gateway, &http).header("tenant", "t1");
        assert_client(&outcome(&gateway, named).await, "t1", name);
    }
    let http = trusting(&files).build().unwrap();
    let basic = call(&gateway, &http).basic_auth("pbx", Some("pbx-secret"));
    assert_client(&outcome(&gateway, basic).await, "t1", "pbx");
    let token = call(&gateway, &http).bearer_auth("token-secret");
    assert_client(&outcome(&gateway, token).await, "t1", "by-token");
    assert_refused(&outcome(&gateway, call(&gateway, &http)).await, 401, "no_credential");
    // A certificate of nobody's, with and without a good secret.
    let stranger = with(
        &files,
        &files.ca.client(Leaf { dns: "pbx.example.org", uri: "", serial: 13, ends: 2080 }),
    );
    let unlisted = Answer::of(call(&gateway, &stranger)).await;
    let event = gateway.audit_of(unlisted.header("x-request-id"));
    assert_eq!((unlisted.status, &event["reason"]), (403, &json!("certificate_unlisted")));
    // What the administrator copies to the configuration.
    assert_eq!(event["certificate_san"], "dns:pbx.example.org", "{event}");
    assert_eq!(event["certificate_sha256"].as_str().map(str::len), Some(64), "{event}");
    let both = call(&gateway, &stranger).bearer_auth("token-secret");
    assert_client(&outcome(&gateway, both).await, "t1", "by-token");
    let wrong = call(&gateway, &with(&files, &by_dns)).bearer_auth("wrong");
    assert_refused(&outcome(&gateway, wrong).await, 403, "credential_wrong");
    let two = call(&gateway, &with(&files, &by_dns)).bearer_auth("token-secret");
    assert_refused(&outcome(&gateway, two).await, 403, "credentials_disagree");
    // Their code is a code.
    let otp = call(&gateway, &with(&files, &by_uri)).send().await.unwrap().text().await.unwrap();
    let otp: Value = serde_json::from_str(&otp).unwrap();
    let body = json!({"username": "anna", "password": "anna-secret", "otp": otp["otp"]});
    let login = http.put(gateway.url(VALIDATE_OTP)).bearer_auth("vpn-secret").json(&body);
    assert_eq!(Answer::of(login).await.status, 200, "{}", gateway.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_no_good_is_refused_and_the_log_says_why() {
    let (slapd, files) = (slapd(), Files::new());
    files.write("crl.pem", &files.ca.crl(&[66]));
    let t1 = tenant("t1", &slapd, &[caller("pbx", "certificate = { san = \"dns:pbx.example\" }")]);
    for need in ["optional", "required"] {
        let gateway = Gateway::start(&format!("{}{}{t1}", sections(""), tls(&files, need)));
        for (issued, why) in [
            (Ca::new("another CA").client(PBX), "UnknownIssuer"),
            (files.ca.client(Leaf { ends: 2021, ..PBX }), "certificate expired"),
            (files.ca.client(Leaf { serial: 66, ..PBX }), "Revoked"),
            (files.ca.server(9), "extended key usage"),
        ] {
            let http = with(&files, &issued);
            let refused = call(&gateway, &http).send().await;
            assert!(refused.is_err(), "{need}, {why}: {refused:?}");
            gateway.wait_for_line(why);
            gateway.wait_for_line("TLS handshake failed");
        }
        let good = with(&files, &files.ca.client(PBX));
        assert_client(&outcome(&gateway, call(&gateway, &good)).await, "t1", "pbx");
        let none = trusting(&files).build().unwrap();
        let answer = call(&gateway, &none).send().await;
        match need {
            "required" => assert!(answer.is_err(), "no connection without a certificate"),
            _ => assert_eq!(answer.unwrap().status(), 401),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_is_refused_once_the_list_on_disk_has_it() {
    let (slapd, files) = (slapd(), Files::new());
    let t1 = tenant("t1", &slapd, &[caller("pbx", "certificate = { san = \"dns:pbx.example\" }")]);
    let gateway = Gateway::start(&format!("{}{}{t1}", sections(""), tls(&files, "optional")));
    let own = files.ca.client(Leaf { serial: 77, ..PBX });
    let open = with(&files, &own);
    assert_client(&outcome(&gateway, call(&gateway, &open)).await, "t1", "pbx");
    files.write("crl.pem", &files.ca.crl(&[77]));
    gateway.wait_for_line("certificates read again");
    // The connection that was open when it was revoked, and a new one.
    assert_refused(&outcome(&gateway, call(&gateway, &open)).await, 403, "certificate_revoked");
    assert!(call(&gateway, &with(&files, &own)).send().await.is_err());
    let other = with(&files, &files.ca.client(Leaf { serial: 78, ..PBX }));
    assert_client(&outcome(&gateway, call(&gateway, &other)).await, "t1", "pbx");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_server_certificate_on_disk_is_in_force_by_itself() {
    let (slapd, files) = (slapd(), Files::new());
    let t1 = tenant("t1", &slapd, &[clients()]);
    let gateway = Gateway::start(&format!("{}{}{t1}", sections(""), tls(&files, "optional")));
    let http = trusting(&files).build().unwrap();
    let basic = || call(&gateway, &http).basic_auth("pbx", Some("pbx-secret"));
    assert_client(&outcome(&gateway, basic()).await, "t1", "pbx");
    let new = files.write_server(2);
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let stream = connect(gateway.address(), &files.client(None)).await.unwrap();
        let shown = stream.get_ref().1.peer_certificates().expect("a certificate")[0].clone();
        if shown == new.der() {
            break;
        }
        assert!(std::time::Instant::now() < end, "the new certificate is shown");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_client(&outcome(&gateway, basic()).await, "t1", "pbx");
    // One that cannot be used changes nothing.
    files.write("server.pem", "nonsense");
    gateway.wait_for_line("certificates changed but are not usable");
    connect(gateway.address(), &files.client(None)).await.unwrap();
    assert_client(&outcome(&gateway, basic()).await, "t1", "pbx");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_one_tenant_cannot_touch_another() {
    let slapd = slapd();
    let second =
        "[[tenants.clients]]\nname = \"all\"\noperations = [\"getOTP\", \"validateOTP\"]\n";
    let gateway = Gateway::start(&format!(
        "{}{}{}",
        sections(""),
        tenant("t1", &slapd, &[clients()]),
        tenant("t2", &slapd, &[format!("{second}{}\n", bearer("second-secret"))]),
    ));
    let pbx = || call(&gateway, &gateway.http).basic_auth("pbx", Some("pbx-secret"));
    let refused = outcome(&gateway, pbx().header("tenant", "t2")).await;
    assert_refused(&refused, 403, "tenant_mismatch");
    assert_eq!((&refused.2, &refused.3), (&json!("t1"), &json!("pbx")), "whose credential it was");
    let second = || call(&gateway, &gateway.http).bearer_auth("second-secret");
    let refused = outcome(&gateway, second().header("tenant", "t1")).await;
    assert_refused(&refused, 403, "tenant_mismatch");

    // One tenant's code is none of another's, though both have the same directory.
    let first = Answer::of(pbx()).await.json()["otp"].clone();
    let login = |secret: &str, otp: &Value| {
        let body = json!({"username": "anna", "password": "anna-secret", "otp": otp});
        Answer::of(gateway.http.put(gateway.url(VALIDATE_OTP)).bearer_auth(secret).json(&body))
    };
    assert_eq!(login("second-secret", &first).await.status, 403);
    let other = Answer::of(second()).await.json()["otp"].clone();
    if other != first {
        assert_eq!(login("vpn-secret", &other).await.status, 403);
    }
    assert_eq!(login("vpn-secret", &first).await.status, 200);
    assert_eq!(login("second-secret", &other).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_two_tenants_needs_the_header_to_choose() {
    let (slapd, files) = (slapd(), Files::new());
    let shared = [
        caller("shared", &bearer("shared-secret")),
        caller("pbx", "certificate = { san = \"dns:pbx.example\" }"),
    ];
    let gateway = Gateway::start(&format!(
        "{}{}{}{}{}",
        sections(""),
        tls(&files, "optional"),
        tenant("t1", &slapd, &shared),
        tenant("t2", &slapd, &shared),
        tenant("t3", &slapd, &[caller("third", &bearer("third-secret"))]),
    ));
    let (plain, own) = (trusting(&files).build().unwrap(), with(&files, &files.ca.client(PBX)));
    for (request, name) in [
        (call(&gateway, &plain).bearer_auth("shared-secret"), "shared"),
        (call(&gateway, &own), "pbx"),
    ] {
        let to = |tenant: &str| request.try_clone().unwrap().header("tenant", tenant);
        assert_client(&outcome(&gateway, to("t1")).await, "t1", name);
        assert_client(&outcome(&gateway, to("t2")).await, "t2", name);
        assert_refused(&outcome(&gateway, to("t3")).await, 403, "tenant_mismatch");
        assert_refused(&outcome(&gateway, to("t4")).await, 403, "tenant_unknown");
        let unchosen = request.try_clone().unwrap();
        assert_refused(&outcome(&gateway, unchosen).await, 403, "tenant_not_chosen");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_call_what_it_is_allowed_and_nothing_else() {
    let slapd = slapd();
    let gateway = Gateway::on(&slapd);
    let vpn = call(&gateway, &gateway.http).bearer_auth("vpn-secret");
    assert_refused(&outcome(&gateway, vpn).await, 403, "operation_not_allowed");
    for path in [VALIDATE_OTP, "/api/authentication/otp_token_auth"] {
        let body = json!({"username": "anna", "password": "anna-secret", "otp": "123456"});
        let pbx = gateway.http.put(gateway.url(path)).basic_auth("pbx", Some("pbx-secret"));
        assert_refused(&outcome(&gateway, pbx.json(&body)).await, 403, "operation_not_allowed");
    }
    assert_eq!(slapd.searches(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_a_credential_is_known_by_its_address_and_a_wrong_one_is_not() {
    let slapd = slapd();
    let lab = caller("lab", "anonymous = { addresses = [\"127.0.0.2/32\"] }");
    let t1 = tenant("t1", &slapd, &[clients(), lab]);
    let gateway = Gateway::start(&format!("{}{t1}", sections("")));
    let (here, elsewhere) = (from([127, 0, 0, 2]), from([127, 0, 0, 3]));
    assert_client(&outcome(&gateway, call(&gateway, &here)).await, "t1", "lab");
    let named = call(&gateway, &here).header("tenant", "t1");
    assert_client(&outcome(&gateway, named).await, "t1", "lab");
    assert_refused(&outcome(&gateway, call(&gateway, &elsewhere)).await, 401, "no_credential");
    for request in [
        call(&gateway, &here).bearer_auth("wrong"),
        call(&gateway, &here).basic_auth("pbx", Some("wrong")),
        call(&gateway, &here).header("authorization", ""),
        call(&gateway, &here).header("authorization", "Negotiate x"),
        call(&gateway, &here).bearer_auth("a.b.c"),
    ] {
        assert_refused(&outcome(&gateway, request).await, 403, "credential_wrong");
    }
    let pbx = call(&gateway, &here).basic_auth("pbx", Some("pbx-secret"));
    assert_client(&outcome(&gateway, pbx).await, "t1", "pbx");
    // What an untrusted peer says of its address counts for nothing.
    let forged = call(&gateway, &elsewhere)
        .header("forwarded", "for=127.0.0.2")
        .header("x-forwarded-for", "127.0.0.2")
        .header("x-real-ip", "127.0.0.2");
    assert_refused(&outcome(&gateway, forged).await, 401, "no_credential");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_speaks_for_its_callers_and_no_other_peer_does() {
    let (slapd, files) = (slapd(), Files::new());
    files.write("crl.pem", &files.ca.crl(&[]));
    let t1 = tenant(
        "t1",
        &slapd,
        &[
            caller("pbx", "certificate = { san = \"dns:pbx.example\" }"),
            caller("lab", "anonymous = { addresses = [\"192.0.2.0/24\"] }"),
            caller("near", "anonymous = { addresses = [\"127.0.0.2/32\"] }"),
        ],
    );
    let server = format!(
        "trusted_proxies = [\"127.0.0.2/32\"]\nproxy_client_ca = {:?}",
        files.path("ca.pem")
    );
    let gateway = Gateway::start(&format!("{}{t1}", sections(&server)));
    let (proxy, stranger) = (from([127, 0, 0, 2]), from([127, 0, 0, 3]));
    let field = |issued: &Issued| format!(":{}:", STANDARD.encode(issued.der()));
    let own = field(&files.ca.client(PBX));

    let request = call(&gateway, &proxy).header("client-cert", &own);
    assert_client(&outcome(&gateway, request).await, "t1", "pbx");
    let request = call(&gateway, &proxy).header("forwarded", "for=192.0.2.7;proto=https");
    let told = Answer::of(request).await;
    assert_eq!(told.status, 200);
    let event = gateway.audit_of(told.header("x-request-id"));
    assert_eq!((&event["client"], &event["peer"]), (&json!("lab"), &json!("192.0.2.7")));
    // What the caller itself put before the proxy's own entry counts for nothing.
    let forged = call(&gateway, &proxy).header("forwarded", "for=192.0.2.7, for=198.51.100.1");
    assert_refused(&outcome(&gateway, forged).await, 401, "no_credential");
    // The proxy's own address is nobody's credential.
    assert_refused(&outcome(&gateway, call(&gateway, &proxy)).await, 401, "no_credential");
    for (value, reason) in [
        (field(&Ca::new("another CA").client(PBX)), "certificate_untrusted"),
        (field(&files.ca.client(Leaf { ends: 2021, ..PBX })), "certificate_expired"),
        (":AAAA:".to_owned(), "certificate_unreadable"),
        ("nonsense".to_owned(), "forwarded_certificate_malformed"),
        (
            field(&files.ca.client(Leaf { dns: "other.example", uri: "", serial: 14, ends: 2080 })),
            "certificate_unlisted",
        ),
    ] {
        let request = call(&gateway, &proxy)
            .header("client-cert", value)
            .header("forwarded", "for=192.0.2.7");
        assert_refused(&outcome(&gateway, request).await, 403, reason);
    }
    let forged =
        call(&gateway, &stranger).header("client-cert", &own).header("forwarded", "for=192.0.2.7");
    assert_refused(&outcome(&gateway, forged).await, 401, "no_credential");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_to_the_tls_port_gets_no_answer_and_does_no_harm() {
    let (slapd, files) = (slapd(), Files::new());
    let t1 = tenant("t1", &slapd, &[clients()]);
    let gateway = Gateway::start(&format!("{}{}{t1}", sections(""), tls(&files, "optional")));
    let plain = format!("http://localhost:{}{GET_OTP}", gateway.address().port());
    assert!(Client::new().put(plain).send().await.is_err());
    let http = Arc::new(trusting(&files).build().unwrap());
    let basic = call(&gateway, &http).basic_auth("pbx", Some("pbx-secret"));
    assert_client(&outcome(&gateway, basic).await, "t1", "pbx");
}
