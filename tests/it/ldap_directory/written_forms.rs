//! What a real OpenLDAP finds of numbers in the forms that people write is what the domain says
//! that it finds.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use dialpass::directory::Directory as _;
use dialpass::directory::ldap::{LdapDirectory, NumberMatch};
use dialpass::domain::stored_number::{Matching, NumberingPlan};
use tokio::runtime::Handle;

use super::{deadline, settings};
use crate::support::slapd::{PEOPLE, Slapd};
use crate::world::forms::STORED;
use crate::world::samples::{Sample, regions, samples};

/// Whether OpenLDAP takes the text for a telephone number: the attribute's syntax has these
/// characters and no others (RFC 4517 3.3.31, 3.2).
fn is_storable(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || " '()+,-./:?=".contains(c))
}

#[tokio::test(flavor = "multi_thread")]
async fn openldap_finds_of_written_forms_what_is_predicted() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let countries = ["SE", "DE", "US", "CN", "BY", "HU", "AR", "IT"];
    let numbers: Vec<Sample> = regions()
        .into_iter()
        .filter(|region| countries.contains(&region.to_string().as_str()))
        .flat_map(|region| samples(region).into_iter().take(2))
        .collect();
    let mut values: Vec<String> = numbers
        .iter()
        .flat_map(|number| STORED.iter().flat_map(move |form| (form.write)(number)))
        .filter(|text| is_storable(text))
        .collect();
    values.sort_unstable();
    values.dedup();
    let mut ldif = String::new();
    for (at, value) in values.iter().enumerate() {
        let value = BASE64.encode(value);
        write!(
            ldif,
            "dn: uid=w{at},{PEOPLE}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: w{at}\n\
             cn: w{at}\nsn: w{at}\nmobile:: {value}\n\n"
        )
        .unwrap();
    }
    slapd.modify(&ldif);
    assert!(values.len() > 400, "{} values", values.len());
    for (how, matching) in
        [(NumberMatch::Equality, Matching::Exact), (NumberMatch::Patterns, Matching::Patterns)]
    {
        for number in &numbers {
            let country = number.region.to_string();
            let mut settings = settings(&[slapd.url()]);
            settings.plan = NumberingPlan::for_country(&country).expect("a country");
            settings.number_match = how;
            settings.size_limit = 400;
            let plan = settings.plan;
            let directory = LdapDirectory::new(settings, Handle::current());
            let own = plan.read_stored(&number.e164()).expect("a number");
            let found = directory.find_by_number(&own, deadline()).await.expect("it answers");
            let users = found.users.iter().map(|user| user.username.as_str());
            let found: BTreeSet<&str> = users.filter(|name| name.starts_with('w')).collect();
            let forms = plan.stored_forms(&own);
            let names: Vec<String> = (0..values.len()).map(|at| format!("w{at}")).collect();
            let predicted: BTreeSet<&str> = values
                .iter()
                .zip(&names)
                .filter(|(value, _)| forms.find(value, matching))
                .map(|(_, name)| name.as_str())
                .collect();
            let odd: Vec<&String> = found
                .symmetric_difference(&predicted)
                .map(|name| &values[name[1..].parse::<usize>().unwrap()])
                .collect();
            assert!(odd.is_empty(), "{country}, {}, {how:?}: {odd:?}", number.e164());
            assert!(found.len() > 10, "{country}: {}", found.len());
        }
    }
}
