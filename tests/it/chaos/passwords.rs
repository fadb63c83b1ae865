//! What a store that fails at a login's last step costs its user.

use std::time::{Duration, Instant};

use super::proxy::Proxy;
use crate::cluster::in_database;
use crate::faults::load::COMEBACK;
use crate::gateway::{Gateway, clients, ldap_tenant, sections};
use crate::postgres::Postgres;
use crate::slapd::Slapd;

#[tokio::test(flavor = "multi_thread")]
async fn a_right_password_is_not_counted_as_wrong_because_the_store_failed() {
    let slapd = Slapd::builder().without_log().start();
    let (postgres, database) = (Postgres::shared(), Postgres::shared().database());
    let proxy = Proxy::before(postgres.host_port()).await;
    let tenant = ldap_tenant("t1", &[&slapd.url()], "").replacen(
        "country",
        "status_style = \"http\"\ncountry",
        1,
    );
    let more = "[tenants.login]\nrefusal_floor = \"0s\"\n[tenants.limits]\n\
        wrong_passwords_per_user = { burst = 4, per = \"15m\" }\n";
    let config = format!("{}{tenant}{more}{}", sections(""), clients());
    let config = in_database(&config, &[postgres], &database);
    let config = config.replace(&postgres.host_port(), &proxy.host_port());
    let gateway = Gateway::start(&config);
    let code = gateway.code("+46701234567").await;

    // The first commit of a login reserves its try, and the second is to use the code.
    proxy.stop_commits(500);
    let mut failed = 0;
    let end = Instant::now() + Duration::from_secs(10);
    while failed < 12 && Instant::now() < end {
        let answer = gateway.login("anna", "anna-secret", &code).await;
        failed += usize::from(answer.status == 503);
        assert_ne!(answer.status, 200, "no commit of it arrived");
    }
    assert!(failed >= 6, "{failed}: {}", gateway.log());
    proxy.stop_commits(0);
    let healed = Instant::now();
    loop {
        let answer = gateway.login("anna", "anna-secret", &code).await;
        if answer.status == 200 {
            break;
        }
        assert!(healed.elapsed() < COMEBACK, "{}: {}", answer.status, gateway.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 403, "once");
}
