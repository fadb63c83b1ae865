//! A number's line type, from the numbering metadata: which numbers a text can reach, and which
//! cost extra to text.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType};

use super::phone_number::PhoneNumber;

/// A line type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NumberKind {
    /// A mobile phone, or a number that the plan does not distinguish from one, as in North
    /// America.
    Mobile,
    /// A fixed line.
    Fixed,
    /// Internet telephony.
    Voip,
    /// Free for the caller.
    TollFree,
    /// Paid for by both sides.
    SharedCost,
    /// Charges the caller extra and pays its owner a share.
    Premium,
    /// Follows a person, at the caller's expense.
    Personal,
    /// A pager.
    Pager,
    /// A company's single number for all its locations (universal access number).
    UniversalAccess,
    /// Access to a voice mailbox.
    Voicemail,
    /// Not assigned by the plan, as far as the metadata knows.
    Unknown,
}

impl NumberKind {
    /// All line types.
    pub const ALL: [Self; 11] = [
        Self::Mobile,
        Self::Fixed,
        Self::Voip,
        Self::TollFree,
        Self::SharedCost,
        Self::Premium,
        Self::Personal,
        Self::Pager,
        Self::UniversalAccess,
        Self::Voicemail,
        Self::Unknown,
    ];

    /// The line type of a number, by its digits and their count.
    #[must_use]
    pub fn of(number: &PhoneNumber) -> Self {
        let parsed = PHONE_NUMBER_UTIL.parse(number.as_str(), None);
        match parsed.map_or(PhoneNumberType::Unknown, |parsed| parsed.get_type()) {
            PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile => Self::Mobile,
            PhoneNumberType::FixedLine => Self::Fixed,
            PhoneNumberType::VoIP => Self::Voip,
            PhoneNumberType::TollFree => Self::TollFree,
            PhoneNumberType::SharedCost => Self::SharedCost,
            PhoneNumberType::PremiumRate => Self::Premium,
            PhoneNumberType::PersonalNumber => Self::Personal,
            PhoneNumberType::Pager => Self::Pager,
            PhoneNumberType::UAN => Self::UniversalAccess,
            PhoneNumberType::VoiceMail => Self::Voicemail,
            PhoneNumberType::Unknown => Self::Unknown,
        }
    }

    /// The name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mobile => "mobile",
            Self::Fixed => "fixed",
            Self::Voip => "voip",
            Self::TollFree => "toll-free",
            Self::SharedCost => "shared-cost",
            Self::Premium => "premium",
            Self::Personal => "personal",
            Self::Pager => "pager",
            Self::UniversalAccess => "universal-access",
            Self::Voicemail => "voicemail",
            Self::Unknown => "unknown",
        }
    }

    /// Parses the output of [`as_str`](Self::as_str).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stored_number::NumberingPlan;

    fn of(number: &str) -> NumberKind {
        NumberKind::of(&NumberingPlan::read_e164(number).expect(number))
    }

    #[test]
    fn a_kind_is_read_as_it_is_written() {
        for kind in NumberKind::ALL {
            assert_eq!(NumberKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(NumberKind::parse("Mobile"), None);
    }

    #[test]
    fn the_metadata_tells_what_a_text_can_reach() {
        for (number, kind) in [
            ("+46701234567", NumberKind::Mobile),
            ("+41791234567", NumberKind::Mobile),
            ("+447400123456", NumberKind::Mobile),
            ("+12025550123", NumberKind::Mobile),
            ("+5491123456789", NumberKind::Mobile),
            ("+46812345678", NumberKind::Fixed),
            ("+469391234567", NumberKind::Premium),
            ("+19005550123", NumberKind::Premium),
            ("+447012345678", NumberKind::Personal),
            ("+447640123456", NumberKind::Pager),
            ("+448001234567", NumberKind::TollFree),
            ("+445612345678", NumberKind::Voip),
        ] {
            assert_eq!(of(number), kind, "{number}");
        }
    }

    #[test]
    fn a_digit_too_many_or_too_few_is_not_a_mobile_phone() {
        for number in ["+467012345678", "+4670123456", "+417912345678", "+4474001234567"] {
            let number = NumberingPlan::read_e164(number);
            assert_ne!(number.as_ref().map(NumberKind::of), Some(NumberKind::Mobile), "{number:?}");
        }
    }
}
