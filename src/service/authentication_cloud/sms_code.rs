//! Transactions confirmed by a texted code: counts the text, creates the transaction, then sends the
//! text.

use tokio::time::Instant;
use uuid::Uuid;

use super::intent::Permission;
use super::refusal::CloudRefusal;
use super::{Cloud, Policy, before_the_last_step};
use crate::domain::clock::Timestamp;
use crate::domain::grant::{Grant, KeyId};
use crate::domain::number_kind::NumberKind;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::{EventLog, Quota};
use crate::domain::registered_user::{RegisteredId, RegisteredUser};
use crate::domain::text_message::{DEFAULT_TEMPLATE, Template};
use crate::domain::transaction::{
    Channel, TextedCode, Transaction, TransactionId, TransactionKind, TransactionStatus,
};
use crate::messenger::Messenger;
use crate::store::registry::{Records, Scope, transact};

/// A transaction to create, for confirmation by a texted code.
#[derive(Debug, Clone)]
pub(super) struct NewSmsCode {
    /// The transaction's id.
    pub(super) id: TransactionId,
    kind: TransactionKind,
    number: PhoneNumber,
    nonce: [u8; 16],
    key_id: KeyId,
    policy: Policy,
    message: Option<String>,
    intent: Option<Uuid>,
}

impl NewSmsCode {
    /// Counts the text and makes the transaction of the records' user at `now`.
    pub(super) fn start(
        &self,
        records: &mut Records,
        now: Timestamp,
    ) -> Result<Transaction, CloudRefusal> {
        let Policy { texts, lifetime, tries, digits, .. } = self.policy;
        let person = records.person.as_mut().ok_or(CloudRefusal::UserUnknown)?;
        // Counted separately, so that strangers pretending to register a phone cannot block its
        // owner's approvals.
        let (to_user, to_phone) = match self.kind {
            TransactionKind::Enroll => (&mut person.enrolling_texts, &mut records.texts.enrolling),
            TransactionKind::Approve => (&mut person.texts, &mut records.texts.sent),
        };
        if let Some(wait) = quota_wait(to_user, texts, now) {
            return Err(CloudRefusal::TextsPerUser(wait));
        }
        if let Some(wait) = quota_wait(to_phone, texts, now) {
            return Err(CloudRefusal::TextsPerPhone(wait));
        }
        to_user.push(now);
        to_phone.push(now);
        let counted = [&records.texts.sent, &records.texts.enrolling];
        records.texts.idle_from = counted.iter().filter_map(|log| log.idle_from(texts)).max();
        let issued_at = now.as_secs();
        let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        let grant = Grant {
            key_id: self.key_id.clone(),
            nonce: self.nonce,
            issued_at,
            expires_at: issued_at.saturating_add(seconds),
            digits,
        };
        let transaction = Transaction {
            id: self.id,
            user: person.user.id,
            kind: self.kind,
            channel: Channel::Sms,
            status: TransactionStatus::Pending,
            created_at: now,
            updated_at: now,
            expires_at: now.plus(lifetime),
            code: Some(TextedCode {
                number: self.number.clone(),
                grant,
                tries_left: tries,
                message: self.message.clone(),
            }),
            confirmation_request: None,
            intent: self.intent,
        };
        records.transaction = Some(transaction.clone());
        Ok(transaction)
    }
}

/// How long until another event fits; `None` if one fits now.
pub(super) fn quota_wait(
    log: &mut EventLog,
    quota: Quota,
    now: Timestamp,
) -> Option<std::time::Duration> {
    log.expire(quota, now);
    (log.len() >= quota.burst).then(|| log.wait(quota, now))
}

/// A transaction that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Its user at that time.
    pub user: RegisteredUser,
    /// The transaction.
    pub transaction: Transaction,
    /// The time by the store's clock.
    pub now: Timestamp,
}

impl Cloud {
    /// Checks what a text needs before anything is counted: a way to send it, an allowed country
    /// and kind of number, and a message with a placeholder for the code.
    pub(super) fn prepare_text(
        &self,
        number: &PhoneNumber,
        message: Option<&str>,
    ) -> Result<(&dyn Messenger, Template), CloudRefusal> {
        let messenger = self.messenger.as_deref().ok_or(CloudRefusal::NoMessenger)?;
        if !messenger.reaches(number) {
            return Err(CloudRefusal::CountryRefused);
        }
        if !self.texted_kinds.contains(&NumberKind::of(number)) {
            return Err(CloudRefusal::NumberKindRefused);
        }
        let text = message.unwrap_or(DEFAULT_TEMPLATE);
        let template = Template::parse(text, self.policy.digits).map_err(CloudRefusal::Message)?;
        Ok((messenger, template))
    }

    /// Prepares a transaction.
    pub(super) fn new_sms_code(
        &self,
        kind: TransactionKind,
        number: &PhoneNumber,
        message: Option<&str>,
        permission: &Permission,
    ) -> Result<NewSmsCode, CloudRefusal> {
        Ok(NewSmsCode {
            kind,
            message: message.map(str::to_owned),
            intent: permission.intent_id(),
            number: number.clone(),
            id: TransactionId::from_random(self.random_bits()?),
            nonce: self.random_bits()?,
            key_id: self.keys.issuing(),
            policy: self.policy,
        })
    }

    /// Sends the text of a new transaction. If no provider accepts it the transaction fails, and
    /// the text still counts against the quota, so that retries cannot flood the providers.
    pub(super) async fn send(
        &self,
        messenger: &dyn Messenger,
        template: &Template,
        started: &Started,
        deadline: Instant,
    ) -> Result<(), CloudRefusal> {
        let transaction = &started.transaction;
        let text = transaction.code.as_ref().ok_or(CloudRefusal::NotSent)?;
        let subject = transaction.subject(&self.tenant, &text.number);
        let code = self.keys.code(&subject, &text.grant).ok_or(CloudRefusal::NotSent)?;
        let message = template.fill(&text.number, &code);
        let sent = messenger.send(&message, before_the_last_step(deadline)).await;
        if sent.is_err() {
            self.fail(transaction).await;
            return Err(CloudRefusal::NotSent);
        }
        Ok(())
    }

    /// Ends a transaction whose text or notification was not sent. If that cannot be written, it
    /// expires.
    pub(super) async fn fail(&self, transaction: &Transaction) {
        let scope = Scope {
            transaction: Some(transaction.id),
            ..Scope::user(
                &self.tenant,
                crate::domain::registered_user::UserRef::Id(transaction.user),
            )
        };
        let end = |records: &mut Records, now| {
            if let Some(transaction) = &mut records.transaction {
                transaction.end(TransactionStatus::Failed, now);
            }
        };
        if transact(&*self.registry, scope, end).await.is_err() {
            tracing::warn!(
                transaction = %transaction.id,
                "a transaction whose text was not sent could not be ended; it ends when it expires"
            );
        }
    }
}

/// The ids for a new user and a new phone.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewIds {
    pub(super) user: RegisteredId,
    pub(super) phone: Uuid,
}

impl NewIds {
    pub(super) fn draw(cloud: &Cloud) -> Result<Self, CloudRefusal> {
        Ok(Self {
            user: RegisteredId::from_random(cloud.random_bits()?),
            phone: uuid::Builder::from_random_bytes(cloud.random_bits()?).into_uuid(),
        })
    }
}
