//! What these tests ask of a store, by its ports and by the clock that it goes by.

use dialpass::store::postgres::PostgresStore;
use dialpass::store::{
    CodeTry, Grants, Issue, IssueRequest, Redemption, Reservation, ReserveRequest, StoreError,
    StoreHealth, Tries,
};

use crate::store_contract::{START, call, code, login, number, subject};

/// A call of `user` from a number of the user's own; `mark` makes its code.
pub async fn issue(store: &PostgresStore, user: &str, mark: u32) -> Result<Issue, StoreError> {
    let mut request = IssueRequest::clone(&call(user, u64::from(mark), START));
    // No two users call from one number.
    let tail = user.bytes().fold(0_u32, |hash, byte| (hash * 31 + u32::from(byte)) % 1_000_000);
    request.number = number(tail);
    store.issue(request).await
}

/// A right login of `user` with the code of `mark`.
pub async fn login_steps(
    store: &PostgresStore,
    user: &str,
    mark: u64,
) -> (Result<Reservation, StoreError>, Result<Redemption, StoreError>) {
    let mut asked = ReserveRequest::clone(&login(mark, true, START));
    asked.subject = subject(user);
    let reserved = store.reserve(asked).await;
    let at = match reserved {
        Ok(Reservation::Reserved(at)) => Some(at),
        _ => None,
    };
    let mut tried = CodeTry::clone(&code(mark, at, START));
    tried.subject = subject(user);
    (reserved, store.redeem(tried).await)
}

/// Whether it says that it is ready.
pub async fn ready(store: &PostgresStore) -> bool {
    store.ready().await.is_ok()
}
