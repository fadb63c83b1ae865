//! `lookup` where a caller ID or a stored value is not what it seems.

use super::{dialpass, folder, on_a_file, stdout, write};
use crate::support::gateway::{clients, ldap_tenant, sections};
use crate::support::slapd::{PEOPLE, Slapd};

#[test]
fn each_caller_id_is_explained_to_who_knows_no_rules() {
    let (folder, config) = on_a_file();
    let path = write(folder.path(), &config);
    for (caller, reason, says) in [
        (
            "468123456",
            "number_two_readings",
            &["+46468123456 as a national number", "+468123456", "[tenants.calls]"] as &[&str],
        ),
        ("\"Anonymous\" <sip:+46701234567@h>", "number_withheld", &["display name says"]),
        ("+266696687", "number_withheld", &["networks send for a hidden caller"]),
        ("restricted", "number_withheld", &["word that stands for a hidden number"]),
        ("L0#0701234567", "number_unparseable", &["a feature code of the phone system"]),
        (
            "+46701234567@10.0.0.1",
            "number_unparseable",
            &["an address whose user part is not a number"],
        ),
        ("sip:+46701234567", "number_unparseable", &["a host behind an @"]),
        ("+999123456", "number_unparseable", &["no country has this code"]),
        ("0701", "number_unparseable", &["nor any other has numbers of this length"]),
        (
            "\"a\" <sip:+46709999999@h>;x=\"<sip:+46701234567@h>\"",
            "number_unknown",
            &["+46709999999", "not the display name or a parameter", "check-directory"],
        ),
    ] {
        let output = dialpass(&["lookup", caller, "--config", &path]);
        let said = stdout(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("refused, {reason}: ")), "{caller}: {said}");
        for part in says {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
}

#[test]
fn each_stored_value_is_explained_beside_the_number_that_calls() {
    let slapd = Slapd::builder().users(0).without_tls().without_log().start();
    slapd.modify(&format!(
        "dn: uid=anna,{PEOPLE}\nchangetype: modify\nreplace: mobile\nmobile: +46 70 123 45 67\n\
         mobile: 4567\nmobile: 468123456\nmobile: +46 70 222 33 44\nmobile: ring Kalle\n"
    ));
    let folder = folder();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let path = write(folder.path(), &format!("{}{tenant}{}", sections(""), clients()));
    let output = dialpass(&["lookup", "+46701234567", "--config", &path]);
    let said = stdout(&output);
    for part in [
        "\"+46 70 123 45 67\" is this number",
        "\"4567\" is only an extension",
        "\"468123456\" could be +468123456 without its plus, or +46468123456: it matches no one",
        "\"+46 70 222 33 44\" is another: +46702223344",
        "\"ring Kalle\" is not a number: not one telephone number",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn calls_that_the_tenant_does_not_accept_are_refused() {
    let folder = folder();
    let people = include_str!("../../../config/demo-people.toml");
    std::fs::write(folder.path().join("people.toml"), people).unwrap();
    let config = format!(
        "{}[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"file\"\nfile = \"people.toml\"\n\
         [tenants.calls]\nminimum_attestation = \"B\"\naccepted_countries = [\"SE\"]\n{}",
        sections(""),
        clients()
    );
    let path = write(folder.path(), &config);
    for (number, attestation, verdict) in [
        ("+46701234567", "TN-Validation-Passed-B", "anna would get a code"),
        ("+46701234567", "C", "refused, attestation_too_low: "),
        ("+4790123456", "A", "refused, country_not_accepted: "),
    ] {
        let asked = ["lookup", "--config", &path, "--attestation", attestation, number];
        let output = dialpass(&asked);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains(verdict), "{number}, {attestation}: {said}");
        assert!(!said.contains("assumed"), "{said}");
        assert_eq!(output.status.success(), verdict.contains("would"), "{said}");
    }
    let output = dialpass(&["lookup", "--config", &path, "+46701234567"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("assumed    full attestation, A"), "{said}");
}

#[test]
fn the_number_that_was_called_is_looked_up_among_the_voice_endpoints() {
    let folder = folder();
    let people = include_str!("../../../config/demo-people.toml");
    std::fs::write(folder.path().join("people.toml"), people).unwrap();
    let endpoint = |name: &str, called: &str| {
        format!(
            "[[tenants.voice]]\nname = \"{name}\"\ndialect = \"twiml\"\nsignature = \"twilio\"\n\
             secrets = [\"0123456789abcdef\"]\nlanguages = [\"sv\"]\n\
             called_numbers = [\"{called}\"]\n"
        )
    };
    let config = format!(
        "{}[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"file\"\nfile = \"people.toml\"\n{}{}{}",
        sections("public_url = \"https://otp.example.com\""),
        endpoint("main", "+46101234567"),
        endpoint("other", "+46107654321"),
        clients()
    );
    let path = write(folder.path(), &config);
    for (called, expected) in [
        ("+46101234567", "accepted by the voice endpoint \"main\""),
        ("+46107654321", "accepted by the voice endpoint \"other\""),
        ("+46109999999", "refused, called_number_not_listed: "),
        ("010-123 45 67", "found \"010-123 45 67\"; accepted: a number with + in front"),
    ] {
        let asked = ["lookup", "--config", &path, "--called", called, "+46701234567"];
        let output = dialpass(&asked);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.contains(expected), "{called}: {said}");
        assert_eq!(output.status.success(), expected.starts_with("accepted"), "{called}: {said}");
    }
}
