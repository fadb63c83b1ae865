//! What a service account without special rights may see.

use ldap3::controls::RawControl;
use ldap3::{LdapConnAsync, LdapConnSettings, Scope, SearchEntry};

use crate::support::samba::{BASE_DN, GATEWAY_DN, GATEWAY_PASSWORD, Samba, USERS};

/// Shows deleted entries in a search ([MS-ADTS] 3.1.1.3.4.1.14).
const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";

/// The names of the deleted people that the service account sees.
async fn deleted(samba: &Samba) -> Vec<String> {
    let ca = std::fs::read(samba.ca_pem()).unwrap();
    let tls = dialpass::tls::client::tls_config(Some(&ca), None).unwrap();
    let settings = LdapConnSettings::new().set_config((*tls).clone());
    let (connection, mut ldap) =
        LdapConnAsync::with_settings(settings, &samba.ldaps_url()).await.unwrap();
    ldap3::drive!(connection);
    let bind = ldap.simple_bind(GATEWAY_DN, GATEWAY_PASSWORD).await.unwrap();
    bind.success().unwrap();
    let control = RawControl { ctype: SHOW_DELETED.to_owned(), crit: true, val: None };
    let filter = "(&(isDeleted=TRUE)(objectClass=user))";
    let attributes = vec!["sAMAccountName"];
    let found = ldap.with_controls(control).search(BASE_DN, Scope::Subtree, filter, attributes);
    let (entries, _) = found.await.unwrap().success().unwrap();
    let entries = entries.into_iter().filter(|entry| !entry.is_ref());
    let entries = entries.map(SearchEntry::construct);
    entries.flat_map(|entry| entry.attrs["sAMAccountName"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_is_seen_only_by_who_may_list_it() {
    let (hidden, shown) = (Samba::start(), Samba::builder().deletions_shown().start());
    for samba in [&hidden, &shown] {
        samba.delete(&format!("CN=bob,{USERS}"));
    }
    assert_eq!(deleted(&hidden).await, [""; 0]);
    assert_eq!(deleted(&shown).await, ["bob"]);
}
