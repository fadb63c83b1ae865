//! How a test's OpenLDAP server is made: its switches, its configuration and its first data.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{
    ADMIN_DN, ADMIN_PASSWORD, CONFIG_DN, GATEWAY_DN, GROUPS, NUMBER_INDEX, SUFFIX, Slapd,
    free_ports, people, write_certificates,
};

/// A line of `slapd.conf` that lets the service account read as many entries as there are.
const UNLIMITED: &str =
    "limits dn.exact=\"cn=gateway,dc=example,dc=com\" size=unlimited time=unlimited";

/// How a server is to be made.
#[expect(clippy::struct_excessive_bools, reason = "switches of a builder, each set by its name")]
pub struct SlapdBuilder {
    users: usize,
    tls: bool,
    log: bool,
    hidden: Option<&'static str>,
    policy: bool,
    settings: String,
    before: String,
    number_index: &'static str,
    empty: bool,
    host: &'static str,
    port: Option<u16>,
    groups_at: Option<String>,
}

impl Slapd {
    /// To make another.
    pub fn builder() -> SlapdBuilder {
        SlapdBuilder {
            users: 300,
            tls: true,
            log: true,
            hidden: None,
            policy: false,
            settings: String::new(),
            before: String::new(),
            number_index: NUMBER_INDEX,
            empty: false,
            port: None,
            host: "127.0.0.1",
            groups_at: None,
        }
    }
}

impl SlapdBuilder {
    /// How many people there are besides those with names: `user0001` and on, whose passwords are
    /// `secret-1` and on, and whose numbers are +46 76 000 00 01 and on.
    pub fn users(mut self, users: usize) -> Self {
        self.users = users;
        self
    }

    /// Without a certificate: no StartTLS, no `ldaps://`.
    pub fn without_tls(mut self) -> Self {
        self.tls = false;
        self
    }

    /// Without a log, for speed; nothing can be counted then.
    pub fn without_log(mut self) -> Self {
        self.log = false;
        self
    }

    /// Without the service account's right to read these attributes.
    pub fn hiding(mut self, attributes: &'static str) -> Self {
        self.hidden = Some(attributes);
        self
    }

    /// With a password policy: two wrong passwords lock an account, and who has `pwdReset` must
    /// set a new one.
    pub fn with_password_policy(mut self) -> Self {
        self.policy = true;
        self
    }

    /// Without an index of the numbers, and with a limit that each search for one hits then
    /// (adminLimitExceeded); searches by name find their user.
    pub fn without_number_index(mut self) -> Self {
        self.number_index = "";
        self.setting("limits dn.exact=\"cn=gateway,dc=example,dc=com\" size.unchecked=20")
    }

    /// Listening on the loopback address of IPv6, and on no other.
    pub fn on_ipv6(mut self) -> Self {
        self.host = "[::1]";
        self
    }

    /// With this line of `slapd.conf` for the database, before its last access rule.
    pub fn setting(mut self, line: &str) -> Self {
        self.settings.extend([line, "\n"]);
        self
    }

    /// With the groups of another server in the place of its own, asked for each time.
    pub fn groups_of(mut self, other: &Slapd) -> Self {
        self.groups_at = Some(other.url());
        self
    }

    /// With this line of `slapd.conf` for the whole server.
    pub fn for_all(mut self, line: &str) -> Self {
        self.before.insert_str(0, &format!("{line}\n"));
        self
    }

    /// On this port in clear, so that another server can be told of it before there is one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// With nothing in it: another server fills it.
    pub fn empty(mut self) -> Self {
        self.empty = true;
        self
    }

    /// With the service account's right to read the server's configuration.
    pub fn showing_config(mut self) -> Self {
        self.before =
            format!("database config\naccess to * by dn.exact=\"{GATEWAY_DN}\" read by * none\n");
        self
    }

    /// With access rules that can be changed while it runs ([`Slapd::access`]).
    pub fn configurable(mut self) -> Self {
        let root = ["database config\nrootdn ", CONFIG_DN, "\nrootpw ", ADMIN_PASSWORD, "\n"];
        self.before.extend(root);
        self
    }

    /// With content synchronization (the syncprov overlay), and an account that may read everybody.
    pub fn with_sync(self) -> Self {
        self.setting(UNLIMITED).with_limited_sync()
    }

    /// With content synchronization, and 500 entries for anybody, as servers have it by default.
    pub fn with_limited_sync(mut self) -> Self {
        self.before.insert_str(0, "moduleload syncprov\n");
        self.setting("index entryCSN eq\noverlay syncprov\nsyncprov-checkpoint 1 1")
    }

    /// Makes the server and waits until it can be connected to.
    pub fn start(self) -> Slapd {
        let folder = TempDir::new().expect("a temporary folder");
        write_config(folder.path(), &self);
        if !self.empty {
            load(folder.path(), &self);
        }
        if let Some(url) = &self.groups_at {
            ask_for_groups(folder.path(), url);
        }
        let mut slapd = Slapd {
            folder,
            tls: self.tls,
            log: self.log,
            host: self.host,
            port: 0,
            tls_port: 0,
            clock: None,
            child: None,
        };
        // A port that was free may be taken by the time slapd wants it.
        for _ in 0..10 {
            (slapd.port, slapd.tls_port) = free_ports();
            slapd.port = self.port.unwrap_or(slapd.port);
            if slapd.run() {
                return slapd;
            }
        }
        panic!("slapd does not start:\n{}", slapd.log_text());
    }
}

fn write_config(folder: &Path, builder: &SlapdBuilder) {
    fs::create_dir(folder.join("data")).expect("the folder is new");
    let at = folder.display();
    let mut certificates = String::new();
    if builder.tls {
        write_certificates(folder, &["127.0.0.1", "localhost", "::1"]);
        certificates = format!(
            "TLSCACertificateFile {at}/ca.pem\n\
             TLSCertificateFile {at}/server.pem\n\
             TLSCertificateKeyFile {at}/server.key\n"
        );
    }
    let hidden = builder.hidden.map(|names| format!("access to attrs={names} by * none\n"));
    let hidden = hidden.unwrap_or_default();
    let (before, settings) = (&builder.before, &builder.settings);
    let number_index = builder.number_index;
    let (policy_module, policy) = if builder.policy {
        (
            "moduleload ppolicy\n",
            format!("overlay ppolicy\nppolicy_default cn=policy,{SUFFIX}\nppolicy_use_lockout\n"),
        )
    } else {
        ("", String::new())
    };
    let config = format!(
        "include /etc/ldap/schema/core.schema\n\
         include /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\n\
         attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' \
         EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )\n\
         objectclass ( 1.3.6.1.4.1.4203.666.1.1 NAME 'accountFlags' SUP top AUXILIARY \
         MAY userAccountControl )\n\
         pidfile {at}/slapd.pid\n\
         modulepath /usr/lib/ldap\n\
         moduleload back_mdb\n\
         {certificates}\
         {policy_module}\
         {before}\
         database mdb\n\
         suffix {SUFFIX}\n\
         rootdn {ADMIN_DN}\n\
         rootpw {ADMIN_PASSWORD}\n\
         directory {at}/data\n\
         dbnosync\n\
         index objectClass,uid,entryUUID eq\n\
         {number_index}\
         access to attrs=userPassword by anonymous auth by * none\n\
         {policy}\
         {hidden}\
         {settings}\
         access to * by dn.exact=\"{GATEWAY_DN}\" read by * none\n"
    );
    fs::write(folder.join("slapd.conf"), config).expect("the folder can be written");
}

/// Has what is below [`GROUPS`] be asked for at another server, in a database of its own.
fn ask_for_groups(folder: &Path, url: &str) {
    let path = folder.join("slapd.conf");
    let config = fs::read_to_string(&path).expect("it was written");
    let proxy = format!(
        "moduleload back_ldap\ndatabase ldap\nsuffix {GROUPS}\nuri {url}\n\
         access to * by * read\ndatabase mdb\n"
    );
    fs::write(&path, config.replacen("database mdb\n", &proxy, 1)).expect("it can be written");
}

fn load(folder: &Path, builder: &SlapdBuilder) {
    let path = folder.join("people.ldif");
    let mut ldif = people::ldif(builder.users);
    if builder.policy {
        ldif += people::POLICY;
    }
    fs::write(&path, ldif).expect("the folder can be written");
    let output = Command::new("/usr/sbin/slapadd")
        .arg("-q")
        .arg("-f")
        .arg(folder.join("slapd.conf"))
        .arg("-l")
        .arg(&path)
        .output()
        .expect("slapadd is installed (slapd)");
    assert!(output.status.success(), "slapadd: {}", String::from_utf8_lossy(&output.stderr));
}
