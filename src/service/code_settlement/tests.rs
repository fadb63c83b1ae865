//! A store whose steps fail before or after they take effect.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::domain::grant::{Grant, KeyId, Purpose};
use crate::domain::policy::{Limits, Quota};
use crate::domain::tenant::TenantId;
use crate::store::account::{Account, StoredGrant};
use crate::store::{Reservation, ReserveRequest};

const NONCE: [u8; 16] = [7; 16];

/// When a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fails {
    Untaken,
    Taken,
    UntakenUnknown,
}

struct Flaky {
    account: Mutex<Account>,
    fails: Mutex<VecDeque<Fails>>,
}

impl Flaky {
    fn step<T>(&self, step: impl FnOnce(&mut Account) -> T) -> Result<T, StoreError> {
        let fails = self.fails.lock().unwrap().pop_front();
        let mut account = self.account.lock().unwrap();
        match fails {
            None => Ok(step(&mut account)),
            Some(Fails::Untaken) => Err(StoreError::Unavailable),
            Some(Fails::UntakenUnknown) => Err(StoreError::OutcomeUnknown),
            Some(Fails::Taken) => {
                step(&mut account);
                Err(StoreError::OutcomeUnknown)
            }
        }
    }
}

#[async_trait]
impl Tries for Flaky {
    async fn reserve(&self, _: ReserveRequest) -> Result<Reservation, StoreError> {
        unreachable!("it is reserved already")
    }

    async fn give_back(
        &self,
        _: &Subject,
        reserved: Timestamp,
        from: Option<ClientAddress>,
    ) -> Result<(), StoreError> {
        self.step(|account| account.give_back(reserved, from).answer)
    }

    async fn redeem(&self, attempt: CodeTry) -> Result<Redemption, StoreError> {
        self.step(|account| account.redeem(&attempt, now()).answer)
    }

    async fn wrong_code(&self, attempt: CodeTry) -> Result<(), StoreError> {
        self.step(|account| account.wrong_code(&attempt, now()).answer)
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_000_000)
}

fn reserved() -> Timestamp {
    Timestamp::from_millis(999_000)
}

fn attempt() -> CodeTry {
    let quota = Quota { burst: 10, per: Duration::from_mins(15) };
    let tenant = TenantId::parse("t1").unwrap();
    CodeTry {
        subject: Subject { tenant, purpose: Purpose::Call, id: "anna".to_owned() },
        nonce: NONCE,
        reserved: Some(reserved()),
        from: None,
        limits: Limits {
            codes_per_user: quota,
            calls_per_number: quota,
            wrong_passwords_per_user: quota,
            wrong_codes_per_user: quota,
        },
    }
}

/// A store with a live code and a reserved try, whose next steps fail.
fn flaky(fails: &[Fails]) -> Arc<Flaky> {
    let key_id = KeyId::from_stored("k".to_owned());
    let grant = Grant { key_id, nonce: NONCE, issued_at: 990, expires_at: 1600, digits: 6 };
    let stored = StoredGrant { grant, tried: false, tries_left: 3, wrong_codes_left: 20 };
    let mut account = Account { grant: Some(stored), ..Account::default() };
    account.wrong_passwords.push(reserved());
    let fails = fails.iter().copied().collect();
    Arc::new(Flaky { account: Mutex::new(account), fails: Mutex::new(fails) })
}

async fn settled(verdict: CodeVerdict, fails: &[Fails]) -> Account {
    let flaky = flaky(fails);
    let tries: Arc<dyn Tries> = flaky.clone();
    assert!(settle(&tries, attempt(), verdict).await.is_err());
    tokio::time::sleep(Duration::from_mins(1)).await;
    flaky.account.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn a_right_password_is_given_back_once_the_store_works_again() {
    use Fails::{Taken, Untaken, UntakenUnknown};
    for fails in [
        &[Untaken][..],
        &[Untaken, Untaken, Untaken, Untaken],
        &[UntakenUnknown],
        &[UntakenUnknown, Untaken, Taken],
    ] {
        let account = settled(CodeVerdict::Right, fails).await;
        assert!(account.wrong_passwords.is_empty(), "{fails:?}");
        assert!(account.grant.is_some(), "the code is not used: {fails:?}");
    }
    let account = settled(CodeVerdict::Right, &[Taken]).await;
    assert!(account.wrong_passwords.is_empty() && account.grant.is_none(), "it is used");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_code_is_counted_once_however_often_the_store_fails() {
    use Fails::{Taken, Untaken};
    for fails in [&[Untaken][..], &[Untaken, Untaken], &[Taken], &[Untaken, Taken, Untaken]] {
        let account = settled(CodeVerdict::Wrong, fails).await;
        assert!(account.wrong_passwords.is_empty(), "{fails:?}");
        assert_eq!(account.wrong_codes.len(), 1, "{fails:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_login_gives_its_try_back() {
    let flaky = flaky(&[Fails::Untaken]);
    let tries: Arc<dyn Tries> = flaky.clone();
    let mut login = Box::pin(settle(&tries, attempt(), CodeVerdict::Right));
    assert!(futures_util::poll!(login.as_mut()).is_pending());
    drop(login);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(flaky.account.lock().unwrap().wrong_passwords.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_password_that_reached_no_server_is_given_back_once_the_store_works_again() {
    let flaky = flaky(&[Fails::Untaken, Fails::Untaken]);
    let tries: Arc<dyn Tries> = flaky.clone();
    let per = Duration::from_mins(15);
    give_back(&tries, &attempt().subject, reserved(), None, per).await;
    assert_eq!(flaky.account.lock().unwrap().wrong_passwords.len(), 1);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(flaky.account.lock().unwrap().wrong_passwords.is_empty());
}
