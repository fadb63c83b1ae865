use proptest::prelude::*;

use super::*;

fn plan(country: &str, outside_line_prefix: &str) -> CallerIdPlan {
    CallerIdPlan {
        numbering: NumberingPlan::for_country(country).expect("a country"),
        outside_line_prefix: outside_line_prefix.to_owned(),
        bare_digits: BareDigits::Either,
    }
}

fn read(text: &str) -> Result<String, NoNumber> {
    plan("SE", "").read(text).map(|number| number.key())
}

#[test]
fn every_form_of_a_caller_id_is_read() {
    for text in [
        "+46701234567",
        "0046701234567",
        "0701234567",
        "070-123 45 67",
        "070.123.45.67",
        "(070) 123 45 67",
        "+46 (0)70 123 45 67",
        " +46 70 123 45 67 ",
        "tel:+46701234567",
        "TEL:+46-70-123-45-67",
        "sip:+46701234567@pbx.example.com",
        "sips:+46701234567@pbx.example.com:5061;transport=tls",
        "sip:0701234567:secret@10.0.0.1",
        "\"Anna\" <sip:+46701234567@pbx.example.com>",
        "\"Anna <A>\" <sip:+46701234567@pbx.example.com>;tag=9",
        "Anna <tel:+46701234567>",
        "<sip:+46701234567;user=phone@pbx.example.com>",
        "4:+46701234567",
        "sip:%2B46701234567@pbx.example.com",
        "tel:701234567;phone-context=+46",
        "+46\u{a0}70\u{2011}123 45 67",
        "\u{ff0b}46701234567",
        "+４６７０１２３４５６７",
    ] {
        assert_eq!(read(text), Ok("+46701234567".to_owned()), "{text}");
    }
    assert_eq!(read("tel:+46812345678;ext=12"), Ok("+46812345678;ext=12".to_owned()));
    assert_eq!(read("+467012345678"), Ok("+467012345678".to_owned()));
}

#[test]
fn an_address_says_whether_its_caller_is_hidden() {
    for hidden in [
        "\"ANONYMOUS\" <sip:+46701234567@a.example>;tag=1",
        "anonymous <sip:alice@a.example>",
        "<sip:+46701234567@Anonymous.Invalid>;tag=1",
        "sip:anonymous@a.example;tag=1",
        "<tel:+266696687>",
        "Restricted",
    ] {
        assert_eq!(says_withheld(hidden), Ok(true), "{hidden}");
    }
    for shown in ["<sip:+46701234567@a.example>;tag=1", "\"A\" <sip:alice@a.example>", "4217"] {
        assert_eq!(says_withheld(shown), Ok(false), "{shown}");
    }
    for no_address in ["<sip:a@x>, <sip:b@x>", "\"A <sip:a@x>", "a\0b", "callto:+46701234567"] {
        assert_eq!(says_withheld(no_address), Err(NoNumber::Unparseable), "{no_address:?}");
    }
}

#[test]
fn withheld_callers_name_no_number() {
    for text in [
        "",
        "  ",
        "anonymous",
        "Anonymous",
        "restricted",
        "private",
        "unavailable",
        "unknown",
        "WITHHELD",
        "sip:anonymous@anonymous.invalid",
        "sip:+46701234567@anonymous.invalid",
        "\"Anonymous\" <sip:+46701234567@pbx.example.com>",
        "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
        "0000000000",
        "0",
        "+266696687",
        "+86282452253",
        "+2562533",
        "+7378742833",
        "00266696687",
        "tel:+266696687",
        "sip:+7378742833@pbx.example.com",
        "+266-696-687",
        "+8656696",
        "+464",
        "266696687",
        "8656696",
        "256-25 33",
        "sip:7378742833@pbx.example.com",
    ] {
        assert_eq!(read(text), Err(NoNumber::Withheld), "{text}");
    }
}

#[test]
fn a_text_that_is_not_a_number_is_refused() {
    for text in [
        "abc",
        "1234",
        "+",
        "*)(uid=*",
        "+46701234567)(uid=*",
        "+4670123\u{0}4567",
        "1-800-FLOWERS",
        "sip:bob@example.com",
        "sip:+46701234567",
        "http://x/+46701234567",
        "<+46701234567",
        "<sip:+46703331001@h> <sip:+46701234567@h>",
        "+46701234567,+46701234568",
        "070*",
        "#31#0701234567",
        "+46701234567;ext=x",
        "0701234567 ext 12",
        "+46+701234567",
    ] {
        assert_eq!(read(text), Err(NoNumber::Unparseable), "{text}");
    }
}

#[test]
fn an_outside_line_prefix_is_taken_off_numbers_without_a_plus() {
    let read = |text| plan("SE", "9").read(text).map(|number| number.as_str().to_owned());
    for text in ["90701234567", "90046701234567", "+46701234567", "0701234567"] {
        assert_eq!(read(text), Ok("+46701234567".to_owned()), "{text}");
    }
}

#[test]
fn an_outside_line_prefix_is_kept_where_there_is_no_number_behind_it() {
    let plan = CallerIdPlan { bare_digits: BareDigits::National, ..plan("US", "9") };
    let read = |text| plan.read(text).map(|number| number.as_str().to_owned());
    assert_eq!(read("912025550143"), Ok("+12025550143".to_owned()));
    assert_eq!(read("9165550143"), Ok("+19165550143".to_owned()), "Sacramento, without prefix");
}

/// Countries whose own prefix for calls abroad is `00` and more digits, or another one entirely.
#[test]
fn two_zeros_and_a_possible_international_number_are_that_number() {
    let read = |country, text| plan(country, "").read(text).map(|n| n.as_str().to_owned());
    for country in [
        "AU", "BR", "CO", "GY", "HK", "ID", "JP", "KH", "KR", "MN", "NG", "RU", "SE", "SG", "TH",
        "TW", "TZ", "UG", "US",
    ] {
        for (text, number) in [
            ("0046701234567", "+46701234567"),
            ("00573012345678", "+573012345678"),
            ("00855112345678", "+855112345678"),
            ("005511961234567", "+5511961234567"),
            ("0085251234567", "+85251234567"),
            ("006591234567", "+6591234567"),
            ("0066812345678", "+66812345678"),
            ("00 1 202 555 0143", "+12025550143"),
        ] {
            assert_eq!(read(country, text), Ok(number.to_owned()), "{country} {text}");
        }
    }
    for (country, text) in [("US", "01146701234567"), ("AU", "001146701234567")] {
        assert_eq!(read(country, text), Err(NoNumber::Unparseable), "nothing was dialled");
    }
}

#[test]
fn digits_that_could_be_two_numbers_match_no_one_unless_the_tenant_says_which_they_are() {
    use BareDigits::{Either, International, National, Refused};
    let read = |country, bare_digits, text: &str| {
        let plan = CallerIdPlan { bare_digits, ..plan(country, "") };
        plan.read(text).map(|number| number.as_str().to_owned())
    };
    for (country, text, national, international) in [
        ("IT", "3906560010", "+393906560010", "+3906560010"),
        ("DE", "491716783154", "+49491716783154", "+491716783154"),
        ("DE", "4930123456", "+494930123456", "+4930123456"),
        ("SE", "468123456", "+46468123456", "+468123456"),
        ("US", "4670123456", "+14670123456", "+4670123456"),
        ("CN", "13123456789", "+8613123456789", "+13123456789"),
    ] {
        for form in [text.to_owned(), format!("tel:{text}"), format!("\"A\" <sip:{text}@h>")] {
            assert_eq!(read(country, Either, &form), Err(NoNumber::TwoReadings), "{form}");
            assert_eq!(read(country, National, &form), Ok(national.to_owned()), "{form}");
            assert_eq!(read(country, International, &form), Ok(international.to_owned()), "{form}");
            assert_eq!(read(country, Refused, &form), Err(NoNumber::Unparseable), "{form}");
        }
        for sure in [format!("+{text}"), format!("00{text}")] {
            for how in [Either, National, International, Refused] {
                assert_eq!(read(country, how, &sure), Ok(international.to_owned()), "{sure}");
            }
        }
    }
    // The national prefix decides, and digits with a single possible reading have that one.
    for (country, text, number) in [
        ("SE", "08123456", "+468123456"),
        ("DE", "01716783154", "+491716783154"),
        ("RU", "89261234567", "+79261234567"),
        ("US", "12025550143", "+12025550143"),
    ] {
        for how in [Either, National, Refused] {
            assert_eq!(read(country, how, text), Ok(number.to_owned()), "{country} {text}");
        }
    }
    assert_eq!(read("IT", Either, "06560010"), Ok("+3906560010".to_owned()), "its own zero");
    // A prefix other than zero may begin a country code: Moscow by its 8, or Hanoi.
    assert_eq!(read("RU", Either, "84951234567"), Err(NoNumber::TwoReadings));
    assert_eq!(read("RU", National, "84951234567"), Ok("+74951234567".to_owned()));
    assert_eq!(read("RU", International, "84951234567"), Ok("+84951234567".to_owned()));
    assert_eq!(read("MX", Either, "12025550143"), Err(NoNumber::TwoReadings));
    // A carrier prefix is dialled but not written: the zero alone is the prefix.
    for text in ["03211234567", "+57 (0)321 1234567"] {
        assert_eq!(read("CO", Either, text), Ok("+573211234567".to_owned()), "{text}");
    }
    assert_eq!(read("KR", Either, "+82 (0)82 6552 2351"), Ok("+828265522351".to_owned()));
    for (country, text) in [("SE", "46701234567"), ("GB", "447700900123"), ("CH", "41791234567")] {
        assert_eq!(read(country, Either, text), Ok(format!("+{text}")), "{country}");
        assert_eq!(read(country, International, text), Ok(format!("+{text}")), "{country}");
    }
}

#[test]
fn only_the_address_in_the_angle_brackets_says_who_calls() {
    for text in [
        "\"a\" <sip:+46703331001@h>;x=\"<sip:+46701234567@h>\"",
        "\"<sip:+46701234567@h>\" <sip:+46703331001@h>",
        "\"a \\\" <sip:+46701234567@h>\" <sip:+46703331001@h>;tag=9;x",
        "+46701234567 <sip:+46703331001@h>",
        "<sip:+46703331001@h>;tag=<",
        "<sip:+46703331001@h> ; x = \"a;b\" ; y=[::1]:5060",
    ] {
        let expected = if text.ends_with('<') {
            Err(NoNumber::Unparseable)
        } else {
            Ok("+46703331001".to_owned())
        };
        assert_eq!(read(text), expected, "{text}");
    }
    for text in [
        "\"Anonymous\" <sip:+46703331001@h>;x=\"<sip:+46701234567@h>\"",
        "\"Anony\\mous\" <sip:+46701234567@h>",
        "Anonymous <sip:+46701234567@h>",
        "\"\u{202a}Anonymous\" <sip:+46701234567@h>",
    ] {
        assert_eq!(read(text), Err(NoNumber::Withheld), "{text}");
    }
    for text in [
        "\"a <sip:+46701234567@h>",
        "a\" <sip:+46701234567@h>",
        "\"a\" b <sip:+46701234567@h>",
        "a, b <sip:+46701234567@h>",
        "\"a\" <sip:+46701234567@h>, <sip:+46703331001@h>",
        "\"a\" <sip:+46701234567@h> x",
        "\"a\" <sip:+46701234567@h>;",
        "\"a\" <sip:+46701234567@h>;x=\"",
        "\"a\" <sip:\"<x>\"+46701234567@h>",
        "\"a\"",
        "+46701234567\"",
        "+46701234567>",
        "+46701234567; +46703331001",
        "+46701234567;ext=1;ext=2",
    ] {
        assert_eq!(read(text), Err(NoNumber::Unparseable), "{text}");
    }
}

#[test]
fn invisible_characters_around_a_number_mean_nothing() {
    for mark in ["\u{2066}", "\u{2067}", "\u{2068}", "\u{2069}", "\u{61c}", "\u{fe0d}", "\u{202a}"]
    {
        let text = format!("{mark}+46 70{mark} 123 45 67{mark}");
        assert_eq!(read(&text), Ok("+46701234567".to_owned()), "{text:?}");
    }
    for text in ["+46701234567\r\n", "\t070-123\t45 67", "+46\u{ff0d}701234567", "（070） 1234567"]
    {
        assert_eq!(read(text), Ok("+46701234567".to_owned()), "{text:?}");
    }
    for text in ["+4670123\r\n4567", "+4670123\u{7}4567"] {
        assert_eq!(read(text), Err(NoNumber::Unparseable), "{text:?}");
    }
}

#[test]
fn old_and_new_forms_of_one_subscriber_are_one_number() {
    let read = |country, text| plan(country, "").read(text).map(|n| n.as_str().to_owned());
    for text in
        ["+5215512345678", "+525512345678", "0445512345678", "015512345678", "00525512345678"]
    {
        assert_eq!(read("MX", text), Ok("+525512345678".to_owned()), "{text}");
    }
    for text in [
        "+5491123456789",
        "+541123456789",
        "01123456789",
        "011 15-2345-6789",
        "+54 11 15 2345 6789",
    ] {
        assert_eq!(read("AR", text), Ok("+541123456789".to_owned()), "{text}");
    }
}

proptest! {
    #[test]
    fn a_number_in_any_form_is_one_caller(national in "[1-9][0-9]{7,8}", form in 0_usize..9, gap in "[ .-]?") {
        let grouped: String = national.chars().flat_map(|c| [c.to_string(), gap.clone()]).collect();
        let grouped = grouped.trim_end_matches(gap.as_str());
        let text = match form {
            0 => format!("+46{gap}{grouped}"),
            1 => format!("0046{gap}{grouped}"),
            2 => format!("0{grouped}"),
            3 => format!("tel:+46{national}"),
            4 => format!("sip:+46{national}@pbx.example.com"),
            5 => format!("\"Some Body\" <sip:+46{national}@pbx.example.com>"),
            6 => format!("4:+46{national}"),
            7 => format!("+46 (0){grouped}"),
            _ => format!("(+46) {grouped}"),
        };
        prop_assert_eq!(read(&text), Ok(format!("+46{national}")), "{}", text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,300}") {
        let _ = read(&text);
    }
}
