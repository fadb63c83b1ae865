//! The statements on registered users, their transactions and access keys.

use super::authenticator_rows::{AuthenticatorRow, authenticator_columns};
use super::statements::statements;
use super::text_rows::{IntentRow, TextsRow};
use super::transaction_rows::{TransactionRow, transaction_columns};
use super::user_rows::{PhoneRow, UserRow, phone_columns, user_columns};

/// The condition that a user has the name `$2` in any case.
macro_rules! has_name {
    () => {
        "name IS NOT NULL AND lower(name) = lower($2::text COLLATE \"C\")"
    };
}

/// The id of the user that the name `$2` refers to: among those who have it in any case, the one
/// who has it in exactly this case, otherwise the only one.
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

/// Reads users; `$rest` selects them.
macro_rules! users {
    ($($rest:expr),+) => {
        concat!(
            "SELECT ",
            user_columns!(),
            " FROM dialpass.users WHERE tenant = $1 AND ",
            $($rest),+
        )
    };
}

/// Reads the users who have a name in any case.
pub(super) const NAMESAKES: &str = concat!(
    "SELECT user_id, name FROM dialpass.users WHERE tenant = $1 AND ",
    has_name!(),
    " ORDER BY namesake"
);

/// Reads the phones of the users that `$whose` selects, in the order they were created.
macro_rules! phones {
    ($($whose:expr),+) => {
        concat!(
            "SELECT ",
            phone_columns!(),
            " FROM dialpass.phones WHERE tenant = $1 AND user_id ",
            $($whose),+,
            " ORDER BY created_at, phone_id"
        )
    };
}

/// Reads the authenticators of the users that `$whose` selects, in the order they were created.
macro_rules! authenticators {
    ($($whose:expr),+) => {
        concat!(
            "SELECT ",
            authenticator_columns!(),
            " FROM dialpass.authenticators WHERE tenant = $1 AND user_id ",
            $($whose),+,
            " ORDER BY enrolled_at, authenticator_id"
        )
    };
}

/// Reads a transaction.
macro_rules! transaction {
    ($lock:literal) => {
        concat!(
            "SELECT ",
            transaction_columns!(),
            " FROM dialpass.transactions WHERE tenant = $1 AND transaction_id = $2",
            $lock
        )
    };
}

statements! {
    /// The statements on registered users, named by what they do. Steps use those that lock, plain
    /// reads the others.
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
        insert_user: &UserRow::sql().insert,
        update_user: &UserRow::sql().update,
        delete_user: "WITH phones AS (DELETE FROM dialpass.phones \
                WHERE tenant = $1 AND user_id = $2::uuid), \
            transactions AS (DELETE FROM dialpass.transactions \
                WHERE tenant = $1 AND user_id = $2::uuid), \
            called AS (DELETE FROM dialpass.subjects \
                WHERE tenant = $1 AND purpose = $3 AND subject = ($2::uuid)::text) \
            DELETE FROM dialpass.users WHERE tenant = $1 AND user_id = $2::uuid",
        insert_phone: &PhoneRow::sql().insert,
        update_phone: &PhoneRow::sql().update,
        delete_phones: "WITH ended AS (UPDATE dialpass.subjects SET nonce = NULL, key_id = NULL, \
                issued_at = NULL, expires_at = NULL, digits = NULL, tried = NULL, \
                tries_left = NULL, wrong_codes_left = NULL \
                WHERE tenant = $1 AND purpose = $4 AND subject = ($2::uuid)::text) \
            DELETE FROM dialpass.phones \
            WHERE tenant = $1 AND user_id = $2::uuid AND phone_id = ANY($3)",
        insert_authenticator: &AuthenticatorRow::sql().insert,
        update_authenticator: &AuthenticatorRow::sql().update,
        delete_authenticators: "DELETE FROM dialpass.authenticators \
            WHERE tenant = $1 AND user_id = $2 AND authenticator_id = ANY($3)",
        insert_transaction: &TransactionRow::sql().insert,
        update_transaction: &TransactionRow::sql().update,
        delete_transaction: "DELETE FROM dialpass.transactions \
            WHERE tenant = $1 AND transaction_id = $2",
        insert_texted: &TextsRow::sql().insert,
        update_texted: &TextsRow::sql().update,
        insert_intent: &IntentRow::sql().insert,
        update_intent: &IntentRow::sql().update,
        delete_intent: "DELETE FROM dialpass.used_intents WHERE tenant = $1 AND intent_id = $2",
        access_key: "SELECT key_id, tenant, name, created_at FROM dialpass.access_keys \
            WHERE hash = $1",
        has_access_key: "SELECT EXISTS (SELECT 1 FROM dialpass.access_keys \
            WHERE tenant = $1 AND key_id = $2) AS is_there",
    }
}
