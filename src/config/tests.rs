//! What administrators see when a configuration is wrong.

mod all_mistakes;
mod never_works;
mod of_secrets;

use std::path::Path;

use super::{
    Config, ConfigError, DirectoryConfig, LdapConfig, LookupConfig, NumberMatchConfig,
    ProfileConfig, SpokenConfig, load, parse,
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
fn a_tenant_chooses_how_codes_are_spelt_out() {
    let with = |keys: &str| TENANT.replace("country", &format!("{keys}\ncountry"));
    let spoken = |keys: &str| read(&with(keys)).expect("good").tenants.remove(0).spoken;
    assert_eq!(spoken("spoken=false"), None);
    let words =
        |separator: &str, as_strings| SpokenConfig { separator: separator.to_owned(), as_strings };
    assert_eq!(spoken("spoken=true"), Some(words(", ", false)));
    assert_eq!(spoken("spoken='strings'\nspoken_separator=' '"), Some(words(" ", true)));
    for (keys, key, says) in [
        ("spoken=3", "tenants[0].spoken", "true, false or \"strings\""),
        ("spoken='numbers'", "tenants[0].spoken", "true, false or \"strings\""),
        ("spoken=true\nspoken_separator='1'", "tenants[0].spoken_separator", "no digits"),
        ("spoken=true\nspoken_separator=''", "tenants[0].spoken_separator", "no digits"),
        ("spoken_separator=' '", "tenants[0].spoken_separator", "spoken = true beside it"),
    ] {
        let problem = problem(&with(keys));
        assert!(problem.contains(key) && problem.contains(says), "{keys}: {problem}");
    }
}

#[test]
fn without_a_password_a_code_is_longer_and_takes_more_tries() {
    let otp = |more: &str| read(&format!("{TENANT}{more}")).expect("good").tenants[0].otp;
    let usual = otp("");
    assert_eq!((usual.digits, usual.max_attempts), (6, 3));
    let alone = otp("[tenants.login]\npassword='not-asked'\n");
    assert_eq!((alone.digits, alone.max_attempts), (8, 10));
    let chosen =
        otp("[tenants.login]\npassword='not-asked'\n[tenants.otp]\nlength=7\nmax_attempts=2\n");
    assert_eq!((chosen.digits, chosen.max_attempts), (7, 2));
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
fn proxies_are_not_most_of_the_internet_and_what_they_send_is_named() {
    let all = ["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/7", "2000::/3", "::ffff:0.0.0.0/96"];
    for key in ["trusted_proxies", "proxy_protocol_from"] {
        for network in all {
            let problem = problem(&format!("[server]\n{key}=['10.0.0.1','{network}']\n{TENANT}"));
            let at = format!("server.{key}[1]");
            assert!(problem.contains(&at) && problem.contains("anybody"), "{network}: {problem}");
        }
        for network in ["10.0.0.0/8", "fc00::/7", "2001:db8::1", "192.0.2.1"] {
            assert!(read(&format!("[server]\n{key}=['{network}']\n{TENANT}")).is_ok(), "{network}");
        }
    }
    let proxy = |keys: &str| {
        format!("[server]\ntrusted_proxies=['10.0.0.1']\n[server.proxy]\n{keys}\n{TENANT}")
    };
    for (keys, key) in [
        ("certificate_format='escaped-pem'", "server.proxy.certificate_header"),
        ("certificate_header='X-Cert'", "server.proxy.certificate_header"),
        ("certificate_format='xfcc'\ncertificate_header='a b'", "server.proxy.certificate_header"),
        ("secret_header=''", "server.proxy.secret_header"),
        ("certificate={san='dns:a'}", "server.proxy.certificate"),
        ("address_header='X-Real-IP'", "server.proxy.address_header"),
    ] {
        let problem = problem(&proxy(keys));
        assert!(problem.contains(key), "{keys}: {problem}");
    }
    let config = read(&proxy("certificate_format='xfcc'\naddress_header='X-Forwarded-For'"));
    let config = config.expect("good").server.proxy;
    let form = super::CertificateFormConfig::Xfcc("x-forwarded-client-cert".to_owned());
    assert_eq!(config.certificate, form);
    let alone = format!("[server.proxy]\naddress_header='X-Forwarded-For'\n{TENANT}");
    assert!(problem(&alone).contains("server.trusted_proxies"));
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
        ("index_full_read='1h'", "index_full_read", "lookup = \"index\""),
        ("lookup='index'\nindex_full_read='2s'", "index_full_read", "10s"),
        ("index_confirm='none'", "index_confirm", "lookup = \"index\""),
        ("lookup='index'\nindex_confirm='all'", "index_confirm", "`none`"),
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
    let error = set("DIALPASS_SERVER__LISTEN", "5").expect_err("a number, where text is wanted");
    assert!(error.to_string().contains("found 5"), "{error}");
    let error = set("DIALPASS_TENANTS__ID", "x").expect_err("several of them");
    assert!(error.to_string().contains("\"tenants\", which is not a section"), "{error}");
    let config = set("DIALPASS_SERVER__LIMITS__TRACKED_KEYS", "2000").expect("good");
    assert_eq!(config.server.limits.tracked_keys, 2000);
    let text = format!("keys.server_key='{KEY}'\n{TENANT}");
    let variables = [("DIALPASS_SERVER__TLS", "x"), ("DIALPASS_SERVER__TLS__CERTIFICATE", "y")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let error = parse(Path::new("test.toml"), &text, Path::new("/"), &variables);
    assert!(error.expect_err("one within the other").to_string().contains("TLS__CERTIFICATE: "));
}

#[test]
fn an_unreadable_file_is_named() {
    let error = load(Path::new("/nowhere/dialpass.toml"), &[]).expect_err("no such file");
    assert!(error.to_string().contains("/nowhere/dialpass.toml"), "{error}");
}

#[test]
fn what_can_be_used_and_may_not_be_meant_is_warned_of() {
    let registered = "[[tenants]]\nid='t1'\ncountry='SE'\nlogin.password='not-asked'\n\
        directory.kind='registered'\ncalls.minimum_attestation='A'\n";
    let config = read(registered).expect("good");
    let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("test.toml:2:1: tenants[0]: "), "{warnings:?}");
    assert!(warnings[0].contains("nobody can register"), "{warnings:?}");
    let served = format!("[server]\npublic_url='https://id.example.com'\n{registered}");
    assert!(read(&served).expect("good").warnings.is_empty());
    let client = format!(
        "[[tenants.clients]]\nname='c'\noperations=['getOTP']\nbearer={{token_sha256='{KEY}'}}\n"
    );
    assert!(read(&format!("{TENANT}{client}")).expect("good").warnings.is_empty());
    // If the code is the only secret, the caller must be attested.
    let unattested = served.replace("calls.minimum_attestation='A'\n", "");
    let warnings = read(&unattested).expect("good").warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].to_string().contains("tenants[0].login.password: "), "{}", warnings[0]);
}

#[test]
fn a_country_whose_numbers_begin_with_no_zero_is_told_to_say_how_its_phone_system_writes() {
    let warned = |country: &str, calls: &str| {
        let tenant = TENANT.replace("'SE'", &format!("'{country}'"));
        let config = read(&format!("{tenant}[tenants.calls]\n{calls}")).expect("good");
        let said: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
        said.iter().any(|warning| warning.contains("tenants[0].calls.numbers"))
    };
    for country in ["US", "CA", "IT", "ES", "NO", "DK", "PL", "CN", "BR", "RU", "MX"] {
        assert!(warned(country, ""), "{country}");
        for numbers in ["auto", "e164", "e164-without-plus", "national"] {
            assert!(!warned(country, &format!("numbers='{numbers}'")), "{country} {numbers}");
        }
    }
    for country in ["SE", "DE", "GB", "FR", "CH", "AU", "JP"] {
        assert!(!warned(country, ""), "{country}");
    }
    let wrong = problem(&format!("{TENANT}[tenants.calls]\nnumbers='e.164'"));
    assert!(wrong.contains("tenants[0].calls.numbers"), "{wrong}");
    assert!(wrong.contains("e164-without-plus"), "{wrong}");
}

#[test]
fn a_client_without_credential_from_anywhere_is_warned_of() {
    let warned = |addresses: &str| {
        let client = format!(
            "[[tenants.clients]]\nname='lab'\noperations=['getOTP']\nanonymous={{addresses={addresses}}}"
        );
        let config = read(&format!("{TENANT}{client}")).expect("good");
        config.warnings.iter().any(|warning| warning.to_string().contains("anybody's code"))
    };
    assert!(warned("['0.0.0.0/0']") && warned("['10.0.0.0/8', '::/0']"));
    assert!(!warned("['127.0.0.1']") && !warned("['10.0.0.0/8', 'fd00::/8']"));
}
