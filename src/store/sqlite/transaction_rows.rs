//! Reads and writes the rows of transactions, each with its code or its request, if any.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows::{known, number, readable, text_of, time, uuid};
use crate::domain::authenticator::AuthenticatorId;
use crate::domain::confirmation_request::{
    ApprovalMessage, Ceremony, ConfirmationRequest, MatchNumber,
};
use crate::domain::grant::{Grant, KeyId};
use crate::domain::registered_user::RegisteredId;
use crate::domain::tenant::TenantId;
use crate::domain::transaction::{
    Channel, TextedCode, Transaction, TransactionId, TransactionKind, TransactionStatus,
};

/// A transaction of the tenant; `None` if it does not exist.
pub(super) fn find_transaction(
    connection: &Connection,
    tenant: &TenantId,
    id: TransactionId,
) -> rusqlite::Result<Option<Transaction>> {
    const SQL: &str = "SELECT user_id, undertaking, channel, stage, created_at, updated_at, \
        expires_at, number, nonce, key_id, issued_at, code_expires, digits, tries_left, \
        is_question, message, asked_by, asked_from, match_number, only_authenticator, ceremony, \
        asked, intent_id FROM transactions WHERE tenant = ?1 AND transaction_id = ?2";
    let read = |row: &Row<'_>| {
        let text = |column: usize| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
        Ok(Transaction {
            id,
            user: known(0, RegisteredId::parse(text(0)?), "a transaction's user")?,
            kind: known(1, TransactionKind::parse(text(1)?), "what a transaction is for")?,
            channel: known(2, Channel::parse(text(2)?), "a channel")?,
            status: known(3, TransactionStatus::parse(text(3)?), "a status")?,
            created_at: time(row, 4)?,
            updated_at: time(row, 5)?,
            expires_at: time(row, 6)?,
            code: texted_code(row)?,
            confirmation_request: request(row)?,
            intent: row.get_ref(22)?.as_str_or_null()?.map(|_| uuid(row, 22)).transpose()?,
        })
    };
    let key = params![tenant.as_str(), id.to_string()];
    connection.prepare_cached(SQL)?.query_row(key, read).optional()
}

/// The columns of a transaction's code; `None` if it has none.
fn texted_code(row: &Row<'_>) -> rusqlite::Result<Option<TextedCode>> {
    let Some(nonce) = row.get::<_, Option<[u8; 16]>>(8)? else { return Ok(None) };
    let grant = Grant {
        nonce,
        key_id: KeyId::from_stored(row.get(9)?),
        issued_at: row.get(10)?,
        expires_at: row.get(11)?,
        digits: row.get(12)?,
    };
    let (number, tries_left, message) = (number(row, 7)?, row.get(13)?, row.get(15)?);
    Ok(Some(TextedCode { number, grant, tries_left, message }))
}

/// The columns of a transaction's request; `None` if it has none.
fn request(row: &Row<'_>) -> rusqlite::Result<Option<ConfirmationRequest>> {
    if !row.get::<_, bool>(14)? {
        return Ok(None);
    }
    let text = |column: usize| row.get::<_, Option<String>>(column);
    let message = text(15)?.map(|text| known(15, ApprovalMessage::parse(&text), "a message"));
    let number = row.get::<_, Option<u8>>(18)?;
    let number = number.map(|number| known(18, MatchNumber::from_stored(number), "two digits"));
    let only = text(19)?.map(|id| known(19, AuthenticatorId::parse(&id), "an id"));
    let state = text(20)?;
    let ceremony =
        state.map(|state| Ok::<_, rusqlite::Error>(Ceremony { state, digest: row.get(21)? }));
    Ok(Some(ConfirmationRequest {
        message: message.transpose()?,
        asked_by: text(16)?,
        asked_from: text(17)?,
        match_number: number.transpose()?,
        authenticator: only.transpose()?,
        ceremony: ceremony.transpose()?,
    }))
}

/// Writes a transaction, replacing the one with its id.
pub(super) fn write_transaction(
    connection: &Connection,
    tenant: &TenantId,
    transaction: &Transaction,
) -> rusqlite::Result<()> {
    const SQL: &str = "INSERT OR REPLACE INTO transactions (tenant, transaction_id, user_id, \
        undertaking, channel, stage, created_at, updated_at, expires_at, idle_from, number, nonce, \
        key_id, issued_at, code_expires, digits, tries_left, is_question, message, asked_by, \
        asked_from, match_number, only_authenticator, ceremony, asked, intent_id) VALUES (?1, ?2, ?3, ?4, ?5, \
        ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, \
        ?25, ?26)";
    let code = transaction.code.as_ref();
    let grant = code.map(|code| &code.grant);
    let request = transaction.confirmation_request.as_ref();
    let ceremony = request.and_then(|request| request.ceremony.as_ref());
    let row = params![
        tenant.as_str(),
        transaction.id.to_string(),
        transaction.user.to_string(),
        transaction.kind.as_str(),
        transaction.channel.as_str(),
        transaction.status.as_str(),
        transaction.created_at.as_millis(),
        transaction.updated_at.as_millis(),
        transaction.expires_at.as_millis(),
        transaction.retained_until().as_millis(),
        code.map(|code| readable(&code.number)).transpose()?,
        grant.map(|grant| grant.nonce),
        grant.map(|grant| grant.key_id.as_str()),
        grant.map(|grant| grant.issued_at),
        grant.map(|grant| grant.expires_at),
        grant.map(|grant| grant.digits),
        code.map(|code| code.tries_left),
        request.is_some(),
        transaction.message(),
        request.and_then(|one| one.asked_by.as_ref()),
        request.and_then(|one| one.asked_from.as_ref()),
        request.and_then(|one| one.match_number).map(MatchNumber::as_u8),
        request.and_then(|one| one.authenticator).map(|id| id.to_string()),
        ceremony.map(|ceremony| &ceremony.state),
        ceremony.map(|ceremony| ceremony.digest),
        transaction.intent.as_ref().map(text_of),
    ];
    connection.prepare_cached(SQL)?.execute(row).map(|_| ())
}

/// Deletes a transaction.
pub(super) fn delete_transaction(
    connection: &Connection,
    tenant: &TenantId,
    id: TransactionId,
) -> rusqlite::Result<()> {
    const SQL: &str = "DELETE FROM transactions WHERE tenant = ?1 AND transaction_id = ?2";
    let key = params![tenant.as_str(), id.to_string()];
    connection.prepare_cached(SQL)?.execute(key).map(|_| ())
}
