//! The attributes that are read.

use super::profile::Defaults;
use super::raw::RawLdap;
use crate::config::check::Problems;
use crate::directory::ldap::settings::check_attribute;
use crate::domain::user::Ambiguity;

/// What is accepted as an attribute's name.
const AN_ATTRIBUTE: &str = "an attribute's name: a letter, then letters, digits and hyphens";

pub(super) struct Attributes {
    pub phone: Vec<String>,
    pub username: String,
    pub id: String,
    pub pin: Option<String>,
}

pub(super) fn check(
    key: &str,
    raw: &RawLdap,
    defaults: &Defaults,
    problems: &mut Problems,
) -> Attributes {
    let phone = raw.phone_attributes.clone();
    let phone = phone.unwrap_or_else(|| vec!["mobile".to_owned(), "telephoneNumber".to_owned()]);
    if phone.is_empty() {
        problems.add(
            &format!("{key}.phone_attributes"),
            "no attribute",
            "at least one, such as \"mobile\"",
        );
    }
    for (index, name) in phone.iter().enumerate() {
        let key = format!("{key}.phone_attributes[{index}]");
        if phone[..index].iter().any(|other| other.eq_ignore_ascii_case(name)) {
            problems.add(&key, format!("{name:?} a second time"), "each attribute once");
        }
        check_name(&key, name, problems);
    }
    let mut one = |name: &str, value: &Option<String>, default: &str| {
        let value = value.clone().unwrap_or_else(|| default.to_owned());
        check_name(&format!("{key}.{name}"), &value, problems);
        value
    };
    let username = one("username_attribute", &raw.username_attribute, defaults.username_attribute);
    let id = one("id_attribute", &raw.id_attribute, defaults.id_attribute);
    let pin = pin(key, raw, problems);
    let is_taken = pin.as_ref().is_some_and(|pin| {
        phone.iter().chain([&username, &id]).any(|other| other.eq_ignore_ascii_case(pin))
    });
    if is_taken {
        problems.add(
            &format!("{key}.pin_attribute"),
            "an attribute that holds people's numbers, names or ids",
            "an attribute of its own for PINs",
        );
    }
    Attributes { phone, username, id, pin }
}

fn pin(key: &str, raw: &RawLdap, problems: &mut Problems) -> Option<String> {
    let key = format!("{key}.pin_attribute");
    let by_pin = raw.ambiguous == Some(Ambiguity::Pin);
    let attribute = raw.pin_attribute.clone();
    if by_pin != attribute.is_some() {
        problems.add(
            &key,
            if by_pin { "nothing" } else { "a value without ambiguous = \"pin\"" },
            "the attribute that holds people's PINs, beside ambiguous = \"pin\"",
        );
    }
    if let Some(name) = &attribute {
        check_name(&key, name, problems);
    }
    attribute
}

fn check_name(key: &str, name: &str, problems: &mut Problems) {
    if check_attribute(name).is_err() {
        problems.add(key, format!("{name:?}"), AN_ATTRIBUTE);
    }
}
