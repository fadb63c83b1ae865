//! The person running a command, according to the operating system.

use std::fs;

/// Maximum length of a stored name.
const MAX_NAME: usize = 64;

/// The account that a command runs as, and what is known of the person behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The user id of the process.
    pub uid: u32,
    /// That user's name, if the system knows it: from `/etc/passwd`, LDAP or SSSD (nsswitch.conf(5)).
    pub name: Option<String>,
    /// The user who logged in, which neither su nor sudo changes (`/proc/self/loginuid`).
    pub login_uid: Option<u32>,
    /// The user who invoked sudo, according to the environment.
    pub sudo_user: Option<String>,
}

impl Operator {
    /// The operator of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let uid = rustix::process::getuid().as_raw();
        let login = fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
        let sudo_user = std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty());
        Self {
            uid,
            name: name_of(uid),
            // The largest number means that no user logged in: a service, a container.
            login_uid: login.trim().parse().ok().filter(|uid| *uid != u32::MAX),
            sudo_user: sudo_user.map(|name| name.chars().take(MAX_NAME).collect()),
        }
    }
}

/// A user's name (getpwuid(3)).
fn name_of(uid: u32) -> Option<String> {
    let user = nix::unistd::User::from_uid(uid.into()).ok().flatten()?;
    Some(user.name.chars().take(MAX_NAME).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_the_system() {
        assert_eq!(name_of(0).as_deref(), Some("root"));
        assert_eq!(name_of(4_000_000_001), None);
    }
}
