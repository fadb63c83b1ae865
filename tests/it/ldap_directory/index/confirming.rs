//! What a call asks of a caller's own entry, beside the index.

use std::time::Duration;

use dialpass::directory::ldap::Confirm;
use dialpass::directory::{Directory, DirectoryError, Occasion};
use dialpass::domain::user::{Ambiguity, Membership, NotUnique};

use super::super::{by_number, deadline, number, plan, settings};
use super::{indexed, is_live, person, synced};
use crate::support::slapd::{GATEWAY_DN, GROUPS};

const ANNA: &str = "+46701234567";

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_whose_number_can_no_longer_be_read_is_unknown() {
    let slapd = synced().configurable().start();
    let index = |confirm| indexed(settings(&[slapd.url()]), Duration::from_mins(15), confirm);
    let (asking, alone) = (index(Confirm::Entry), index(Confirm::Nothing));
    is_live(&asking, true).await;
    is_live(&alone, true).await;
    let read = format!("to * by dn.exact={GATEWAY_DN} read by * none");
    let of_anna = "to dn.base=uid=anna,ou=people,dc=example,dc=com attrs=mobile by * none";
    slapd.access(&[of_anna, &read]);
    for (directory, expected) in [(&asking, Err(NotUnique::NoUser)), (&alone, Ok(()))] {
        let found = by_number(directory, ANNA).await.unwrap();
        let one = found.exactly_one(&number(ANNA), &plan(), Ambiguity::Refuse, None);
        assert_eq!(one.map(drop), expected);
    }
    assert!(asking.index_figures().unwrap().misses > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namesake_at_the_old_dn_is_never_taken_for_the_caller() {
    let slapd = synced().start();
    slapd.modify(&format!(
        "dn: ou=a,ou=people,dc=example,dc=com\nchangetype: add\nobjectClass: organizationalUnit\n\n\
         dn: ou=c,ou=people,dc=example,dc=com\nchangetype: add\nobjectClass: organizationalUnit\n\n\
         dn: uid=anna,ou=people,dc=example,dc=com\nchangetype: modrdn\nnewrdn: uid=anna\n\
         deleteoldrdn: 1\nnewsuperior: ou=a,ou=people,dc=example,dc=com\n\n\
         dn: cn=otp,{GROUPS}\nchangetype: modify\nreplace: member\n\
         member: uid=anna,ou=a,ou=people,dc=example,dc=com\n"
    ));
    let mut settings = settings(&[slapd.url()]);
    settings.required_group = Some(format!("cn=otp,{GROUPS}"));
    let directory = indexed(settings, Duration::from_mins(15), Confirm::Entry);
    is_live(&directory, true).await;
    let before = by_number(&directory, ANNA).await.unwrap().users.remove(0);
    let may = directory.membership(&before, Occasion::Call, deadline()).await;
    assert_eq!(may, Ok(Membership::Allowed));
    // The old DN is somebody else's at once, who is in the group by it.
    slapd.modify(
        &("dn: ou=a,ou=people,dc=example,dc=com\nchangetype: modrdn\nnewrdn: ou=a\n\
           deleteoldrdn: 1\nnewsuperior: ou=c,ou=people,dc=example,dc=com\n\n\
           dn: ou=a,ou=people,dc=example,dc=com\nchangetype: add\nobjectClass: organizationalUnit\n\n"
            .to_owned()
            + &person("anna,ou=a", "changetype: add\nobjectClass: inetOrgPerson\nuid: anna\ncn: x\nsn: x")),
    );
    for _ in 0..50 {
        let found = by_number(&directory, ANNA).await.unwrap();
        let [anna] = &found.users[..] else { panic!("{} users", found.users.len()) };
        assert_eq!(anna.id, before.id);
        assert_eq!(anna.locator, "uid=anna,ou=a,ou=c,ou=people,dc=example,dc=com");
        let may = directory.membership(anna, Occasion::Call, deadline()).await;
        assert_eq!(may, Ok(Membership::NotInRequiredGroup));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_whom_no_server_says_where_they_are_now_it_is_an_outage() {
    let slapd = synced().start();
    let directory = indexed(settings(&[slapd.url()]), Duration::from_mins(15), Confirm::Entry);
    is_live(&directory, true).await;
    // The entry is not where it was, and where else it might be cannot be searched.
    slapd.modify(
        "dn: ou=people,dc=example,dc=com\nchangetype: modrdn\nnewrdn: ou=former\n\
         deleteoldrdn: 1\n",
    );
    let found = by_number(&directory, ANNA).await;
    assert_eq!(found.map(drop), Err(DirectoryError::Unavailable));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_number_never_has_one_owner_while_rights_change() {
    const RULE: &str = "access to dn.subtree=\"ou=people,dc=example,dc=com\" attrs=mobile \
                        by group.exact=\"cn=readers,dc=example,dc=com\" read by * none";
    let slapd = synced().setting(RULE).start();
    let readers = |whom: &str| {
        format!("changetype: modify\nreplace: member\nmember: {whom},dc=example,dc=com\n\n")
    };
    slapd.modify(&format!(
        "dn: cn=readers,dc=example,dc=com\nchangetype: add\nobjectClass: groupOfNames\n\
         cn: readers\nmember: {GATEWAY_DN}\n\n{}",
        person("bob", "changetype: modify\nreplace: mobile\nmobile: +46701234567"),
    ));
    let directory = indexed(settings(&[slapd.url()]), Duration::from_mins(15), Confirm::Entry);
    is_live(&directory, true).await;
    // Both have it, or by what may be read nobody: at no moment one of them.
    let (of, on) = (readers("cn=nobody"), readers("cn=gateway"));
    let flip =
        format!("dn: cn=readers,dc=example,dc=com\n{of}dn: cn=readers,dc=example,dc=com\n{on}");
    let flips = flip.repeat(200);
    let ended = std::sync::atomic::AtomicBool::new(false);
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                slapd.modify(&flips);
                ended.store(true, std::sync::atomic::Ordering::Relaxed);
            });
            tokio::runtime::Handle::current().block_on(async {
                while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                    let asked = (0..4).map(|_| by_number(&directory, ANNA));
                    for found in futures_util::future::join_all(asked).await.into_iter().flatten() {
                        let one =
                            found.exactly_one(&number(ANNA), &plan(), Ambiguity::Refuse, None);
                        assert!(one.is_err(), "{}", one.unwrap().username);
                    }
                }
            });
        });
    });
}
