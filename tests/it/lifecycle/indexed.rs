//! A tenant's index as operators see it and change it: readiness, and SIGHUP.

use crate::support::gateway::{Answer, Gateway, clients, ldap_tenant, sections, wait_until};
use crate::support::samba::{self, STAFF, Samba, USERS};
use crate::support::slapd::{GROUPS, Slapd};

const ANNA: &str = "+46701234567";
const READ_AGAIN: &str = "the configuration was read again and is in force";

/// What readiness says, and whether it is so.
async fn readiness(gateway: &Gateway) -> (u16, String) {
    let answer = Answer::of(gateway.http.get(gateway.ops_url("/readyz"))).await;
    (answer.status, answer.body)
}

/// Waits until readiness says all of this.
async fn says(gateway: &Gateway, status: u16, words: &[&str]) -> String {
    let begun = std::time::Instant::now();
    loop {
        let (now, text) = readiness(gateway).await;
        if now == status && words.iter().all(|word| text.contains(word)) {
            return text;
        }
        assert!(begun.elapsed().as_secs() < 30, "{now} {text}, expected {status} {words:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excluded_group_mistyped_at_sighup_admits_no_one_by_the_index() {
    let (slapd, samba) = (Slapd::builder().without_log().with_sync().start(), Samba::start());
    let openldap = ldap_tenant("t1", &[&slapd.url()], "");
    let active = format!(
        "[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"ldap\"\nprofile = \"active-directory\"\n\
         servers = [\"{}\"]\nca_file = \"{}\"\nbind_dn = \"{}\"\nbind_password = \"{}\"\n\
         base_dn = \"{USERS}\"\n",
        samba.ldaps_url(),
        samba.ca_pem().display(),
        samba::GATEWAY_DN,
        samba::GATEWAY_PASSWORD,
    );
    for (tenant, group) in
        [(openldap, format!("cn=barred,{GROUPS}")), (active, format!("CN=suspended,{STAFF}"))]
    {
        let config = |group: &str| {
            let more = format!("lookup = \"index\"\nexcluded_group = \"{group}\"\n");
            format!("{}{tenant}{more}{}", sections(""), clients())
        };
        let gateway = Gateway::start(&config(&group));
        says(&gateway, 200, &["are let in by the groups"]).await;
        assert_eq!(gateway.call(ANNA).await.status, 200, "{}", gateway.log());

        let typo = group.replacen(',', "-typo,", 1);
        std::fs::write(gateway.file("dialpass.toml"), config(&typo)).unwrap();
        gateway.signal("HUP");
        wait_until(READ_AGAIN, || gateway.log().contains(READ_AGAIN));
        for _ in 0..20 {
            let answer = gateway.call(ANNA).await;
            assert_ne!(answer.status, 200, "{}", gateway.log());
        }
        says(&gateway, 503, &[&typo]).await;
        let refused = gateway.call(ANNA).await;
        let event = gateway.audit_of(refused.header("x-request-id"));
        assert_eq!(event["reason"], "directory_unavailable", "{event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_says_which_server_the_index_follows_where_two_differ() {
    let synced = || Slapd::builder().without_log().with_sync().start();
    let (mut first, second) = (synced(), synced());
    second.modify(
        "dn: uid=anna,ou=people,dc=example,dc=com\nchangetype: modify\nreplace: mobile\n\
         mobile: 070-111 22 33\n",
    );
    let tenant = ldap_tenant("t1", &[&first.url(), &second.url()], "lookup = \"index\"\n");
    let gateway = Gateway::start(&format!("{}{tenant}{}", sections(""), clients()));
    let follows = |slapd: &Slapd| format!("live from {}", slapd.url());
    let comes_first = format!("{} comes first", first.url());
    let text = says(&gateway, 200, &[&follows(&first)]).await;
    assert!(!text.contains("comes first"), "{text}");
    first.kill();
    says(&gateway, 200, &[&follows(&second), &comes_first]).await;
    first.restart();
    let text = says(&gateway, 200, &[&follows(&first)]).await;
    assert!(!text.contains("comes first"), "{text}");
    assert_eq!(gateway.call(ANNA).await.status, 200, "{}", gateway.log());
}
