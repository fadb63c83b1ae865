//! A real sshd with Debian's configuration and the printed recipe, and a real ssh.

use std::fs;
use std::process::{Command, Stdio};

use super::account::{Account, ask_radius};
use super::{PROMPT, Site, other_than, recipe, write};
use crate::support::gateway::wait_until;
use crate::support::machine::{Running, on_its_own};
use crate::support::ports::free_port;

/// A running sshd on a machine that Anna has an account on.
struct Host {
    account: Account,
    port: u16,
    _sshd: Running,
}

impl Host {
    fn start() -> Self {
        let account = Account::new();
        write("/etc/ssh/sshd_config.d/dialpass.conf", &recipe("sshd_config.d/dialpass.conf"));
        ask_radius("sshd");
        fs::create_dir("/run/sshd").unwrap();
        let port = free_port();
        let sshd = Command::new("/usr/sbin/sshd")
            .args(["-D", "-o", &format!("ListenAddress 127.0.0.1:{port}"), "-E"])
            .arg(account.file("log"))
            .stdin(Stdio::null())
            .spawn()
            .expect("sshd is installed (openssh-server)");
        let host = Self { account, port, _sshd: Running(sshd) };
        wait_until("sshd listens", || host.account.read("log").contains("Server listening"));
        host
    }

    /// What a command on the host says, if Anna is let in with what she types.
    fn run(&self, password: &str, code: &str, command: &str) -> Option<String> {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-p", &self.port.to_string(), "-o", "StrictHostKeyChecking=no"])
            .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "NumberOfPasswordPrompts=1"])
            .args(["anna@127.0.0.1", command])
            .stdin(Stdio::null());
        self.account.run(&mut ssh, password, code)
    }
}

#[test]
fn a_shell_opens_by_password_and_code_and_each_code_opens_one() {
    on_its_own(async || {
        let site = Site::start();
        let host = Host::start();
        let logs = || format!("{}{}", host.account.read("log"), site.gateway.log());
        let code = site.code().await;
        let said = host.run("anna-secret", &code, "id -un");
        assert_eq!(said.as_deref(), Some("anna\n"), "{}", logs());
        let prompts = ["Password:", PROMPT].map(|prompt| format!("(anna@127.0.0.1) {prompt}"));
        assert_eq!(host.account.asked(), prompts);
        assert_eq!(host.run("anna-secret", &code, "id"), None, "the code was used");
        let code = site.code().await;
        assert_eq!(host.run("anna-secret", other_than(&code), "id"), None, "a wrong code");
        assert_eq!(host.run("wrong-secret", &code, "id"), None, "a wrong password");
        let together = host.run(&format!("anna-secret{code}"), "", "id -un");
        assert_eq!(together.as_deref(), Some("anna\n"), "{}", logs());
        // sshd says where the user is.
        site.must_have_logins(5, "127.0.0.1");
    });
}
