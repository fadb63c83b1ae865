//! What administrators see when a configuration is wrong.

mod all_mistakes;
mod directory;
mod environment;
mod fastagi;
mod never_works;
mod of_secrets;
mod server;
mod tenants;
mod voice;

use std::path::Path;

use super::{Config, ConfigError, DirectoryConfig, load, parse};
use crate::directory::ldap::settings::LdapSettings;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const TENANT: &str = "[[tenants]]\nid='t1'\ncountry='SE'\n[tenants.directory]\nkind='ldap'\nservers=['ldap://127.0.0.1']\nbind_dn='cn=a'\nbind_password='s3cr3t'\nbase_dn='dc=b'\n";

fn read(text: &str) -> Result<Config, ConfigError> {
    parse(Path::new("test.toml"), &format!("keys.server_key='{KEY}'\n{text}"), Path::new("/"), &[])
}

fn problem(text: &str) -> String {
    read(text).err().unwrap_or_else(|| panic!("refused: {text}")).to_string()
}

#[test]
fn a_minimal_configuration_has_the_documented_defaults() {
    let config = read(TENANT).expect("good");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8443");
    assert_eq!(config.server.request_deadline.as_secs(), 5);
    assert_eq!(config.server.limits.requests_per_client.burst, 2000);
    assert_eq!(config.tenants[0].limits.wrong_passwords_per_user.burst, 4);
    assert_eq!(config.tenants[0].otp.lifetime.as_secs(), 180);
    assert!(config.tenants[0].login.password_required);
}

#[test]
fn each_mistake_is_named_with_file_key_found_and_accepted() {
    let tenant = |extra: &str| format!("{TENANT}{extra}");
    for (text, key, says) in [
        ("[server]\nlisen='x'".to_owned(), "server.lisen", "unknown key `lisen`"),
        ("[server]\nlisten=5".to_owned(), "server.listen", "found 5"),
        (
            "[server]\nrequest_deadline='3x'".to_owned(),
            "server.request_deadline",
            "a duration such as",
        ),
        ("[server]\nrequest_deadline='3h'".to_owned(), "server.request_deadline", "found 3h"),
        ("[server]\nlisten='0.0.0.0:80'".to_owned(), "server.listen", "allow_plain_http"),
        (
            "[server.tls]\ncertificate='/nowhere.pem'\nprivate_key='/nowhere.key'".to_owned(),
            "server.tls.certificate",
            "/nowhere.pem",
        ),
        ("[store]\nurl='mysql://u:p@h'".to_owned(), "store.url", "sqlite:PATH"),
        (tenant("[tenants.otp]\nlength=9"), "tenants[0].otp.length", "6 to 8"),
        (tenant("[tenants.otp]\nlifetime='11m'"), "tenants[0].otp.lifetime", "10m"),
        (
            tenant("[tenants.limits]\ncodes_per_user={burst=0,per='1m'}"),
            "tenants[0].limits.codes_per_user.burst",
            "1 to",
        ),
        (
            tenant("[tenants.limits]\ncodes_per_user={burst=1,pre='1m'}"),
            "tenants[0].limits.codes_per_user",
            "`pre`",
        ),
        (
            tenant("[tenants.calls]\nminimum_attestation='D'"),
            "tenants[0].calls.minimum_attestation",
            "`A`",
        ),
        (
            tenant("[[tenants.clients]]\nname='c'\noperations=['getotp']"),
            "tenants[0].clients[0].operations",
            "`getOTP`",
        ),
        (
            tenant("[[tenants.clients]]\nname='c'\noperations=['getOTP']"),
            "tenants[0].clients[0]",
            "without a credential",
        ),
        (
            tenant("[[tenants.clients]]\nname='c'\noperations=['getOTP']\ncertificate={san='pbx'}"),
            "tenants[0].clients[0].certificate.san",
            "dns:",
        ),
        (
            tenant(
                "[[tenants.clients]]\nname='c'\noperations=['getOTP']\noauth2={issuer='i',audience='a',jwks_url='https://x',scope='s',algorithms=['HS256']}",
            ),
            "algorithms[0]",
            "HS256",
        ),
        (
            TENANT.replace("ldap://127.0.0.1", "ldap://10.0.0.1"),
            "tenants[0].directory.servers[0]",
            "in clear",
        ),
        (TENANT.replace("base_dn='dc=b'", ""), "tenants[0].directory.base_dn", "nothing"),
        (TENANT.replace("'SE'", "'se'"), "tenants[0].country", "\"SE\""),
        (format!("{TENANT}{TENANT}"), "tenants[1].id", "a second time"),
    ] {
        let text = if text.contains("[[tenants]]") { text } else { format!("{text}\n{TENANT}") };
        let problem = problem(&text);
        assert!(problem.starts_with("test.toml:"), "{problem}");
        assert!(problem.contains(key) && problem.contains(says), "{key}, {says}: {problem}");
        assert!(problem.contains("found ") && problem.contains("accepted: "), "{problem}");
    }
}

fn ldap(config: &Config) -> &LdapSettings {
    match &config.tenants[0].directory {
        DirectoryConfig::Ldap(ldap) => &ldap.settings,
        DirectoryConfig::File(_) | DirectoryConfig::Registered => panic!("an LDAP server"),
    }
}

#[test]
fn no_error_shows_a_secret() {
    for text in [
        TENANT.replace("bind_password='s3cr3t'", "bind_password='s3cr3t'\nbind_password_file='x'"),
        TENANT.replace("bind_password='s3cr3t'", "bind_password=['s3cr3t']"),
        TENANT.replace("bind_password='s3cr3t'", "bind_password='s3cr3t"),
        format!(
            "{TENANT}[[tenants.clients]]\nname='c'\noperations=['getOTP']\nbearer={{token_sha256='s3cr3t'}}"
        ),
    ] {
        let problem = problem(&text);
        assert!(!problem.contains("s3cr3t"), "{problem}");
    }
    let account = TENANT.replace("ldap://127", "ldap://u:s3cr3t@127");
    assert!(!problem(&account).contains("s3cr3t"));
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let empty = format!(
        "{TENANT}[[tenants.clients]]\nname='c'\noperations=['getOTP']\nbearer={{token_sha256='{nothing}'}}"
    );
    assert!(problem(&empty).contains("empty secret"));
    let config = read(TENANT).expect("good");
    let shown = format!("{config:?}");
    assert!(!shown.contains("s3cr3t") && !shown.contains(&KEY[..32]), "{shown}");
}

#[test]
fn an_unreadable_file_is_named() {
    let error = load(Path::new("/nowhere/dialpass.toml"), &[]).expect_err("no such file");
    assert!(error.to_string().contains("/nowhere/dialpass.toml"), "{error}");
}
