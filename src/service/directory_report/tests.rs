//! Whole surveys of a few people.

use super::*;
use crate::directory::inspection::{SelfWrite, ServerReport, Severity, Step, WritableAttribute};
use crate::domain::account_state::AccountState;
use crate::domain::caller_id::BareDigits;
use crate::domain::stored_number::NumberingPlan;
use crate::domain::user::{Pin, UserId};

fn builder(ambiguity: Ambiguity, examples: usize) -> ReportBuilder {
    builder_in("SE", Matching::Exact, ambiguity, examples)
}

fn builder_in(
    country: &str,
    matching: Matching,
    ambiguity: Ambiguity,
    examples: usize,
) -> ReportBuilder {
    ReportBuilder::new(ReportRules {
        callers: CallerIdPlan {
            numbering: NumberingPlan::for_country(country).unwrap(),
            outside_line_prefix: String::new(),
            bare_digits: BareDigits::Either,
        },
        matching,
        ambiguity,
        attributes: vec!["mobile".to_owned(), "telephoneNumber".to_owned()],
        examples,
        now: Timestamp::from_millis(0),
    })
}

fn user(name: &str, numbers: &[(usize, &str)]) -> User {
    User {
        id: UserId::parse(name).unwrap(),
        username: name.to_owned(),
        locator: format!("uid={name}"),
        account: AccountState::open(),
        numbers: numbers
            .iter()
            .map(|(rank, text)| NumberValue { rank: *rank, text: (*text).to_owned() })
            .collect(),
        pins: Vec::new(),
        language: None,
    }
}

fn add(builder: &mut ReportBuilder, people: Vec<User>) {
    for user in people {
        builder.add(Person::User(user));
    }
}

fn found<'a>(findings: &'a [Finding], check: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.check == check).unwrap_or_else(|| {
        panic!("{check} is among {:?}", findings.iter().map(|f| f.check).collect::<Vec<_>>())
    })
}

#[test]
fn each_awkward_person_is_counted_once_and_shown() {
    let mut builder = builder(Ambiguity::Refuse, 20);
    let mut diana = user("diana", &[(0, "+46 70 444 55 66")]);
    diana.account = AccountState::enabled(false);
    add(
        &mut builder,
        vec![
            user("anna", &[(0, "+46 70 123 45 67"), (1, "4567")]),
            user("bo", &[(0, "070-222 33 44")]),
            user("carl", &[(0, "+46 70 333 44 55")]),
            user("cecilia", &[(1, "070-333 44 55")]),
            diana,
            user("erik", &[(0, "ring Kalle")]),
            user("fia", &[]),
            user("gun", &[(0, "070.77.78.899")]),
        ],
    );
    builder.add(Person::Unusable { locator: "cn=printer".to_owned(), why: "no id".to_owned() });
    let (counts, findings) = builder.finish(true);
    let expected = Counts {
        people: 9,
        enabled: 7,
        disabled: 1,
        locked_or_expired: 0,
        without_number: 3,
        would_get_a_code: 2,
        values: 8,
        complete: true,
    };
    assert_eq!(counts, expected);
    for (check, severity, count) in [
        ("shared_number", Severity::Warning, 1),
        ("unreadable_number", Severity::Warning, 1),
        ("not_found_by_search", Severity::Warning, 1),
        ("unusable_entry", Severity::Warning, 1),
        ("no_country", Severity::Information, 3),
        ("extension_only", Severity::Information, 1),
        ("no_number", Severity::Information, 3),
        ("disabled", Severity::Information, 1),
    ] {
        let finding = found(&findings, check);
        assert_eq!((finding.severity, finding.count), (severity, count), "{check}");
        assert_eq!(finding.examples.len(), count, "{check}");
    }
    let shared = &found(&findings, "shared_number").examples[0];
    assert_eq!(shared.usernames, ["carl", "cecilia"]);
    assert_eq!((shared.value.as_str(), shared.detail.as_str()), ("+46703334455", "2 people"));
    let junk = &found(&findings, "unreadable_number").examples[0];
    assert_eq!((junk.usernames[0].as_str(), junk.attribute.as_str()), ("erik", "mobile"));
    assert_eq!(junk.value, "ring Kalle");
}

#[test]
fn a_number_that_gives_one_person_a_code_because_the_search_misses_the_other_is_an_error() {
    // With a colon inside, it has a form that no search looks for.
    let (one, other) = ((0, "+46 70 111 22 33"), (0, "Mobil: 070-111 22 33"));
    for matching in [Matching::Exact, Matching::Patterns] {
        let mut builder = builder_in("SE", matching, Ambiguity::Refuse, 20);
        add(
            &mut builder,
            vec![
                user("bo", &[one, other]),
                user("siv", &[other]),
                user("alone", &[(0, "Mobil: +46 70 111 22 44")]),
                user("fia", &[(0, "+46 70 111 22 55"), (1, "Mobil: +46 70 111 22 55")]),
            ],
        );
        let (counts, findings) = builder.finish(true);
        assert_eq!(counts.would_get_a_code, 2, "bo and fia");
        let told = found(&findings, "shared_number_unseen");
        assert_eq!((told.severity, told.count), (Severity::Error, 1));
        assert_eq!(told.examples[0].usernames, ["bo", "siv"]);
        assert_eq!(told.examples[0].value, "+46701112233");
        assert_eq!(told.examples[0].detail, "the search finds bo but not siv");
        assert!(told.hint.contains("lookup = \"index\""), "{}", told.hint);
    }
    let mut index = builder_in("SE", Matching::Everything, Ambiguity::Refuse, 20);
    add(&mut index, vec![user("bo", &[one]), user("siv", &[other])]);
    let (counts, findings) = index.finish(true);
    assert_eq!(counts.would_get_a_code, 0);
    assert_eq!(found(&findings, "shared_number").count, 1);
    assert!(findings.iter().all(|finding| finding.check != "shared_number_unseen"));
}

#[test]
fn rank_and_pin_are_judged_with_the_people_whom_the_search_misses() {
    let unseen = |text: &str| format!("Mobil: {text}");
    let number = "+46 70 111 22 33";
    for (ambiguity, ranks, told) in [
        (Ambiguity::PreferAttributeOrder, (0, 1), false),
        (Ambiguity::PreferAttributeOrder, (1, 0), true),
        (Ambiguity::PreferAttributeOrder, (1, 1), true),
        // A search that finds a single owner asks for no PIN.
        (Ambiguity::Pin, (0, 0), true),
    ] {
        let mut builder = builder_in("SE", Matching::Exact, ambiguity, 20);
        let mut bo = user("bo", &[(ranks.0, number)]);
        bo.pins.extend(Pin::parse("1"));
        let mut siv = user("siv", &[(ranks.1, &unseen(number))]);
        siv.pins.extend(Pin::parse("2"));
        add(&mut builder, vec![bo, siv]);
        let (_, findings) = builder.finish(true);
        let found = findings.iter().any(|finding| finding.check == "shared_number_unseen");
        assert_eq!(found, told, "{ambiguity:?}, {ranks:?}");
    }
}

#[test]
fn advice_names_what_helps_and_nothing_that_is_set_already() {
    let index_only = "Mobil: +47 40 61 23 45";
    let slashed = "+47/40/61/23/45";
    for (matching, values, says, never) in [
        (Matching::Exact, vec![index_only], "set lookup = \"index\", which", "number_match"),
        (Matching::Patterns, vec![index_only], "set lookup = \"index\", which", "number_match"),
        (Matching::Exact, vec![slashed], "set number_match = \"patterns\" or lookup", "+46"),
        (
            Matching::Exact,
            vec![slashed, index_only],
            "number_match = \"patterns\" finds 1 of 2",
            "+46",
        ),
    ] {
        let mut builder = builder_in("NO", matching, Ambiguity::Refuse, 20);
        let values: Vec<_> = values.into_iter().map(|value| (0, value)).collect();
        add(&mut builder, vec![user("ola", &values), user("kari", &[(0, "ring meg")])]);
        let (_, findings) = builder.finish(true);
        let hint = &found(&findings, "not_found_by_search").hint;
        assert!(hint.contains(says) && hint.contains("+47 40 61 23 45"), "{hint}");
        assert!(!hint.contains(never), "{hint}");
        assert!(found(&findings, "unreadable_number").hint.contains("+47 40 61 23 45"));
    }
}

#[test]
fn numbers_from_before_a_change_of_plan_are_named_with_todays() {
    let mut brazil = builder_in("BR", Matching::Everything, Ambiguity::Refuse, 20);
    add(&mut brazil, vec![user("ana", &[(0, "(11) 6123-4567"), (0, "(11) 96123-4567")])]);
    let (_, findings) = brazil.finish(true);
    let former = found(&findings, "former_number");
    assert_eq!((former.severity, former.count), (Severity::Warning, 1));
    assert!(former.examples[0].detail.contains("+5511961234567"), "{former:?}");
    let mut ivory_coast = builder_in("CI", Matching::Everything, Ambiguity::Refuse, 20);
    add(&mut ivory_coast, vec![user("awa", &[(0, "07 12 34 56"), (0, "07 12 34 5")])]);
    let (_, findings) = ivory_coast.finish(true);
    assert_eq!(found(&findings, "former_number").count, 1);
    assert_eq!(found(&findings, "unreadable_number").count, 1);
}

#[test]
fn numbers_that_could_be_two_are_named_as_stored_and_as_callers() {
    let mut italy = builder_in("IT", Matching::Everything, Ambiguity::Refuse, 20);
    // With a plus, or as stored at home, there is one reading; a call without the plus has two.
    let rome = [(0, "+39 06 560010"), (0, "06 560010")];
    add(&mut italy, vec![user("bea", &[(0, "39 06 560010")]), user("ugo", &rome)]);
    add(&mut italy, vec![user("mara", &[(0, "+39 312 345 6789")])]);
    let (counts, findings) = italy.finish(true);
    assert_eq!((counts.would_get_a_code, counts.without_number), (2, 1));
    let stored = found(&findings, "two_readings");
    assert_eq!(stored.count, 1);
    let detail = &stored.examples[0].detail;
    assert!(detail.contains("+3906560010") && detail.contains("+393906560010"), "{detail}");
    assert!(stored.hint.contains("+39 312 345 6789"), "{}", stored.hint);
    let callers = found(&findings, "caller_two_readings");
    assert_eq!((callers.count, callers.severity), (3, Severity::Warning), "{callers:?}");
    assert!(callers.examples[0].detail.contains("3906560010"), "{callers:?}");
    assert!(callers.hint.contains("[tenants.calls]"), "{}", callers.hint);
}

#[test]
fn the_attribute_order_lets_one_of_those_who_share_a_number_have_a_code() {
    let mut builder = builder(Ambiguity::PreferAttributeOrder, 20);
    add(
        &mut builder,
        vec![
            user("carl", &[(0, "+46 70 333 44 55")]),
            user("cecilia", &[(1, "070-333 44 55")]),
            user("dan", &[(1, "+46 8 11 11 11")]),
            user("dora", &[(1, "+46 8 11 11 11")]),
        ],
    );
    let (counts, findings) = builder.finish(true);
    assert_eq!(counts.would_get_a_code, 1);
    assert_eq!(found(&findings, "shared_number_decided").count, 1);
    assert_eq!(found(&findings, "shared_number").examples[0].usernames, ["dan", "dora"]);
}

#[test]
fn a_pin_of_their_own_gives_each_of_those_who_share_a_number_a_code() {
    let mut builder = builder(Ambiguity::Pin, 20);
    let with_pin = |name: &str, number: &str, pin: &str| {
        let mut user = user(name, &[(0, number)]);
        user.pins.extend(Pin::parse(pin));
        user
    };
    add(
        &mut builder,
        vec![
            with_pin("carl", "+46 70 333 44 55", "1234"),
            with_pin("cecilia", "070-333 44 55", "5678"),
            with_pin("dan", "+46 8 11 11 11", "1111"),
            with_pin("dora", "+46 8 11 11 11", "1111"),
            with_pin("doris", "+46 8 11 11 11", "2222"),
            with_pin("eva", "+46 8 22 22 22", ""),
        ],
    );
    let (counts, findings) = builder.finish(true);
    assert_eq!(counts.would_get_a_code, 4, "carl, cecilia, doris, eva");
    assert_eq!(found(&findings, "shared_number_decided").count, 1);
    let shared = found(&findings, "shared_number");
    assert_eq!(shared.count, 1);
    assert!(shared.examples[0].detail.contains("dan, dora"), "{}", shared.examples[0].detail);
}

#[test]
fn one_person_found_twice_or_with_a_number_twice_is_one() {
    let mut builder = builder(Ambiguity::Refuse, 20);
    let anna = || user("anna", &[(0, "+46 70 123 45 67"), (1, "070-123 45 67")]);
    add(&mut builder, vec![anna(), anna()]);
    let (counts, findings) = builder.finish(true);
    assert_eq!((counts.people, counts.would_get_a_code), (1, 1));
    assert!(findings.iter().all(|finding| finding.check != "shared_number"), "{findings:?}");
}

#[test]
fn two_entries_with_one_id_or_one_name_are_reported() {
    let mut builder = builder(Ambiguity::Refuse, 20);
    let mut other = user("anna", &[]);
    other.locator = "uid=anna,ou=elsewhere".to_owned();
    let mut namesake = user("Anna", &[]);
    namesake.locator = "uid=anna,ou=third".to_owned();
    add(&mut builder, vec![user("anna", &[(0, "+46701234567")]), other, namesake]);
    let (_, findings) = builder.finish(true);
    assert_eq!(found(&findings, "shared_id").count, 1);
    assert_eq!(found(&findings, "shared_username").count, 2);
}

#[test]
fn numbers_that_differ_in_their_extension_are_not_shared() {
    let mut builder = builder(Ambiguity::Refuse, 20);
    let switchboard = "+46 8 123 456 78";
    add(
        &mut builder,
        vec![
            user("evert", &[(1, "+46 8 123 456 78 ext. 12")]),
            user("fia", &[(1, switchboard)]),
            user("gerd", &[(1, "+46 8 123 456 78 ext. 13")]),
            user("hans", &[(1, "+46 8 123 456 78 ext. 13")]),
        ],
    );
    let (counts, findings) = builder.finish(true);
    assert_eq!(counts.would_get_a_code, 2);
    assert_eq!(found(&findings, "shared_number").examples[0].value, "+46812345678;ext=13");
}

#[test]
fn a_few_examples_are_kept_of_each_and_counts_of_all() {
    let mut builder = builder(Ambiguity::Refuse, 3);
    for at in 0..500 {
        builder
            .add(Person::User(user(&format!("user{at:03}"), &[(0, "+46 70 123 45 67"), (1, "?")])));
    }
    let (_, findings) = builder.finish(false);
    assert_eq!(found(&findings, "unreadable_number").count, 500);
    assert_eq!(found(&findings, "unreadable_number").examples.len(), 3);
    let shared = &found(&findings, "shared_number").examples[0];
    assert_eq!((shared.usernames.len(), shared.detail.as_str()), (10, "500 people"));
}

#[test]
fn an_empty_directory_and_one_without_a_single_caller_are_errors() {
    let (_, findings) = builder(Ambiguity::Refuse, 20).finish(true);
    assert_eq!(found(&findings, "nobody").severity, Severity::Error);
    let mut builder = builder(Ambiguity::Refuse, 20);
    add(&mut builder, vec![user("anna", &[])]);
    let (_, findings) = builder.finish(true);
    assert_eq!(found(&findings, "nobody_gets_a_code").severity, Severity::Error);
}

fn whole(servers: &[Severity], self_write: Option<SelfWrite>) -> Report {
    let servers = servers.iter().map(|severity| ServerReport {
        name: "ldap://dc1".to_owned(),
        steps: vec![Step::bad("connect", *severity, "refused", "start it")],
    });
    assemble("t1".to_owned(), servers.collect(), None, &[], Vec::new(), self_write)
}

#[test]
fn a_dead_server_is_a_warning_beside_a_live_one_and_an_error_alone() {
    assert_eq!(whole(&[Severity::Good], None).severity, Severity::Good);
    assert_eq!(whole(&[Severity::Good, Severity::Error], None).severity, Severity::Warning);
    assert_eq!(whole(&[Severity::Error, Severity::Error], None).severity, Severity::Error);
}

#[test]
fn numbers_that_people_may_write_themselves_are_an_error_and_the_unknown_a_warning() {
    let checked = |writable: Vec<WritableAttribute>, unreadable| SelfWrite::Checked {
        people: 10,
        unreadable,
        groups_unreadable: 0,
        writable,
        hint: vec!["close it".to_owned()],
    };
    let mobile = WritableAttribute {
        attribute: "mobile".to_owned(),
        people: 9,
        examples: vec!["CN=Anna".to_owned()],
        by: vec!["SELF, by Personal Information".to_owned()],
    };
    let report = whole(&[Severity::Good], Some(checked(vec![mobile], 1)));
    assert_eq!(report.severity, Severity::Error);
    assert_eq!(report.findings[0].count, 9);
    assert!(report.findings[0].hint.contains("close it"));
    assert_eq!(whole(&[Severity::Good], Some(checked(Vec::new(), 0))).severity, Severity::Good);
    assert_eq!(whole(&[Severity::Good], Some(checked(Vec::new(), 3))).severity, Severity::Warning);
    let hidden = SelfWrite::Checked {
        people: 10,
        unreadable: 0,
        groups_unreadable: 2,
        writable: Vec::new(),
        hint: Vec::new(),
    };
    let report = whole(&[Severity::Good], Some(hidden));
    assert_eq!((report.severity, report.findings[0].count), (Severity::Warning, 2));
    let unknown =
        SelfWrite::NotChecked { why: "not told".to_owned(), rules: Vec::new(), hint: Vec::new() };
    assert_eq!(whole(&[Severity::Good], Some(unknown)).severity, Severity::Warning);
}
