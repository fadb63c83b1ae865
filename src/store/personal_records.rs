//! The port to one person's data in the store, to show it to them and delete it.

use async_trait::async_trait;

use super::account::Account;
use super::registry::{Texts, UserRecord};
use super::{Snapshot, StoreError};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::EventLog;
use crate::domain::registered_user::{RegisteredId, RegisteredName};
use crate::domain::tenant::TenantId;
use crate::domain::transaction::Transaction;

/// A person, by the identifiers the store uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Individual {
    /// The tenant.
    pub tenant: TenantId,
    /// The stable id: a directory's, or a registered user's.
    pub user_id: String,
    /// Numbers other than a registered user's verified phones.
    pub numbers: Vec<PhoneNumber>,
}

impl Individual {
    /// The id as a registered user's, if it has that form.
    #[must_use]
    pub fn registered_id(&self) -> Option<RegisteredId> {
        RegisteredId::parse(&self.user_id)
    }

    /// The ids under which called-in codes may be stored: as given, and in the canonical form of a
    /// registered user's id.
    #[must_use]
    pub fn account_ids(&self) -> Vec<String> {
        let written = self.registered_id().map(|id| id.to_string());
        let other = written.filter(|written| *written != self.user_id);
        std::iter::once(self.user_id.clone()).chain(other).collect()
    }

    /// All numbers in all spellings, including those of `person`'s phones; distinct and sorted.
    #[must_use]
    pub fn all_numbers(&self, person: Option<&UserRecord>) -> Vec<PhoneNumber> {
        let phones = person.iter().flat_map(|person| &person.user.phones);
        let numbers = self.numbers.iter().chain(phones.map(|phone| &phone.number));
        let mut all: Vec<_> = numbers.flat_map(PhoneNumber::spellings).collect();
        all.sort_by_key(PhoneNumber::key);
        all.dedup_by_key(|number| number.key());
        all
    }
}

/// The data that the store has about a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonRecords {
    /// The accounts of called-in codes, with their ids.
    pub accounts: Vec<(String, Account)>,
    /// The registered user, with phones, authenticators and recovery codes.
    pub person: Option<UserRecord>,
    /// The registered user's transactions, oldest first.
    pub transactions: Vec<Transaction>,
    /// The calls of each number.
    pub calls: Vec<(PhoneNumber, EventLog)>,
    /// The texts sent to each number.
    pub texts: Vec<(PhoneNumber, Texts)>,
}

impl PersonRecords {
    /// Whether the store has nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Personal data, as administrators see and delete it alongside the gateways.
#[async_trait]
pub trait PersonalRecords: Send + Sync {
    /// The registered users with this name in any case, each with the name as first written.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn registered(
        &self,
        tenant: &TenantId,
        name: &RegisteredName,
    ) -> Result<Vec<(RegisteredId, RegisteredName)>, StoreError>;

    /// All data about a person, as of one moment.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn records(&self, whose: &Individual) -> Result<Snapshot<PersonRecords>, StoreError>;

    /// Deletes all data about a person, or nothing, and returns what was deleted. Once it answers,
    /// no node accepts any of their codes.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn delete_records(
        &self,
        whose: &Individual,
    ) -> Result<Snapshot<PersonRecords>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stored_number::NumberingPlan;

    #[test]
    fn an_id_is_looked_for_as_given_and_as_registered_users_ids_are_written() {
        let whose = |user_id: &str| Individual {
            tenant: TenantId::parse("t1").expect("legal"),
            user_id: user_id.to_owned(),
            numbers: Vec::new(),
        };
        let (small, large) =
            ("0a0b0c0d-0000-4000-8000-00000000000e", "0A0B0C0D-0000-4000-8000-00000000000E");
        assert_eq!(whose(small).account_ids(), [small]);
        assert_eq!(whose(large).account_ids(), [large, small]);
        assert_eq!(whose("anna").account_ids(), ["anna"]);
        assert!(whose("anna").registered_id().is_none() && whose(large).registered_id().is_some());
    }

    #[test]
    fn a_number_with_two_spellings_is_looked_for_by_both_and_each_once() {
        let read = |text| NumberingPlan::read_e164(text).expect("a number");
        let number = read("+525512345678");
        let whose = Individual {
            tenant: TenantId::parse("t1").expect("legal"),
            user_id: "anna".to_owned(),
            numbers: vec![number.clone(), read("+46701234567"), number.clone()],
        };
        let mut expected: Vec<_> = number.spellings().iter().map(PhoneNumber::key).collect();
        expected.push("+46701234567".to_owned());
        expected.sort();
        let all: Vec<_> = whose.all_numbers(None).iter().map(PhoneNumber::key).collect();
        assert_eq!(all, expected);
    }
}
