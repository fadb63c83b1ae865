//! The output of `person export`: the store's records of a person as one object. docs/privacy.md
//! describes each field.

use serde_json::{Value, json};

use super::format::format_time;
use crate::domain::authenticator::Authenticator;
use crate::domain::clock::Timestamp;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::EventLog;
use crate::domain::registered_user::VerifiedPhone;
use crate::domain::reported_call::ReportedCall;
use crate::domain::transaction::Transaction;
use crate::store::account::Account;
use crate::store::address_log::Failure;
use crate::store::personal_records::PersonRecords;
use crate::store::registry::UserRecord;

/// The records as they were at `now`.
pub(super) fn object(records: &PersonRecords, now: Timestamp) -> Value {
    let PersonRecords { accounts, person, transactions, calls, texts } = records;
    let calls = calls.iter().map(|(number, calls)| by_number(number, calls));
    let enrolling = texts.iter().map(|(number, texts)| by_number(number, &texts.enrolling));
    let texts = texts.iter().map(|(number, texts)| by_number(number, &texts.sent));
    json!({
        "exported_at": time(now),
        "called_in": accounts.iter().map(|(_, one)| account(one, now)).collect::<Value>(),
        "registered": person.as_ref().map(registered),
        "transactions": transactions.iter().map(|one| transaction(one, now)).collect::<Value>(),
        "calls": calls.collect::<Value>(),
        "texts": texts.collect::<Value>(),
        "enrollment_texts": enrolling.collect::<Value>(),
    })
}

/// A user's called-in code, without the values it is derived from, the counts against the user, and
/// the calls that heard a code.
fn account(account: &Account, now: Timestamp) -> Value {
    let Account {
        grant,
        codes_issued,
        wrong_passwords,
        wrong_codes,
        by_address,
        told_calls,
        idle_from: _,
    } = account;
    let code = grant.as_ref().map(|stored| {
        json!({
            "issued_at": format_time(stored.grant.issued_at),
            "expires_at": format_time(stored.grant.expires_at),
            "digits": stored.grant.digits,
            "live": stored.is_live(now),
            "tried": stored.tried,
            "tries_left": stored.tries_left.min(stored.wrong_codes_left),
        })
    });
    let by_address = by_address.events().map(|(failure, at, address)| {
        let what = match failure {
            Failure::Password => "password",
            Failure::Code => "code",
        };
        json!({"at": time(at), "what": what, "address_hash": format!("{address:016x}")})
    });
    json!({
        "code": code,
        "codes_issued": times(codes_issued),
        "wrong_passwords": times(wrong_passwords),
        "wrong_codes": times(wrong_codes),
        "failures_by_address": by_address.collect::<Value>(),
        "calls_that_heard_a_code": told_calls.iter().map(told_call).collect::<Value>(),
    })
}

/// A call that a voice platform reported. The nonce of its code stays out: it is an input of the
/// code.
fn told_call(call: &ReportedCall) -> Value {
    json!({"at": time(call.first_reported), "call_hash": call.id.simple().to_string()})
}

fn registered(person: &UserRecord) -> Value {
    let UserRecord {
        user,
        texts,
        enrolling_texts,
        wrong_codes,
        wrong_recovery,
        pushes,
        app_approvals,
    } = person;
    json!({
        "user_id": user.id.to_string(),
        "username": user.name.as_ref().map(ToString::to_string),
        "created_at": time(user.created_at),
        "updated_at": time(user.updated_at),
        "phones": user.phones.iter().map(phone).collect::<Value>(),
        "authenticators": user.authenticators.iter().map(authenticator).collect::<Value>(),
        "recovery_codes_left": user.recovery.len(),
        "texts": times(texts),
        "enrollment_texts": times(enrolling_texts),
        "wrong_codes": times(wrong_codes),
        "wrong_recovery_codes": times(wrong_recovery),
        "notifications": times(pushes),
        "app_approvals": times(app_approvals),
    })
}

fn phone(phone: &VerifiedPhone) -> Value {
    json!({
        "phone_id": phone.id.to_string(),
        "number": phone.number.as_str(),
        "created_at": time(phone.created_at),
        "updated_at": time(phone.updated_at),
    })
}

/// An authenticator without its key, its credential and the secrets of its subscription.
fn authenticator(one: &Authenticator) -> Value {
    json!({
        "authenticator_id": one.id.to_string(),
        "name": one.name.as_str(),
        "platform": one.platform.as_str(),
        "signatures": one.credential.counter,
        "notified_at": one.subscription.as_ref().map(|subscription| push_service(&subscription.endpoint)),
        "enrolled_at": time(one.enrolled_at),
        "updated_at": time(one.updated_at),
    })
}

/// The host of the push service. The rest of the address is a secret: knowing it is enough to
/// notify.
fn push_service(endpoint: &str) -> Option<String> {
    url::Url::parse(endpoint).ok()?.host_str().map(str::to_owned)
}

fn transaction(one: &Transaction, now: Timestamp) -> Value {
    let (stage, updated_at) = one.status_at(now);
    let request = one.confirmation_request.as_ref();
    json!({
        "transaction_id": one.id.to_string(),
        "kind": one.kind.as_str(),
        "channel": one.channel.as_str(),
        "status": stage.as_str(),
        "created_at": time(one.created_at),
        "updated_at": time(updated_at),
        "expires_at": time(one.expires_at),
        "number": one.code.as_ref().map(|code| code.number.as_str()),
        "message": one.message(),
        "asked_by": request.and_then(|one| one.asked_by.as_ref()),
        "asked_from": request.and_then(|one| one.asked_from.as_ref()),
        "authenticator_id": request.and_then(|one| one.authenticator).map(|id| id.to_string()),
        "intent_id": one.intent.map(|id| id.to_string()),
    })
}

fn by_number(number: &PhoneNumber, events: &EventLog) -> Value {
    json!({"number": number.key(), "at": times(events)})
}

fn times(events: &EventLog) -> Value {
    events.as_millis().iter().map(|millis| time(Timestamp::from_millis(*millis))).collect()
}

fn time(at: Timestamp) -> String {
    format_time(at.as_secs())
}
