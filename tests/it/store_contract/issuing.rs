//! The rules of issuing codes: which code a call gets, and what it costs.

use super::*;
use dialpass::domain::otp::ServerKeys;

pub async fn a_new_code_is_live_until_it_expires(store: Store) {
    assert_eq!(live(&store, START).await, None);
    issue(&store, 1, START).await;
    assert_eq!(live(&store, START).await, Some(grant(1, START)));
    assert_eq!(live(&store, after(179_999)).await, Some(grant(1, START)));
    assert_eq!(live(&store, after(180_000)).await, None);
}

pub async fn a_second_call_hears_the_same_code_at_no_cost(store: Store) {
    issue(&store, 1, START).await;
    for i in 2..50 {
        let told = store.issue(call("u", i, after(i))).await;
        assert_eq!(told, Ok(Issue::Repeat(living(grant(1, START), after(i)))));
    }
    // Five of the user's six codes and seven of the number's eight calls are left.
    for i in 0..5 {
        issue(&store, 100 + i, after(200_000 * (i + 1))).await;
    }
}

pub async fn a_code_is_repeated_only_in_the_first_half_of_its_life(store: Store) {
    issue(&store, 1, START).await;
    let told = store.issue(call("u", 2, after(90_000))).await;
    assert_eq!(told, Ok(Issue::Repeat(living(grant(1, START), after(90_000)))));
    issue(&store, 3, after(90_001)).await;
    assert_eq!(live(&store, after(90_001)).await, Some(grant(3, after(90_001))));
}

pub async fn a_code_of_an_unusable_key_or_another_length_is_replaced(store: Store) {
    issue(&store, 1, START).await;
    let other = ServerKeys::new(vec![ServerKey::new([8; 32])]).expect("a key");
    let mut rotated = call("u", 2, after(1));
    rotated.usable_keys = other.ids();
    rotated.grant.key_id = other.issuing();
    assert!(matches!(store.issue(rotated).await, Ok(Issue::Issued(_))));

    let mut longer = call("u", 3, after(2));
    longer.usable_keys = other.ids();
    longer.grant.digits = 8;
    let eight = Grant { digits: 8, ..grant(3, after(2)) };
    let answer = store.issue(longer).await;
    assert_eq!(answer, Ok(Issue::Issued(living(eight.clone(), after(2)))));
    assert_eq!(live(&store, after(2)).await, Some(eight));
}

pub async fn a_user_never_gets_more_codes_than_the_quota(store: Store) {
    for i in 0..6 {
        issue(&store, i, after(200_000 * i)).await;
    }
    let refused = store.issue(call("u", 9, after(1_200_000))).await;
    assert_eq!(refused, Ok(Issue::CodesPerUser(Duration::from_mins(40))));
    assert_eq!(live(&store, after(1_200_000)).await, None, "a refused call makes no code");
    let other_user = store.issue(call("v", 9, after(1_200_000))).await;
    assert_eq!(other_user, Ok(issued(9, after(1_200_000))));
    issue(&store, 10, after(3_600_000)).await;
}

pub async fn a_number_never_makes_more_calls_than_the_quota(store: Store) {
    for i in 0..8 {
        let call = call(&format!("user {i}"), i, after(i));
        assert_eq!(store.issue(call).await, Ok(issued(i, after(i))));
    }
    let refused = store.issue(call("u", 9, after(1_000))).await;
    assert_eq!(refused, Ok(Issue::CallsPerNumber(wait_after(1_000))));
    assert_eq!(live(&store, after(1_000)).await, None, "a refused call makes no code");

    let mut from_elsewhere = call("u", 10, after(1_000));
    from_elsewhere.number = number(2);
    assert_eq!(store.issue(from_elsewhere).await, Ok(issued(10, after(1_000))));
    let repeat = store.issue(call("user 0", 11, after(2_000))).await;
    let told = living(grant(0, START), after(2_000));
    assert_eq!(repeat, Ok(Issue::Repeat(told)), "being told again needs no quota");
}

pub async fn simultaneous_calls_get_one_code(store: Store) {
    let answers = at_once(&store, 200, |store, i| async move {
        store.issue(call("u", i, START)).await.expect("it answers")
    })
    .await;
    let told = living(live(&store, START).await.expect("a code"), START);
    let new = Issue::Issued(told.clone());
    assert_eq!(answers.iter().filter(|answer| **answer == new).count(), 1);
    let again = Issue::Repeat(told);
    assert_eq!(answers.iter().filter(|answer| **answer == again).count(), 199);
}

pub async fn simultaneous_calls_of_many_users_from_one_number_keep_its_quota(store: Store) {
    let answers = at_once(&store, 200, |store, i| async move {
        store.issue(call(&format!("user {i}"), i, START)).await.expect("it answers")
    })
    .await;
    let new = answers.iter().filter(|answer| matches!(answer, Issue::Issued(_)));
    assert_eq!(new.count(), 8);
    let spent = Issue::CallsPerNumber(SPAN);
    assert_eq!(answers.iter().filter(|answer| **answer == spent).count(), 192);
}

pub async fn tenants_and_subjects_do_not_mix(store: Store) {
    issue(&store, 1, START).await;
    let mut abroad = call("u", 2, START);
    abroad.subject = subject_of("t2", "u");
    assert_eq!(store.issue(abroad.clone()).await, Ok(issued(2, START)));
    assert_eq!(store.issue(call("U", 3, START)).await, Ok(issued(3, START)), "ids are exact");
    assert_eq!(live(&store, START).await, Some(grant(1, START)));
    assert_eq!(store.live(&abroad.subject, START).await, Ok(Some(grant(2, START))));
    assert_eq!(store.live(&subject_of("T1", "u"), START).await, Ok(None));
}

pub async fn a_tried_code_is_not_repeated(store: Store) {
    issue(&store, 1, START).await;
    // Nobody has proved the password yet.
    wrong_password(&store, 1, true, after(1)).await;
    assert!(matches!(store.issue(call("u", 2, after(2))).await, Ok(Issue::Repeat(_))));
    wrong_code(&store, 1, after(3)).await;
    issue(&store, 2, after(4)).await;
    store.wrong_code(code(2, None, after(5))).await.expect("it answers");
    issue(&store, 3, after(6)).await;
}

pub async fn it_says_that_it_is_ready(store: Store) {
    assert_eq!(store.ready().await, Ok(()));
}
