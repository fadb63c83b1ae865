//! An Active Directory domain controller (Samba) of a test's own, with people in it. What is asked
//! of it is elsewhere.
//!
//! Its ports can't be chosen, but its address can: each has a loopback address to itself, so that
//! any number of them run at the same time.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

mod people;
mod template;

pub use people::{STAFF, USERS, group, password_of, person};

use crate::support::shell::Shell;
use crate::support::slapd::write_certificates;

/// The domain's own entry.
pub const BASE_DN: &str = "DC=lab,DC=example,DC=org";
/// The service account, an ordinary user.
pub const GATEWAY_DN: &str = "CN=gateway,CN=Users,DC=lab,DC=example,DC=org";
/// The service account's password.
pub const GATEWAY_PASSWORD: &str = "Gateway-secret-1";
pub const ADMIN_DN: &str = "CN=Administrator,CN=Users,DC=lab,DC=example,DC=org";
pub const ADMIN_PASSWORD: &str = "Admin-secret-1";

/// LDAP, with StartTLS; LDAPS; the global catalogue, in clear and with TLS.
const PORTS: [u16; 4] = [389, 636, 3268, 3269];
/// Listening on this port reserves a loopback address for a domain controller.
const RESERVATION: u16 = 38_900;

/// How a domain controller is to be made.
#[derive(Default)]
pub struct SambaBuilder {
    crowd: usize,
    deletions: bool,
}

impl SambaBuilder {
    /// How many people there are besides those with names (see [`people`]). A thousand take
    /// some seconds.
    pub fn crowd(mut self, people: usize) -> Self {
        self.crowd = people;
        self
    }

    /// Lets the service account see which entries were deleted.
    pub fn deletions_shown(mut self) -> Self {
        self.deletions = true;
        self
    }

    /// Makes it and waits until it can be connected to.
    pub fn start(self) -> Samba {
        let shell = Shell::of_root();
        let (address, reserved) = free_address();
        template::copy_to(&shell, &address.to_string());
        if self.crowd > 0 {
            template::add(&shell, &people::crowd(self.crowd));
        }
        if self.deletions {
            template::show_deletions(&shell);
        }
        write_certificates(shell.folder(), &[&address.to_string()]);
        let at = shell.folder().display();
        // Samba wants its key to be root's and nobody else's.
        shell.run(&format!("chown 0 {at}/server.key && chmod 600 {at}/server.key"));
        let mut samba = Samba { shell, address, _reserved: reserved };
        samba.run();
        samba
    }
}

/// A running (or killed, or stopped) domain controller of the domain LAB, `lab.example.org`. It is
/// killed when dropped, and when the tests end.
pub struct Samba {
    shell: Shell,
    address: Ipv4Addr,
    _reserved: TcpListener,
}

impl Samba {
    /// One with the named people (see `people.rs`). Any two have the same data, ids included.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// To make another.
    pub fn builder() -> SambaBuilder {
        SambaBuilder::default()
    }

    /// Its address in clear, where it also offers StartTLS.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    /// Its address with TLS.
    pub fn ldaps_url(&self) -> String {
        format!("ldaps://{}", self.address)
    }

    /// The CA that vouches for it.
    pub fn ca_pem(&self) -> PathBuf {
        self.shell.folder().join("ca.pem")
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        self.shell.run("kill_all");
    }

    /// Starts it again after [`Self::kill`], with the same address and data.
    pub fn restart(&mut self) {
        self.kill();
        self.run();
    }

    /// Its address, which it has to itself.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Keeps a copy of its data, as a backup does.
    pub fn back_up(&mut self) {
        self.kill();
        let at = self.shell.folder().display();
        self.shell.run(&format!("rm -rf {at}/backup && cp -a {at}/dc {at}/backup"));
        self.run();
    }

    /// Puts the copy of [`Self::back_up`] in the place of its data.
    pub fn restore(&mut self) {
        self.kill();
        let at = self.shell.folder().display();
        self.shell.run(&format!("rm -rf {at}/dc && cp -a {at}/backup {at}/dc"));
        self.run();
    }

    /// Stops it (SIGSTOP): it can be connected to, and never answers.
    pub fn stop(&self) {
        self.shell.run("stop_all");
    }

    /// Lets it go on after [`Self::stop`] (SIGCONT).
    pub fn cont(&self) {
        self.shell.run("cont_all");
    }

    /// Changes entries as the administrator, by an LDIF of changes.
    pub fn modify(&self, ldif: &str) {
        let path = self.shell.folder().join("modify.ldif");
        fs::write(&path, ldif).expect("the folder can be written");
        let output = Command::new("ldapmodify")
            .env("LDAPTLS_CACERT", self.ca_pem())
            .args(["-x", "-H", &self.ldaps_url(), "-D", ADMIN_DN, "-w", ADMIN_PASSWORD])
            .stdin(File::open(&path).expect("it was written"))
            .stdout(Stdio::null())
            .output()
            .expect("ldapmodify is installed (ldap-utils)");
        let refusal = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{refusal}\n{ldif}");
    }

    /// Takes back what [`SambaBuilder::deletions_shown`] gave, while it runs.
    pub fn hide_deletions(&self) {
        template::hide_deletions(&self.shell);
    }

    /// Gives again what [`Self::hide_deletions`] took.
    pub fn show_deletions(&self) {
        template::show_deletions(&self.shell);
    }

    /// Keeps a copy of a killed one's data.
    pub fn keep_data(&self) {
        self.shell.run(&format!("cp -a '{0}/dc' '{0}/backup'", self.shell.folder().display()));
    }

    /// Puts the copy in the place of a killed one's data, and changes that by an LDIF of changes.
    pub fn put_data_back(&self, ldif: &str) {
        let at = self.shell.folder().display();
        self.shell.run(&format!("rm -rf '{at}/dc' && cp -a '{at}/backup' '{at}/dc'"));
        template::change(&self.shell, "show_deleted", ldif);
    }

    /// Adds a person, as [`person`] describes them.
    pub fn add_person(&self, name: &str, parent: &str, attributes: &[&str]) {
        self.modify(&person(name, parent, attributes));
    }

    /// Replaces an attribute's values of an entry; without values, it goes.
    pub fn set(&self, dn: &str, attribute: &str, values: &[&str]) {
        let change = if values.is_empty() { "delete" } else { "replace" };
        let mut ldif = format!("dn: {dn}\nchangetype: modify\n{change}: {attribute}\n");
        for value in values {
            ldif.extend([attribute, ": ", value, "\n"]);
        }
        self.modify(&ldif);
    }

    /// Gives an entry another password.
    pub fn set_password(&self, dn: &str, password: &str) {
        self.modify(&people::new_password(dn, password));
    }

    /// Adds to an entry's rights, in the words of [MS-DTYP] 2.5.1: `(OD;;WP;GUID;;PS)`.
    pub fn add_rights(&self, dn: &str, sddl: &str) {
        let at = self.shell.folder().display();
        self.shell.run(&format!(
            "samba-tool dsacl set -H {at}/dc/private/sam.ldb -s {at}/smb.conf --objectdn='{dn}' \
             --sddl='{sddl}'"
        ));
    }

    /// Whether this person may set an attribute of their own entry.
    pub fn may_set(&self, dn: &str, attribute: &str, value: &str) -> bool {
        let name = dn.split(['=', ',']).nth(1).expect("a DN");
        let path = self.shell.folder().join("own.ldif");
        let ldif =
            format!("dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n");
        fs::write(&path, ldif).expect("the folder can be written");
        let output = Command::new("ldapmodify")
            .env("LDAPTLS_CACERT", self.ca_pem())
            .args(["-x", "-H", &self.ldaps_url(), "-D", dn, "-w", &password_of(name)])
            .stdin(File::open(&path).expect("it was written"))
            .output()
            .expect("ldapmodify is installed (ldap-utils)");
        // 50 is insufficientAccessRights; anything else is no answer.
        assert!(matches!(output.status.code(), Some(0 | 50)), "{output:?}");
        output.status.success()
    }

    /// Puts an entry into a group of [`STAFF`].
    pub fn join(&self, group: &str, member: &str) {
        let group = format!("CN={group},{STAFF}");
        self.modify(&format!("dn: {group}\nchangetype: modify\nadd: member\nmember: {member}\n"));
    }

    /// Takes an entry out of a group of [`STAFF`].
    pub fn leave(&self, group: &str, member: &str) {
        let group = format!("CN={group},{STAFF}");
        self.modify(&format!(
            "dn: {group}\nchangetype: modify\ndelete: member\nmember: {member}\n"
        ));
    }

    /// Gives an entry another name, and the place below `parent`.
    pub fn rename(&self, dn: &str, name: &str, parent: &str) {
        self.modify(&format!(
            "dn: {dn}\nchangetype: modrdn\nnewrdn: CN={name}\ndeleteoldrdn: 1\n\
             newsuperior: {parent}\n"
        ));
    }

    /// Deletes an entry.
    pub fn delete(&self, dn: &str) {
        self.modify(&format!("dn: {dn}\nchangetype: delete\n"));
    }

    fn run(&mut self) {
        let at = self.shell.folder().display();
        // One process is all of it, so a signal reaches all of it; should the shell be killed, it
        // goes too.
        self.shell.run(&format!(
            "setpriv --pdeathsig KILL samba -i -M single -s {at}/smb.conf --debug-stdout -d 1 & \
             pid=$!"
        ));
        let patience = Instant::now() + Duration::from_mins(1);
        let connects = |port| TcpStream::connect(SocketAddr::from((self.address, port))).is_ok();
        while !PORTS.into_iter().all(connects) {
            assert!(Instant::now() < patience, "Samba does not start:\n{}", self.shell.log());
            sleep(Duration::from_millis(10));
        }
    }
}

/// A loopback address where nobody listens on [`PORTS`], as long as what comes with it is kept.
fn free_address() -> (Ipv4Addr, TcpListener) {
    for _ in 0..10 {
        let mut bytes = [0; 3];
        getrandom::fill(&mut bytes).expect("random bytes");
        // Not where everybody else is, and no broadcast address.
        let address = Ipv4Addr::new(127, 64 + bytes[0] % 128, bytes[1], 1 + bytes[2] % 254);
        let Ok(reserved) = TcpListener::bind((address, RESERVATION)) else { continue };
        let free = |port| TcpListener::bind(SocketAddr::from((address, port)));
        let taken = PORTS.into_iter().any(|port| {
            TcpStream::connect(SocketAddr::from((address, port))).is_ok()
                || free(port).is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
        });
        if !taken {
            return (address, reserved);
        }
    }
    panic!("somebody listens on {PORTS:?} of all loopback addresses: stop that, for Samba's sake");
}
