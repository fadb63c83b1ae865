//! A tenant's own keys.

use super::{KEY, TENANT, problem, read};
use crate::http::gateway::{ExpiresIn, Spoken};

#[test]
fn a_tenant_chooses_how_codes_are_spelt_out() {
    let with = |keys: &str| TENANT.replace("country", &format!("{keys}\ncountry"));
    let spoken = |keys: &str| read(&with(keys)).expect("good").tenants.remove(0).spoken;
    assert_eq!(spoken("spoken=false"), None);
    let words =
        |separator: &str, expires_in| Spoken { separator: separator.to_owned(), expires_in };
    assert_eq!(spoken("spoken=true"), Some(words(", ", ExpiresIn::Number)));
    assert_eq!(spoken("spoken='strings'\nspoken_separator=' '"), Some(words(" ", ExpiresIn::Text)));
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
fn a_country_without_a_trunk_zero_is_warned_to_set_how_numbers_are_written() {
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
fn two_clients_of_one_tenant_have_two_names() {
    let client = format!(
        "[[tenants.clients]]\nname='c'\noperations=['getOTP']\nbearer={{token_sha256='{KEY}'}}\n"
    );
    let said = problem(&format!("{TENANT}{client}{}", client.replace(KEY, &"ab".repeat(32))));
    assert!(said.contains("tenants[0].clients[1].name: found \"c\" a second time"), "{said}");
}

#[test]
fn a_client_without_credential_from_anywhere_is_warned_of() {
    let warned = |addresses: &str| {
        let client = format!(
            "[[tenants.clients]]\nname='lab'\noperations=['getOTP']\nanonymous={{addresses={addresses}}}"
        );
        let config = read(&format!("{TENANT}{client}")).expect("good");
        config.warnings.iter().any(|warning| warning.to_string().contains("any user's code"))
    };
    assert!(warned("['0.0.0.0/0']") && warned("['10.0.0.0/8', '::/0']"));
    assert!(!warned("['127.0.0.1']") && !warned("['10.0.0.0/8', 'fd00::/8']"));
}

#[test]
fn what_can_be_used_and_may_not_be_meant_is_warned_of() {
    let registered = "[[tenants]]\nid='t1'\ncountry='SE'\nlogin.password='not-asked'\n\
        directory.kind='registered'\ncalls.minimum_attestation='A'\n";
    let config = read(registered).expect("good");
    let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("test.toml:2:1: tenants[0]: "), "{warnings:?}");
    assert!(warnings[0].contains("users cannot register"), "{warnings:?}");
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
