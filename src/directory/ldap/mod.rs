//! Users in LDAP directories (OpenLDAP, Active Directory, …): [`LdapDirectory`] asks the first of
//! a tenant's servers that works. What its settings are read from is elsewhere.
//!
//! Searches share a few connections to each server, bound as the service account; passwords are
//! checked by binds over others. A server that fails is marked down, skipped, and probed in the
//! background until it is back.
//!
//! No log line here holds a password, a whole number or a typed name, at any level. The library
//! underneath logs by the `log` crate: whoever forwards that to tracing should cap `ldap3` and
//! `lber` at `error`, because some of their warnings hold pieces of the server's answers.

mod bind_pool;
mod breaker;
mod connection;
mod entry;
mod filter;
#[expect(dead_code, reason = "not used yet")]
mod index;
mod search;
mod server;
mod settings;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ldap3::Scope;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use tracing::{error, warn};

pub use self::filter::{FilterError, check_filter};
pub use self::settings::{
    AttributeNameError, DEFAULT_BIND_CONNECTIONS, DEFAULT_SEARCH_CONNECTIONS,
    DEFAULT_SEARCHES_PER_CONNECTION, DEFAULT_SIZE_LIMIT, LdapSettings, NumberMatch, ServerUrl,
    ServerUrlError, check_attribute,
};
pub use self::tls::{TlsConfigError, tls_config};

use self::connection::AbortOnDrop;
use self::search::{Found, Query, SearchFailure};
use self::server::{BindOutcome, Server};
use super::{DependencyState, Directory, DirectoryError, PasswordCheck};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::secret::Password;
use crate::domain::user::{Candidates, TypedName, User};

/// How much longer than the deadline to wait for work that ends by itself at the deadline, since
/// it knows best how far it came.
const GRACE: Duration = Duration::from_millis(50);

/// A tenant's users in LDAP.
///
/// All its connections and background tasks live on one runtime, and so does each request's work
/// here: a request that is dropped ends in good order, and what it used is fit for the next.
pub struct LdapDirectory {
    servers: Arc<Servers>,
    runtime: Handle,
    _watches: Vec<AbortOnDrop>,
}

struct Servers {
    settings: Arc<LdapSettings>,
    preferred_first: Vec<Arc<Server>>,
    /// What searches read of an entry.
    attributes: Arc<[String]>,
}

impl LdapDirectory {
    /// A directory whose connections live on `runtime`. Nothing is waited for: servers are
    /// connected to in the background, and need not be there yet.
    #[must_use]
    pub fn new(settings: LdapSettings, runtime: Handle) -> Self {
        let settings = Arc::new(settings);
        let servers: Vec<_> =
            settings.servers.iter().map(|url| Arc::new(Server::new(url, &settings))).collect();
        let watches = servers
            .iter()
            .map(|server| AbortOnDrop(runtime.spawn(Arc::clone(server).watch()).abort_handle()))
            .collect();
        let mut attributes = vec![
            settings.id_attribute.clone(),
            settings.username_attribute.clone(),
            entry::ACCOUNT_CONTROL.to_owned(),
        ];
        attributes.extend(settings.phone_attributes.iter().cloned());
        let servers = Servers { settings, preferred_first: servers, attributes: attributes.into() };
        Self { servers: Arc::new(servers), runtime, _watches: watches }
    }

    /// Does `work` on the directory's own runtime.
    async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl Future<Output = Result<T, DirectoryError>> + Send + 'static,
    ) -> Result<T, DirectoryError> {
        match timeout_at(deadline + GRACE, self.runtime.spawn(work)).await {
            Ok(Ok(answer)) => answer,
            // What was sent before the work ended is not known, so it counts as sent.
            Ok(Err(ended)) => {
                error!(panicked = ended.is_panic(), "directory request ended early");
                Err(DirectoryError::TimedOut)
            }
            Err(_) => Err(DirectoryError::TimedOut),
        }
    }

    async fn find(
        &self,
        filter: String,
        typed: Option<TypedName>,
        deadline: Instant,
    ) -> Result<Candidates, DirectoryError> {
        let servers = Arc::clone(&self.servers);
        self.run(deadline, async move {
            let found = servers.search(filter, deadline).await?;
            Ok(servers.candidates(&found, typed.as_ref()))
        })
        .await
    }
}

impl Servers {
    /// Asks one server after another, until one answers.
    async fn search(&self, filter: String, deadline: Instant) -> Result<Found, DirectoryError> {
        let query = Query {
            base: self.settings.base_dn.clone(),
            scope: Scope::Subtree,
            filter,
            attributes: Arc::clone(&self.attributes),
            size_limit: self.settings.size_limit,
            time_limit: server::time_limit(&self.settings),
        };
        let mut failed = DirectoryError::Unavailable;
        for server in &self.preferred_first {
            if Instant::now() >= deadline {
                return Err(DirectoryError::TimedOut);
            }
            match server.search(&query, deadline).await {
                Ok(found) => return Ok(found),
                Err(SearchFailure::TimedOut | SearchFailure::Crowded) => {
                    failed = DirectoryError::TimedOut;
                }
                Err(
                    SearchFailure::Down
                    | SearchFailure::Lost
                    | SearchFailure::Trouble(_)
                    | SearchFailure::Rejected(_),
                ) => {}
            }
        }
        Err(failed)
    }

    /// The users among the entries. One that cannot be told apart from others makes the list
    /// incomplete, so that it is never overlooked.
    fn candidates(&self, found: &Found, typed: Option<&TypedName>) -> Candidates {
        let mut candidates = Candidates { users: Vec::new(), truncated: found.truncated };
        for entry in &found.entries {
            match entry::read(entry, &self.settings, typed.map(TypedName::as_str)) {
                Ok(user) => candidates.users.push(user),
                Err(wrong) => {
                    warn!(
                        %wrong,
                        id_attribute = self.settings.id_attribute,
                        username_attribute = self.settings.username_attribute,
                        "a directory entry is unusable; check these settings and what the \
                         service account may read"
                    );
                    candidates.truncated = true;
                }
            }
        }
        candidates
    }

    /// Asks the first server that takes the password. A password that may have reached one is
    /// not sent to another, or one try would count as two towards a lockout.
    async fn check_password(
        &self,
        dn: &str,
        password: &Password,
        deadline: Instant,
    ) -> Result<PasswordCheck, DirectoryError> {
        for server in &self.preferred_first {
            match server.check_password(dn, password, deadline).await {
                BindOutcome::Judged(check) => return Ok(check),
                BindOutcome::Unknown => return Err(DirectoryError::TimedOut),
                BindOutcome::NotSent => {}
            }
        }
        Err(DirectoryError::Unavailable)
    }
}

#[async_trait]
impl Directory for LdapDirectory {
    async fn find_by_number(
        &self,
        number: &PhoneNumber,
        deadline: Instant,
    ) -> Result<Candidates, DirectoryError> {
        let settings = &self.servers.settings;
        let filter = filter::by_number(
            &settings.user_filter,
            &settings.phone_attributes,
            number,
            settings.plan,
            settings.number_match,
        );
        self.find(filter, None, deadline).await
    }

    async fn find_by_name(
        &self,
        name: &TypedName,
        deadline: Instant,
    ) -> Result<Candidates, DirectoryError> {
        let settings = &self.servers.settings;
        let filter = filter::by_name(&settings.user_filter, &settings.username_attribute, name);
        self.find(filter, Some(name.clone()), deadline).await
    }

    async fn check_password(
        &self,
        user: &User,
        password: &Password,
        deadline: Instant,
    ) -> Result<PasswordCheck, DirectoryError> {
        // Without a DN a bind would be anonymous, and succeed.
        if user.locator.is_empty() {
            return Ok(PasswordCheck::Wrong);
        }
        let servers = Arc::clone(&self.servers);
        let (dn, password) = (user.locator.clone(), password.clone());
        self.run(deadline, async move { servers.check_password(&dn, &password, deadline).await })
            .await
    }

    fn states(&self) -> Vec<DependencyState> {
        self.servers.preferred_first.iter().map(|server| server.state()).collect()
    }
}
