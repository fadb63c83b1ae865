//! The steps on the file: each reads the account it is about, lets it
//! [decide](crate::store::account), and writes it back. The writer runs one step after another, so
//! a step never sees another half done.

use rusqlite::Connection;

use super::rows::{find_account, find_calls, insert_or_update, update, write_calls};
use crate::domain::clock::Timestamp;
use crate::domain::grant::Subject;
use crate::store::account::{Account, Decided};
use crate::store::{CodeTry, Issue, IssueRequest, Redemption, Reservation, ReserveRequest};

/// [`Grants::issue`](crate::store::Grants::issue).
pub(super) fn issue(
    connection: &Connection,
    request: &IssueRequest,
    now: Timestamp,
) -> rusqlite::Result<Issue> {
    let IssueRequest { subject, number, limits, .. } = request;
    let mut account = find_account(connection, subject)?.unwrap_or_default();
    let find = || find_calls(connection, &subject.tenant, number);
    let (issue, calls) = account.issue(request, now, find)?;
    if let Some(calls) = calls {
        insert_or_update(connection, subject, &account)?;
        write_calls(connection, &subject.tenant, number, &calls, limits.calls_per_number)?;
    }
    Ok(issue)
}

/// [`Tries::reserve`](crate::store::Tries::reserve).
pub(super) fn reserve(
    connection: &Connection,
    request: &ReserveRequest,
    now: Timestamp,
) -> rusqlite::Result<Reservation> {
    let step = |account: &mut Account| account.reserve(request, now);
    Ok(on_account(connection, &request.subject, step)?.unwrap_or(Reservation::NoGrant))
}

/// [`Tries::give_back`](crate::store::Tries::give_back).
pub(super) fn give_back(
    connection: &Connection,
    subject: &Subject,
    reserved: Timestamp,
) -> rusqlite::Result<()> {
    on_account(connection, subject, |account| account.give_back(reserved)).map(|_| ())
}

/// [`Tries::redeem`](crate::store::Tries::redeem).
pub(super) fn redeem(
    connection: &Connection,
    attempt: &CodeTry,
    now: Timestamp,
) -> rusqlite::Result<Redemption> {
    let step = |account: &mut Account| account.redeem(attempt, now);
    Ok(on_account(connection, &attempt.subject, step)?.unwrap_or(Redemption::NoGrant))
}

/// [`Tries::wrong_code`](crate::store::Tries::wrong_code).
pub(super) fn wrong_code(
    connection: &Connection,
    attempt: &CodeTry,
    now: Timestamp,
) -> rusqlite::Result<()> {
    on_account(connection, &attempt.subject, |account| account.wrong_code(attempt, now)).map(|_| ())
}

/// [`Administration::revoke`](crate::store::Administration::revoke).
pub(super) fn revoke(
    connection: &Connection,
    subject: &Subject,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    Ok(on_account(connection, subject, |account| account.revoke(now))?.unwrap_or(false))
}

/// [`Administration::clear_counts`](crate::store::Administration::clear_counts).
pub(super) fn clear_counts(connection: &Connection, subject: &Subject) -> rusqlite::Result<bool> {
    Ok(on_account(connection, subject, Account::clear_counts)?.unwrap_or(false))
}

/// Runs a step on an account that is there; `None` if there is none.
fn on_account<T>(
    connection: &Connection,
    subject: &Subject,
    step: impl FnOnce(&mut Account) -> Decided<T>,
) -> rusqlite::Result<Option<T>> {
    let Some(mut account) = find_account(connection, subject)? else { return Ok(None) };
    let Decided { answer, changed } = step(&mut account);
    if changed {
        update(connection, subject, &account)?;
    }
    Ok(Some(answer))
}
