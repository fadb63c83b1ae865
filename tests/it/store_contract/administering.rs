//! The rules of administrators' commands: what they see, what a revoked code is, what clearing
//! counts frees.

use super::*;
use dialpass::store::LiveCodes;

/// Has the user `id` of a tenant issued the grant of `mark` at `now`, from a number of their own.
async fn issue_to(store: &Store, tenant: &str, id: &str, mark: u64, now: Timestamp) {
    let mut call = call(id, mark, now);
    call.subject = subject_of(tenant, id);
    call.number = number(u32::try_from(mark).expect("small"));
    assert_eq!(store.issue(call).await, Ok(issued(mark, now)));
}

fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).expect("legal")
}

/// The next of the first tenant's live codes.
async fn page(desk: &Desk, after: Option<&str>, rows: u32, now: Timestamp) -> LiveCodes {
    let listed = desk.at(now).await.live_codes(&tenant("t1"), Purpose::Call, after, rows).await;
    let listed = listed.expect("it answers");
    assert_eq!(listed.now, now, "by the store's own clock");
    listed.value
}

fn ids(page: &LiveCodes) -> Vec<&str> {
    page.codes.iter().map(|(subject, _)| subject.id.as_str()).collect()
}

pub async fn live_codes_are_listed_in_order_and_page_by_page(store: Store, desk: Desk) {
    let nothing = page(&desk, None, 10, START).await;
    assert_eq!(nothing, LiveCodes { codes: Vec::new(), next: None });
    for mark in 0..25_u64 {
        // Issued in another order than that of the ids.
        let id = format!("user {:02}", mark * 7 % 25);
        issue_to(&store, "t1", &id, mark, after(mark)).await;
    }
    let now = after(30_000);
    let (mut seen, mut from, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = page(&desk, from.as_deref(), 10, now).await;
        assert!(page.codes.len() <= 10);
        seen.extend(page.codes);
        pages += 1;
        let Some(next) = page.next else { break };
        from = Some(next);
    }
    assert_eq!(pages, 3);
    let ids: Vec<_> = seen.iter().map(|(subject, _)| subject.id.clone()).collect();
    let all: Vec<_> = (0..25).map(|user| format!("user {user:02}")).collect();
    assert_eq!(ids, all);
    let (subject, stored) = &seen[7];
    assert_eq!(*subject, subject_of("t1", "user 07"));
    assert_eq!(stored.grant, grant(1, after(1)));
    assert_eq!((stored.tried, stored.tries_left), (false, 3));
}

pub async fn only_a_tenants_live_codes_are_listed(store: Store, desk: Desk) {
    issue_to(&store, "t1", "expired", 1, START).await;
    let now = after(180_000);
    issue_to(&store, "t1", "live", 2, now).await;
    issue_to(&store, "t2", "another tenant's", 3, now).await;
    issue_to(&store, "t1", "u", 4, now).await;
    assert_eq!(store.redeem(code(4, None, now)).await, Ok(Redemption::Redeemed));
    let listed = page(&desk, None, 10, now).await;
    assert_eq!((ids(&listed), listed.next.as_deref()), (vec!["live"], None));

    // Pages are of accounts, so one may hold no live code and yet not be the last.
    let first = page(&desk, None, 1, now).await;
    assert_eq!((ids(&first), first.next.as_deref()), (vec![], Some("expired")));
    let second = page(&desk, Some("expired"), 1, now).await;
    assert_eq!((ids(&second), second.next.as_deref()), (vec!["live"], Some("live")));
}

pub async fn an_account_shows_its_code_and_its_counts(store: Store, desk: Desk) {
    let unknown = desk.at(START).await.account(&subject("u")).await.expect("it answers");
    assert_eq!((unknown.value, unknown.now), (None, START));
    issue(&store, 1, START).await;
    assert_eq!(wrong_password(&store, 1, true, after(1)).await, Reservation::Reserved(after(1)));
    wrong_code(&store, 1, after(2)).await;
    let account = desk.at(after(3)).await.account(&subject("u")).await.expect("it answers");
    assert_eq!(account.now, after(3));
    let account = account.value.expect("an account");
    let stored = account.grant.expect("a grant");
    assert_eq!(stored.grant, grant(1, START));
    assert_eq!((stored.tried, stored.tries_left, stored.wrong_codes_left), (true, 2, 20));
    assert_eq!(account.codes_issued.as_millis(), [START.as_millis()]);
    assert_eq!(account.wrong_passwords.as_millis(), [after(1).as_millis()]);
    assert_eq!(account.wrong_codes.as_millis(), [after(2).as_millis()]);
    let calls = desk.at(after(3)).await.calls(&tenant("t1"), &number(1)).await.expect("calls");
    assert_eq!((calls.value.as_millis(), calls.now), (&[START.as_millis()][..], after(3)));
    let none = desk.at(after(3)).await.calls(&tenant("t2"), &number(1)).await.expect("calls");
    assert!(none.value.is_empty());
}

pub async fn a_revoked_code_redeems_nothing_and_is_not_repeated(store: Store, desk: Desk) {
    issue(&store, 1, START).await;
    let reserved = store.reserve(login(1, true, after(1))).await.expect("it answers");
    assert_eq!(reserved, Reservation::Reserved(after(1)));
    assert_eq!(desk.at(after(2)).await.revoke(&subject("u")).await, Ok(true));
    assert_eq!(live(&store, after(3)).await, None);
    let late = store.redeem(code(1, Some(after(1)), after(3))).await;
    assert_eq!(late, Ok(Redemption::NoGrant), "a login that was under way");
    assert_eq!(wrong_password(&store, 1, true, after(3)).await, Reservation::NoGrant);
    assert!(page(&desk, None, 10, after(3)).await.codes.is_empty());
    issue(&store, 2, after(4)).await;
    assert_eq!(live(&store, after(4)).await, Some(grant(2, after(4))), "the next call's is new");
}

pub async fn a_revoked_code_gives_no_quota_back(store: Store, desk: Desk) {
    for mark in 0..6 {
        issue(&store, mark, after(mark)).await;
        assert_eq!(desk.at(after(mark)).await.revoke(&subject("u")).await, Ok(true));
    }
    let refused = store.issue(call("u", 9, after(10))).await;
    assert_eq!(refused, Ok(Issue::CodesPerUser(wait_after(10))));
}

pub async fn revoking_what_is_not_live_does_nothing(store: Store, desk: Desk) {
    assert_eq!(desk.at(START).await.revoke(&subject("u")).await, Ok(false), "nobody");
    issue(&store, 1, START).await;
    assert_eq!(desk.at(after(180_000)).await.revoke(&subject("u")).await, Ok(false), "expired");
    assert_eq!(desk.at(after(1)).await.revoke(&subject_of("t2", "u")).await, Ok(false));
    assert_eq!(live(&store, after(1)).await, Some(grant(1, START)), "another tenant's user");
    assert_eq!(desk.at(after(1)).await.revoke(&subject("u")).await, Ok(true));
    assert_eq!(desk.at(after(1)).await.revoke(&subject("u")).await, Ok(false), "already");
}

pub async fn a_code_is_redeemed_or_revoked_and_never_both(store: Store, desk: Desk) {
    for mark in 0..6 {
        let now = after(mark);
        issue(&store, mark, now).await;
        let revoke = async { desk.at(now).await.revoke(&subject("u")).await };
        let logins =
            at_once(
                &store,
                20,
                |store, _| async move { store.redeem(code(mark, None, now)).await },
            );
        let (revoked, logins) = tokio::join!(revoke, logins);
        let redeemed = logins.iter().filter(|one| **one == Ok(Redemption::Redeemed)).count();
        assert!(logins.iter().all(Result::is_ok), "{logins:?}");
        let revoked = usize::from(revoked.expect("it answers"));
        assert_eq!(redeemed + revoked, 1);
    }
}

pub async fn cleared_counts_free_a_user_and_leave_the_code(store: Store, desk: Desk) {
    assert_eq!(desk.at(START).await.clear_counts(&subject("u")).await, Ok(false));
    for mark in 0..6 {
        issue(&store, mark, after(200_000 * mark)).await;
    }
    let now = after(1_000_001);
    for _ in 0..4 {
        assert_eq!(wrong_password(&store, 5, true, now).await, Reservation::Reserved(now));
    }
    let refused = wrong_password(&store, 5, true, now).await;
    assert!(matches!(refused, Reservation::PasswordsSpent(_)));

    assert_eq!(desk.at(now).await.clear_counts(&subject("u")).await, Ok(true));
    assert_eq!(desk.at(now).await.clear_counts(&subject("u")).await, Ok(false), "already");
    assert_eq!(live(&store, now).await, Some(grant(5, after(1_000_000))), "the code stays");
    let reserved = wrong_password(&store, 5, true, now).await;
    assert_eq!(reserved, Reservation::Reserved(now));
    let redeemed = store.redeem(code(5, Some(now), now)).await;
    assert_eq!(redeemed, Ok(Redemption::Redeemed));
    issue(&store, 9, after(1_000_002)).await;
}

pub async fn cleared_calls_free_a_number_and_no_other(store: Store, desk: Desk) {
    assert_eq!(desk.at(START).await.clear_calls(&tenant("t1"), &number(1)).await, Ok(false));
    let spend = async |line: u32| {
        for user in 0..8 {
            let mut call = call(&format!("{line}-{user}"), user, START);
            call.number = number(line);
            assert_eq!(store.issue(call).await, Ok(issued(user, START)));
        }
    };
    spend(1).await;
    spend(2).await;
    assert_eq!(desk.at(START).await.clear_calls(&tenant("t2"), &number(1)).await, Ok(false));
    let mut refused = call("one more", 20, after(1));
    assert!(matches!(store.issue(refused.clone()).await, Ok(Issue::CallsPerNumber(_))));
    assert_eq!(desk.at(after(1)).await.clear_calls(&tenant("t1"), &number(1)).await, Ok(true));
    assert_eq!(store.issue(refused.clone()).await, Ok(issued(20, after(1))));
    refused.subject = subject("another");
    refused.number = number(2);
    assert!(matches!(store.issue(refused).await, Ok(Issue::CallsPerNumber(_))));
}
