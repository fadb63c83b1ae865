//! The gateway of a run: its tenants, and how they are asked.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::layout::Layout;
use super::site::Site;
use crate::support::gateway::{Answer, Gateway, clients, sections};

/// `index_max_age` of the gateway.
pub const MAX_AGE: Duration = Duration::from_secs(5);
/// A tenant: whether it has an index, and groups.
pub type Tenant = (&'static str, bool, bool);
pub const TENANTS: [Tenant; 4] = [
    ("search", false, false),
    ("index", true, false),
    ("search-groups", false, true),
    ("index-groups", true, true),
];

/// Its configuration. Those with an index read the caller's entry at a call, or not: without groups,
/// and with groups.
pub fn config(site: &Site, layout: &Layout, confirming: [bool; 2]) -> String {
    let mut config = sections(
        "[server.limits]\n\
         requests_per_client = { burst = 100000, per = \"1s\" }\n\
         requests_per_address = { burst = 100000, per = \"1s\" }\n\
         calls_per_caller = { burst = 100000, per = \"1s\" }\n",
    );
    let (urls, ca) = (site.urls(), site.ca());
    for (id, indexed, grouped) in TENANTS {
        let _ = write!(
            config,
            "[[tenants]]\nid = \"{id}\"\ncountry = \"SE\"\n\
             [tenants.directory]\nkind = \"ldap\"\nservers = {urls:?}\n{}",
            layout.keys(ca.as_deref())
        );
        if indexed {
            let confirm = if confirming[usize::from(grouped)] { "entry" } else { "none" };
            let _ = writeln!(
                config,
                "lookup = \"index\"\nindex_max_age = \"{MAX_AGE:?}\"\n\
                 index_confirm = \"{confirm}\""
            );
            if ca.is_some() {
                config += "index_poll = \"500ms\"\n";
            }
        }
        if grouped {
            let (required, excluded) = (layout.group_dn(0), layout.group_dn(1));
            let _ = writeln!(
                config,
                "required_group = \"{required}\"\nexcluded_group = \"{excluded}\""
            );
        }
        config += "[tenants.limits]\n\
            codes_per_user = { burst = 1000, per = \"1s\" }\n\
            calls_per_number = { burst = 1000, per = \"1s\" }\n\
            wrong_passwords_per_user = { burst = 1000, per = \"1s\" }\n\
            wrong_codes_per_user = { burst = 1000, per = \"1s\" }\n";
        config += &clients();
    }
    config
}

/// Asks for a code, or about a login.
pub async fn ask(gateway: &Gateway, operation: &str, tenant: &str, said: &Value) -> Answer {
    let request = gateway.http.put(gateway.url(&format!("/api/authentication/{operation}")));
    let request = if operation == "getOTP" {
        request.basic_auth("pbx", Some("pbx-secret"))
    } else {
        request.bearer_auth("vpn-secret")
    };
    Answer::of(request.header("tenant", tenant).json(said)).await
}
