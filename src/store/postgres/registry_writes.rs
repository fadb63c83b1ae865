//! What has to be written of the records: the difference between what it was and what it is to be.

use std::time::Duration;

use futures_util::future::join_all;
use tokio_postgres::{Client, Error};
use uuid::Uuid;

use super::authenticator_rows;
use super::registry_rows::RegistryStatements;
use super::statements::{Parameter, Prepared, parameters};
use crate::domain::authenticator::Authenticator;
use crate::domain::clock::Timestamp;
use crate::domain::grant::Purpose;
use crate::domain::registered_user::{RegisteredId, RegisteredUser, VerifiedPhone};
use crate::domain::transaction::Transaction;
use crate::store::event_log_codec::encode;
use crate::store::registry::{Changes, Records, Scope, Texts, UserRecord};

/// How long texts are kept if no limit says how long they count.
const KEPT: Duration = Duration::from_hours(24);

/// What a step's records were and is to be.
pub(super) struct CaseChange {
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

/// Sends all that a change needs; the first error.
pub(super) async fn write(
    client: &Client,
    statements: &RegistryStatements,
    scope: &Scope,
    change: &CaseChange,
) -> Result<(), Error> {
    let sent = writes(statements, scope, change).into_iter();
    let sent = sent.map(|(statement, parameters)| async move {
        client.execute_raw(statement.get(), parameters).await.map(|_| ())
    });
    join_all(sent).await.into_iter().collect()
}

/// What [`write`] sends.
pub(super) fn statements<'a>(
    statements: &'a RegistryStatements,
    scope: &Scope,
    change: &CaseChange,
) -> Vec<&'a Prepared> {
    writes(statements, scope, change).into_iter().map(|(statement, _)| statement).collect()
}

/// All that a change needs.
///
/// Rows are made in one order, so that no two steps wait for each other's: transaction, texts,
/// intent, user, phones, authenticators. A user is deleted after the transaction is written, which goes too.
fn writes<'a>(
    statements: &'a RegistryStatements,
    scope: &Scope,
    change: &CaseChange,
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
    /// Adds a statement, whose first parameter is the tenant.
    fn add(&mut self, statement: impl Fn(&RegistryStatements) -> &Prepared, rest: Vec<Parameter>) {
        let mut all = parameters![self.tenant.to_owned()];
        all.extend(rest);
        self.list.push((statement(self.statements), all));
    }

    fn transaction(&mut self, before: Option<&Transaction>, after: Option<&Transaction>) {
        let same = before.zip(after).is_some_and(|(before, after)| before.id == after.id);
        if let Some(gone) = before.filter(|_| !same) {
            self.add(|all| &all.delete_transaction, parameters![*gone.id.as_uuid()]);
        }
        match after {
            Some(new) if !same => self.add(|all| &all.insert_transaction, columns(new)),
            Some(changed) if before != after => {
                self.add(|all| &all.update_transaction, columns(changed));
            }
            _ => {}
        }
    }

    fn texts(&mut self, number: &str, before: &Texts, after: &Texts, now: Timestamp) {
        if before == after {
            return;
        }
        let idle_from = after.idle_from.unwrap_or_else(|| now.plus(KEPT)).as_millis();
        let (sent, enrolling) = (encode(&after.sent), encode(&after.enrolling));
        let row = parameters![number.to_owned(), sent, idle_from, enrolling];
        // A row that was read says until when it counts.
        match before.idle_from {
            None => self.add(|all| &all.insert_texted, row),
            Some(_) => self.add(|all| &all.update_texted, row),
        }
    }

    fn intent(&mut self, id: Uuid, before: Option<Timestamp>, after: Option<Timestamp>) {
        match (before, after) {
            (before, after) if before == after => {}
            (None, Some(until)) => {
                self.add(|all| &all.insert_intent, parameters![id, until.as_millis()]);
            }
            (Some(_), Some(until)) => {
                self.add(|all| &all.update_intent, parameters![id, until.as_millis()]);
            }
            (_, None) => self.add(|all| &all.delete_intent, parameters![id]),
        }
    }

    fn person(&mut self, before: Option<&UserRecord>, after: Option<&UserRecord>) {
        let same = before.zip(after).is_some_and(|(before, after)| before.user.id == after.user.id);
        let was = before.filter(|_| same);
        if let Some(gone) = before.filter(|_| !same) {
            let call = Purpose::Call.as_str();
            self.add(|all| &all.delete_user, parameters![*gone.user.id.as_uuid(), call]);
        }
        let Some(person) = after else { return };
        match was {
            None => self.add(|all| &all.insert_user, row(person)),
            Some(was) if differ(was, person) => self.add(|all| &all.update_user, row(person)),
            Some(_) => {}
        }
        let phones = was.map_or(&[][..], |was| &was.user.phones);
        self.phones(&person.user, &Changes::between(phones, &person.user.phones));
        let authenticators = was.map_or(&[][..], |was| &was.user.authenticators);
        let changes = Changes::between(authenticators, &person.user.authenticators);
        self.authenticators(person.user.id, &changes);
    }

    fn phones(&mut self, user: &RegisteredUser, changes: &Changes<'_, VerifiedPhone>) {
        let id = *user.id.as_uuid();
        let with_id = |rest: Vec<Parameter>| {
            let mut all = parameters![id];
            all.extend(rest);
            all
        };
        if !changes.gone.is_empty() {
            let gone: Vec<Uuid> = changes.gone.iter().map(|phone| phone.id).collect();
            // With it goes the code that the user was told, perhaps by a call from it.
            let call = Purpose::Call.as_str();
            self.add(|all| &all.delete_phones, parameters![id, gone, call]);
        }
        if !changes.changed.is_empty() {
            self.add(|all| &all.update_phones, with_id(lists(&changes.changed)));
        }
        if !changes.made.is_empty() {
            self.add(|all| &all.insert_phones, with_id(lists(&changes.made)));
        }
    }

    fn authenticators(&mut self, user: RegisteredId, changes: &Changes<'_, Authenticator>) {
        if !changes.gone.is_empty() {
            let gone: Vec<Uuid> = changes.gone.iter().map(|one| *one.id.as_uuid()).collect();
            self.add(|all| &all.delete_authenticators, parameters![*user.as_uuid(), gone]);
        }
        for one in &changes.changed {
            self.add(|all| &all.update_authenticator, authenticator_rows::columns(user, one));
        }
        for one in &changes.made {
            self.add(|all| &all.insert_authenticator, authenticator_rows::columns(user, one));
        }
    }
}

/// Whether two states of a user differ in anything but the phones and authenticators, which have rows of their
/// own.
fn differ(before: &UserRecord, after: &UserRecord) -> bool {
    let mut as_before = after.clone();
    as_before.user.phones.clone_from(&before.user.phones);
    as_before.user.authenticators.clone_from(&before.user.authenticators);
    as_before != *before
}

fn row(person: &UserRecord) -> Vec<Parameter> {
    let user = &person.user;
    let recovery: Vec<u8> = user.recovery.iter().flat_map(|hash| *hash.as_bytes()).collect();
    parameters![
        *user.id.as_uuid(),
        user.name.as_ref().map(|name| name.as_str().to_owned()),
        user.created_at.as_millis(),
        user.updated_at.as_millis(),
        recovery,
        encode(&person.texts),
        encode(&person.wrong_codes),
        encode(&person.wrong_recovery),
        encode(&person.pushes),
        encode(&person.enrolling_texts),
        encode(&person.app_approvals),
    ]
}

fn lists(phones: &[&VerifiedPhone]) -> Vec<Parameter> {
    let ids: Vec<Uuid> = phones.iter().map(|phone| phone.id).collect();
    let numbers: Vec<String> = phones.iter().map(|phone| phone.number.key()).collect();
    let created: Vec<i64> = phones.iter().map(|phone| phone.created_at.as_millis()).collect();
    let updated: Vec<i64> = phones.iter().map(|phone| phone.updated_at.as_millis()).collect();
    parameters![ids, numbers, created, updated]
}

fn columns(transaction: &Transaction) -> Vec<Parameter> {
    let code = transaction.code.as_ref();
    let grant = code.map(|code| &code.grant);
    let request = transaction.confirmation_request.as_ref();
    let ceremony = request.and_then(|request| request.ceremony.as_ref());
    let number = request.and_then(|one| one.match_number);
    let only = request.and_then(|one| one.authenticator);
    parameters![
        *transaction.id.as_uuid(),
        *transaction.user.as_uuid(),
        transaction.kind.as_str(),
        transaction.channel.as_str(),
        transaction.status.as_str(),
        transaction.created_at.as_millis(),
        transaction.updated_at.as_millis(),
        transaction.expires_at.as_millis(),
        transaction.retained_until().as_millis(),
        code.map(|code| code.number.key()),
        grant.map(|grant| grant.nonce.to_vec()),
        grant.map(|grant| grant.key_id.as_str().to_owned()),
        grant.map(|grant| grant.issued_at),
        grant.map(|grant| grant.expires_at),
        grant.map(|grant| i16::from(grant.digits)),
        code.map(|code| i32::try_from(code.tries_left).unwrap_or(i32::MAX)),
        request.is_some(),
        transaction.message().map(str::to_owned),
        request.and_then(|one| one.asked_by.clone()),
        request.and_then(|one| one.asked_from.clone()),
        number.map(|number| i16::from(number.as_u8())),
        only.map(|id| *id.as_uuid()),
        ceremony.map(|ceremony| ceremony.state.clone()),
        ceremony.map(|ceremony| ceremony.digest.to_vec()),
        transaction.intent,
    ]
}
