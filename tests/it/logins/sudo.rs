//! A real sudo with Debian's configuration and the printed line.

use std::process::Command;

use super::account::{Account, ask_radius};
use super::{PROMPT, Site, other_than, write};
use crate::support::machine::on_its_own;

/// Runs a command as root on Anna's word, and forgets it.
fn sudo(account: &Account, password: &str, code: &str) -> Option<String> {
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "anna", "--regid", "anna", "--clear-groups", "sudo", "-A", "-k"])
        .args(["id", "-un"]);
    account.run(&mut command, password, code)
}

#[test]
fn sudo_asks_for_password_and_code() {
    on_its_own(async || {
        let site = Site::start();
        let account = Account::new();
        write("/etc/sudoers.d/anna", "anna ALL=(root) /usr/bin/id\n");
        ask_radius("sudo");
        let code = site.code().await;
        let said = sudo(&account, "anna-secret", &code);
        assert_eq!(said.as_deref(), Some("root\n"), "{}", site.gateway.log());
        assert_eq!(account.asked(), ["[sudo] password for anna:", PROMPT]);
        assert_eq!(sudo(&account, "anna-secret", &code), None, "the code was used");
        let code = site.code().await;
        assert_eq!(sudo(&account, "anna-secret", other_than(&code)), None, "a wrong code");
    });
}
