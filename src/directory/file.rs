//! A directory in one TOML file, for small sites and the demo: people, their numbers, and argon2
//! password hashes. The file is read again when it changes; a bad new one changes nothing.

mod hashing;
mod inspection;
mod people;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::time::Instant;

use self::hashing::Hashing;
use self::people::{People, decode};
use super::{DependencyState, Directory, DirectoryError, Occasion, PasswordCheck};
use crate::domain::account_state::PasswordRefusal;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::secret::Password;
use crate::domain::stored_number::NumberingPlan;
use crate::domain::user::{Candidates, Membership, TypedName, User};
use crate::regular_file;

/// Interval between checks whether the file has changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is wrong with a people file.
#[derive(Debug, thiserror::Error)]
pub enum FileDirectoryError {
    /// The file cannot be read.
    #[error("{path}: cannot be read: {error}; name a file that this user may read")]
    Unreadable {
        /// The file.
        path: String,
        /// The operating system's reason.
        error: std::io::Error,
    },
    /// The file is not a valid list of people.
    #[error("{path}: {}", problems.join("; "))]
    Invalid {
        /// The file.
        path: String,
        /// Each mistake: which key, what was found, what is accepted.
        problems: Vec<String>,
    },
}

impl FileDirectoryError {
    /// Each mistake separately, with the file's name.
    #[must_use]
    pub fn each(&self) -> Vec<String> {
        match self {
            Self::Unreadable { .. } => vec![self.to_string()],
            Self::Invalid { path, problems } => {
                problems.iter().map(|problem| format!("{path}: {problem}")).collect()
            }
        }
    }
}

/// What an administrator should look at in a people file that works. `is_public` means that other
/// machines can connect, `by_pin` that PINs tell people with the same number apart. A file that
/// cannot be used is reported when it is opened.
#[must_use]
pub fn doubtful(path: &Path, is_public: bool, by_pin: bool) -> Vec<String> {
    let Ok(bytes) = regular_file::read(path) else { return Vec::new() };
    decode(&bytes).map(|text| people::doubtful(text, is_public, by_pin)).unwrap_or_default()
}

/// Identifies a version of the file: modification time, size and inode.
type Fingerprint = (std::time::SystemTime, u64, u64);

fn fingerprint(path: &Path) -> Option<Fingerprint> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}

/// A directory in a file.
pub struct FileDirectory {
    name: String,
    plan: NumberingPlan,
    people: Arc<ArcSwap<People>>,
    problem: Arc<ArcSwap<String>>,
    hashing: Hashing,
    runtime: Handle,
}

impl FileDirectory {
    /// Reads `path`, and reads it again whenever it changes, on `runtime`.
    ///
    /// # Errors
    /// [`FileDirectoryError`] if the file cannot be read or is invalid.
    pub fn open(
        path: &Path,
        plan: NumberingPlan,
        runtime: Handle,
    ) -> Result<Self, FileDirectoryError> {
        let name = path.display().to_string();
        let seen = fingerprint(path);
        let bytes = regular_file::read(path)
            .map_err(|error| FileDirectoryError::Unreadable { path: name.clone(), error })?;
        let text = decode(&bytes).map_err(|problem| FileDirectoryError::Invalid {
            path: name.clone(),
            problems: vec![problem],
        })?;
        let directory = Self::from_text(name, text, plan, runtime)?;
        directory.watch(path.to_owned(), seen);
        Ok(directory)
    }

    /// A directory of the people in `text`, which never changes. `name` is shown to operators.
    ///
    /// # Errors
    /// [`FileDirectoryError::Invalid`] if the text is invalid.
    pub fn from_text(
        name: String,
        text: &str,
        plan: NumberingPlan,
        runtime: Handle,
    ) -> Result<Self, FileDirectoryError> {
        let people = People::parse(text, plan)
            .map_err(|problems| FileDirectoryError::Invalid { path: name.clone(), problems })?;
        Ok(Self {
            name,
            plan,
            people: Arc::new(ArcSwap::from_pointee(people)),
            problem: Arc::new(ArcSwap::from_pointee(String::new())),
            hashing: Hashing::new(runtime.clone()),
            runtime,
        })
    }

    /// Checks the file at intervals until the directory is dropped.
    fn watch(&self, path: PathBuf, mut seen: Option<Fingerprint>) {
        let people: Weak<ArcSwap<People>> = Arc::downgrade(&self.people);
        let problem = Arc::clone(&self.problem);
        let plan = self.plan;
        self.runtime.spawn(async move {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let Some(people) = people.upgrade() else { return };
                let now = fingerprint(&path);
                if now == seen {
                    continue;
                }
                seen = now;
                let read = regular_file::read(&path)
                    .map_err(|error| format!("cannot be read: {error}"))
                    .and_then(|bytes| {
                        People::parse(decode(&bytes)?, plan).map_err(|all| all.join("; "))
                    });
                match read {
                    Ok(read) => {
                        tracing::info!(file = %path.display(), people = read.entries.len(), "the people file changed and was read again");
                        people.store(Arc::new(read));
                        problem.store(Arc::default());
                    }
                    Err(reason) => {
                        tracing::error!(file = %path.display(), %reason, "the people file changed and is not usable; the people read before stay in use until it is corrected");
                        problem.store(Arc::new(reason));
                    }
                }
            }
        });
    }
}

#[async_trait]
impl Directory for FileDirectory {
    async fn find_by_number(
        &self,
        number: &PhoneNumber,
        _deadline: Instant,
    ) -> Result<Candidates, DirectoryError> {
        Ok(self.people.load().with_number(number))
    }

    async fn find_by_name(
        &self,
        name: &TypedName,
        _deadline: Instant,
    ) -> Result<Candidates, DirectoryError> {
        Ok(self.people.load().with_name(name))
    }

    async fn membership(
        &self,
        _user: &User,
        _occasion: Occasion,
        _deadline: Instant,
    ) -> Result<Membership, DirectoryError> {
        // A file has no groups: everyone in it may use the gateway.
        Ok(Membership::Allowed)
    }

    async fn check_password(
        &self,
        user: &User,
        password: &Password,
        deadline: Instant,
    ) -> Result<PasswordCheck, DirectoryError> {
        let people = self.people.load_full();
        let hash = people.by_name.get(&user.locator.to_lowercase()).and_then(|index| {
            let (entry, hash) = &people.entries[*index];
            hash.clone().filter(|_| entry.id == user.id)
        });
        let wrong = PasswordCheck::Refused(PasswordRefusal::WrongPassword);
        let Some(hash) = hash else { return Ok(wrong) };
        let right = self.hashing.check(hash, password.clone(), deadline).await?;
        Ok(if right { PasswordCheck::Right } else { wrong })
    }

    fn expected_check(&self) -> Duration {
        let people = self.people.load();
        self.hashing.measured(people.entries.iter().filter_map(|(_, hash)| hash.as_deref()))
    }

    fn states(&self) -> Vec<DependencyState> {
        let detail = self.problem.load().as_str().to_owned();
        vec![DependencyState { name: self.name.clone(), up: true, detail, is_optional: false }]
    }
}
