//! Waits for a decision until its deadline.

use tokio::time::{Instant, timeout_at};

/// The deadline has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadlinePassed;

/// Waits for `work` until `deadline`. A result after the deadline is late even if it is ready at
/// the first poll: the whole process may have been suspended meanwhile.
///
/// # Errors
/// [`DeadlinePassed`].
pub async fn in_time<T>(
    deadline: Instant,
    work: impl Future<Output = T>,
) -> Result<T, DeadlinePassed> {
    let done = timeout_at(deadline, work).await.map_err(|_| DeadlinePassed)?;
    if Instant::now() > deadline { Err(DeadlinePassed) } else { Ok(done) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_done_after_the_deadline_is_late_though_it_is_done_at_the_first_look() {
        let second = Duration::from_secs(1);
        let deadline = Instant::now() + second;
        assert!(in_time(deadline, async { 1 }).await.is_ok_and(|one| one == 1));
        let asleep = async {
            // As in a suspended process: the time is not checked until it resumes.
            tokio::time::advance(2 * second).await;
        };
        assert!(in_time(deadline, asleep).await.is_err());
        assert!(in_time(deadline, std::future::pending::<()>()).await.is_err());
    }
}
