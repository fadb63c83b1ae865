//! A real `OpenVPN` server with the printed recipe, and a real client in a network of its own, which
//! reaches the server alone. What its user types comes as from a program with windows: through the
//! client's management interface.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{Site, other_than, recipe, write};
use crate::support::gateway::{PATIENCE, wait_until};
use crate::support::machine::{Running, on_its_own};
use crate::support::pki::Ca;

/// Two networks with a wire between them: the machine's own, and the client's.
const NETWORKS: &str = "set -e; ip netns add client
    ip link add to-client type veth peer name to-server netns client
    ip address add 192.0.2.1/30 dev to-client; ip link set to-client up
    ip -n client address add 192.0.2.2/30 dev to-server; ip -n client link set to-server up";

/// What the server has beside the recipe. After so many packets it wants new keys, as it does after
/// an hour.
const SERVER: &str = "local 192.0.2.1\nproto udp\ndev tun\ntopology subnet\n\
    server 10.8.0.0 255.255.255.0\nca ca.pem\ncert server.pem\nkey server.key\ndh none\n\
    reneg-pkts 400\nverb 3\n";

/// What the client has beside the recipe.
const CLIENT: &str = "client\nproto udp\ndev tun\nremote 192.0.2.1\nnobind\nca ca.pem\n\
    remote-cert-eku 1.3.6.1.5.5.7.3.1\nmanagement management unix\nmanagement-query-passwords\nverb 3\n";

/// How much is fetched through the tunnel.
const MUCH: usize = 1_000_000;

/// What the user types, and how the client sends it.
enum Typed<'a> {
    /// A password with the code behind it, in one field.
    Together(&'a str),
    /// Both, in two fields.
    Apart(&'a str, &'a str),
}

/// A folder with certificates and a running server.
struct Server {
    folder: tempfile::TempDir,
    _server: Running,
}

impl Server {
    fn start() -> Self {
        let wired = Command::new("sh").args(["-c", NETWORKS]).status();
        assert!(wired.unwrap().success(), "network namespaces can be made");
        write("/etc/pam.d/openvpn", &recipe("# /etc/pam.d/openvpn"));
        let folder = tempfile::tempdir().unwrap();
        let ca = Ca::new("vpn");
        let certificate = ca.server(1);
        for (name, text) in [
            ("ca.pem", &ca.pem()),
            ("server.pem", &certificate.certificate),
            ("server.key", &certificate.key),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let config = format!("{SERVER}{}", recipe("plugin openvpn-plugin-auth-pam.so"));
        let server = openvpn(&mut Command::new("openvpn"), folder.path(), "server", &config);
        let server = Self { folder, _server: server };
        wait_until("the server is ready", || server.log("server").contains("Sequence Completed"));
        server
    }

    fn log(&self, of: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("{of}.log"))).unwrap_or_default()
    }

    /// Connects as Anna. The client, if she is let in.
    fn connect(&self, typed: &Typed<'_>) -> Option<Running> {
        let mut config = format!("{CLIENT}{}", recipe("auth-user-pass\n"));
        if matches!(typed, Typed::Together(_)) {
            config = config.replace("static-challenge", "# static-challenge");
        }
        let socket = self.folder.path().join("management");
        let _ = std::fs::remove_file(&socket);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", "client", "openvpn"]);
        let client = openvpn(&mut command, self.folder.path(), "client", &config);
        let mut window = None;
        wait_until("the client listens", || {
            window = UnixStream::connect(&socket).ok();
            window.is_some()
        });
        let mut window = window.expect("waited for");
        window.set_read_timeout(Some(PATIENCE)).unwrap();
        let lines = BufReader::new(window.try_clone().unwrap()).lines();
        writeln!(window, "state on").unwrap();
        for line in lines.map_while(Result::ok) {
            if let Some(asked) = line.strip_prefix(">PASSWORD:Need 'Auth' username/password") {
                let password = match typed {
                    Typed::Together(password) => {
                        assert_eq!(asked, "", "one field");
                        (*password).to_owned()
                    }
                    Typed::Apart(password, code) => {
                        assert_eq!(asked, " SC:1,The code that you hear", "two fields");
                        let (password, code) =
                            (BASE64_STANDARD.encode(password), BASE64_STANDARD.encode(code));
                        format!("SCRV1:{password}:{code}")
                    }
                };
                writeln!(window, "username \"Auth\" \"anna\"").unwrap();
                writeln!(window, "password \"Auth\" \"{password}\"").unwrap();
            }
            if line.contains(",CONNECTED,SUCCESS,") {
                return Some(client);
            }
            if line.contains("Verification Failed: 'Auth'") {
                return None;
            }
            if line.contains(",RECONNECTING,tls-error,") {
                break;
            }
        }
        panic!("neither in nor out: {}{}", self.log("client"), self.log("server"));
    }
}

/// Starts `OpenVPN` in `folder` with this configuration.
fn openvpn(command: &mut Command, folder: &Path, name: &str, config: &str) -> Running {
    std::fs::write(folder.join(name), config).unwrap();
    let log = std::fs::File::create(folder.join(format!("{name}.log"))).unwrap();
    let child = command
        .args(["--config", name])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log)
        .spawn();
    Running(child.expect("openvpn is installed"))
}

/// Serves requests that come through the tunnel, and returns the URL.
fn serve_inside() -> String {
    let listener = TcpListener::bind("10.8.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let answer = format!("HTTP/1.0 200 OK\r\n\r\n{}", "x".repeat(MUCH));
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

/// How many bytes the client gets from there.
fn fetch(url: &str) -> usize {
    let curl = Command::new("ip")
        .args(["netns", "exec", "client", "curl", "-sS", "--max-time", "20", url])
        .output()
        .unwrap();
    curl.stdout.len()
}

#[test]
fn a_tunnel_opens_by_password_and_code_typed_apart_and_new_keys_need_no_new_code() {
    on_its_own(async || {
        let site = Site::start();
        let server = Server::start();
        let url = serve_inside();
        assert_eq!(fetch(&url), 0, "there is no way but the tunnel");
        let code = site.code().await;
        let client = server.connect(&Typed::Apart("anna-secret", &code));
        let logs = || format!("{}{}", server.log("server"), site.gateway.log());
        assert!(client.is_some(), "{}", logs());
        assert_eq!(fetch(&url), MUCH, "{}", logs());
        assert_eq!(fetch(&url), MUCH, "{}", logs());
        wait_until("the keys are changed", || {
            server.log("client").matches("Control Channel: TLS").count() > 1
        });
        // The gateway was asked about the code alone.
        site.must_have_logins(1, "192.0.2.2");
        drop(client);
        assert!(server.connect(&Typed::Apart("anna-secret", &code)).is_none(), "it was used");
    });
}

#[test]
fn a_tunnel_opens_by_password_and_code_in_one_field_and_not_if_either_is_wrong() {
    on_its_own(async || {
        let site = Site::start();
        let server = Server::start();
        let code = site.code().await;
        let wrong = Typed::Apart("anna-secret", other_than(&code));
        assert!(server.connect(&wrong).is_none(), "a wrong code");
        assert!(server.connect(&Typed::Apart("wrong-secret", &code)).is_none(), "a wrong password");
        assert!(server.connect(&Typed::Together("anna-secret")).is_none(), "no code");
        let client = server.connect(&Typed::Together(&format!("anna-secret{code}")));
        assert!(client.is_some(), "{}{}", server.log("server"), site.gateway.log());
        assert_eq!(fetch(&serve_inside()), MUCH);
    });
}
