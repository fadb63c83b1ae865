//! The steps on the file: each reads its account, lets it [decide](crate::store::account), and
//! writes it back. The writer runs one step after another, so a step never sees a half-finished
//! one.

use super::reported_call_rows::find_reported;
use super::rows::Tables;
use crate::domain::client_address::ClientAddress;
use crate::domain::clock::Timestamp;
use crate::domain::grant::Subject;
use crate::domain::policy::EventLog;
use crate::store::account::{Account, Decided, IssueDecision};
use crate::store::{CodeTry, Issue, IssueRequest, Redemption, Reservation, ReserveRequest};

/// [`Grants::issue`](crate::store::Grants::issue).
pub(super) fn issue(
    tables: &mut Tables<'_>,
    request: &IssueRequest,
    now: Timestamp,
) -> rusqlite::Result<Issue> {
    let IssueRequest { subject, number, limits, report, .. } = request;
    let reported = find_reported(tables.connection(), &subject.tenant, &report.all())?;
    let found = tables.find_account(subject)?;
    let (is_known, mut account) = (found.is_some(), found.unwrap_or_default());
    let (number, mut has_called) = (number.key(), false);
    let calls = || -> rusqlite::Result<EventLog> {
        let found = tables.find_calls(&subject.tenant, &number)?;
        has_called = found.is_some();
        Ok(found.unwrap_or_default())
    };
    let IssueDecision { answer, account_changed, calls } =
        account.issue(request, now, &reported, calls)?;
    if account_changed {
        if is_known {
            tables.update_account(subject, &account)?;
        } else {
            tables.insert_account(subject, &account)?;
        }
    }
    if let Some(calls) = calls {
        let quota = limits.calls_per_number;
        tables.write_calls(&subject.tenant, &number, &calls, quota, has_called)?;
    }
    Ok(answer)
}

/// [`Tries::reserve`](crate::store::Tries::reserve).
pub(super) fn reserve(
    tables: &mut Tables<'_>,
    request: &ReserveRequest,
    now: Timestamp,
) -> rusqlite::Result<Reservation> {
    let step = |account: &mut Account| account.reserve(request, now);
    Ok(on_account(tables, &request.subject, step)?.unwrap_or(Reservation::NoGrant))
}

/// [`Tries::give_back`](crate::store::Tries::give_back).
pub(super) fn give_back(
    tables: &mut Tables<'_>,
    subject: &Subject,
    reserved: Timestamp,
    from: Option<ClientAddress>,
) -> rusqlite::Result<()> {
    on_account(tables, subject, |account| account.give_back(reserved, from)).map(|_| ())
}

/// [`Tries::redeem`](crate::store::Tries::redeem).
pub(super) fn redeem(
    tables: &mut Tables<'_>,
    attempt: &CodeTry,
    now: Timestamp,
) -> rusqlite::Result<Redemption> {
    let step = |account: &mut Account| account.redeem(attempt, now);
    Ok(on_account(tables, &attempt.subject, step)?.unwrap_or(Redemption::NoGrant))
}

/// [`Tries::wrong_code`](crate::store::Tries::wrong_code).
pub(super) fn wrong_code(
    tables: &mut Tables<'_>,
    attempt: &CodeTry,
    now: Timestamp,
) -> rusqlite::Result<()> {
    on_account(tables, &attempt.subject, |account| account.wrong_code(attempt, now)).map(|_| ())
}

/// [`Administration::revoke`](crate::store::Administration::revoke).
pub(super) fn revoke(
    tables: &mut Tables<'_>,
    subject: &Subject,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    Ok(on_account(tables, subject, |account| account.revoke(now))?.unwrap_or(false))
}

/// [`Administration::clear_counts`](crate::store::Administration::clear_counts).
pub(super) fn clear_counts(tables: &mut Tables<'_>, subject: &Subject) -> rusqlite::Result<bool> {
    Ok(on_account(tables, subject, Account::clear_counts)?.unwrap_or(false))
}

/// Runs a step on an existing account; `None` if there is none.
fn on_account<T>(
    tables: &mut Tables<'_>,
    subject: &Subject,
    step: impl FnOnce(&mut Account) -> Decided<T>,
) -> rusqlite::Result<Option<T>> {
    let Some(mut account) = tables.find_account(subject)? else { return Ok(None) };
    let Decided { answer, changed } = step(&mut account);
    if changed {
        tables.update_account(subject, &account)?;
    }
    Ok(Some(answer))
}
