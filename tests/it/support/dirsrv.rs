//! A 389 Directory Server of a test's own, with people in it, who also have what the people of
//! `FreeIPA` have. What is asked of it is elsewhere.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

mod people;
mod template;

use crate::support::ports::free_port;

const SUFFIX: &str = "dc=example,dc=com";
/// The entry below which the people are.
pub const PEOPLE: &str = "ou=people,dc=example,dc=com";
/// Where the groups are.
pub const GROUPS: &str = "ou=groups,dc=example,dc=com";
/// The service account, which may read the attributes that the gateway needs.
pub const GATEWAY_DN: &str = "uid=gateway,ou=services,dc=example,dc=com";
/// The service account's password.
pub const GATEWAY_PASSWORD: &str = "gateway-secret";
const ADMIN_DN: &str = "cn=Directory Manager";
const ADMIN_PASSWORD: &str = "admin-secret";

/// How a server is to be made.
#[derive(Default)]
pub struct DirsrvBuilder {
    users: usize,
    indexed: Vec<&'static str>,
    hidden: Vec<&'static str>,
    unlimited: bool,
}

impl DirsrvBuilder {
    /// How many people there are besides those with names: `user0001` and on, whose passwords are
    /// `secret-1` and on, and whose numbers are +46 76 000 00 01 and on. Five thousand take some
    /// seconds.
    pub fn users(mut self, users: usize) -> Self {
        self.users = users;
        self
    }

    /// With an index of `mobile`, which by default there is none of (unlike `telephoneNumber`).
    pub fn indexing_mobile(mut self) -> Self {
        self.indexed.push("mobile");
        self
    }

    /// Without the service account's right to read this attribute.
    pub fn hiding(mut self, attribute: &'static str) -> Self {
        self.hidden.push(attribute);
        self
    }

    /// Lets the service account read everybody, however many there are.
    pub fn unlimited(mut self) -> Self {
        self.unlimited = true;
        self
    }

    /// Makes the server and waits until it answers.
    pub fn start(self) -> Dirsrv {
        let folder = TempDir::new().expect("a temporary folder");
        let (port, tls_port) = (free_port(), free_port());
        template::make(folder.path(), (port, tls_port), &self.indexed);
        let mut dirsrv = Dirsrv { folder, port, tls_port, child: None };
        dirsrv.load(&people::ldif(self.users, &self.hidden, self.unlimited));
        dirsrv.run();
        dirsrv
    }
}

/// A running (or killed, or stopped) server. It is killed when dropped.
pub struct Dirsrv {
    folder: TempDir,
    port: u16,
    tls_port: u16,
    child: Option<Child>,
}

impl Dirsrv {
    /// A server with the named people (see `people.rs`).
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// To make another.
    pub fn builder() -> DirsrvBuilder {
        DirsrvBuilder::default()
    }

    /// Its address in clear, where it also offers StartTLS.
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// Its address with TLS.
    pub fn ldaps_url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.tls_port)
    }

    /// The CA that vouches for it.
    pub fn ca_pem(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a child can be killed");
            child.wait().expect("a killed child ends");
        }
    }

    /// Starts it again after [`Self::kill`], with the same ports and data.
    pub fn restart(&mut self) {
        self.kill();
        self.run();
    }

    /// Changes entries, by an LDIF of changes.
    pub fn modify(&self, ldif: &str) {
        let path = self.folder.path().join("change.ldif");
        fs::write(&path, ldif).expect("the folder can be written");
        let output = Command::new("ldapmodify")
            .args(["-x", "-H", &self.url(), "-D", ADMIN_DN, "-w", ADMIN_PASSWORD, "-f"])
            .arg(&path)
            .output()
            .expect("ldapmodify is installed (ldap-utils)");
        let refusal = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{refusal}\n{ldif}");
    }

    /// Replaces an attribute's values of a person; without values, it goes.
    pub fn set(&self, uid: &str, attribute: &str, values: &[&str]) {
        let mut ldif =
            format!("dn: uid={uid},{PEOPLE}\nchangetype: modify\nreplace: {attribute}\n");
        for value in values {
            ldif.extend([attribute, ": ", value, "\n"]);
        }
        self.modify(&ldif);
    }

    /// Imports entries while it does not run.
    fn load(&self, ldif: &str) {
        let path = self.folder.path().join("people.ldif");
        fs::write(&path, ldif).expect("the folder can be written");
        let output = self
            .command()
            .args(["ldif2db", "-n", "userRoot", "-i"])
            .arg(&path)
            .arg("-D")
            .arg(self.folder.path())
            .output()
            .expect("ns-slapd is installed (389-ds-base)");
        assert!(output.status.success(), "ldif2db: {}", self.log_text());
    }

    fn run(&mut self) {
        let log = File::create(self.folder.path().join("log/out")).expect("a folder");
        let mut child = self
            .command()
            .arg("-D")
            .arg(self.folder.path())
            .arg("-i")
            .arg(self.folder.path().join("run/pid"))
            .args(["-d", "0"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("ns-slapd is installed (389-ds-base)");
        let patience = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", self.tls_port)).is_err() {
            let ended = child.try_wait().expect("a child can be asked").is_some();
            let late = Instant::now() > patience;
            if ended || late {
                let _ = child.kill();
                let _ = child.wait();
                panic!("389-ds does not start:\n{}", self.log_text());
            }
            sleep(Duration::from_millis(10));
        }
        self.child = Some(child);
    }

    fn command(&self) -> Command {
        let mut command = Command::new("/usr/sbin/ns-slapd");
        // It writes a core there, should it fall.
        command.current_dir(self.folder.path());
        command
    }

    fn log_text(&self) -> String {
        let read = |name| fs::read(self.folder.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&[read("log/out"), read("log/errors")].concat()).into_owned()
    }
}

impl Drop for Dirsrv {
    fn drop(&mut self) {
        self.kill();
    }
}
