//! What a store that fails at a login's last step costs its user.

use std::time::{Duration, Instant};

use crate::cluster::in_database;
use crate::faults::load::COMEBACK;
use crate::support::gateway::{Gateway, clients, ldap_tenant, sections};
use crate::support::postgres::Postgres;
use crate::support::slapd::Slapd;

/// Refuses to use a code up: at once, or when that is committed, without an answer.
fn refusing(is_at_commit: bool) -> String {
    let (how, when) = if is_at_commit {
        ("PERFORM pg_terminate_backend(pg_backend_pid())", "DEFERRED")
    } else {
        ("RAISE EXCEPTION 'not now'", "IMMEDIATE")
    };
    format!(
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql \
         AS $$ BEGIN {how}; RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER refusing AFTER UPDATE ON dialpass.subjects \
         DEFERRABLE INITIALLY {when} FOR EACH ROW \
         WHEN (OLD.nonce IS NOT NULL AND NEW.nonce IS NULL) EXECUTE FUNCTION refuse()"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_password_is_not_counted_as_wrong_because_the_store_failed() {
    let slapd = Slapd::builder().without_log().start();
    let (postgres, database) = (Postgres::shared(), Postgres::shared().database());
    let tenant = ldap_tenant("t1", &[&slapd.url()], "").replacen(
        "country",
        "status_style = \"http\"\ncountry",
        1,
    );
    let more = "[tenants.login]\nrefusal_floor = \"0s\"\n[tenants.limits]\n\
        wrong_passwords_per_user = { burst = 4, per = \"15m\" }\n";
    let config = format!("{}{tenant}{more}{}", sections(""), clients());
    let gateway = Gateway::start(&in_database(&config, &[postgres], &database));
    let login = async |code: &str| gateway.login("anna", "anna-secret", code).await.status;
    for is_at_commit in [false, true] {
        let code = gateway.code("+46701234567").await;
        postgres.psql(&database, &refusing(is_at_commit));
        // As many as there are tries, and once more.
        for _ in 0..5 {
            let status = login(&code).await;
            assert!(matches!(status, 403 | 429 | 503), "{status}: it is not used up");
        }
        postgres.psql(&database, "DROP TRIGGER refusing ON dialpass.subjects");
        let healed = Instant::now();
        loop {
            let status = login(&code).await;
            if status == 200 {
                break;
            }
            assert!(healed.elapsed() < COMEBACK, "{status}: {}", gateway.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(login(&code).await, 403, "once");
    }
}
