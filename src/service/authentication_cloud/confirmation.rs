//! What a phone does after opening a link: it views the request, confirms it with its passkey, or
//! declines. Viewing changes nothing, so link previews use nothing up.

use super::passkeys::{self, VerifiedSignature};
use super::refusal::CloudRefusal;
use super::{Cloud, all_or_nothing};
use crate::domain::authenticator::{
    Authenticator, AuthenticatorId, AuthenticatorName, Credential, Platform,
};
use crate::domain::clock::Timestamp;
use crate::domain::confirmation_request::ConfirmationRequest;
use crate::domain::registered_user::{RegisteredId, RegisteredUser, UserRef};
use crate::domain::transaction::{Transaction, TransactionId, TransactionKind, TransactionStatus};
use crate::store::registry::{Records, Scope, transact};
/// What a phone shows its user.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The user who shall confirm.
    pub user: RegisteredUser,
    /// The transaction: the request and its state.
    pub transaction: Transaction,
    /// The time by the store's clock.
    pub now: Timestamp,
    /// What the passkey signs, in the form of the Web Authentication API; `None` once it is too
    /// late.
    pub options: Option<serde_json::Value>,
}

/// A phone's response.
#[derive(Debug, Clone)]
pub struct PromptResponse {
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
pub struct Confirmation {
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
enum VerifiedPasskey {
    Registered(Credential),
    Asserted(Box<VerifiedSignature>),
}

impl Cloud {
    /// What a phone shows its user.
    ///
    /// # Errors
    /// [`CloudRefusal::TransactionUnknown`], or a failure of the store.
    pub async fn prompt(&self, id: TransactionId) -> Result<Prompt, CloudRefusal> {
        let user = self.user_of(id).await?;
        let seen = self.read_for_client(self.prompt_scope(id, user)).await?;
        let (now, person) = (seen.now, seen.value.person.ok_or(CloudRefusal::TransactionUnknown)?);
        let transaction = seen.value.transaction.ok_or(CloudRefusal::TransactionUnknown)?;
        let is_pending = transaction.status_at(now).0 == TransactionStatus::Pending;
        let request =
            transaction.confirmation_request.as_ref().ok_or(CloudRefusal::TransactionUnknown)?;
        let ceremony = request.ceremony.as_ref().filter(|_| is_pending);
        let options = ceremony.map(|ceremony| passkeys::options(&ceremony.state)).transpose()?;
        Ok(Prompt { user: person.user, transaction, now, options })
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
        response: PromptResponse,
    ) -> Result<Confirmation, CloudRefusal> {
        let passkeys = self.passkeys()?;
        let prompt = self.prompt(id).await?;
        if prompt.options.is_none() {
            return Err(CloudRefusal::Ended);
        }
        let request = prompt
            .transaction
            .confirmation_request
            .clone()
            .ok_or(CloudRefusal::TransactionUnknown)?;
        let ceremony = request.ceremony.clone().ok_or(CloudRefusal::Ended)?;
        if prompt.transaction.request_digest(&self.tenant, &request) != ceremony.digest {
            tracing::error!(transaction = %id, "the stored request was changed after its challenge was made: refused");
            return Err(CloudRefusal::PasskeyRefused);
        }
        let checked = match prompt.transaction.kind {
            TransactionKind::Enroll => VerifiedPasskey::Registered(
                passkeys.finish_registration(&ceremony.state, response.credential.clone())?,
            ),
            TransactionKind::Approve => {
                VerifiedPasskey::Asserted(Box::new(passkeys.finish_assertion(
                    &ceremony.state,
                    response.credential.clone(),
                    prompt.user.id,
                )?))
            }
        };
        let new = AuthenticatorId::from_random(self.random_bits()?);
        let settle = move |records: &mut Records, now| {
            let stored =
                records.transaction.as_ref().and_then(|one| one.confirmation_request.as_ref());
            // The request must not have changed since it was checked.
            let stands = stored == Some(&request);
            let is_pending = records
                .transaction
                .as_ref()
                .is_some_and(|one| one.status_at(now).0 == TransactionStatus::Pending);
            if !stands || !is_pending {
                return Err(CloudRefusal::Ended);
            }
            if number_is_wrong(&request, &response) {
                if let Some(transaction) = &mut records.transaction {
                    transaction.end(TransactionStatus::Failed, now);
                }
                return Err(CloudRefusal::MatchNumberWrong);
            }
            let settled = all_or_nothing(records, |records| {
                apply(records, &checked, &request, &response, new, now)
            });
            // No other phone can be added either, so end the transaction now; clients may be polling it.
            if let (Err(CloudRefusal::TooManyAuthenticators), Some(transaction)) =
                (&settled, &mut records.transaction)
            {
                transaction.end(TransactionStatus::Failed, now);
            }
            settled
        };
        transact(&*self.registry, self.prompt_scope(id, prompt.user.id), settle).await?
    }

    /// Declines the request, which fails the transaction. Anyone with the link may do so.
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
            if transaction.status_at(now).0 != TransactionStatus::Pending {
                return Err(CloudRefusal::Ended);
            }
            transaction.end(TransactionStatus::Failed, now);
            Ok(user)
        };
        transact(&*self.registry, self.prompt_scope(id, user), decline).await?
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
        let transaction = seen.filter(|transaction| transaction.confirmation_request.is_some());
        transaction.map(|one| one.user).ok_or(CloudRefusal::TransactionUnknown)
    }

    fn prompt_scope(&self, id: TransactionId, user: RegisteredId) -> Scope {
        Scope { transaction: Some(id), ..Scope::user(&self.tenant, UserRef::Id(user)) }
    }
}

fn number_is_wrong(request: &ConfirmationRequest, response: &PromptResponse) -> bool {
    let typed = response.match_number.as_deref().unwrap_or_default();
    request.match_number.is_some_and(|number| !number.matches(typed))
}

/// Records that the user's checked passkey confirmed the records' transaction.
fn apply(
    records: &mut Records,
    checked: &VerifiedPasskey,
    request: &ConfirmationRequest,
    response: &PromptResponse,
    new: AuthenticatorId,
    now: Timestamp,
) -> Result<Confirmation, CloudRefusal> {
    let user = &mut records.person.as_mut().ok_or(CloudRefusal::UserUnknown)?.user;
    let (authenticator, is_now_synced) = match checked {
        VerifiedPasskey::Registered(credential) => {
            (register(user, credential, response, new, now)?, false)
        }
        VerifiedPasskey::Asserted(signed) => {
            (record_signature(user, signed, request, now)?, signed.is_now_synced)
        }
    };
    let user = user.clone();
    let transaction = records.transaction.as_mut().ok_or(CloudRefusal::Ended)?;
    transaction.end(TransactionStatus::Succeeded, now);
    let kind = transaction.kind;
    Ok(Confirmation { user, authenticator, kind, is_now_synced, now })
}

/// Makes a passkey the user's authenticator.
fn register(
    user: &mut RegisteredUser,
    credential: &Credential,
    response: &PromptResponse,
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
        name: response.name.clone(),
        platform: response.platform,
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
fn record_signature(
    user: &mut RegisteredUser,
    signed: &VerifiedSignature,
    request: &ConfirmationRequest,
    now: Timestamp,
) -> Result<Authenticator, CloudRefusal> {
    // It may have been deleted since the challenge was made.
    let found = user.authenticators.iter_mut().find(|one| one.credential.id == signed.credential);
    let authenticator = found.ok_or(CloudRefusal::PasskeyRefused)?;
    if request.authenticator.is_some_and(|only| only != authenticator.id) {
        return Err(CloudRefusal::PasskeyRefused);
    }
    // The library compared with the counter at the time of the challenge; another approval may have
    // been signed since.
    if !authenticator.credential.may_follow(signed.counter) {
        return Err(CloudRefusal::PasskeyRefused);
    }
    if signed.update(&mut authenticator.credential)? {
        authenticator.updated_at = now;
    }
    Ok(authenticator.clone())
}
