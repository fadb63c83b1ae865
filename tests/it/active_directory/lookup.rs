//! Who is found by a number.

use tokio::time::Instant;

use super::{TIMEOUT, by_number, directory, is_down, owners, with};
use crate::support::samba::{BASE_DN, STAFF, Samba, USERS};

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_found_in_whatever_form_it_is_stored() {
    let samba = Samba::start();
    let directory = directory(&samba);
    for at in 1..=11 {
        let number = format!("+467010000{at:02}");
        let found = by_number(&directory, &number).await.unwrap();
        assert_eq!(owners(&found, &number), [format!("form{at}")], "{number}");
        assert!(!found.truncated);
    }
    for number in ["+46855500080", "+4685550008", "+46701000012", "+4670100000"] {
        let found = by_number(&directory, number).await.unwrap();
        let expected: &[&str] = if number == "+4685550008" { &["form8"] } else { &[] };
        assert_eq!(owners(&found, number), expected, "{number}");
    }
    let found = by_number(&directory, "+46812345678;ext=12").await.unwrap();
    assert_eq!(owners(&found, "+46812345678;ext=12"), ["evert"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_share_a_number_are_found_and_too_many_are_cut_off() {
    let samba = Samba::start();
    let directory = directory(&samba);
    let found = by_number(&directory, "+46703334455").await.unwrap();
    assert_eq!(owners(&found, "+46703334455"), ["carl", "cecilia"]);
    assert!(!found.truncated);
    // Samba heeds no size limit: the directory has to.
    for at in 1..=12 {
        samba.add_person(&format!("many{at}"), USERS, &["mobile: 070-999 99 99"]);
    }
    let found = by_number(&directory, "+46709999999").await.unwrap();
    assert!(found.truncated);
    assert_eq!(found.users.len(), 10);
    // What was cut off is not taken for the answer to the next search.
    let found = by_number(&directory, "+46701234567").await.unwrap();
    assert_eq!(owners(&found, "+46701234567"), ["anna"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_found_among_more_people_than_a_page_holds() {
    let samba = Samba::builder().crowd(1100).start();
    let directory = directory(&samba);
    for (number, name) in [("+46760000001", "user0001"), ("+46760001100", "user1100")] {
        let found = by_number(&directory, number).await.unwrap();
        assert_eq!(owners(&found, number), [name]);
    }
    let found = by_number(&directory, "+46760001101").await.unwrap();
    assert_eq!(owners(&found, "+46760001101"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_below_each_base_dn_and_nowhere_else() {
    let samba = Samba::start();
    for (bases, otto, anna) in [
        (&[USERS][..], 0, 1),
        (&[STAFF], 1, 0),
        (&[USERS, STAFF], 1, 1),
        (&[USERS, STAFF, BASE_DN], 1, 1),
    ] {
        let directory = with(&samba, |settings| {
            settings.base_dns = bases.iter().map(|&base| base.to_owned()).collect();
        });
        let found = by_number(&directory, "+46709998877").await.unwrap();
        assert_eq!(found.users.len(), otto, "{bases:?}");
        let found = by_number(&directory, "+46701234567").await.unwrap();
        assert_eq!(found.users.len(), anna, "{bases:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_people_are_found() {
    let samba = Samba::start();
    // A contact of the address book and a computer, with numbers.
    samba.modify(&format!(
        "dn: CN=Contact,{STAFF}\nchangetype: add\nobjectClass: contact\n\
         mobile: +46 70-123 45 67\n\n\
         dn: CN=door,{STAFF}\nchangetype: add\nobjectClass: computer\nsAMAccountName: door$\n\
         mobile: +46 70-123 45 67\n"
    ));
    let found = by_number(&directory(&samba), "+46701234567").await.unwrap();
    assert_eq!(owners(&found, "+46701234567"), ["anna"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn referrals_are_not_followed() {
    let samba = Samba::start();
    let directory = directory(&samba);
    // A search at the root also answers where three other parts of the tree are: at a host that
    // does not exist.
    assert_eq!(by_number(&directory, "+46701234567").await.unwrap().users.len(), 1);
    let begun = Instant::now();
    let nobody = by_number(&directory, "+46700000000").await.unwrap();
    assert_eq!((nobody.users.len(), nobody.truncated), (0, false));
    assert!(begun.elapsed() < TIMEOUT / 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_dn_of_another_domain_is_an_operators_mistake_and_finds_no_user() {
    let samba = Samba::start();
    let directory = with(&samba, |settings| settings.base_dns.push("DC=other,DC=org".to_owned()));
    is_down(&directory, "DC=other,DC=org").await;
    assert!(by_number(&directory, "+46701234567").await.is_err());
}
