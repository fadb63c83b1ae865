//! Enrollment: registers a phone by a text to it, and makes a set of recovery codes.

use tokio::time::Instant;

use super::intent::{Permission, for_whom, use_up};
use super::refusal::CloudRefusal;
use super::texting::{Begun, NewIds};
use super::{Cloud, change};
use crate::domain::clock::Timestamp;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::registered_user::{RecoveryCode, RegisteredUser, Whom};
use crate::domain::transaction::{Channel, Stage, Transaction, TransactionId, Undertaking};
use crate::store::registry::{About, Case, Person, step};
/// A phone to be registered.
#[derive(Debug)]
pub struct PhoneEnrollment<'a> {
    /// What permits the request.
    pub permission: Permission,
    /// The owner named in the request; `None` means a user without a name.
    pub named: Option<Whom>,
    /// The phone's number.
    pub number: PhoneNumber,
    /// The message to send; `None` for the default.
    pub message: Option<&'a str>,
}

/// A new set of recovery codes.
pub struct RecoverySet {
    /// The user and the transaction.
    pub begun: Begun,
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
    ) -> Result<Begun, CloudRefusal> {
        let PhoneEnrollment { permission, named, number, message } = request;
        let (messenger, template) = self.ready_to_text(&number, message)?;
        let text = self.new_text(Undertaking::Enroll, &number, message, &permission)?;
        let enrollee = self.enrollee(permission, named).await?;
        let about =
            About { number: Some(number.subscriber()), ..self.about_enrollee(&enrollee, text.id) };
        let make = move |case: &mut Case, now| {
            change(case, |case| {
                let user = &enrollee.find(case, now)?.user;
                let known = user.phones.iter().any(|phone| phone.number == number);
                if !known && user.phones.len() >= RegisteredUser::MAX_PHONES {
                    return Err(CloudRefusal::TooManyPhones);
                }
                let user = user.clone();
                Ok(Begun { user, transaction: text.begin(case, now)?, now })
            })
        };
        let begun = step(&*self.registry, about, make).await??;
        self.send(messenger, &template, &begun, deadline).await?;
        Ok(begun)
    }

    /// Makes a set of recovery codes that replaces the previous one.
    ///
    /// # Errors
    /// [`CloudRefusal`].
    pub async fn enroll_recovery(
        &self,
        permission: Permission,
        named: Option<Whom>,
    ) -> Result<RecoverySet, CloudRefusal> {
        let intent = permission.intent_id();
        let enrollee = self.enrollee(permission, named).await?;
        let id = TransactionId::from_random(self.random_bits()?);
        let codes = (0..RecoveryCode::IN_A_SET)
            .map(|_| self.random_bits().map(RecoveryCode::from_random))
            .collect::<Result<Vec<_>, _>>()?;
        let hashes: Vec<_> = codes.iter().map(RecoveryCode::hash).collect();
        let about = self.about_enrollee(&enrollee, id);
        let make = move |case: &mut Case, now| {
            change(case, |case| {
                let person = enrollee.find(case, now)?;
                person.user.recovery.clone_from(&hashes);
                person.user.updated_at = now;
                let transaction = Transaction {
                    id,
                    user: person.user.id,
                    undertaking: Undertaking::Enroll,
                    channel: Channel::Recovery,
                    stage: Stage::Succeeded,
                    created_at: now,
                    updated_at: now,
                    expires_at: now,
                    code: None,
                    question: None,
                    intent,
                };
                let user = person.user.clone();
                case.transaction = Some(transaction.clone());
                Ok(Begun { user, transaction, now })
            })
        };
        let begun = step(&*self.registry, about, make).await??;
        Ok(RecoverySet { begun, codes })
    }

    /// The user to enroll, from `permission` and `named`.
    pub(super) async fn enrollee(
        &self,
        permission: Permission,
        named: Option<Whom>,
    ) -> Result<Enrollee, CloudRefusal> {
        let user = permission.user(named.as_ref());
        let named = self.identify(&permission, named).await?;
        Ok(Enrollee { permission, named, user, new: NewIds::draw(self)? })
    }

    /// The scope of a step on the enrollee and a new transaction.
    pub(super) fn about_enrollee(&self, enrollee: &Enrollee, transaction: TransactionId) -> About {
        About {
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
    named: Option<Whom>,
    user: Option<Whom>,
    new: NewIds,
}

impl Enrollee {
    /// The case's user, created if the name may be new and is. Uses up the intent that permits it.
    pub(super) fn find<'c>(
        &self,
        case: &'c mut Case,
        now: Timestamp,
    ) -> Result<&'c mut Person, CloudRefusal> {
        use_up(&self.permission, case, now)?;
        // An intent for a free name is meant to create its user. A user who has taken the name
        // since is not the one the backend had in mind.
        let is_taken = case.person.is_some() || case.is_ambiguous();
        if self.permission.is_for_a_new_name() && is_taken {
            return Err(CloudRefusal::IntentNameTaken);
        }
        if case.is_ambiguous() {
            return Err(CloudRefusal::UserAmbiguous);
        }
        if case.person.is_none() {
            let name = match &self.user {
                Some(Whom::Id(_)) => return Err(CloudRefusal::UserUnknown),
                Some(Whom::Name(name)) => Some(name.clone()),
                None => None,
            };
            case.person = Some(Person::new(RegisteredUser::new(self.new.user, name, now)));
        }
        for_whom(&self.permission, case, self.named.as_ref())?;
        case.person.as_mut().ok_or(CloudRefusal::UserUnknown)
    }
}
