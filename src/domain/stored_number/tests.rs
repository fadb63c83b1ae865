use proptest::prelude::*;
use rlibphonenumber::PHONE_NUMBER_UTIL;

use super::*;

fn sweden() -> NumberingPlan {
    NumberingPlan::for_country("SE").expect("a country")
}

#[test]
fn a_country_is_two_capitals_that_the_metadata_knows() {
    for wrong in ["", "se", "S", "SWE", "ZZ", "001"] {
        assert!(NumberingPlan::for_country(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn every_form_of_the_contract_is_the_same_number() {
    for text in [
        "+46701234567",
        "+46 70-123 45 67",
        "070-123 45 67",
        "0046701234567",
        "(+46) 70 1234567",
        "+46 (0)70 123 45 67",
        "(070) 123 45 67",
        "070.123.45.67",
        "070/123 45 67",
        "+46 (70) 123-4567",
        "tel:+46701234567",
    ] {
        let number = sweden().read_stored(text).expect(text);
        assert_eq!((number.as_str(), number.extension()), ("+46701234567", None), "{text}");
    }
}

#[test]
fn a_number_need_only_be_possible() {
    let seed = sweden().read_stored("+467012345678").expect("the seed's own number");
    assert_eq!(seed.as_str(), "+467012345678");
    assert_eq!(seed.to_string(), "+46******5678");
    for wrong in ["", "1234", "+", "+46", "no number", "+4670123456701234567", "123456\0"] {
        assert!(sweden().read_stored(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn words_are_not_read_as_the_digits_of_a_keypad() {
    for wrong in [
        "08-12 34 fax",
        "08-123 456 new",
        "+46 8 12 34 fax",
        "070-123 99 call",
        "+46 70 123 45 67 (work)",
        "1-800-FLOWERS",
        "070 123 45 67 ext 12 fax",
    ] {
        assert!(sweden().read_stored(wrong).is_none(), "{wrong}");
    }
    for right in ["Tel. 070-123 45 67", "tel:0701234567;phone-context=+46"] {
        let number = sweden().read_stored(right).expect(right);
        assert_eq!((number.as_str(), number.extension()), ("+46701234567", None), "{right}");
    }
    for right in ["070-123 45 67 x12", "070-123 45 67 Ext. 12", "0701234567;ext=12"] {
        assert_eq!(sweden().read_stored(right).expect(right).extension(), Some("12"), "{right}");
    }
}

#[test]
fn an_extension_is_part_of_the_number() {
    let with = sweden().read_stored("+46 8 123 456 78 ext. 12").expect("a number");
    assert_eq!((with.as_str(), with.extension()), ("+46812345678", Some("12")));
    assert_ne!(Some(with), sweden().read_stored("+46812345678"));
}

#[test]
fn forms_of_a_foreign_number_are_international_only() {
    let danish = sweden().read_stored("+45 32 12 34 56").expect("a number");
    let forms = sweden().stored_forms(&danish);
    assert!(forms.exact.contains(&"+4532123456".to_owned()));
    assert!(forms.exact.iter().all(|form| form.contains("45")), "{:?}", forms.exact);
    for stored in ["+45 32 12 34 56", "00 45 32-12-34-56", "(+45) 32123456", "+(45)32123456"] {
        assert!(forms.find(stored, Matching::Patterns), "{stored}");
        assert!(forms.find(stored, Matching::Exact), "{stored}");
    }
}

#[test]
fn a_form_that_is_grouped_oddly_is_found_by_patterns_only() {
    let number = sweden().read_stored("070.12.34.567").expect("a number");
    let forms = sweden().stored_forms(&number);
    assert!(!forms.find("070.12.34.567", Matching::Exact));
    assert!(forms.find("070.12.34.567", Matching::Patterns));
    assert!(forms.find("0046701234567", Matching::Exact));
    assert!(!forms.find("0046701234568", Matching::Patterns));
    assert!(forms.find("tel:+46701234567", Matching::Everything));
    let extended = sweden().read_stored("+46 8 123 456 78 ext. 12").expect("a number");
    let forms = sweden().stored_forms(&extended);
    assert!(forms.find("+46 8 123 456 78 ext. 12", Matching::Exact));
}

fn reads(country: &str, text: &str) -> Option<String> {
    let plan = NumberingPlan::for_country(country).expect("a country");
    plan.read_stored(text).map(|number| number.key())
}

#[test]
fn two_zeros_are_international_whatever_the_country_dials() {
    for (country, text, number) in [
        ("CO", "00 57 301 2345678", "+573012345678"),
        ("HK", "00852 5123 4567", "+85251234567"),
        ("BR", "0055 11 96123-4567", "+5511961234567"),
        ("KR", "00 46 70 123 45 67", "+46701234567"),
    ] {
        assert_eq!(reads(country, text).as_deref(), Some(number), "{country} {text}");
    }
}

#[test]
fn digits_after_the_own_country_code_without_a_plus_match_no_one_if_they_could_be_two() {
    for (country, text, national, international) in [
        ("IT", "39 06 560010", "+393906560010", "+3906560010"),
        ("DE", "49 171 6783101", "+49491716783101", "+491716783101"),
        ("SE", "46 8 123 456", "+46468123456", "+468123456"),
    ] {
        let plan = NumberingPlan::for_country(country).expect("a country");
        let StoredReading::TwoReadings { national: one, international: other } =
            plan.stored_reading(text)
        else {
            panic!("{country} {text}");
        };
        assert_eq!((one.as_str(), other.as_str()), (national, international));
        assert_eq!(plan.read_stored(text), None);
    }
    for (country, text) in [("RU", "8 10 46 70 123 45 67"), ("JP", "010 45 12345678")] {
        let plan = NumberingPlan::for_country(country).expect("a country");
        let reading = plan.stored_reading(text);
        assert!(matches!(reading, StoredReading::TwoReadings { .. }), "{text} {reading:?}");
    }
    for (country, text, number) in [
        ("SE", "46 70 123 45 67", "+46701234567"),
        ("NO", "47 22 12 34 56", "+4722123456"),
        ("US", "1 202 555 0143", "+12025550143"),
        ("SE", "45 32 12 34 56", "+464532123456"),
    ] {
        let read = reads(country, text);
        assert!(read.is_none() || read.as_deref() == Some(number), "{country} {text} {read:?}");
    }
    assert_eq!(reads("SE", "46 70 123 45 67").as_deref(), Some("+46701234567"));
}

#[test]
fn every_national_form_that_people_write_is_searched() {
    for (country, e164, forms) in [
        ("CN", "+8613123456789", &["131 2345 6789", "13123456789"] as &[&str]),
        ("GE", "+995555123456", &["555 12 34 56"]),
        ("LB", "+96171123456", &["71 123 456"]),
        ("NP", "+9779841234567", &["984-1234567"]),
        ("PE", "+51912345678", &["912 345 678"]),
        ("AR", "+5491123456789", &["011 15-2345-6789", "+54 9 11 2345 6789", "11 2345 6789"]),
        ("RU", "+79261234567", &["8 (926) 123-45-67", "+7 (926) 123-45-67", "8-926-123-45-67"]),
        ("BY", "+375291234567", &["029 123-45-67", "8 029 123-45-67", "8 (029) 123-45-67"]),
        ("US", "+12025550143", &["1(202) 555-0143", "(202) 555-0143", "1-202-555-0143"]),
        ("LT", "+37061234567", &["8 612 34567", "0 612 34567", "(8 612) 34567"]),
        ("MX", "+525512345678", &["+52 1 55 1234 5678", "044 55 1234 5678", "01 55 1234 5678"]),
        ("HU", "+36201234567", &["06 20 123 4567", "06-20-123-4567", "06 (20) 123-4567"]),
        (
            "SE",
            "+46701234567",
            &[
                "+46 (070) 123 45 67",
                "+46 070 123 45 67",
                "0046 (70) 123 45 67",
                "(0)70 123 45 67",
                "0 (70) 123 45 67",
                "(+46 70) 123 45 67",
                "70 123 45 67",
                "070/123 45 67",
                "Tel. +46 70 123 45 67",
                "tel:+46701234567",
            ],
        ),
        ("IN", "+911800123456", &["1800 123 456"]),
    ] {
        let plan = NumberingPlan::for_country(country).expect("a country");
        let number = plan.read_stored(e164).expect(e164);
        for form in forms {
            assert_eq!(plan.read_stored(form).as_ref(), Some(&number), "{country} {form}");
            let forms = plan.stored_forms(&number);
            assert!(forms.find(form, Matching::Exact), "{country} {form}: {:?}", forms.exact);
            assert!(forms.find(form, Matching::Patterns), "{country} {form}");
        }
    }
}

#[test]
fn patterns_are_anchored_and_never_start_with_a_wildcard() {
    for country in ["SE", "DK", "US", "IT", "AU", "HU"] {
        let plan = NumberingPlan::for_country(country).expect("a country");
        let code = PHONE_NUMBER_UTIL.get_country_code_for_region(plan.country).expect("known");
        let number = plan
            .read_stored(&format!("+{code}212345678"))
            .or_else(|| plan.read_stored(&format!("+{code}2123456789")))
            .or_else(|| plan.read_stored(&format!("+{code}21234567")))
            .expect("possible");
        for pattern in plan.stored_forms(&number).patterns {
            assert!(
                pattern[0].eq_ignore_ascii_case("tel") || pattern[0].chars().any(char::is_numeric),
                "{country} {pattern:?}"
            );
            assert!(pattern.iter().all(|part| !part.is_empty()), "{country} {pattern:?}");
        }
    }
}

proptest! {
    #[test]
    fn a_number_stored_in_any_form_is_read_back_and_found(
        national in "[1-9][0-9]{7,8}",
        style in 0_usize..9,
        gaps in proptest::collection::vec(prop::sample::select(vec!["", "", " ", "-"]), 9),
    ) {
        let mut grouped = String::new();
        for (digit, gap) in national.chars().zip(gaps.iter().chain(std::iter::repeat(&""))) {
            grouped.push(digit);
            grouped.push_str(gap);
        }
        let grouped = grouped.trim_end_matches([' ', '-']);
        let stored = match style {
            0 => format!("+46{grouped}"),
            1 => format!("+46 {grouped}"),
            2 => format!("0{grouped}"),
            3 => format!("0046{grouped}"),
            4 => format!("(+46) {grouped}"),
            5 => format!("+(46) {grouped}"),
            6 => format!("+ 46 {grouped}"),
            7 => format!("00 46 {grouped}"),
            _ => format!("+46 (0){grouped}"),
        };
        let number = sweden().read_stored(&format!("+46{national}")).expect("possible");
        prop_assert_eq!(sweden().read_stored(&stored), Some(number.clone()), "{}", stored);
        let forms = sweden().stored_forms(&number);
        prop_assert!(forms.find(&stored, Matching::Exact), "{}", stored);
        prop_assert!(forms.find(&stored, Matching::Patterns), "{}", stored);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,140}") {
        let _ = sweden().read_stored(&text);
    }
}

#[test]
fn zeros_after_a_foreign_country_code_are_not_a_number() {
    for (country, front) in [("MX", "09"), ("US", "011"), ("JP", "010"), ("SE", "00"), ("IT", "+")]
    {
        let plan = NumberingPlan::for_country(country).expect("a country");
        for code in ["49", "46", "94", "358"] {
            for zeros in 4..18 {
                let text = format!("{front}{code}{}", "0".repeat(zeros));
                // At home such digits may be a number.
                let read = plan
                    .read_stored(&text)
                    .filter(|read| read.country_code() != plan.country_code());
                assert!(read.is_none() || plan.country_code() == code, "{country}: {text}");
            }
        }
    }
    let mexico = NumberingPlan::for_country("MX").expect("a country");
    assert_eq!(mexico.read_stored("094900000000000000000"), None);
}
