//! A directory user, and the rule that a number must belong to exactly one user.

use std::fmt;

use serde::Deserialize;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::account_state::AccountState;
use super::phone_number::PhoneNumber;
use super::stored_number::NumberingPlan;

/// A user's stable id in the directory (`entryUUID`, `objectGUID`, …), which survives renames.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(String);

impl UserId {
    /// Accepts an id; `None` if it is empty.
    #[must_use]
    pub fn parse(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (!text.is_empty()).then_some(Self(text))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name typed at a login: 1 to 256 characters, no control characters.
///
/// It identifies no one by itself; the directory's search decides. `Debug` hides it, because people
/// type passwords into the name field.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedName(String);

impl TypedName {
    /// Accepts a typed name; `None` if it is empty, over 256 characters, or has a control
    /// character.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let sized = !text.is_empty() && text.chars().count() <= 256;
        (sized && !text.chars().any(char::is_control)).then(|| Self(text.to_owned()))
    }

    /// The name as typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TypedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedName(…)")
    }
}

/// A PIN that tells apart callers who share a number: 1 to 32 digits. `Debug` hides it.
///
/// It selects among the people with the number, and grants nothing by itself.
#[derive(Clone)]
pub struct Pin(Zeroizing<String>);

impl Pin {
    /// Accepts a PIN; `None` if it is not 1 to 32 ASCII digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shaped = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        shaped.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// Compares in time that does not depend on where the PINs differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }

    /// The digits.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

/// Whether the tenant's groups allow a user to use the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// In the required group and not in the excluded one, if they are configured.
    Allowed,
    /// Not in the required group.
    NotInRequiredGroup,
    /// In the excluded group, which outweighs the required one.
    InExcludedGroup,
    /// In more groups, or in more deeply nested ones, than are followed.
    TooNested,
    /// The user was deleted after being found.
    Gone,
}

/// One value of one of the directory's phone attributes.
#[derive(Clone, PartialEq, Eq)]
pub struct NumberValue {
    /// Index of the attribute in the tenant's `phone_attributes`, starting at 0.
    pub rank: usize,
    /// The value exactly as stored.
    pub text: String,
}

impl fmt::Debug for NumberValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NumberValue(rank {}, …)", self.rank)
    }
}

/// A user as returned by one search of the directory.
#[derive(Debug, Clone)]
pub struct User {
    /// The stable id; codes are bound to it.
    pub id: UserId,
    /// The user's name in the directory (its `username_attribute`).
    pub username: String,
    /// What the directory needs to find this entry again for a bind: the DN in LDAP.
    pub locator: String,
    /// Whether the directory lets this user log in, according to the entry.
    pub account: AccountState,
    /// The values of the phone attributes.
    pub numbers: Vec<NumberValue>,
    /// The values of the PIN attribute, if the tenant has one; invalid PINs are left out.
    pub pins: Vec<Pin>,
    /// The languages that the user prefers, as in `Accept-Language` (RFC 2798 2.7), if the directory
    /// has them.
    pub language: Option<String>,
}

impl User {
    /// The rank of the first value that `plan` reads as `number`.
    fn rank_of(&self, number: &PhoneNumber, plan: NumberingPlan) -> Option<usize> {
        let is_it = |value: &&NumberValue| plan.read_stored(&value.text).as_ref() == Some(number);
        self.numbers.iter().filter(is_it).map(|value| value.rank).min()
    }
}

/// The result of a search by number: people who may have the number.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    /// The entries found.
    pub users: Vec<User>,
    /// True if the search hit its size limit, so that there may be more entries than are listed.
    pub truncated: bool,
    /// The rank of each user's best value that is the number, if the directory compared whole
    /// numbers; otherwise the values are still to be read and compared.
    ranks: Option<Vec<usize>>,
}

/// What to do when several users have the caller's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ambiguity {
    /// Refuse: no code is issued.
    #[default]
    Refuse,
    /// The only user with the number in the earliest phone attribute; refused if several share
    /// that.
    PreferAttributeOrder,
    /// The only user with the PIN the caller keyed; refused if none or several have it.
    Pin,
}

/// Why a number does not resolve to a single user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotUnique {
    /// No user has it.
    NoUser,
    /// Several users have it, or the search could not list all who may.
    SeveralUsers,
}

impl Candidates {
    /// What a search found that may match more than the number: the values are still to be compared.
    #[must_use]
    pub const fn to_compare(users: Vec<User>, truncated: bool) -> Self {
        Self { users, truncated, ranks: None }
    }

    /// All users who have the number, each with the rank of their best value that is this number. The
    /// directory read its values with the tenant's plan and compared them as E.164.
    #[must_use]
    pub fn compared(found: impl Iterator<Item = (User, usize)>) -> Self {
        let (users, ranks) = found.unzip();
        Self { users, truncated: false, ranks: Some(ranks) }
    }

    /// The one user with `number`, after parsing each candidate's stored values by `plan`. `pin` is
    /// what the caller keyed, if anything; it matters only if several users have the number and
    /// `ambiguity` is [`Ambiguity::Pin`].
    ///
    /// The search may match more than the number (wildcards between digits), so the comparison as
    /// E.164 with extension decides, never the search.
    ///
    /// # Errors
    /// [`NotUnique::NoUser`] if no value compares equal, [`NotUnique::SeveralUsers`] if several users match
    /// (subject to `ambiguity`) or the list is truncated.
    pub fn exactly_one(
        self,
        number: &PhoneNumber,
        plan: &NumberingPlan,
        ambiguity: Ambiguity,
        pin: Option<&Pin>,
    ) -> Result<User, NotUnique> {
        if self.truncated {
            return Err(NotUnique::SeveralUsers);
        }
        let mut owners: Vec<(usize, User)> = Vec::new();
        for (place, user) in self.users.into_iter().enumerate() {
            let best = match &self.ranks {
                Some(ranks) => ranks.get(place).copied(),
                None => user.rank_of(number, *plan),
            };
            if let Some(rank) = best
                && !owners.iter().any(|(_, other)| other.id == user.id)
            {
                owners.push((rank, user));
            }
        }
        if owners.is_empty() {
            return Err(NotUnique::NoUser);
        }
        if owners.len() > 1 {
            match ambiguity {
                Ambiguity::Refuse => {}
                Ambiguity::PreferAttributeOrder => {
                    let first = owners.iter().map(|(rank, _)| *rank).min();
                    owners.retain(|(rank, _)| Some(*rank) == first);
                }
                Ambiguity::Pin => {
                    let keyed = |own: &Pin| pin.is_some_and(|pin| own.matches(pin));
                    owners.retain(|(_, user)| user.pins.iter().any(keyed));
                }
            }
        }
        let mut owners = owners.into_iter();
        match (owners.next(), owners.next()) {
            (Some((_, user)), None) => Ok(user),
            (None, _) | (Some(_), Some(_)) => Err(NotUnique::SeveralUsers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> NumberingPlan {
        NumberingPlan::for_country("SE").expect("SE is a country")
    }

    fn user(id: &str, numbers: &[(usize, &str)]) -> User {
        User {
            id: UserId::parse(id).expect("not empty"),
            username: id.to_owned(),
            locator: id.to_owned(),
            account: AccountState::open(),
            numbers: numbers
                .iter()
                .map(|(rank, text)| NumberValue { rank: *rank, text: (*text).to_owned() })
                .collect(),
            pins: Vec::new(),
            language: None,
        }
    }

    fn choose(users: Vec<User>, ambiguity: Ambiguity) -> Result<String, NotUnique> {
        let number = plan().read_stored("+46701234567").expect("a number");
        Candidates::to_compare(users, false)
            .exactly_one(&number, &plan(), ambiguity, None)
            .map(|user| user.username)
    }

    #[test]
    fn a_search_that_is_too_wide_returns_no_one_else() {
        let wide =
            vec![user("anna", &[(0, "070-123 45 67")]), user("bo", &[(0, "+46 70 123 45 678")])];
        assert_eq!(choose(wide, Ambiguity::Refuse), Ok("anna".to_owned()));
    }

    #[test]
    fn two_users_with_one_number_are_refused_unless_the_attribute_order_decides() {
        let shared =
            || vec![user("anna", &[(1, "070-123 45 67")]), user("bo", &[(0, "+46701234567")])];
        assert_eq!(choose(shared(), Ambiguity::Refuse), Err(NotUnique::SeveralUsers));
        assert_eq!(choose(shared(), Ambiguity::PreferAttributeOrder), Ok("bo".to_owned()));
        let same_rank =
            vec![user("anna", &[(0, "070-123 45 67")]), user("bo", &[(0, "+46701234567")])];
        assert_eq!(
            choose(same_rank, Ambiguity::PreferAttributeOrder),
            Err(NotUnique::SeveralUsers)
        );
    }

    #[test]
    fn one_user_with_the_number_twice_is_one_user() {
        let twice = vec![user("anna", &[(0, "070-123 45 67"), (1, "+46 (0)70 1234567")])];
        assert_eq!(choose(twice, Ambiguity::Refuse), Ok("anna".to_owned()));
    }

    #[test]
    fn a_truncated_search_counts_as_several() {
        let number = plan().read_stored("+46701234567").expect("a number");
        let cut = Candidates::to_compare(vec![user("anna", &[(0, "+46701234567")])], true);
        assert!(matches!(
            cut.exactly_one(&number, &plan(), Ambiguity::Refuse, None),
            Err(NotUnique::SeveralUsers)
        ));
    }

    #[test]
    fn an_extension_matches_only_the_same_extension() {
        let with_extension = vec![user("anna", &[(0, "+46 70 123 45 67 ext. 12")])];
        assert_eq!(choose(with_extension, Ambiguity::Refuse), Err(NotUnique::NoUser));
    }

    #[test]
    fn of_people_who_share_a_number_the_keyed_pin_chooses_one() {
        let number = plan().read_stored("+46701234567").expect("a number");
        let pin = |text: &str| Pin::parse(text).expect("a pin");
        let chosen = |keyed: Option<&str>, pins: [&str; 2]| {
            let mut users =
                vec![user("anna", &[(0, "0701234567")]), user("bo", &[(1, "0701234567")])];
            for (user, own) in users.iter_mut().zip(pins) {
                user.pins.extend(Pin::parse(own));
            }
            Candidates::to_compare(users, false)
                .exactly_one(&number, &plan(), Ambiguity::Pin, keyed.map(pin).as_ref())
                .map(|user| user.username)
        };
        assert_eq!(chosen(Some("22"), ["11", "22"]), Ok("bo".to_owned()));
        for keyed in [None, Some("1"), Some("33"), Some("111")] {
            assert_eq!(chosen(keyed, ["11", "22"]), Err(NotUnique::SeveralUsers), "{keyed:?}");
        }
        assert_eq!(chosen(Some("11"), ["11", "11"]), Err(NotUnique::SeveralUsers), "both have it");
        assert_eq!(
            chosen(None, ["", ""]),
            Err(NotUnique::SeveralUsers),
            "no pin is not the empty pin"
        );

        let alone = Candidates::to_compare(vec![user("anna", &[(0, "0701234567")])], false);
        assert!(alone.exactly_one(&number, &plan(), Ambiguity::Pin, Some(&pin("9"))).is_ok());
        for wrong in ["", "12a", "１２", " 1", &"1".repeat(33)] {
            assert!(Pin::parse(wrong).is_none(), "{wrong}");
        }
    }
}
