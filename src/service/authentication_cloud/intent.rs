//! Intents: a backend allows its frontend one enrollment or approval of one user.

use std::time::Duration;

use uuid::Uuid;

use super::refusal::CloudRefusal;
use super::tokens::Intent;
use super::{Cloud, why_no_user};
use crate::domain::clock::Timestamp;
use crate::domain::confirmation_request::ApprovalMessage;
use crate::domain::registered_user::{RegisteredId, RegisteredName, RegisteredUser, UserRef};
use crate::domain::text_message::Template;
use crate::domain::transaction::TransactionKind;
use crate::store::registry::{Records, Scope};
/// How long an intent may be used.
const LIFETIME: Duration = Duration::from_mins(10);

/// What permits a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// An access key, which permits everything in its tenant.
    AccessKey,
    /// An intent token, which permits one operation once.
    Intent(Intent),
}

/// What an intent shall permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIntent {
    /// The user, if by id.
    pub user: Option<RegisteredId>,
    /// The user, if by name.
    pub name: Option<RegisteredName>,
    /// The operation it permits.
    pub kind: TransactionKind,
    /// The permitted channels; if empty, all but `recovery`.
    pub channels: Vec<String>,
    /// The message to send.
    pub message: Option<String>,
    /// The access key that requests it; revoking the key ends the intent. `None` in the demo.
    pub key: Option<Uuid>,
}

/// A new intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedIntent {
    /// Its token.
    pub token: String,
    /// Its id, which introspection returns.
    pub id: Uuid,
}

/// Whether a list of channels has this one. New recovery codes replace the old ones, so `recovery`
/// must be listed explicitly.
fn has_channel(channels: &[String], channel: &str) -> bool {
    if channels.is_empty() {
        channel != "recovery"
    } else {
        channels.iter().any(|one| one == channel)
    }
}

impl Permission {
    /// Whether it permits this kind of transaction over this channel.
    #[must_use]
    pub fn allows(&self, kind: TransactionKind, channel: &str) -> bool {
        match self {
            Self::AccessKey => true,
            Self::Intent(intent) => {
                intent.operation == kind.as_str() && has_channel(&intent.channels, channel)
            }
        }
    }

    /// The user of a request that names `named`. An intent's own user takes precedence, and must be
    /// the named one; see [`is_for`](Self::is_for).
    #[must_use]
    pub fn user(&self, named: Option<&UserRef>) -> Option<UserRef> {
        match self {
            Self::AccessKey => named.cloned(),
            Self::Intent(intent) => match (intent.user, &intent.name) {
                (Some(id), _) => Some(UserRef::Id(id)),
                (None, name) => name.clone().map(UserRef::Name),
            },
        }
    }

    /// Whether it is an intent to enroll under a name that was free when it was made.
    #[must_use]
    pub const fn is_for_a_new_name(&self) -> bool {
        matches!(self, Self::Intent(Intent { user: None, .. }))
    }

    /// Whether the intent's user is the one that the request names, by id or by a name that only one
    /// user has in any case; see `Cloud::identify`.
    #[must_use]
    pub fn is_for(&self, user: &RegisteredUser, named: Option<&UserRef>) -> bool {
        match (self, named) {
            (Self::AccessKey, _) | (Self::Intent(_), None) => true,
            (Self::Intent(_), Some(UserRef::Id(id))) => user.id == *id,
            (Self::Intent(_), Some(UserRef::Name(name))) => {
                user.name.as_ref().is_some_and(|own| own.is_same_as(name))
            }
        }
    }

    /// The id of the intent, if it is one.
    #[must_use]
    pub fn intent_id(&self) -> Option<Uuid> {
        match self {
            Self::AccessKey => None,
            Self::Intent(intent) => Some(intent.id),
        }
    }
}

/// Uses up the intent, if one permits the request.
pub(super) fn consume_intent(
    permission: &Permission,
    records: &mut Records,
    now: Timestamp,
) -> Result<(), CloudRefusal> {
    let Permission::Intent(intent) = permission else { return Ok(()) };
    if records.intent_used_until.is_some() {
        return Err(CloudRefusal::IntentUsed);
    }
    if now >= intent.expires_at {
        return Err(CloudRefusal::IntentExpired);
    }
    records.intent_used_until = Some(intent.expires_at);
    Ok(())
}

/// Refuses an intent whose user is not the one that the request names.
pub(super) fn check_intent_user(
    permission: &Permission,
    records: &Records,
    named: Option<&UserRef>,
) -> Result<(), CloudRefusal> {
    let user = &records.person.as_ref().ok_or(why_no_user(records))?.user;
    if permission.is_for(user, named) { Ok(()) } else { Err(CloudRefusal::IntentForOther) }
}

impl Cloud {
    /// The user that a request names in addition to an intent for an existing user. A name is resolved
    /// to its user's id, because in another case it may be another user's exact name.
    pub(super) async fn identify(
        &self,
        permission: &Permission,
        named: Option<UserRef>,
    ) -> Result<Option<UserRef>, CloudRefusal> {
        let Permission::Intent(Intent { user: Some(_), .. }) = permission else { return Ok(named) };
        let Some(whom @ UserRef::Name(_)) = &named else { return Ok(named) };
        let held = self.registry.read_records(Scope::user(&self.tenant, whom.clone())).await?.value;
        if held.is_ambiguous() {
            return Err(CloudRefusal::IntentForOther);
        }
        Ok(held.person.map(|person| UserRef::Id(person.user.id)).or(named))
    }

    /// Refuses a message that fits none of the channels. A phone shows a message to approve, but none
    /// to enroll.
    fn check_message(&self, message: &str, wish: &NewIntent) -> Result<(), CloudRefusal> {
        let (channels, is_approval) = (&wish.channels, wish.kind == TransactionKind::Approve);
        let may = |channel: &str| has_channel(channels, channel);
        let is_shown = (is_approval || !may("sms")) && (may("app") || may("push"));
        if is_shown && ApprovalMessage::parse(message).is_some() {
            return Ok(());
        }
        if is_shown && !(may("sms") && message.contains("{{")) {
            return Err(CloudRefusal::MessageNotShown);
        }
        Template::parse(message, self.policy.digits).map(drop).map_err(CloudRefusal::Message)
    }

    /// Refuses channels that the tenant does not have: the intent could never be used.
    fn check_channels(&self, channels: &[String]) -> Result<(), CloudRefusal> {
        let missing = |channel: &String| match channel.as_str() {
            "sms" if self.messenger.is_none() => Some(CloudRefusal::NoMessenger),
            "app" if self.passkeys.is_none() => Some(CloudRefusal::NoPasskeys),
            "push" if self.notifier.is_none() => Some(CloudRefusal::NoNotifier),
            _ => None,
        };
        match channels.iter().map(missing).collect::<Option<Vec<_>>>() {
            Some(refusals) => refusals.into_iter().next().map_or(Ok(()), Err),
            None => Ok(()),
        }
    }

    /// Makes an intent token.
    ///
    /// # Errors
    /// [`CloudRefusal`]: for channels that the tenant lacks, a message that cannot be sent, an unknown
    /// user (unless the intent is to enroll a new name), or an ambiguous name.
    pub async fn make_intent(&self, wish: NewIntent) -> Result<IssuedIntent, CloudRefusal> {
        self.check_channels(&wish.channels)?;
        if let Some(message) = &wish.message {
            self.check_message(message, &wish)?;
        }
        let whom = match (wish.user, &wish.name) {
            (Some(id), _) => UserRef::Id(id),
            (None, Some(name)) => UserRef::Name(name.clone()),
            (None, None) => return Err(CloudRefusal::UserUnknown),
        };
        let may_be_new = wish.kind == TransactionKind::Enroll && wish.user.is_none();
        let seen = self.registry.read_records(Scope::user(&self.tenant, whom)).await?;
        // An existing user is stored by id, so that the intent never applies to another user who gets
        // the name later.
        let is_ambiguous = seen.value.is_ambiguous();
        let (user, name) = match seen.value.person {
            Some(person) => (Some(person.user.id), None),
            None if is_ambiguous => return Err(CloudRefusal::UserAmbiguous),
            None if may_be_new => (None, wish.name),
            None => return Err(CloudRefusal::UserUnknown),
        };
        // Whole seconds go into the token.
        let expires_at = Timestamp::from_millis(seen.now.plus(LIFETIME).as_secs() * 1000);
        let id = uuid::Builder::from_random_bytes(self.random_bits()?).into_uuid();
        let token = self.tokens.intent(&Intent {
            id,
            key: wish.key,
            tenant: self.tenant.clone(),
            user,
            name,
            operation: wish.kind.as_str().to_owned(),
            channels: wish.channels,
            message: wish.message,
            expires_at,
        });
        Ok(IssuedIntent { token, id })
    }
}
