//! Enrollment: registers a phone by a text to it, and makes a set of recovery codes.

use tokio::time::Instant;

use super::intent::{Permission, check_intent_user, consume_intent};
use super::refusal::CloudRefusal;
use super::sms_code::{NewIds, Started};
use super::{Cloud, all_or_nothing};
use crate::domain::clock::Timestamp;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::registered_user::{RecoveryCode, RegisteredUser, UserRef};
use crate::domain::transaction::{
    Channel, Transaction, TransactionId, TransactionKind, TransactionStatus,
};
use crate::store::registry::{Records, Scope, UserRecord, transact};
/// A phone to be registered.
#[derive(Debug)]
pub struct PhoneEnrollment<'a> {
    /// What permits the request.
    pub permission: Permission,
    /// The owner named in the request; `None` means a user without a name.
    pub named: Option<UserRef>,
    /// The phone's number.
    pub number: PhoneNumber,
    /// The message to send; `None` for the default.
    pub message: Option<&'a str>,
}

/// A new set of recovery codes.
pub struct RecoverySet {
    /// The user and the transaction.
    pub started: Started,
    /// The codes, to be shown once.
    pub codes: Vec<RecoveryCode>,
}

impl Cloud {
    /// Starts registering a phone: creates the user if the name is new, counts the text and sends
    /// it.
    ///
    /// # Errors
    /// [`CloudRefusal`]. Except after [`CloudRefusal::NotSent`], nothing was counted and the intent is
    /// unused.
    pub async fn enroll_phone(
        &self,
        request: PhoneEnrollment<'_>,
        deadline: Instant,
    ) -> Result<Started, CloudRefusal> {
        let PhoneEnrollment { permission, named, number, message } = request;
        let (messenger, template) = self.prepare_text(&number, message)?;
        let text = self.new_sms_code(TransactionKind::Enroll, &number, message, &permission)?;
        let enrollee = self.enrollee(permission, named).await?;
        let scope =
            Scope { number: Some(number.subscriber()), ..self.enrollee_scope(&enrollee, text.id) };
        let make = move |records: &mut Records, now| {
            all_or_nothing(records, |records| {
                let user = &enrollee.find(records, now)?.user;
                let known = user.phones.iter().any(|phone| phone.number == number);
                if !known && user.phones.len() >= RegisteredUser::MAX_PHONES {
                    return Err(CloudRefusal::TooManyPhones);
                }
                let user = user.clone();
                Ok(Started { user, transaction: text.start(records, now)?, now })
            })
        };
        let started = transact(&*self.registry, scope, make).await??;
        self.send(messenger, &template, &started, deadline).await?;
        Ok(started)
    }

    /// Makes a set of recovery codes that replaces the previous one.
    ///
    /// # Errors
    /// [`CloudRefusal`].
    pub async fn enroll_recovery(
        &self,
        permission: Permission,
        named: Option<UserRef>,
    ) -> Result<RecoverySet, CloudRefusal> {
        let intent = permission.intent_id();
        let enrollee = self.enrollee(permission, named).await?;
        let id = TransactionId::from_random(self.random_bits()?);
        let codes = (0..RecoveryCode::IN_A_SET)
            .map(|_| self.random_bits().map(RecoveryCode::from_random))
            .collect::<Result<Vec<_>, _>>()?;
        let hashes: Vec<_> = codes.iter().map(RecoveryCode::hash).collect();
        let scope = self.enrollee_scope(&enrollee, id);
        let make = move |records: &mut Records, now| {
            all_or_nothing(records, |records| {
                let person = enrollee.find(records, now)?;
                person.user.recovery.clone_from(&hashes);
                person.user.updated_at = now;
                let transaction = Transaction {
                    id,
                    user: person.user.id,
                    kind: TransactionKind::Enroll,
                    channel: Channel::Recovery,
                    status: TransactionStatus::Succeeded,
                    created_at: now,
                    updated_at: now,
                    expires_at: now,
                    code: None,
                    confirmation_request: None,
                    intent,
                };
                let user = person.user.clone();
                records.transaction = Some(transaction.clone());
                Ok(Started { user, transaction, now })
            })
        };
        let started = transact(&*self.registry, scope, make).await??;
        Ok(RecoverySet { started, codes })
    }

    /// The user to enroll, from `permission` and `named`.
    pub(super) async fn enrollee(
        &self,
        permission: Permission,
        named: Option<UserRef>,
    ) -> Result<Enrollee, CloudRefusal> {
        let user = permission.user(named.as_ref());
        let named = self.identify(&permission, named).await?;
        Ok(Enrollee { permission, named, user, new: NewIds::draw(self)? })
    }

    /// The scope of a step on the enrollee and a new transaction.
    pub(super) fn enrollee_scope(&self, enrollee: &Enrollee, transaction: TransactionId) -> Scope {
        Scope {
            tenant: self.tenant.clone(),
            user: enrollee.user.clone(),
            transaction: Some(transaction),
            number: None,
            intent: enrollee.permission.intent_id(),
        }
    }
}

/// The user to enroll, and the permission.
pub(super) struct Enrollee {
    permission: Permission,
    named: Option<UserRef>,
    user: Option<UserRef>,
    new: NewIds,
}

impl Enrollee {
    /// The records' user, created if the name may be new and is. Uses up the intent that permits it.
    pub(super) fn find<'c>(
        &self,
        records: &'c mut Records,
        now: Timestamp,
    ) -> Result<&'c mut UserRecord, CloudRefusal> {
        consume_intent(&self.permission, records, now)?;
        // An intent for a free name is meant to create its user. A user who has taken the name
        // since is not the one the backend had in mind.
        let is_taken = records.person.is_some() || records.is_ambiguous();
        if self.permission.is_for_a_new_name() && is_taken {
            return Err(CloudRefusal::IntentNameTaken);
        }
        if records.is_ambiguous() {
            return Err(CloudRefusal::UserAmbiguous);
        }
        if records.person.is_none() {
            let name = match &self.user {
                Some(UserRef::Id(_)) => return Err(CloudRefusal::UserUnknown),
                Some(UserRef::Name(name)) => Some(name.clone()),
                None => None,
            };
            records.person = Some(UserRecord::new(RegisteredUser::new(self.new.user, name, now)));
        }
        check_intent_user(&self.permission, records, self.named.as_ref())?;
        records.person.as_mut().ok_or(CloudRefusal::UserUnknown)
    }
}
