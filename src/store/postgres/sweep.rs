//! Deletes idle rows, in which nothing counts any more, a few at a time.
//!
//! The tables of accounts and callers are walked by primary key: an index on `idle_from` would
//! change with every step of every login. One database row holds the walk's position. The node that
//! locks that row takes the next step, so only one node works at a time, and another continues if
//! it dies. The registry's tables have such an index, and a row of their own.

use std::time::Duration;

use tokio_postgres::{Client, Error, Row};

/// Rows examined per step.
const STEP_ROWS: i64 = 500;

/// Pause between two steps of a walk, in milliseconds.
const STEP_PAUSE_MS: i64 = 50;

/// Pause between two walks, in milliseconds.
const PAUSE_MS: i64 = 10_000;

/// How long a node waits after finding another at work, or nothing to do.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// Tables that are swept together.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tables {
    /// Accounts and callers.
    Accounts,
    /// Registered users' transactions, texts and intents, and reported calls.
    Registry,
}

impl Tables {
    /// Takes the next step if it is due and no other node holds it; returns how long to wait.
    pub(super) async fn step(self, client: &Client) -> Result<Duration, Error> {
        match self {
            Self::Accounts => walk(client).await,
            Self::Registry => sweep_registry(client).await,
        }
    }
}

/// Deletes idle rows of a registry table by its index, skipping rows locked by a step.
macro_rules! delete_idle {
    ($table:literal) => {
        concat!(
            "DELETE FROM dialpass.",
            $table,
            " WHERE idle_from < $1 AND ctid = ANY (ARRAY(SELECT ctid FROM dialpass.",
            $table,
            " WHERE idle_from < $1 ORDER BY idle_from LIMIT $2 FOR UPDATE SKIP LOCKED))"
        )
    };
}

const DELETE_IDLE: [&str; 4] = [
    delete_idle!("transactions"),
    delete_idle!("texted"),
    delete_idle!("used_intents"),
    delete_idle!("reported_calls"),
];

/// Clears the challenges of expired transactions, which can no longer be signed.
const DROP_CEREMONIES: &str = "UPDATE dialpass.transactions SET ceremony = NULL, asked = NULL \
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM dialpass.transactions \
        WHERE ceremony IS NOT NULL AND expires_at <= $1 \
        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))";

/// Deletes users created without a name, untouched for a day, whose transactions are gone.
const DELETE_UNCONFIRMED: &str = "DELETE FROM dialpass.users \
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM dialpass.users AS one \
        WHERE name IS NULL AND updated_at = created_at AND octet_length(recovery) = 0 \
            AND created_at < $1::bigint - 86400000 \
            AND NOT EXISTS (SELECT 1 FROM dialpass.transactions AS theirs \
                WHERE theirs.tenant = one.tenant AND theirs.user_id = one.user_id) \
            AND NOT EXISTS (SELECT 1 FROM dialpass.phones AS theirs \
                WHERE theirs.tenant = one.tenant AND theirs.user_id = one.user_id) \
            AND NOT EXISTS (SELECT 1 FROM dialpass.authenticators AS theirs \
                WHERE theirs.tenant = one.tenant AND theirs.user_id = one.user_id) \
        ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED))";

async fn sweep_registry(client: &Client) -> Result<Duration, Error> {
    let due = "SELECT dialpass.now_ms() AS now FROM dialpass.registry_housekeeping \
        WHERE next_at <= dialpass.now_ms() FOR UPDATE SKIP LOCKED";
    let Some(row) = begin(client, due).await? else { return Ok(LOOK_AGAIN) };
    let now: i64 = row.try_get("now")?;
    let mut pause = PAUSE_MS;
    for sweep in DELETE_IDLE.into_iter().chain([DROP_CEREMONIES, DELETE_UNCONFIRMED]) {
        let swept = client.execute(sweep, &[&now, &STEP_ROWS]).await?;
        if swept >= STEP_ROWS.unsigned_abs() {
            pause = STEP_PAUSE_MS;
        }
    }
    let sql = "UPDATE dialpass.registry_housekeeping SET next_at = $1";
    client.execute(sql, &[&(now + pause)]).await?;
    commit(client, pause).await
}

/// Begins a step: locks and returns the row if the step is `due`, else `None`.
async fn begin(client: &Client, due: &str) -> Result<Option<Row>, Error> {
    // Losing a deletion in a crash does no harm: the rows were idle.
    client.batch_execute("BEGIN; SET LOCAL synchronous_commit = off").await?;
    let row = client.query_opt(due, &[]).await?;
    if row.is_none() {
        client.batch_execute("ROLLBACK").await?;
    }
    Ok(row)
}

/// Ends a step; the next is due in `pause` milliseconds. Returns how long to wait.
async fn commit(client: &Client, pause: i64) -> Result<Duration, Error> {
    client.batch_execute("COMMIT").await?;
    Ok(Duration::from_millis(u64::try_from(pause).unwrap_or(0)).min(LOOK_AGAIN))
}

async fn walk(client: &Client) -> Result<Duration, Error> {
    let due = "SELECT walking, tenant, purpose, key, dialpass.now_ms() AS now \
        FROM dialpass.housekeeping \
        WHERE next_at <= dialpass.now_ms() FOR UPDATE SKIP LOCKED";
    let Some(row) = begin(client, due).await? else { return Ok(LOOK_AGAIN) };
    let (walking, tenant): (&str, &str) = (row.try_get("walking")?, row.try_get("tenant")?);
    let (purpose, key): (&str, &str) = (row.try_get("purpose")?, row.try_get("key")?);
    let now: i64 = row.try_get("now")?;
    let (next, pause) = if walking == "subjects" {
        match sweep_subjects(client, (tenant, purpose, key), now).await? {
            Some((tenant, purpose, key)) => {
                (["subjects".into(), tenant, purpose, key], STEP_PAUSE_MS)
            }
            None => (["callers", "", "", ""].map(str::to_owned), STEP_PAUSE_MS),
        }
    } else {
        match sweep_callers(client, (tenant, key), now).await? {
            Some((tenant, key)) => (["callers".into(), tenant, String::new(), key], STEP_PAUSE_MS),
            None => (["subjects", "", "", ""].map(str::to_owned), PAUSE_MS),
        }
    };
    let sql = "UPDATE dialpass.housekeeping \
        SET walking = $1, tenant = $2, purpose = $3, key = $4, next_at = $5";
    let [walking, tenant, purpose, key] = &next;
    client.execute(sql, &[walking, tenant, purpose, key, &(now + pause)]).await?;
    commit(client, pause).await
}

/// Examines the subjects after a key; returns the last key, or `None` at the end.
async fn sweep_subjects(
    client: &Client,
    (tenant, purpose, subject): (&str, &str, &str),
    now: i64,
) -> Result<Option<(String, String, String)>, Error> {
    let last = "SELECT tenant, purpose, subject FROM dialpass.subjects \
        WHERE (tenant, purpose, subject) > ($1, $2, $3) \
        ORDER BY tenant, purpose, subject OFFSET $4 LIMIT 1";
    let Some(last) =
        client.query_opt(last, &[&tenant, &purpose, &subject, &(STEP_ROWS - 1)]).await?
    else {
        let delete = "DELETE FROM dialpass.subjects \
            WHERE (tenant, purpose, subject) > ($1, $2, $3) AND idle_from < $4";
        client.execute(delete, &[&tenant, &purpose, &subject, &now]).await?;
        return Ok(None);
    };
    let to: (String, String, String) =
        (last.try_get("tenant")?, last.try_get("purpose")?, last.try_get("subject")?);
    let delete = "DELETE FROM dialpass.subjects WHERE (tenant, purpose, subject) > ($1, $2, $3) \
        AND (tenant, purpose, subject) <= ($4, $5, $6) AND idle_from < $7";
    client.execute(delete, &[&tenant, &purpose, &subject, &to.0, &to.1, &to.2, &now]).await?;
    Ok(Some(to))
}

/// Examines the callers after a key; returns the last key, or `None` at the end.
async fn sweep_callers(
    client: &Client,
    (tenant, number): (&str, &str),
    now: i64,
) -> Result<Option<(String, String)>, Error> {
    let last = "SELECT tenant, number FROM dialpass.callers WHERE (tenant, number) > ($1, $2) \
        ORDER BY tenant, number OFFSET $3 LIMIT 1";
    let Some(last) = client.query_opt(last, &[&tenant, &number, &(STEP_ROWS - 1)]).await? else {
        let delete = "DELETE FROM dialpass.callers \
            WHERE (tenant, number) > ($1, $2) AND idle_from < $3";
        client.execute(delete, &[&tenant, &number, &now]).await?;
        return Ok(None);
    };
    let to: (String, String) = (last.try_get("tenant")?, last.try_get("number")?);
    let delete = "DELETE FROM dialpass.callers WHERE (tenant, number) > ($1, $2) \
        AND (tenant, number) <= ($3, $4) AND idle_from < $5";
    client.execute(delete, &[&tenant, &number, &to.0, &to.1, &now]).await?;
    Ok(Some(to))
}
