//! The statements on registered users, and what their rows mean.

use tokio_postgres::Row;
use uuid::Uuid;

use super::authenticator_rows::of_user;
use super::rows::{RowError, event_log, sense, time};
use super::statements::statements;
use crate::domain::access_key::AccessKey;
use crate::domain::authenticator::AuthenticatorId;
use crate::domain::confirmation_request::{
    ApprovalMessage, Ceremony, ConfirmationRequest, MatchNumber,
};
use crate::domain::grant::{Grant, KeyId};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::registered_user::{
    RecoveryHash, RegisteredId, RegisteredName, RegisteredUser, VerifiedPhone,
};
use crate::domain::stored_number::NumberingPlan;
use crate::domain::tenant::TenantId;
use crate::domain::transaction::{
    Channel, TextedCode, Transaction, TransactionId, TransactionKind, TransactionStatus,
};
use crate::store::registry::{Texts, UserRecord};

/// Which users have the name `$2` in any case.
macro_rules! has_name {
    () => {
        "name IS NOT NULL AND lower(name) = lower($2::text COLLATE \"C\")"
    };
}

/// The id of the user whom the name `$2` means: of those who have it in any case the one who has
/// this very name, else the only one.
macro_rules! meant {
    () => {
        concat!(
            "(SELECT (array_agg(user_id ORDER BY name = $2 DESC))[1] FROM dialpass.users \
             WHERE tenant = $1 AND ",
            has_name!(),
            " HAVING count(*) = 1 OR bool_or(name = $2))"
        )
    };
}

/// Reads users; `$rest` says which.
macro_rules! users {
    ($($rest:expr),+) => {
        concat!(
            "SELECT user_id, name, created_at, updated_at, recovery, texts, wrong_codes, \
             wrong_recovery, pushes, enrolling_texts, app_approvals FROM dialpass.users WHERE tenant = $1 AND ",
            $($rest),+
        )
    };
}

/// Reads who has a name in any case.
pub(super) const NAMESAKES: &str = concat!(
    "SELECT user_id, name FROM dialpass.users WHERE tenant = $1 AND ",
    has_name!(),
    " ORDER BY namesake"
);

/// Reads the phones of the users that `$whose` says, in the order of their making.
macro_rules! phones {
    ($($whose:expr),+) => {
        concat!(
            "SELECT user_id, phone_id, number, created_at, updated_at FROM dialpass.phones \
             WHERE tenant = $1 AND user_id ",
            $($whose),+,
            " ORDER BY created_at, phone_id"
        )
    };
}

/// Reads the authenticators of the users that `$whose` says, in the order of their making.
macro_rules! authenticators {
    ($($whose:expr),+) => {
        concat!(
            "SELECT user_id, authenticator_id, name, platform, credential_id, record, counter, \
             endpoint, push_key, push_auth, enrolled_at, updated_at FROM dialpass.authenticators \
             WHERE tenant = $1 AND user_id ",
            $($whose),+,
            " ORDER BY enrolled_at, authenticator_id"
        )
    };
}

/// Reads a transaction.
macro_rules! transaction {
    ($lock:literal) => {
        concat!(
            "SELECT transaction_id, user_id, undertaking, channel, stage, created_at, updated_at, \
             expires_at, number, nonce, key_id, issued_at, code_expires, digits, tries_left, \
             is_question, message, asked_by, asked_from, match_number, only_authenticator, \
             ceremony, asked, intent_id FROM dialpass.transactions WHERE tenant = $1 AND transaction_id = $2",
            $lock
        )
    };
}

statements! {
    /// The statements on registered users, by what they do. Those that lock are for steps, their
    /// likes that do not for looks.
    RegistryStatements {
        lock_user_by_id: users!("user_id = $2 FOR UPDATE"),
        lock_user_by_name: users!("user_id = ", meant!(), " FOR UPDATE"),
        lock_transaction: transaction!(" FOR UPDATE"),
        lock_texted: "SELECT sent, idle_from, enrolling FROM dialpass.texted \
            WHERE tenant = $1 AND number = $2 FOR UPDATE",
        lock_intent: "SELECT idle_from FROM dialpass.used_intents \
            WHERE tenant = $1 AND intent_id = $2 FOR UPDATE",
        user_by_id: users!("user_id = $2"),
        user_by_name: users!("user_id = ", meant!()),
        namesakes: NAMESAKES,
        transaction: transaction!(""),
        texted: "SELECT sent, idle_from, enrolling FROM dialpass.texted \
            WHERE tenant = $1 AND number = $2",
        intent: "SELECT idle_from FROM dialpass.used_intents \
            WHERE tenant = $1 AND intent_id = $2",
        phones_by_id: phones!("= $2"),
        phones_by_name: phones!("= ", meant!()),
        authenticators_by_id: authenticators!("= $2"),
        authenticators_by_name: authenticators!("= ", meant!()),
        authenticator_owner: "SELECT user_id FROM dialpass.authenticators \
            WHERE tenant = $1 AND authenticator_id = $2",
        phone_owner: "SELECT user_id FROM dialpass.phones \
            WHERE tenant = $1 AND phone_id = $2 LIMIT 1",
        owners: users!(
            "user_id IN (SELECT DISTINCT user_id FROM dialpass.phones \
             WHERE tenant = $1 AND number = $2 ORDER BY user_id LIMIT $3)"
        ),
        phones_of_owners: phones!(
            "IN (SELECT DISTINCT user_id FROM dialpass.phones \
             WHERE tenant = $1 AND number = $2 ORDER BY user_id LIMIT $3)"
        ),
        authenticators_of_owners: authenticators!(
            "IN (SELECT DISTINCT user_id FROM dialpass.phones \
             WHERE tenant = $1 AND number = $2 ORDER BY user_id LIMIT $3)"
        ),
        insert_user: "INSERT INTO dialpass.users (tenant, user_id, name, created_at, updated_at, \
            recovery, texts, wrong_codes, wrong_recovery, pushes, enrolling_texts, app_approvals) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        update_user: "UPDATE dialpass.users SET name = $3, created_at = $4, updated_at = $5, \
            recovery = $6, texts = $7, wrong_codes = $8, wrong_recovery = $9, \
            pushes = $10, enrolling_texts = $11, app_approvals = $12 \
            WHERE tenant = $1 AND user_id = $2",
        delete_user: "WITH phones AS (DELETE FROM dialpass.phones \
                WHERE tenant = $1 AND user_id = $2::uuid), \
            transactions AS (DELETE FROM dialpass.transactions \
                WHERE tenant = $1 AND user_id = $2::uuid), \
            called AS (DELETE FROM dialpass.subjects \
                WHERE tenant = $1 AND purpose = $3 AND subject = ($2::uuid)::text) \
            DELETE FROM dialpass.users WHERE tenant = $1 AND user_id = $2::uuid",
        insert_phones: "INSERT INTO dialpass.phones (tenant, user_id, phone_id, number, \
            created_at, updated_at) SELECT $1, $2, made.* \
            FROM unnest($3::uuid[], $4::text[], $5::bigint[], $6::bigint[]) AS made",
        update_phones: "UPDATE dialpass.phones AS phone SET number = now.number, \
            created_at = now.created_at, updated_at = now.updated_at \
            FROM unnest($3::uuid[], $4::text[], $5::bigint[], $6::bigint[]) \
                AS now (phone_id, number, created_at, updated_at) \
            WHERE phone.tenant = $1 AND phone.user_id = $2 AND phone.phone_id = now.phone_id",
        delete_phones: "WITH told AS (UPDATE dialpass.subjects SET nonce = NULL, key_id = NULL, \
                issued_at = NULL, expires_at = NULL, digits = NULL, tried = NULL, \
                tries_left = NULL, wrong_codes_left = NULL \
                WHERE tenant = $1 AND purpose = $4 AND subject = ($2::uuid)::text) \
            DELETE FROM dialpass.phones \
            WHERE tenant = $1 AND user_id = $2::uuid AND phone_id = ANY($3)",
        insert_authenticator: "INSERT INTO dialpass.authenticators (tenant, user_id, \
            authenticator_id, name, platform, credential_id, record, counter, endpoint, push_key, \
            push_auth, enrolled_at, updated_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        update_authenticator: "UPDATE dialpass.authenticators SET name = $4, platform = $5, \
            credential_id = $6, record = $7, counter = $8, endpoint = $9, push_key = $10, \
            push_auth = $11, enrolled_at = $12, updated_at = $13 \
            WHERE tenant = $1 AND user_id = $2 AND authenticator_id = $3",
        delete_authenticators: "DELETE FROM dialpass.authenticators \
            WHERE tenant = $1 AND user_id = $2 AND authenticator_id = ANY($3)",
        insert_transaction: "INSERT INTO dialpass.transactions (tenant, transaction_id, user_id, \
            undertaking, channel, stage, created_at, updated_at, expires_at, idle_from, number, \
            nonce, key_id, issued_at, code_expires, digits, tries_left, is_question, message, \
            asked_by, asked_from, match_number, only_authenticator, ceremony, asked, intent_id) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
            $18, $19, $20, $21, $22, $23, $24, $25, $26)",
        update_transaction: "UPDATE dialpass.transactions SET user_id = $3, undertaking = $4, \
            channel = $5, stage = $6, created_at = $7, updated_at = $8, expires_at = $9, \
            idle_from = $10, number = $11, nonce = $12, key_id = $13, issued_at = $14, \
            code_expires = $15, digits = $16, tries_left = $17, is_question = $18, message = $19, \
            asked_by = $20, asked_from = $21, match_number = $22, only_authenticator = $23, \
            ceremony = $24, asked = $25, intent_id = $26 \
            WHERE tenant = $1 AND transaction_id = $2",
        delete_transaction: "DELETE FROM dialpass.transactions \
            WHERE tenant = $1 AND transaction_id = $2",
        insert_texted: "INSERT INTO dialpass.texted (tenant, number, sent, idle_from, enrolling) \
            VALUES ($1, $2, $3, $4, $5)",
        update_texted: "UPDATE dialpass.texted SET sent = $3, idle_from = $4, enrolling = $5 \
            WHERE tenant = $1 AND number = $2",
        insert_intent: "INSERT INTO dialpass.used_intents (tenant, intent_id, idle_from) \
            VALUES ($1, $2, $3)",
        update_intent: "UPDATE dialpass.used_intents SET idle_from = $3 \
            WHERE tenant = $1 AND intent_id = $2",
        delete_intent: "DELETE FROM dialpass.used_intents WHERE tenant = $1 AND intent_id = $2",
        access_key: "SELECT key_id, tenant, name, created_at FROM dialpass.access_keys \
            WHERE hash = $1",
        has_access_key: "SELECT EXISTS (SELECT 1 FROM dialpass.access_keys \
            WHERE tenant = $1 AND key_id = $2)",
    }
}

fn number(text: &str) -> Result<PhoneNumber, RowError> {
    sense(NumberingPlan::read_e164(text), "a phone's number")
}

/// The row of a user whose phones and authenticators are among these rows, which may hold others'
/// as well.
pub(super) fn person(
    row: &Row,
    phones: &[Row],
    authenticators: &[Row],
) -> Result<UserRecord, RowError> {
    let id: Uuid = row.try_get(0)?;
    let name = match row.try_get::<_, Option<&str>>(1)? {
        Some(name) => Some(sense(RegisteredName::from_stored(name), "a user's name")?),
        None => None,
    };
    let (recovery, rest) = row.try_get::<_, &[u8]>(4)?.as_chunks::<32>();
    if !rest.is_empty() {
        return Err(RowError::Senseless("the length of recovery codes' hashes"));
    }
    let mut theirs = Vec::new();
    for row in phones {
        if row.try_get::<_, Uuid>(0)? == id {
            theirs.push(phone(row)?);
        }
    }
    let user = RegisteredUser {
        id: RegisteredId::from_uuid(id),
        name,
        created_at: time(row, 2)?,
        updated_at: time(row, 3)?,
        phones: theirs,
        authenticators: of_user(authenticators, id)?,
        recovery: recovery.iter().copied().map(RecoveryHash::from_stored).collect(),
    };
    Ok(UserRecord {
        user,
        texts: event_log(row, 5)?,
        wrong_codes: event_log(row, 6)?,
        wrong_recovery: event_log(row, 7)?,
        pushes: event_log(row, 8)?,
        enrolling_texts: event_log(row, 9)?,
        app_approvals: event_log(row, 10)?,
    })
}

/// The row of who has a name.
pub(super) fn namesake(row: &Row) -> Result<(RegisteredId, RegisteredName), RowError> {
    let name = sense(RegisteredName::from_stored(row.try_get(1)?), "a user's name")?;
    Ok((RegisteredId::from_uuid(row.try_get(0)?), name))
}

fn phone(row: &Row) -> Result<VerifiedPhone, RowError> {
    Ok(VerifiedPhone {
        id: row.try_get(1)?,
        number: number(row.try_get(2)?)?,
        created_at: time(row, 3)?,
        updated_at: time(row, 4)?,
    })
}

/// The row of a transaction.
pub(super) fn transaction(row: &Row) -> Result<Transaction, RowError> {
    Ok(Transaction {
        id: TransactionId::from_uuid(row.try_get(0)?),
        user: RegisteredId::from_uuid(row.try_get(1)?),
        kind: sense(TransactionKind::parse(row.try_get(2)?), "what a transaction is for")?,
        channel: sense(Channel::parse(row.try_get(3)?), "a transaction's channel")?,
        status: sense(TransactionStatus::parse(row.try_get(4)?), "a transaction's status")?,
        created_at: time(row, 5)?,
        updated_at: time(row, 6)?,
        expires_at: time(row, 7)?,
        code: texted_code(row)?,
        confirmation_request: request(row)?,
        intent: row.try_get(23)?,
    })
}

/// The code's columns of a transaction's row; the table has all of them or none.
fn texted_code(row: &Row) -> Result<Option<TextedCode>, RowError> {
    let Some(to) = row.try_get::<_, Option<&str>>(8)? else { return Ok(None) };
    let nonce: &[u8] = row.try_get(9)?;
    let grant = Grant {
        key_id: KeyId::from_stored(row.try_get(10)?),
        nonce: sense(nonce.try_into().ok(), "a nonce's length")?,
        issued_at: row.try_get(11)?,
        expires_at: row.try_get(12)?,
        digits: sense(u8::try_from(row.try_get::<_, i16>(13)?).ok(), "a number of digits")?,
    };
    let tries_left = sense(u32::try_from(row.try_get::<_, i32>(14)?).ok(), "a negative count")?;
    Ok(Some(TextedCode { number: number(to)?, grant, tries_left, message: row.try_get(16)? }))
}

/// The columns of what a phone asks; `None` if it asks nothing.
fn request(row: &Row) -> Result<Option<ConfirmationRequest>, RowError> {
    if !row.try_get::<_, bool>(15)? {
        return Ok(None);
    }
    let message = row.try_get::<_, Option<&str>>(16)?;
    let message = message.map(|text| sense(ApprovalMessage::parse(text), "a message"));
    let number = row.try_get::<_, Option<i16>>(19)?;
    let number = number.map(|number| {
        let number = u8::try_from(number).ok().and_then(MatchNumber::from_stored);
        sense(number, "a number of two digits")
    });
    let ceremony = match row.try_get::<_, Option<String>>(21)? {
        None => None,
        Some(state) => {
            let asked: &[u8] = row.try_get(22)?;
            Some(Ceremony { state, digest: sense(asked.try_into().ok(), "a hash's length")? })
        }
    };
    Ok(Some(ConfirmationRequest {
        message: message.transpose()?,
        asked_by: row.try_get(17)?,
        asked_from: row.try_get(18)?,
        match_number: number.transpose()?,
        authenticator: row.try_get::<_, Option<Uuid>>(20)?.map(AuthenticatorId::from_uuid),
        ceremony,
    }))
}

/// The row of a phone's texts.
pub(super) fn texts(row: &Row) -> Result<Texts, RowError> {
    let (sent, enrolling) = (event_log(row, 0)?, event_log(row, 2)?);
    Ok(Texts { sent, enrolling, idle_from: Some(time(row, 1)?) })
}

/// The row of an access key.
pub(super) fn access_key(row: &Row) -> Result<AccessKey, RowError> {
    Ok(AccessKey {
        id: row.try_get(0)?,
        tenant: sense(TenantId::parse(row.try_get(1)?), "a tenant's id")?,
        name: row.try_get(2)?,
        created_at: time(row, 3)?,
    })
}
