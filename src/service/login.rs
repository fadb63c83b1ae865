//! validateOTP: a name, a password and a code become a login, once.
//!
//! The order is fixed: name → one entry → live grant → reserved try → password → code → consume.
//! Without a live code there is no bind, so logins cannot be used to test passwords or lock accounts.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::code_settlement::{self, CodeVerdict};
use super::guesses::Guesses;
use super::latency::{Latency, Stage};
use super::{KnownUser, TenantParts, find_unique};
use crate::directory::{AnswerGroups, DirectoryError, Occasion, PasswordCheck};
use crate::domain::client_address::ClientAddress;
use crate::domain::clock::Timestamp;
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
    /// The password as typed; `None` if the operation has none or the text cannot be a password.
    pub password: Option<Password>,
    /// The code as typed.
    pub otp: String,
    /// Whether the operation carries a password at all.
    pub carries_password: bool,
    /// The person's address, if the login service sends it.
    pub from: Option<ClientAddress>,
}

/// A user who is logged in.
#[derive(Debug)]
pub struct LoggedIn {
    /// The user, as the directory knows them.
    pub user: KnownUser,
    /// The DNs of their groups among the tenant's `answer_groups`; `None` if the tenant has none.
    pub groups: Option<Vec<String>>,
}

/// The decision on a login, and the reason.
#[derive(Debug)]
pub struct LoginDecision {
    /// The user who is logged in, or the reason for the refusal.
    pub outcome: Result<LoggedIn, Reason>,
    /// The user with the typed name, if the directory found one.
    pub known: Option<KnownUser>,
    /// Whether every name would have been refused like this, because the directory or the store was
    /// unavailable before the name made a difference.
    pub every_name: bool,
}

impl LoginDecision {
    /// A refusal without details.
    #[must_use]
    pub const fn refused(reason: Reason) -> Self {
        Self { outcome: Err(reason), known: None, every_name: false }
    }

    /// The true reason, for a success as well as for a refusal.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match &self.outcome {
            Ok(_) => Reason::LoggedIn,
            Err(reason) => *reason,
        }
    }
}

/// Logins of one tenant.
pub struct Login {
    /// The tenant's directory, store and policies.
    pub parts: TenantParts,
    /// What a login requires.
    pub policy: LoginPolicy,
    /// The guesses of all tenants.
    pub guesses: Arc<Guesses>,
    /// How long recent logins took.
    pub latency: Arc<Latency>,
}

impl Login {
    /// Decides one login. Ends by `deadline`, plus at most the store's own timeout.
    pub async fn decide(&self, attempt: LoginAttempt, deadline: Instant) -> LoginDecision {
        let began = Instant::now();
        let mut decision = LoginDecision::refused(Reason::DeadlinePassed);
        let mut stage = None;
        decision.outcome = self.check(attempt, deadline, &mut decision, &mut stage).await;
        if let Some(stage) = stage {
            let unanswered = matches!(
                decision.outcome,
                Err(Reason::DirectoryUnavailable
                    | Reason::DirectoryTimedOut
                    | Reason::StoreUnavailable
                    | Reason::StoreOutcomeUnknown)
            );
            let now = Instant::now();
            let stage = if unanswered { Stage::Unanswered } else { stage };
            self.latency.record(stage, now - began, now);
        }
        decision
    }

    /// When to send the refusal of a login whose body was read at `read_at`.
    #[must_use]
    pub fn refusal_time(&self, read_at: Instant, now: Instant, deadline: Instant) -> Instant {
        let expected = if self.policy.password_required {
            self.parts.directory.expected_check()
        } else {
            Duration::ZERO
        };
        let recent = self.latency.recent(now, expected);
        refusal_time(read_at, now, self.policy.refusal_floor, recent, deadline)
    }

    async fn check(
        &self,
        attempt: LoginAttempt,
        deadline: Instant,
        decision: &mut LoginDecision,
        stage: &mut Option<Stage>,
    ) -> Result<LoggedIn, Reason> {
        let password = match (self.policy.password_required, attempt.password) {
            (true, _) if !attempt.carries_password => return Err(Reason::OperationNeedsPassword),
            (true, None) => return Err(Reason::PasswordMissing),
            (true, password) => password,
            (false, _) => None,
        };
        let typed = Otp::parse_typed(&attempt.otp).ok_or(Reason::CodeMalformed)?;
        let name = TypedName::parse(&attempt.username).ok_or(Reason::NameMalformed)?;

        let directory_deadline = deadline.min(Instant::now() + self.parts.directory_deadline);
        let (subject, user, live) =
            self.find_user_and_grant(&name, directory_deadline, decision).await?;
        let known = KnownUser::from(&user);
        decision.known = Some(known.clone());
        if user.account.refusal(self.parts.clock.now()).is_none() {
            *stage = Some(Stage::Account);
        }
        self.parts.admit(&user, Occasion::Login, directory_deadline).await?;
        let grant = live.ok_or(Reason::NoLiveCode)?;
        let code = self.parts.keys.code(&subject, &grant).ok_or(Reason::NoLiveCode)?;
        let code_right = code.matches(&typed);
        let attempt =
            CodeAttempt { subject, grant, code_right, guessed: false, from: attempt.from };
        let groups = match password {
            None => self.accept(&attempt, &user, None, directory_deadline).await?,
            Some(password) => {
                let attempt = self.count_guess(attempt, &password);
                self.with_password(&attempt, &user, &password, directory_deadline, stage).await?
            }
        };
        Ok(LoggedIn { user: known, groups })
    }

    /// The user with this name, and their live code. For unknown names the store is asked too, so that
    /// a store that is down or slow is so for every name.
    async fn find_user_and_grant(
        &self,
        name: &TypedName,
        deadline: Instant,
        decision: &mut LoginDecision,
    ) -> Result<(Subject, User, Option<Grant>), Reason> {
        let found = find_unique(&*self.parts.directory, name, deadline).await;
        decision.every_name = true;
        if let Err(reason @ (Reason::DirectoryUnavailable | Reason::DirectoryTimedOut)) = found {
            return Err(reason);
        }
        let id = found.as_ref().map_or(UNKNOWN_USER_ID, |user| user.id.as_str()).to_owned();
        let subject = Subject { tenant: self.parts.tenant.clone(), purpose: Purpose::Call, id };
        let live = self.parts.grants.live(&subject).await?;
        decision.every_name = false;
        Ok((subject, found?, live))
    }

    /// Counts a wrong code, or checks whether a right one came after too many wrong ones.
    fn count_guess(&self, mut attempt: CodeAttempt, password: &Password) -> CodeAttempt {
        let nonce = attempt.grant.nonce;
        if attempt.code_right {
            let most = self.parts.otp.max_attempts;
            attempt.guessed = self.guesses.are_spent(nonce, password, most);
        } else {
            self.guesses.count(nonce, password);
        }
        attempt
    }

    /// Reserves a try, checks the password with the directory, then settles the code.
    async fn with_password(
        &self,
        attempt: &CodeAttempt,
        user: &User,
        password: &Password,
        deadline: Instant,
        stage: &mut Option<Stage>,
    ) -> Result<Option<Vec<String>>, Reason> {
        let parts = &self.parts;
        let request = ReserveRequest {
            subject: attempt.subject.clone(),
            nonce: attempt.grant.nonce,
            code_right: attempt.code_right,
            from: attempt.from,
            limits: parts.limits,
        };
        let reserved = match parts.tries.reserve(request).await? {
            Reservation::Reserved(at) => at,
            Reservation::NoGrant => return Err(Reason::CodeGone),
            Reservation::PasswordsSpent(wait) => return Err(Reason::WrongPasswordsPerUser(wait)),
            Reservation::CodesSpent(wait) => return Err(Reason::WrongCodesPerUser(wait)),
        };
        let checked = parts.directory.check_password(user, password, deadline).await;
        *stage = Some(Stage::Password);
        match checked {
            Ok(PasswordCheck::Right) => self.accept(attempt, user, Some(reserved), deadline).await,
            // The reserved try stays: it counts this wrong password.
            Ok(PasswordCheck::Refused(why)) => Err(Reason::PasswordRefused(why)),
            Err(DirectoryError::Unavailable) => {
                self.give_back(attempt, reserved).await;
                Err(Reason::DirectoryUnavailable)
            }
            // The server may have counted the password, so it stays counted here too.
            Err(DirectoryError::TimedOut) => Err(Reason::DirectoryTimedOut),
        }
    }

    /// Once the password is right or none is required: reads the groups that the answer names, then
    /// settles the code. In this order, because a code that is used up cannot wait for a directory
    /// that fails; and only for a code that is right, so that a refusal takes no longer.
    async fn accept(
        &self,
        attempt: &CodeAttempt,
        user: &User,
        reserved: Option<Timestamp>,
        deadline: Instant,
    ) -> Result<Option<Vec<String>>, Reason> {
        let mut groups = Ok(AnswerGroups::NotAsked);
        if attempt.is_accepted() {
            groups = self.parts.directory.answer_groups(user, deadline).await;
        }
        let groups = match groups {
            Ok(AnswerGroups::NotAsked) => Ok(None),
            Ok(AnswerGroups::In(groups)) => Ok(Some(groups)),
            Ok(AnswerGroups::Gone) => Err(Reason::UserGone),
            Err(error) => Err(error.into()),
        };
        if let (Err(_), Some(reserved)) = (&groups, reserved) {
            self.give_back(attempt, reserved).await;
        }
        let groups = groups?;
        self.settle(attempt, reserved).await?;
        Ok(groups)
    }

    /// Returns a reserved try that turned out not to be a wrong password.
    async fn give_back(&self, attempt: &CodeAttempt, reserved: Timestamp) {
        let counts_for = self.parts.limits.wrong_passwords_per_user.per;
        let (tries, subject) = (&self.parts.tries, &attempt.subject);
        code_settlement::give_back(tries, subject, reserved, attempt.from, counts_for).await;
    }

    /// Decides by the code.
    async fn settle(
        &self,
        attempt: &CodeAttempt,
        reserved: Option<Timestamp>,
    ) -> Result<(), Reason> {
        let parts = &self.parts;
        let code_try = CodeTry {
            subject: attempt.subject.clone(),
            nonce: attempt.grant.nonce,
            reserved,
            from: attempt.from,
            limits: parts.limits,
        };
        let verdict = if attempt.is_accepted() { CodeVerdict::Right } else { CodeVerdict::Wrong };
        match code_settlement::settle(&parts.tries, code_try, verdict).await? {
            None if attempt.code_right => Err(Reason::CodeGuessed),
            None => Err(Reason::CodeWrong),
            Some(Redemption::Redeemed) => Ok(()),
            Some(Redemption::NoGrant) => Err(Reason::CodeGone),
            Some(Redemption::CodesSpent(wait)) => Err(Reason::WrongCodesPerUser(wait)),
        }
    }
}

/// An id that no user has: ids are never blank.
const UNKNOWN_USER_ID: &str = " ";

/// A typed code, compared with the grant that was live when it was read.
struct CodeAttempt {
    subject: Subject,
    grant: Grant,
    code_right: bool,
    /// Whether too many wrong codes with the same password came before it.
    guessed: bool,
    from: Option<ClientAddress>,
}

impl CodeAttempt {
    /// Whether the code lets the user in, if the grant still exists.
    const fn is_accepted(&self) -> bool {
        self.code_right && !self.guessed
    }
}

/// When to send a refusal: at the next multiple of `floor` after the body was read, so that its time
/// does not reveal the reason, and not before `recent`, the time that recent logins with a bind took;
/// never after `deadline`. If `floor` is zero, only `recent` counts.
#[must_use]
pub fn refusal_time(
    read_at: Instant,
    now: Instant,
    floor: Duration,
    recent: Duration,
    deadline: Instant,
) -> Instant {
    let elapsed = now.saturating_duration_since(read_at).max(recent);
    if floor.is_zero() {
        return (read_at + elapsed).min(deadline).max(now);
    }
    let multiples = elapsed.as_nanos().div_ceil(floor.as_nanos()).max(1);
    let wait = u32::try_from(multiples).ok().and_then(|n| floor.checked_mul(n));
    wait.map_or(deadline, |wait| (read_at + wait).min(deadline)).max(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_goes_out_at_the_next_multiple_of_the_floor() {
        let read_at = Instant::now();
        let ms = Duration::from_millis;
        let at = |elapsed, floor, recent| {
            let (now, deadline) = (read_at + ms(elapsed), read_at + ms(5000));
            refusal_time(read_at, now, ms(floor), ms(recent), deadline) - read_at
        };
        assert_eq!(at(0, 300, 0), ms(300));
        assert_eq!(at(1, 300, 299), ms(300));
        assert_eq!(at(300, 300, 0), ms(300));
        assert_eq!(at(301, 300, 0), ms(600));
        assert_eq!(at(1, 300, 700), ms(900), "where binds recent took longer");
        assert_eq!(at(701, 300, 700), ms(900), "as one with a bind");
        assert_eq!(at(1, 300, 6000), ms(5000), "never after the deadline");
        assert_eq!(at(4999, 300, 0), ms(5000), "never after the deadline");
        assert_eq!(at(7, 0, 3), ms(7), "a floor of zero has no multiples");
        assert_eq!(at(7, 0, 900), ms(900), "and covers binds all the same");
        assert_eq!(at(7, 0, 6000), ms(5000), "never after the deadline");
    }
}
