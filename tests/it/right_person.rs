//! A caller hears their own code or none: numbers as they are in the world, however the directory
//! is asked.

use crate::support::gateway::{Gateway, clients, ldap_tenant, sections};
use crate::support::slapd::{PEOPLE, Slapd};

/// People beside those that the directory has anyway.
const NUMBERS: &[(&str, &str)] = &[
    ("bogota", "+57 301 2345678"),
    ("ulan-ude", "+7 301 234-56-78"),
    ("medellin", "00 57 301 2345679"),
    ("roma", "+39 06 560010"),
    ("mobile390", "+39 390 656 0010"),
    ("milano", "39 06 560011"),
    ("berlin", "+49 171 6783154"),
    ("leer", "+49 491 716783154"),
    ("stockholm", "+46 8 123 456"),
    ("lund", "+46 46 812 34 56"),
    ("caller", "+46 70 333 10 01"),
    ("bo", "+46 70 111 22 33"),
    ("tel", "Tel. +46 70 111 22 33"),
    ("odd", "+46 (070) 111 22 44"),
    ("lin", "131 2345 6789"),
    ("ana", "+54 9 11 2345-6789"),
    ("juan", "+52 1 55 1234 5678"),
    ("ivan", "8 (926) 123-45-67"),
];

/// How a directory may be asked.
const MODES: [&str; 3] =
    ["number_match = \"equality\"", "number_match = \"patterns\"", "lookup = \"index\""];

/// A call's outcome: the name of the user whose code was given out, or the reason of the refusal.
async fn outcome(gateway: &Gateway, caller: &str) -> String {
    let answer = gateway.call(caller).await;
    let event = gateway.audit_of(answer.header("x-request-id"));
    let said = if answer.status == 200 { &event["username"] } else { &event["reason"] };
    said.as_str().expect("a name or a reason").to_owned()
}

fn start(slapd: &Slapd, country: &str, mode: &str, numbers: &str) -> Gateway {
    let server = sections("limits = { calls_per_caller = { burst = 1000, per = \"1s\" } }");
    let tenant =
        ldap_tenant("t1", &[&slapd.url()], mode).replace("\"SE\"", &format!("{country:?}"));
    let calls = format!("[tenants.calls]\nnumbers = \"{numbers}\"\n");
    let gateway = Gateway::start(&format!("{server}{tenant}{calls}{}", clients()));
    if mode.contains("index") {
        gateway.wait_for_line("the directory's index is live");
    }
    gateway
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_hears_their_own_code_or_none_however_the_directory_is_asked() {
    let slapd = Slapd::builder().users(0).without_tls().with_sync().start();
    for (uid, mobile) in NUMBERS {
        slapd.modify(&format!(
            "dn: uid={uid},{PEOPLE}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: {uid}\n\
             cn: {uid}\nsn: {uid}\nmobile: {mobile}\n"
        ));
    }
    for (country, numbers, callers) in [
        (
            "CO",
            "auto",
            &[
                ("00573012345678", "bogota"),
                ("+73012345678", "ulan-ude"),
                ("3012345678", "bogota"),
                ("+573012345679", "medellin"),
                ("+73012345679", "number_unknown"),
            ] as &[(&str, &str)],
        ),
        (
            "IT",
            "auto",
            &[
                ("3906560010", "number_two_readings"),
                ("+3906560010", "roma"),
                ("003906560010", "roma"),
                ("06560010", "roma"),
                ("+393906560010", "mobile390"),
                ("+3906560011", "number_unknown"),
                ("+393906560011", "number_unknown"),
            ],
        ),
        ("IT", "e164-without-plus", &[("3906560010", "roma")]),
        ("IT", "national", &[("3906560010", "mobile390")]),
        (
            "DE",
            "auto",
            &[
                ("491716783154", "number_two_readings"),
                ("01716783154", "berlin"),
                ("00491716783154", "berlin"),
                ("+49491716783154", "leer"),
            ],
        ),
        ("DE", "e164-without-plus", &[("491716783154", "berlin")]),
        (
            "SE",
            "auto",
            &[
                ("468123456", "number_two_readings"),
                ("08123456", "stockholm"),
                ("0468123456", "lund"),
                ("\"a\" <sip:+46703331001@h>;x=\"<sip:+46701234567@h>\"", "caller"),
                (
                    "\"Anonymous\" <sip:+46703331001@h>;x=\"<sip:+46701234567@h>\"",
                    "number_withheld",
                ),
                ("+46701234567\r\n", "anna"),
                ("\u{2068}+46701234567\u{2069}", "anna"),
                ("+46701112233", "number_ambiguous"),
                ("+46701112244", "odd"),
                ("L0#0701234567", "number_unparseable"),
            ],
        ),
        ("SE", "e164-without-plus", &[("468123456", "stockholm"), ("46701234567", "anna")]),
        ("SE", "e164", &[("46701234567", "number_unparseable"), ("+46701234567", "anna")]),
        ("CN", "auto", &[("+8613123456789", "lin"), ("13123456789", "number_two_readings")]),
        ("CN", "national", &[("13123456789", "lin")]),
        ("AR", "auto", &[("+5491123456789", "ana"), ("+541123456789", "ana")]),
        ("MX", "auto", &[("+5215512345678", "juan"), ("+525512345678", "juan")]),
        ("RU", "auto", &[("+79261234567", "ivan"), ("89261234567", "ivan")]),
    ] {
        for mode in MODES {
            let gateway = start(&slapd, country, mode, numbers);
            for (caller, expected) in callers {
                let came = outcome(&gateway, caller).await;
                assert_eq!(came, *expected, "{country} {numbers} {mode} {caller:?}");
            }
        }
    }
}
