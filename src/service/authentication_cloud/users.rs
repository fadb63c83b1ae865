//! A backend looks up and deletes registered users.

use super::refusal::CloudRefusal;
use super::sms_code::quota_wait;
use super::{Cloud, Policy, why_no_user};
use crate::domain::registered_user::{RegisteredId, RegisteredUser, UserRef};
use crate::store::registry::{Records, Scope, Texts, transact};
/// A user, and the channels temporarily blocked for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserStatus {
    /// The user.
    pub user: RegisteredUser,
    /// The blocked channels, by their API names.
    pub blocked_channels: Vec<&'static str>,
}

impl Cloud {
    /// Looks up a user.
    ///
    /// # Errors
    /// [`CloudRefusal::UserUnknown`], [`CloudRefusal::UserAmbiguous`], or a failure of the store.
    pub async fn user(&self, user: UserRef) -> Result<UserStatus, CloudRefusal> {
        let seen = self.read_for_client(Scope::user(&self.tenant, user)).await?;
        let none = why_no_user(&seen.value);
        let mut person = seen.value.person.ok_or(none)?;
        let mut to_phone = self.texts_to_newest(&person.user).await?;
        let Policy { texts, wrong_codes, wrong_recovery, pushes, app_approvals, .. } = self.policy;
        let counts = [
            ("sms", &mut person.texts, texts),
            ("sms", &mut person.wrong_codes, wrong_codes),
            ("sms", &mut to_phone.sent, texts),
            ("sms-enrollment", &mut person.enrolling_texts, texts),
            ("recovery", &mut person.wrong_recovery, wrong_recovery),
            ("push", &mut person.pushes, pushes),
            ("app", &mut person.app_approvals, app_approvals),
        ];
        let mut blocked_channels = Vec::new();
        for (channel, log, quota) in counts {
            if quota_wait(log, quota, seen.now).is_some() && !blocked_channels.contains(&channel) {
                blocked_channels.push(channel);
            }
        }
        Ok(UserStatus { user: person.user, blocked_channels })
    }

    /// The texts to the phone that approvals are sent to.
    async fn texts_to_newest(&self, user: &RegisteredUser) -> Result<Texts, CloudRefusal> {
        let Some(phone) = user.newest_phone() else { return Ok(Texts::default()) };
        let scope = Scope {
            number: Some(phone.number.subscriber()),
            ..Scope::user(&self.tenant, UserRef::Id(user.id))
        };
        Ok(self.registry.read_records(scope).await?.value.texts)
    }

    /// Deletes a user and everything they own.
    ///
    /// # Errors
    /// [`CloudRefusal::UserUnknown`], or a failure of the store.
    pub async fn delete_user(&self, id: RegisteredId) -> Result<(), CloudRefusal> {
        let scope = Scope::user(&self.tenant, UserRef::Id(id));
        let delete = |records: &mut Records, _| records.person.take().map(|_| ());
        transact(&*self.registry, scope, delete).await?.ok_or(CloudRefusal::UserUnknown)
    }
}
