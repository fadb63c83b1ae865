//! The rules of what is held of a person: all of it is seen, and all of it and no more is deleted.

use super::*;
use dialpass::domain::registered_user::RecoveryHash;
use dialpass::store::account::StoredGrant;
use dialpass::store::personal_records::{Individual, PersonRecords};
use dialpass::store::registry::{Records, Scope, Texts};

/// The person of this id, with these numbers beside.
fn individual(user_id: &str, numbers: &[u32]) -> Individual {
    let numbers = numbers.iter().map(|tail| number(*tail)).collect();
    Individual { tenant: tenant("t1"), user_id: user_id.to_owned(), numbers }
}

async fn held(cloud: &Cloud, whose: &Individual, now: Timestamp) -> PersonRecords {
    let seen = cloud.records_at(now).await.records(whose).await.expect("it answers");
    assert_eq!(seen.now, now, "by the store's own clock");
    seen.value
}

async fn delete(cloud: &Cloud, whose: &Individual) -> PersonRecords {
    let deleted = cloud.records_at(START).await.delete_records(whose).await.expect("it answers");
    deleted.value
}

/// Makes a registered user with one of everything, whose phone's number ends in `mark`.
async fn registered(store: &Store, cloud: &Cloud, mark: u8, who: &str) -> PersonRecords {
    let tail = u32::from(mark);
    let mut person = new_person(mark, Some(who));
    person.user.phones = vec![phone(u128::from(mark), tail, START)];
    person.user.authenticators = vec![authenticator(mark, START)];
    person.user.recovery = vec![RecoveryHash::from_stored([mark; 32])];
    person.texts.push(START);
    let mut texts = Texts::default();
    texts.sent.push(START);
    texts.idle_from = Some(START.plus(SPAN));
    let scope = Scope { number: Some(number(tail)), ..about_user(mark) };
    let made = Records { person: Some(person.clone()), texts: texts.clone(), ..Records::default() };
    cloud.change(scope, move |records| *records = made.clone()).await;
    let transactions = [transaction(mark, mark), asking(mark + 100, mark)];
    for one in transactions.clone() {
        let scope = Scope { transaction: Some(one.id), ..about_nothing() };
        cloud.change(scope, move |records| records.transaction = Some(one.clone())).await;
    }
    let id = user_id(mark).to_string();
    let mut call = call(&id, u64::from(mark), START);
    call.number = number(tail);
    assert!(matches!(store.issue(call).await, Ok(Issue::Issued(_))));
    let mut records = PersonRecords { person: Some(person), ..PersonRecords::default() };
    records.transactions = transactions.to_vec();
    records.texts = vec![(number(tail), texts)];
    records
}

/// What `records` has, but for what a call left.
fn without_calls(records: PersonRecords) -> PersonRecords {
    PersonRecords { accounts: Vec::new(), calls: Vec::new(), ..records }
}

pub async fn all_that_is_held_of_a_registered_user_is_seen_and_deleted(store: Store, cloud: Cloud) {
    let anna = registered(&store, &cloud, 1, "anna").await;
    let berta = registered(&store, &cloud, 2, "berta").await;
    let known = cloud.records_at(START).await.registered(&tenant("t1"), &name("anna")).await;
    assert_eq!(known, Ok(vec![(user_id(1), name("anna"))]));
    let known = cloud.records_at(START).await.registered(&tenant("t2"), &name("anna")).await;
    assert_eq!(known, Ok(Vec::new()), "a tenant sees its own");

    let id = user_id(1).to_string();
    let seen = held(&cloud, &individual(&id, &[]), after(1)).await;
    assert_eq!(without_calls(seen.clone()), anna);
    let [(of, account)] = &seen.accounts[..] else { panic!("one account: {seen:?}") };
    let StoredGrant { grant: code, .. } = account.live(after(1)).expect("a live code");
    assert_eq!((of, code), (&id, &grant(1, START)));
    let calls: Vec<_> = seen.calls.iter().map(|(number, calls)| (number, calls.len())).collect();
    assert_eq!(calls, [(&number(1), 1)], "of the verified phone, though nobody named it");
    let other_tenant = Individual { tenant: tenant("t2"), ..individual(&id, &[1]) };
    assert_eq!(held(&cloud, &other_tenant, START).await, PersonRecords::default());
    assert_eq!(delete(&cloud, &other_tenant).await, PersonRecords::default());

    // Also by an id in large letters, as a person may type it.
    let typed = individual(&id.to_uppercase(), &[]);
    assert_eq!(held(&cloud, &typed, after(1)).await, seen);
    assert_eq!(delete(&cloud, &typed).await, seen, "it says what it was");
    assert_eq!(held(&cloud, &individual(&id, &[1]), after(1)).await, PersonRecords::default());
    assert_eq!(delete(&cloud, &typed).await, PersonRecords::default(), "already");
    assert_eq!(store.live(&subject(&id), START).await, Ok(None), "the live code has ended");
    assert_eq!(cloud.person(about_name("anna")).await, None);

    let left = held(&cloud, &individual(&user_id(2).to_string(), &[]), START).await;
    assert_eq!((left.accounts.len(), left.calls.len()), (1, 1));
    assert_eq!(without_calls(left), berta, "somebody else's are untouched");
}

pub async fn a_directorys_user_is_deleted_with_the_numbers_that_are_named(
    store: Store,
    cloud: Cloud,
) {
    for (id, tail) in [("u", 1), ("v", 2)] {
        let mut call = call(id, u64::from(tail), START);
        call.number = number(tail);
        assert!(matches!(store.issue(call).await, Ok(Issue::Issued(_))));
    }
    wrong_password(&store, 1, true, START).await;
    let seen = held(&cloud, &individual("u", &[]), START).await;
    assert_eq!((seen.accounts.len(), seen.calls.len()), (1, 0), "no number was named");
    assert_eq!(seen.accounts[0].1.wrong_passwords.len(), 1);
    let seen = held(&cloud, &individual("u", &[1, 3]), START).await;
    let numbers: Vec<_> = seen.calls.iter().map(|(number, _)| number.clone()).collect();
    assert_eq!(numbers, [number(1)], "those that there are");
    assert_eq!(delete(&cloud, &individual("u", &[1, 3])).await, seen);
    assert_eq!(held(&cloud, &individual("u", &[1, 3]), START).await, PersonRecords::default());
    let redeemed = store.redeem(code(1, Some(START), START)).await;
    assert_eq!(redeemed, Ok(Redemption::NoGrant));
    let left = held(&cloud, &individual("v", &[2]), START).await;
    assert_eq!((left.accounts.len(), left.calls.len()), (1, 1));
}

pub async fn a_code_is_redeemed_or_deleted_and_never_both(store: Store, cloud: Cloud) {
    for round in 0..10 {
        let now = after(round * 600_000);
        issue(&store, round, now).await;
        let whose = individual("u", &[]);
        let deletion = async { cloud.records_at(now).await.delete_records(&whose).await };
        let logins =
            at_once(
                &store,
                20,
                |store, _| async move { store.redeem(code(round, None, now)).await },
            );
        let (deleted, logins) = tokio::join!(deletion, logins);
        assert!(logins.iter().all(Result::is_ok), "{logins:?}");
        let redeemed = logins.iter().filter(|one| **one == Ok(Redemption::Redeemed)).count();
        let held = deleted.expect("it answers").value;
        let live = held.accounts.iter().filter(|(_, account)| account.live(now).is_some()).count();
        assert_eq!(redeemed + live, 1, "round {round}");
    }
}
