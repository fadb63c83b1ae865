//! A real sshd with Debian's configuration and the printed recipe, and a real ssh that types what it
//! is asked for.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{PROMPT, Site, other_than, recipe, write};
use crate::support::gateway::wait_until;
use crate::support::machine::{Running, on_its_own};
use crate::support::ports::free_port;

/// Writes what it is asked to a file, and answers with a password or with a code.
const TYPIST: &str = "#!/bin/sh\necho \"$1\" >>\"$ASKED\"\ncase $1 in *Password*) echo \"$PASSWORD\";; *) echo \"$CODE\";; esac\n";

/// A machine with the user Anna and an sshd.
struct Host {
    port: u16,
    folder: tempfile::TempDir,
    _sshd: Running,
}

impl Host {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let home = folder.path().join("anna");
        let added = Command::new("useradd")
            .args(["--create-home", "--shell", "/bin/sh", "--home-dir"])
            .arg(&home)
            .arg("anna")
            .status();
        assert!(added.expect("useradd is everywhere").success());
        write("/etc/ssh/sshd_config.d/dialpass.conf", &recipe("sshd_config.d/dialpass.conf"));
        asks_radius("sshd");
        std::fs::create_dir("/run/sshd").unwrap();
        let typist = folder.path().join("typist");
        write(typist.to_str().unwrap(), TYPIST);
        std::fs::set_permissions(&typist, PermissionsExt::from_mode(0o755)).unwrap();
        let port = free_port();
        let listen = format!("ListenAddress 127.0.0.1:{port}");
        let sshd = Command::new("/usr/sbin/sshd")
            .args(["-D", "-E"])
            .arg(folder.path().join("log"))
            .args(["-o", &listen])
            .stdin(Stdio::null())
            .spawn()
            .expect("sshd is installed (openssh-server)");
        let host = Self { port, folder, _sshd: Running(sshd) };
        wait_until("sshd listens", || host.read("log").contains("Server listening"));
        host
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).unwrap_or_default()
    }

    /// What a command on the host says, if Anna is let in with what she types.
    fn run(&self, password: &str, code: &str, command: &str) -> Option<String> {
        let run = Command::new("ssh")
            .args(["-F", "none", "-p", &self.port.to_string(), "-o", "StrictHostKeyChecking=no"])
            .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "NumberOfPasswordPrompts=1"])
            .args(["anna@127.0.0.1", command])
            .env("SSH_ASKPASS", self.folder.path().join("typist"))
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("ASKED", self.folder.path().join("asked"))
            .env("PASSWORD", password)
            .env("CODE", code)
            .stdin(Stdio::null())
            .output()
            .expect("ssh is installed (openssh-client)");
        let said = String::from_utf8(run.stdout).unwrap();
        run.status.success().then_some(said)
    }
}

/// Edits a service of PAM as the document says: the printed line in the place of `common-auth`.
fn asks_radius(service: &str) {
    let path = Path::new("/etc/pam.d").join(service);
    let debians = std::fs::read_to_string(&path).unwrap();
    let line = recipe("instead of `@include common-auth`");
    let edited = debians.replacen("@include common-auth", line.trim_end(), 1);
    assert_ne!(edited, debians, "{service} includes common-auth");
    std::fs::write(&path, edited).unwrap();
}

#[test]
fn a_shell_opens_by_password_and_code_and_each_code_opens_one() {
    on_its_own(async || {
        let site = Site::start();
        let host = Host::start();
        let code = site.code().await;
        let said = host.run("anna-secret", &code, "id -un");
        let logs = || format!("{}{}", host.read("log"), site.gateway.log());
        assert_eq!(said.as_deref(), Some("anna\n"), "{}", logs());
        let asked = host.read("asked");
        let asked: Vec<&str> = asked.lines().map(str::trim_end).collect();
        let prompts = ["Password:", PROMPT].map(|prompt| format!("(anna@127.0.0.1) {prompt}"));
        assert_eq!(asked, prompts);
        assert_eq!(host.run("anna-secret", &code, "id"), None, "the code was used");
        let code = site.code().await;
        assert_eq!(host.run("anna-secret", other_than(&code), "id"), None, "a wrong code");
        assert_eq!(host.run("wrong-secret", &code, "id"), None, "a wrong password");
        let glued = host.run(&format!("anna-secret{code}"), "", "id -un");
        assert_eq!(glued.as_deref(), Some("anna\n"), "{}", logs());
        assert_eq!(site.logins_from(), ["127.0.0.1"; 5], "sshd says where the user is");
    });
}
