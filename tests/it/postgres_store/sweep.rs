//! Idle rows are deleted, and no others.

use dialpass::store::postgres::PostgresStore;
use tokio::runtime::Handle;

use super::{fresh_database, until};

#[tokio::test(flavor = "multi_thread")]
async fn of_several_nodes_one_at_a_time_deletes_idle_rows_and_no_others() {
    let (server, database, settings) = fresh_database();
    PostgresStore::migrate(settings.clone()).await.unwrap();
    // Every third counts still; more of both than a step looks at.
    server.psql(
        &database,
        "INSERT INTO dialpass.subjects (tenant, purpose, subject, idle_from, codes_issued, \
             wrong_passwords, wrong_codes) \
         SELECT 't' || n % 2, 'call', 'user ' || n, \
             dialpass.now_ms() + CASE n % 3 WHEN 0 THEN 3600000 ELSE -1 END, '', '', '' \
         FROM generate_series(1, 2400) n; \
         INSERT INTO dialpass.callers (tenant, number, idle_from, calls) \
         SELECT 't' || n % 2, '+4670' || n, \
             dialpass.now_ms() + CASE n % 3 WHEN 0 THEN 3600000 ELSE -1 END, '' \
         FROM generate_series(1, 2400) n",
    );
    let mut stores = Vec::new();
    for _ in 0..3 {
        stores.push(PostgresStore::open(settings.clone(), &Handle::current()).await.unwrap());
    }
    let count = |sql: &str| server.psql(&database, sql).parse::<usize>().unwrap();
    for table in ["subjects", "callers"] {
        let idle =
            format!("SELECT count(*) FROM dialpass.{table} WHERE idle_from < dialpass.now_ms()");
        until("idle rows are gone", || count(&idle) == 0).await;
        assert_eq!(count(&format!("SELECT count(*) FROM dialpass.{table}")), 800);
        assert_eq!(
            count(&format!("SELECT count(*) FROM dialpass.{table} WHERE {}", "idle_from > 0")),
            800
        );
    }
    // The node that holds the walk's row walks; the others pass.
    until("the walk begins anew", || {
        let next = "SELECT count(*) FROM dialpass.housekeeping WHERE walking = 'subjects' \
            AND key = '' AND next_at > dialpass.now_ms()";
        count(next) == 1
    })
    .await;
    server.psql(
        &database,
        "INSERT INTO dialpass.callers (tenant, number, idle_from, calls) VALUES ('t', '1', 0, '')",
    );
    server.psql(&database, "UPDATE dialpass.housekeeping SET next_at = 0");
    stores.pop();
    stores.pop();
    let left = "SELECT count(*) FROM dialpass.callers";
    until("the one that is left goes on", || count(left) == 800).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_nodes_one_at_a_time_deletes_what_is_idle_of_registered_users() {
    let (server, database, settings) = fresh_database();
    PostgresStore::migrate(settings.clone()).await.unwrap();
    // Every third counts still; more than a step deletes.
    let idle = "dialpass.now_ms() + CASE n % 3 WHEN 0 THEN 3600000 ELSE -1 END \
        FROM generate_series(1, 2400) n";
    server.psql(
        &database,
        &format!(
            "INSERT INTO dialpass.transactions (tenant, transaction_id, user_id, undertaking, \
                 channel, stage, created_at, updated_at, expires_at, idle_from) \
             SELECT 't' || n % 2, gen_random_uuid(), gen_random_uuid(), 'enroll', 'recovery', \
                 'succeeded', 0, 0, 0, {idle}; \
             INSERT INTO dialpass.texted (tenant, number, sent, idle_from) \
             SELECT 't' || n % 2, '+4670' || n, '', {idle}; \
             INSERT INTO dialpass.used_intents (tenant, intent_id, idle_from) \
             SELECT 't' || n % 2, gen_random_uuid(), {idle}; \
             INSERT INTO dialpass.reported_calls (tenant, call_id, first_reported, idle_from) \
             SELECT 't' || n % 2, gen_random_uuid(), 0, {idle}"
        ),
    );
    let mut stores = Vec::new();
    for _ in 0..3 {
        stores.push(PostgresStore::open(settings.clone(), &Handle::current()).await.unwrap());
    }
    let count = |sql: &str| server.psql(&database, sql).parse::<usize>().unwrap();
    let tables = ["transactions", "texted", "used_intents", "reported_calls"];
    for table in tables {
        let all = format!("SELECT count(*) FROM dialpass.{table}");
        until("idle rows are gone", || count(&all) == 800).await;
        let counting = format!("{all} WHERE idle_from > dialpass.now_ms()");
        assert_eq!(count(&counting), 800);
    }
    until("there is a pause", || {
        let next = "SELECT count(*) FROM dialpass.registry_housekeeping \
            WHERE next_at > dialpass.now_ms()";
        count(next) == 1
    })
    .await;
    stores.pop();
    stores.pop();
    // One that somebody holds is left for later, and holds up nothing else.
    let (intruder, connection) =
        settings.servers[0].login.connect(tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    for table in tables {
        server.psql(&database, &format!("UPDATE dialpass.{table} SET idle_from = 0"));
    }
    let hold = "BEGIN; SELECT 1 FROM dialpass.texted WHERE number = '+46703' FOR UPDATE";
    intruder.batch_execute(hold).await.unwrap();
    server.psql(&database, "UPDATE dialpass.registry_housekeeping SET next_at = 0");
    for (table, left) in tables.into_iter().zip([0, 1, 0]) {
        let all = format!("SELECT count(*) FROM dialpass.{table}");
        until("the one that is left goes on", || count(&all) == left).await;
    }
    drop(intruder);
    connection.await.unwrap().unwrap();
    server.psql(&database, "UPDATE dialpass.registry_housekeeping SET next_at = 0");
    until("it is deleted too", || count("SELECT count(*) FROM dialpass.texted") == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unconfirmed_users_and_expired_challenges_are_swept() {
    let (server, database, settings) = fresh_database();
    PostgresStore::migrate(settings.clone()).await.unwrap();
    // Of nine, two are to go. The others have a name, were changed since, are young, have a
    // transaction, recovery codes, a phone or an authenticator.
    let user = "('00000000-0000-4000-8000-00000000000' || n)::uuid";
    server.psql(
        &database,
        &format!(
            "INSERT INTO dialpass.users (tenant, user_id, name, created_at, updated_at, recovery, \
                 texts, wrong_codes, wrong_recovery) \
             SELECT 't1', {user}, CASE n WHEN 2 THEN 'anna' END, \
                 CASE n WHEN 4 THEN dialpass.now_ms() ELSE 0 END, \
                 CASE n WHEN 3 THEN 1 WHEN 4 THEN dialpass.now_ms() ELSE 0 END, \
                 CASE n WHEN 6 THEN decode(repeat('00', 32), 'hex') ELSE '' END, '', '', '' \
             FROM generate_series(0, 8) n; \
             INSERT INTO dialpass.transactions (tenant, transaction_id, user_id, undertaking, \
                 channel, stage, created_at, updated_at, expires_at, idle_from, is_question, \
                 ceremony, asked) \
             SELECT 't1', gen_random_uuid(), {user}, 'enroll', 'app', 'pending', 0, 0, later, \
                 dialpass.now_ms() + 3600000, true, 'x', decode(repeat('00', 32), 'hex') \
             FROM (VALUES (5, 0), (5, dialpass.now_ms() + 3600000)) AS two(n, later); \
             INSERT INTO dialpass.phones (tenant, user_id, phone_id, number, created_at, updated_at) \
             SELECT 't1', {user}, gen_random_uuid(), '+46701234567', 0, 0 FROM (VALUES (7)) one(n); \
             INSERT INTO dialpass.authenticators (tenant, user_id, authenticator_id, name, platform, \
                 credential_id, record, counter, enrolled_at, updated_at) \
             SELECT 't1', {user}, gen_random_uuid(), 'a', 'ios', 'x', '{{}}', 0, 0, 0 \
             FROM (VALUES (8)) one(n)"
        ),
    );
    let _store = PostgresStore::open(settings, &Handle::current()).await.unwrap();
    let ask = |sql: &str| server.psql(&database, sql);
    let users = "SELECT string_agg(right(user_id::text, 1), '' ORDER BY user_id) \
        FROM dialpass.users";
    until("nobody's users are gone", || ask(users) == "2345678").await;
    let challenges = "SELECT count(*) FROM dialpass.transactions WHERE ceremony IS NOT NULL";
    until("a challenge is gone", || ask(challenges) == "1").await;
    assert_eq!(ask("SELECT count(*) FROM dialpass.transactions"), "2");
}
