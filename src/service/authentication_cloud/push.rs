//! Notifies a user's phones of a confirmation request.

use std::collections::HashSet;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::refusal::CloudRefusal;
use super::sms_code::Started;
use super::{Cloud, before_the_last_step};
use crate::domain::authenticator::{Authenticator, Subscription};
use crate::domain::confirmation_request::ApprovalMessage;
use crate::domain::registered_user::RegisteredId;
use crate::messenger::{Notification, NotifyError};

impl Cloud {
    /// Notifies these phones of a new transaction. If none can be reached the transaction fails,
    /// and the notification still counts. Subscriptions that no longer exist are forgotten.
    pub(super) async fn notify(
        &self,
        started: &Started,
        phones: Vec<Authenticator>,
        prompt: Option<&ApprovalMessage>,
        deadline: Instant,
    ) -> Result<(), CloudRefusal> {
        let notifier = self.notifier.as_deref().ok_or(CloudRefusal::NoNotifier)?;
        let notification = Notification {
            open: format!(
                "/open?dispatchTokenResponse={}",
                self.dispatch_token(&started.transaction)
            ),
            company: self.passkeys()?.company().to_owned(),
            prompt: prompt.map(|prompt| prompt.as_str().to_owned()),
            lifetime: started.transaction.expires_at.since(started.now),
        };
        let deadline = before_the_last_step(deadline);
        // Several authenticators may share one browser, which is notified once.
        let mut browsers = HashSet::new();
        let subscribed = phones.iter().filter_map(|one| Some((one, one.subscription.as_ref()?)));
        let subscribed = subscribed.filter(|(_, to)| browsers.insert(to.endpoint.as_str()));
        let sent = subscribed.map(async |(phone, subscription)| {
            let sent = notifier.notify(subscription, &notification, deadline).await;
            (phone, subscription, sent)
        });
        let sent = join_all(sent).await;
        for (phone, subscription, sent) in &sent {
            if *sent == Err(NotifyError::Gone) {
                self.forget(started.user.id, phone, subscription).await;
            }
        }
        if sent.iter().any(|(_, _, sent)| sent.is_ok()) {
            return Ok(());
        }
        self.fail(&started.transaction).await;
        Err(CloudRefusal::NotNotified)
    }

    /// Forgets a subscription, unless it has been replaced. If that cannot be written, the next
    /// notification finds it gone again.
    async fn forget(&self, user: RegisteredId, phone: &Authenticator, gone: &Subscription) {
        let gone = gone.clone();
        let forget = move |authenticator: &mut Authenticator, now| {
            if authenticator.subscription.as_ref() == Some(&gone) {
                authenticator.subscription = None;
                authenticator.updated_at = now;
            }
            Ok(())
        };
        if let Err(refusal) = self.change_authenticator(user, phone.id, forget).await {
            tracing::debug!(
                reason = refusal.name().as_str(),
                "an expired push subscription could not be removed"
            );
        }
    }
}
