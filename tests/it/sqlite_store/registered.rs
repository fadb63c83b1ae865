//! Registered users in the file: rows edited by others, rows that are swept, cases that cannot be
//! written.

use dialpass::domain::stored_number::NumberingPlan;
use dialpass::domain::transaction::{RETENTION, Transaction};
use dialpass::store::StoreError;
use dialpass::store::registry::{Records, Scope};

use super::*;
use crate::store_contract::{
    LIFETIME, about_intent, about_name, about_nothing, about_number, about_transaction, about_user,
    after, new_person, number, phone, tenant, transaction, transaction_id, user_id,
};

async fn whole(cloud: &Cloud) {
    let scope = Scope { transaction: Some(transaction_id(1)), ..about_user(1) };
    cloud
        .change(scope, |records| {
            let mut person = new_person(1, Some("anna"));
            person.user.phones = vec![phone(1, 1, START)];
            records.person = Some(person);
            records.transaction = Some(transaction(1, 1));
        })
        .await;
}

/// A file with one user, in which somebody else then makes a change.
async fn edited(edit: &str) -> (TempDir, Cloud, Store) {
    let (folder, path) = folder();
    let (store, cloud) = open_cloud(&path);
    whole(&cloud).await;
    assert_eq!(intruder(&path).execute(&format!("UPDATE {edit}"), []), Ok(1), "{edit}");
    (folder, cloud, store)
}

#[tokio::test]
async fn a_user_whose_row_cannot_be_read_is_unknown() {
    for edit in [
        "users SET user_id = 'anna'",
        "users SET name = 'no name'",
        "phones SET number = '0701000001'",
        "phones SET number = '+46701000001;ext=5'",
        "phones SET phone_id = '1'",
    ] {
        let (_folder, cloud, _store) = edited(edit).await;
        let mut errors = 0;
        for scope in [about_user(1), about_name("anna")] {
            match cloud.at(START).await.read_records(scope).await {
                Ok(seen) => assert_eq!(seen.value.person, None, "{edit}"),
                Err(error) => {
                    assert_eq!(error, StoreError::Unavailable);
                    errors += 1;
                }
            }
        }
        assert!(errors > 0, "{edit}");
        assert_eq!(cloud.step(about_nothing(), START, |_| 5).await, Ok(5), "others go on");
    }
}

#[tokio::test]
async fn a_number_one_of_whose_owners_cannot_be_read_has_no_known_owners() {
    for edit in [
        "users SET user_id = '00000000-0000-4000-8000-000000000000'",
        "users SET name = 'no name'",
        "phones SET user_id = '00000000-0000-4000-8000-000000000000'",
        "phones SET user_id = 'anna'",
    ] {
        let (_folder, cloud, _store) = edited(edit).await;
        let mut other = new_person(2, None);
        other.user.phones = vec![phone(1, 1, START)];
        cloud.change(about_user(2), move |records| records.person = Some(other.clone())).await;
        let owners = cloud.at(START).await.owners(&tenant("t1"), &number(1), 2).await;
        assert_eq!(owners, Err(StoreError::Unavailable), "{edit}");
    }
}

#[tokio::test]
async fn a_transaction_that_cannot_be_read_confirms_nothing() {
    for edit in [
        "transactions SET stage = 'done'",
        "transactions SET number = 'x'",
        "transactions SET undertaking = 'log in'",
        "transactions SET channel = 'letter'",
        "transactions SET user_id = ''",
    ] {
        let (_folder, cloud, _store) = edited(edit).await;
        let looked = cloud.at(START).await.read_records(about_transaction(1)).await;
        assert_eq!(looked, Err(StoreError::Unavailable), "{edit}");
        let taken =
            cloud.step(about_transaction(1), START, |records| records.transaction = None).await;
        assert_eq!(taken, Err(StoreError::Unavailable), "{edit}");
    }
}

#[tokio::test]
async fn a_row_of_a_user_that_makes_no_sense_cannot_be_written() {
    let (_folder, path) = folder();
    let (_store, cloud) = open_cloud(&path);
    whole(&cloud).await;
    for edit in [
        "users SET recovery = x'00'",
        "users SET texts = x'0102'",
        "users SET name = NULL, updated_at = 'now'",
        "transactions SET digits = NULL",
        "transactions SET nonce = x'00'",
        "transactions SET tries_left = -1",
    ] {
        let edited = intruder(&path).execute(&format!("UPDATE {edit}"), []);
        assert!(edited.is_err(), "{edit}");
    }
}

type Change = Box<dyn Fn(&mut Records) + Send + Sync>;

#[tokio::test]
async fn what_a_step_is_not_about_or_could_not_be_read_back_is_refused() {
    let (_folder, path) = folder();
    let (_store, cloud) = open_cloud(&path);
    whole(&cloud).await;
    let extension = || {
        let plan = NumberingPlan::for_country("SE");
        plan.expect("a country").read_stored("+46701000001 ext. 5").expect("a number")
    };
    assert!(extension().extension().is_some());
    let changes: [(&str, Change); 5] = [
        ("texts", Box::new(|records| records.texts.sent.push(START))),
        ("an intent", Box::new(|records| records.intent_used_until = Some(after(1)))),
        ("a transaction", Box::new(|records| records.transaction = Some(transaction(2, 1)))),
        ("another user", Box::new(|records| records.person = Some(new_person(2, None)))),
        (
            "an extension",
            Box::new(move |records| {
                records.person.as_mut().expect("a user").user.phones[0].number = extension();
            }),
        ),
    ];
    let before = cloud.look(about_user(1), START).await;
    for (what, change) in changes {
        let refused = cloud.step(about_user(1), START, change).await;
        assert_eq!(refused, Err(StoreError::Unavailable), "{what}");
    }
    assert_eq!(cloud.look(about_user(1), START).await, before);
    let rows = |table| count_rows(&path, table);
    assert_eq!((rows("users"), rows("transactions"), rows("texted")), (1, 1, 0));
}

#[tokio::test]
async fn a_step_that_changes_nothing_leaves_no_row() {
    let (_folder, path) = folder();
    let (_store, cloud) = open_cloud(&path);
    let scope = Scope {
        transaction: Some(transaction_id(1)),
        number: Some(number(1)),
        intent: about_intent(1).intent,
        ..about_user(1)
    };
    cloud.change(scope, |_| {}).await;
    for table in ["users", "phones", "transactions", "texted", "used_intents"] {
        assert_eq!(count_rows(&path, table), 0, "{table}");
    }
}

#[tokio::test]
async fn with_a_user_go_their_rows() {
    let (_folder, path) = folder();
    let (_store, cloud) = open_cloud(&path);
    whole(&cloud).await;
    assert_eq!(count_rows(&path, "phones"), 1);
    cloud.change(about_user(1), |records| records.person = None).await;
    for table in ["users", "phones", "transactions"] {
        assert_eq!(count_rows(&path, table), 0, "{table} of {}", user_id(1));
    }
}

#[tokio::test]
async fn what_is_forgotten_is_swept_and_no_user() {
    let (_folder, path) = folder();
    let (store, cloud) = open_cloud(&path);
    whole(&cloud).await;
    for i in 0..240_u8 {
        // A third of them is kept for 2 ms longer.
        let late = Duration::from_millis(if i % 3 == 0 { 2 } else { 0 });
        let end = START.plus(LIFETIME).plus(late);
        let made = Transaction { expires_at: end, ..transaction(i, 1) };
        let scope = Scope {
            number: about_number(i.into()).number,
            intent: about_intent(i.into()).intent,
            ..about_transaction(i)
        };
        cloud
            .change(scope, move |records| {
                records.transaction = Some(made.clone());
                records.texts.sent.push(START);
                records.texts.idle_from = Some(end.plus(RETENTION));
                records.intent_used_until = Some(end.plus(RETENTION));
            })
            .await;
    }
    drop((store, cloud));
    let later = START.plus(LIFETIME).plus(RETENTION).plus(Duration::from_millis(1));
    let sweeping = open_at(&path, TIMEOUT, later).expect("it opens");
    let left = || ["transactions", "texted", "used_intents"].map(|table| count_rows(&path, table));
    until("they are swept", async || left() == [80; 3]).await;
    walk_again(&sweeping, &path, later).await;
    assert_eq!(left(), [80; 3], "and no others");
    assert_eq!((count_rows(&path, "users"), count_rows(&path, "phones")), (1, 1));
}

#[tokio::test]
async fn texts_without_a_retention_time_are_kept_for_a_day() {
    let (_folder, path) = folder();
    let (_store, cloud) = open_cloud(&path);
    cloud.change(about_number(1), |records| records.texts.sent.push(START)).await;
    let texts = cloud.look(about_number(1), START).await.texts;
    assert_eq!(texts.idle_from, Some(START.plus(Duration::from_hours(24))));
}
