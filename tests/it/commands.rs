//! The commands as a shell runs them: what they print, and how they end.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use crate::support::gateway::{
    Gateway, clients, folder, ldap_tenant, sections, sha256, wait_until,
};
use crate::support::slapd::Slapd;

mod access_key;
mod administration;
mod check_directory;
mod checking;
pub mod demo;
mod files;
mod lookup;
mod manual;
mod person;

/// Runs the program to its end.
pub fn dialpass(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dialpass"));
    command.stdin(Stdio::null());
    command
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

const PEOPLE: &str = "\
    [[people]]\nusername = \"anna\"\nnumbers = [\"+46 70 123 45 67\"]\n\
    [[people]]\nusername = \"carl\"\nnumbers = [\"070-333 44 55\"]\n\
    [[people]]\nusername = \"cecilia\"\nnumbers = [\"+46703334455\"]\n\
    [[people]]\nusername = \"diana\"\nnumbers = [\"+46704445566\"]\nenabled = false\n";

/// A configuration with a directory in a file, in a folder of its own.
fn on_a_file() -> (tempfile::TempDir, String) {
    let folder = folder();
    std::fs::write(folder.path().join("people.toml"), PEOPLE).unwrap();
    let tenant = "[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
                  [tenants.directory]\nkind = \"file\"\nfile = \"people.toml\"\n";
    let config = format!("{}{tenant}{}", sections(""), clients());
    (folder, config)
}

fn write(folder: &Path, config: &str) -> String {
    let path = folder.join("dialpass.toml");
    std::fs::write(&path, config).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn check_config_says_that_a_good_configuration_is_good() {
    let (folder, config) = on_a_file();
    let path = write(folder.path(), &config);
    let output = dialpass(&["check-config", "--config", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("good") && stdout(&output).contains("tenant t1: 2 clients"));
    assert!(!folder.path().join("dialpass.db").exists(), "it only looks");
}

#[test]
fn a_bad_configuration_is_named_with_file_key_found_and_accepted_and_never_served() {
    let (folder, good) = on_a_file();
    // A server that went on to listen would fail otherwise: somebody else listens there.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = good.replacen("127.0.0.1:0", &taken.local_addr().unwrap().to_string(), 1);
    let certificates = "[server.tls]\ncertificate = \"server-key.hex\"\n\
                        private_key = \"server-key.hex\"\n[ops]";
    for (old, new, key, found) in [
        ("[server]", "[server]\nlisen = 1", "server.lisen", "unknown key"),
        ("[ops]", "[ops]\nenabled = \"yes\"", "ops.enabled", "\"yes\""),
        (
            "[server]",
            "[server]\nrequest_deadline = \"5 parsecs\"",
            "server.request_deadline",
            "5 p",
        ),
        ("server-key.hex", "nowhere.hex", "keys.server_key_file", "nowhere.hex"),
        ("people.toml", "nowhere.toml", "tenants[0].directory.file", "nowhere.toml"),
        ("people.toml", "server-key.hex", "tenants[0].directory.file", "server-key.hex"),
        ("[ops]", certificates, "server.tls", "server-key.hex"),
        ("id = \"t1\"", "id = t1", "line", "not TOML"),
    ] {
        let config = good.replacen(old, new, 1);
        assert_ne!(config, good, "{new}");
        let path = write(folder.path(), &config);
        for command in ["check-config", "serve"] {
            let output = dialpass(&[command, "--config", &path]);
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(78), "{command}, {new}: {said}");
            for part in [path.as_str(), key, found, "found ", "accepted: "] {
                assert!(said.contains(part), "{command} says {part}: {said}");
            }
            assert!(stdout(&output).is_empty(), "{}", stdout(&output));
        }
    }
    assert!(!folder.path().join("dialpass.db").exists(), "no store was opened");
    let nowhere = folder.path().join("nowhere.toml");
    for command in ["check-config", "serve"] {
        let output = dialpass(&[command, "--config", nowhere.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(78));
        assert!(stderr(&output).contains("nowhere.toml"), "{}", stderr(&output));
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let (folder, config) = on_a_file();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (key, config) in [
        ("server.listen", config.replacen("127.0.0.1:0", &address, 1)),
        (
            "ops.listen",
            config
                .replace("[ops]\nlisten = \"127.0.0.1:0", &format!("[ops]\nlisten = \"{address}")),
        ),
    ] {
        let path = write(folder.path(), &config);
        let output = dialpass(&["serve", "--config", &path]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(key) && said.contains(&address), "{said}");
    }
}

#[test]
fn a_new_secret_is_64_hex_digits_with_their_digest_beside() {
    let (one, other) = (dialpass(&["new-secret"]), dialpass(&["new-secret"]));
    assert!(one.status.success());
    let secret = stdout(&one);
    let secret = secret.strip_suffix('\n').expect("a line");
    assert!(secret.len() == 64 && secret.bytes().all(|b| b.is_ascii_hexdigit()), "{secret}");
    assert_ne!(stdout(&one), stdout(&other));
    assert!(stderr(&one).contains(&sha256(secret)), "{}", stderr(&one));
    assert!(!stderr(&one).contains(secret));
}

#[test]
fn a_new_push_key_is_one_that_the_configuration_takes() {
    let (folder, config) = on_a_file();
    let (one, other) = (dialpass(&["new-push-key"]), dialpass(&["new-push-key"]));
    assert!(one.status.success() && stdout(&one) != stdout(&other));
    let public = stderr(&one).trim_end().rsplit(' ').next().expect("a word").to_owned();
    assert!(public.len() == 87 && public.starts_with('B'), "a point, uncompressed: {public}");
    let push = |key: &str| {
        std::fs::write(folder.path().join("push.pem"), key).unwrap();
        let push = "[push]\ncontact = \"mailto:it@example.com\"\nprivate_key_file = \"push.pem\"\n";
        let path = write(folder.path(), &format!("{push}{config}"));
        dialpass(&["check-config", "--config", &path])
    };
    let checked = push(&stdout(&one));
    assert!(checked.status.success(), "{}", stderr(&checked));
    let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    for (wrong, found) in [
        (p384.serialize_pem(), "not on P-256"),
        (stdout(&one).replace("BEGIN", "BEGAN"), "without a PEM private key"),
        (public, "without a PEM private key"),
    ] {
        let checked = push(&wrong);
        let said = stderr(&checked);
        assert_eq!(checked.status.code(), Some(78), "{said}");
        for part in ["push.private_key_file", found, "accepted: ", "dialpass new-push-key"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let secret = wrong.lines().nth(1).unwrap_or(&wrong);
        assert!(!said.contains(secret), "{said}");
    }
    let checked = push(&format!("{}\n", stdout(&one)).replace('\n', "\r\n"));
    assert!(checked.status.success(), "{}", stderr(&checked));
    let no_ca = write(
        folder.path(),
        &format!(
            "[push]\ncontact = \"https://example.com\"\nca_file = \"people.toml\"\n\
                  private_key_file = \"push.pem\"\n{config}"
        ),
    );
    let said = stderr(&dialpass(&["check-config", "--config", &no_ca]));
    assert!(said.contains("push.ca_file") && said.contains("PEM"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hashed_password_is_right_in_a_people_file() {
    let hash = |password: &str| {
        let mut child = program()
            .arg("hash-password")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    assert_eq!(hash("").status.code(), Some(1));
    assert_eq!(hash("\n").status.code(), Some(1), "an empty line is no password");
    let output = hash("Smörgås på bordet\n");
    assert!(output.status.success(), "{}", stderr(&output));
    let people = PEOPLE.replacen(
        "numbers",
        &format!("password_hash = \"{}\"\nnumbers", stdout(&output).trim_end()),
        1,
    );
    let (folder, config) = on_a_file();
    std::fs::write(folder.path().join("people.toml"), people).unwrap();
    let gateway = Gateway::start_in(Arc::new(folder), &config);
    let code = gateway.code("+46701234567").await;
    assert_eq!(gateway.login("anna", "Smorgas pa bordet", &code).await.status, 403);
    assert_eq!(gateway.login("anna", "Smörgås på bordet", &code).await.status, 200);
}

#[test]
fn lookup_says_who_would_get_a_code_and_ends_with_0_for_exactly_one() {
    let (folder, config) = on_a_file();
    let path = write(folder.path(), &config);
    for (number, status, says) in [
        ("070-123 45 67", 0, "anna would get a code"),
        ("+46701234567", 0, "+46701234567"),
        ("+46709999999", 1, "no one has this number"),
        ("+46703334455", 1, "several people have this number"),
        ("0704445566", 1, "diana is disabled"),
        ("anonymous", 1, "a withheld number"),
        ("hello", 1, "not a telephone number"),
    ] {
        let output = dialpass(&["lookup", number, "--config", &path]);
        assert_eq!(output.status.code(), Some(status), "{number}: {}", stderr(&output));
        assert!(stdout(&output).contains(says), "{number}: {}", stdout(&output));
    }
    let output = dialpass(&["lookup", "+46701234567", "--config", &path, "--tenant", "t9"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("--tenant") && stderr(&output).contains("t1"));
}

#[test]
fn lookup_asks_the_directory_server_and_says_what_is_wrong_with_it() {
    let mut slapd = Slapd::builder().without_log().start();
    let folder = folder();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let path = write(folder.path(), &format!("{}{tenant}{}", sections(""), clients()));
    let output = dialpass(&["lookup", "+46701234567", "--config", &path]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("anna would get a code"), "{}", stdout(&output));
    let output = dialpass(&["lookup", "+46703334455", "--config", &path]);
    assert!(stdout(&output).contains("several people"), "{}", stdout(&output));
    slapd.kill();
    let output = dialpass(&["lookup", "+46701234567", "--config", &path]);
    assert_eq!(output.status.code(), Some(1));
    let said = stdout(&output);
    assert!(said.contains(&slapd.url()) && said.contains("connect"), "{said}");

    let slapd = Slapd::builder().without_log().without_number_index().start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let path = write(folder.path(), &format!("{}{tenant}{}", sections(""), clients()));
    let output = dialpass(&["lookup", "+46701234567", "--config", &path]);
    assert_eq!(output.status.code(), Some(1));
    let said = stdout(&output);
    for word in ["result code 11", "no index for mobile, telephoneNumber", "account's limit"] {
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn lookup_ends_quietly_when_its_output_is_closed() {
    let (folder, config) = on_a_file();
    let path = write(folder.path(), &config);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = program()
        .args(["lookup", "+46701234567", "--config", &path])
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn lookup_says_that_calls_are_answered_from_the_index() {
    let slapd = Slapd::builder().users(0).without_log().with_sync().start();
    let folder = folder();
    for (more, says) in [("lookup = \"index\"", true), ("", false)] {
        let tenant = ldap_tenant("t1", &[&slapd.url()], more);
        let path = write(folder.path(), &format!("{}{tenant}{}", sections(""), clients()));
        let output = dialpass(&["lookup", "+46701234567", "--config", &path]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(stdout(&output).contains("calls from its index"), says, "{}", stdout(&output));
    }
}

#[test]
fn lookup_explains_each_step_down_to_the_audit_trails_reason() {
    let slapd = Slapd::builder().users(0).without_log().start();
    let folder = folder();
    let lookup = |more: &str, arguments: &[&str]| {
        let tenant = ldap_tenant("t1", &[&slapd.url()], more);
        let path = write(folder.path(), &format!("{}{tenant}{}", sections(""), clients()));
        let output = dialpass(&[&["lookup", "--config", &path], arguments].concat());
        (output.status.code(), stdout(&output))
    };
    let (status, said) = lookup("", &["\"Anna\" <sip:0701234567@pbx.example.com>"]);
    assert_eq!(status, Some(0), "{said}");
    for part in [
        "read as    +46701234567",
        "the address in angle brackets, not the display name",
        "scheme \"sip\"",
        "by the tenant's country",
        "search     ou=people,dc=example,dc=com and all below",
        "(mobile=+46701234567)",
        "attributes entryUUID uid userAccountControl mobile telephoneNumber",
        "anna (uid=anna,ou=people,dc=example,dc=com)",
        "mobile \"+46 70-123 45 67\" is this number",
        "verdict    anna would get a code",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let group = "required_group = \"cn=otp,ou=groups,dc=example,dc=com\"";
    let barred = "excluded_group = \"cn=barred,ou=groups,dc=example,dc=com\"";
    let pins = "ambiguous = \"pin\"\npin_attribute = \"employeeNumber\"";
    for (more, arguments, status, says) in [
        (group, &["+46701234567"] as &[&str], 0, "anna would get a code"),
        (group, &["+46812345678"], 0, "fia would get a code"),
        (group, &["+46704445566"], 1, "refused, disabled: diana is disabled"),
        (group, &["+46701000001"], 1, "refused, not_in_required_group: form1"),
        (barred, &["+46705556677"], 1, "refused, in_excluded_group: erik"),
        ("", &["+46703334455"], 1, "refused, number_ambiguous: several people"),
        ("", &["+46709999999"], 1, "and more, or one unusable entry"),
        ("", &["+46709090909"], 1, "refused, number_unknown: no one has this number"),
        ("", &["anonymous"], 1, "refused, number_withheld"),
        ("", &["hello"], 1, "refused, number_unparseable"),
        (pins, &["+46703334455"], 1, "and no PIN was keyed"),
        (pins, &["+46703334455"], 1, "has a PIN, but none was keyed (--pin)"),
        (pins, &["+46703334455", "--pin", "3333"], 1, "has another PIN"),
        (pins, &["+46703334455", "--pin", "2222"], 0, "cecilia would get a code"),
        (pins, &["+46703334455", "--pin", "3333"], 1, "the keyed PIN does not select exactly one"),
        (pins, &["+46703334455", "--pin", "x"], 78, ""),
    ] {
        let (ended, said) = lookup(more, arguments);
        assert_eq!(ended, Some(status), "{more} {arguments:?}: {said}");
        assert!(said.contains(says), "{says} in {said}");
        assert!(!said.contains("2222") && !said.contains("1111"), "PINs stay hidden: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn development_certificates_serve_and_name_a_client() {
    let folder = folder();
    let certs = folder.path().join("certs");
    let dir = certs.to_str().unwrap();
    let output = dialpass(&["dev-certs", "--dir", dir]);
    assert!(output.status.success(), "{}", stderr(&output));
    let files =
        ["ca.pem", "clients-ca.pem", "server.pem", "server.key", "client.pem", "client.key"];
    let read = |name: &str| std::fs::read(certs.join(name)).unwrap();
    for name in files {
        let mode = std::fs::metadata(certs.join(name)).unwrap().permissions().mode() & 0o777;
        let private = Path::new(name).extension().is_some_and(|extension| extension == "key");
        assert_eq!(mode, if private { 0o600 } else { 0o644 }, "{name}");
    }

    let before = files.map(read);
    let again = dialpass(&["dev-certs", "--dir", dir]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("--force"), "{}", stderr(&again));
    assert_eq!(files.map(read), before, "nothing was touched");
    assert!(dialpass(&["dev-certs", "--dir", dir, "--force"]).status.success());
    assert_ne!(files.map(read), before);
    let mode = std::fs::metadata(certs.join("server.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let (_, config) = on_a_file();
    std::fs::write(folder.path().join("people.toml"), PEOPLE).unwrap();
    let tls = "[server.tls]\ncertificate = \"certs/server.pem\"\n\
               private_key = \"certs/server.key\"\nclient_ca = \"certs/clients-ca.pem\"\n[ops]";
    let client = "[[tenants.clients]]\nname = \"centre\"\noperations = [\"getOTP\"]\n\
                  certificate = { san = \"dns:pbx.example.com\" }\n";
    let config = format!("{}{client}", config.replacen("[ops]", tls, 1));
    let gateway = Gateway::start_in(Arc::new(folder), &config);
    let file = |name: &str| certs.join(name).to_str().unwrap().to_owned();
    let curl = |with: &[&str]| {
        Command::new("curl")
            .args(["-sS", "-i", "-X", "PUT", "--cacert", &file("ca.pem")])
            .args(["-H", "tenant: t1", "-H", "Content-Type: application/json"])
            .args(["-d", "{\"phonenumber\":\"+46701234567\"}"])
            .args(with)
            .arg(gateway.url("/api/authentication/getOTP"))
            .output()
            .unwrap()
    };
    let named = curl(&["--cert", &file("client.pem"), "--key", &file("client.key")]);
    assert!(stdout(&named).contains(" 200 "), "{}{}", stdout(&named), stderr(&named));
    wait_until("the client is recorded", || {
        gateway.audit().iter().any(|event| event["client"] == "centre")
    });
    let nameless = curl(&[]);
    assert!(stdout(&nameless).contains(" 401 "), "{}{}", stdout(&nameless), stderr(&nameless));
    let untrusting = Command::new("curl").args(["-sS", &gateway.url("/")]).output().unwrap();
    assert_eq!(untrusting.status.code(), Some(60), "curl knows no such CA");
}

#[test]
fn each_command_has_help_and_wrong_arguments_end_with_2() {
    let help = dialpass(&["--help"]);
    assert!(help.status.success());
    let help = stdout(&help);
    let commands = [
        "serve",
        "demo",
        "check-config",
        "check-directory",
        "lookup",
        "new-secret",
        "new-push-key",
        "hash-password",
        "dev-certs",
    ];
    for command in commands {
        assert!(help.contains(command), "{command}: {help}");
        let output = dialpass(&[command, "--help"]);
        assert!(output.status.success(), "{command}");
        assert!(stdout(&output).contains("Usage: dialpass"), "{}", stdout(&output));
        assert_eq!(dialpass(&[command, "--no-such-option"]).status.code(), Some(2), "{command}");
    }
    assert!(dialpass(&["--version"]).status.success());
    assert_eq!(dialpass(&[]).status.code(), Some(2));
    assert_eq!(dialpass(&["serve"]).status.code(), Some(2), "a configuration is needed");
}
