//! The last step of a login with a right password: returns the reserved try, whatever happens to
//! the store meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::domain::client_address::ClientAddress;
use crate::domain::clock::Timestamp;
use crate::domain::grant::Subject;
use crate::store::{CodeTry, Redemption, StoreError, Tries};

/// Pause before retrying a settlement while the store is down, initially and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Whether a login's code was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeVerdict {
    /// Right: used up, if it still exists.
    Right,
    /// Wrong, or to be counted as wrong.
    Wrong,
}

/// What a login with a right password still has to settle with the store.
enum Outstanding {
    /// A wrong code that was certainly not counted.
    WrongCode(CodeTry),
    /// A reserved try that may still be in the log of wrong passwords.
    Reserved { subject: Subject, at: Timestamp, from: Option<ClientAddress> },
}

/// Settles a code after a right password; returns `Ok(None)` after a wrong code. It continues if the
/// caller disconnects or times out. If the store fails, the reserved try is returned once the
/// store works again.
pub(super) async fn settle(
    tries: &Arc<dyn Tries>,
    attempt: CodeTry,
    verdict: CodeVerdict,
) -> Result<Option<Redemption>, StoreError> {
    let tries = Arc::clone(tries);
    let settling = async move {
        let settled = match verdict {
            CodeVerdict::Right => tries.redeem(attempt.clone()).await.map(Some),
            CodeVerdict::Wrong => tries.wrong_code(attempt.clone()).await.map(|()| None),
        };
        if let Err(error) = settled
            && let Some(outstanding) = outstanding(&attempt, verdict, error)
        {
            tokio::spawn(retry(tries, outstanding, attempt.limits.wrong_passwords_per_user.per));
        }
        settled
    };
    tokio::spawn(settling).await.unwrap_or(Err(StoreError::OutcomeUnknown))
}

/// Returns a reserved try whose password reached no server; if the store is down, once it works
/// again.
pub(super) async fn give_back(
    tries: &Arc<dyn Tries>,
    subject: &Subject,
    at: Timestamp,
    from: Option<ClientAddress>,
    counts_for: Duration,
) {
    if tries.give_back(subject, at, from).await.is_err() {
        let outstanding = Outstanding::Reserved { subject: subject.clone(), at, from };
        tokio::spawn(retry(Arc::clone(tries), outstanding, counts_for));
    }
}

/// What remains to settle after a failed step.
///
/// A redemption that took effect without an answer has used up the grant with its nonce and emptied
/// the log of wrong passwords. So a reserved try that is still in the log proves that it did not
/// take effect, and it no longer can, because the check waits for the account's lock.
fn outstanding(attempt: &CodeTry, verdict: CodeVerdict, error: StoreError) -> Option<Outstanding> {
    let at = attempt.reserved?;
    Some(match (verdict, error) {
        (CodeVerdict::Wrong, StoreError::Unavailable) => Outstanding::WrongCode(attempt.clone()),
        (CodeVerdict::Wrong, StoreError::OutcomeUnknown) | (CodeVerdict::Right, _) => {
            Outstanding::Reserved { subject: attempt.subject.clone(), at, from: attempt.from }
        }
    })
}

/// Retries the settlement until the store accepts it or it no longer counts.
async fn retry(tries: Arc<dyn Tries>, mut outstanding: Outstanding, counts_for: Duration) {
    let started = Instant::now();
    let (mut pause, longest) = PAUSES;
    while started.elapsed() < counts_for {
        sleep(pause).await;
        pause = (pause * 2).min(longest);
        let paid = match &outstanding {
            Outstanding::WrongCode(attempt) => tries.wrong_code(attempt.clone()).await,
            Outstanding::Reserved { subject, at, from } => {
                tries.give_back(subject, *at, *from).await
            }
        };
        match (paid, outstanding) {
            (Ok(()), _) => return,
            // Not twice: a wrong code may already have been counted.
            (Err(StoreError::OutcomeUnknown), Outstanding::WrongCode(attempt)) => {
                let Some(rest) =
                    self::outstanding(&attempt, CodeVerdict::Wrong, StoreError::OutcomeUnknown)
                else {
                    return;
                };
                outstanding = rest;
            }
            (Err(_), rest) => outstanding = rest,
        }
    }
}

#[cfg(test)]
mod tests;
