//! Enrollment and approval by a passkey: creates a transaction with a confirmation request for the
//! user's phone, and a link to it.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::intent::{Permission, check_intent_user, consume_intent};
use super::passkeys::Passkeys;
use super::refusal::CloudRefusal;
use super::sms_code::{Started, quota_wait};
use super::tokens::DispatchToken;
use super::{Cloud, all_or_nothing};
use crate::domain::authenticator::{Authenticator, AuthenticatorId};
use crate::domain::clock::Timestamp;
use crate::domain::confirmation_request::{
    ApprovalMessage, Ceremony, ConfirmationRequest, MatchNumber,
};
use crate::domain::registered_user::{RegisteredUser, UserRef};
use crate::domain::tenant::TenantId;
use crate::domain::transaction::{
    Channel, Transaction, TransactionId, TransactionKind, TransactionStatus,
};
use crate::store::registry::{Records, Scope, transact};
/// How long a phone may take to confirm.
pub const LIFETIME: Duration = Duration::from_mins(10);

/// The requester, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requester {
    /// The name of an access key, or the origin of a web page.
    pub name: Option<String>,
    /// The requester's address.
    pub address: Option<String>,
}

/// An approval to be given on a phone.
#[derive(Debug, Clone)]
pub struct PhoneApproval {
    /// What permits the request.
    pub permission: Permission,
    /// The user named in the request.
    pub named: Option<UserRef>,
    /// What to approve.
    pub message: Option<ApprovalMessage>,
    /// The one authenticator that may approve; `None` for any of the user's.
    pub authenticator: Option<AuthenticatorId>,
    /// The requester.
    pub requester: Requester,
}

/// A transaction to create, for confirmation by a passkey.
struct NewPasskeyRequest {
    id: TransactionId,
    kind: TransactionKind,
    channel: Channel,
    request: ConfirmationRequest,
    intent: Option<Uuid>,
}

impl NewPasskeyRequest {
    /// Makes this user's transaction at `now`; `stored` is the stored state of the challenge.
    fn start(
        &self,
        tenant: &TenantId,
        user: &RegisteredUser,
        stored: String,
        now: Timestamp,
    ) -> Transaction {
        let mut transaction = Transaction {
            id: self.id,
            user: user.id,
            kind: self.kind,
            channel: self.channel,
            status: TransactionStatus::Pending,
            created_at: now,
            updated_at: now,
            expires_at: now.plus(LIFETIME),
            code: None,
            confirmation_request: None,
            intent: self.intent,
        };
        let digest = transaction.request_digest(tenant, &self.request);
        let ceremony = Some(Ceremony { state: stored, digest });
        transaction.confirmation_request =
            Some(ConfirmationRequest { ceremony, ..self.request.clone() });
        transaction
    }
}

impl Cloud {
    /// Starts registering a phone's passkey; creates the user if the name is new.
    ///
    /// # Errors
    /// [`CloudRefusal`]; then nothing was made, and the intent is unused.
    pub async fn enroll_app(
        &self,
        permission: Permission,
        named: Option<UserRef>,
        requester: Requester,
    ) -> Result<Started, CloudRefusal> {
        let passkeys = self.passkeys()?;
        let intent = permission.intent_id();
        let request = self.new_passkey_request(
            TransactionKind::Enroll,
            Channel::App,
            None,
            None,
            requester,
            intent,
        )?;
        let enrollee = self.enrollee(permission, named).await?;
        let scope = self.enrollee_scope(&enrollee, request.id);
        let tenant = self.tenant.clone();
        let make = move |records: &mut Records, now| {
            all_or_nothing(records, |records| {
                let user = &enrollee.find(records, now)?.user;
                if user.authenticators.len() >= RegisteredUser::MAX_AUTHENTICATORS {
                    return Err(CloudRefusal::TooManyAuthenticators);
                }
                let stored = passkeys.start_registration(user)?;
                let transaction = request.start(&tenant, user, stored, now);
                let user = user.clone();
                records.transaction = Some(transaction.clone());
                Ok(Started { user, transaction, now })
            })
        };
        transact(&*self.registry, scope, make).await?
    }

    /// Starts an approval on a phone that opens a link.
    ///
    /// # Errors
    /// [`CloudRefusal`]; then nothing was made, and the intent is unused.
    pub async fn approve_by_app(&self, request: PhoneApproval) -> Result<Started, CloudRefusal> {
        let candidates =
            |user: &RegisteredUser, only| authenticators_of(user, only).cloned().collect();
        self.approve(request, Channel::App, candidates).await
    }

    /// Starts an approval on a phone that is notified: counts the notification and sends it.
    ///
    /// # Errors
    /// [`CloudRefusal`]. Except after [`CloudRefusal::NotNotified`], nothing was counted and the intent is
    /// unused.
    pub async fn approve_by_push(
        &self,
        request: PhoneApproval,
        prompt: Option<&ApprovalMessage>,
        deadline: Instant,
    ) -> Result<Started, CloudRefusal> {
        if self.notifier.is_none() {
            return Err(CloudRefusal::NoNotifier);
        }
        let only = request.authenticator;
        let notified = |user: &RegisteredUser, only| {
            authenticators_of(user, only)
                .filter(|one| one.subscription.is_some())
                .cloned()
                .collect()
        };
        let started = self.approve(request, Channel::Push, notified).await?;
        self.notify(&started, notified(&started.user, only), prompt, deadline).await?;
        Ok(started)
    }

    async fn approve(
        &self,
        request: PhoneApproval,
        channel: Channel,
        candidates: impl Fn(&RegisteredUser, Option<AuthenticatorId>) -> Vec<Authenticator>
        + Send
        + Sync
        + Copy
        + 'static,
    ) -> Result<Started, CloudRefusal> {
        let PhoneApproval { permission, named, message, authenticator, requester } = request;
        let passkeys = self.passkeys()?;
        let user = permission.user(named.as_ref()).ok_or(CloudRefusal::UserUnknown)?;
        let named = self.identify(&permission, named).await?;
        let kind = TransactionKind::Approve;
        let intent = permission.intent_id();
        let new_passkey_request =
            self.new_passkey_request(kind, channel, message, authenticator, requester, intent)?;
        let scope = Scope {
            transaction: Some(new_passkey_request.id),
            intent,
            ..Scope::user(&self.tenant, user)
        };
        let (tenant, policy) = (self.tenant.clone(), self.policy);
        let make = move |records: &mut Records, now| {
            all_or_nothing(records, |records| {
                consume_intent(&permission, records, now)?;
                check_intent_user(&permission, records, named.as_ref())?;
                let person = records.person.as_mut().ok_or(CloudRefusal::UserUnknown)?;
                if authenticators_of(&person.user, authenticator).next().is_none() {
                    return Err(CloudRefusal::NoAuthenticator);
                }
                let candidates = candidates(&person.user, authenticator);
                if candidates.is_empty() {
                    return Err(CloudRefusal::NoSubscription);
                }
                if channel == Channel::Push {
                    if let Some(wait) = quota_wait(&mut person.pushes, policy.pushes, now) {
                        return Err(CloudRefusal::PushesPerUser(wait));
                    }
                    person.pushes.push(now);
                } else {
                    let asked = &mut person.app_approvals;
                    if let Some(wait) = quota_wait(asked, policy.app_approvals, now) {
                        return Err(CloudRefusal::AppApprovalsPerUser(wait));
                    }
                    asked.push(now);
                }
                let stored =
                    passkeys.start_assertion(authenticators_of(&person.user, authenticator))?;
                let transaction = new_passkey_request.start(&tenant, &person.user, stored, now);
                let user = person.user.clone();
                records.transaction = Some(transaction.clone());
                Ok(Started { user, transaction, now })
            })
        };
        transact(&*self.registry, scope, make).await?
    }

    /// The token in the link that opens a transaction's page.
    #[must_use]
    pub fn dispatch_token(&self, transaction: &Transaction) -> String {
        let (tenant, transaction) = (self.tenant.clone(), transaction.id);
        self.tokens.dispatch(&DispatchToken { tenant, transaction })
    }

    pub(super) fn passkeys(&self) -> Result<std::sync::Arc<Passkeys>, CloudRefusal> {
        self.passkeys.clone().ok_or(CloudRefusal::NoPasskeys)
    }

    fn new_passkey_request(
        &self,
        kind: TransactionKind,
        channel: Channel,
        message: Option<ApprovalMessage>,
        authenticator: Option<AuthenticatorId>,
        requester: Requester,
        intent: Option<Uuid>,
    ) -> Result<NewPasskeyRequest, CloudRefusal> {
        let is_matched = self.match_number && kind == TransactionKind::Approve;
        let bits = is_matched.then(|| self.random_bits()).transpose()?;
        let match_number = bits.map(MatchNumber::from_random);
        let (asked_by, asked_from) = (requester.name, requester.address);
        let request = ConfirmationRequest {
            message,
            asked_by,
            asked_from,
            match_number,
            authenticator,
            ceremony: None,
        };
        let id = TransactionId::from_random(self.random_bits()?);
        Ok(NewPasskeyRequest { id, kind, channel, request, intent })
    }
}

/// A user's authenticators, or only the named one.
fn authenticators_of(
    user: &RegisteredUser,
    only: Option<AuthenticatorId>,
) -> impl Iterator<Item = &Authenticator> {
    user.authenticators.iter().filter(move |one| only.is_none_or(|only| one.id == only))
}
