//! Reads and writes the rows of transactions, each with its code or its question, if any.

use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{RowError, count, grant, parsed, parsed_or_null, required, time, to_integer};
use super::written_row::written_row;
use crate::domain::authenticator::AuthenticatorId;
use crate::domain::confirmation_request::{
    ApprovalMessage, Ceremony, ConfirmationRequest, MatchNumber,
};
use crate::domain::registered_user::RegisteredId;
use crate::domain::stored_number::NumberingPlan;
use crate::domain::transaction::{
    Channel, TextedCode, Transaction, TransactionId, TransactionKind, TransactionStatus,
};

/// The columns that [`transaction`] reads.
macro_rules! transaction_columns {
    () => {
        "transaction_id, user_id, undertaking, channel, stage, created_at, updated_at, \
         expires_at, number, nonce, key_id, issued_at, code_expires, digits, tries_left, \
         is_question, message, asked_by, asked_from, match_number, only_authenticator, ceremony, \
         asked, intent_id"
    };
}
pub(super) use transaction_columns;

/// The row of a transaction.
pub(super) fn transaction(row: &Row) -> Result<Transaction, RowError> {
    Ok(Transaction {
        id: TransactionId::from_uuid(row.try_get("transaction_id")?),
        user: RegisteredId::from_uuid(row.try_get("user_id")?),
        kind: parsed(row, "undertaking", TransactionKind::parse, "a transaction's kind")?,
        channel: parsed(row, "channel", Channel::parse, "a transaction's channel")?,
        status: parsed(row, "stage", TransactionStatus::parse, "a transaction's status")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        expires_at: time(row, "expires_at")?,
        code: texted_code(row)?,
        confirmation_request: request(row)?,
        intent: row.try_get("intent_id")?,
    })
}

/// The code's columns of a transaction's row; the table has all of them or none.
fn texted_code(row: &Row) -> Result<Option<TextedCode>, RowError> {
    let read_number = NumberingPlan::read_e164;
    let Some(number) = parsed_or_null(row, "number", read_number, "a phone's number")? else {
        return Ok(None);
    };
    let grant = required(grant(row, "code_expires")?, "a code")?;
    let (tries_left, message) = (count(row, "tries_left")?, row.try_get("message")?);
    Ok(Some(TextedCode { number, grant, tries_left, message }))
}

/// The columns of a transaction's question; `None` if it has none.
fn request(row: &Row) -> Result<Option<ConfirmationRequest>, RowError> {
    if !row.try_get::<_, bool>("is_question")? {
        return Ok(None);
    }
    let number = row.try_get::<_, Option<i16>>("match_number")?.map(|number| {
        let number = u8::try_from(number).ok().and_then(MatchNumber::from_stored);
        required(number, "a number of two digits")
    });
    let ceremony = row.try_get::<_, Option<String>>("ceremony")?.map(|state| {
        let asked: &[u8] = row.try_get("asked")?;
        let asked = required(asked.try_into().ok(), "a hash's length")?;
        Ok::<_, RowError>(Ceremony { state, digest: asked })
    });
    let only: Option<Uuid> = row.try_get("only_authenticator")?;
    Ok(Some(ConfirmationRequest {
        message: parsed_or_null(row, "message", ApprovalMessage::parse, "a message")?,
        asked_by: row.try_get("asked_by")?,
        asked_from: row.try_get("asked_from")?,
        match_number: number.transpose()?,
        authenticator: only.map(AuthenticatorId::from_uuid),
        ceremony: ceremony.transpose()?,
    }))
}

written_row! {
    /// A transaction's row.
    TransactionRow in "transactions" (tenant: &str, transaction: &Transaction);
    let code = transaction.code.as_ref();
    let grant = code.map(|code| &code.grant);
    let question = transaction.confirmation_request.as_ref();
    let ceremony = question.and_then(|question| question.ceremony.as_ref());
    let number = question.and_then(|one| one.match_number);
    let only = question.and_then(|one| one.authenticator);
    key {
        tenant: tenant.to_owned(),
        transaction_id: *transaction.id.as_uuid(),
    }
    columns {
        user_id: *transaction.user.as_uuid(),
        undertaking: transaction.kind.as_str(),
        channel: transaction.channel.as_str(),
        stage: transaction.status.as_str(),
        created_at: transaction.created_at.as_millis(),
        updated_at: transaction.updated_at.as_millis(),
        expires_at: transaction.expires_at.as_millis(),
        idle_from: transaction.retained_until().as_millis(),
        number: code.map(|code| code.number.key()),
        nonce: grant.map(|grant| grant.nonce.to_vec()),
        key_id: grant.map(|grant| grant.key_id.as_str().to_owned()),
        issued_at: grant.map(|grant| grant.issued_at),
        code_expires: grant.map(|grant| grant.expires_at),
        digits: grant.map(|grant| i16::from(grant.digits)),
        tries_left: code.map(|code| to_integer(code.tries_left)),
        is_question: question.is_some(),
        message: transaction.message().map(str::to_owned),
        asked_by: question.and_then(|one| one.asked_by.clone()),
        asked_from: question.and_then(|one| one.asked_from.clone()),
        match_number: number.map(|number| i16::from(number.as_u8())),
        only_authenticator: only.map(|id| *id.as_uuid()),
        ceremony: ceremony.map(|ceremony| ceremony.state.clone()),
        asked: ceremony.map(|ceremony| ceremony.digest.to_vec()),
        intent_id: transaction.intent,
    }
}
