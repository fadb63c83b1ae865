//! The messages of `FreeRADIUS` that `docs/logins.md` explains.

use std::process::{Command, Stdio};

use super::{PAM, Site, radius_before};
use crate::support::freeradius::{FreeRadius, SECRET};
use crate::support::gateway::wait_until;
use crate::support::ports::free_port;

/// Sends Anna's login from this address, and waits for no answer.
fn ask(radius: &FreeRadius, from: &str, secret: &str, is_signed: bool) {
    let signature = if is_signed { "Message-Authenticator = 0x00\n" } else { "" };
    let request = format!(
        "User-Name = \"anna\"\nUser-Password = \"anna-secret000000\"\n\
         Packet-Src-IP-Address = {from}\n{signature}"
    );
    let script = format!("printf '%s' '{request}' | radclient -r 1 -t 1 \"$1\" auth \"$2\"");
    let status = Command::new("sh")
        .args(["-c", &script, "sh", &format!("127.0.0.1:{}", radius.port()), secret])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(!status.expect("sh is everywhere").success(), "no answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_freeradius_writes_is_as_it_is_explained() {
    let explained = include_str!("../../../docs/logins.md");
    let site = Site::with_radius();
    let gone = radius_before(&site.gateway, &format!("https://localhost:{}", free_port()));
    let writes = |radius: &FreeRadius, message: &str| {
        assert!(explained.contains(&format!("| FreeRADIUS: `{message}`")), "{message}");
        wait_until(message, || radius.log().contains(message));
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            ask(&gone, PAM, SECRET, true);
            writes(&gone, "rlm_rest (dialpass): Connection failed");
        });
        // Alone, so that its silence is seen.
        let before = site.radius.log();
        ask(&site.radius, "127.0.0.1", SECRET, false);
        assert_eq!(site.radius.log(), before, "nothing of what is not signed");
        ask(&site.radius, "127.0.0.3", SECRET, true);
        writes(&site.radius, "from unknown client");
        ask(&site.radius, "127.0.0.1", "another-secret", true);
        writes(&site.radius, "invalid Message-Authenticator!  (Shared secret is incorrect.)");
    });
}
