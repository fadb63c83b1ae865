//! Approval: asks a user to confirm a login or a payment by a code sent to their newest phone.

use tokio::time::Instant;

use super::intent::{Permission, for_whom, use_up};
use super::refusal::CloudRefusal;
use super::sms_code::Begun;
use super::{Cloud, change, nobody};
use crate::domain::registered_user::UserRef;
use crate::domain::transaction::TransactionKind;
use crate::store::registry::{Records, Scope, transact};

/// Attempts to find the user's newest phone if it keeps changing.
const LOOKS: usize = 3;

impl Cloud {
    /// Starts an approval by text: counts the text and sends it.
    ///
    /// # Errors
    /// [`CloudRefusal`]. Except after [`CloudRefusal::NotSent`], nothing was counted and the intent is
    /// unused.
    pub async fn approve_by_text(
        &self,
        permission: Permission,
        named: Option<UserRef>,
        message: Option<&str>,
        deadline: Instant,
    ) -> Result<Begun, CloudRefusal> {
        let user = permission.user(named.as_ref()).ok_or(CloudRefusal::UserUnknown)?;
        let named = self.identify(&permission, named).await?;
        for _ in 0..LOOKS {
            let seen = self.registry.read_records(Scope::user(&self.tenant, user.clone())).await?;
            let none = nobody(&seen.value);
            let person = seen.value.person.ok_or(none)?;
            let number = person.user.newest_phone().ok_or(CloudRefusal::NoPhone)?.number.clone();
            let (messenger, template) = self.ready_to_text(&number, message)?;
            let text = self.new_text(TransactionKind::Approve, &number, message, &permission)?;
            let scope = Scope {
                transaction: Some(text.id),
                number: Some(number.subscriber()),
                intent: permission.intent_id(),
                ..Scope::user(&self.tenant, UserRef::Id(person.user.id))
            };
            let (permission, named) = (permission.clone(), named.clone());
            let make = move |records: &mut Records, now| {
                change(records, |records| {
                    use_up(&permission, records, now)?;
                    for_whom(&permission, records, named.as_ref())?;
                    let user = &records.person.as_ref().ok_or(CloudRefusal::UserUnknown)?.user;
                    let newest = user.newest_phone().ok_or(CloudRefusal::NoPhone)?;
                    if newest.number != number {
                        return Err(CloudRefusal::Changing);
                    }
                    let user = user.clone();
                    Ok(Begun { user, transaction: text.begin(records, now)?, now })
                })
            };
            let begun = match transact(&*self.registry, scope, make).await? {
                Err(CloudRefusal::Changing) => continue,
                begun => begun?,
            };
            self.send(messenger, &template, &begun, deadline).await?;
            return Ok(begun);
        }
        Err(CloudRefusal::Changing)
    }
}
