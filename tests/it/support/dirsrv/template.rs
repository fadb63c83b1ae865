//! What each test's server is configured by: 389-ds's own template of a server, filled in, and a
//! certificate store that is made once.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::{ADMIN_DN, ADMIN_PASSWORD, SUFFIX};
use crate::support::slapd::write_certificates;

/// The template from which 389-ds itself makes servers.
const TEMPLATE: &str = "/usr/share/dirsrv/data/template-dse.ldif";
/// The folders of a server. The import wants the database's to be there.
const FOLDERS: [&str; 8] = ["bak", "db", "db/userRoot", "ldif", "log", "run", "schema", "tmp"];

/// What the people of `FreeIPA` have that 389-ds's own schema does not know.
const FREEIPA: &str = "dn: cn=schema\n\
    attributeTypes: ( 2.16.840.1.113730.3.8.3.1 NAME 'ipaUniqueID' EQUALITY caseIgnoreMatch \
    SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )\n\
    objectClasses: ( 2.16.840.1.113730.3.8.4.7 NAME 'ipaObject' AUXILIARY MAY ipaUniqueID )\n";

/// Makes the folders and files of a server that is to listen on these ports. `indexed` are the
/// attributes to index beside the default ones.
pub fn make(folder: &Path, ports: (u16, u16), indexed: &[&str]) {
    for name in FOLDERS {
        fs::create_dir(folder.join(name)).expect("the folder is new");
    }
    for name in ["certmap.conf", "slapd-collations.conf"] {
        copy(Path::new("/etc/dirsrv/config"), folder, name);
    }
    copy(Path::new("/usr/share/dirsrv/data"), &folder.join("schema"), "60kerberos.ldif");
    fs::write(folder.join("schema/61freeipa.ldif"), FREEIPA).expect("the folder can be written");
    let certificates = certificates();
    for name in ["ca.pem", "cert9.db", "key4.db", "pkcs11.txt"] {
        copy(certificates, folder, name);
    }
    let mut dse = dse(folder, ports);
    for attribute in indexed {
        write!(
            dse,
            "dn: cn={attribute},cn=default indexes,cn=config,cn=ldbm database,cn=plugins,\
             cn=config\nobjectClass: top\nobjectClass: nsIndex\ncn: {attribute}\n\
             nsSystemIndex: false\nnsIndexType: pres\nnsIndexType: eq\nnsIndexType: sub\n\n"
        )
        .unwrap();
    }
    dse += &database(folder);
    fs::write(folder.join("dse.ldif"), dse).expect("the folder can be written");
}

/// The template, filled in.
fn dse(folder: &Path, (port, tls_port): (u16, u16)) -> String {
    let mut dse = fs::read_to_string(TEMPLATE).expect("389-ds is installed (389-ds-base)");
    let at = |name: &str| folder.join(name).display().to_string();
    let here = folder.display().to_string();
    let user = Command::new("id").arg("-un").output().expect("id is everywhere").stdout;
    for (name, value) in [
        ("schema_dir", at("schema")),
        ("lock_dir", at("run")),
        ("tmp_dir", at("tmp")),
        ("cert_dir", here.clone()),
        ("ldif_dir", at("ldif")),
        ("bak_dir", at("bak")),
        ("run_dir", at("run")),
        ("inst_dir", here.clone()),
        ("log_dir", at("log")),
        ("config_dir", here.clone()),
        ("db_dir", at("db")),
        ("db_home_dir", at("db")),
        ("db_lib", "bdb".to_owned()),
        ("fqdn", "localhost".to_owned()),
        ("ds_port", port.to_string()),
        ("ds_user", String::from_utf8(user).expect("a name").trim().to_owned()),
        ("rootdn", ADMIN_DN.to_owned()),
        ("ds_passwd", format!("{{CLEAR}}{ADMIN_PASSWORD}")),
        ("ldapi_enabled", "off".to_owned()),
        ("ldapi_autobind", "off".to_owned()),
        ("ldapi", at("run/ldapi")),
        ("ds_suffix", SUFFIX.to_owned()),
    ] {
        dse = dse.replace(&format!("%{name}%"), &value);
    }
    let listen = format!(
        "nsslapd-listenhost: 127.0.0.1\nnsslapd-securelistenhost: 127.0.0.1\n\
         nsslapd-security: on\nnsslapd-secureport: {tls_port}\n\
         nsslapd-accesslog-logbuffering: off\n"
    );
    insert(&mut dse, "cn=config", &listen);
    // By default the caches are a part of the machine's memory, and on disk as well.
    let small = "nsslapd-cache-autosize: 0\nnsslapd-dbcachesize: 10000000\n\
        nsslapd-db-durable-transaction: off\n";
    insert(&mut dse, "cn=config,cn=ldbm database,cn=plugins,cn=config", small);
    dse
}

/// The one database.
fn database(folder: &Path) -> String {
    let at = folder.display();
    format!(
        "dn: cn=dc\\3Dexample\\2Cdc\\3Dcom,cn=mapping tree,cn=config\n\
         objectClass: top\nobjectClass: extensibleObject\nobjectClass: nsMappingTree\n\
         cn: {SUFFIX}\nnsslapd-state: backend\nnsslapd-backend: userRoot\n\n\
         dn: cn=userRoot,cn=ldbm database,cn=plugins,cn=config\n\
         objectClass: top\nobjectClass: extensibleObject\nobjectClass: nsBackendInstance\n\
         cn: userRoot\nnsslapd-suffix: {SUFFIX}\nnsslapd-directory: {at}/db/userRoot\n\n"
    )
}

/// Adds lines to an entry.
fn insert(dse: &mut String, dn: &str, lines: &str) {
    let head = format!("dn: {dn}\n");
    let at = dse.find(&head).expect("the template has the entry") + head.len();
    dse.insert_str(at, lines);
}

/// A CA, and a store with a certificate by it for the names that a test asks by.
fn certificates() -> &'static Path {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = TempDir::new().expect("a temporary folder");
        write_certificates(folder.path(), &["127.0.0.1", "localhost"]);
        let run = |line: &str| {
            let output = Command::new("sh").current_dir(folder.path()).args(["-ec", line]).output();
            let output = output.expect("a shell");
            assert!(output.status.success(), "{line}: {output:?}");
        };
        run("openssl pkcs12 -export -in server.pem -inkey server.key -out server.p12 \
             -passout pass: -name Server-Cert");
        run("certutil -N -d . --empty-password && pk12util -i server.p12 -d . -W '' \
             && certutil -A -d . -n CA -t CT,, -a -i ca.pem");
        folder
    });
    made.path()
}

fn copy(from: &Path, to: &Path, name: &str) {
    fs::copy(from.join(name), to.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
}
