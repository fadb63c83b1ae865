//! Reads the records of a registered user, a transaction, a phone and an intent, for a step or a look.

use futures_util::future::{join, join5};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row};

use super::registry_rows::RegistryStatements;
use super::rows::RowError;
use super::session::PreparedSession;
use super::statements::Prepared;
use super::{text_rows, transaction_rows, user_rows};
use crate::domain::registered_user::UserRef;
use crate::store::registry::{Records, Scope, Texts};

/// The database's answers about the records.
pub(super) struct RecordsRows {
    namesakes: Result<u32, Error>,
    user: Result<Option<Row>, Error>,
    phones: Result<Vec<Row>, Error>,
    authenticators: Result<Vec<Row>, Error>,
    transaction: Result<Option<Row>, Error>,
    texted: Result<Option<Row>, Error>,
    intent: Result<Option<Row>, Error>,
}

impl RecordsRows {
    /// Reads the rows; the first error wins.
    pub(super) fn records(self) -> Result<Records, RowError> {
        let (user, phones, authenticators) = (self.user?, self.phones?, self.authenticators?);
        let (transaction, texted, intent) = (self.transaction?, self.texted?, self.intent?);
        let person = user.map(|row| user_rows::person(&row, &phones, &authenticators));
        let person = person.transpose()?;
        let transaction = transaction.as_ref().map(transaction_rows::transaction).transpose()?;
        let texts = texted.as_ref().map_or(Ok(Texts::default()), text_rows::texts)?;
        let until = intent.map(|row| text_rows::used_until(&row)).transpose()?;
        let namesakes = self.namesakes?;
        Ok(Records { person, namesakes, transaction, texts, intent_used_until: until })
    }
}

/// Reads the records, and locks their rows for a step: the user, then the transaction, the texts,
/// the intent. Each statement of a step sees what was committed when it began, so the phones and
/// authenticators are those after their user was locked.
pub(super) async fn read_records(
    prepared: &PreparedSession,
    scope: &Scope,
    lock: bool,
) -> RecordsRows {
    let (client, all) = (&prepared.session.client, &prepared.registry);
    let tenant = scope.tenant.as_str();
    let transaction = async {
        let Some(id) = scope.transaction else { return Ok(None) };
        let statement = if lock { &all.lock_transaction } else { &all.transaction }.get();
        client.query_opt(statement, &[&tenant, id.as_uuid()]).await
    };
    let texted = async {
        let Some(number) = &scope.number else { return Ok(None) };
        let statement = if lock { &all.lock_texted } else { &all.texted }.get();
        client.query_opt(statement, &[&tenant, &number.key()]).await
    };
    let intent = async {
        let Some(id) = scope.intent else { return Ok(None) };
        let statement = if lock { &all.lock_intent } else { &all.intent }.get();
        client.query_opt(statement, &[&tenant, &id]).await
    };
    // Namesakes are counted before the user is read. The other way round, if one of two namesakes
    // were deleted in between, the name would look free although the other still has it.
    let user = join(count_namesakes(client, all, scope), read_user(client, all, scope, lock));
    let theirs = join(
        read_theirs(client, scope, &all.phones_by_id, &all.phones_by_name),
        read_theirs(client, scope, &all.authenticators_by_id, &all.authenticators_by_name),
    );
    let ((namesakes, user), (phones, authenticators), transaction, texted, intent) =
        join5(user, theirs, transaction, texted, intent).await;
    RecordsRows { namesakes, user, phones, authenticators, transaction, texted, intent }
}

/// The statements that [`read_records`] sends.
pub(super) fn records_statements<'a>(
    all: &'a RegistryStatements,
    scope: &Scope,
    lock: bool,
) -> Vec<&'a Prepared> {
    let either = |locking, looking| if lock { locking } else { looking };
    let mut needed = Vec::new();
    match &scope.user {
        None => {}
        Some(UserRef::Id(_)) => {
            let user = either(&all.lock_user_by_id, &all.user_by_id);
            needed.extend([user, &all.phones_by_id, &all.authenticators_by_id]);
        }
        Some(UserRef::Name(_)) => {
            let user = either(&all.lock_user_by_name, &all.user_by_name);
            let theirs = [&all.phones_by_name, &all.authenticators_by_name];
            needed.extend([&all.namesakes, user].into_iter().chain(theirs));
        }
    }
    needed.extend(scope.transaction.map(|_| either(&all.lock_transaction, &all.transaction)));
    needed.extend(scope.number.as_ref().map(|_| either(&all.lock_texted, &all.texted)));
    needed.extend(scope.intent.map(|_| either(&all.lock_intent, &all.intent)));
    needed
}

/// How many users have the name that the step gives, in any case; 0 if it gives an id.
async fn count_namesakes(
    client: &Client,
    all: &RegistryStatements,
    scope: &Scope,
) -> Result<u32, Error> {
    let Some(UserRef::Name(name)) = &scope.user else { return Ok(0) };
    let key: [&(dyn ToSql + Sync); 2] = [&scope.tenant.as_str(), &name.as_str()];
    let found = client.query(all.namesakes.get(), &key).await?;
    Ok(u32::try_from(found.len()).unwrap_or(u32::MAX))
}

async fn read_user(
    client: &Client,
    all: &RegistryStatements,
    scope: &Scope,
    lock: bool,
) -> Result<Option<Row>, Error> {
    let tenant = scope.tenant.as_str();
    let (by_id, by_name) = if lock {
        (&all.lock_user_by_id, &all.lock_user_by_name)
    } else {
        (&all.user_by_id, &all.user_by_name)
    };
    match &scope.user {
        None => Ok(None),
        Some(UserRef::Id(id)) => client.query_opt(by_id.get(), &[&tenant, id.as_uuid()]).await,
        Some(UserRef::Name(name)) => {
            client.query_opt(by_name.get(), &[&tenant, &name.as_str()]).await
        }
    }
}

/// Reads what the user owns, by one of two statements.
async fn read_theirs(
    client: &Client,
    scope: &Scope,
    by_id: &Prepared,
    by_name: &Prepared,
) -> Result<Vec<Row>, Error> {
    let tenant = scope.tenant.as_str();
    match &scope.user {
        None => Ok(Vec::new()),
        Some(UserRef::Id(id)) => client.query(by_id.get(), &[&tenant, id.as_uuid()]).await,
        Some(UserRef::Name(name)) => client.query(by_name.get(), &[&tenant, &name.as_str()]).await,
    }
}
