//! Logins by RADIUS: the real `FreeRADIUS` with the files of `config/freeradius`, before the real server.

mod failover;
mod logins;
mod many;
mod outages;
mod refusals;
mod signatures;

use serde_json::Value;

use crate::support::freeradius::{FreeRadius, gateway_with_tls};
use crate::support::gateway::{Gateway, clients, ldap_tenant};
use crate::support::slapd::Slapd;

/// What a caller is asked to do.
const PROMPT: &str = "Call +46 10 123 45 67 and type the code that you hear";
/// The number of the user `anna`.
const ANNA: &str = "+46701234567";

/// A gateway whose tenant is on `slapd`, with `more` keys of the tenant.
fn gateway_with(slapd: &Slapd, more: &str) -> Gateway {
    let style = format!("status_style = \"http\"\n{more}\ncountry");
    let tenant = ldap_tenant("t1", &[&slapd.url()], "").replacen("country", &style, 1);
    let limits = "[tenants.limits]\ncodes_per_user = { burst = 100, per = \"1h\" }\n\
        calls_per_number = { burst = 100, per = \"1h\" }\n\
        wrong_passwords_per_user = { burst = 100, per = \"1h\" }\n\
        wrong_codes_per_user = { burst = 100, per = \"1h\" }\n\
        [tenants.login]\nrefusal_floor = \"0s\"\n[tenants.otp]\nmax_attempts = 10\n";
    gateway_with_tls(&format!("{tenant}{limits}{}", clients()))
}

fn gateway(slapd: &Slapd) -> Gateway {
    gateway_with(slapd, "")
}

fn slapd() -> Slapd {
    Slapd::builder().users(0).without_tls().start()
}

/// The audit events of logins.
fn logins(gateway: &Gateway) -> Vec<Value> {
    let events = gateway.audit().into_iter();
    events.filter(|event| event["operation"] == "validateOTP").collect()
}

/// The state of the challenge that a password is answered with.
fn challenged(freeradius: &FreeRadius, username: &str, password: &str) -> String {
    let challenge = freeradius.login(username, password);
    assert_eq!(challenge.kind, "Access-Challenge", "{username}: {challenge:?}");
    assert_eq!(challenge.get("Reply-Message"), Some(PROMPT));
    challenge.get("State").expect("a state").to_owned()
}
