//! Every mistake in a file is reported with its position.

use std::path::Path;

use super::{KEY, TENANT};
use crate::config::{load, parse};

/// The start of each reported line.
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
        "test.toml:27:10: tenants[1].directory.bind_dn",
        "test.toml:27:10: tenants[1].directory.bind_password",
        "test.toml:27:10: tenants[1].directory.base_dn",
        "test.toml:29:32: tenants[1].directory.servers[1]",
        "test.toml:30:1: tenants[1].directory.start_tls",
        "test.toml:32:1: tenants[1].otp.length",
    ];
    assert_eq!(places(&said), expected, "{said}");
    for meant in ["`listen`", "\"require\"", "\"SE\"", "\"ldap\"", "`per`", "`getOTP`"] {
        assert!(said.contains(&format!("(did you mean {meant}?); accepted: ")), "{meant}: {said}");
    }
}

#[test]
fn lines_that_are_not_toml_are_named_beside_what_can_be_read() {
    let text = "[server]
listen = 127.0.0.1:8443
lisen = 'x'
workers = 0
[[tenants]]
id = t1
country = 'se'
[store
url = 'sqlite:a.db'
";
    let said = parse(Path::new("test.toml"), text, Path::new("/"), &[]).expect_err("bad");
    let said = said.to_string();
    let starts = [
        "test.toml:2:15: found a line that is not TOML: ",
        "test.toml:3:1: server.lisen: ",
        "test.toml:4:1: server.workers: ",
        "test.toml:6:6: found a line that is not TOML: ",
        "test.toml:7:1: tenants[0].country: ",
        "test.toml:8:7: found a line that is not TOML: ",
    ];
    // Keys missing elsewhere may be in those lines.
    assert_eq!(said.lines().count(), starts.len(), "{said}");
    for (line, start) in said.lines().zip(starts) {
        assert!(line.starts_with(start), "{start}: {line}");
    }
}

#[test]
fn a_bracket_that_is_missing_is_one_mistake() {
    let good = "[server]
listen = '127.0.0.1:8443'
trusted_proxies = ['10.0.0.1', '10.0.0.2']
[server.limits]
requests_per_client = { burst = 5, per = '1s' }
connections = 1000
[store]
url = 'sqlite:a.db'
[[tenants]]
id = 't1'
country = 'SE'
[tenants.directory]
kind = 'ldap'
servers = [
  'ldap://127.0.0.1',
  'ldap://127.0.0.2',
]
bind_dn = 'cn=a'
bind_password = 's3cr3t'
base_dn = 'dc=b'
[[tenants.clients]]
name = 'pbx'
operations = ['getOTP']
bearer = { token_sha256 = '0000000000000000000000000000000000000000000000000000000000000000' }
";
    let read = |text: &str| {
        let text = format!("keys.server_key = '{KEY}'\n{text}");
        parse(Path::new("test.toml"), &text, Path::new("/"), &[])
    };
    assert!(read(good).is_ok(), "{}", read(good).expect_err("bad"));
    let unclosed = "unclosed";
    for (whole, broken, at, says) in [
        ("'10.0.0.2']", "'10.0.0.2'", "4:19", unclosed),
        ("'ldap://127.0.0.2',\n]", "'ldap://127.0.0.2',", "15:11", unclosed),
        ("['getOTP']", "['getOTP'", "24:14", unclosed),
        ("per = '1s' }", "per = '1s'", "6:23", "its `}` is missing"),
        ("00' }", "00'", "25:10", "its `}` is missing"),
        ("[server]", "[server", "2:", unclosed),
        ("[server.limits]", "[server.limits", "5:", unclosed),
        ("[store]", "[store", "8:", unclosed),
        ("[[tenants]]", "[[tenants]", "10:", unclosed),
        ("[[tenants]]", "[[tenants", "10:", unclosed),
        ("[tenants.directory]", "[tenants.directory", "13:", unclosed),
        ("[[tenants.clients]]", "[[tenants.clients]", "22:", unclosed),
    ] {
        assert!(good.contains(whole), "{whole}");
        let said = read(&good.replacen(whole, broken, 1)).expect_err(broken).to_string();
        assert_eq!(said.lines().count(), 1, "{broken}: {said}");
        let start = format!("test.toml:{at}");
        assert!(said.starts_with(&start) && said.contains(says), "{start}: {said}");
        assert!(!said.contains("s3cr3t"), "{said}");
    }
}

#[test]
fn the_error_for_unclosed_braces_says_where_they_open() {
    let basic = "basic = { username = \"a\", password_sha256 = \"00\"";
    let tenant = |client: &str| {
        format!(
            "keys.server_key = '{KEY}'\n{TENANT}[[tenants.clients]]\nname = 'c'\n{client}\n\
             [[tenants.clients]]\nname = 'd'\noperations = ['getOTP']\n\
             bearer = {{ token_sha256 = '{KEY}' }}\n"
        )
    };
    for client in [
        format!("{basic}\noperations = ['getOTP']"),
        format!("{basic} # and so on\noperations = ['getOTP']"),
        format!("{basic},\noperations = ['getOTP']"),
        format!("{basic}\n\noperations = ['getOTP']\ncertificate = {{ san = 'dns:a' }}"),
        basic.to_owned(),
    ] {
        let text = tenant(&client);
        let said = parse(Path::new("test.toml"), &text, Path::new("/"), &[]).expect_err(&client);
        let said = said.to_string();
        assert_eq!(said.lines().count(), 1, "{client}: {said}");
        assert!(
            said.starts_with("test.toml:13:9: ") && said.contains("its `}` is missing"),
            "{said}"
        );
        assert!(said.contains("NAME = { KEY = VALUE, KEY = VALUE }"), "{said}");
    }
    // Here it is a comma that is missing.
    let lines = tenant("basic = {\n username = 'a'\n password_sha256 = '00'\n}");
    let said = parse(Path::new("test.toml"), &lines, Path::new("/"), &[]).expect_err("bad");
    assert!(said.to_string().contains("missing comma"), "{said}");
}

#[test]
fn the_error_for_a_wrong_type_shows_the_value_as_written() {
    let (tenant, client) =
        ("[[tenants]]\nid='t1'\ncountry='SE'\n", "[[tenants.clients]]\nname='c'\n");
    for (text, at, found, accepted) in [
        (
            TENANT.replacen("[[tenants]]", "[tenants]", 1),
            "2:2: tenants",
            "one section, as [tenants]",
            "[[tenants]], in double",
        ),
        (
            format!("{TENANT}[tenants.clients]\nname='c'\n"),
            "11:10: tenants[0].clients",
            "one section, as [tenants.clients]",
            "[[tenants.clients]], in double",
        ),
        (
            format!("{tenant}sms.providers={{name='a'}}\n"),
            "5:5: tenants[0].sms.providers",
            "one section",
            "[[tenants.sms.providers]], in double",
        ),
        (
            format!("{TENANT}{client}operations = \"getOTP\"\n"),
            "13:1: tenants[0].clients[0].operations",
            "\"getOTP\"",
            "a list in brackets: operations = [\"getOTP\"]",
        ),
        (
            format!("[server]\ntrusted_proxies='10.0.0.1'\n{TENANT}"),
            "3:1: server.trusted_proxies",
            "\"10.0.0.1\"",
            "trusted_proxies = [\"10.0.0.1\"]",
        ),
        (
            format!("[[server]]\n{TENANT}"),
            "2:3: server",
            "a list, or",
            "[server] with keys of its own",
        ),
        (
            format!("{TENANT}{client}operations=['getOTP']\nbasic='pbx:s3cr3t'\n"),
            "14:1: tenants[0].clients[0].basic",
            "a text",
            "[tenants.clients.basic] with keys of its own, or basic = { KEY",
        ),
        (
            format!("{TENANT}[[tenants.sms.providers]]\nname='a'\nheaders='s3cr3t'\n"),
            "13:1: tenants[0].sms.providers[0].headers",
            "a text",
            "or headers = { KEY",
        ),
        (
            format!("[server]\nworkers='2'\n{TENANT}"),
            "3:1: server.workers",
            "\"2\"",
            "without quotes",
        ),
        (
            format!("[server]\nallow_plain_http='yes'\n{TENANT}"),
            "3:1: server.allow_plain_http",
            "\"yes\"",
            "true or false, without",
        ),
        (
            format!("[audit]\nfile=5\n{TENANT}"),
            "3:1: audit.file",
            "integer `5`",
            "a path in quotes",
        ),
        (
            format!("[audit]\nfile=''\n{TENANT}"),
            "3:1: audit.file",
            "an empty path",
            "the path of a file",
        ),
        (
            TENANT.replace("bind_password='s3cr3t'", "bind_password_file=''"),
            "9:1: tenants[0].directory.bind_password_file",
            "an empty path",
            "the path of a file",
        ),
    ] {
        let text = format!("keys.server_key = '{KEY}'\n{text}");
        let said = parse(Path::new("test.toml"), &text, Path::new("/"), &[]).expect_err(at);
        let said = said.to_string();
        let line =
            said.lines().find(|line| line.starts_with(&format!("test.toml:{at}: found {found}")));
        let told = line.and_then(|line| line.split_once("; accepted: "));
        assert!(told.is_some_and(|(_, told)| told.contains(accepted)), "{at}, {found}: {said}");
        assert!(!said.contains("s3cr3t"), "{said}");
    }
    let twice = format!("keys.server_key = '{KEY}'\n{TENANT}[tenants]\nid='t2'\n");
    let said = parse(Path::new("test.toml"), &twice, Path::new("/"), &[]).expect_err("bad");
    let said = said.to_string();
    assert!(
        said.contains("test.toml:11:2: ") && said.contains("double brackets: [[tenants]]"),
        "{said}"
    );
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
        ("DIALPASS_SERVER__LIMITS", "{ tracked_keys = 1 }", "server.limits.tracked_keys: found 1;"),
        ("DIALPASS_SERVER", "{ drain = '6m' }", "server.drain: found 6m"),
        ("DIALPASS_SERVER__TLS", "{ certificate = 'x' ", "a table that is not TOML"),
        ("DIALPASS_SERVER_DRAIN", "6s", "a variable that sets no key"),
    ] {
        let said = set(name, value);
        assert!(said.starts_with(&format!("environment: {name}: ")), "{said}");
        assert!(said.contains(says) && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn a_variables_mistake_is_not_a_line_of_the_file() {
    let text = format!(
        "keys.server_key='{KEY}'\n[server]\ntrusted_proxies=['127.0.0.2']\n[server.limits]\n\
         tracked_keys=5000\n{TENANT}"
    );
    for (name, value, says) in [
        ("DIALPASS_SERVER__TRUSTED_PROXIES", "['10.0.0.1/33']", "server.trusted_proxies[0]: found"),
        ("DIALPASS_SERVER__LIMITS", "{ tracked_keys = 1 }", "server.limits.tracked_keys: found 1;"),
        ("DIALPASS_SERVER__LIMITS__REQUESTS_PER_CLIENT__BURST", "3", "requests_per_client.per: "),
    ] {
        let environment = [(name.to_owned(), value.to_owned())];
        let read = parse(Path::new("test.toml"), &text, Path::new("/"), &environment);
        let said = read.expect_err("bad").to_string();
        assert!(said.starts_with(&format!("environment: {name}: ")), "{said}");
        assert!(said.contains(says) && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn a_variable_may_set_a_whole_section_and_other_peoples_are_left_alone() {
    let text = format!("keys.server_key='{KEY}'\n{TENANT}");
    let set = |name: &str, value: &str| {
        let environment = [(name.to_owned(), value.to_owned())];
        parse(Path::new("test.toml"), &text, Path::new("/"), &environment).expect("good")
    };
    assert!(set("DIALPASS_OPS", "{ enabled = false }").ops.is_none());
    assert!(set("DIALPASS_HOME", "/x").ops.is_some());
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

#[test]
fn a_credential_that_systemd_did_not_pass_is_one_mistake() {
    let text = format!("keys.server_key_file='$CREDENTIALS_DIRECTORY/key'\n{TENANT}");
    let said = parse(Path::new("test.toml"), &text, Path::new("/"), &[]).expect_err("bad");
    let said = said.to_string();
    assert!(said.contains("LoadCredential=") && said.lines().count() == 1, "{said}");
}
