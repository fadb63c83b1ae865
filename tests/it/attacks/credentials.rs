//! Credentials of clients that were stolen, revoked, or issued by somebody else's CA.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Certificate, Client, Identity, RequestBuilder};
use serde_json::json;

use crate::support::gateway::{Answer, Gateway, folder, sections, sha256, wait_until};
use crate::support::http_harness::{Files, PBX};
use crate::support::pki::{Ca, Issued, Leaf};
use crate::support::wire::GET_OTP;

const PEOPLE: &str = "[[people]]\nusername = \"anna\"\nnumbers = [\"+46701234567\"]\n";

/// A tenant with anna, and these clients.
fn tenant(id: &str, clients: &str) -> String {
    format!(
        "[[tenants]]\nid = \"{id}\"\ncountry = \"SE\"\n[tenants.directory]\nkind = \"file\"\n\
         file = \"people.toml\"\n{clients}"
    )
}

fn caller(name: &str, credential: &str) -> String {
    format!("[[tenants.clients]]\nname = \"{name}\"\noperations = [\"getOTP\"]\n{credential}\n")
}

fn bearer(secret: &str, more: &str) -> String {
    format!("bearer = {{ token_sha256 = \"{}\"{more} }}", sha256(secret))
}

fn start(config: &str) -> Gateway {
    let folder = folder();
    std::fs::write(folder.path().join("people.toml"), PEOPLE).unwrap();
    Gateway::start_in(Arc::new(folder), config)
}

/// What check-config says of a gateway's configuration.
fn check_config(gateway: &Gateway) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_dialpass"))
        .args(["check-config", "--config"])
        .arg(gateway.file("dialpass.toml"))
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What check-config says of one that is wrong.
fn mistakes(config: &str) -> String {
    let folder = folder();
    std::fs::write(folder.path().join("people.toml"), PEOPLE).unwrap();
    std::fs::write(folder.path().join("dialpass.toml"), config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dialpass"))
        .args(["check-config", "--config"])
        .arg(folder.path().join("dialpass.toml"))
        .output()
        .unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn metrics(gateway: &Gateway) -> String {
    Answer::of(gateway.http.get(gateway.ops_url("/metrics"))).await.body
}

fn call(gateway: &Gateway, http: &Client) -> RequestBuilder {
    http.put(gateway.url(GET_OTP)).json(&json!({"phonenumber": "+46701234567"}))
}

/// The status, and the reason in the audit trail.
async fn outcome(gateway: &Gateway, request: RequestBuilder) -> (u16, String) {
    let answer = Answer::of(request).await;
    let event = gateway.audit_of(answer.header("x-request-id"));
    let client = event["client"].as_str().unwrap_or_default();
    match event["reason"].as_str().expect("a reason") {
        "issued" | "repeated" => (answer.status, client.to_owned()),
        reason => (answer.status, reason.to_owned()),
    }
}

fn shown(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}

/// `[server]` keys by which this machine is a proxy that is believed, with revocation lists.
fn behind_a_proxy(files: &Files) -> String {
    format!(
        "trusted_proxies = [\"127.0.0.1/32\"]\nproxy_client_ca = {}\nproxy_crl_files = [{}]",
        shown(&files.path("ca.pem")),
        shown(&files.path("crl.pem"))
    )
}

fn forwarded(gateway: &Gateway, issued: &Issued) -> RequestBuilder {
    let field = format!(":{}:", STANDARD.encode(issued.der()));
    call(gateway, &gateway.http).header("client-cert", field)
}

/// `[server.tls]` that trusts the CAs of `ca` for clients.
fn tls(files: &Files, ca: &str) -> String {
    format!(
        "[server.tls]\ncertificate = {}\nprivate_key = {}\nclient_ca = {}\n",
        shown(&files.path("server.pem")),
        shown(&files.path("server.key")),
        shown(&files.path(ca))
    )
}

fn with(files: &Files, own: &Issued) -> Client {
    let ca = Certificate::from_pem(files.ca.pem().as_bytes()).unwrap();
    let pem = format!("{}{}", own.certificate, own.key);
    let identity = Identity::from_pem(pem.as_bytes()).unwrap();
    Client::builder().tls_certs_only([ca]).identity(identity).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_a_proxy_passes_on_may_be_revoked_without_tls_here() {
    let files = Files::new();
    files.write("crl.pem", &files.ca.crl(&[66]));
    let t1 = tenant("t1", &caller("pbx", "certificate = { san = \"dns:pbx.example\" }"));
    let gateway = start(&format!("{}{t1}", sections(&behind_a_proxy(&files))));
    let good = files.ca.client(Leaf { serial: 67, ..PBX });
    let revoked = files.ca.client(Leaf { serial: 66, ..PBX });
    assert_eq!(outcome(&gateway, forwarded(&gateway, &good)).await, (200, "pbx".to_owned()));
    let refused = (403, "certificate_revoked".to_owned());
    assert_eq!(outcome(&gateway, forwarded(&gateway, &revoked)).await, refused);
    // The list on disk counts as soon as it has changed.
    files.write("crl.pem", &files.ca.crl(&[66, 67]));
    gateway.wait_for_line("certificates read again");
    assert_eq!(outcome(&gateway, forwarded(&gateway, &good)).await, refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overdue_revocation_list_is_reported_everywhere() {
    let files = Files::new();
    files.write("crl.pem", &files.ca.crl_until(&[66], 2025));
    let t1 = tenant("t1", &caller("pbx", "certificate = { san = \"dns:pbx.example\" }"));
    let crls = format!("crl_files = [{}]\n", shown(&files.path("crl.pem")));
    let on_its_own = format!("{}{}{crls}{t1}", sections(""), tls(&files, "ca.pem"));
    let config = format!("{}{t1}", sections(&behind_a_proxy(&files)));
    for (config, key, of) in [
        (on_its_own, "server.tls.crl_files[0]", "server"),
        (config, "server.proxy_crl_files[0]", "proxy"),
    ] {
        let gateway = start(&config);
        let said = check_config(&gateway);
        let line = said.lines().find(|line| line.contains("due for replacement")).expect(key);
        assert!(line.contains(key) && line.contains("2025-01-01T00:00:00Z"), "{line}");
        gateway.wait_for_line("a revocation list is out of date");
        let metrics = metrics(&gateway).await;
        let gauge = format!("dialpass_crl_due_timestamp_seconds{{of=\"{of}\"}} 1735689600");
        assert!(metrics.contains(&gauge), "{metrics}");
        // A new list is in force by itself, and there is nothing more to tell.
        files.write("crl.pem", &files.ca.crl(&[66]));
        gateway.wait_for_line("certificates read again");
        assert!(!check_config(&gateway).contains("due for replacement"));
        files.write("crl.pem", &files.ca.crl_until(&[66], 2025));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_ca_issues_nothing_for_the_clients_of_another() {
    let files = Files::new();
    let theirs = Ca::new("the CA of t2");
    files.write("theirs.pem", &theirs.pem());
    files.write("both.pem", &format!("{}{}", files.ca.pem(), theirs.pem()));
    let bound = |name: &str, ca: &str| {
        let ca = shown(&files.path(ca));
        caller(name, &format!("certificate = {{ san = \"dns:pbx.example\", ca_file = {ca} }}"))
    };
    let (t1, t2) =
        (tenant("t1", &bound("one", "ca.pem")), tenant("t2", &bound("two", "theirs.pem")));
    let gateway = start(&format!("{}{}{t1}{t2}", sections(""), tls(&files, "both.pem")));
    // The same name by either CA is that CA's client, in its tenant alone.
    for (issued, client, other) in
        [(files.ca.client(PBX), "one", "t2"), (theirs.client(PBX), "two", "t1")]
    {
        let http = with(&files, &issued);
        assert_eq!(outcome(&gateway, call(&gateway, &http)).await, (200, client.to_owned()));
        let (status, reason) =
            outcome(&gateway, call(&gateway, &http).header("tenant", other)).await;
        assert_eq!((status, reason.as_str()), (403, "tenant_mismatch"));
    }
    let missing = caller("one", "certificate = { san = \"dns:a\", ca_file = \"none.pem\" }");
    let said = mistakes(&format!("{}{}", sections(""), tenant("t1", &missing)));
    assert!(said.contains("tenants[0].clients[0].certificate.ca_file"), "{said}");
    let empty = caller("one", "certificate = { san = \"dns:a\", ca_file = \"people.toml\" }");
    let said = mistakes(&format!("{}{}", sections(""), tenant("t1", &empty)));
    assert!(said.contains("tenants[0].clients[0].certificate.ca_file"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_have_to_show_its_certificate_and_its_secret() {
    let files = Files::new();
    let certificate = "certificate = { san = \"dns:pbx.example\" }";
    let both =
        format!("require = \"all\"\n{certificate}\n{}", bearer("a-stolen-secret-of-pbx", ""));
    let lenient = caller("lenient", &bearer("another-secret-of-it", ""));
    let t1 = tenant("t1", &format!("{}{lenient}", caller("pbx", &both)));
    let gateway = start(&format!("{}{}{t1}", sections(""), tls(&files, "ca.pem")));
    let own = with(&files, &files.ca.client(PBX));
    let bare = || {
        let ca = Certificate::from_pem(files.ca.pem().as_bytes()).unwrap();
        Client::builder().tls_certs_only([ca]).build().unwrap()
    };
    let other = files.ca.client(Leaf { dns: "other.example", uri: "", serial: 14, ends: 2080 });
    let secret = |http: &Client| call(&gateway, http).bearer_auth("a-stolen-secret-of-pbx");
    for (request, expected) in [
        (secret(&own), (200, "pbx")),
        (secret(&bare()), (403, "credential_incomplete")),
        (call(&gateway, &own), (403, "credential_incomplete")),
        (secret(&with(&files, &other)), (403, "credential_incomplete")),
        (call(&gateway, &own).bearer_auth("another-secret-of-it"), (403, "credentials_disagree")),
        (call(&gateway, &own).bearer_auth("nobodys-secret"), (403, "credential_wrong")),
        (call(&gateway, &bare()).bearer_auth("another-secret-of-it"), (200, "lenient")),
    ] {
        let (status, reason) = outcome(&gateway, request).await;
        assert_eq!((status, reason.as_str()), expected);
    }
    for one in [certificate.to_owned(), bearer("x", "")] {
        let t1 = tenant("t1", &caller("pbx", &format!("require = \"all\"\n{one}")));
        let said = mistakes(&format!("{}{t1}", sections("")));
        assert!(said.contains("tenants[0].clients[0].require"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_expires_as_configured_and_is_warned_about_before() {
    let until = |name: &str, until: &str| {
        caller(name, &bearer(name, &format!(", valid_until = \"{until}\"")))
    };
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 10);
    let soon = soon.to_string();
    let ended = caller(
        "ended-basic",
        &format!(
            "basic = {{ username = \"old\", password_sha256 = \"{}\", valid_until = \
             \"2024-02-29\" }}",
            sha256("old-secret")
        ),
    );
    let clients = [
        until("ended", "2024-02-29T12:00:00Z"),
        until("soon", &soon),
        until("later", "2090-01-01"),
    ];
    let t1 = tenant("t1", &format!("{}{ended}", clients.concat()));
    let gateway = start(&format!("{}{t1}", sections("")));
    for (name, expected) in
        [("ended", (403, "credential_expired")), ("soon", (200, "soon")), ("later", (200, "later"))]
    {
        let request = call(&gateway, &gateway.http).bearer_auth(name);
        let (status, reason) = outcome(&gateway, request).await;
        assert_eq!((status, reason.as_str()), expected);
    }
    let old = call(&gateway, &gateway.http).basic_auth("old", Some("old-secret"));
    assert_eq!(outcome(&gateway, old).await, (403, "credential_expired".to_owned()));
    let said = check_config(&gateway);
    let warned = |index: usize, kind: &str| {
        said.contains(&format!("tenants[0].clients[{index}].{kind}.valid_until"))
    };
    assert!(warned(0, "bearer") && warned(1, "bearer") && warned(3, "basic"), "{said}");
    assert!(!warned(2, "bearer"), "{said}");
    assert!(said.contains("expired at 2024-03-01T00:00:00Z"), "a day counts to its end: {said}");
    gateway.wait_for_line("expired at 2024-02-29T12:00:00Z");
    let metrics = metrics(&gateway).await;
    let gauge = metrics.lines().find(|line| line.contains("client=\"later\""));
    let gauge = gauge.expect("the metric");
    assert!(gauge.starts_with("dialpass_client_secret_expiry_timestamp_seconds{"), "{gauge}");
    assert!(gauge.ends_with(" 3786998400"), "{gauge}");
    for wrong in ["tomorrow", "2024-02-30", "2024", "12:00"] {
        let t1 = tenant("t1", &until("x", wrong));
        let said = mistakes(&format!("{}{t1}", sections("")));
        assert!(said.contains("valid_until") && said.contains("2027-06-30"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_secret_and_rules_that_let_in_many_are_warned_of() {
    let oauth2 = |more: &str| {
        format!(
            "oauth2 = {{ issuer = \"https://issuer.example\", audience = \"dialpass\", \
             jwks_url = \"https://issuer.example/keys\", scope = \"otp\", \
             algorithms = [\"ES256\"]{more} }}"
        )
    };
    let clients = [
        caller("any", &oauth2("")),
        caller("one", &oauth2(", client_id = \"ivr\", typ = \"at+jwt\"")),
        caller("short", &bearer("hunter2", "")),
        caller("long", &bearer("a secret of enough characters".replace(' ', "-").as_str(), "")),
    ];
    let login = "[tenants.login]\npassword = \"not-asked\"\n";
    let attested = format!("{login}[tenants.calls]\nminimum_attestation = \"A\"\n");
    let config = format!(
        "{}{}{}",
        sections(""),
        tenant("t1", &format!("{login}{}", clients.concat())),
        tenant("t2", &attested)
    );
    let gateway = start(&config);
    let said = check_config(&gateway);
    let about = |key: &str| said.lines().filter(|line| line.contains(key)).count();
    assert_eq!(about("tenants[0].clients[0].oauth2"), 1, "{said}");
    assert_eq!(about("tenants[0].clients[1].oauth2"), 0, "{said}");
    assert_eq!(about("tenants[0].login.password"), 1, "{said}");
    assert_eq!(about("tenants[1].login.password"), 0, "{said}");
    let told = |secret: &'static str| call(&gateway, &gateway.http).bearer_auth(secret);
    assert_eq!(outcome(&gateway, told("a-secret-of-enough-characters")).await.0, 200);
    assert!(!gateway.log().contains("secret is shorter"), "{}", gateway.log());
    assert_eq!(outcome(&gateway, told("hunter2")).await.0, 200);
    wait_until("the warning", || gateway.log().contains("secret is shorter than 16"));
    assert!(!gateway.log().contains("hunter2"));
}
