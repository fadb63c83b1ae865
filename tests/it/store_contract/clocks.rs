//! The rules of wrong clocks: one that was ahead, and is set back.

use super::*;

const DAY: u64 = 86_400_000;

pub async fn a_code_from_the_future_is_dead(store: Store) {
    issue(&store, 1, after(3_600_000)).await;
    // The clocks of several nodes, or of a database and its successor, may differ a little.
    let a_little = after(3_600_000 - 20_000);
    assert_eq!(live(&store, a_little).await, Some(grant(1, after(3_600_000))));
    assert_eq!(live(&store, START).await, None);
    assert_eq!(wrong_password(&store, 1, true, START).await, Reservation::NoGrant);
    assert_eq!(store.redeem(code(1, None, START)).await, Ok(Redemption::NoGrant));
    issue(&store, 2, START).await;
    assert_eq!(store.redeem(code(1, None, after(1))).await, Ok(Redemption::NoGrant));
    assert_eq!(store.redeem(code(2, None, after(1))).await, Ok(Redemption::Redeemed));
}

pub async fn counts_from_the_future_lock_no_one_out(store: Store) {
    for i in 0..6 {
        issue(&store, i, after(DAY + 200_000 * i)).await;
    }
    let late = after(DAY + 1_000_000);
    for i in 0..4 {
        assert_eq!(wrong_password(&store, 5, true, late).await, Reservation::Reserved(late), "{i}");
    }
    for _ in 0..7 {
        store.wrong_code(code(9, None, late)).await.expect("it answers");
    }
    assert!(matches!(
        store.issue(call("u", 7, after(DAY + 1_200_001))).await,
        Ok(Issue::CodesPerUser(_))
    ));

    // The clock is right again.
    issue(&store, 8, START).await;
    assert_eq!(wrong_password(&store, 8, true, after(1)).await, Reservation::Reserved(after(1)));
    assert_eq!(store.redeem(code(8, Some(after(1)), after(2))).await, Ok(Redemption::Redeemed));
    // And counts what happens from now on as ever.
    for i in 10..15 {
        issue(&store, i, after(200_000 * i)).await;
    }
    assert!(matches!(
        store.issue(call("u", 16, after(200_000 * 15))).await,
        Ok(Issue::CodesPerUser(_))
    ));
}
