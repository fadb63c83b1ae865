//! Verification: a texted code confirms its transaction, a recovery code is used up.

use uuid::Uuid;

use super::refusal::CloudRefusal;
use super::sms_code::{NewIds, quota_wait};
use super::{Cloud, Policy};
use crate::domain::clock::Timestamp;
use crate::domain::otp::Otp;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::registered_user::{RecoveryCode, RegisteredId, UserRef};
use crate::domain::transaction::{Transaction, TransactionId, TransactionKind, TransactionStatus};
use crate::store::registry::{Records, Scope, transact};
/// What the user typed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TypedCode {
    /// The code that was sent.
    Right,
    /// Another code.
    Wrong,
    /// A malformed code.
    Malformed,
}

/// A typed code, check with a transaction's.
struct CodeCheck {
    user: RegisteredId,
    nonce: [u8; 16],
    number: PhoneNumber,
    typed: TypedCode,
    /// The id that the phone gets if it is new.
    phone: Uuid,
    policy: Policy,
}

impl Cloud {
    /// Confirms a transaction by its texted code. Of several simultaneous right codes, one wins.
    ///
    /// # Errors
    /// [`CloudRefusal`]. A wrong code is counted; too many of them fail the transaction, even if this
    /// code is right.
    pub async fn verify_text(
        &self,
        user: RegisteredId,
        code: &str,
        status_token: &str,
    ) -> Result<Transaction, CloudRefusal> {
        let pointer =
            self.tokens.read_status(status_token).ok_or(CloudRefusal::TransactionUnknown)?;
        if pointer.tenant != self.tenant || pointer.user != user {
            return Err(CloudRefusal::TransactionUnknown);
        }
        let scope = self.scope(user, pointer.transaction);
        let seen = self.registry.read_records(scope.clone()).await?.value;
        if seen.person.is_none() {
            return Err(CloudRefusal::UserUnknown);
        }
        let transaction = seen.transaction.filter(|one| one.user == user);
        let transaction = transaction.ok_or(CloudRefusal::TransactionUnknown)?;
        if transaction.confirmation_request.is_some() {
            return Err(CloudRefusal::NotByCode);
        }
        // Recovery codes are confirmed as soon as they are made.
        let Some(text) = &transaction.code else { return Err(CloudRefusal::Ended) };
        let subject = transaction.subject(&self.tenant, &text.number);
        let sent = self.keys.code(&subject, &text.grant);
        let typed = match Otp::parse(code) {
            None => TypedCode::Malformed,
            // A code of a removed key is never right.
            Some(typed) if sent.is_some_and(|sent| sent.matches(&typed)) => TypedCode::Right,
            Some(_) => TypedCode::Wrong,
        };
        let check = CodeCheck {
            user,
            nonce: text.grant.nonce,
            number: text.number.clone(),
            typed,
            phone: NewIds::draw(self)?.phone,
            policy: self.policy,
        };
        let number = check.number.clone();
        let settle = move |records: &mut Records, now| check.apply(records, now);
        let settled = transact(&*self.registry, scope, settle).await??;
        if self.one_user_per_number && settled.kind == TransactionKind::Enroll {
            self.take_number(&number, user, settled.updated_at).await?;
        }
        Ok(settled)
    }

    /// Uses up a recovery code.
    ///
    /// # Errors
    /// [`CloudRefusal`]. Wrong recovery codes are counted separately from wrong texted codes.
    pub async fn verify_recovery(
        &self,
        user: RegisteredId,
        code: &str,
    ) -> Result<(), CloudRefusal> {
        let typed = RecoveryCode::parse(code).map(|code| code.hash());
        let quota = self.policy.wrong_recovery;
        let use_up = move |records: &mut Records, now| {
            let person = records.person.as_mut().ok_or(CloudRefusal::UserUnknown)?;
            if let Some(wait) = quota_wait(&mut person.wrong_recovery, quota, now) {
                return Err(CloudRefusal::WrongRecoveryCodes(wait));
            }
            let typed = typed.ok_or(CloudRefusal::CodeMalformed)?;
            let before = person.user.recovery.len();
            person.user.recovery.retain(|left| !left.matches(&typed));
            if person.user.recovery.len() == before {
                person.wrong_recovery.push(now);
                return Err(CloudRefusal::RecoveryCodeWrong);
            }
            person.user.updated_at = now;
            Ok(())
        };
        let scope = Scope::user(&self.tenant, UserRef::Id(user));
        transact(&*self.registry, scope, use_up).await?
    }

    fn scope(&self, user: RegisteredId, transaction: TransactionId) -> Scope {
        Scope { transaction: Some(transaction), ..Scope::user(&self.tenant, UserRef::Id(user)) }
    }
}

impl CodeCheck {
    /// Settles the records' transaction: checks the user's rate, then whether it is pending, then the
    /// code.
    fn apply(&self, records: &mut Records, now: Timestamp) -> Result<Transaction, CloudRefusal> {
        let person = records.person.as_mut().ok_or(CloudRefusal::UserUnknown)?;
        let transaction = records.transaction.as_mut().filter(|one| one.user == self.user);
        let transaction = transaction.ok_or(CloudRefusal::TransactionUnknown)?;
        if let Some(wait) = quota_wait(&mut person.wrong_codes, self.policy.wrong_codes, now) {
            transaction.end(TransactionStatus::Failed, now);
            return Err(CloudRefusal::WrongCodes(wait));
        }
        if transaction.status_at(now).0 != TransactionStatus::Pending {
            return Err(CloudRefusal::Ended);
        }
        let text = transaction.code.as_mut().filter(|text| text.grant.nonce == self.nonce);
        let text = text.ok_or(CloudRefusal::Ended)?;
        if self.typed == TypedCode::Malformed {
            return Err(CloudRefusal::CodeMalformed);
        }
        if self.typed == TypedCode::Wrong {
            person.wrong_codes.push(now);
            text.tries_left = text.tries_left.saturating_sub(1);
            if text.tries_left == 0 {
                transaction.end(TransactionStatus::Failed, now);
            }
            return Err(CloudRefusal::CodeWrong);
        }
        // The phone may have been removed since the text was sent.
        let is_theirs = person.user.phones.iter().any(|phone| phone.number == self.number);
        if transaction.kind == TransactionKind::Approve && !is_theirs {
            transaction.end(TransactionStatus::Failed, now);
            return Err(CloudRefusal::Ended);
        }
        if transaction.kind == TransactionKind::Enroll
            && !person.user.verify_phone(self.phone, &self.number, now)
        {
            transaction.end(TransactionStatus::Failed, now);
            return Err(CloudRefusal::TooManyPhones);
        }
        transaction.end(TransactionStatus::Succeeded, now);
        Ok(transaction.clone())
    }
}
