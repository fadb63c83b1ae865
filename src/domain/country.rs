//! Countries by their telephone numbers, and rules about which of them are allowed.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};

use super::phone_number::PhoneNumber;

/// A country with telephone numbers, by its ISO 3166-1 alpha-2 code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(Region);

impl Country {
    /// The country with this upper-case code; `None` if the numbering metadata does not know it.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let shaped = code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
        let region = Region::from_str(code).ok().filter(|_| shaped)?;
        PHONE_NUMBER_UTIL.get_country_code_for_region(region)?;
        Some(Self(region))
    }

    /// The country that a number belongs to. Countries that share a country code, such as those of
    /// `+1`, `+7` and `+44`, are distinguished by the numbers they assign. `None` if unknown:
    /// numbers of international networks (`+883`), and numbers that the metadata does not assign to
    /// any of the countries sharing the code.
    #[must_use]
    pub fn of(number: &PhoneNumber) -> Option<Self> {
        let parsed = PHONE_NUMBER_UTIL.parse(number.as_str(), None).ok()?;
        let region = PHONE_NUMBER_UTIL.get_region_for_number(&parsed)?;
        (region != Region::World).then_some(Self(region))
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Which countries are allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CountryRules {
    /// If set, only these.
    pub allowed: Option<BTreeSet<Country>>,
    /// Never these.
    pub denied: BTreeSet<Country>,
}

impl CountryRules {
    /// Whether a number in `country` is allowed. If any rule is set, a number with an unknown
    /// country is not.
    #[must_use]
    pub fn reach(&self, country: Option<Country>) -> bool {
        match country {
            Some(country) => {
                let allowed = self.allowed.as_ref().is_none_or(|all| all.contains(&country));
                allowed && !self.denied.contains(&country)
            }
            None => self.allowed.is_none() && self.denied.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stored_number::NumberingPlan;

    fn of(number: &str) -> Option<Country> {
        Country::of(&NumberingPlan::read_e164(number).expect(number))
    }

    fn country(code: &str) -> Country {
        Country::parse(code).expect(code)
    }

    #[test]
    fn a_country_is_two_capitals_that_the_metadata_knows() {
        for wrong in ["", "se", "S", "SWE", "ZZ", "XX", "001", "EU"] {
            assert!(Country::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_number_belongs_to_the_country_that_gives_it_out() {
        for (number, code) in [
            ("+46701234567", "SE"),
            ("+4791234567", "NO"),
            ("+12025550123", "US"),
            ("+14165550123", "CA"),
            ("+18765550123", "JM"),
            ("+79161234567", "RU"),
            ("+77011234567", "KZ"),
            ("+447400123456", "GB"),
            ("+447781123456", "GG"),
            ("+390612345678", "IT"),
            ("+37410123456", "AM"),
        ] {
            assert_eq!(of(number), Some(country(code)), "{number}");
        }
    }

    #[test]
    fn a_number_of_no_country_belongs_to_none() {
        for number in ["+883510012345678", "+882161234567", "+80012345678"] {
            assert_eq!(of(number), None, "{number}");
        }
    }

    #[test]
    fn rules_are_about_known_countries_and_refuse_the_others() {
        let (sweden, norway) = (country("SE"), country("NO"));
        let everywhere = CountryRules::default();
        assert!(everywhere.reach(Some(sweden)) && everywhere.reach(None));
        let allowed =
            CountryRules { allowed: Some(BTreeSet::from([sweden])), ..CountryRules::default() };
        assert!(allowed.reach(Some(sweden)));
        assert!(!allowed.reach(Some(norway)) && !allowed.reach(None));
        let denied = CountryRules { allowed: None, denied: BTreeSet::from([sweden]) };
        assert!(denied.reach(Some(norway)));
        assert!(!denied.reach(Some(sweden)) && !denied.reach(None));
        let both = CountryRules { denied: BTreeSet::from([sweden]), ..allowed };
        assert!(!both.reach(Some(sweden)), "a denial outweighs");
    }
}
