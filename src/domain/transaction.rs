//! A transaction: what a registered user is asked to confirm, and the outcome.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::clock::Timestamp;
use super::confirmation_request::{ApprovalMessage, ConfirmationRequest};
use super::grant::{Grant, Purpose, Subject};
use super::phone_number::PhoneNumber;
use super::registered_user::RegisteredId;
use super::tenant::TenantId;
use super::uuid_id::uuid_id;

/// How long a transaction is kept after it ends.
pub const RETENTION: Duration = Duration::from_hours(24);

/// How long a transaction's token proves its success.
pub const TOKEN_LIFETIME: Duration = Duration::from_mins(10);

uuid_id! {
    /// A transaction's id: a random UUID.
    TransactionId
}

/// The purpose of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionKind {
    /// Register something with which the user can confirm later.
    Enroll,
    /// Approve a login or a payment.
    Approve,
}

impl TransactionKind {
    /// The value in the store and the API; never change it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enroll => "enroll",
            Self::Approve => "approve",
        }
    }

    /// Parses the output of [`as_str`](Self::as_str).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Enroll, Self::Approve].into_iter().find(|one| one.as_str() == text)
    }
}

/// How a transaction is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// By a code sent to a phone as text.
    Sms,
    /// By a passkey on a phone that opened a link.
    App,
    /// By a passkey on a phone that was notified.
    Push,
    /// Not at all: recovery codes are shown at once.
    Recovery,
}

impl Channel {
    /// The value in the store and the API; never change it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::App => "app",
            Self::Push => "push",
            Self::Recovery => "recovery",
        }
    }

    /// Parses the output of [`as_str`](Self::as_str).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Sms, Self::App, Self::Push, Self::Recovery]
            .into_iter()
            .find(|one| one.as_str() == text)
    }
}

/// A transaction's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionStatus {
    /// Waiting for the user.
    Pending,
    /// Confirmed by the user. Final.
    Succeeded,
    /// Aborted or expired. Final.
    Failed,
}

impl TransactionStatus {
    /// The value in the store and the API; never change it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// Parses the output of [`as_str`](Self::as_str).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Succeeded, Self::Failed].into_iter().find(|one| one.as_str() == text)
    }
}

/// The code of a transaction confirmed by text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextedCode {
    /// The number it was sent to.
    pub number: PhoneNumber,
    /// The grant that the code is derived from.
    pub grant: Grant,
    /// Wrong codes that it still accepts.
    pub tries_left: u32,
    /// The requester's text, with the placeholder for the code; `None` for the default.
    pub message: Option<String>,
}

/// A transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Its id.
    pub id: TransactionId,
    /// Its user.
    pub user: RegisteredId,
    /// Its purpose.
    pub kind: TransactionKind,
    /// How it is confirmed.
    pub channel: Channel,
    /// Its status when last written; see [`Transaction::status_at`].
    pub status: TransactionStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its status last changed.
    pub updated_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Its code, if it is confirmed by one.
    pub code: Option<TextedCode>,
    /// What the phone shows, if it is confirmed by a passkey.
    pub confirmation_request: Option<ConfirmationRequest>,
    /// The intent that started it, if any.
    pub intent: Option<Uuid>,
}

impl Transaction {
    /// Its status at `now`, and since when. A pending transaction has failed if it has expired, or
    /// if its start lies in the future because a clock was set back, even if that was never
    /// written.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> (TransactionStatus, Timestamp) {
        let is_over = now >= self.expires_at || self.created_at.is_in_the_future(now);
        if self.status == TransactionStatus::Pending && is_over {
            (TransactionStatus::Failed, self.expires_at)
        } else {
            (self.status, self.updated_at)
        }
    }

    /// Ends it, unless it has already ended: ends are final, and remove the challenge for the
    /// passkey.
    pub fn end(&mut self, status: TransactionStatus, now: Timestamp) {
        if self.status_at(now).0 == TransactionStatus::Pending {
            self.status = status;
            self.updated_at = now;
            if let Some(request) = &mut self.confirmation_request {
                request.ceremony = None;
            }
        }
    }

    /// What the user was asked to approve, in the requester's words.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        let shown = self.confirmation_request.as_ref().and_then(|request| request.message.as_ref());
        let texted = self.code.as_ref().and_then(|code| code.message.as_deref());
        shown.map(ApprovalMessage::as_str).or(texted)
    }

    /// When the store may delete it.
    #[must_use]
    pub fn retained_until(&self) -> Timestamp {
        match self.status {
            TransactionStatus::Pending => self.expires_at.plus(RETENTION),
            TransactionStatus::Succeeded | TransactionStatus::Failed => {
                self.updated_at.plus(RETENTION)
            }
        }
    }

    /// Until when its token proves its success; `None` if it did not succeed.
    #[must_use]
    pub fn token_valid_until(&self) -> Option<Timestamp> {
        (self.status == TransactionStatus::Succeeded).then(|| self.updated_at.plus(TOKEN_LIFETIME))
    }

    /// The owner that its code is bound to: the transaction, its user and the phone. If one of them
    /// is edited in a row, the code redeems nothing.
    #[must_use]
    pub fn subject(&self, tenant: &TenantId, number: &PhoneNumber) -> Subject {
        Subject {
            tenant: tenant.clone(),
            purpose: Purpose::Text,
            id: format!("{} {} {} {}", self.id, self.user, self.kind.as_str(), number.key()),
        }
    }

    /// The SHA-256 of what `request` asks this user. A challenge is valid for this digest only: if
    /// the user, the message or the number in a row is edited, it can no longer be confirmed.
    #[must_use]
    pub fn request_digest(&self, tenant: &TenantId, request: &ConfirmationRequest) -> [u8; 32] {
        let message = request.message.as_ref().map_or("", ApprovalMessage::as_str);
        let number = request.match_number.map(|number| number.as_u8().to_string());
        let authenticator = request.authenticator.map(|id| id.to_string());
        let parts = [
            tenant.as_str(),
            &self.id.to_string(),
            &self.user.to_string(),
            self.kind.as_str(),
            &authenticator.unwrap_or_default(),
            &number.unwrap_or_default(),
            message,
        ];
        // Digests in the store depend on this label: never change it.
        let mut hash = Sha256::new_with_prefix(b"dialpass question 1");
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::authenticator::AuthenticatorId;
    use crate::domain::confirmation_request::MatchNumber;

    fn transaction(status: TransactionStatus) -> Transaction {
        let at = Timestamp::from_millis;
        Transaction {
            id: TransactionId::from_random([1; 16]),
            user: RegisteredId::from_random([2; 16]),
            kind: TransactionKind::Approve,
            channel: Channel::Sms,
            status,
            created_at: at(1_000),
            updated_at: at(1_000),
            expires_at: at(301_000),
            code: None,
            confirmation_request: None,
            intent: None,
        }
    }

    #[test]
    fn time_fails_what_is_pending_and_nothing_else() {
        let (before, then) = (Timestamp::from_millis(300_999), Timestamp::from_millis(301_000));
        assert_eq!(
            transaction(TransactionStatus::Pending).status_at(before).0,
            TransactionStatus::Pending
        );
        assert_eq!(
            transaction(TransactionStatus::Pending).status_at(then),
            (TransactionStatus::Failed, then)
        );
        assert_eq!(
            transaction(TransactionStatus::Succeeded).status_at(then).0,
            TransactionStatus::Succeeded
        );
    }

    #[test]
    fn an_end_is_final() {
        for end in [TransactionStatus::Succeeded, TransactionStatus::Failed] {
            for other in [TransactionStatus::Succeeded, TransactionStatus::Failed] {
                let mut ended = transaction(end);
                ended.end(other, Timestamp::from_millis(2_000));
                assert_eq!((ended.status, ended.updated_at.as_millis()), (end, 1_000));
            }
        }
        let mut late = transaction(TransactionStatus::Pending);
        late.end(TransactionStatus::Succeeded, late.expires_at);
        assert_eq!(late.status, TransactionStatus::Pending, "its time was up");
    }

    #[test]
    fn a_token_vouches_for_ten_minutes_of_a_success_alone() {
        assert_eq!(transaction(TransactionStatus::Pending).token_valid_until(), None);
        assert_eq!(transaction(TransactionStatus::Failed).token_valid_until(), None);
        let until = transaction(TransactionStatus::Succeeded).token_valid_until();
        assert_eq!(until, Some(Timestamp::from_millis(601_000)));
    }

    fn request() -> ConfirmationRequest {
        ConfirmationRequest {
            message: ApprovalMessage::parse("Pay CHF 100"),
            asked_by: None,
            asked_from: None,
            match_number: MatchNumber::from_stored(42),
            authenticator: None,
            ceremony: None,
        }
    }

    #[test]
    fn a_challenge_is_for_one_user_message_number_and_authenticator() {
        let approval = || transaction(TransactionStatus::Pending);
        let tenant = TenantId::parse("t1").expect("an id");
        let asked = approval().request_digest(&tenant, &request());
        assert_eq!(asked, approval().request_digest(&tenant, &request()));
        let other = TenantId::parse("t2").expect("an id");
        let user = Transaction { user: RegisteredId::from_random([3; 16]), ..approval() };
        let id = Transaction { id: TransactionId::from_random([3; 16]), ..approval() };
        let enroll = Transaction { kind: TransactionKind::Enroll, ..approval() };
        let message =
            ConfirmationRequest { message: ApprovalMessage::parse("Pay CHF 900"), ..request() };
        let number =
            ConfirmationRequest { match_number: MatchNumber::from_stored(43), ..request() };
        let authenticator = Some(AuthenticatorId::from_random([4; 16]));
        let authenticator = ConfirmationRequest { authenticator, ..request() };
        let others = [
            approval().request_digest(&other, &request()),
            user.request_digest(&tenant, &request()),
            id.request_digest(&tenant, &request()),
            enroll.request_digest(&tenant, &request()),
            approval().request_digest(&tenant, &message),
            approval().request_digest(&tenant, &number),
            approval().request_digest(&tenant, &authenticator),
        ];
        assert!(others.iter().all(|other| *other != asked));
    }
}
