//! What the telephone network vouches for of a call, and what a tenant requires of it.

use std::collections::BTreeSet;

use super::country::Country;
use super::phone_number::PhoneNumber;
use super::policy::Attestation;
use super::reason::Reason;

/// What the network says of a call beside its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vouching {
    /// How surely the carrier vouches for the number (STIR/SHAKEN, RFC 8588).
    pub attestation: Attestation,
    /// Whether the call was forwarded on its way, so that the code is heard on another line than the
    /// caller's own.
    pub is_diverted: bool,
}

impl Vouching {
    /// Parses how a phone system writes an attestation: `A`, `B`, `C`, or a carrier's verdict such as
    /// `TN-Validation-Passed-A` (3GPP TS 24.229, `verstat`), also with `-Passthrough`. With
    /// `-Diverted` the forwarding party vouches for itself and not for the caller, so the call is
    /// diverted and has no attestation. All other words vouch for nothing.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        let verdict = word.strip_prefix("TN-Validation-Passed-").unwrap_or(word);
        let is_diverted = word.starts_with("TN-Validation-") && word.ends_with("-Diverted");
        let letter = verdict.strip_suffix("-Passthrough").filter(|_| verdict != word);
        let attestation =
            Attestation::parse(if is_diverted { "" } else { letter.unwrap_or(verdict) });
        Self { attestation, is_diverted }
    }
}

/// Which calls a tenant accepts: `[tenants.calls]` in the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallTrust {
    /// The lowest accepted attestation.
    pub minimum_attestation: Attestation,
    /// The countries whose numbers may call; empty: all.
    pub accepted_countries: BTreeSet<Country>,
    /// Whether forwarded calls are refused.
    pub refuse_diverted: bool,
}

impl CallTrust {
    /// Why a call from `number` is refused; `None` if it is accepted.
    #[must_use]
    pub fn refusal(&self, number: &PhoneNumber, vouching: Vouching) -> Option<Reason> {
        if !vouching.attestation.satisfies(self.minimum_attestation) {
            return Some(Reason::AttestationTooLow);
        }
        if self.refuse_diverted && vouching.is_diverted {
            return Some(Reason::CallDiverted);
        }
        let accepted = &self.accepted_countries;
        let is_accepted =
            accepted.is_empty() || Country::of(number).is_some_and(|one| accepted.contains(&one));
        (!is_accepted).then_some(Reason::CountryNotAccepted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::numbering::international;

    #[test]
    fn an_attestation_is_a_letter_or_a_carriers_verdict() {
        let read = |word| (Vouching::parse(word).attestation, Vouching::parse(word).is_diverted);
        for (word, attestation) in [
            ("A", Attestation::A),
            ("b", Attestation::B),
            ("TN-Validation-Passed-A", Attestation::A),
            ("TN-Validation-Passed-B-Passthrough", Attestation::B),
            ("TN-Validation-Passed-C", Attestation::C),
        ] {
            assert_eq!(read(word), (attestation, false), "{word}");
        }
        for word in ["TN-Validation-Passed-A-Diverted", "TN-Validation-Failed-A-Diverted"] {
            assert_eq!(read(word), (Attestation::None, true), "{word}");
        }
        for word in [
            "",
            "D",
            "AA",
            "A-Passthrough",
            "A-Diverted",
            "No-TN-Validation",
            "TN-Validation-Failed-A",
            "TN-Validation-Passed-",
            "TN-Validation-Passed-A-Passthrough-Passthrough",
            "TN-Validation-Passed-A ",
        ] {
            assert_eq!(read(word), (Attestation::None, false), "{word}");
        }
    }

    #[test]
    fn a_tenant_accepts_attested_undiverted_calls_of_its_countries() {
        let swedish = international("46701234567").expect("a number");
        let norwegian = international("4790123456").expect("a number");
        let everywhere = CallTrust::default();
        let (nothing, full) = (Vouching::default(), Vouching::parse("A"));
        let diverted = Vouching { is_diverted: true, ..full };
        assert_eq!(everywhere.refusal(&norwegian, diverted), None);

        let attested = CallTrust { minimum_attestation: Attestation::B, ..CallTrust::default() };
        assert_eq!(attested.refusal(&swedish, nothing), Some(Reason::AttestationTooLow));
        let weak = Vouching::parse("C");
        assert_eq!(attested.refusal(&swedish, weak), Some(Reason::AttestationTooLow));
        assert_eq!(attested.refusal(&swedish, full), None);

        let direct = CallTrust { refuse_diverted: true, ..CallTrust::default() };
        assert_eq!(direct.refusal(&swedish, diverted), Some(Reason::CallDiverted));
        assert_eq!(direct.refusal(&swedish, nothing), None);

        let countries = ["SE", "FI"].map(|code| Country::parse(code).expect("a country"));
        let nordic = CallTrust { accepted_countries: countries.into(), ..CallTrust::default() };
        assert_eq!(nordic.refusal(&swedish, nothing), None);
        assert_eq!(nordic.refusal(&norwegian, nothing), Some(Reason::CountryNotAccepted));
        let nowhere = international("883510001234567").expect("a number");
        assert_eq!(nordic.refusal(&nowhere, nothing), Some(Reason::CountryNotAccepted));
    }
}
