//! A running `FreeRADIUS` with the files of `config/freeradius`, filled in as an administrator does,
//! and what a client asks it (radclient).

mod packets;

pub use packets::{Reply, request};

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use crate::support::gateway::{Gateway, folder, sections, wait_until};
use crate::support::pki::Ca;
use crate::support::ports::free_udp_port;

/// What it shares with the client at 127.0.0.1.
pub const SECRET: &str = "a-shared-secret-of-the-tests";

/// What Debian's `radiusd.conf` has, with the two changes that the recipe's README makes. Without the
/// delay of rejects, and without modules and sites that the recipe does not use.
const RADIUSD: &str = "
prefix = /usr
libdir = /usr/lib/freeradius
name = freeradius
confdir = @folder
run_dir = @folder
logdir = @folder
pidfile = @folder/freeradius.pid
max_request_time = 90
cleanup_delay = 5
max_requests = 16384
hostname_lookups = no
log {
	destination = files
	file = @folder/log
	auth = no
}
security {
	allow_core_dumps = no
	max_attributes = 200
	reject_delay = 0
	status_server = yes
}
proxy_requests = no
$INCLUDE dialpass.conf
thread pool {
	start_servers = 5
	max_servers = 32
	min_spare_servers = 3
	max_spare_servers = 10
	max_requests_per_server = 0
}
modules {
	always reject {
		rcode = reject
	}
	always ok {
		rcode = ok
	}
	always handled {
		rcode = handled
	}
	expr {
	}
	$INCLUDE mods-enabled/
}
policy {
	$INCLUDE policy.d/
}
$INCLUDE sites-enabled/
";

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

/// What an administrator fills in.
pub struct Settings<'a> {
    /// The address to listen on.
    pub listen: &'a str,
    /// Where dialpass is.
    pub url: &'a str,
    /// The CA that vouches for it.
    pub ca: PathBuf,
    /// Further settings of the client at 127.0.0.1, lines of its block.
    pub of_client: &'a str,
    /// Further blocks of clients.
    pub clients: &'a str,
}

impl<'a> Settings<'a> {
    /// At 127.0.0.1, before a gateway of [`gateway_with_tls`] that is to be asked at this URL.
    pub fn before(gateway: &Gateway, url: &'a str) -> Self {
        let ca = gateway.file("ca.pem");
        Self { listen: "127.0.0.1", url, ca, of_client: "", clients: "" }
    }
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
        Self::start(&Settings::before(gateway, &gateway.url("")))
    }

    /// Starts it with these settings on a free port, and waits until it answers.
    pub fn start(settings: &Settings<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_udp_port();
        install(folder.path(), settings, port);
        let child = run(folder.path());
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
        self.child = run(self.folder.path());
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

/// Lays the files into `folder` and enables them, and writes what Debian has beside them.
fn install(folder: &Path, settings: &Settings<'_>, port: u16) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/freeradius");
    fs::create_dir(folder.join("policy.d")).unwrap();
    fs::copy(shipped.join("policy.d/dialpass"), folder.join("policy.d/dialpass")).unwrap();
    for kind in ["mods", "sites"] {
        for state in ["available", "enabled"] {
            fs::create_dir(folder.join(format!("{kind}-{state}"))).unwrap();
        }
        let file = format!("{kind}-available/dialpass");
        fs::copy(shipped.join(&file), folder.join(&file)).unwrap();
        let link = folder.join(format!("{kind}-enabled/dialpass"));
        std::os::unix::fs::symlink(format!("../{file}"), link).unwrap();
    }
    let mut dialpass = fs::read_to_string(shipped.join("dialpass.conf")).unwrap();
    let of_client = format!("secret = \"{SECRET}\"\n\t{}", settings.of_client);
    for (shipped, filled_in) in [
        ("listen = \"*\"", format!("listen = {}", settings.listen)),
        ("port = 1812", format!("port = {port}")),
        ("https://otp.example.com:8443", settings.url.to_owned()),
        ("/etc/freeradius/3.0/certs/dialpass-ca.pem", settings.ca.display().to_string()),
        ("THE-TOKEN", "vpn-secret".to_owned()),
        ("ipaddr = 192.0.2.10", "ipaddr = 127.0.0.1".to_owned()),
        ("secret = \"THE-SHARED-SECRET\"", of_client),
    ] {
        assert_eq!(dialpass.matches(shipped).count(), 1, "{shipped}: {dialpass}");
        dialpass = dialpass.replace(shipped, &filled_in);
    }
    fs::write(folder.join("dialpass.conf"), dialpass + settings.clients).unwrap();
    let radiusd = RADIUSD.replace("@folder", &folder.display().to_string());
    fs::write(folder.join("radiusd.conf"), radiusd).unwrap();
}

fn run(folder: &Path) -> Child {
    let console = File::create(folder.join("console")).unwrap();
    Command::new("/usr/sbin/freeradius")
        .args(["-f", "-n", "radiusd", "-d"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(console.try_clone().unwrap())
        .stderr(console)
        .spawn()
        .expect("freeradius is installed")
}
