//! validateOTP: a name, a password and a code become a login, once.
//!
//! The order is fixed: name → one entry → live grant → reserved try → password → code → consume.
//! Without a live code there is no bind, so a login is no password oracle and cannot lock accounts.

use std::time::Duration;

use tokio::time::Instant;

use super::{KnownUser, TenantParts, entry};
use crate::directory::{DirectoryError, Occasion, PasswordCheck};
use crate::domain::grant::{Grant, Purpose, Subject};
use crate::domain::otp::Otp;
use crate::domain::policy::LoginPolicy;
use crate::domain::reason::Reason;
use crate::domain::secret::Password;
use crate::domain::user::{TypedName, User};
use crate::store::{CodeTry, Redemption, Reservation, ReserveRequest};

/// What the login service sends.
pub struct LoginAttempt {
    /// The name as typed.
    pub username: String,
    /// The password as typed; `None` if the operation has none or it cannot be one.
    pub password: Option<Password>,
    /// The code as typed.
    pub otp: String,
    /// Whether the operation carries a password at all.
    pub carries_password: bool,
}

/// What was decided of a login, and why.
#[derive(Debug)]
pub struct LoginDecision {
    /// Who is logged in, or nobody.
    pub user: Result<KnownUser, Reason>,
    /// Whom it was about, as far as the directory knew.
    pub known: Option<KnownUser>,
}

impl LoginDecision {
    /// The true reason, of a login as of a refusal.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match &self.user {
            Ok(_) => Reason::LoggedIn,
            Err(reason) => *reason,
        }
    }
}

/// Logins of one tenant.
pub struct Login {
    /// The tenant's directory, store and policies.
    pub parts: TenantParts,
    /// What a login has to bring.
    pub policy: LoginPolicy,
}

impl Login {
    /// Decides one login. Ends by `deadline`, give or take the store's own timeout.
    pub async fn decide(&self, attempt: LoginAttempt, deadline: Instant) -> LoginDecision {
        let mut known = None;
        let user = self.check(attempt, deadline, &mut known).await;
        LoginDecision { user, known }
    }

    async fn check(
        &self,
        attempt: LoginAttempt,
        deadline: Instant,
        known: &mut Option<KnownUser>,
    ) -> Result<KnownUser, Reason> {
        let password = match (self.policy.password_required, attempt.password) {
            (true, _) if !attempt.carries_password => return Err(Reason::OperationNeedsPassword),
            (true, None) => return Err(Reason::PasswordMissing),
            (true, password) => password,
            (false, _) => None,
        };
        let typed = Otp::parse(&attempt.otp).ok_or(Reason::CodeMalformed)?;
        let name = TypedName::parse(&attempt.username).ok_or(Reason::NameMalformed)?;

        let directory_deadline = deadline.min(Instant::now() + self.parts.directory_deadline);
        let user = entry(&*self.parts.directory, &name, directory_deadline).await?;
        let login = KnownUser::from(&user);
        *known = Some(login.clone());
        self.parts.admit(&user, Occasion::Login, directory_deadline).await?;
        let subject = Subject {
            tenant: self.parts.tenant.clone(),
            purpose: Purpose::Call,
            id: user.id.as_str().to_owned(),
        };
        let live = self.parts.grants.live(&subject).await?;
        let grant = live.ok_or(Reason::NoLiveCode)?;
        let code = self.parts.keys.code(&subject, &grant).ok_or(Reason::NoLiveCode)?;
        let attempt = CodeAttempt { subject, grant, code_right: code.matches(&typed) };
        match password {
            None => self.settle(&attempt, None).await?,
            Some(password) => {
                self.with_password(&attempt, &user, &password, directory_deadline).await?;
            }
        }
        Ok(login)
    }

    /// Reserves a try, asks the directory about the password, then settles the code.
    async fn with_password(
        &self,
        attempt: &CodeAttempt,
        user: &User,
        password: &Password,
        deadline: Instant,
    ) -> Result<(), Reason> {
        let parts = &self.parts;
        let request = ReserveRequest {
            subject: attempt.subject.clone(),
            nonce: attempt.grant.nonce,
            code_right: attempt.code_right,
            limits: parts.limits,
        };
        let reserved = match parts.tries.reserve(request).await? {
            Reservation::Reserved(at) => at,
            Reservation::NoGrant => return Err(Reason::CodeGone),
            Reservation::PasswordsSpent(wait) => return Err(Reason::WrongPasswordsPerUser(wait)),
            Reservation::CodesSpent(wait) => return Err(Reason::WrongCodesPerUser(wait)),
        };
        match parts.directory.check_password(user, password, deadline).await {
            Ok(PasswordCheck::Right) => self.settle(attempt, Some(reserved)).await,
            // The reserved try stands: it is the count of this refused password.
            Ok(PasswordCheck::Refused(why)) => Err(Reason::PasswordRefused(why)),
            Err(DirectoryError::Unavailable) => {
                if let Err(error) = parts.tries.give_back(&attempt.subject, reserved).await {
                    tracing::warn!(%error, "a login's reserved try could not be given back; it stays counted as a wrong password");
                }
                Err(Reason::DirectoryUnavailable)
            }
            // The server may have counted it, so it stays counted here.
            Err(DirectoryError::TimedOut) => Err(Reason::DirectoryTimedOut),
        }
    }

    /// Decides by the code, once the password is right or none is asked for.
    async fn settle(
        &self,
        attempt: &CodeAttempt,
        reserved: Option<crate::domain::clock::Timestamp>,
    ) -> Result<(), Reason> {
        let parts = &self.parts;
        let code_try = CodeTry {
            subject: attempt.subject.clone(),
            nonce: attempt.grant.nonce,
            reserved,
            limits: parts.limits,
        };
        if !attempt.code_right {
            parts.tries.wrong_code(code_try).await?;
            return Err(Reason::CodeWrong);
        }
        match parts.tries.redeem(code_try).await? {
            Redemption::Redeemed => Ok(()),
            Redemption::NoGrant => Err(Reason::CodeGone),
            Redemption::CodesSpent(wait) => Err(Reason::WrongCodesPerUser(wait)),
        }
    }
}

/// A typed code held against the grant that was live when it was read.
struct CodeAttempt {
    subject: Subject,
    grant: Grant,
    code_right: bool,
}

/// When a refusal goes out: at the next multiple of `floor` after the request came, so that its
/// time does not tell why it was refused; never later than `deadline`.
#[must_use]
pub fn refusal_time(arrived: Instant, now: Instant, floor: Duration, deadline: Instant) -> Instant {
    if floor.is_zero() {
        return now;
    }
    let elapsed = now.saturating_duration_since(arrived).as_nanos();
    let multiples = elapsed.div_ceil(floor.as_nanos()).max(1);
    let wait = u32::try_from(multiples).ok().and_then(|n| floor.checked_mul(n));
    wait.map_or(deadline, |wait| (arrived + wait).min(deadline)).max(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_goes_out_at_the_next_multiple_of_the_floor() {
        let arrived = Instant::now();
        let ms = Duration::from_millis;
        let at = |elapsed, floor| {
            refusal_time(arrived, arrived + ms(elapsed), ms(floor), arrived + ms(5000)) - arrived
        };
        assert_eq!(at(0, 300), ms(300));
        assert_eq!(at(1, 300), ms(300));
        assert_eq!(at(300, 300), ms(300));
        assert_eq!(at(301, 300), ms(600));
        assert_eq!(at(4999, 300), ms(5000), "never after the deadline");
        assert_eq!(at(7, 0), ms(7), "a floor of zero holds nothing back");
    }
}
