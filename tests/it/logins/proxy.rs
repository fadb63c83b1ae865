//! Another `FreeRADIUS` in front of the one before the gateway, by the printed recipe, as where a VPN
//! server already asks one.

use std::io::Write;
use std::net::UdpSocket;
use std::process::{Command, Stdio};

use super::{PROMPT, Site, recipe};
use crate::support::freeradius::request;
use crate::support::gateway::wait_until;
use crate::support::machine::Running;
use crate::support::ports::free_udp_port;

/// The secret of the VPN server at the proxy.
const SECRET: &str = "another-shared-secret";

/// What a `FreeRADIUS` has beside the recipe.
const RADIUSD: &str = "
prefix = /usr
libdir = /usr/lib/freeradius
name = freeradius
confdir = @folder
run_dir = @folder
logdir = @folder
pidfile = @folder/freeradius.pid
log {
	destination = files
	file = @folder/log
}
security {
	reject_delay = 0
}
proxy_requests = yes
client vpn {
	ipaddr = 127.0.0.1
	secret = @secret
	require_message_authenticator = yes
}
modules {
	always handled {
		rcode = handled
	}
}
$INCLUDE proxy.conf
server vpn {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = @port
	}
	$INCLUDE site
}
";

/// A running proxy.
struct Proxy {
    port: u16,
    folder: tempfile::TempDir,
    _freeradius: Running,
}

impl Proxy {
    /// Starts it before the servers on these ports. The first has so many seconds to answer.
    fn before(ports: [u16; 2], patience: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
        let servers = recipe("home_server otp1 {")
            .replace("ipaddr = 192.0.2.21\n\tport = 1812", &at(ports[0]))
            .replace("ipaddr = 192.0.2.22\n\tport = 1812", &at(ports[1]))
            .replacen("response_window = 9", &format!("response_window = {patience}"), 1);
        write("proxy.conf", &servers);
        write("site", &recipe("&Proxy-To-Realm := otp"));
        write("secret", SECRET);
        let port = free_udp_port();
        let radiusd = RADIUSD
            .replace("@folder", &folder.path().display().to_string())
            .replace("@secret", SECRET)
            .replace("@port", &port.to_string());
        write("radiusd.conf", &radiusd);
        let console = std::fs::File::create(folder.path().join("console")).unwrap();
        let freeradius = Command::new("/usr/sbin/freeradius")
            .args(["-f", "-n", "radiusd", "-d"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console)
            .spawn()
            .expect("freeradius is installed");
        let proxy = Self { port, folder, _freeradius: Running(freeradius) };
        wait_until("the proxy is ready", || proxy.log().contains("Ready to process requests"));
        proxy
    }

    fn log(&self) -> String {
        let read = |file| std::fs::read_to_string(self.folder.path().join(file));
        read("console").unwrap_or_default() + &read("log").unwrap_or_default()
    }

    /// What radclient says of the answer to a signed request, for which it waits `seconds`.
    fn ask(&self, attributes: &[(&str, &str)], seconds: &str) -> String {
        let signed = [attributes, &[("Message-Authenticator", "0x00")]].concat();
        let mut child = Command::new("radclient")
            .args([
                "-x",
                "-r",
                "1",
                "-t",
                seconds,
                &format!("127.0.0.1:{}", self.port),
                "auth",
                "-S",
            ])
            .arg(self.folder.path().join("secret"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("radclient is installed (freeradius-utils)");
        let mut input = child.stdin.take().expect("it is piped");
        input.write_all(request(&signed).as_bytes()).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let answer = said.find("Received ").map_or(&*said, |from| &said[from..]);
        let is_signed = answer.contains("Message-Authenticator = 0x");
        assert!(!answer.starts_with("Received") || is_signed, "unsigned: {answer}");
        answer.to_owned()
    }

    /// What comes of Anna's login with this password.
    fn login(&self, password: &str) -> String {
        self.ask(&[("User-Name", "anna"), ("User-Password", password)], "12")
    }
}

/// Where a server listens, in `FreeRADIUS`'s words.
fn at(port: u16) -> String {
    format!("ipaddr = 127.0.0.1\n\tport = {port}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_passes_on_a_login_and_a_challenge_with_its_answer() {
    let site = Site::with_radius();
    let proxy = Proxy::before([site.radius.port(), free_udp_port()], "9");
    let code = site.code().await;
    let typed = format!("anna-secret{code}");
    let answer = proxy.login(&typed);
    assert!(answer.starts_with("Received Access-Accept"), "{answer}{}", proxy.log());
    assert!(proxy.login(&typed).starts_with("Received Access-Reject"), "the code was used");
    let challenge = proxy.login("anna-secret");
    assert!(challenge.starts_with("Received Access-Challenge"), "{challenge}");
    assert!(challenge.contains(PROMPT), "{challenge}");
    let state = challenge.split_once("State = ").expect("a state").1;
    let state = state.lines().next().expect("a line");
    let code = site.code().await;
    let typed = [("User-Name", "anna"), ("User-Password", &code), ("State", state)];
    let answer = proxy.ask(&typed, "12");
    assert!(answer.starts_with("Received Access-Accept"), "{answer}{}", proxy.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_falls_silent_with_its_server_and_then_asks_the_next() {
    let site = Site::with_radius();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::before([silent.local_addr().unwrap().port(), site.radius.port()], "1");
    let typed = format!("anna-secret{}", site.code().await);
    let attributes = [("User-Name", "anna"), ("User-Password", &typed)];
    let answer = proxy.ask(&attributes, "2");
    assert!(answer.contains("No reply from server"), "no refusal: {answer}");
    wait_until("the proxy gives up the first", || proxy.log().contains("as zombie"));
    let answer = proxy.login(&typed);
    assert!(answer.starts_with("Received Access-Accept"), "{answer}{}", proxy.log());
}
