//! What check-config, a start and a reload say of a configuration: all mistakes at once, and what
//! can be used and should be looked at.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::{dialpass, on_a_file, stderr, stdout, write};
use crate::support::gateway::{Gateway, clients, folder, ldap_tenant, sections, wait_until};
use crate::support::pki::{Ca, Leaf};

/// The keys that lines speak of, where they say in which line of the file.
fn keys<'a>(said: &'a str, path: &str) -> Vec<&'a str> {
    let start = format!("{path}:");
    let lines = said.lines().filter_map(|line| line.strip_prefix(&start));
    lines.filter_map(|line| line.split(": ").nth(1)).collect()
}

#[test]
fn mistakes_of_sections_and_of_what_is_made_of_them_are_named_at_once() {
    let (folder, config) = on_a_file();
    std::fs::write(folder.path().join("bad.pem"), "no certificate").unwrap();
    std::fs::write(
        folder.path().join("people.toml"),
        "[[people]]\nusername = \"anna\"\nnumbers = [\"x\"]\nage = 7\n\
         [[people]]\nusername = \"bo\"\nnumbers = [\"y\", \"z\"]\n",
    )
    .unwrap();
    let other =
        ldap_tenant("t2", &["ldaps://127.0.0.1"], "user_filter = \"(\"\nca_file = \"bad.pem\"");
    let tls = "[server.tls]\ncertificate = \"bad.pem\"\nprivate_key = \"bad.pem\"\n[ops]";
    let config = config.replacen("[ops]", tls, 1).replace("[\"getOTP\"]", "[\"getotp\"]");
    let config = format!("{config}{other}[tenants.otp]\nlength = 9\n");
    let path = write(folder.path(), &config);
    for command in ["check-config", "serve"] {
        let output = dialpass(&[command, "--config", &path]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(78), "{said}");
        let expected = [
            "server.tls",
            "tenants[0].directory.file",
            "tenants[0].directory.file",
            "tenants[0].directory.file",
            "tenants[0].clients[0].operations[0]",
            "tenants[1].directory.user_filter",
            "tenants[1].directory.ca_file",
            "tenants[1].otp.length",
        ];
        assert_eq!(keys(&said, &path), expected, "{command}: {said}");
        assert!(said.contains("people.toml: line 4: unknown field `age`"), "{said}");
    }
}

#[test]
fn a_people_file_may_have_a_mark_and_is_utf_8() {
    let (folder, config) = on_a_file();
    let path = write(folder.path(), &format!("\u{feff}{config}"));
    let people = "\u{feff}[[people]]\r\nusername = \"anna\"\r\n";
    std::fs::write(folder.path().join("people.toml"), people).unwrap();
    let output = dialpass(&["check-config", "--config", &path]);
    assert!(output.status.success(), "{}", stderr(&output));
    let wide: Vec<u8> = people.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(folder.path().join("people.toml"), wide).unwrap();
    let said = stderr(&dialpass(&["check-config", "--config", &path]));
    assert!(said.contains("directory.file") && said.contains("UTF-16"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_ones_own_that_expired_is_a_warning_with_its_date() {
    let folder = Arc::new(folder());
    let ca = Ca::new("a CA");
    let expired = ca.client(Leaf { dns: "localhost", uri: "", serial: 1, ends: 2021 });
    for (name, text) in
        [("own.pem", &expired.certificate), ("own.key", &expired.key), ("ca.pem", &ca.pem())]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    }
    let tls = "[server.tls]\ncertificate = \"own.pem\"\nprivate_key = \"own.key\"";
    let directory = "ca_file = \"ca.pem\"\nclient_certificate = \"own.pem\"\n\
                     client_private_key = \"own.key\"";
    let tenant = ldap_tenant("t1", &["ldaps://127.0.0.1:1"], directory);
    let config = format!("{}{tenant}{}", sections(tls), clients());
    let path = write(folder.path(), &config);
    let output = dialpass(&["check-config", "--config", &path]);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stdout(&output);
    let warnings: Vec<&str> =
        said.lines().filter_map(|line| line.strip_prefix("warning: ")).collect();
    let expected = ["server.tls.certificate", "tenants[0].directory.client_certificate"];
    assert_eq!(keys(&warnings.join("\n"), &path), expected, "{said}");
    assert_eq!(said.matches("expired at 2021-01-01T00:00:00Z").count(), 2, "{said}");
    assert!(said.lines().last().is_some_and(|line| line.ends_with(": good")), "{said}");

    let gateway = Gateway::start_in(Arc::clone(&folder), &config);
    let warned = |count: usize| {
        let warnings = || {
            let log = gateway.log();
            let lines = log.lines().filter(|line| line.contains("\"WARN\""));
            lines.filter(|line| line.contains("expired at 2021-01-01")).count()
        };
        wait_until("warnings", || warnings() >= count);
    };
    warned(2);
    gateway.signal("HUP");
    warned(4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_fails_logs_every_mistake() {
    let (folder, config) = on_a_file();
    let gateway = Gateway::start_in(Arc::new(folder), &config);
    let bad = config.replacen("[server]", "[server]\nlisen = 1\ndrain = \"6m\"", 1);
    let restart = config.replacen("[server]", "[server]\nworkers = 7", 1);
    let restart = restart.replacen("dialpass.db", "other.db", 1);
    for (config, keys) in
        [(bad, ["server.lisen", "server.drain"]), (restart, ["server.workers", "store.url"])]
    {
        std::fs::write(gateway.file("dialpass.toml"), config).unwrap();
        gateway.signal("HUP");
        for key in keys {
            gateway.wait_for_line(&format!(": {key}: found "));
        }
    }
}

#[test]
fn a_clients_ca_has_to_be_one_and_to_be_trusted_by_the_server() {
    let (folder, config) = on_a_file();
    let (ca, other) = (Ca::new("a CA"), Ca::new("another CA"));
    let own = ca.server(1);
    let leaf = ca.client(Leaf { dns: "pbx.example", uri: "", serial: 2, ends: 2080 });
    for (name, text) in [
        ("own.pem", own.certificate.clone()),
        ("own.key", own.key.clone()),
        ("ca.pem", ca.pem()),
        ("below.pem", ca.intermediate("a CA below it").pem()),
        ("both.pem", format!("{}{}", other.pem(), ca.pem())),
        ("other.pem", other.pem()),
        ("namesake.pem", Ca::new("a CA").pem()),
        ("leaf.pem", leaf.certificate.clone()),
        ("mixed.pem", format!("{}{}", ca.pem(), leaf.certificate)),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    }
    let tls = "[server.tls]\ncertificate = \"own.pem\"\nprivate_key = \"own.key\"\n\
               client_ca = \"ca.pem\"\n[ops]";
    let run = |config: &str| {
        let output = dialpass(&["check-config", "--config", &write(folder.path(), config)]);
        (output.status.code(), stdout(&output) + &stderr(&output))
    };
    let check = |file: &str| {
        let client = format!(
            "[[tenants.clients]]\nname = \"centre\"\noperations = [\"getOTP\"]\n\
             certificate = {{ san = \"dns:pbx.example\", ca_file = \"{file}\" }}\n"
        );
        run(&format!("{}{client}", config.replacen("[ops]", tls, 1)))
    };
    for good in ["ca.pem", "below.pem", "both.pem"] {
        let (status, said) = check(good);
        assert!(status == Some(0) && !said.contains("warning"), "{good}: {said}");
    }
    let key = "tenants[0].clients[2].certificate.ca_file: ";
    for other in ["other.pem", "namesake.pem"] {
        let (status, said) = check(other);
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains("warning: ") && said.contains(key), "{other}: {said}");
        assert!(said.contains("none of these CAs is in server.tls.client_ca"), "{other}: {said}");
    }
    let (status, said) = check("mixed.pem");
    assert!(status == Some(0) && said.contains(key), "{said}");
    assert!(said.contains("is not a CA certificate, so no client can be verified"), "{said}");
    let (status, said) = check("leaf.pem");
    assert_eq!(status, Some(78), "{said}");
    assert!(said.contains(key) && said.contains("no CA certificate"), "{said}");

    let with_leaf = |certificates: &str| {
        let more = format!("\"leaf.pem\"\nclient_certificates = \"{certificates}\"");
        run(&config.replacen("[ops]", &tls.replacen("\"ca.pem\"", &more, 1), 1))
    };
    let (status, said) = with_leaf("optional");
    assert!(status == Some(0) && said.contains("warning: "), "{said}");
    assert!(
        said.contains("server.tls.client_ca: ") && said.contains("is not a CA certificate"),
        "{said}"
    );
    let (status, said) = with_leaf("required");
    assert_eq!(status, Some(78), "no one could connect: {said}");
    assert!(said.contains("server.tls.client_ca: found "), "{said}");
    assert_eq!(with_leaf("off").0, Some(0));
}

#[test]
fn a_file_that_is_empty_is_said_to_be_and_what_is_accepted_is_said_once() {
    let (folder, config) = on_a_file();
    let ca = Ca::new("a CA");
    let own = ca.server(1);
    for (name, text) in [
        ("own.pem", own.certificate.as_str()),
        ("own.key", own.key.as_str()),
        ("empty", ""),
        ("blank", "\n"),
        ("no people.toml", "[folk]\nnumbers = 5\n"),
        ("numbers.toml", "[[people]]\nusername = \"a\"\nnumbers = [\"x\"]\npin = \"y\"\n"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    }
    let tls = |certificate: &str, key: &str, more: &str| {
        format!(
            "[server.tls]\ncertificate = \"{certificate}\"\nprivate_key = \"{key}\"\n{more}\n[ops]"
        )
    };
    let with_tls = |tls: String| config.replacen("[ops]", &tls, 1);
    let ldap = |keys: &str| {
        let tenant = ldap_tenant("t2", &["ldaps://127.0.0.1"], keys);
        format!("{config}{tenant}{}", clients())
    };
    for (config, key, says) in [
        (
            config.replacen("server-key.hex", "empty", 1),
            "keys.server_key_file",
            "empty, which is empty",
        ),
        (config.replacen("server-key.hex", "", 1), "keys.server_key_file", "an empty path"),
        (config.replacen("people.toml", "", 1), "tenants[0].directory.file", "an empty path"),
        (with_tls(tls("empty", "own.key", "")), "server.tls", "no certificate: it is empty"),
        (with_tls(tls("own.pem", "blank", "")), "server.tls", "no private key: it is empty"),
        (
            with_tls(tls("own.pem", "own.key", "client_ca = \"own.pem\"\ncrl_files = [\"empty\"]")),
            "server.tls",
            "it is empty",
        ),
        (ldap("ca_file = \"empty\""), "tenants[1].directory.ca_file", "empty: the CA file"),
        (
            ldap("client_certificate = \"own.pem\"\nclient_private_key = \"blank\""),
            "tenants[1].directory.client_private_key",
            "no private key: it is empty",
        ),
        (
            config.replacen("people.toml", "no people.toml", 1),
            "tenants[0].directory.file",
            "unknown key `folk`, expected `people`",
        ),
        (
            config.replacen("people.toml", "numbers.toml", 1),
            "tenants[0].directory.file",
            "not a PIN, expected 1 to 32 digits",
        ),
    ] {
        let path = write(folder.path(), &config);
        let output = dialpass(&["check-config", "--config", &path]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(78), "{key}, {says}: {said}");
        let line =
            said.lines().find(|line| line.contains(&format!(" {key}: ")) && line.contains(says));
        assert!(line.is_some(), "{key}, {says}: {said}");
        for line in said.lines() {
            assert_eq!(line.matches("accepted").count(), 1, "{line}");
            assert!(!line.contains("a folder"), "{line}");
        }
    }
}

#[test]
fn secrets_of_the_examples_are_for_this_machine_alone() {
    let (folder, _) = on_a_file();
    let shipped = |name: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
        std::fs::read_to_string(path).unwrap()
    };
    std::fs::write(folder.path().join("demo-people.toml"), shipped("demo-people.toml")).unwrap();
    // The demo makes a new one at each start.
    std::fs::write(folder.path().join("voice-secret"), "0123456789abcdef").unwrap();
    let config = shipped("demo.toml");
    let anywhere = "[server]\nlisten = \"0.0.0.0:0\"\nallow_plain_http = true\n";
    let path = write(folder.path(), &config);
    let output = dialpass(&["check-config", "--config", &path]);
    let said = stdout(&output) + &stderr(&output);
    assert!(output.status.success() && !said.contains("everybody knows"), "{said}");
    let path = write(folder.path(), &config.replacen("[server]\n", anywhere, 1));
    for command in ["check-config", "serve"] {
        let output = dialpass(&[command, "--config", &path]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(78), "{command}: {said}");
        let expected = [
            "tenants[0].clients[0].basic.password_sha256",
            "tenants[0].clients[1].bearer.token_sha256",
        ];
        assert_eq!(keys(&said, &path), expected, "{command}: {said}");
    }
    let (start, _) = config.split_once("[[tenants.clients]]").unwrap();
    let path = write(folder.path(), &(start.replacen("[server]\n", anywhere, 1) + &clients()));
    let output = dialpass(&["check-config", "--config", &path]);
    let said = stdout(&output);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        said.contains("password_hash: the hash of an example, whose password is published"),
        "{said}"
    );
}

#[test]
fn stored_hashes_that_check_nothing_are_refused_and_cheap_ones_warned_of() {
    let (folder, config) = on_a_file();
    let path = write(folder.path(), &config);
    let check = |people: &str| {
        std::fs::write(folder.path().join("people.toml"), people).unwrap();
        let output = dialpass(&["check-config", "--config", &path]);
        (output.status.code(), stdout(&output) + &stderr(&output))
    };
    let with = |how: &str| {
        let hash = format!("$argon2id$v=19${how}$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA");
        format!("[[people]]\nusername = \"anna\"\npassword_hash = \"{hash}\"\n")
    };
    for (how, says) in
        [("m=8,t=0,p=1", "invalid argon2 parameters"), ("m=4194304,t=1,p=1", "4096 MiB")]
    {
        let (status, said) = check(&with(how));
        assert_eq!(status, Some(78), "{how}: {said}");
        assert!(
            said.contains("people[0] (\"anna\").password_hash") && said.contains(says),
            "{said}"
        );
    }
    let (status, said) = check(&with("m=8,t=1,p=1"));
    assert!(status == Some(0) && said.contains("warning: ") && said.contains("cheap"), "{said}");
    let (status, said) = check(&with("m=19456,t=2,p=1"));
    assert!(status == Some(0) && !said.contains("warning: "), "{said}");
    let (status, said) = check("");
    assert!(status == Some(0) && said.contains("warning: ") && said.contains("no one"), "{said}");
}
