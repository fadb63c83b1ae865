//! The configuration files of the measured programs.

use std::net::SocketAddr;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::client::TOKEN;
use crate::ldap::{Server, USER_FILTER};
use crate::people::{ACCOUNT, BASE};

/// The configuration of dialpass.
pub(super) fn gateway(
    listen: SocketAddr,
    ops: SocketAddr,
    more_of_server: &str,
    store: &str,
    tenants: &[String],
) -> String {
    // Flood limits would stop a benchmark, so they are set as wide as they go; every check still
    // runs.
    let wide = "{ burst = 10000000, per = \"1s\" }";
    format!(
        "[server]\nlisten = \"{listen}\"\n{more_of_server}\n\
         [server.tls]\ncertificate = \"certs/server.pem\"\nprivate_key = \"certs/server.key\"\n\
         [server.limits]\nrequests_per_client = {wide}\nrequests_per_address = {wide}\n\
         calls_per_caller = {wide}\n\
         [ops]\nlisten = \"{ops}\"\n\
         [store]\n{store}\n\
         [keys]\nserver_key_file = \"server-key.hex\"\n\n{}",
        tenants.join("\n"),
    )
}

/// A tenant's quotas.
#[derive(Clone, Copy)]
pub enum Quotas {
    /// The default spans, so that rows live as long as in production.
    InEarnest,
    /// Effectively unlimited, for calls by the same few people.
    Open,
}

/// A tenant with the benchmark's one client. `lifetime` in seconds; a repeated call gets the same
/// code for half of it.
fn tenant(id: &str, lifetime: u32, quotas: Quotas, password: &str, directory: &str) -> String {
    let span = match quotas {
        Quotas::InEarnest => "10m",
        Quotas::Open => "1ms",
    };
    let token = hex::encode(Sha256::digest(TOKEN.as_bytes()));
    format!(
        "[[tenants]]\nid = \"{id}\"\ncountry = \"SE\"\n\
         [tenants.otp]\nlength = 6\nlifetime = \"{lifetime}s\"\n\
         [tenants.login]\npassword = \"{password}\"\n\
         [tenants.limits]\ncodes_per_user = {{ burst = 1000, per = \"{span}\" }}\n\
         calls_per_number = {{ burst = 1000, per = \"{span}\" }}\n\
         [tenants.directory]\n{directory}\n\
         [[tenants.clients]]\nname = \"load\"\noperations = [\"getOTP\", \"validateOTP\"]\n\
         bearer = {{ token_sha256 = \"{token}\" }}\n"
    )
}

/// A tenant whose people are in a file; they log in with the code alone.
pub fn file_tenant(id: &str, lifetime: u32, quotas: Quotas, people: &Path) -> String {
    let directory = format!("kind = \"file\"\nfile = \"{}\"", people.display());
    tenant(id, lifetime, quotas, "not-asked", &directory)
}

/// A tenant whose people are in a directory server.
pub fn ldap_tenant(id: &str, lifetime: u32, quotas: Quotas, server: &Server) -> String {
    tenant(id, lifetime, quotas, "required", &ldap_directory(server))
}

/// A tenant whose people are in a directory server and whose numbers are in an index.
pub fn index_tenant(id: &str, lifetime: u32, server: &Server) -> String {
    let directory = ldap_directory(server) + "\nlookup = \"index\"";
    tenant(id, lifetime, Quotas::Open, "required", &directory)
}

fn ldap_directory(server: &Server) -> String {
    format!(
        "kind = \"ldap\"\nservers = [\"ldap://127.0.0.1:{}\"]\nbind_dn = \"{}\"\n\
         bind_password = \"{}\"\nbase_dn = \"{BASE}\"\nuser_filter = \"{USER_FILTER}\"",
        server.port, server.bind_dn, server.bind_password,
    )
}

/// The configuration of a directory server.
pub(super) fn slapd(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\n\
         modulepath /usr/lib/ldap\nmoduleload back_mdb\n\
         pidfile {folder}/slapd.pid\nargsfile {folder}/slapd.args\nloglevel none\n\
         database mdb\nsuffix \"{BASE}\"\ndirectory {folder}/db\nmaxsize 17179869184\n\
         index objectClass eq\nindex uid eq\nindex mobile eq\nindex telephoneNumber eq\n\
         access to attrs=userPassword by anonymous auth by * none\naccess to * by * read\n"
    )
}

/// Besides the overlay itself: an index, and an account that may read all people.
pub(super) fn slapd_with_sync(folder: &Path) -> String {
    let plain = slapd(folder);
    plain.replace("moduleload back_mdb\n", "moduleload back_mdb\nmoduleload syncprov\n")
        + &format!(
            "limits dn.exact=\"{ACCOUNT}\" size=unlimited time=unlimited\n\
             index entryCSN,entryUUID eq\noverlay syncprov\nsyncprov-checkpoint 1000 60\n"
        )
}
