//! What an administrator is told when a configuration is wrong.

use std::path::Path;

use super::{
    Config, ConfigError, DirectoryConfig, LdapConfig, LookupConfig, NumberMatchConfig,
    ProfileConfig, load, parse,
};

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

#[test]
fn each_mistake_about_push_is_named_and_shows_no_key() {
    let push = |extra: &str| {
        let contact =
            if extra.contains("contact") { "" } else { "contact='mailto:it@example.com'" };
        let key = if extra.contains("private_key") { "" } else { "private_key='s3cr3t'" };
        format!("[push]\n{contact}\n{key}\n{extra}\n{TENANT}")
    };
    for (extra, key, says) in [
        ("contact='it@example.com'", "push.contact", "mailto:NAME@HOST"),
        ("contact=5", "push.contact", "found integer `5`"),
        ("hosts=[]", "push.hosts", "an empty list"),
        ("hosts=['a.example.com','*.com']", "push.hosts[1]", "\"*.com\""),
        ("hosts=['https://a.example.com']", "push.hosts[0]", "a host's name"),
        ("hosts=['10.0.0.1']", "push.hosts[0]", "10.0.0.1"),
        ("timeout='20s'", "push.timeout", "100ms to 10s"),
        ("ca_file='/nowhere.pem'", "push.ca_file", "/nowhere.pem"),
        ("private_key_file='/nowhere.pem'", "push.private_key_file", "/nowhere.pem"),
        ("private_key='s3cr3t'\nprivate_key_file='x'", "push.private_key", "one of them"),
        ("private_key=''", "push.private_key", "empty"),
        ("private_kee='s3cr3t'", "push.private_kee", "unknown key"),
    ] {
        let problem = problem(&push(extra));
        assert!(problem.contains(key) && problem.contains(says), "{key}, {says}: {problem}");
        assert!(!problem.contains("s3cr3t"), "{problem}");
    }
    for (section, key) in [("", "push.contact"), ("contact='https://a'", "push.private_key")] {
        let problem = problem(&format!("[push]\n{section}\n{TENANT}"));
        assert!(problem.contains(key) && problem.contains("found nothing"), "{problem}");
    }
    let config = read(&push("")).expect("good");
    let good = config.push.as_ref().expect("push");
    assert_eq!((good.hosts.len(), good.timeout.as_secs()), (4, 2));
    assert!(!format!("{config:?}").contains("s3cr3t"));
    assert!(read(TENANT).expect("good").push.is_none(), "left out");
}

#[test]
fn a_tenants_company_is_shown_as_it_is_or_not_at_all() {
    let app = |keys: &str| format!("{TENANT}[tenants.app]\n{keys}");
    let company = |text: &str| read(text).expect("good").tenants.remove(0).app;
    assert_eq!(company(TENANT).company, "t1");
    assert!(!company(TENANT).match_number);
    let given = company(&app("company='Müller & Söhne AG'\nmatch_number=true"));
    assert!(given.company == "Müller & Söhne AG" && given.match_number);
    for wrong in ["", " ", " x", "a\\nb", "a\\u202eb", &"x".repeat(101)] {
        let problem = problem(&app(&format!("company=\"{wrong}\"")));
        assert!(problem.contains("tenants[0].app.company"), "{problem}");
    }
}

#[test]
fn each_mistake_about_the_store_is_named_and_shows_no_password() {
    for (text, key, says) in [
        ("[store]\nurl='sqlite::memory:'".to_owned(), "store.url", "the path of a file"),
        ("[store]\nurl='sqlite:a.db?mode=ro'".to_owned(), "store.url", "the path of a file"),
        ("[store]\nurl='sqlite:/'".to_owned(), "store.url", "a folder"),
        ("[store]\nconnections=3".to_owned(), "store.connections", "PostgreSQL"),
        (
            "[store]\nurl='postgres://u:Sec@ret@localhost/d'".to_owned(),
            "store.url",
            "percent-encoded",
        ),
        ("[store]\nurl='postgres://u:Sec?ret@localhost/d'".to_owned(), "store.url", "is none"),
        (
            "[store]\nurl='postgres://u@h/d?sslmode=require&sslmode=disable'".to_owned(),
            "store.url",
            "twice",
        ),
        ("[store]\nurl='postgres://h/d'".to_owned(), "store.url", "no user"),
        ("[store]\nurl='postgres://u@/d'".to_owned(), "store.url", "no host"),
        ("[store]\nurl='postgres://u@db.example.com/d'".to_owned(), "store.url", "no sslmode"),
        (
            "[store]\nurl='postgres://u@localhost,db.example.com/d?sslmode=prefer'".to_owned(),
            "store.url",
            "in clear to db.example.com:5432",
        ),
        ("[store]\nurl='postgres://u@h/d?sslmode=full'".to_owned(), "store.url", "verify-full"),
        ("[store]\nurl='postgres://u@h/d?sslmoed=require'".to_owned(), "store.url", "sslmoed"),
        (
            "[store]\nurl='postgres://u@h/d?sslmode=require&target_session_attrs=any'".to_owned(),
            "store.url",
            "read-write",
        ),
        (
            "[store]\nurl='postgres://u:p@localhost/d'\npassword='q'".to_owned(),
            "store.password",
            "one of them",
        ),
        (
            "[store]\nurl='postgres://u@localhost/d'\nclient_certificate='/nowhere'".to_owned(),
            "store.client_certificate",
            "both or neither",
        ),
    ] {
        let text = if text.contains("[[tenants]]") { text } else { format!("{text}\n{TENANT}") };
        let problem = problem(&text);
        assert!(problem.starts_with("test.toml:"), "{problem}");
        assert!(problem.contains(key) && problem.contains(says), "{key}, {says}: {problem}");
        assert!(problem.contains("found ") && problem.contains("accepted: "), "{problem}");
    }
}

fn ldap(config: &Config) -> &LdapConfig {
    match &config.tenants[0].directory {
        DirectoryConfig::Ldap(ldap) => ldap,
        DirectoryConfig::File(_) | DirectoryConfig::Registered => panic!("an LDAP server"),
    }
}

#[test]
fn a_profile_presets_what_differs_between_servers() {
    let with = |more: &str| TENANT.replace("base_dn=", &format!("{more}\nbase_dn="));
    let config = read(TENANT).expect("good");
    let own = ldap(&config);
    assert_eq!(own.profile, ProfileConfig::OpenLdap);
    assert_eq!((own.username_attribute.as_str(), own.id_attribute.as_str()), ("uid", "entryUUID"));
    assert_eq!(own.number_match, NumberMatchConfig::Equality);
    assert_eq!(own.lookup, LookupConfig::Search);

    let config = read(&with("profile='active-directory'")).expect("good");
    let own = ldap(&config);
    assert_eq!(own.username_attribute, "sAMAccountName");
    assert_eq!(own.id_attribute, "objectGUID");
    assert_eq!(own.user_filter, "(&(objectCategory=person)(objectClass=user))");
    assert_eq!(own.number_match, NumberMatchConfig::Patterns);

    let config =
        read(&with("profile='active-directory'\nusername_attribute='mail'")).expect("good");
    assert_eq!(ldap(&config).username_attribute, "mail", "what is written comes first");
    let config = read(&TENANT.replace("'dc=b'", "['ou=a,dc=b', 'ou=c,dc=b']")).expect("good");
    assert_eq!(ldap(&config).base_dns, ["ou=a,dc=b", "ou=c,dc=b"]);
}

#[test]
fn directory_keys_that_do_not_fit_together_are_refused() {
    let with = |more: &str| TENANT.replace("base_dn=", &format!("{more}\nbase_dn="));
    for (more, key, says) in [
        ("profile='ad'", "profile", "`active-directory`"),
        ("required_group='otp-users'", "required_group", "a DN, such as"),
        ("excluded_group=''", "excluded_group", "nothing"),
        ("profile='active-directory'\ngroup_base_dn='ou=g'", "group_base_dn", "themselves"),
        ("ambiguous='pin'", "pin_attribute", "nothing"),
        ("pin_attribute='employeeNumber'", "pin_attribute", "ambiguous = \"pin\""),
        ("ambiguous='pin'\npin_attribute='a*'", "pin_attribute", "an attribute's name"),
        ("index_max_age='1h'", "index_max_age", "lookup = \"index\""),
        ("lookup='index'\nindex_max_age='25h'", "index_max_age", "1day"),
        ("lookup='index'\nindex_poll='2s'", "index_poll", "RFC 4533"),
        ("server_order='random'", "server_order", "`round-robin`"),
        ("phone_attributes=['mobile','Mobile']", "phone_attributes[1]", "a second time"),
    ] {
        let problem = problem(&with(more));
        let key = format!("tenants[0].directory.{key}: ");
        assert!(problem.contains(&key) && problem.contains(says), "{more}: {problem}");
    }
    for bases in ["[]", "''", "['dc=b', 'b']", "5"] {
        let problem = problem(&TENANT.replace("base_dn='dc=b'", &format!("base_dn={bases}")));
        assert!(problem.contains("tenants[0].directory.base_dn"), "{problem}");
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
fn the_environment_overrides_the_file() {
    let set = |name: &str, value: &str| {
        let text = format!("keys.server_key='{KEY}'\n{TENANT}");
        let environment = [(name.to_owned(), value.to_owned())];
        parse(Path::new("test.toml"), &text, Path::new("/"), &environment)
    };
    let config = set("DIALPASS_SERVER__LISTEN", "127.0.0.1:1").expect("good");
    assert_eq!(config.server.listen.port(), 1);
    let config = set("DIALPASS_SERVER__WORKERS", "3").expect("good");
    assert_eq!(config.server.workers, Some(3));
    let error = set("DIALPASS_SERVER__LISEN", "x").expect_err("no such key");
    assert!(error.to_string().contains("lisen"), "{error}");
    let error = set("DIALPASS_SERVER__LISTEN", "localhost").expect_err("no address");
    assert!(error.to_string().starts_with("environment: DIALPASS_SERVER__LISTEN: "), "{error}");
    assert!(set("DIALPASS_HOME", "x").is_ok(), "not a key's name");
}

#[test]
fn an_unreadable_file_is_named() {
    let error = load(Path::new("/nowhere/dialpass.toml"), &[]).expect_err("no such file");
    assert!(error.to_string().contains("/nowhere/dialpass.toml"), "{error}");
}

#[test]
fn what_can_be_used_and_may_not_be_meant_is_warned_of() {
    let registered = "[[tenants]]\nid='t1'\ncountry='SE'\nlogin.password='not-asked'\n\
        directory.kind='registered'\n";
    let config = read(registered).expect("good");
    let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("test.toml:2:1: tenants[0]: "), "{warnings:?}");
    assert!(warnings[0].contains("nobody can register"), "{warnings:?}");
    let served = format!("[server]\npublic_url='https://id.example.com'\n{registered}");
    assert!(read(&served).expect("good").warnings.is_empty());
    assert!(read(TENANT).expect("good").warnings.is_empty());
}

#[test]
fn a_country_without_national_prefix_is_told_to_say_how_its_phone_system_writes() {
    let warned = |country: &str, calls: &str| {
        let tenant = TENANT.replace("'SE'", &format!("'{country}'"));
        let config = read(&format!("{tenant}[tenants.calls]\n{calls}")).expect("good");
        let said: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
        said.iter().any(|warning| warning.contains("tenants[0].calls.numbers"))
    };
    for country in ["US", "CA", "IT", "ES", "NO", "DK", "PL", "CN", "BR"] {
        assert!(warned(country, ""), "{country}");
        for numbers in ["auto", "e164", "e164-without-plus", "national"] {
            assert!(!warned(country, &format!("numbers='{numbers}'")), "{country} {numbers}");
        }
    }
    for country in ["SE", "DE", "GB", "FR", "CH", "AU", "RU"] {
        assert!(!warned(country, ""), "{country}");
    }
    let wrong = problem(&format!("{TENANT}[tenants.calls]\nnumbers='e.164'"));
    assert!(wrong.contains("tenants[0].calls.numbers"), "{wrong}");
    assert!(wrong.contains("e164-without-plus"), "{wrong}");
}

/// The start of each line of what is said.
fn places(said: &str) -> Vec<&str> {
    said.lines().map(|line| line.split(": found ").next().expect("a line")).collect()
}

#[test]
fn all_mistakes_of_a_file_are_named_at_once_each_with_its_line() {
    let text = "[server]
lisen = '127.0.0.1:1'
workers = 'two'
request_deadline = '3h'

[store]
url = 'postgres://u@h/d?sslmode=requier'
[keys]
server_key = '0123'

[[tenants]]
id = 't 1'
country = 'se'
[tenants.directory]
kind = 'ldpa'
[tenants.limits]
codes_per_user = { burst = 1, pre = '1m' }
[[tenants.clients]]
operations = ['getotp', 'validateOTP', 'log in']
basic = { username = 'a:b' }
[[tenants.clients]]
name = 'c'
operations = ['getOTP']

[[tenants]]
id = 't2'
[tenants.directory]
kind = 'ldap'
servers = ['ldap://127.0.0.1', 5]
start_tls = 'yes'
[tenants.otp]
length = 9
";
    let said = parse(Path::new("test.toml"), text, Path::new("/"), &[]).expect_err("bad");
    let said = said.to_string();
    let expected = [
        "test.toml:2:1: server.lisen",
        "test.toml:3:1: server.workers",
        "test.toml:4:1: server.request_deadline",
        "test.toml:7:1: store.url (sslmode)",
        "test.toml:9:1: keys.server_key",
        "test.toml:12:1: tenants[0].id",
        "test.toml:13:1: tenants[0].country",
        "test.toml:15:1: tenants[0].directory.kind",
        "test.toml:17:31: tenants[0].limits.codes_per_user.pre",
        "test.toml:18:1: tenants[0].clients[0].name",
        "test.toml:19:15: tenants[0].clients[0].operations[0]",
        "test.toml:19:40: tenants[0].clients[0].operations[2]",
        "test.toml:20:1: tenants[0].clients[0].basic.password_sha256",
        "test.toml:20:11: tenants[0].clients[0].basic.username",
        "test.toml:21:1: tenants[0].clients[1]",
        "test.toml:25:1: tenants[1].country",
        "test.toml:27:10: tenants[1].directory.bind_password",
        "test.toml:27:10: tenants[1].directory.bind_dn",
        "test.toml:27:10: tenants[1].directory.base_dn",
        "test.toml:29:32: tenants[1].directory.servers[1]",
        "test.toml:30:1: tenants[1].directory.start_tls",
        "test.toml:32:1: tenants[1].otp.length",
    ];
    assert_eq!(places(&said), expected, "{said}");
    for meant in ["`listen`", "\"require\"", "\"SE\"", "`ldap`", "`per`", "`getOTP`"] {
        assert!(said.contains(&format!("(did you mean {meant}?); accepted: ")), "{meant}: {said}");
    }
}

#[test]
fn lines_that_are_not_toml_are_named_beside_what_can_be_read() {
    let text = "[server]
listen = 127.0.0.1:8443
lisen = 'x'
workers = 0
[store
url = 'sqlite:a.db'
[[tenants]]
id = t1
country = 'se'
";
    let said = parse(Path::new("test.toml"), text, Path::new("/"), &[]).expect_err("bad");
    let said = said.to_string();
    for place in ["test.toml:2:", "test.toml:5:", "test.toml:8:"] {
        assert!(
            said.contains(&format!("{place}")) && said.contains("a line that is not TOML"),
            "{place}: {said}"
        );
    }
    for key in ["3:1: server.lisen", "4:1: server.workers", "9:1: tenants[0].country"] {
        assert!(said.contains(key), "{key}: {said}");
    }
    assert!(!said.contains("found nothing"), "what is missing may stand in those lines: {said}");
}

#[test]
fn what_a_variable_sets_is_named_by_the_variable() {
    let set = |name: &str, value: &str| {
        let text = format!("keys.server_key='{KEY}'\n{TENANT}");
        let environment = [(name.to_owned(), value.to_owned())];
        let read = parse(Path::new("test.toml"), &text, Path::new("/"), &environment);
        read.expect_err("bad").to_string()
    };
    for (name, value, says) in [
        ("DIALPASS_SERVER__DRAIN", "6m", "found 6m"),
        ("DIALPASS_SERVER__LISEN", "x", "(did you mean `listen`?)"),
        ("DIALPASS_SERVER__LIMITS", "{ tracked_keys = 1 }", "1000 to"),
        ("DIALPASS_KEYS__SERVER_KEY", "zz", "64 hexadecimal digits"),
    ] {
        let said = set(name, value);
        assert!(said.starts_with(&format!("environment: {name}: ")), "{said}");
        assert!(said.contains(says) && said.lines().count() == 1, "{said}");
    }
}

mod of_secrets {
    use super::*;

    const AGAIN: &str = "bind_password='s3cr3t'";

    /// What is said of a secret file with these bytes: warnings if it is good, else problems.
    fn said_of(bytes: &[u8]) -> Result<(String, Vec<String>), String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("secret"), bytes).expect("a file");
        let text = TENANT.replace(AGAIN, "bind_password_file='secret'");
        let text = format!("keys.server_key='{KEY}'\n{text}");
        let read = parse(Path::new("test.toml"), &text, folder.path(), &[]);
        let config = read.map_err(|error| error.to_string())?;
        let secret =
            secrecy::ExposeSecret::expose_secret(&ldap(&config).bind_password.0).to_owned();
        Ok((secret, config.warnings.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn a_mark_and_a_line_end_are_no_part_of_it() {
        for bytes in
            ["pass word", "pass word\n", "pass word\r\n", "\u{feff}pass word\r\n", "pass word\n\n"]
        {
            let (secret, warnings) = said_of(bytes.as_bytes()).expect("good");
            assert_eq!((secret.as_str(), warnings), ("pass word", vec![]), "{bytes:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_and_never_shown() {
        for (bytes, found) in [
            (&b"hunt\0er2\n"[..], "a control character (NUL) after 4 characters"),
            (b"hunter22\t\n", "a control character (a tab) after 8 characters"),
            (b"hunt\rer2\n", "a carriage return"),
            (b"hunter2\nsecond-hunter\n", "a second line"),
            (b"\xff\xfeh\0u\0n\0t\0", "text in UTF-16"),
            (b"h\0u\0n\0t\0", "text in UTF-16"),
            (b"hunter\xe4", "not UTF-8"),
            (b"\xef\xbb\xbf\r\n", "an empty secret"),
        ] {
            let said = said_of(bytes).expect_err("bad");
            let key = "test.toml:9:1: tenants[0].directory.bind_password_file: ";
            assert!(said.starts_with(key) && said.contains(found), "{found}: {said}");
            assert!(said.contains("accepted: "), "{said}");
            assert!(!said.contains("hunt") && !said.contains("h\0"), "{said}");
        }
    }

    #[test]
    fn what_may_be_meant_is_warned_of_and_kept() {
        for (text, warned) in [
            ("password \n", "a blank at its end"),
            (" password", "a blank at its beginning"),
            ("password\u{a0}\n", "a blank at its end"),
            ("pass\u{200b}word", "shows as nothing (U+200B)"),
            ("\u{feff}\u{feff}password", "shows as nothing (U+FEFF)"),
        ] {
            let (secret, warnings) = said_of(text.as_bytes()).expect("good");
            let kept = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches('\n');
            assert_eq!(secret, kept);
            let [warning] = warnings.as_slice() else { panic!("one: {warnings:?}") };
            assert!(
                warning.contains("bind_password_file") && warning.contains(warned),
                "{warning}"
            );
            assert!(
                !warning.contains("password ") && !warning.contains("pass\u{200b}"),
                "{warning}"
            );
        }
    }

    #[test]
    fn every_secret_is_read_alike() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("secret"), b"a\0b\n").expect("a file");
        std::fs::write(folder.path().join("good"), format!("\u{feff}{KEY}\r\n")).expect("a file");
        let postgres = "url='postgres://u@localhost/d'\npassword_file='secret'";
        let sms = "[[tenants.sms.providers]]\nname='a'\nurl='https://x/'\n\
                   headers={A={file='secret'}}\nbasic={username={file='secret'},password='p'}\n\
                   variables={b={file='secret'}}";
        let push = "contact='mailto:a@example.com'\nprivate_key_file='secret'";
        let tenant = TENANT.replace(AGAIN, "bind_password_file='secret'");
        let text = |keys: &str| {
            format!(
                "[keys]\nserver_key_file='{keys}'\n[store]\n{postgres}\n[push]\n{push}\n{tenant}{sms}\n"
            )
        };
        let read = |keys| parse(Path::new("test.toml"), &text(keys), folder.path(), &[]);
        let said = read("secret").expect_err("bad").to_string();
        for key in [
            "keys.server_key_file",
            "store.password_file",
            "push.private_key_file",
            "tenants[0].directory.bind_password_file",
            "tenants[0].sms.providers[0].headers.A",
            "tenants[0].sms.providers[0].basic.username",
            "tenants[0].sms.providers[0].variables.b",
        ] {
            let line = said.lines().find(|line| line.contains(&format!(" {key}: ")));
            assert!(line.is_some_and(|line| line.contains("(NUL) after 1 char")), "{key}: {said}");
        }
        let said = read("good").expect_err("bad").to_string();
        assert!(!said.contains("keys.server_key_file"), "{said}");
        assert!(problem(&TENANT.replace(AGAIN, "bind_password=\"a\\u0000b\"")).contains("(NUL)"));
    }
}

#[test]
fn a_file_with_a_mark_is_read_and_one_in_utf_16_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dialpass.toml");
    let text = format!("keys.server_key='{KEY}'\n{TENANT}");
    std::fs::write(&path, format!("\u{feff}{text}")).expect("a file");
    assert!(load(&path, &[]).is_ok());
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [[b"\xff\xfe", wide.as_slice()].concat(), wide] {
        std::fs::write(&path, bytes).expect("a file");
        let said = load(&path, &[]).expect_err("bad").to_string();
        assert!(
            said.contains("UTF-16") && said.contains("accepted: TOML, text in UTF-8"),
            "{said}"
        );
    }
    std::fs::write(&path, b"# a\n# \xe4\n").expect("a file");
    let said = load(&path, &[]).expect_err("bad").to_string();
    assert!(said.contains("bytes in line 2 that are not UTF-8"), "{said}");
}
