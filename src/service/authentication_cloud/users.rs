//! Registered users as a backend looks them up and deletes them.

use super::Cloud;
use super::refusal::Refusal;
use super::texting::full;
use crate::domain::registered_user::{RegisteredId, RegisteredUser};
use crate::store::registry::{About, Case, Whom, step};

/// A user, and which channels are shut to them for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenUser {
    /// The user.
    pub user: RegisteredUser,
    /// The channels, as the API names them.
    pub shut: Vec<&'static str>,
}

impl Cloud {
    /// Looks a user up.
    ///
    /// # Errors
    /// [`Refusal::UserUnknown`], or that the store cannot be asked.
    pub async fn user(&self, whom: Whom) -> Result<SeenUser, Refusal> {
        let seen = self.look_to_tell(About::user(&self.tenant, whom)).await?;
        let mut person = seen.held.person.ok_or(Refusal::UserUnknown)?;
        let mut shut = Vec::new();
        let sms = full(&mut person.texts, self.policy.texts, seen.now).is_some()
            || full(&mut person.wrong_codes, self.policy.wrong_codes, seen.now).is_some();
        if sms {
            shut.push("sms");
        }
        if full(&mut person.wrong_recovery, self.policy.wrong_recovery, seen.now).is_some() {
            shut.push("recovery");
        }
        if full(&mut person.pushes, self.policy.pushes, seen.now).is_some() {
            shut.push("push");
        }
        Ok(SeenUser { user: person.user, shut })
    }

    /// Deletes a user with all that is theirs.
    ///
    /// # Errors
    /// [`Refusal::UserUnknown`], or that the store cannot be asked.
    pub async fn delete_user(&self, id: RegisteredId) -> Result<(), Refusal> {
        let about = About::user(&self.tenant, Whom::Id(id));
        let delete = |case: &mut Case, _| case.person.take().map(|_| ());
        step(&*self.registry, about, delete).await?.ok_or(Refusal::UserUnknown)
    }
}
