//! Logins by what asks RADIUS, or PAM that does: the recipes of `docs/logins.md` as they are printed,
//! with `FreeRADIUS` before the gateway. Where PAM asks, a test has a machine of its own, whose `/etc`
//! it may change.

mod account;
mod messages;
mod openvpn;
mod pam;
mod proxy;
mod ssh;
mod sudo;

use crate::support::asterisk::printed;
use crate::support::freeradius::{FreeRadius, SECRET, Settings, gateway_with_tls};
use crate::support::gateway::{Gateway, clients, ldap_tenant, wait_until};
use crate::support::slapd::Slapd;

/// What a user reads who has typed a password alone, as `config/freeradius` ships it.
const PROMPT: &str = "Call +46 10 123 45 67 and type the code that you hear";

/// The address that PAM asks from, as a client of its own.
const PAM: &str = "127.0.0.2";

/// A directory with Anna in it, a gateway, and `FreeRADIUS` before it.
struct Site {
    _slapd: Slapd,
    gateway: Gateway,
    radius: FreeRadius,
}

impl Site {
    /// What PAM on this machine asks.
    fn start() -> Self {
        let site = Self::with_radius();
        pam_asks("/etc/dialpass_pam.conf", &[(site.radius.port(), "20")]);
        site
    }

    fn with_radius() -> Self {
        let slapd = Slapd::builder().users(0).without_tls().start();
        let style = "status_style = \"http\"\ncountry";
        let tenant = ldap_tenant("t1", &[&slapd.url()], "").replacen("country", style, 1);
        let gateway = gateway_with_tls(&(tenant + &clients()));
        let radius = radius_before(&gateway, &gateway.url(""));
        Self { _slapd: slapd, gateway, radius }
    }

    /// The code that Anna hears.
    async fn code(&self) -> String {
        self.gateway.code("+46701234567").await
    }

    /// Asserts how many logins the gateway was asked about, all from this address.
    fn must_have_logins(&self, count: usize, from: &str) {
        let addresses = || {
            let events = self.gateway.audit().into_iter();
            let logins = events.filter(|event| event["operation"] == "validateOTP");
            logins.map(|event| event["clientip"].as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        // The trail is read a moment after the answer.
        wait_until("the logins are in the audit trail", || addresses().len() >= count);
        assert_eq!(addresses(), vec![Some(from.to_owned()); count]);
    }
}

/// `FreeRADIUS` with the printed client for PAM, asking the gateway at `url`.
fn radius_before(gateway: &Gateway, url: &str) -> FreeRadius {
    let client = recipe("client pam {").replace("127.0.0.1", PAM);
    let ca = gateway.file("ca.pem");
    FreeRadius::start(Settings {
        listen: "127.0.0.1",
        url,
        ca: &ca,
        of_client: "",
        clients: &client,
    })
}

/// The printed block that contains `text`, with the secret of the tests.
fn recipe(text: &str) -> String {
    printed("logins.md", text).replace("THE-SHARED-SECRET", SECRET)
}

/// Has PAM ask the RADIUS servers on these ports in turn, each for so many seconds.
fn pam_asks(file: &str, servers: &[(u16, &str)]) {
    let recipe = recipe("# /etc/dialpass_pam.conf");
    let line = recipe.lines().find(|line| line.starts_with("127.0.0.1 ")).expect("a server");
    let secret = line.split_whitespace().nth(1).expect("a secret");
    let server =
        |(port, patience): &(u16, &str)| format!("127.0.0.1:{port} {secret} {patience} {PAM}\n");
    write(file, &servers.iter().map(server).collect::<String>());
}

/// A code that is not the right one.
fn other_than(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

/// Writes a file of the test's own machine.
fn write(path: &str, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{path}: {error}"));
}
