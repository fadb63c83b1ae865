//! What a phone does after opening a link: it views the question, confirms it with its passkey, or
//! declines. Viewing changes nothing, so link previews use nothing up.

use super::passkeys::{self, Signed};
use super::refusal::CloudRefusal;
use super::{Cloud, change};
use crate::domain::authenticator::{
    Authenticator, AuthenticatorId, AuthenticatorName, Credential, Platform,
};
use crate::domain::clock::Timestamp;
use crate::domain::question::Question;
use crate::domain::registered_user::{RegisteredId, RegisteredUser, UserRef};
use crate::domain::transaction::{Transaction, TransactionId, TransactionKind, TransactionStatus};
use crate::store::registry::{Records, Scope, transact};
/// What a phone is asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The user who is asked.
    pub user: RegisteredUser,
    /// The transaction: the question and its state.
    pub transaction: Transaction,
    /// The time by the store's clock.
    pub now: Timestamp,
    /// What the passkey signs, in the form of the Web Authentication API; `None` once it is too
    /// late.
    pub options: Option<serde_json::Value>,
}

/// A phone's response.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The new passkey or the signature, in the form of the Web Authentication API.
    pub credential: serde_json::Value,
    /// The phone's name.
    pub name: AuthenticatorName,
    /// The device type.
    pub platform: Platform,
    /// The number the user typed.
    pub match_number: Option<String>,
}

/// A transaction confirmed by a phone.
#[derive(Debug, Clone)]
pub struct Confirmed {
    /// The user who confirmed it.
    pub user: RegisteredUser,
    /// The authenticator used.
    pub authenticator: Authenticator,
    /// The kind of transaction: an enrollment or an approval.
    pub kind: TransactionKind,
    /// Whether the passkey may be backed up now, but could not be at registration.
    pub is_now_synced: bool,
    /// The time by the store's clock.
    pub now: Timestamp,
}

/// A passkey that was checked.
#[derive(Clone)]
enum Checked {
    Made(Credential),
    Signed(Box<Signed>),
}

impl Cloud {
    /// What a phone is asked.
    ///
    /// # Errors
    /// [`CloudRefusal::TransactionUnknown`], or a failure of the store.
    pub async fn asked(&self, id: TransactionId) -> Result<Asked, CloudRefusal> {
        let user = self.user_of(id).await?;
        let seen = self.look_to_tell(self.about_asked(id, user)).await?;
        let (now, person) = (seen.now, seen.value.person.ok_or(CloudRefusal::TransactionUnknown)?);
        let transaction = seen.value.transaction.ok_or(CloudRefusal::TransactionUnknown)?;
        let is_pending = transaction.at(now).0 == TransactionStatus::Pending;
        let question = transaction.question.as_ref().ok_or(CloudRefusal::TransactionUnknown)?;
        let ceremony = question.ceremony.as_ref().filter(|_| is_pending);
        let options = ceremony.map(|ceremony| passkeys::options(&ceremony.state)).transpose()?;
        Ok(Asked { user: person.user, transaction, now, options })
    }

    /// Confirms a transaction by a passkey: a new one becomes the user's authenticator, a known one
    /// approves. Of several simultaneous responses, one wins.
    ///
    /// # Errors
    /// [`CloudRefusal`]. An invalid passkey changes nothing; a wrong number or one authenticator too
    /// many ends the transaction.
    pub async fn confirm(
        &self,
        id: TransactionId,
        answer: Answer,
    ) -> Result<Confirmed, CloudRefusal> {
        let passkeys = self.passkeys()?;
        let asked = self.asked(id).await?;
        if asked.options.is_none() {
            return Err(CloudRefusal::Ended);
        }
        let question =
            asked.transaction.question.clone().ok_or(CloudRefusal::TransactionUnknown)?;
        let ceremony = question.ceremony.clone().ok_or(CloudRefusal::Ended)?;
        if asked.transaction.question_hash(&self.tenant, &question) != ceremony.asked {
            tracing::error!(transaction = %id, "a question is not what it was: it is confirmed by nobody");
            return Err(CloudRefusal::PasskeyRefused);
        }
        let checked = match asked.transaction.kind {
            TransactionKind::Enroll => Checked::Made(
                passkeys.finish_registration(&ceremony.state, answer.credential.clone())?,
            ),
            TransactionKind::Approve => Checked::Signed(Box::new(passkeys.finish_assertion(
                &ceremony.state,
                answer.credential.clone(),
                asked.user.id,
            )?)),
        };
        let new = AuthenticatorId::from_random(self.random_bits()?);
        let settle = move |records: &mut Records, now| {
            let asked = records.transaction.as_ref().and_then(|one| one.question.as_ref());
            // The question must not have changed since it was checked.
            let stands = asked == Some(&question);
            let is_pending = records
                .transaction
                .as_ref()
                .is_some_and(|one| one.at(now).0 == TransactionStatus::Pending);
            if !stands || !is_pending {
                return Err(CloudRefusal::Ended);
            }
            if number_is_wrong(&question, &answer) {
                if let Some(transaction) = &mut records.transaction {
                    transaction.end(TransactionStatus::Failed, now);
                }
                return Err(CloudRefusal::MatchNumberWrong);
            }
            let settled =
                change(records, |records| settle(records, &checked, &question, &answer, new, now));
            // No other phone would fit either, so end the transaction now for those who poll it.
            if let (Err(CloudRefusal::TooManyAuthenticators), Some(transaction)) =
                (&settled, &mut records.transaction)
            {
                transaction.end(TransactionStatus::Failed, now);
            }
            settled
        };
        transact(&*self.registry, self.about_asked(id, asked.user.id), settle).await?
    }

    /// Declines the question, which fails the transaction. Anyone with the link may do so.
    ///
    /// # Errors
    /// [`CloudRefusal`].
    pub async fn decline(&self, id: TransactionId) -> Result<RegisteredUser, CloudRefusal> {
        let user = self.user_of(id).await?;
        let decline = |records: &mut Records, now| {
            let user =
                records.person.as_ref().ok_or(CloudRefusal::TransactionUnknown)?.user.clone();
            let transaction =
                records.transaction.as_mut().ok_or(CloudRefusal::TransactionUnknown)?;
            if transaction.at(now).0 != TransactionStatus::Pending {
                return Err(CloudRefusal::Ended);
            }
            transaction.end(TransactionStatus::Failed, now);
            Ok(user)
        };
        transact(&*self.registry, self.about_asked(id, user), decline).await?
    }

    /// The user of a transaction that a phone may confirm.
    async fn user_of(&self, id: TransactionId) -> Result<RegisteredId, CloudRefusal> {
        let scope = Scope {
            tenant: self.tenant.clone(),
            user: None,
            transaction: Some(id),
            number: None,
            intent: None,
        };
        let seen = self.registry.read_records(scope).await?.value.transaction;
        let transaction = seen.filter(|transaction| transaction.question.is_some());
        transaction.map(|one| one.user).ok_or(CloudRefusal::TransactionUnknown)
    }

    fn about_asked(&self, id: TransactionId, user: RegisteredId) -> Scope {
        Scope { transaction: Some(id), ..Scope::user(&self.tenant, UserRef::Id(user)) }
    }
}

fn number_is_wrong(question: &Question, answer: &Answer) -> bool {
    let typed = answer.match_number.as_deref().unwrap_or_default();
    question.match_number.is_some_and(|number| !number.is(typed))
}

/// Records that the user's checked passkey confirmed the records' transaction.
fn settle(
    records: &mut Records,
    checked: &Checked,
    question: &Question,
    answer: &Answer,
    new: AuthenticatorId,
    now: Timestamp,
) -> Result<Confirmed, CloudRefusal> {
    let user = &mut records.person.as_mut().ok_or(CloudRefusal::UserUnknown)?.user;
    let (authenticator, is_now_synced) = match checked {
        Checked::Made(credential) => (register(user, credential, answer, new, now)?, false),
        Checked::Signed(signed) => (note(user, signed, question, now)?, signed.is_now_synced),
    };
    let user = user.clone();
    let transaction = records.transaction.as_mut().ok_or(CloudRefusal::Ended)?;
    transaction.end(TransactionStatus::Succeeded, now);
    let kind = transaction.kind;
    Ok(Confirmed { user, authenticator, kind, is_now_synced, now })
}

/// Makes a passkey the user's authenticator.
fn register(
    user: &mut RegisteredUser,
    credential: &Credential,
    answer: &Answer,
    id: AuthenticatorId,
    now: Timestamp,
) -> Result<Authenticator, CloudRefusal> {
    if user.authenticators.len() >= RegisteredUser::MAX_AUTHENTICATORS {
        return Err(CloudRefusal::TooManyAuthenticators);
    }
    if user.authenticators.iter().any(|one| one.credential.id == credential.id) {
        return Err(CloudRefusal::PasskeyRefused);
    }
    let authenticator = Authenticator {
        id,
        name: answer.name.clone(),
        platform: answer.platform,
        credential: credential.clone(),
        subscription: None,
        enrolled_at: now,
        updated_at: now,
    };
    user.authenticators.push(authenticator.clone());
    user.updated_at = now;
    Ok(authenticator)
}

/// Records that the user's authenticator signed.
fn note(
    user: &mut RegisteredUser,
    signed: &Signed,
    question: &Question,
    now: Timestamp,
) -> Result<Authenticator, CloudRefusal> {
    // It may have been deleted since the challenge was made.
    let found = user.authenticators.iter_mut().find(|one| one.credential.id == signed.credential);
    let authenticator = found.ok_or(CloudRefusal::PasskeyRefused)?;
    if question.authenticator.is_some_and(|only| only != authenticator.id) {
        return Err(CloudRefusal::PasskeyRefused);
    }
    // The library compared with the counter at the time of the challenge; another approval may have
    // been signed since.
    if !authenticator.credential.may_follow(signed.counter) {
        return Err(CloudRefusal::PasskeyRefused);
    }
    if signed.note(&mut authenticator.credential)? {
        authenticator.updated_at = now;
    }
    Ok(authenticator.clone())
}
