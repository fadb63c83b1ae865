//! Search filters (RFC 4515) for numbers and names. Every value is escaped, so that it stays a
//! value.

use ldap3::ldap_escape;

use super::settings::{LdapSettings, NumberMatch};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::stored_number::NumberingPlan;

/// A filter for groups in Active Directory.
pub(super) const A_GROUP: &str = "(objectClass=group)";

/// A filter for the users who may have `number` in one of their phone attributes.
pub(super) fn by_number(settings: &LdapSettings, number: &PhoneNumber) -> String {
    number_filter(
        &settings.user_filter,
        &settings.phone_attributes,
        number,
        settings.plan,
        settings.number_match,
    )
}

/// A number with an extension has no whole values to look up, so patterns are used.
fn number_filter(
    user_filter: &str,
    attributes: &[String],
    number: &PhoneNumber,
    plan: NumberingPlan,
    how: NumberMatch,
) -> String {
    let whole = match how {
        NumberMatch::Equality => plan.whole_forms(number),
        NumberMatch::Patterns => Vec::new(),
    };
    let values: Vec<String> = if whole.is_empty() {
        plan.pattern_forms(number).iter().map(|parts| pattern(parts)).collect()
    } else {
        whole.iter().map(|form| ldap_escape(form.as_str()).into_owned()).collect()
    };
    let mut filter = format!("(&{user_filter}(|");
    for attribute in attributes {
        for value in &values {
            filter.extend(["(", attribute, "=", value, ")"]);
        }
    }
    filter.push_str("))");
    filter
}

/// A filter for the people matching `user_filter` whose `attribute` is `value`.
pub(super) fn by_value(user_filter: &str, attribute: &str, value: &str) -> String {
    format!("(&{user_filter}({attribute}={}))", ldap_escape(value))
}

/// A value whose parts come in this order: `a*b*c`. Anchored at both ends, because a leading
/// wildcard makes a server scan all its entries.
fn pattern(parts: &[String]) -> String {
    let escaped: Vec<_> = parts.iter().map(|part| ldap_escape(part.as_str())).collect();
    escaped.join("*")
}

#[cfg(test)]
mod tests {
    use ldap3::parse_filter;
    use proptest::prelude::*;

    use super::super::settings::{FilterError, check_filter};
    use super::*;

    const USERS: &str = "(objectClass=person)";

    fn plan() -> NumberingPlan {
        NumberingPlan::for_country("SE").unwrap()
    }

    fn filter_for(number: &str, how: NumberMatch) -> String {
        let number = plan().read_stored(number).unwrap();
        let attributes = ["mobile".to_owned(), "telephoneNumber".to_owned()];
        number_filter(USERS, &attributes, &number, plan(), how)
    }

    /// The filter's structure: as sent over the wire, with each value replaced by `V`.
    fn structure(filter: &str) -> String {
        let parsed = parse_filter(filter).expect("a filter");
        let text = format!("{parsed:?}");
        let mut shape = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find("inner: [") {
            let after = &rest[at + "inner: [".len()..];
            let end = after.find(']').expect("a list ends");
            let bytes = after[..end].trim();
            shape.push_str(&rest[..at]);
            if bytes.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | ' ')) {
                shape.push('V');
                rest = &after[end + 1..];
            } else {
                shape.push_str("inner: [");
                rest = after;
            }
        }
        shape.push_str(rest);
        shape
    }

    #[test]
    fn a_number_is_searched_in_each_attribute_by_each_whole_form() {
        let filter = filter_for("+46 70-123 45 67", NumberMatch::Equality);
        assert!(filter.starts_with("(&(objectClass=person)(|(mobile="), "{filter}");
        for part in [
            "(mobile=+46701234567)",
            "(mobile=0701234567)",
            "(mobile=0046701234567)",
            "(mobile=\\28+46\\29701234567)",
            "(telephoneNumber=+46\\280\\29701234567)",
        ] {
            assert!(filter.contains(part), "{part} in {filter}");
        }
        assert!(!filter.contains('*'), "{filter}");
        assert!(parse_filter(&filter).is_ok());
    }

    #[test]
    fn patterns_are_anchored_at_both_ends() {
        let filter = filter_for("+46 70-123 45 67", NumberMatch::Patterns);
        assert!(filter.contains("(mobile=+46*7*0*1*2*3*4*5*6*7)"), "{filter}");
        assert!(filter.contains("(telephoneNumber=\\28+46*7*0*1*2*3*4*5*6*7)"), "{filter}");
        assert!(!filter.contains("=*") && !filter.contains("*)"), "{filter}");
        assert!(parse_filter(&filter).is_ok());
    }

    #[test]
    fn a_number_with_an_extension_is_searched_by_patterns_in_either_mode() {
        for how in [NumberMatch::Equality, NumberMatch::Patterns] {
            let filter = filter_for("+46 8 123 456 78 ext. 12", how);
            assert!(filter.contains("(mobile=+46*8*1*2*3*4*5*6*7*8*12)"), "{filter}");
        }
    }

    #[test]
    fn a_user_filter_is_one_whole_filter_in_brackets() {
        for good in [USERS, "(&(objectClass=user)(!(uid=x)))", "(uid=a\\2ab)"] {
            assert_eq!(check_filter(good), Ok(()), "{good}");
        }
        for bad in ["", "uid=x", "(uid=x", "(uid=x))", "(uid=x)(uid=y)", " (uid=x)", "(uid)"] {
            assert_eq!(check_filter(bad), Err(FilterError), "{bad}");
        }
    }

    #[test]
    fn no_name_gets_out_of_its_place() {
        let plain = structure("(&(objectClass=person)(uid=anna))");
        for name in ["*", "*)(uid=*", "anna)(|(uid=*", "\\", "\\2a", "(", ")", "a*b", "\\29"] {
            assert_eq!(structure(&by_value(USERS, "uid", name)), plain, "{name}");
        }
        assert_eq!(pattern(&["a*)(".to_owned(), "\0\\".to_owned()]), "a\\2a\\29\\28*\\00\\5c");
    }

    proptest! {
        #[test]
        fn whatever_the_name_the_structure_of_the_filter_stays(
            name in "[\\PC*()\\\\&|!=~<>:]{1,40}",
        ) {
            let filter = by_value(USERS, "uid", &name);
            prop_assert_eq!(
                structure(&filter),
                structure("(&(objectClass=person)(uid=anna))"),
                "{}", filter
            );
        }

        #[test]
        fn whatever_the_parts_a_pattern_has_as_many_and_no_more(
            parts in proptest::collection::vec("[\\x00-\\x7f]{1,5}", 2..6),
        ) {
            let filter = format!("(mobile={})", pattern(&parts));
            let plain: Vec<String> = parts.iter().map(|_| "x".to_owned()).collect();
            prop_assert_eq!(
                structure(&filter),
                structure(&format!("(mobile={})", pattern(&plain))),
                "{}", filter
            );
        }
    }
}
