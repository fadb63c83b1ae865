//! The rules of logging in: what a try reserves, counts, burns and redeems.

use super::*;
use dialpass::domain::client_address::ClientAddress;
use dialpass::store::{Redemption, SPARE_TRIES};

fn count<T: PartialEq>(answers: &[T], like: &T) -> usize {
    answers.iter().filter(|answer| *answer == like).count()
}

pub async fn a_new_code_resets_no_budget(store: Store) {
    issue(&store, 1, START).await;
    for i in 0..4 {
        let reserved = wrong_password(&store, 1, true, after(i)).await;
        assert_eq!(reserved, Reservation::Reserved(after(i)));
    }
    wrong_code(&store, 1, after(8)).await;
    assert_eq!(store.wrong_code(code(1, None, after(9))).await, Ok(()));
    issue(&store, 2, after(10)).await;
    let refused = wrong_password(&store, 2, true, after(10)).await;
    assert_eq!(refused, Reservation::PasswordsSpent(wait_after(10)));

    for i in 0..7 {
        store.wrong_code(code(2, None, after(20 + i))).await.expect("it answers");
    }
    issue(&store, 3, after(30)).await;
    let refused = store.redeem(code(3, Some(after(30)), after(30))).await;
    assert!(matches!(refused, Ok(Redemption::CodesSpent(_))), "{refused:?}");
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
        let reserved = wrong_password(&store, 2, true, after(i)).await;
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
    let open = 4 - SPARE_TRIES as usize;
    assert_eq!(count(&answers, &Reservation::Reserved(START)), open);
    assert_eq!(wrong_password(&store, 1, true, START).await, Reservation::Reserved(START));
}

pub async fn simultaneous_right_codes_reserve_the_whole_budget(store: Store) {
    issue(&store, 1, START).await;
    let answers =
        at_once(
            &store,
            200,
            |store, _| async move { wrong_password(&store, 1, true, START).await },
        )
        .await;
    assert_eq!(count(&answers, &Reservation::Reserved(START)), 4);
    assert_eq!(count(&answers, &Reservation::PasswordsSpent(SPAN)), 196);
}

pub async fn a_spent_password_budget_frees_when_its_span_has_passed(store: Store) {
    issue(&store, 1, START).await;
    for i in 0..4 {
        wrong_password(&store, 1, true, after(1_000 * i)).await;
    }
    let later = START.plus(SPAN);
    issue(&store, 2, after(3_599_999)).await;
    let refused = wrong_password(&store, 2, true, after(3_599_999)).await;
    assert_eq!(refused, Reservation::PasswordsSpent(Duration::from_millis(1)));
    assert_eq!(wrong_password(&store, 2, true, later).await, Reservation::Reserved(later));
    let refused = wrong_password(&store, 2, true, later).await;
    assert_eq!(refused, Reservation::PasswordsSpent(Duration::from_secs(1)));
}

pub async fn a_try_given_back_counts_no_more(store: Store) {
    issue(&store, 1, START).await;
    for _ in 0..4 {
        wrong_password(&store, 1, true, START).await;
    }
    store.give_back(&subject("u"), START).await.expect("it answers");
    // All four were at the same millisecond; one of them is back.
    let reserved = wrong_password(&store, 1, true, after(2)).await;
    assert_eq!(reserved, Reservation::Reserved(after(2)));
    let refused = wrong_password(&store, 1, true, after(3)).await;
    assert!(matches!(refused, Reservation::PasswordsSpent(_)));
}

pub async fn wrong_codes_without_the_password_change_nothing_about_a_code(store: Store) {
    issue(&store, 1, START).await;
    for i in 0..30 {
        wrong_password(&store, 1, false, after(i)).await;
    }
    assert!(live(&store, after(50)).await.is_some());
    let again = store.issue(call("u", 2, after(50))).await;
    assert!(matches!(again, Ok(Issue::Repeat(_))), "{again:?}");
    let reserved = wrong_password(&store, 1, true, after(51)).await;
    assert_eq!(reserved, Reservation::Reserved(after(51)));
    let attempt = code(1, Some(after(51)), after(52));
    assert_eq!(store.redeem(attempt).await, Ok(Redemption::Redeemed));
}

fn address(text: &str) -> ClientAddress {
    ClientAddress::parse(text).expect("an address")
}

pub async fn one_address_has_half_of_the_budget_for_wrong_passwords(store: Store) {
    issue(&store, 1, START).await;
    let login_from = |from, code_right, at| {
        let mut attempt = login(1, code_right, at);
        attempt.from = from;
        attempt.limits.wrong_passwords_per_user.burst = 8;
        store.reserve(attempt)
    };
    let (stranger, other) = (Some(address("192.0.2.1")), Some(address("2001:db8::1")));
    for i in 0..3 {
        let reserved = login_from(stranger, false, after(i)).await;
        assert_eq!(reserved, Ok(Reservation::Reserved(after(i))));
    }
    // The last of an address's half is for a right code, so that two may share an address.
    let refused = login_from(stranger, false, after(3)).await;
    assert_eq!(refused, Ok(Reservation::PasswordsSpent(wait_after(3))));
    let reserved = login_from(stranger, true, after(4)).await;
    assert_eq!(reserved, Ok(Reservation::Reserved(after(4))));
    let refused = login_from(stranger, true, after(5)).await;
    assert_eq!(refused, Ok(Reservation::PasswordsSpent(wait_after(5))));
    // Another address has its own, and so has who comes without one.
    assert_eq!(login_from(other, false, after(6)).await, Ok(Reservation::Reserved(after(6))));
    assert_eq!(login_from(None, false, after(7)).await, Ok(Reservation::Reserved(after(7))));
    let refused = login_from(None, false, after(8)).await;
    assert!(matches!(refused, Ok(Reservation::PasswordsSpent(_))), "all but the last two");
    assert_eq!(login_from(other, true, after(9)).await, Ok(Reservation::Reserved(after(9))));
    // What is given back is so for the address, too.
    let mut given = code(1, Some(after(4)), after(10));
    given.from = stranger;
    store.wrong_code(given).await.expect("it answers");
    let reserved = login_from(stranger, true, after(11)).await;
    assert_eq!(reserved, Ok(Reservation::Reserved(after(11))));
    // A login clears what the addresses have.
    let mut right = code(1, Some(after(11)), after(12));
    right.from = stranger;
    assert_eq!(store.redeem(right).await, Ok(Redemption::Redeemed));
    issue(&store, 2, after(13)).await;
    let mut attempt = login(2, false, after(14));
    attempt.from = stranger;
    assert_eq!(store.reserve(attempt).await, Ok(Reservation::Reserved(after(14))));
}

pub async fn one_address_has_half_of_the_budget_for_wrong_codes(store: Store) {
    let mut patient = call("u", 1, START);
    patient.max_attempts = 100;
    assert_eq!(store.issue(patient).await, Ok(issued(1, START)));
    let reserve_from = |from, at| {
        let mut attempt = login(1, true, at);
        attempt.from = from;
        store.reserve(attempt)
    };
    let (one, other) = (Some(address("192.0.2.1")), Some(address("192.0.2.2")));
    for i in 0..3 {
        let reserved = reserve_from(one, after(i)).await;
        assert_eq!(reserved, Ok(Reservation::Reserved(after(i))));
        let mut wrong = code(1, Some(after(i)), after(i));
        wrong.from = one;
        store.wrong_code(wrong).await.expect("it answers");
    }
    let refused = reserve_from(one, after(5)).await;
    assert_eq!(refused, Ok(Reservation::CodesSpent(wait_after(5))));
    assert_eq!(reserve_from(other, after(6)).await, Ok(Reservation::Reserved(after(6))));
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

pub async fn without_passwords_a_code_takes_as_many_wrong_codes_as_it_may(store: Store) {
    let mut patient = call("u", 1, START);
    patient.max_attempts = 10;
    assert_eq!(store.issue(patient).await, Ok(issued(1, START)));
    for i in 0..10 {
        assert!(live(&store, after(i)).await.is_some());
        store.wrong_code(code(1, None, after(i))).await.expect("it answers");
    }
    assert_eq!(live(&store, after(30)).await, None);
}

pub async fn without_passwords_a_spent_budget_refuses_no_right_code(store: Store) {
    let mut patient = call("u", 1, START);
    patient.max_attempts = 20;
    assert_eq!(store.issue(patient).await, Ok(issued(1, START)));
    for i in 0..15 {
        store.wrong_code(code(1, None, after(i))).await.expect("it answers");
    }
    assert_eq!(store.redeem(code(1, None, after(30))).await, Ok(Redemption::Redeemed));
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
    assert_eq!(store.redeem(code(6, Some(now), now)).await, Ok(Redemption::CodesSpent(wait)));

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
        assert_eq!(wrong_password(&store, 1, true, START).await, Reservation::Reserved(START));
    }
}
