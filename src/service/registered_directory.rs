//! The registered users as a directory, so that somebody without LDAP can call in: a verified phone
//! is whose it is, and there are no passwords.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::{Instant, timeout_at};

use crate::directory::{DependencyState, Directory, DirectoryError, Occasion, PasswordCheck};
use crate::domain::account_state::{AccountState, PasswordRefusal};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::registered_user::{RegisteredId, RegisteredName, RegisteredUser, UserRef};
use crate::domain::secret::Password;
use crate::domain::tenant::TenantId;
use crate::domain::user::{Candidates, Membership, NumberValue, TypedName, User, UserId};
use crate::store::StoreError;
use crate::store::registry::{Records, Registry, Scope};
/// Most owners of a number that are looked at: two are too many already.
const MOST_OWNERS: u32 = 4;

/// A tenant's registered users.
pub struct RegisteredDirectory {
    tenant: TenantId,
    registry: Arc<dyn Registry>,
}

impl RegisteredDirectory {
    /// The users that `registry` has of this tenant.
    #[must_use]
    pub const fn new(tenant: TenantId, registry: Arc<dyn Registry>) -> Self {
        Self { tenant, registry }
    }

    async fn look(&self, whom: UserRef, deadline: Instant) -> Result<Records, DirectoryError> {
        let seen = self.registry.read_records(Scope::user(&self.tenant, whom));
        Ok(in_time(seen, deadline).await?.value)
    }

    async fn find(
        &self,
        id: RegisteredId,
        deadline: Instant,
    ) -> Result<Option<RegisteredUser>, DirectoryError> {
        let found = self.look(UserRef::Id(id), deadline).await?;
        Ok(found.person.map(|person| person.user))
    }
}

async fn in_time<T>(
    answer: impl Future<Output = Result<T, StoreError>>,
    deadline: Instant,
) -> Result<T, DirectoryError> {
    match timeout_at(deadline, answer).await {
        Ok(answer) => answer.map_err(|_| DirectoryError::Unavailable),
        Err(_) => Err(DirectoryError::TimedOut),
    }
}

/// The user as a directory has them: one without a name is known by the id.
fn entry(user: &RegisteredUser) -> Option<User> {
    let id = user.id.to_string();
    let number = |phone: &crate::domain::registered_user::VerifiedPhone| NumberValue {
        rank: 0,
        text: phone.number.as_str().to_owned(),
    };
    Some(User {
        id: UserId::parse(id.clone())?,
        username: user.name.as_ref().map_or_else(|| id.clone(), ToString::to_string),
        locator: id,
        account: AccountState::open(),
        numbers: user.phones.iter().map(number).collect(),
        pins: Vec::new(),
    })
}

#[async_trait]
impl Directory for RegisteredDirectory {
    async fn find_by_number(
        &self,
        number: &PhoneNumber,
        deadline: Instant,
    ) -> Result<Candidates, DirectoryError> {
        let mut found = Candidates::default();
        for spelling in number.spellings() {
            let owners = self.registry.owners(&self.tenant, &spelling, MOST_OWNERS);
            let owners = in_time(owners, deadline).await?;
            found.truncated |= u32::try_from(owners.len()).is_ok_and(|most| most >= MOST_OWNERS);
            found.users.extend(owners.iter().filter_map(entry));
        }
        Ok(found)
    }

    async fn find_by_name(
        &self,
        name: &TypedName,
        deadline: Instant,
    ) -> Result<Candidates, DirectoryError> {
        // Whose id it is goes before who took it for a name.
        if let Some(id) = RegisteredId::parse(name.as_str())
            && let Some(user) = self.find(id, deadline).await?
        {
            return Ok(Candidates { users: entry(&user).into_iter().collect(), truncated: false });
        }
        let Some(name) = RegisteredName::parse(name.as_str()) else {
            return Ok(Candidates::default());
        };
        let found = self.look(UserRef::Name(name), deadline).await?;
        let users = found.person.and_then(|person| entry(&person.user)).into_iter().collect();
        // People type a name in any case, and services may take one user for the other: a name that
        // several have is nobody's, even as one of them has it.
        Ok(Candidates { users, truncated: found.namesakes > 1 })
    }

    /// There are no groups; a user deleted meanwhile is gone.
    async fn membership(
        &self,
        user: &User,
        _occasion: Occasion,
        deadline: Instant,
    ) -> Result<Membership, DirectoryError> {
        let Some(id) = RegisteredId::parse(user.id.as_str()) else { return Ok(Membership::Gone) };
        let found = self.find(id, deadline).await?;
        Ok(if found.is_some() { Membership::Allowed } else { Membership::Gone })
    }

    /// No password is anybody's.
    async fn check_password(
        &self,
        _user: &User,
        _password: &Password,
        _deadline: Instant,
    ) -> Result<PasswordCheck, DirectoryError> {
        Ok(PasswordCheck::Refused(PasswordRefusal::WrongPassword))
    }

    /// None of its own: the store reports its own.
    fn states(&self) -> Vec<DependencyState> {
        Vec::new()
    }
}
