//! Logins that are right: the code behind the password or by challenge, whatever is in them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{ANNA, challenged, gateway, gateway_with, logins, slapd};
use crate::support::freeradius::{FreeRadius, request};
use crate::support::slapd::{PEOPLE, Slapd};

/// Adds people with these uids and passwords. Their numbers are +46 79 000 00 00 and on.
fn add(slapd: &Slapd, people: &[(&str, &str)]) {
    let mut ldif = String::new();
    for (at, (uid, password)) in people.iter().enumerate() {
        let [name, password] = [uid, password].map(|text| STANDARD.encode(text));
        write!(
            ldif,
            "dn: cn=added{at},{PEOPLE}\nchangetype: add\nobjectClass: inetOrgPerson\n\
             cn: added{at}\nsn: x\nuid:: {name}\nuserPassword:: {password}\n\
             mobile: +4679{at:07}\n\n"
        )
        .unwrap();
    }
    slapd.modify(&ldif);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_with_the_code_behind_it_logs_in_once() {
    let slapd = slapd();
    let gateway = gateway(&slapd);
    let freeradius = FreeRadius::before(&gateway);
    let code = gateway.code(ANNA).await;
    let accepted = freeradius.login("Anna", &format!("anna-secret{code}"));
    assert_eq!(accepted.kind, "Access-Accept", "{accepted:?}\n{}", gateway.log());
    assert_eq!(accepted.get("User-Name"), Some("anna"), "as the directory has it");
    let again = freeradius.login("Anna", &format!("anna-secret{code}"));
    assert_eq!(again.kind, "Access-Reject", "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_alone_is_answered_by_a_challenge_and_that_by_the_code() {
    let slapd = slapd();
    let gateway = gateway(&slapd);
    let freeradius = FreeRadius::before(&gateway);
    let ways: [&dyn Fn(&str) -> String; 4] = [
        &str::to_owned,
        &|code| format!("{} {}", &code[..3], &code[3..]),
        &|code| format!(" {}-{} ", &code[..3], &code[3..]),
        &|code| code.replace("", " "),
    ];
    for typed in ways {
        let state = challenged(&freeradius, "ANNA", "anna-secret");
        let code = typed(&gateway.code(ANNA).await);
        let accepted = freeradius.answer("ANNA", &state, &code);
        assert_eq!(accepted.kind, "Access-Accept", "{code:?}: {accepted:?}\n{}", gateway.log());
        assert_eq!(accepted.get("User-Name"), Some("anna"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_and_a_password_may_have_any_character() {
    let long = "ÅÄÖ😀".repeat(12) + "xyz!%\"\\&=+ ";
    assert_eq!(long.len(), 131);
    let long = &long[..long.len() - 3];
    let people = [
        ("quote", "pa\"ss'wo`rd"),
        ("backslash", r"a\b\\c\n\101\x41\"),
        ("percent", "%{User-Name}%{%{x}:-y}${run_dir}%25%0A%c3%a5%"),
        ("åsa", "lösenord å ä ö 😀🔑"),
        ("form", "a+b&passcode=x&password=y=z;#?/"),
        ("blanks", "  two  and one  "),
        ("control", "tab\tand\u{1}\u{7f}"),
        ("line", "a line\nand another"),
        ("hex", "0x61626f"),
        ("long", long),
        ("eva+otp%25@example.com", "eva's"),
        ("q\"u%{User-Password}o", "x"),
    ];
    let slapd = slapd();
    add(&slapd, &people);
    let gateway = gateway(&slapd);
    let freeradius = FreeRadius::before(&gateway);
    for (at, (name, password)) in people.iter().enumerate() {
        let number = format!("+4679{at:07}");
        let state = challenged(&freeradius, name, &format!("{password}!")[..password.len()]);
        let accepted = freeradius.answer(name, &state, &gateway.code(&number).await);
        assert_eq!(accepted.kind, "Access-Accept", "{name}: {accepted:?}\n{}", gateway.log());
        let glued = format!("{password}{}", gateway.code(&number).await);
        if glued.len() <= 128 {
            let accepted = freeradius.login(name, &glued);
            assert_eq!(accepted.kind, "Access-Accept", "{name}: {accepted:?}\n{}", gateway.log());
        }
    }
    let logged = freeradius.log();
    for (_, password) in people.iter().filter(|(_, password)| password.len() > 1) {
        assert!(!logged.contains(password), "{logged}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_wants_challenges_may_have_passwords_that_end_in_digits() {
    let slapd = slapd();
    add(&slapd, &[("digits", "hunter123456")]);
    let gateway = gateway(&slapd);
    let freeradius = FreeRadius::before_with(&gateway, "dialpass = \"challenge\"");
    let state = challenged(&freeradius, "digits", "hunter123456");
    let accepted = freeradius.answer("digits", &state, &gateway.code("+46790000000").await);
    assert_eq!(accepted.kind, "Access-Accept", "{accepted:?}\n{}", gateway.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_a_user_is_in_the_audit_trail_and_nothing_else_is() {
    let slapd = slapd();
    let gateway = gateway(&slapd);
    let freeradius = FreeRadius::before(&gateway);
    for (station, expected) in [
        (Some("192.0.2.7"), "192.0.2.7"),
        (Some("2001:db8::7"), "2001:db8::7"),
        (Some("00-11-22-33-44-55:guest"), "not an address"),
        (Some("+46701234567"), "not an address"),
        (Some("x&username=bob&clientip=192.0.2.8"), "not an address"),
        (None, ""),
    ] {
        let password = format!("anna-secret{}", gateway.code(ANNA).await);
        let mut attributes = vec![("User-Name", "anna"), ("User-Password", &password)];
        attributes.extend([("NAS-IP-Address", "192.0.2.99"), ("NAS-Port", "7")]);
        attributes.extend(station.map(|station| ("Calling-Station-Id", station)));
        let accepted = freeradius.ask(&attributes);
        assert_eq!(accepted.kind, "Access-Accept", "{station:?}: {accepted:?}");
        let event = logins(&gateway).pop().expect("an event");
        assert_eq!(event["clientip"].as_str().unwrap_or_default(), expected, "{event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_groups_are_classes_and_are_not_expanded() {
    let slapd = slapd();
    let odd = r"cn=a %{User-Password} \22q\22,ou=groups,dc=example,dc=com";
    slapd.modify(&format!(
        "dn: {odd}\nchangetype: add\nobjectClass: groupOfNames\ncn: a %{{User-Password}} \"q\"\n\
         member: uid=anna,{PEOPLE}\n"
    ));
    let named =
        [odd, "cn=otp,ou=groups,dc=example,dc=com", "cn=barred,ou=groups,dc=example,dc=com"];
    let groups = format!("answer_groups = {named:?}");
    let gateway = gateway_with(&slapd, &groups);
    let freeradius = FreeRadius::before(&gateway);
    let classes = |said: &str| -> Vec<String> {
        let values = said.lines().filter_map(|line| line.strip_prefix("\tClass = 0x"));
        values.map(|hex| String::from_utf8(hex::decode(hex).unwrap()).unwrap()).collect()
    };
    for (name, number, expected) in [
        ("anna", ANNA, &named[..2]),
        ("bob", "+46702223344", &named[1..2]),
        ("fia", "+46812345678", &named[1..2]),
    ] {
        let password = format!("{name}-secret{}", gateway.code(number).await);
        let login = request(&[
            ("User-Name", name),
            ("User-Password", &password),
            ("Message-Authenticator", "0x00"),
        ]);
        let said = freeradius.radclient(&["-r", "1", "-t", "12"], &login);
        assert!(said.contains("Received Access-Accept"), "{said}\n{}", gateway.log());
        assert!(said.contains(&format!("\tUser-Name = \"{name}\"\n")), "{said}");
        assert_eq!(classes(&said), expected, "{name}: {said}");
    }
}
