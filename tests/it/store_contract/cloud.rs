//! The ports to registered users, as the tests of their rules use them.

use super::*;
use dialpass::domain::authenticator::{
    Authenticator, AuthenticatorId, AuthenticatorName, Credential, Platform, Subscription,
};
use dialpass::domain::confirmation_request::{
    ApprovalMessage, Ceremony, ConfirmationRequest, MatchNumber,
};
use dialpass::domain::registered_user::{
    RegisteredId, RegisteredName, RegisteredUser, UserRef, VerifiedPhone,
};
use dialpass::domain::transaction::{
    Channel, TextedCode, Transaction, TransactionId, TransactionKind, TransactionStatus,
};
use dialpass::store::personal_records::PersonalRecords;
use dialpass::store::registry::{AccessKeys, Records, Registry, Scope, UserRecord, transact};
use uuid::Uuid;

/// A store's registered users and their access keys, at times of the test's choice.
#[derive(Clone)]
pub struct Cloud {
    pub registry: Arc<dyn Registry>,
    keys: Arc<dyn AccessKeys>,
    records: Arc<dyn PersonalRecords>,
    clock: Arc<dyn SetClock>,
}

impl Cloud {
    /// The ports of a store that goes by `clock`, and of an administrator of it.
    pub fn new<D: AccessKeys + PersonalRecords + 'static>(
        registry: Arc<dyn Registry>,
        desk: Arc<D>,
        clock: Arc<dyn SetClock>,
    ) -> Self {
        Self { registry, keys: Arc::clone(&desk) as _, records: desk, clock }
    }

    /// The registry, whose steps run at `now`.
    pub async fn at(&self, now: Timestamp) -> &dyn Registry {
        self.clock.set(now).await;
        &*self.registry
    }

    /// The access keys as administrators see them at `now`.
    pub async fn keys_at(&self, now: Timestamp) -> &dyn AccessKeys {
        self.clock.set(now).await;
        &*self.keys
    }

    /// What is held of people, as administrators see it at `now`.
    pub async fn records_at(&self, now: Timestamp) -> &dyn PersonalRecords {
        self.clock.set(now).await;
        &*self.records
    }

    /// Takes a step at `now`, which the store must say that it is.
    pub async fn step<T: Send + 'static>(
        &self,
        scope: Scope,
        now: Timestamp,
        decide: impl Fn(&mut Records) -> T + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        let decide = move |records: &mut Records, told| {
            assert_eq!(told, now, "by the store's own clock");
            decide(records)
        };
        transact(self.at(now).await, scope, decide).await
    }

    /// Has the records changed at [`START`].
    pub async fn change(
        &self,
        scope: Scope,
        change: impl Fn(&mut Records) + Send + Sync + 'static,
    ) {
        self.step(scope, START, change).await.expect("it is written");
    }

    /// What the store holds at `now`.
    pub async fn look(&self, scope: Scope, now: Timestamp) -> Records {
        let seen = self.at(now).await.read_records(scope).await.expect("it answers");
        assert_eq!(seen.now, now, "by the store's own clock");
        seen.value
    }

    /// The user at [`START`].
    pub async fn person(&self, scope: Scope) -> Option<UserRecord> {
        self.look(scope, START).await.person
    }

    /// Runs `count` steps at once, at [`START`], and gives back what each decided.
    pub async fn steps<T, A, D>(&self, count: u64, scope: A, decide: D) -> Vec<T>
    where
        T: Send + 'static,
        A: Fn(u64) -> Scope,
        D: Fn(u64, &mut Records) -> T + Clone + Send + Sync + 'static,
    {
        self.clock.set(START).await;
        let mut running = JoinSet::new();
        for i in 0..count {
            let (cloud, scope, decide) = (self.clone(), scope(i), decide.clone());
            running.spawn(async move {
                let decided = transact(&*cloud.registry, scope, move |records: &mut Records, _| {
                    decide(i, records)
                });
                decided.await.expect("it answers")
            });
        }
        running.join_all().await
    }
}

pub fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).expect("legal")
}

/// The id of the user `mark`.
pub fn user_id(mark: u8) -> RegisteredId {
    RegisteredId::from_random([mark; 16])
}

pub fn name(text: &str) -> RegisteredName {
    RegisteredName::parse(text).expect("legal")
}

/// A new user of this id and name.
pub fn new_person(mark: u8, text: Option<&str>) -> UserRecord {
    UserRecord::new(RegisteredUser::new(user_id(mark), text.map(name), START))
}

/// A step about the first tenant's user `mark`.
pub fn about_user(mark: u8) -> Scope {
    Scope::user(&tenant("t1"), UserRef::Id(user_id(mark)))
}

/// A step about the first tenant's user with this name.
pub fn about_name(text: &str) -> Scope {
    Scope::user(&tenant("t1"), UserRef::Name(name(text)))
}

/// A step about nothing yet, in the first tenant.
pub fn about_nothing() -> Scope {
    let tenant = tenant("t1");
    Scope { tenant, user: None, transaction: None, number: None, intent: None }
}

/// The same step in another tenant.
pub fn abroad(scope: Scope) -> Scope {
    Scope { tenant: tenant("t2"), ..scope }
}

pub fn about_transaction(mark: u8) -> Scope {
    Scope { transaction: Some(transaction_id(mark)), ..about_nothing() }
}

pub fn about_number(tail: u32) -> Scope {
    Scope { number: Some(number(tail)), ..about_nothing() }
}

pub fn about_intent(mark: u128) -> Scope {
    Scope { intent: Some(Uuid::from_u128(mark)), ..about_nothing() }
}

/// A phone whose number ends in `tail`, made and verified at `at`.
pub fn phone(mark: u128, tail: u32, at: Timestamp) -> VerifiedPhone {
    let id = Uuid::from_u128(mark);
    VerifiedPhone { id, number: number(tail), created_at: at, updated_at: at }
}

pub fn transaction_id(mark: u8) -> TransactionId {
    TransactionId::from_random([mark; 16])
}

/// A pending transaction of a user's, made at [`START`], with a code that was sent to a phone.
pub fn transaction(mark: u8, user: u8) -> Transaction {
    Transaction {
        id: transaction_id(mark),
        user: user_id(user),
        kind: TransactionKind::Approve,
        channel: Channel::Sms,
        status: TransactionStatus::Pending,
        created_at: START,
        updated_at: START,
        expires_at: START.plus(LIFETIME),
        code: Some(TextedCode {
            number: number(1),
            grant: grant(5, START),
            tries_left: 5,
            message: Some("Pay CHF 100: {{CODE}}".to_owned()),
        }),
        confirmation_request: None,
        intent: Some(Uuid::from_u128(u128::from(mark))),
    }
}

/// A pending transaction of a user's that a passkey confirms, made at [`START`].
pub fn asking(mark: u8, user: u8) -> Transaction {
    let state = "{\"challenge\":\"x\"}".to_owned();
    let confirmation_request = ConfirmationRequest {
        message: ApprovalMessage::parse("Pay CHF 100\nto Åsa"),
        asked_by: Some("shop".to_owned()),
        asked_from: Some("203.0.113.7".to_owned()),
        match_number: MatchNumber::from_stored(42),
        authenticator: Some(AuthenticatorId::from_random([mark; 16])),
        ceremony: Some(Ceremony { state, digest: [7; 32] }),
    };
    let (channel, confirmation_request) = (Channel::App, Some(confirmation_request));
    Transaction { channel, code: None, confirmation_request, ..transaction(mark, user) }
}

/// An authenticator, registered at `at`.
pub fn authenticator(mark: u8, at: Timestamp) -> Authenticator {
    Authenticator {
        id: AuthenticatorId::from_random([mark; 16]),
        name: AuthenticatorName::parse("Pixel 9 📱").expect("a name"),
        platform: Platform::Android,
        credential: Credential { id: vec![mark; 20], record: "{}".to_owned(), counter: u32::MAX },
        subscription: None,
        enrolled_at: at,
        updated_at: at,
    }
}

/// A browser's subscription.
pub fn subscription() -> Subscription {
    let endpoint = "https://push.example.com/send/abc".to_owned();
    Subscription { endpoint, key: [4; 65], auth: [9; 16] }
}

/// How many of the answers say yes.
pub fn winners(answers: &[bool]) -> usize {
    answers.iter().filter(|won| **won).count()
}
