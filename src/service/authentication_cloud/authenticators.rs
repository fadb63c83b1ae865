//! A backend renames and deletes a user's authenticators; a phone's page sets its own push
//! subscription.

use super::Cloud;
use super::refusal::CloudRefusal;
use super::tokens::DeviceToken;
use crate::domain::authenticator::{
    Authenticator, AuthenticatorId, AuthenticatorName, Subscription,
};
use crate::domain::clock::Timestamp;
use crate::domain::registered_user::{RegisteredId, UserRef};
use crate::store::registry::{Records, Scope, transact};
impl Cloud {
    /// Renames an authenticator.
    ///
    /// # Errors
    /// [`CloudRefusal::AuthenticatorUnknown`], or a failure of the store.
    pub async fn rename_authenticator(
        &self,
        id: AuthenticatorId,
        name: AuthenticatorName,
    ) -> Result<(RegisteredId, Authenticator), CloudRefusal> {
        let user = self.owner(id).await?;
        let renamed = self.change_authenticator(user, id, move |authenticator, now| {
            authenticator.name.clone_from(&name);
            authenticator.updated_at = now;
            Ok(())
        });
        Ok((user, renamed.await?))
    }

    /// Deletes an authenticator: its passkey no longer confirms anything.
    ///
    /// # Errors
    /// [`CloudRefusal::AuthenticatorUnknown`], or a failure of the store.
    pub async fn delete_authenticator(
        &self,
        id: AuthenticatorId,
    ) -> Result<RegisteredId, CloudRefusal> {
        let user = self.owner(id).await?;
        let delete = move |records: &mut Records, now| {
            let user = &mut records.person.as_mut().ok_or(CloudRefusal::AuthenticatorUnknown)?.user;
            let before = user.authenticators.len();
            user.authenticators.retain(|one| one.id != id);
            if user.authenticators.len() == before {
                return Err(CloudRefusal::AuthenticatorUnknown);
            }
            user.updated_at = now;
            Ok(())
        };
        transact(&*self.registry, Scope::user(&self.tenant, UserRef::Id(user)), delete).await??;
        Ok(user)
    }

    /// The authenticator of a phone's page.
    ///
    /// # Errors
    /// [`CloudRefusal::DeviceTokenExpired`], [`CloudRefusal::AuthenticatorUnknown`], or a failure of the
    /// store.
    pub async fn authenticator_of(
        &self,
        device: &DeviceToken,
    ) -> Result<Authenticator, CloudRefusal> {
        let scope = Scope::user(&self.tenant, UserRef::Id(device.user));
        let seen = self.read_for_client(scope).await?;
        if seen.now >= device.expires_at {
            return Err(CloudRefusal::DeviceTokenExpired);
        }
        let person = seen.value.person.ok_or(CloudRefusal::AuthenticatorUnknown)?;
        let mut theirs = person.user.authenticators.into_iter();
        theirs.find(|one| one.id == device.authenticator).ok_or(CloudRefusal::AuthenticatorUnknown)
    }

    /// Sets or removes a phone's push subscription.
    ///
    /// # Errors
    /// [`CloudRefusal`].
    pub async fn subscribe(
        &self,
        device: &DeviceToken,
        subscription: Option<Subscription>,
    ) -> Result<(), CloudRefusal> {
        if let Some(subscription) = &subscription {
            let notifier = self.notifier.as_ref().ok_or(CloudRefusal::NoNotifier)?;
            if !notifier.may_reach(&subscription.endpoint) {
                return Err(CloudRefusal::SubscriptionRefused);
            }
        }
        let expires_at = device.expires_at;
        let subscribe = move |authenticator: &mut Authenticator, now| {
            if now >= expires_at {
                return Err(CloudRefusal::DeviceTokenExpired);
            }
            if authenticator.subscription != subscription {
                authenticator.subscription.clone_from(&subscription);
                authenticator.updated_at = now;
            }
            Ok(())
        };
        self.change_authenticator(device.user, device.authenticator, subscribe).await.map(drop)
    }

    /// Changes an authenticator by `change`, or leaves it as it was if `change` refuses.
    pub(super) async fn change_authenticator(
        &self,
        user: RegisteredId,
        id: AuthenticatorId,
        change: impl Fn(&mut Authenticator, Timestamp) -> Result<(), CloudRefusal>
        + Send
        + Sync
        + 'static,
    ) -> Result<Authenticator, CloudRefusal> {
        let change = move |records: &mut Records, now| {
            super::all_or_nothing(records, |records| {
                let person = records.person.as_mut().ok_or(CloudRefusal::AuthenticatorUnknown)?;
                let mut theirs = person.user.authenticators.iter_mut();
                let authenticator =
                    theirs.find(|one| one.id == id).ok_or(CloudRefusal::AuthenticatorUnknown)?;
                change(authenticator, now)?;
                Ok(authenticator.clone())
            })
        };
        transact(&*self.registry, Scope::user(&self.tenant, UserRef::Id(user)), change).await?
    }

    async fn owner(&self, id: AuthenticatorId) -> Result<RegisteredId, CloudRefusal> {
        let owner = self.registry.authenticator_owner(&self.tenant, id).await?;
        owner.ok_or(CloudRefusal::AuthenticatorUnknown)
    }
}
