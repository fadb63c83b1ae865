//! What each step decides and writes. The writer runs one step after another, each in a savepoint
//! of its own, so a step never sees another half done.

use rusqlite::Connection;

use super::rows::{StoredGrant, SubjectRow, find_calls, write_calls};
use crate::domain::clock::Timestamp;
use crate::domain::grant::{Grant, Subject};
use crate::domain::policy::{EventLog, Limits};
use crate::store::{
    CodeTry, Issue, IssueRequest, MAX_WRONG_CODES, Redemption, Reservation, ReserveRequest,
    SPARE_TRIES,
};

/// [`Grants::issue`](crate::store::Grants::issue).
pub(super) fn issue(connection: &Connection, request: &IssueRequest) -> rusqlite::Result<Issue> {
    let IssueRequest { subject, number, limits, now, .. } = request;
    let mut row = SubjectRow::find(connection, subject)?.unwrap_or_else(SubjectRow::new);
    if let Some(told) = row.grant.as_ref().filter(|stored| may_be_told_again(stored, request)) {
        return Ok(Issue::Repeat(told.grant.clone()));
    }
    row.expire(limits, *now);
    if row.codes_issued.len() >= limits.codes_per_user.burst {
        return Ok(Issue::CodesPerUser(row.codes_issued.wait(limits.codes_per_user, *now)));
    }
    let mut calls = find_calls(connection, &subject.tenant, number)?;
    calls.expire(limits.calls_per_number, *now);
    if calls.len() >= limits.calls_per_number.burst {
        return Ok(Issue::CallsPerNumber(calls.wait(limits.calls_per_number, *now)));
    }

    row.grant = Some(StoredGrant {
        grant: request.grant.clone(),
        tried: false,
        tries_left: request.max_attempts,
        wrong_codes_left: MAX_WRONG_CODES,
    });
    row.codes_issued.push(*now);
    row.settle_idle_from(limits);
    row.insert_or_update(connection, subject)?;
    calls.push(*now);
    write_calls(connection, &subject.tenant, number, &calls, limits.calls_per_number)?;
    Ok(Issue::Issued)
}

/// Whether the caller is told this code again: live, untried, made as a new one would be, and
/// with at least half its lifetime left.
fn may_be_told_again(stored: &StoredGrant, request: &IssueRequest) -> bool {
    let Grant { key_id, issued_at, expires_at, digits, .. } = &stored.grant;
    let lifetime = expires_at.saturating_sub(*issued_at).saturating_mul(1000);
    let left = expires_at.saturating_mul(1000).saturating_sub(request.now.as_millis());
    stored.is_live(request.now)
        && !stored.tried
        && request.usable_keys.contains(key_id)
        && *digits == request.grant.digits
        && left.saturating_mul(2) >= lifetime
}

/// [`Tries::reserve`](crate::store::Tries::reserve).
pub(super) fn reserve(
    connection: &Connection,
    request: &ReserveRequest,
) -> rusqlite::Result<Reservation> {
    let ReserveRequest { subject, nonce, code_right, limits, now } = request;
    let Some(mut row) = SubjectRow::find(connection, subject)? else {
        return Ok(Reservation::NoGrant);
    };
    row.expire(limits, *now);
    let Some(stored) = row.live(*nonce, *now) else { return Ok(Reservation::NoGrant) };
    stored.tried = true;
    if !code_right {
        stored.wrong_codes_left -= 1;
    }
    row.burn_if_spent();
    let reservation = reserve_password(&mut row, *code_right, limits, *now);
    row.settle_idle_from(limits);
    row.update(connection, subject)?;
    Ok(reservation)
}

/// The part of a reservation that is about budgets. The wrong code that burnt the grant reserves
/// nothing: no grant, no bind.
fn reserve_password(
    row: &mut SubjectRow,
    code_right: bool,
    limits: &Limits,
    now: Timestamp,
) -> Reservation {
    if row.grant.is_none() {
        return Reservation::NoGrant;
    }
    if row.wrong_codes.len() >= limits.wrong_codes_per_user.burst {
        return Reservation::CodesSpent(row.wrong_codes.wait(limits.wrong_codes_per_user, now));
    }
    let quota = limits.wrong_passwords_per_user;
    let spare = if code_right { SPARE_TRIES } else { 0 };
    if row.wrong_passwords.len() >= quota.burst.saturating_add(spare) {
        return Reservation::PasswordsSpent(row.wrong_passwords.wait(quota, now));
    }
    row.wrong_passwords.push(now);
    Reservation::Reserved(now)
}

/// [`Tries::give_back`](crate::store::Tries::give_back).
pub(super) fn give_back(
    connection: &Connection,
    subject: &Subject,
    reserved: Timestamp,
) -> rusqlite::Result<()> {
    let Some(mut row) = SubjectRow::find(connection, subject)? else { return Ok(()) };
    row.wrong_passwords.take_back(reserved);
    row.update(connection, subject)
}

/// [`Tries::redeem`](crate::store::Tries::redeem). A refused one still gives the reserved try
/// back, because the password was right.
pub(super) fn redeem(connection: &Connection, attempt: &CodeTry) -> rusqlite::Result<Redemption> {
    let CodeTry { subject, nonce, reserved, limits, now } = attempt;
    let Some(mut row) = SubjectRow::find(connection, subject)? else {
        return Ok(Redemption::NoGrant);
    };
    if let Some(reserved) = reserved {
        row.wrong_passwords.take_back(*reserved);
    }
    row.expire(limits, *now);
    let redemption = if row.live(*nonce, *now).is_none() {
        Redemption::NoGrant
    } else if row.wrong_codes.len() >= limits.wrong_codes_per_user.burst {
        Redemption::CodesSpent(row.wrong_codes.wait(limits.wrong_codes_per_user, *now))
    } else {
        row.grant = None;
        row.wrong_passwords = EventLog::default();
        row.wrong_codes = EventLog::default();
        Redemption::Redeemed
    };
    if redemption == Redemption::Redeemed || reserved.is_some() {
        row.settle_idle_from(limits);
        row.update(connection, subject)?;
    }
    Ok(redemption)
}

/// [`Tries::wrong_code`](crate::store::Tries::wrong_code).
///
/// A try that comes when the user's budget is already spent is not added to it: it could not have
/// been accepted, and counting it would let a stranger prolong the refusal at will.
pub(super) fn wrong_code(connection: &Connection, attempt: &CodeTry) -> rusqlite::Result<()> {
    let CodeTry { subject, nonce, reserved, limits, now } = attempt;
    let Some(mut row) = SubjectRow::find(connection, subject)? else { return Ok(()) };
    if let Some(reserved) = reserved {
        row.wrong_passwords.take_back(*reserved);
    }
    row.expire(limits, *now);
    if row.wrong_codes.len() < limits.wrong_codes_per_user.burst {
        row.wrong_codes.push(*now);
    }
    if let Some(stored) = row.live(*nonce, *now) {
        stored.tried = true;
        stored.tries_left -= 1;
        if reserved.is_none() {
            // Where a password is asked for, the reservation has counted this wrong code.
            stored.wrong_codes_left -= 1;
        }
        row.burn_if_spent();
    }
    row.settle_idle_from(limits);
    row.update(connection, subject)
}
