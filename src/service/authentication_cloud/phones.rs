//! Removes verified phones from their users: at a backend's request, or because another user has
//! verified the number.

use super::Cloud;
use super::refusal::CloudRefusal;
use crate::domain::clock::Timestamp;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::registered_user::{PhoneId, RegisteredId, UserRef, VerifiedPhone};
use crate::store::registry::{Records, Scope, transact};
/// Maximum number of users from whom a number is taken at once; the rest follow in the next round.
const AT_ONCE: u32 = 16;

impl Cloud {
    /// Removes a verified phone from its user: texts and calls no longer find them by it.
    ///
    /// # Errors
    /// [`CloudRefusal::PhoneUnknown`], or a failure of the store.
    pub async fn delete_phone(&self, id: PhoneId) -> Result<RegisteredId, CloudRefusal> {
        let owner = self.registry.phone_owner(&self.tenant, id).await?;
        let user = owner.ok_or(CloudRefusal::PhoneUnknown)?;
        let delete = move |records: &mut Records, now| {
            let user = &mut records.person.as_mut().ok_or(CloudRefusal::PhoneUnknown)?.user;
            let removed = user.remove_phones(|phone| phone.id == *id.as_uuid(), now);
            if removed { Ok(()) } else { Err(CloudRefusal::PhoneUnknown) }
        };
        transact(&*self.registry, Scope::user(&self.tenant, UserRef::Id(user)), delete).await??;
        Ok(user)
    }

    /// Takes a number from all users who verified it before `keeper` did, at `verified`. If two
    /// verify it at once, the later one keeps it.
    pub(super) async fn take_number(
        &self,
        number: &PhoneNumber,
        keeper: RegisteredId,
        verified: Timestamp,
    ) -> Result<(), CloudRefusal> {
        loop {
            let owners = self.registry.owners(&self.tenant, number, AT_ONCE).await?;
            // The id breaks ties within a millisecond.
            let is_older = move |owner: RegisteredId, phone: &VerifiedPhone| {
                (phone.updated_at, owner) < (verified, keeper)
            };
            let others = owners.iter().filter(|user| {
                let mut phones = user.phones.iter().filter(|phone| phone.number == *number);
                phones.any(|phone| is_older(user.id, phone))
            });
            let older: Vec<RegisteredId> = others.map(|user| user.id).collect();
            if older.is_empty() {
                return Ok(());
            }
            for owner in older {
                let number = number.clone();
                let take = move |records: &mut Records, now| {
                    let is_taken =
                        |phone: &VerifiedPhone| phone.number == number && is_older(owner, phone);
                    if let Some(person) = &mut records.person {
                        person.user.remove_phones(is_taken, now);
                    }
                };
                let scope = Scope::user(&self.tenant, UserRef::Id(owner));
                transact(&*self.registry, scope, take).await?;
                tracing::info!(
                    tenant = self.tenant.as_str(),
                    from = %owner,
                    to = %keeper,
                    "a phone number that another user has verified was taken from its user"
                );
            }
        }
    }
}
