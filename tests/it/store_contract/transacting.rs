//! The rules of what is used once and counted across users: transactions, texts to a phone,
//! intents.

use super::*;
use dialpass::domain::confirmation_request::ConfirmationRequest;
use dialpass::domain::transaction::{
    Channel, RETENTION, Transaction, TransactionKind, TransactionStatus,
};
use dialpass::store::registry::{Records, Scope};

async fn make(cloud: &Cloud, made: Transaction) {
    let scope = Scope { transaction: Some(made.id), ..about_nothing() };
    cloud.change(scope, move |records| records.transaction = Some(made.clone())).await;
}

pub async fn transactions_are_read_back_as_they_were_written(_: Store, cloud: Cloud) {
    let recovery = Transaction {
        kind: TransactionKind::Enroll,
        channel: Channel::Recovery,
        status: TransactionStatus::Succeeded,
        updated_at: after(3),
        code: None,
        ..transaction(2, 1)
    };
    let failed = Transaction { status: TransactionStatus::Failed, ..transaction(3, 1) };
    let enrolling = ConfirmationRequest {
        message: None,
        asked_by: None,
        asked_from: None,
        match_number: None,
        authenticator: None,
        ceremony: asking(4, 1).confirmation_request.and_then(|request| request.ceremony),
    };
    let enrolling = Transaction { confirmation_request: Some(enrolling), ..asking(5, 1) };
    let mut answered = asking(6, 1);
    answered.end(TransactionStatus::Succeeded, after(3));
    let over = answered.confirmation_request.as_ref().expect("a confirmation request");
    assert_eq!(over.ceremony, None, "no challenge outlives its transaction");
    for made in [transaction(1, 1), recovery, failed, asking(4, 1), enrolling, answered] {
        make(&cloud, made.clone()).await;
        let scope = Scope { transaction: Some(made.id), ..about_nothing() };
        assert_eq!(cloud.look(scope, START).await.transaction, Some(made));
    }
    // A step may take one away, and its code.
    cloud
        .change(about_transaction(1), |records| {
            records.transaction.as_mut().expect("one").code = None;
        })
        .await;
    let codeless = Transaction { code: None, ..transaction(1, 1) };
    assert_eq!(cloud.look(about_transaction(1), START).await.transaction, Some(codeless));
    cloud.change(about_transaction(1), |records| records.transaction = None).await;
    assert_eq!(cloud.look(about_transaction(1), START).await.transaction, None);
}

pub async fn fifty_simultaneous_verifications_end_a_transaction_once(_: Store, cloud: Cloud) {
    let mut person = new_person(1, Some("anna"));
    person.wrong_codes.push(START);
    make(&cloud, transaction(1, 1)).await;
    cloud.change(about_user(1), move |records| records.person = Some(person.clone())).await;
    let scope = |_| Scope { transaction: Some(transaction_id(1)), ..about_user(1) };
    let ended = cloud.steps(50, scope, |i, records| {
        let transaction = records.transaction.as_mut().expect("one");
        let is_first = transaction.status == TransactionStatus::Pending;
        transaction.end(TransactionStatus::Succeeded, START);
        let person = records.person.as_mut().expect("a user");
        if is_first {
            person.user.phones.push(phone(u128::from(i), 1, START));
        }
        is_first
    });
    assert_eq!(winners(&ended.await), 1);
    let records = cloud.look(scope(0), START).await;
    assert_eq!(records.transaction.map(|one| one.status), Some(TransactionStatus::Succeeded));
    assert_eq!(records.person.map(|one| one.user.phones.len()), Some(1));
}

pub async fn simultaneous_wrong_codes_take_no_more_than_a_codes_tries(_: Store, cloud: Cloud) {
    make(&cloud, transaction(1, 1)).await;
    let tried = cloud.steps(
        50,
        |_| about_transaction(1),
        |_, records| {
            let transaction = records.transaction.as_mut().expect("one");
            let code = transaction.code.as_mut().expect("a code");
            let has_tries = code.tries_left > 0;
            code.tries_left = code.tries_left.saturating_sub(1);
            has_tries
        },
    );
    assert_eq!(winners(&tried.await), 5);
    let left = cloud.look(about_transaction(1), START).await.transaction.expect("one");
    assert_eq!(left.code.map(|code| code.tries_left), Some(0));
}

pub async fn a_transaction_is_forgotten_a_day_after_its_end(_: Store, cloud: Cloud) {
    make(&cloud, transaction(1, 1)).await;
    make(&cloud, transaction(2, 1)).await;
    let end = |records: &mut Records| {
        records.transaction.as_mut().expect("one").end(TransactionStatus::Succeeded, after(9));
    };
    cloud.step(about_transaction(2), after(9), end).await.expect("it is written");
    // One was never ended, so that its time ended it.
    for (mark, end) in [(1, START.plus(LIFETIME)), (2, after(9))] {
        let scope = || about_transaction(mark);
        let gone = end.plus(RETENTION);
        let before = Timestamp::from_millis(gone.as_millis() - 1);
        assert!(cloud.look(scope(), before).await.transaction.is_some(), "{mark}");
        assert_eq!(cloud.look(scope(), gone).await.transaction, None, "{mark}");
        let seen = cloud.step(scope(), gone, |records| records.transaction.is_some()).await;
        assert_eq!(seen, Ok(false), "{mark}");
    }
}

pub async fn texts_to_a_phone_are_counted_for_all_its_users_together(_: Store, cloud: Cloud) {
    let scope = |i: u64| {
        let mark = u8::try_from(i % 10 + 1).expect("small");
        Scope { number: Some(number(1)), ..about_user(mark) }
    };
    let text = |i: u64, records: &mut Records| {
        let mark = u8::try_from(i % 10 + 1).expect("small");
        let person = records.person.get_or_insert_with(|| new_person(mark, None));
        let fits = records.texts.sent.len() < 5;
        if fits {
            person.texts.push(START);
            records.texts.sent.push(START);
            records.texts.idle_from = Some(after(600_000));
        }
        fits
    };
    assert_eq!(winners(&cloud.steps(50, scope, text).await), 5);
    let texts = cloud.look(about_number(1), START).await.texts;
    assert_eq!(texts.sent.as_millis(), [START.as_millis(); 5]);
    assert_eq!(texts.idle_from, Some(after(600_000)));
    let mut to_users = 0;
    for i in 0..10 {
        to_users += cloud.person(scope(i)).await.map_or(0, |person| person.texts.len());
    }
    assert_eq!(to_users, 5);
    assert!(cloud.look(about_number(2), START).await.texts.sent.is_empty(), "another phone");
    assert!(cloud.look(abroad(about_number(1)), START).await.texts.sent.is_empty());
}

pub async fn an_intent_is_used_once_among_many_at_once(_: Store, cloud: Cloud) {
    let take = |_: u64, records: &mut Records| {
        let is_unused = records.intent_used_until.is_none();
        records.intent_used_until.get_or_insert(after(600_000));
        is_unused
    };
    // Fifty steps at each of two.
    let scope = |i| Scope { user: about_user(1).user, ..about_intent(u128::from(i % 2)) };
    assert_eq!(winners(&cloud.steps(100, scope, take).await), 2);
    let used = cloud.look(about_intent(1), START).await.intent_used_until;
    assert_eq!(used, Some(after(600_000)));
    let abroad = cloud.steps(1, |_| abroad(about_intent(1)), take).await;
    assert_eq!(abroad, [true], "another tenant's is another");
}
