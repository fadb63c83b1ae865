//! Changes on the server, and when the index knows of them.

use dialpass::domain::account_state::AccountState;

use super::{added, has, live, person, synced};

#[tokio::test(flavor = "multi_thread")]
async fn whatever_changes_is_seen_within_seconds() {
    let slapd = synced().start();
    let directory = live(&[slapd.url()]).await;
    has(&directory, "+46701234567", &["anna"]).await;

    let change = "changetype: modify\nreplace: mobile\nmobile: 070-111 22 33";
    slapd.modify(&person("anna", change));
    has(&directory, "+46701112233", &["anna"]).await;
    has(&directory, "+46701234567", &[]).await;

    slapd.modify(&added("new", "+46 70 123 45 67"));
    has(&directory, "+46701234567", &["new"]).await;

    let change = "changetype: modrdn\nnewrdn: uid=newer\ndeleteoldrdn: 1";
    slapd.modify(&person("new", change));
    let found = has(&directory, "+46701234567", &["newer"]).await;
    assert_eq!(found.users[0].locator, "uid=newer,ou=people,dc=example,dc=com");

    let change = "changetype: modify\nadd: mobile\nmobile: 070-111 22 33";
    slapd.modify(&person("bob", change));
    has(&directory, "+46701112233", &["anna", "bob"]).await;

    let change = "changetype: modify\nreplace: userAccountControl\nuserAccountControl: 514";
    slapd.modify(&person("erik", change));
    slapd.modify(&person("newer", "changetype: delete"));
    has(&directory, "+46701234567", &[]).await;
    let erik = has(&directory, "+46705556677", &["erik"]).await;
    assert_eq!(erik.users[0].account, AccountState::enabled(false));

    slapd.modify(&person("bob", "changetype: modify\ndelete: telephoneNumber\n-\ndelete: mobile"));
    has(&directory, "+46702223344", &[]).await;
    has(&directory, "+46701112233", &["anna"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_moved_out_of_the_base_is_gone() {
    let slapd = synced().start();
    let directory = live(&[slapd.url()]).await;
    slapd.modify(
        "dn: ou=former,dc=example,dc=com\nchangetype: add\nobjectClass: organizationalUnit\n\n\
         dn: uid=anna,ou=people,dc=example,dc=com\nchangetype: modrdn\nnewrdn: uid=anna\n\
         deleteoldrdn: 0\nnewsuperior: ou=former,dc=example,dc=com\n\n",
    );
    has(&directory, "+46701234567", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_changes_at_once_are_all_seen() {
    let slapd = synced().start();
    let directory = live(&[slapd.url()]).await;
    let ldif: String = (0..100)
        .map(|at| match at % 3 {
            0 => added(&format!("extra{at}"), &format!("+4670777{at:04}")),
            1 => person(&format!("user{at:04}"), "changetype: delete"),
            _ => person(
                &format!("user{at:04}"),
                &format!("changetype: modify\nreplace: mobile\nmobile: +4670777{at:04}"),
            ),
        })
        .collect();
    slapd.modify(&ldif);
    for at in 0..100 {
        let (moved, old) = (format!("+4670777{at:04}"), format!("+4676{at:07}"));
        match at % 3 {
            0 => drop(has(&directory, &moved, &[&format!("extra{at}")]).await),
            1 => drop(has(&directory, &old, &[]).await),
            _ => {
                has(&directory, &moved, &[&format!("user{at:04}")]).await;
                has(&directory, &old, &[]).await;
            }
        }
    }
}
