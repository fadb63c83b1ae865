//! Reads and writes the rows of transactions, each with its code or its question, if any.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use uuid::Uuid;

use super::columns::{number, parsed, parsed_or_null, readable, required, text_of, time};
use super::rows::grant;
use super::written_row::written_row;
use crate::domain::authenticator::AuthenticatorId;
use crate::domain::confirmation_request::{
    ApprovalMessage, Ceremony, ConfirmationRequest, MatchNumber,
};
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
        asked, intent_id FROM transactions \
        WHERE tenant = :tenant AND transaction_id = :transaction_id";
    let read = |row: &Row<'_>| {
        Ok(Transaction {
            id,
            user: parsed(row, "user_id", RegisteredId::parse, "a user's id")?,
            kind: parsed(row, "undertaking", TransactionKind::parse, "a transaction's kind")?,
            channel: parsed(row, "channel", Channel::parse, "a channel")?,
            status: parsed(row, "stage", TransactionStatus::parse, "a transaction's status")?,
            created_at: time(row, "created_at")?,
            updated_at: time(row, "updated_at")?,
            expires_at: time(row, "expires_at")?,
            code: texted_code(row)?,
            confirmation_request: request(row)?,
            intent: parsed_or_null(row, "intent_id", |id| Uuid::try_parse(id).ok(), "an id")?,
        })
    };
    let key = named_params! {":tenant": tenant.as_str(), ":transaction_id": id.to_string()};
    connection.prepare_cached(SQL)?.query_row(key, read).optional()
}

/// The columns of a transaction's code; `None` if it has none.
fn texted_code(row: &Row<'_>) -> rusqlite::Result<Option<TextedCode>> {
    let Some(grant) = grant(row, "code_expires")? else { return Ok(None) };
    Ok(Some(TextedCode {
        number: number(row, "number")?,
        grant,
        tries_left: row.get("tries_left")?,
        message: row.get("message")?,
    }))
}

/// The columns of a transaction's question; `None` if it has none.
fn request(row: &Row<'_>) -> rusqlite::Result<Option<ConfirmationRequest>> {
    if !row.get::<_, bool>("is_question")? {
        return Ok(None);
    }
    let digits = row.get::<_, Option<u8>>("match_number")?.map(|number| {
        required(row, "match_number", MatchNumber::from_stored(number), "a number of two digits")
    });
    let ceremony = row
        .get::<_, Option<String>>("ceremony")?
        .map(|state| Ok::<_, rusqlite::Error>(Ceremony { state, digest: row.get("asked")? }));
    let only = "only_authenticator";
    Ok(Some(ConfirmationRequest {
        message: parsed_or_null(row, "message", ApprovalMessage::parse, "a message")?,
        asked_by: row.get("asked_by")?,
        asked_from: row.get("asked_from")?,
        match_number: digits.transpose()?,
        authenticator: parsed_or_null(row, only, AuthenticatorId::parse, "an id")?,
        ceremony: ceremony.transpose()?,
    }))
}

written_row! {
    /// A transaction's row.
    TransactionRow in "transactions" (tenant: &TenantId, transaction: &Transaction);
    let code = transaction.code.as_ref();
    let grant = code.map(|code| &code.grant);
    let question = transaction.confirmation_request.as_ref();
    let ceremony = question.and_then(|question| question.ceremony.as_ref());
    columns {
        user_id: transaction.user.to_string(),
        undertaking: transaction.kind.as_str(),
        channel: transaction.channel.as_str(),
        stage: transaction.status.as_str(),
        created_at: transaction.created_at.as_millis(),
        updated_at: transaction.updated_at.as_millis(),
        expires_at: transaction.expires_at.as_millis(),
        idle_from: transaction.retained_until().as_millis(),
        number: code.map(|code| readable(&code.number)).transpose()?,
        nonce: grant.map(|grant| grant.nonce),
        key_id: grant.map(|grant| grant.key_id.as_str()),
        issued_at: grant.map(|grant| grant.issued_at),
        code_expires: grant.map(|grant| grant.expires_at),
        digits: grant.map(|grant| grant.digits),
        tries_left: code.map(|code| code.tries_left),
        is_question: question.is_some(),
        message: transaction.message(),
        asked_by: question.and_then(|one| one.asked_by.as_ref()),
        asked_from: question.and_then(|one| one.asked_from.as_ref()),
        match_number: question.and_then(|one| one.match_number).map(MatchNumber::as_u8),
        only_authenticator: question.and_then(|one| one.authenticator).map(|id| id.to_string()),
        ceremony: ceremony.map(|ceremony| &ceremony.state),
        asked: ceremony.map(|ceremony| ceremony.digest),
        intent_id: transaction.intent.as_ref().map(text_of),
    }
    key {
        tenant: tenant.as_str(),
        transaction_id: transaction.id.to_string(),
    }
}

/// Writes a transaction, replacing the one with its id.
pub(super) fn write_transaction(
    connection: &Connection,
    tenant: &TenantId,
    transaction: &Transaction,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&TransactionRow::sql().upsert)?;
    TransactionRow::execute(&mut statement, tenant, transaction)
}

/// Deletes a transaction.
pub(super) fn delete_transaction(
    connection: &Connection,
    tenant: &TenantId,
    id: TransactionId,
) -> rusqlite::Result<()> {
    const SQL: &str = "DELETE FROM transactions \
        WHERE tenant = :tenant AND transaction_id = :transaction_id";
    let key = named_params! {":tenant": tenant.as_str(), ":transaction_id": id.to_string()};
    connection.prepare_cached(SQL)?.execute(key).map(|_| ())
}
