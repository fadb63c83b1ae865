//! An OpenLDAP server of a test's own, with people in it. What is asked of it is elsewhere.

use std::collections::HashSet;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

mod builder;
mod people;

pub use builder::SlapdBuilder;

pub const SUFFIX: &str = "dc=example,dc=com";
/// The entry below which the people are.
pub const PEOPLE: &str = "ou=people,dc=example,dc=com";
/// Where the groups are.
pub const GROUPS: &str = "ou=groups,dc=example,dc=com";
/// The entry below which a few more people are: gustav, and another anna.
pub const GUESTS: &str = "ou=guests,dc=example,dc=com";
/// The service account that may read everything but passwords.
pub const GATEWAY_DN: &str = "cn=gateway,dc=example,dc=com";
/// The service account's password.
pub const GATEWAY_PASSWORD: &str = "gateway-secret";
const CONFIG_DN: &str = "cn=admin,cn=config";
pub const ADMIN_DN: &str = "cn=admin,dc=example,dc=com";
pub const ADMIN_PASSWORD: &str = "admin-secret";
/// The line of `slapd.conf` that has the numbers be indexed.
const NUMBER_INDEX: &str = "index mobile,telephoneNumber eq,sub\n";

/// A running (or killed, or stopped) server. It is killed when dropped.
pub struct Slapd {
    folder: TempDir,
    tls: bool,
    log: bool,
    host: &'static str,
    port: u16,
    tls_port: u16,
    /// How far off its clock is.
    clock: Option<&'static str>,
    child: Option<Child>,
}

impl Slapd {
    /// A server with the named people (see `people.rs`) and 300 more. Any two have the same data,
    /// ids included.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Its address in clear, where it also offers StartTLS.
    pub fn url(&self) -> String {
        format!("ldap://{}:{}", self.host, self.port)
    }

    /// Its address with TLS.
    pub fn ldaps_url(&self) -> String {
        format!("ldaps://{}:{}", self.host, self.tls_port)
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
        assert!(self.run(), "slapd does not start again:\n{}", self.log_text());
    }

    /// The same with its clock off by so much: `-1h`.
    pub fn restart_at(&mut self, clock: Option<&'static str>) {
        self.clock = clock;
        self.restart();
    }

    /// Keeps a copy of its data, as a backup does.
    pub fn back_up(&mut self) {
        self.kill();
        self.copy("data", "backup");
        self.restart();
    }

    /// Puts the copy of [`Self::back_up`] in the place of its data.
    pub fn restore(&mut self) {
        self.kill();
        self.copy("backup", "data");
        self.restart();
    }

    fn copy(&self, from: &str, to: &str) {
        let (from, to) = (self.folder.path().join(from), self.folder.path().join(to));
        let _ = fs::remove_dir_all(&to);
        let status = Command::new("cp").arg("-r").args([&from, &to]).status();
        assert!(status.expect("cp is everywhere").success());
    }

    /// Makes the index of the numbers after [`SlapdBuilder::without_number_index`], as an
    /// administrator does, and starts it again.
    pub fn index_numbers(&mut self) {
        self.kill();
        let path = self.folder.path().join("slapd.conf");
        let config = fs::read_to_string(&path).expect("it was written");
        fs::write(&path, config.replacen("index ", &format!("{NUMBER_INDEX}index "), 1))
            .expect("the folder can be written");
        let status = Command::new("/usr/sbin/slapindex").arg("-q").arg("-f").arg(&path).status();
        assert!(status.expect("slapindex is installed (slapd)").success());
        self.restart();
    }

    /// Its threads, with their states and what they wait for in the kernel, and its connections.
    pub fn look(&self) -> String {
        let child = self.child.as_ref().expect("it runs").id();
        let ask = format!(
            "ps -L -o pid,tid,stat,wchan:24,etimes,args -p {child}; ps -o pid,args --ppid {child}; \
             ss -tan 'sport = :{}' | awk '{{print $1, $2}}' | sort | uniq -c; ls /proc/{child}/fd | wc -l; \
             tr '\\0' '\\n' </proc/{child}/environ | grep FAKETIME",
            self.port
        );
        let said = Command::new("sh").args(["-c", &ask]).output().expect("sh is everywhere");
        format!("{:?} {}", self.clock, String::from_utf8_lossy(&said.stdout))
    }

    /// Stops it (SIGSTOP): it can be connected to, and never answers.
    pub fn stop(&self) {
        self.signal("STOP");
        // The signal is on its way; until it arrives, a thread may still answer.
        while !self.is_stopped() {
            sleep(Duration::from_millis(1));
        }
    }

    /// Lets it go on after [`Self::stop`] (SIGCONT).
    pub fn cont(&self) {
        self.signal("CONT");
    }

    /// Changes entries, by an LDIF of changes.
    pub fn modify(&self, ldif: &str) {
        self.modify_as(ADMIN_DN, ldif);
    }

    /// Sets the access rules, beside the one for passwords, of a server that is
    /// [`SlapdBuilder::configurable`].
    pub fn access(&self, rules: &[&str]) {
        let all = ["to attrs=userPassword by anonymous auth by * none"];
        let mut ldif =
            "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\nreplace: olcAccess\n".to_owned();
        for rule in all.iter().chain(rules) {
            ldif.extend(["olcAccess: ", rule, "\n"]);
        }
        self.modify_as(CONFIG_DN, &ldif);
    }

    /// Takes the service account's right to read an attribute, of a killed server.
    pub fn hide(&self, attribute: &str) {
        let path = self.folder.path().join("slapd.conf");
        let config = fs::read_to_string(&path).expect("it was written");
        let rule = format!("access to attrs={attribute} by * none\naccess to * by dn.exact");
        fs::write(&path, config.replacen("access to * by dn.exact", &rule, 1))
            .expect("the folder can be written");
    }

    /// Keeps a copy of a killed server's data.
    pub fn keep_data(&self) {
        self.copy("data", "backup");
    }

    /// Puts the copy in the place of a killed server's data.
    pub fn put_data_back(&self) {
        self.copy("backup", "data");
    }

    /// The same as [`Self::modify_unheard`] with the server's clock off by so much: `-1h`.
    pub fn modify_unheard_at(&mut self, clock: &'static str, ldif: &str) {
        self.clock = Some(clock);
        self.modify_unheard(ldif);
        self.clock = None;
    }

    fn modify_as(&self, who: &str, ldif: &str) {
        let path = self.folder.path().join("change.ldif");
        fs::write(&path, ldif).expect("the folder can be written");
        let status = Command::new("ldapmodify")
            .args(["-x", "-H", &self.url(), "-D", who, "-w", ADMIN_PASSWORD, "-f"])
            .arg(&path)
            .stdout(Stdio::null())
            .status()
            .expect("ldapmodify is installed (ldap-utils)");
        assert!(status.success(), "ldapmodify refused:\n{ldif}");
    }

    /// Changes entries of a killed server's data, by an LDIF of changes, where nobody who knew the
    /// server hears of it.
    pub fn modify_unheard(&mut self, ldif: &str) {
        let known = (self.port, self.tls_port);
        (self.port, self.tls_port) = free_ports();
        self.restart();
        self.modify(ldif);
        self.kill();
        (self.port, self.tls_port) = known;
    }

    /// How many simple binds as this person it was asked for, since it was made.
    pub fn binds_of(&self, uid: &str) -> usize {
        let bind = format!("BIND dn=\"uid={uid},{PEOPLE}\" method=128");
        self.log_text().matches(&bind).count()
    }

    /// How many simple binds as the service account it was asked for, since it was made.
    pub fn binds_of_gateway(&self) -> usize {
        self.log_text().matches(&format!("BIND dn=\"{GATEWAY_DN}\" method=128")).count()
    }

    /// How often a number or name was searched for a call or a login, since it was made. The
    /// watch's own searches ask for no attributes.
    pub fn searches(&self) -> usize {
        let log = self.log_text();
        let lines = log.lines().filter_map(|line| line[line.find("conn=")?..].split_once(" SRCH "));
        // A search's second line, which says what it reads, is written before it is answered.
        // Operations are numbered anew after a restart.
        let mut asked = HashSet::new();
        let mut count = 0;
        for (operation, says) in lines {
            if says.starts_with("base=\"ou=people,dc=example,dc=com\" scope=2") {
                asked.insert(operation);
            } else if says.starts_with("attr=") && asked.remove(operation) && says != "attr=1.1" {
                count += 1;
            }
        }
        count
    }

    fn log_text(&self) -> String {
        let bytes = fs::read(self.folder.path().join("slapd.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn signal(&self, name: &str) {
        let child = self.child.as_ref().expect("it runs");
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", child.id())])
            .status()
            .expect("a shell");
        assert!(status.success(), "kill -{name}");
    }

    fn is_stopped(&self) -> bool {
        let child = self.child.as_ref().expect("it runs");
        let threads = fs::read_dir(format!("/proc/{}/task", child.id())).expect("it has threads");
        threads.flatten().all(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.contains(") T ")
        })
    }

    /// Whether it runs, after trying to have it run.
    fn run(&mut self) -> bool {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("slapd.log"))
            .expect("the folder can be written");
        let urls =
            if self.tls { format!("{} {}", self.url(), self.ldaps_url()) } else { self.url() };
        let mut command = Command::new("/usr/sbin/slapd");
        if let Some(off) = self.clock {
            // The wrapper `faketime` leaves semaphores behind in what is killed.
            command
                .env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketimeMT.so.1")
                .env("FAKETIME", off)
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        let mut child = command
            .arg("-f")
            .arg(self.folder.path().join("slapd.conf"))
            .args(["-h", &urls, "-d", if self.log { "256" } else { "0" }])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("slapd is installed");
        let patience = Instant::now() + Duration::from_secs(20);
        while Instant::now() < patience {
            if child.try_wait().expect("a child can be asked").is_some() {
                return false;
            }
            if TcpStream::connect(format!("{}:{}", self.host, self.port)).is_ok() {
                self.child = Some(child);
                return true;
            }
            sleep(Duration::from_millis(10));
        }
        child.kill().expect("a child can be killed");
        child.wait().expect("a killed child ends");
        false
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Two loopback ports that nobody listens on.
fn free_ports() -> (u16, u16) {
    let listen = || TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let (one, other) = (listen(), listen());
    let port = |listener: &TcpListener| listener.local_addr().expect("it is bound").port();
    (port(&one), port(&other))
}

/// A CA of its own, and a certificate for `names` (or addresses) by it.
pub fn write_certificates(folder: &Path, names: &[&str]) {
    let ca_key = rcgen::KeyPair::generate().expect("a key");
    let mut ca = rcgen::CertificateParams::default();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.distinguished_name.push(rcgen::DnType::CommonName, "test directory CA");
    let ca_pem = ca.self_signed(&ca_key).expect("a CA").pem();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().expect("a key");
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let certificate = rcgen::CertificateParams::new(names)
        .and_then(|params| params.signed_by(&key, &issuer))
        .expect("a certificate");
    for (name, text) in
        [("ca.pem", ca_pem), ("server.pem", certificate.pem()), ("server.key", key.serialize_pem())]
    {
        fs::write(folder.join(name), text).expect("the folder can be written");
    }
}
