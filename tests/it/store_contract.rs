//! What every store must hold to, whatever its technology, as tests over the ports. An adapter's
//! own test file opens a store and names it in [`store_contract!`].

mod administering;
mod clocks;
mod cloud;
mod issuing;
mod keys;
mod personal_records;
mod registering;
mod reporting;
mod transacting;
mod trying;

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use dialpass::domain::clock::{Clock, Timestamp};
use dialpass::domain::grant::{Grant, Purpose, Subject};
use dialpass::domain::otp::ServerKey;
use dialpass::domain::phone_number::PhoneNumber;
use dialpass::domain::policy::{Limits, Quota};
use dialpass::domain::reported_call::ReportIds;
use dialpass::domain::stored_number::NumberingPlan;
use dialpass::domain::tenant::TenantId;
use dialpass::store::{
    Administration, CodeTry, Grants, Issue, IssueRequest, LiveGrant, NewGrant, Redemption,
    ReportedCalls, Reservation, ReserveRequest, StoreError, StoreHealth, Tries,
};
use tokio::task::JoinSet;

pub use administering::*;
pub use clocks::*;
pub use cloud::*;
pub use issuing::*;
pub use keys::*;
pub use personal_records::*;
pub use registering::*;
pub use reporting::*;
pub use transacting::*;
pub use trying::*;

/// All the ports to a store.
pub trait Ports: Grants + ReportedCalls + Tries + StoreHealth {}

impl<S: Grants + ReportedCalls + Tries + StoreHealth> Ports for S {}

/// The clock that a store under test goes by.
#[async_trait]
pub trait SetClock: Send + Sync {
    /// From here on it is `now`.
    async fn set(&self, now: Timestamp);
}

/// A node's clock that stands still until it is set.
pub struct Hands(AtomicI64);

impl Hands {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(now.as_millis())))
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl SetClock for Hands {
    async fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }
}

/// A store whose steps run at times of the test's choice.
#[derive(Clone)]
pub struct Store {
    ports: Arc<dyn Ports>,
    clock: Arc<dyn SetClock>,
}

/// An administrator of a [`Store`].
#[derive(Clone)]
pub struct Desk {
    port: Arc<dyn Administration>,
    clock: Arc<dyn SetClock>,
}

impl Desk {
    /// An administrator of a store that goes by `clock`.
    pub fn new(port: Arc<dyn Administration>, clock: Arc<dyn SetClock>) -> Self {
        Self { port, clock }
    }

    /// The port, whose steps run at `now`.
    pub async fn at(&self, now: Timestamp) -> &dyn Administration {
        self.clock.set(now).await;
        &*self.port
    }
}

/// A request, and when it is to be made.
#[derive(Debug, Clone)]
pub struct At<R> {
    request: R,
    now: Timestamp,
}

impl<R> Deref for At<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.request
    }
}

impl<R> DerefMut for At<R> {
    fn deref_mut(&mut self) -> &mut R {
        &mut self.request
    }
}

impl Store {
    /// A store that goes by `clock`.
    pub fn new(ports: Arc<dyn Ports>, clock: Arc<dyn SetClock>) -> Self {
        Self { ports, clock }
    }

    pub async fn issue(&self, call: At<IssueRequest>) -> Result<Issue, StoreError> {
        self.clock.set(call.now).await;
        self.ports.issue(call.request).await
    }

    pub async fn live(
        &self,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Option<Grant>, StoreError> {
        self.clock.set(now).await;
        self.ports.live(subject).await
    }

    pub async fn reserve(&self, login: At<ReserveRequest>) -> Result<Reservation, StoreError> {
        self.clock.set(login.now).await;
        self.ports.reserve(login.request).await
    }

    pub async fn give_back(
        &self,
        subject: &Subject,
        reserved: Timestamp,
    ) -> Result<(), StoreError> {
        self.ports.give_back(subject, reserved, None).await
    }

    pub async fn redeem(&self, code: At<CodeTry>) -> Result<Redemption, StoreError> {
        self.clock.set(code.now).await;
        self.ports.redeem(code.request).await
    }

    pub async fn wrong_code(&self, code: At<CodeTry>) -> Result<(), StoreError> {
        self.clock.set(code.now).await;
        self.ports.wrong_code(code.request).await
    }

    /// From here on it is `now`.
    pub async fn at(&self, now: Timestamp) {
        self.clock.set(now).await;
    }

    pub async fn ready(&self) -> Result<(), StoreError> {
        self.ports.ready().await
    }
}

/// Makes a test of every rule. `$open` gives something to keep and an empty [`Store`].
macro_rules! store_contract {
    ($open:expr) => {
        $crate::store_contract::store_contract! { $open;
            a_new_code_is_live_until_it_expires
            a_second_call_hears_the_same_code_at_no_cost
            a_code_is_repeated_only_in_the_first_half_of_its_life
            a_code_of_an_unusable_key_or_another_length_is_replaced
            a_user_never_gets_more_codes_than_the_quota
            a_number_never_makes_more_calls_than_the_quota
            simultaneous_calls_get_one_code
            simultaneous_calls_of_many_users_from_one_number_keep_its_quota
            tenants_and_subjects_do_not_mix
            a_tried_code_is_not_repeated
            a_new_code_resets_no_budget
            a_code_is_redeemed_once
            two_hundred_simultaneous_logins_redeem_a_code_once
            a_redeemed_code_clears_the_failure_budgets
            a_replaced_or_expired_code_redeems_nothing
            simultaneous_wrong_codes_reserve_no_more_passwords_than_the_budget
            simultaneous_right_codes_reserve_the_whole_budget
            a_spent_password_budget_frees_when_its_span_has_passed
            a_try_given_back_counts_no_more
            wrong_codes_without_the_password_change_nothing_about_a_code
            one_address_has_half_of_the_budget_for_wrong_passwords
            one_address_has_half_of_the_budget_for_wrong_codes
            wrong_codes_with_a_right_password_burn_a_code_after_the_attempts
            without_passwords_a_code_takes_as_many_wrong_codes_as_it_may
            without_passwords_a_spent_budget_refuses_no_right_code
            a_spent_code_budget_refuses_even_the_right_code
            a_wrong_code_gives_the_reserved_password_back
            an_unknown_subject_is_refused_and_leaves_nothing
            a_code_from_the_future_is_dead
            counts_from_the_future_lock_no_one_out
            a_reported_call_hears_its_code_again_for_all_of_its_life
            a_reported_call_hears_no_second_code
            a_call_counts_from_its_first_report_told_or_not
            a_token_serves_one_report
            simultaneous_reports_of_a_call_get_one_code
            it_says_that_it_is_ready
        }
    };
    ($open:expr; $($rule:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let (_keep, store) = $open;
                $crate::store_contract::$rule(store).await;
            }
        )+
    };
}

/// Makes a test of every rule of [`Administration`]. `$open` gives something to keep, an empty
/// [`Store`] and its [`Desk`].
macro_rules! administration_contract {
    ($open:expr) => {
        $crate::store_contract::administration_contract! { $open;
            live_codes_are_listed_in_order_and_page_by_page
            only_a_tenants_live_codes_are_listed
            an_account_shows_its_code_and_its_counts
            a_revoked_code_redeems_nothing_and_is_not_repeated
            a_revoked_code_gives_no_quota_back
            revoking_what_is_not_live_does_nothing
            a_code_is_redeemed_or_revoked_and_never_both
            cleared_counts_free_a_user_and_leave_the_code
            cleared_calls_free_a_number_and_no_other
        }
    };
    ($open:expr; $($rule:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let (_keep, store, desk) = $open;
                $crate::store_contract::$rule(store, desk).await;
            }
        )+
    };
}

/// Makes a test of every rule of registered users and access keys. `$open` gives something to
/// keep, an empty [`Store`] and its [`Cloud`].
macro_rules! registry_contract {
    ($open:expr) => {
        $crate::store_contract::registry_contract! { $open;
            what_a_step_writes_is_read_back_as_it_was
            a_user_without_a_name_is_known_by_the_id
            a_step_that_cannot_be_written_whole_writes_nothing
            a_name_is_one_users_in_a_tenant_and_free_in_another
            a_name_is_one_users_in_any_case_and_keeps_its_own
            simultaneous_steps_by_one_name_make_one_user
            a_tenant_never_sees_anothers_users
            phones_are_made_changed_and_taken_away
            authenticators_are_made_changed_and_taken_away
            all_owners_of_a_number_are_found_and_no_more_than_asked_for
            recovery_codes_are_replaced_and_each_is_used_once
            a_users_budgets_hold_however_many_steps_are_taken_at_once
            with_a_user_goes_all_that_is_theirs_and_no_more
            transactions_are_read_back_as_they_were_written
            fifty_simultaneous_verifications_end_a_transaction_once
            simultaneous_wrong_codes_take_no_more_than_a_codes_tries
            a_transaction_is_forgotten_a_day_after_its_end
            texts_to_a_phone_are_counted_for_all_its_users_together
            an_intent_is_used_once_among_many_at_once
            a_key_is_found_as_soon_as_it_is_made_and_no_longer_than_until_it_is_revoked
            a_tenants_keys_are_listed_oldest_first_and_no_others
            a_key_is_one_tenants_and_no_other_can_revoke_it
            a_key_that_is_already_there_is_not_made_another_tenants
            all_that_is_held_of_a_registered_user_is_seen_and_deleted
            a_directorys_user_is_deleted_with_the_numbers_that_are_named
            a_code_is_redeemed_or_deleted_and_never_both
        }
    };
    ($open:expr; $($rule:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let (_keep, store, cloud) = $open;
                $crate::store_contract::$rule(store, cloud).await;
            }
        )+
    };
}

pub(crate) use administration_contract;
pub(crate) use registry_contract;
pub(crate) use store_contract;

/// A whole second, when the tests begin.
pub const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// How long a test's code lives.
pub const LIFETIME: Duration = Duration::from_mins(3);

/// The span of each test quota.
pub const SPAN: Duration = Duration::from_hours(1);

/// So long after the beginning.
pub fn after(millis: u64) -> Timestamp {
    START.plus(Duration::from_millis(millis))
}

/// How long an event of `START` still counts so many milliseconds later.
pub fn wait_after(millis: u64) -> Duration {
    START.plus(SPAN).since(after(millis))
}

/// The quotas of every test that names no others.
pub fn limits() -> Limits {
    let quota = |burst| Quota { burst, per: SPAN };
    Limits {
        codes_per_user: quota(6),
        calls_per_number: quota(8),
        wrong_passwords_per_user: quota(4),
        wrong_codes_per_user: quota(7),
    }
}

/// The user with this id, in the first tenant.
pub fn subject(id: &str) -> Subject {
    subject_of("t1", id)
}

/// A user of any tenant.
pub fn subject_of(tenant: &str, id: &str) -> Subject {
    let tenant = TenantId::parse(tenant).expect("legal");
    Subject { tenant, purpose: Purpose::Call, id: id.to_owned() }
}

/// The number `+46 70 1xx xx xx` that ends in these digits.
pub fn number(tail: u32) -> PhoneNumber {
    let plan = NumberingPlan::for_country("SE").expect("a country");
    plan.read_stored(&format!("+46701{tail:06}")).expect("a possible number")
}

/// A grant as it is made at `now`; `mark` makes its nonce.
pub fn grant(mark: u64, now: Timestamp) -> Grant {
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&mark.to_be_bytes());
    let lifetime = i64::try_from(LIFETIME.as_secs()).expect("small");
    Grant {
        key_id: ServerKey::new([7; 32]).id().clone(),
        nonce,
        issued_at: now.as_secs(),
        expires_at: now.as_secs() + lifetime,
        digits: 6,
    }
}

/// What a store that answers at `now` says of having issued or told the grant `of`.
pub fn living(of: Grant, now: Timestamp) -> LiveGrant {
    let left = u64::try_from(of.expires_at - now.as_secs()).expect("it has not expired");
    LiveGrant { grant: of, left: Duration::from_secs(left) }
}

/// The answer to a call that got the new code of `mark`.
pub fn issued(mark: u64, now: Timestamp) -> Issue {
    Issue::Issued(living(grant(mark, now), now))
}

/// A call of the user `id` from the first number.
pub fn call(id: &str, mark: u64, now: Timestamp) -> At<IssueRequest> {
    let Grant { key_id, nonce, digits, .. } = grant(mark, now);
    let request = IssueRequest {
        subject: subject(id),
        number: number(1),
        usable_keys: vec![key_id.clone()],
        grant: NewGrant { key_id, nonce, digits, lifetime: LIFETIME },
        max_attempts: 3,
        limits: limits(),
        report: ReportIds::default(),
    };
    At { request, now }
}

/// A login's reservation for the user `u` with the grant of `mark`.
pub fn login(mark: u64, code_right: bool, now: Timestamp) -> At<ReserveRequest> {
    let nonce = grant(mark, now).nonce;
    let request =
        ReserveRequest { subject: subject("u"), nonce, code_right, from: None, limits: limits() };
    At { request, now }
}

/// A login's code of the user `u`, after its password.
pub fn code(mark: u64, reserved: Option<Timestamp>, now: Timestamp) -> At<CodeTry> {
    let nonce = grant(mark, now).nonce;
    let request = CodeTry { subject: subject("u"), nonce, reserved, from: None, limits: limits() };
    At { request, now }
}

/// Has `u` issued the grant of `mark` at `now`.
pub async fn issue(store: &Store, mark: u64, now: Timestamp) {
    let answer = store.issue(call("u", mark, now)).await.expect("it answers");
    assert_eq!(answer, issued(mark, now));
}

/// A login of `u` whose password, if it may be asked for, is wrong.
pub async fn wrong_password(
    store: &Store,
    mark: u64,
    code_right: bool,
    now: Timestamp,
) -> Reservation {
    store.reserve(login(mark, code_right, now)).await.expect("it answers")
}

/// A login of `u` with a right password and a wrong code.
pub async fn wrong_code(store: &Store, mark: u64, now: Timestamp) -> Reservation {
    let reservation = store.reserve(login(mark, false, now)).await.expect("it answers");
    if let Reservation::Reserved(at) = reservation {
        store.wrong_code(code(mark, Some(at), now)).await.expect("it answers");
    }
    reservation
}

/// The live code of `u`, if there is one.
pub async fn live(store: &Store, now: Timestamp) -> Option<Grant> {
    store.live(&subject("u"), now).await.expect("it answers")
}

/// Runs `count` requests at once.
pub async fn at_once<T, F>(store: &Store, count: u64, request: impl Fn(Store, u64) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut running = JoinSet::new();
    (0..count).for_each(|i| drop(running.spawn(request(store.clone(), i))));
    running.join_all().await
}
