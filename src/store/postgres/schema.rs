//! The schema: its migrations, and which releases it serves.
//!
//! During an upgrade, nodes of two releases share one database. So migrations only add what an
//! older release need not know, and each names the oldest schema whose releases still work with it.
//! A release refuses a database only if that database has left it behind.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::errors::describe;

/// One schema migration. A released one is never edited.
struct Migration {
    sql: &'static str,
    /// The oldest release that works with the result, by the newest schema that release knows.
    serves_from: i32,
}

/// A database at version n has the first n migrations.
const MIGRATIONS: [Migration; 6] = [
    Migration { sql: include_str!("migrations/0001_subjects_and_callers.sql"), serves_from: 1 },
    Migration { sql: include_str!("migrations/0002_registered_users.sql"), serves_from: 1 },
    Migration { sql: include_str!("migrations/0003_authenticators.sql"), serves_from: 1 },
    Migration { sql: include_str!("migrations/0004_counts_and_intents.sql"), serves_from: 1 },
    Migration { sql: include_str!("migrations/0005_names_in_any_case.sql"), serves_from: 1 },
    Migration { sql: include_str!("migrations/0006_reported_calls.sql"), serves_from: 1 },
];

/// The key of the lock that lets one node migrate at a time.
const LOCK: i64 = 0x6469_616c_7061_7373;

/// The state of a database's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// Its version: the number of migrations applied.
    pub version: i32,
    /// How many of them were applied just now.
    pub applied: i32,
}

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    #[error(
        "the database has schema version {version}, which serves releases that know version \
         {serves_from} or later, and this one knows up to {known}: run a newer release"
    )]
    LeftBehind { version: i32, serves_from: i32, known: i32 },
    #[error(
        "the schema must be migrated from version {from} to {known}, and this user lacks the rights \
         ({reason}): run `dialpass migrate` once as the database's owner"
    )]
    Forbidden { from: i32, known: i32, reason: String },
    #[error("there is no store in the database: start the gateway once, which creates it")]
    Missing,
    #[error(
        "the database has schema version {version} and this release needs {known}: run `dialpass \
         migrate` or start the gateway's new release first"
    )]
    Older { version: i32, known: i32 },
    #[error(
        "the database has a schema dialpass that another program created: name another database in \
         store.url"
    )]
    NotOurs,
    #[error(
        "this user lacks rights in the schema dialpass ({0}): the GRANTs that it needs are in \
         docs/cluster.md"
    )]
    Rights(String),
    #[error("{}", describe(.0))]
    Database(#[from] tokio_postgres::Error),
}

impl SchemaError {
    /// Whether it persists until something is changed.
    pub(super) fn needs_operator(&self) -> bool {
        match self {
            Self::LeftBehind { .. }
            | Self::Forbidden { .. }
            | Self::Missing
            | Self::Older { .. }
            | Self::NotOurs
            | Self::Rights(_) => true,
            Self::Database(error) => error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE),
        }
    }
}

/// The version that this release knows.
fn known() -> i32 {
    i32::try_from(MIGRATIONS.len()).expect("few")
}

/// Refuses a database user without the privileges that the steps and the sweep need.
pub(super) async fn check_rights(client: &Client) -> Result<(), SchemaError> {
    let sql = "SELECT string_agg(privilege || ' on ' || name, ', ') AS missing \
        FROM (VALUES ('subjects', 'SELECT,INSERT,UPDATE,DELETE'), \
            ('callers', 'SELECT,INSERT,UPDATE,DELETE'), \
            ('users', 'SELECT,INSERT,UPDATE,DELETE'), \
            ('phones', 'SELECT,INSERT,UPDATE,DELETE'), \
            ('authenticators', 'SELECT,INSERT,UPDATE,DELETE'), \
            ('transactions', 'SELECT,INSERT,UPDATE,DELETE'), \
            ('texted', 'SELECT,INSERT,UPDATE,DELETE'), \
            ('used_intents', 'SELECT,INSERT,UPDATE,DELETE'), \
            ('reported_calls', 'SELECT,INSERT,UPDATE,DELETE'), ('access_keys', 'SELECT'), \
            ('housekeeping', 'SELECT,UPDATE'), ('registry_housekeeping', 'SELECT,UPDATE')) \
            AS needed(name, list), \
            unnest(string_to_array(list, ',')) AS privilege \
        WHERE NOT has_table_privilege('dialpass.' || name, privilege)";
    match client.query_one(sql, &[]).await?.try_get::<_, Option<String>>("missing")? {
        None => Ok(()),
        Some(missing) => Err(SchemaError::Rights(missing)),
    }
}

/// Whether all migrations are applied and the schema serves this release.
pub(super) async fn is_current(client: &Client) -> Result<bool, SchemaError> {
    let found = find(client).await?;
    if found.version < known() {
        return Ok(false);
    }
    check(found).map(|_| true)
}

/// Applies the missing migrations. Several nodes may call it at once.
pub(super) async fn migrate(client: &Client) -> Result<Schema, SchemaError> {
    let found = find(client).await?;
    if found.version >= known() {
        return check(found);
    }
    let from = found.version;
    let migrated = apply(client).await;
    if migrated.is_err() {
        // If this does not arrive, the transaction is rolled back with the session.
        drop(client.batch_execute("ROLLBACK").await);
    }
    migrated.map_err(|error| match error {
        SchemaError::Database(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            SchemaError::Forbidden { from, known: known(), reason: describe(&error) }
        }
        other => other,
    })
}

/// Whether this release can work with the schema as it is.
pub(super) async fn look(client: &Client) -> Result<(), SchemaError> {
    let found = find(client).await?;
    match found.version {
        0 => Err(SchemaError::Missing),
        version if version < known() => Err(SchemaError::Older { version, known: known() }),
        _ => check(found).map(|_| ()),
    }
}

async fn apply(client: &Client) -> Result<Schema, SchemaError> {
    // Waits for another node's migration longer than for a row.
    client.batch_execute("BEGIN; SET LOCAL lock_timeout = '30s'").await?;
    client.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let found = find(client).await?;
    if found.version == 0 {
        create(client).await?;
    }
    let mut applied = 0;
    for (version, step) in (1_i32..).zip(&MIGRATIONS).filter(|(n, _)| *n > found.version) {
        client.batch_execute(step.sql).await?;
        let sql = "INSERT INTO dialpass.schema_version (version, serves_from) VALUES ($1, $2)";
        client.execute(sql, &[&version, &step.serves_from]).await?;
        applied += 1;
    }
    client.batch_execute("COMMIT").await?;
    Ok(Schema { applied, ..check(find(client).await?)? })
}

/// A schema as found; version 0 if there is none.
#[derive(Clone, Copy)]
struct Found {
    version: i32,
    serves_from: i32,
}

async fn find(client: &Client) -> Result<Found, SchemaError> {
    // Not `to_regclass`: the session's cache hides from it what another node created while this
    // transaction waited for the lock.
    let sql = "SELECT count(*) FILTER (WHERE relname = 'schema_version') > 0 AS has_version, \
        count(*) FILTER (WHERE relname = 'subjects') > 0 AS has_subjects \
        FROM pg_catalog.pg_class AS c \
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
        WHERE n.nspname = 'dialpass'";
    let there = client.query_one(sql, &[]).await?;
    match (there.try_get("has_version")?, there.try_get("has_subjects")?) {
        (true, _) => {}
        (false, false) => return Ok(Found { version: 0, serves_from: 0 }),
        (false, true) => return Err(SchemaError::NotOurs),
    }
    let sql = "SELECT version, serves_from FROM dialpass.schema_version \
        ORDER BY version DESC LIMIT 1";
    let newest = client.query_opt(sql, &[]).await?.ok_or(SchemaError::NotOurs)?;
    Ok(Found { version: newest.try_get("version")?, serves_from: newest.try_get("serves_from")? })
}

fn check(found: Found) -> Result<Schema, SchemaError> {
    let Found { version, serves_from } = found;
    if serves_from > known() {
        return Err(SchemaError::LeftBehind { version, serves_from, known: known() });
    }
    Ok(Schema { version, applied: 0 })
}

async fn create(client: &Client) -> Result<(), SchemaError> {
    // An owner may have created the schema for a user without that privilege.
    let sql = "SELECT count(*) > 0 AS is_there FROM pg_catalog.pg_namespace \
        WHERE nspname = 'dialpass'";
    if !client.query_one(sql, &[]).await?.try_get::<_, bool>("is_there")? {
        client.batch_execute("CREATE SCHEMA dialpass").await?;
    }
    client
        .batch_execute(
            "CREATE TABLE dialpass.schema_version (\
             version integer PRIMARY KEY, \
             serves_from integer NOT NULL, \
             applied_at timestamptz NOT NULL DEFAULT now())",
        )
        .await?;
    Ok(())
}
