//! `HAProxy`, and the documented recipe for it: it ends TLS and passes on who the client is.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::gateway::{
    Answer, Gateway, clients, folder, ldap_tenant, sections, wait_until,
};
use crate::support::ports::free_port;
use crate::support::slapd::Slapd;

/// A running `HAProxy`; dropped, it is killed.
pub struct Haproxy(Child);

impl Haproxy {
    /// Starts it in `folder` with this configuration, and waits until it listens on `port`.
    pub fn start(folder: &Path, config: &str, port: u16) -> Self {
        let path = folder.join("haproxy.cfg");
        std::fs::write(&path, config).unwrap();
        let child = Command::new("haproxy")
            .args(["-db", "-f"])
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let haproxy = Self(child.expect("haproxy is installed"));
        wait_until("haproxy listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        haproxy
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The documentation's block that starts with `frontend api`.
fn recipe() -> String {
    let readme = include_str!("../../../docs/phone-systems.md");
    let from = &readme[readme.find("frontend api\n").expect("the recipe")..];
    from[..from.find("```").expect("its end")].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_haproxy_passes_on_names_the_client_and_a_forged_one_does_not() {
    let slapd = Slapd::start();
    let folder = folder();
    let certs = folder.path().join("certs");
    let made = Command::new(env!("CARGO_BIN_EXE_dialpass"))
        .args(["dev-certs", "--dir"])
        .arg(&certs)
        .output()
        .unwrap();
    assert!(made.status.success());
    let read = |name: &str| std::fs::read_to_string(certs.join(name)).unwrap();
    let server = folder.path().join("server.pem");
    std::fs::write(&server, read("server.pem") + &read("server.key")).unwrap();
    let server = server.display().to_string();

    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let behind = "trusted_proxies = [\"127.0.0.1\"]\nproxy_client_ca = \"certs/clients-ca.pem\"";
    let contact_centre = "[[tenants.clients]]\nname = \"contact-centre\"\noperations = [\"getOTP\"]\n\
        certificate = { san = \"dns:pbx.example.com\" }\n";
    let config = format!("{}{tenant}{}{contact_centre}", sections(behind), clients());
    let gateway = Gateway::start_in(std::sync::Arc::new(folder), &config);

    let port = free_port();
    let frontend = recipe()
        .replace("bind :443", &format!("bind 127.0.0.1:{port}"))
        .replace("/etc/haproxy/server.pem", &server)
        .replace(
            "/etc/haproxy/clients-ca.pem",
            &certs.join("clients-ca.pem").display().to_string(),
        );
    let config = format!(
        "defaults\n    mode http\n    timeout connect 2s\n    timeout client 10s\n    timeout server 10s\n\
         {frontend}\nbackend dialpass\n    server gateway {}\n",
        gateway.address()
    );
    let _haproxy = Haproxy::start(gateway.folder(), &config, port);

    let ca = reqwest::Certificate::from_pem(read("ca.pem").as_bytes()).unwrap();
    let stranger = reqwest::Client::builder().tls_certs_only([ca.clone()]).build().unwrap();
    let identity = read("client.pem") + &read("client.key");
    let identity = reqwest::Identity::from_pem(identity.as_bytes()).unwrap();
    let centre =
        reqwest::Client::builder().tls_certs_only([ca]).identity(identity).build().unwrap();
    let call = |http: &reqwest::Client| {
        http.put(format!("https://localhost:{port}/api/authentication/getOTP"))
            .header("tenant", "t1")
            .json(&json!({ "phonenumber": "+46701234567" }))
    };
    let told = Answer::of(call(&centre)).await;
    assert_eq!(told.status, 200, "{}", gateway.log());
    let event = gateway.audit_of(told.header("x-request-id"));
    assert_eq!((&event["client"], &event["peer"]), (&json!("contact-centre"), &json!("127.0.0.1")));

    let der: String = read("client.pem").lines().filter(|line| !line.starts_with('-')).collect();
    let forged = Answer::of(call(&stranger).header("Client-Cert", format!(":{der}:"))).await;
    assert_eq!(forged.status, 401, "HAProxy takes a client's own header away");
}
