//! Users in LDAP directories (OpenLDAP, Active Directory, …): [`LdapDirectory`] asks the first
//! working server of a tenant. Its settings are read elsewhere.
//!
//! Searches share a few connections to each server, bound as the service account; passwords are
//! checked by binds over other connections. A server that fails is marked down, skipped, and probed
//! in the background until it is back; a slow one is tried last. When a server goes down, every
//! request waiting for it moves to the next at once, so a silent server costs its timeout only
//! once.
//!
//! No log line here contains a password, a whole number or a typed name, at any level. The LDAP
//! library logs through the `log` crate: if you forward that to tracing, cap `ldap3` and `lber` at
//! `error`, because some of their warnings contain pieces of the server's answers.

mod account;
mod bind_pool;
mod changes;
mod connection;
mod descent;
mod dn;
mod domains;
mod entry;
mod filter;
mod groups;
mod hosts;
mod index;
mod inspection;
mod judgement;
mod latency;
mod names;
mod pages;
mod probe;
mod probes;
mod refusal;
mod resolver;
mod search;
mod server;
mod servers;
pub mod settings;
mod values;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use tracing::error;

pub use self::inspection::LdapInspection;
pub use self::resolver::Resolver;
pub use self::settings::{
    AccountChecks, AttributeNameError, Confirm, DEFAULT_BIND_CONNECTIONS,
    DEFAULT_SEARCH_CONNECTIONS, DEFAULT_SEARCHES_PER_CONNECTION, DEFAULT_SIZE_LIMIT, FilterError,
    IndexSettings, LdapSettings, Lookup, NumberMatch, Profile, ServerOrder, ServerUrl,
    ServerUrlError, check_attribute, check_filter,
};

use self::connection::AbortOnDrop;
use self::groups::Readable;
use self::index::{Index, Indexed, Key};
use self::judgement::Kind;
use self::servers::{Again, Servers};
use super::{
    AnswerGroups, DependencyState, Directory, DirectoryError, IndexFigures, Occasion, PasswordCheck,
};
use crate::domain::account_state::PasswordRefusal;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::secret::Password;
use crate::domain::user::{Candidates, Membership, TypedName, User};
use crate::telemetry::node_metrics::PoolUse;

/// Extra time to wait for work that ends by itself at the deadline, because it knows best how far
/// it got.
const GRACE: Duration = Duration::from_millis(50);

/// A tenant's users in LDAP.
///
/// All its connections, background tasks and requests run on one runtime, so a dropped request
/// still ends cleanly and leaves its connections usable.
pub struct LdapDirectory {
    servers: Arc<Servers>,
    readable: Arc<Readable>,
    index: Option<Index>,
    runtime: Handle,
    _watches: Vec<AbortOnDrop>,
}

impl LdapDirectory {
    /// A directory whose connections run on `runtime`. Returns at once: servers are connected in
    /// the background, and need not be reachable yet.
    #[must_use]
    pub fn new(settings: LdapSettings, runtime: Handle) -> Self {
        Self::resolved_by(settings, runtime, Resolver::system())
    }

    /// The same, with a resolver other than the system's.
    #[must_use]
    pub fn resolved_by(settings: LdapSettings, runtime: Handle, resolver: Resolver) -> Self {
        let servers = Arc::new(Servers::new(Arc::new(settings), resolver));
        let hosts = servers.hosts();
        let watch = |at| AbortOnDrop(runtime.spawn(Arc::clone(hosts).keep(at)).abort_handle());
        let watches = (0..hosts.len()).map(watch).collect();
        let index = match servers.settings().lookup {
            Lookup::Index(how) => Some(Index::new(&servers, how, &runtime)),
            Lookup::Search | Lookup::Never => None,
        };
        Self { servers, readable: Arc::default(), index, runtime, _watches: watches }
    }

    /// The current entries of the people found in the index, read by their own ids: a change that
    /// the index missed takes effect, and another entry that now has a person's DN does not. Tries
    /// the server that the index follows first, because others may lag behind.
    async fn confirmed(
        &self,
        index: &Index,
        found: Indexed,
        deadline: Instant,
    ) -> Result<Candidates, DirectoryError> {
        let Indexed { mut people, truncated } = found;
        if !index.confirms() {
            let users = people.into_iter().map(|(_, _, user)| user).collect();
            return Ok(Candidates::to_compare(users, truncated));
        }
        // The index serves calls even if all servers are silent, so leave time for that.
        let limit = deadline.min(Instant::now() + self.servers.settings().timeout);
        let mut now = match people.pop() {
            Some(one) if people.is_empty() => self.one_again(index, one, limit).await?,
            Some(last) => {
                people.push(last);
                self.all_again(index, people, limit).await
            }
            None => Candidates::default(),
        };
        now.truncated |= truncated;
        Ok(now)
    }

    /// Reads one person, starting at their last DN.
    async fn one_again(
        &self,
        index: &Index,
        (base, key, known): (usize, Key, User),
        limit: Instant,
    ) -> Result<Candidates, DirectoryError> {
        let (servers, dn) = (Arc::clone(&self.servers), known.locator.clone());
        let (filter, first) = (index::filter(&key, servers.settings()), index.followed());
        let reading = async move { servers.again(first.as_deref(), &dn, &filter, limit).await };
        let now = match self.run(limit, reading).await {
            Ok(Again::Here(now)) => Some(now),
            Ok(Again::Gone) => None,
            Ok(Again::Away(error)) => return Err(error),
            // Without a server no login works either, and the login will check again.
            Err(_) => return Ok(Candidates::to_compare(vec![known], false)),
        };
        if now.as_ref().is_none_or(|now| !index.agrees(base, key, now)) {
            index.doubt(base, key);
        }
        Ok(Candidates::to_compare(now.into_iter().collect(), false))
    }

    /// Reads several people in one search, so that all are from the same moment. If they were read
    /// one by one, a number that all of them gained or lost in between might seem to belong to one
    /// person only.
    async fn all_again(
        &self,
        index: &Index,
        people: Vec<(usize, Key, User)>,
        limit: Instant,
    ) -> Candidates {
        let (servers, first) = (Arc::clone(&self.servers), index.followed());
        let filters = people.iter().map(|(_, key, _)| index::filter(key, servers.settings()));
        let filter = format!("(|{})", filters.collect::<String>());
        let reading = async move {
            let queries = servers.people(&servers.settings().base_dns, Kind::Entry, &filter);
            let found = servers.search_first(first.as_deref(), &queries, limit).await?;
            Ok(servers.candidates(&found, None))
        };
        let Ok(now) = self.run(limit, reading).await else {
            let users = people.into_iter().map(|(_, _, user)| user).collect();
            return Candidates::to_compare(users, false);
        };
        for (base, key, known) in people {
            let same = now.users.iter().find(|user| user.id == known.id);
            if same.is_none_or(|now| !index.agrees(base, key, now)) {
                index.doubt(base, key);
            }
        }
        now
    }

    /// Runs `work` on the directory's own runtime.
    async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl Future<Output = Result<T, DirectoryError>> + Send + 'static,
    ) -> Result<T, DirectoryError> {
        match timeout_at(deadline + GRACE, self.runtime.spawn(work)).await {
            Ok(Ok(answer)) => answer,
            // It is unknown what was sent before the work ended, so treat it as sent.
            Ok(Err(ended)) => {
                error!(panicked = ended.is_panic(), "directory request ended early");
                Err(DirectoryError::TimedOut)
            }
            Err(_) => Err(DirectoryError::TimedOut),
        }
    }
}

#[async_trait]
impl Directory for LdapDirectory {
    async fn find_by_number(
        &self,
        number: &PhoneNumber,
        deadline: Instant,
    ) -> Result<Candidates, DirectoryError> {
        if let Some(index) = &self.index
            && let Some(found) = index.find(number)
        {
            return self.confirmed(index, found, deadline).await;
        }
        let settings = self.servers.settings();
        let filter = filter::by_number(settings, number);
        let servers = Arc::clone(&self.servers);
        self.run(deadline, async move {
            let queries = servers.people(&servers.settings().base_dns, Kind::Number, &filter);
            let found = servers.search(&queries, deadline).await?;
            Ok(servers.candidates(&found, None))
        })
        .await
    }

    async fn find_by_name(
        &self,
        name: &TypedName,
        deadline: Instant,
    ) -> Result<Candidates, DirectoryError> {
        let (servers, name) = (Arc::clone(&self.servers), name.clone());
        self.run(deadline, async move { servers.find_by_name(&name, deadline).await }).await
    }

    async fn membership(
        &self,
        user: &User,
        occasion: Occasion,
        deadline: Instant,
    ) -> Result<Membership, DirectoryError> {
        let settings = self.servers.settings();
        if settings.required_group.is_none() && settings.excluded_group.is_none() {
            return Ok(Membership::Allowed);
        }
        let known = |index: &Index| index.knows_as_allowed(user);
        if occasion == Occasion::Call && self.index.as_ref().is_some_and(known) {
            return Ok(Membership::Allowed);
        }
        let (servers, readable) = (Arc::clone(&self.servers), Arc::clone(&self.readable));
        let user = user.clone();
        let asking = async move { groups::membership(&servers, &readable, &user, deadline).await };
        self.run(deadline, asking).await
    }

    async fn check_password(
        &self,
        user: &User,
        password: &Password,
        deadline: Instant,
    ) -> Result<PasswordCheck, DirectoryError> {
        // Without a DN a bind would be anonymous, and succeed.
        if user.locator.is_empty() {
            return Ok(PasswordCheck::Refused(PasswordRefusal::NoSuchUser));
        }
        let servers = Arc::clone(&self.servers);
        let (dn, password) = (user.locator.clone(), password.clone());
        self.run(deadline, async move { servers.check_password(&dn, &password, deadline).await })
            .await
    }

    async fn answer_groups(
        &self,
        user: &User,
        deadline: Instant,
    ) -> Result<AnswerGroups, DirectoryError> {
        if self.servers.settings().answer_groups.is_empty() {
            return Ok(AnswerGroups::NotAsked);
        }
        let (servers, readable) = (Arc::clone(&self.servers), Arc::clone(&self.readable));
        let user = user.clone();
        let asking =
            async move { groups::answer_groups(&servers, &readable, &user, deadline).await };
        self.run(deadline, asking).await
    }

    /// The duration of the gateway's own binds.
    fn expected_check(&self) -> Duration {
        self.servers.service_bind()
    }

    fn states(&self) -> Vec<DependencyState> {
        let from_index = self.index.as_ref().is_some_and(Index::is_usable);
        let mut states = self.servers.states(!from_index);
        states.extend(self.index.as_ref().map(Index::state));
        states
    }

    fn pools(&self) -> Vec<PoolUse> {
        self.servers.hosts().now().iter().flat_map(|server| server.pools()).collect()
    }

    fn index_figures(&self) -> Option<IndexFigures> {
        self.index.as_ref().map(Index::figures)
    }
}
