//! The rules of logging in: what a try reserves, counts, burns and redeems.

use super::*;
use dialpass::store::{MAX_WRONG_CODES, Redemption, SPARE_TRIES};

fn count<T: PartialEq>(answers: &[T], like: &T) -> usize {
    answers.iter().filter(|answer| *answer == like).count()
}

/// Room for many codes and many failures, for tests of something else.
fn wide() -> Limits {
    let quota = Quota { burst: 500, per: SPAN };
    Limits {
        codes_per_user: quota,
        calls_per_number: quota,
        wrong_passwords_per_user: quota,
        wrong_codes_per_user: quota,
    }
}

pub async fn a_new_code_resets_no_budget(store: Store) {
    issue(&store, 1, START).await;
    for i in 0..4 {
        let reserved = wrong_password(&store, 1, false, after(i)).await;
        assert_eq!(reserved, Reservation::Reserved(after(i)));
    }
    issue(&store, 2, after(10)).await;
    let refused = wrong_password(&store, 2, false, after(10)).await;
    assert_eq!(refused, Reservation::PasswordsSpent(wait_after(10)));

    for i in 0..7 {
        store.wrong_code(code(2, None, after(20 + i))).await.expect("it answers");
    }
    issue(&store, 3, after(30)).await;
    let refused = store.redeem(code(3, None, after(30))).await;
    assert_eq!(refused, Ok(Redemption::CodesSpent(wait_after(10))));
}

pub async fn a_code_is_redeemed_once(store: Store) {
    issue(&store, 1, START).await;
    let reserved = wrong_password(&store, 1, true, after(1)).await;
    assert_eq!(reserved, Reservation::Reserved(after(1)));
    let attempt = code(1, Some(after(1)), after(2));
    assert_eq!(store.redeem(attempt.clone()).await, Ok(Redemption::Redeemed));
    assert_eq!(live(&store, after(2)).await, None);
    assert_eq!(store.redeem(attempt).await, Ok(Redemption::NoGrant));
    assert_eq!(wrong_password(&store, 1, true, after(3)).await, Reservation::NoGrant);
}

pub async fn two_hundred_simultaneous_logins_redeem_a_code_once(store: Store) {
    issue(&store, 1, START).await;
    let answers = at_once(&store, 200, |store, _| async move {
        store.redeem(code(1, None, START)).await.expect("it answers")
    })
    .await;
    assert_eq!(count(&answers, &Redemption::Redeemed), 1);
    assert_eq!(count(&answers, &Redemption::NoGrant), 199);
}

pub async fn a_redeemed_code_clears_the_failure_budgets(store: Store) {
    issue(&store, 1, START).await;
    for i in 0..2 {
        wrong_code(&store, 1, after(i)).await;
    }
    for i in 2..6 {
        wrong_password(&store, 1, true, after(i)).await;
    }
    let spent = wrong_password(&store, 1, false, after(6)).await;
    assert!(matches!(spent, Reservation::PasswordsSpent(_)));
    assert_eq!(store.redeem(code(1, None, after(7))).await, Ok(Redemption::Redeemed));

    issue(&store, 2, after(8)).await;
    for i in 10..14 {
        let reserved = wrong_password(&store, 2, false, after(i)).await;
        assert_eq!(reserved, Reservation::Reserved(after(i)));
    }
    // The codes that were issued stay counted: two so far, six in all.
    for i in 0..4 {
        issue(&store, 3 + i, after(200_000 * (i + 1))).await;
    }
    let refused = store.issue(call("u", 9, after(1_000_000))).await;
    assert!(matches!(refused, Ok(Issue::CodesPerUser(_))));
}

pub async fn a_replaced_or_expired_code_redeems_nothing(store: Store) {
    issue(&store, 1, START).await;
    issue(&store, 2, after(100_000)).await;
    let now = after(100_001);
    assert_eq!(store.redeem(code(1, None, now)).await, Ok(Redemption::NoGrant));
    assert_eq!(wrong_password(&store, 1, true, now).await, Reservation::NoGrant);
    let late = after(280_000);
    assert_eq!(wrong_password(&store, 2, true, late).await, Reservation::NoGrant);
    assert_eq!(store.redeem(code(2, None, late)).await, Ok(Redemption::NoGrant));
    let in_time = code(2, None, after(279_999));
    assert_eq!(store.redeem(in_time).await, Ok(Redemption::Redeemed));
}

pub async fn simultaneous_wrong_codes_reserve_no_more_passwords_than_the_budget(store: Store) {
    issue(&store, 1, START).await;
    let answers =
        at_once(
            &store,
            200,
            |store, _| async move { wrong_password(&store, 1, false, START).await },
        )
        .await;
    assert_eq!(count(&answers, &Reservation::Reserved(START)), 4);
}

pub async fn simultaneous_right_codes_reserve_the_budget_and_the_spare_tries(store: Store) {
    issue(&store, 1, START).await;
    let answers =
        at_once(
            &store,
            200,
            |store, _| async move { wrong_password(&store, 1, true, START).await },
        )
        .await;
    let reserved = 4 + SPARE_TRIES as usize;
    assert_eq!(count(&answers, &Reservation::Reserved(START)), reserved);
    assert_eq!(count(&answers, &Reservation::PasswordsSpent(SPAN)), 200 - reserved);
}

pub async fn a_spent_password_budget_frees_when_its_span_has_passed(store: Store) {
    issue(&store, 1, START).await;
    for i in 0..4 {
        wrong_password(&store, 1, false, after(1_000 * i)).await;
    }
    let later = START.plus(SPAN);
    issue(&store, 2, after(3_599_999)).await;
    let refused = wrong_password(&store, 2, false, after(3_599_999)).await;
    assert_eq!(refused, Reservation::PasswordsSpent(Duration::from_millis(1)));
    assert_eq!(wrong_password(&store, 2, false, later).await, Reservation::Reserved(later));
    let refused = wrong_password(&store, 2, false, later).await;
    assert_eq!(refused, Reservation::PasswordsSpent(Duration::from_secs(1)));
}

pub async fn a_try_given_back_counts_no_more(store: Store) {
    issue(&store, 1, START).await;
    for _ in 0..4 {
        wrong_password(&store, 1, false, START).await;
    }
    store.give_back(&subject("u"), START).await.expect("it answers");
    // All four were at the same millisecond; one of them is back.
    let reserved = wrong_password(&store, 1, false, after(2)).await;
    assert_eq!(reserved, Reservation::Reserved(after(2)));
    let refused = wrong_password(&store, 1, false, after(3)).await;
    assert!(matches!(refused, Reservation::PasswordsSpent(_)));
}

pub async fn twenty_wrong_codes_burn_a_code_whatever_the_password(store: Store) {
    issue(&store, 1, START).await;
    for i in 1..u64::from(MAX_WRONG_CODES) {
        let mut attempt = login(1, false, after(i));
        attempt.limits = wide();
        let reserved = store.reserve(attempt).await;
        assert_eq!(reserved, Ok(Reservation::Reserved(after(i))));
    }
    assert!(live(&store, after(50)).await.is_some());
    let mut last = login(1, false, after(50));
    last.limits = wide();
    assert_eq!(store.reserve(last).await, Ok(Reservation::NoGrant), "no grant, no bind");
    assert_eq!(live(&store, after(50)).await, None);
    assert_eq!(store.redeem(code(1, None, after(51))).await, Ok(Redemption::NoGrant));
}

pub async fn twenty_simultaneous_wrong_codes_burn_a_code(store: Store) {
    issue(&store, 1, START).await;
    let answers = at_once(&store, 200, |store, _| async move {
        let mut attempt = login(1, false, START);
        attempt.limits = wide();
        store.reserve(attempt).await.expect("it answers")
    })
    .await;
    let reserved = MAX_WRONG_CODES as usize - 1;
    assert_eq!(count(&answers, &Reservation::Reserved(START)), reserved);
    assert_eq!(count(&answers, &Reservation::NoGrant), 200 - reserved);
}

pub async fn wrong_codes_count_even_when_no_password_is_reserved(store: Store) {
    issue(&store, 1, START).await;
    for i in 1..u64::from(MAX_WRONG_CODES) {
        wrong_password(&store, 1, false, after(i)).await;
    }
    assert!(live(&store, after(50)).await.is_some());
    assert_eq!(wrong_password(&store, 1, false, after(50)).await, Reservation::NoGrant);
    assert_eq!(live(&store, after(50)).await, None);
}

pub async fn wrong_codes_with_a_right_password_burn_a_code_after_the_attempts(store: Store) {
    issue(&store, 1, START).await;
    for i in 0..3 {
        assert!(live(&store, after(i)).await.is_some());
        assert_eq!(wrong_code(&store, 1, after(i)).await, Reservation::Reserved(after(i)));
    }
    assert_eq!(live(&store, after(3)).await, None);
    assert_eq!(store.redeem(code(1, None, after(3))).await, Ok(Redemption::NoGrant));
}

pub async fn without_passwords_a_code_takes_twenty_wrong_codes_at_most(store: Store) {
    let mut patient = call("u", 1, START);
    patient.max_attempts = 100;
    assert_eq!(store.issue(patient).await, Ok(issued(1, START)));
    for i in 0..u64::from(MAX_WRONG_CODES) {
        assert!(live(&store, after(i)).await.is_some());
        let mut attempt = code(1, None, after(i));
        attempt.limits = wide();
        store.wrong_code(attempt).await.expect("it answers");
    }
    assert_eq!(live(&store, after(30)).await, None);
}

pub async fn a_spent_code_budget_refuses_even_the_right_code(store: Store) {
    // Seven wrong codes with a right password: two codes burnt, one tried.
    for i in 0..7 {
        if i % 3 == 0 {
            issue(&store, i, after(10 * i)).await;
        }
        let mark = i - i % 3;
        let reserved = wrong_code(&store, mark, after(10 * i + 1)).await;
        assert_eq!(reserved, Reservation::Reserved(after(10 * i + 1)));
    }
    let now = after(1_001);
    let wait = wait_after(1_000);
    assert_eq!(wrong_password(&store, 6, true, now).await, Reservation::CodesSpent(wait));
    assert_eq!(store.redeem(code(6, None, now)).await, Ok(Redemption::CodesSpent(wait)));

    // Tries that come while the budget is spent do not prolong it.
    store.wrong_code(code(6, None, now)).await.expect("it answers");
    let later = after(3_600_001);
    issue(&store, 9, later).await;
    assert_eq!(store.redeem(code(9, None, later)).await, Ok(Redemption::Redeemed));
}

pub async fn a_wrong_code_gives_the_reserved_password_back(store: Store) {
    let mut patient = call("u", 1, START);
    patient.max_attempts = 100;
    assert_eq!(store.issue(patient).await, Ok(issued(1, START)));
    for i in 0..6 {
        assert_eq!(wrong_code(&store, 1, after(i)).await, Reservation::Reserved(after(i)));
    }
    // So does a right code that comes too late.
    for i in 10..20 {
        let reserved = wrong_password(&store, 1, true, after(i)).await;
        assert_eq!(reserved, Reservation::Reserved(after(i)));
        let late = code(99, Some(after(i)), after(i));
        assert_eq!(store.redeem(late).await, Ok(Redemption::NoGrant));
    }
}

pub async fn an_unknown_subject_is_refused_and_leaves_nothing(store: Store) {
    assert_eq!(wrong_password(&store, 1, true, START).await, Reservation::NoGrant);
    assert_eq!(store.redeem(code(1, Some(START), START)).await, Ok(Redemption::NoGrant));
    store.wrong_code(code(1, Some(START), START)).await.expect("it answers");
    store.give_back(&subject("u"), START).await.expect("it answers");
    // Had any of them left a budget, the first of these would be over it.
    issue(&store, 1, START).await;
    for _ in 0..4 {
        assert_eq!(wrong_password(&store, 1, false, START).await, Reservation::Reserved(START));
    }
}
