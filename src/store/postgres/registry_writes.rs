//! The statements that turn a step's records from what they were into what they shall be.

use futures_util::future::join_all;
use tokio_postgres::{Client, Error};
use uuid::Uuid;

use super::authenticator_rows::AuthenticatorRow;
use super::registry_rows::RegistryStatements;
use super::statements::{Parameter, Prepared, parameters};
use super::text_rows::{IntentRow, TextsRow};
use super::transaction_rows::TransactionRow;
use super::user_rows::{PhoneRow, UserRow};
use crate::domain::authenticator::Authenticator;
use crate::domain::clock::Timestamp;
use crate::domain::grant::Purpose;
use crate::domain::registered_user::{RegisteredId, VerifiedPhone};
use crate::domain::transaction::Transaction;
use crate::store::registry::{Changes, Records, Scope, Texts, UserRecord};

/// A step's records before and after.
pub(super) struct RecordsChange {
    pub(super) before: Records,
    pub(super) after: Records,
    pub(super) now: Timestamp,
}

/// Statements to be sent at once.
struct Writes<'a, 'b> {
    statements: &'a RegistryStatements,
    tenant: &'b str,
    list: Vec<(&'a Prepared, Vec<Parameter>)>,
}

/// Sends all statements that a change needs; returns the first error.
pub(super) async fn write(
    client: &Client,
    statements: &RegistryStatements,
    scope: &Scope,
    change: &RecordsChange,
) -> Result<(), Error> {
    let sent = writes(statements, scope, change).into_iter();
    let sent = sent.map(|(statement, parameters)| async move {
        client.execute_raw(statement.get(), parameters).await.map(|_| ())
    });
    join_all(sent).await.into_iter().collect()
}

/// The statements that [`write`] sends.
pub(super) fn statements<'a>(
    statements: &'a RegistryStatements,
    scope: &Scope,
    change: &RecordsChange,
) -> Vec<&'a Prepared> {
    writes(statements, scope, change).into_iter().map(|(statement, _)| statement).collect()
}

/// The statements that a change needs, with their parameters.
///
/// Rows are always written in the same order, so that no two steps deadlock: transaction, texts,
/// intent, user, phones, authenticators. A user is deleted after the transaction is written, since
/// that deletes the transaction as well.
fn writes<'a>(
    statements: &'a RegistryStatements,
    scope: &Scope,
    change: &RecordsChange,
) -> Vec<(&'a Prepared, Vec<Parameter>)> {
    let (before, after) = (&change.before, &change.after);
    let mut writes = Writes { statements, tenant: scope.tenant.as_str(), list: Vec::new() };
    writes.transaction(before.transaction.as_ref(), after.transaction.as_ref());
    if let Some(number) = &scope.number {
        writes.texts(&number.key(), &before.texts, &after.texts, change.now);
    }
    if let Some(intent) = scope.intent {
        writes.intent(intent, before.intent_used_until, after.intent_used_until);
    }
    writes.person(before.person.as_ref(), after.person.as_ref());
    writes.list
}

impl Writes<'_, '_> {
    /// Adds a statement with its parameters.
    fn add(
        &mut self,
        statement: impl Fn(&RegistryStatements) -> &Prepared,
        parameters: Vec<Parameter>,
    ) {
        self.list.push((statement(self.statements), parameters));
    }

    fn transaction(&mut self, before: Option<&Transaction>, after: Option<&Transaction>) {
        let same = before.zip(after).is_some_and(|(before, after)| before.id == after.id);
        if let Some(gone) = before.filter(|_| !same) {
            let key = parameters![self.tenant.to_owned(), *gone.id.as_uuid()];
            self.add(|all| &all.delete_transaction, key);
        }
        let Some(after) = after else { return };
        let row = TransactionRow::parameters(self.tenant, after);
        if !same {
            self.add(|all| &all.insert_transaction, row);
        } else if before != Some(after) {
            self.add(|all| &all.update_transaction, row);
        }
    }

    fn texts(&mut self, number: &str, before: &Texts, after: &Texts, now: Timestamp) {
        if before == after {
            return;
        }
        let row = TextsRow::parameters(self.tenant, number, after, now);
        // Texts read from a row say until when they count.
        match before.idle_from {
            None => self.add(|all| &all.insert_texted, row),
            Some(_) => self.add(|all| &all.update_texted, row),
        }
    }

    fn intent(&mut self, id: Uuid, before: Option<Timestamp>, after: Option<Timestamp>) {
        let row = |until| IntentRow::parameters(self.tenant, id, until);
        match (before, after) {
            (before, after) if before == after => {}
            (None, Some(until)) => self.add(|all| &all.insert_intent, row(until)),
            (Some(_), Some(until)) => self.add(|all| &all.update_intent, row(until)),
            (_, None) => {
                self.add(|all| &all.delete_intent, parameters![self.tenant.to_owned(), id]);
            }
        }
    }

    fn person(&mut self, before: Option<&UserRecord>, after: Option<&UserRecord>) {
        let same = before.zip(after).is_some_and(|(before, after)| before.user.id == after.user.id);
        let was = before.filter(|_| same);
        if let Some(gone) = before.filter(|_| !same) {
            let (tenant, call) = (self.tenant.to_owned(), Purpose::Call.as_str());
            let key = parameters![tenant, *gone.user.id.as_uuid(), call];
            self.add(|all| &all.delete_user, key);
        }
        let Some(person) = after else { return };
        let row = UserRow::parameters(self.tenant, person);
        match was {
            None => self.add(|all| &all.insert_user, row),
            Some(was) if differ(was, person) => self.add(|all| &all.update_user, row),
            Some(_) => {}
        }
        let phones = was.map_or(&[][..], |was| &was.user.phones);
        self.phones(person.user.id, &Changes::between(phones, &person.user.phones));
        let authenticators = was.map_or(&[][..], |was| &was.user.authenticators);
        let changes = Changes::between(authenticators, &person.user.authenticators);
        self.authenticators(person.user.id, &changes);
    }

    fn phones(&mut self, user: RegisteredId, changes: &Changes<'_, VerifiedPhone>) {
        if !changes.gone.is_empty() {
            let gone: Vec<Uuid> = changes.gone.iter().map(|phone| phone.id).collect();
            // Also ends the user's called-in code, which a call from that phone may have obtained.
            let (tenant, call) = (self.tenant.to_owned(), Purpose::Call.as_str());
            self.add(|all| &all.delete_phones, parameters![tenant, *user.as_uuid(), gone, call]);
        }
        for phone in &changes.changed {
            let row = PhoneRow::parameters(self.tenant, user, phone);
            self.add(|all| &all.update_phone, row);
        }
        for phone in &changes.made {
            let row = PhoneRow::parameters(self.tenant, user, phone);
            self.add(|all| &all.insert_phone, row);
        }
    }

    fn authenticators(&mut self, user: RegisteredId, changes: &Changes<'_, Authenticator>) {
        if !changes.gone.is_empty() {
            let gone: Vec<Uuid> = changes.gone.iter().map(|one| *one.id.as_uuid()).collect();
            let key = parameters![self.tenant.to_owned(), *user.as_uuid(), gone];
            self.add(|all| &all.delete_authenticators, key);
        }
        for one in &changes.changed {
            let row = AuthenticatorRow::parameters(self.tenant, user, one);
            self.add(|all| &all.update_authenticator, row);
        }
        for one in &changes.made {
            let row = AuthenticatorRow::parameters(self.tenant, user, one);
            self.add(|all| &all.insert_authenticator, row);
        }
    }
}

/// Whether two states of a user differ in anything but the phones and authenticators, which have
/// their own rows.
fn differ(before: &UserRecord, after: &UserRecord) -> bool {
    let mut as_before = after.clone();
    as_before.user.phones.clone_from(&before.user.phones);
    as_before.user.authenticators.clone_from(&before.user.authenticators);
    as_before != *before
}
