//! Registered users as a backend looks them up and deletes them.

use super::refusal::Refusal;
use super::texting::full;
use super::{Cloud, Policy};
use crate::domain::registered_user::{RegisteredId, RegisteredUser};
use crate::store::registry::{About, Case, Texts, Whom, step};

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
        let mut shut = Vec::new();
        for (channel, log, quota) in counts {
            if full(log, quota, seen.now).is_some() && !shut.contains(&channel) {
                shut.push(channel);
            }
        }
        Ok(SeenUser { user: person.user, shut })
    }

    /// Texts to the phone that approvals are sent to.
    async fn texts_to_newest(&self, user: &RegisteredUser) -> Result<Texts, Refusal> {
        let Some(phone) = user.newest_phone() else { return Ok(Texts::default()) };
        let about = About {
            number: Some(phone.number.subscriber()),
            ..About::user(&self.tenant, Whom::Id(user.id))
        };
        Ok(self.registry.look(about).await?.held.texts)
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
