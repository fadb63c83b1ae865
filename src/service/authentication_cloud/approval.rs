//! Approval: asks a user to confirm a login or a payment by a code sent to their newest phone.

use tokio::time::Instant;

use super::intent::{Permission, check_intent_user, consume_intent};
use super::refusal::CloudRefusal;
use super::sms_code::Started;
use super::{Cloud, all_or_nothing, why_no_user};
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
    ) -> Result<Started, CloudRefusal> {
        let user = permission.user(named.as_ref()).ok_or(CloudRefusal::UserUnknown)?;
        let named = self.identify(&permission, named).await?;
        for _ in 0..LOOKS {
            let seen = self.registry.read_records(Scope::user(&self.tenant, user.clone())).await?;
            let none = why_no_user(&seen.value);
            let person = seen.value.person.ok_or(none)?;
            let number = person.user.newest_phone().ok_or(CloudRefusal::NoPhone)?.number.clone();
            let (messenger, template) = self.prepare_text(&number, message)?;
            let text =
                self.new_sms_code(TransactionKind::Approve, &number, message, &permission)?;
            let scope = Scope {
                transaction: Some(text.id),
                number: Some(number.subscriber()),
                intent: permission.intent_id(),
                ..Scope::user(&self.tenant, UserRef::Id(person.user.id))
            };
            let (permission, named) = (permission.clone(), named.clone());
            let make = move |records: &mut Records, now| {
                all_or_nothing(records, |records| {
                    consume_intent(&permission, records, now)?;
                    check_intent_user(&permission, records, named.as_ref())?;
                    let user = &records.person.as_ref().ok_or(CloudRefusal::UserUnknown)?.user;
                    let newest = user.newest_phone().ok_or(CloudRefusal::NoPhone)?;
                    if newest.number != number {
                        return Err(CloudRefusal::Changing);
                    }
                    let user = user.clone();
                    Ok(Started { user, transaction: text.start(records, now)?, now })
                })
            };
            let started = match transact(&*self.registry, scope, make).await? {
                Err(CloudRefusal::Changing) => continue,
                started => started?,
            };
            self.send(messenger, &template, &started, deadline).await?;
            return Ok(started);
        }
        Err(CloudRefusal::Changing)
    }
}
