//! The registered users as a directory, so that tenants without LDAP can use calls: a caller is the
//! user who verified the phone, and there are no passwords.

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
/// Maximum number of owners that are read for a number: two are already too many.
const MOST_OWNERS: u32 = 4;

/// A tenant's registered users.
pub struct RegisteredDirectory {
    tenant: TenantId,
    registry: Arc<dyn Registry>,
}

impl RegisteredDirectory {
    /// This tenant's users in `registry`.
    #[must_use]
    pub const fn new(tenant: TenantId, registry: Arc<dyn Registry>) -> Self {
        Self { tenant, registry }
    }

    async fn read(&self, user: UserRef, deadline: Instant) -> Result<Records, DirectoryError> {
        let seen = self.registry.read_records(Scope::user(&self.tenant, user));
        Ok(in_time(seen, deadline).await?.value)
    }

    async fn find(
        &self,
        id: RegisteredId,
        deadline: Instant,
    ) -> Result<Option<RegisteredUser>, DirectoryError> {
        let found = self.read(UserRef::Id(id), deadline).await?;
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

/// The user in the directory's form: a user without a name has the id as name.
fn to_user(user: &RegisteredUser) -> Option<User> {
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
        language: None,
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
            found.users.extend(owners.iter().filter_map(to_user));
        }
        Ok(found)
    }

    async fn find_by_name(
        &self,
        name: &TypedName,
        deadline: Instant,
    ) -> Result<Candidates, DirectoryError> {
        // An id takes precedence over an equal name.
        if let Some(id) = RegisteredId::parse(name.as_str())
            && let Some(user) = self.find(id, deadline).await?
        {
            return Ok(Candidates::to_compare(to_user(&user).into_iter().collect(), false));
        }
        let Some(name) = RegisteredName::parse(name.as_str()) else {
            return Ok(Candidates::default());
        };
        let found = self.read(UserRef::Name(name), deadline).await?;
        let users = found.person.and_then(|person| to_user(&person.user)).into_iter().collect();
        // People type names in any case, and services may confuse users whose names differ only in
        // case. So a name that several users have matches none, even if it is written as one has it.
        Ok(Candidates::to_compare(users, found.namesakes > 1))
    }

    /// There are no groups, but the user may have been deleted.
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

    /// There are no passwords, so none is right.
    async fn check_password(
        &self,
        _user: &User,
        _password: &Password,
        _deadline: Instant,
    ) -> Result<PasswordCheck, DirectoryError> {
        Ok(PasswordCheck::Refused(PasswordRefusal::WrongPassword))
    }

    /// None: the store reports its own state.
    fn states(&self) -> Vec<DependencyState> {
        Vec::new()
    }
}
