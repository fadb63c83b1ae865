//! How secrets are read from files.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{KEY, TENANT, ldap, problem};
use crate::config::parse;

const AGAIN: &str = "bind_password='s3cr3t'";

/// What is reported about a secret file with these bytes: warnings if it is usable, else problems.
fn said_of(bytes: &[u8]) -> Result<(String, Vec<String>), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, bytes).expect("a file");
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).expect("ours");
    let text = TENANT.replace(AGAIN, "bind_password_file='secret'");
    let text = format!("keys.server_key='{KEY}'\n{text}");
    let read = parse(Path::new("test.toml"), &text, folder.path(), &[]);
    let config = read.map_err(|error| error.to_string())?;
    let secret = ldap(&config).bind_password.expose().to_owned();
    let of_secret = config.warnings.iter().filter(|one| one.key.contains("bind_password_file"));
    Ok((secret, of_secret.map(ToString::to_string).collect()))
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
        (b"\xef\xbb\xbf\r\n", "secret, which is empty"),
        (b"", "secret, which is empty"),
        (b"\n\n", "secret, which is empty"),
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
        ("pass\u{200b}word", "an invisible character (U+200B)"),
        ("\u{feff}\u{feff}password", "an invisible character (U+FEFF)"),
    ] {
        let (secret, warnings) = said_of(text.as_bytes()).expect("good");
        let kept = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches('\n');
        assert_eq!(secret, kept);
        let [warning] = warnings.as_slice() else { panic!("one: {warnings:?}") };
        assert!(warning.contains("bind_password_file") && warning.contains(warned), "{warning}");
        assert!(!warning.contains("password ") && !warning.contains("pass\u{200b}"), "{warning}");
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
