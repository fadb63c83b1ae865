//! Connections that check passwords by simple binds (RFC 4511 4.2). Each is bound as one user after
//! another and used for nothing else.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use ldap3::{LdapError, LdapResult};
use tokio::time::Instant;

use super::connection::{ConnectError, Connection, Connector};
use super::refusal;
use crate::directory::PasswordCheck;
use crate::domain::secret::Password;

/// Idle time after which a connection is closed: a firewall on the way may have forgotten it, and a
/// bind that gets lost cannot be repeated.
pub(super) const LONGEST_IDLE: Duration = Duration::from_mins(1);

/// Opens connections for the pool, and decides whether one may be reused.
pub(super) struct BindConnections(pub Arc<Connector>);

pub(super) type BindPool = managed::Pool<BindConnections>;

/// A connection bound as some user, or not yet bound.
pub(super) struct BindConnection {
    connection: Connection,
    /// Whether every bind so far was answered. The answer to an earlier bind must never be mistaken
    /// for that to a later one.
    is_clean: bool,
}

impl managed::Manager for BindConnections {
    type Type = BindConnection;
    type Error = ConnectError;

    async fn create(&self) -> Result<BindConnection, ConnectError> {
        Ok(BindConnection { connection: self.0.open().await?, is_clean: true })
    }

    async fn recycle(
        &self,
        bind: &mut BindConnection,
        metrics: &Metrics,
    ) -> RecycleResult<ConnectError> {
        if bind.is_usable() && metrics.last_used() < LONGEST_IDLE {
            Ok(())
        } else {
            Err(RecycleError::message("closed, unsettled or idle for too long"))
        }
    }
}

/// The result of a bind.
pub(super) enum BindAnswer {
    /// The server judged the password.
    Judged(PasswordCheck),
    /// The server answered with this result code, but gave no verdict.
    Undecided(u32),
    /// The bind was certainly not sent.
    NotSent,
    /// The bind may have been sent, and the connection broke.
    Lost,
    /// The bind was sent but not answered in time.
    TimedOut,
}

impl BindConnection {
    /// Whether another bind may be sent.
    pub(super) fn is_usable(&self) -> bool {
        self.is_clean && !self.connection.is_closed()
    }

    /// Binds as `dn`.
    pub(super) async fn bind(
        &mut self,
        dn: &str,
        password: &Password,
        limit: Instant,
    ) -> BindAnswer {
        let left = limit.saturating_duration_since(Instant::now());
        if left.is_zero() || !self.is_usable() {
            return BindAnswer::NotSent;
        }
        self.is_clean = false;
        let mut ldap = self.connection.handle();
        let asked = ldap.with_timeout(left).with_controls(refusal::ask_for_policy());
        match asked.simple_bind(dn, password.expose()).await {
            Ok(result) => {
                self.is_clean = true;
                judge(&result)
            }
            Err(LdapError::OpSend { .. }) => BindAnswer::NotSent,
            Err(LdapError::Timeout { .. }) => BindAnswer::TimedOut,
            Err(_) => BindAnswer::Lost,
        }
    }
}

/// What a bind's result code (RFC 4511 appendix A) says about the password.
///
/// Besides 49, servers refuse a user with 19 and 53 (password policy, locked or disabled), 48 (no
/// password set), 50 (may not log in), 32 and 34 (the entry was deleted after being found).
fn judge(result: &LdapResult) -> BindAnswer {
    match result.rc {
        0 => BindAnswer::Judged(match refusal::policy(&result.ctrls) {
            None => PasswordCheck::Right,
            Some(refusal) => PasswordCheck::Refused(refusal),
        }),
        19 | 32 | 34 | 48 | 49 | 50 | 53 => {
            let why = refusal::why(result.rc, &result.text, &result.ctrls);
            BindAnswer::Judged(PasswordCheck::Refused(why))
        }
        other => BindAnswer::Undecided(other),
    }
}
