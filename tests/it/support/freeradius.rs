//! A running `FreeRADIUS` with the files of `config/freeradius`, filled in as an administrator does,
//! and what a client asks it (radclient).

mod files;
mod packets;

pub use files::{SECRET, Settings};
pub use packets::{Reply, request};

use std::fs;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use crate::support::gateway::{Gateway, folder, sections, wait_until};
use crate::support::pki::Ca;
use crate::support::ports::free_udp_port;

/// A gateway with TLS, whose folder has `ca.pem`. `tenants` are the sections after those that every
/// configuration has; a tenant for RADIUS has `status_style = "http"`.
pub fn gateway_with_tls(tenants: &str) -> Gateway {
    // All logins come from one client at one address.
    let much = "{ burst = 100000, per = \"1s\" }";
    let limits =
        format!("limits = {{ requests_per_client = {much}, requests_per_address = {much} }}");
    gateway_by(&Ca::new("ca"), folder(), &format!("{}{tenants}", sections(&limits)))
}

/// The same with this CA, folder and configuration, which says nothing of TLS.
pub fn gateway_by(ca: &Ca, folder: TempDir, config: &str) -> Gateway {
    let server = ca.server(1);
    for (name, text) in
        [("ca.pem", ca.pem()), ("server.pem", server.certificate), ("server.key", server.key)]
    {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let tls = "[server.tls]\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"\n[ops]";
    let mut gateway = Gateway::start_in(Arc::new(folder), &config.replacen("[ops]", tls, 1));
    let root = reqwest::Certificate::from_pem(ca.pem().as_bytes()).unwrap();
    gateway.http = reqwest::Client::builder().tls_certs_only([root]).build().unwrap();
    gateway
}

/// A running `FreeRADIUS`; dropped, it is killed.
pub struct FreeRadius {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl FreeRadius {
    /// Starts it before a gateway of [`gateway_with_tls`], as its client `vpn`.
    pub fn before(gateway: &Gateway) -> Self {
        Self::before_with(gateway, "")
    }

    /// The same with further settings of the client.
    pub fn before_with(gateway: &Gateway, of_client: &str) -> Self {
        let (url, ca) = (gateway.url(""), gateway.file("ca.pem"));
        Self::start(Settings { listen: "127.0.0.1", url: &url, ca: &ca, of_client, clients: "" })
    }

    /// Starts it with these settings on a free port, and waits until it answers.
    pub fn start(settings: Settings<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_udp_port();
        files::install(folder.path(), settings, "vpn-secret", port);
        let child = files::run(folder.path());
        let mut freeradius = Self { child, folder, port };
        freeradius.wait();
        freeradius
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again after [`Self::kill`].
    pub fn restart(&mut self) {
        let _ = fs::remove_file(self.folder.path().join("log"));
        self.child = files::run(self.folder.path());
        self.wait();
    }

    fn wait(&mut self) {
        wait_until("FreeRADIUS is ready", || {
            let status = self.child.try_wait().unwrap();
            assert!(status.is_none(), "it ended with {status:?}: {}", self.log());
            self.log().contains("Ready to process requests")
        });
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        let read = |name| fs::read(self.folder.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&[read("console"), read("log")].concat()).into_owned()
    }

    /// Asks for a login, as a client that waits for its answer.
    pub fn login(&self, username: &str, password: &str) -> Reply {
        self.ask(&[("User-Name", username), ("User-Password", password)])
    }

    /// Answers a challenge.
    pub fn answer(&self, username: &str, state: &str, code: &str) -> Reply {
        self.ask(&[("User-Name", username), ("User-Password", code), ("State", state)])
    }

    /// Sends a request with these attributes, signed, once.
    pub fn ask(&self, attributes: &[(&str, &str)]) -> Reply {
        let signed = [attributes, &[("Message-Authenticator", "0x00")]].concat();
        let replies = self.radclient(&["-r", "1", "-t", "12"], &request(&signed));
        Reply::of(&replies)
    }

    /// Runs radclient with these options and requests, and returns what it says.
    pub fn radclient(&self, options: &[&str], requests: &str) -> String {
        Self::radclient_at(self.port, "auth", options, requests)
    }

    /// The same for requests of this kind to a port of 127.0.0.1.
    pub fn radclient_at(port: u16, kind: &str, options: &[&str], requests: &str) -> String {
        let mut child = Command::new("radclient")
            .arg("-x")
            .args(options)
            .args([&format!("127.0.0.1:{port}"), kind, SECRET])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("radclient is installed (freeradius-utils)");
        let mut input = child.stdin.take().expect("it is piped");
        let requests = requests.to_owned();
        // It may write before it has read all.
        let written = std::thread::spawn(move || input.write_all(requests.as_bytes()));
        let output = child.wait_with_output().unwrap();
        written.join().expect("it only writes").unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}

impl Drop for FreeRadius {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("FreeRADIUS: {}", self.log());
        }
    }
}
