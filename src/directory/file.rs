//! A directory in one TOML file, for small sites and the demo: people, their numbers, and argon2
//! password hashes. The file is read again when it changes; a bad new one changes nothing.

mod inspection;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use async_trait::async_trait;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::{DependencyState, Directory, DirectoryError, Occasion, PasswordCheck};
use crate::domain::account_state::AccountState;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::secret::Password;
use crate::domain::stored_number::NumberingPlan;
use crate::domain::user::{
    Candidates, Membership, NumberValue, PasswordRefusal, Pin, TypedName, User, UserId,
};

/// How often the file is looked at for changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is wrong with a people file.
#[derive(Debug, thiserror::Error)]
pub enum FileDirectoryError {
    /// It cannot be read.
    #[error("{path}: cannot be read: {error}; give a file this user may read")]
    Unreadable {
        /// The file.
        path: String,
        /// The operating system's reason.
        error: std::io::Error,
    },
    /// It is not a list of people.
    #[error("{path}: {problem}")]
    Invalid {
        /// The file.
        path: String,
        /// Which key, what was found, what is accepted.
        problem: String,
    },
}

/// The file as written. See `config/people.toml` for a commented example.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeopleFile {
    #[serde(default)]
    people: Vec<PersonEntry>,
}

/// One person as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonEntry {
    /// Stable id; the username if left out.
    id: Option<String>,
    username: String,
    #[serde(default)]
    numbers: Vec<String>,
    /// argon2 in PHC form; left out: no password is right.
    password_hash: Option<String>,
    /// Digits that tell this person from others with the same number.
    pin: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
}

const fn yes() -> bool {
    true
}

/// The people, looked up by number and by name.
struct People {
    entries: Vec<(User, Option<String>)>,
    by_number: HashMap<PhoneNumber, Vec<usize>>,
    by_name: HashMap<String, usize>,
}

impl People {
    fn parse(text: &str, plan: NumberingPlan) -> Result<Self, String> {
        let file: PeopleFile = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
            format!("line {line}: {}", error.message())
        })?;
        let mut people = Self {
            entries: Vec::with_capacity(file.people.len()),
            by_number: HashMap::new(),
            by_name: HashMap::new(),
        };
        let mut ids = HashMap::new();
        for (index, person) in file.people.into_iter().enumerate() {
            let username = person.username;
            let at = |key: &str| format!("people[{index}] ({username:?}).{key}");
            if TypedName::parse(&username).is_none() || username.trim() != username {
                return Err(format!(
                    "{}: found {username:?}; accepted: 1 to 256 characters, none of them control characters, no blanks around them",
                    at("username")
                ));
            }
            let id = person.id.unwrap_or_else(|| username.clone());
            let id = UserId::parse(id).ok_or_else(|| format!("{}: empty", at("id")))?;
            if let Some(hash) = &person.password_hash
                && PasswordHash::new(hash).is_err()
            {
                return Err(format!(
                    "{}: not an argon2 hash in PHC form ($argon2id$…); `dialpass hash-password` makes one",
                    at("password_hash")
                ));
            }
            if let Some(other) = people.by_name.insert(username.to_lowercase(), index) {
                return Err(format!("{}: people[{other}] has the same name", at("username")));
            }
            if let Some(other) = ids.insert(id.clone(), index) {
                return Err(format!("{}: people[{other}] has the same id", at("id")));
            }
            let mut numbers = Vec::new();
            for (rank, text) in person.numbers.into_iter().enumerate() {
                let number = plan.read_stored(&text).ok_or_else(|| {
                    format!("{}[{rank}]: not a telephone number; accepted: +46 70 123 45 67, or national", at("numbers"))
                })?;
                let owners = people.by_number.entry(number).or_default();
                if owners.last() != Some(&index) {
                    owners.push(index);
                }
                numbers.push(NumberValue { rank, text });
            }
            let pin = person.pin.as_deref().map(Pin::parse);
            if pin.as_ref().is_some_and(Option::is_none) {
                return Err(format!("{}: not a PIN; accepted: 1 to 32 digits", at("pin")));
            }
            let user = User {
                id,
                locator: username.clone(),
                account: AccountState::enabled(person.enabled),
                numbers,
                pins: pin.flatten().into_iter().collect(),
                username,
            };
            people.entries.push((user, person.password_hash));
        }
        Ok(people)
    }

    fn users(&self, indexes: &[usize]) -> Candidates {
        let users = indexes.iter().map(|index| self.entries[*index].0.clone()).collect();
        Candidates { users, truncated: false }
    }
}

/// What tells that a file changed.
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
    checks: Arc<Semaphore>,
    runtime: Handle,
}

impl FileDirectory {
    /// Reads `path` and keeps looking whether it changed, on `runtime`.
    ///
    /// # Errors
    /// [`FileDirectoryError`] if the file cannot be read or makes no sense.
    pub fn open(
        path: &Path,
        plan: NumberingPlan,
        runtime: Handle,
    ) -> Result<Self, FileDirectoryError> {
        let name = path.display().to_string();
        let seen = fingerprint(path);
        let text = fs::read_to_string(path)
            .map_err(|error| FileDirectoryError::Unreadable { path: name.clone(), error })?;
        let directory = Self::from_text(name, &text, plan, runtime)?;
        directory.watch(path.to_owned(), seen);
        Ok(directory)
    }

    /// A directory of the people in `text`, which nothing changes. `name` is shown to operators.
    ///
    /// # Errors
    /// [`FileDirectoryError::Invalid`] if the text makes no sense.
    pub fn from_text(
        name: String,
        text: &str,
        plan: NumberingPlan,
        runtime: Handle,
    ) -> Result<Self, FileDirectoryError> {
        let people = People::parse(text, plan)
            .map_err(|problem| FileDirectoryError::Invalid { path: name.clone(), problem })?;
        // Each password check takes a core and some 20 MiB while it runs.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            name,
            plan,
            people: Arc::new(ArcSwap::from_pointee(people)),
            problem: Arc::new(ArcSwap::from_pointee(String::new())),
            checks: Arc::new(Semaphore::new(cores)),
            runtime,
        })
    }

    /// Looks at the file from time to time until the directory is dropped.
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
                let read = fs::read_to_string(&path)
                    .map_err(|error| format!("cannot be read: {error}"))
                    .and_then(|text| People::parse(&text, plan));
                match read {
                    Ok(read) => {
                        tracing::info!(file = %path.display(), people = read.entries.len(), "the people file changed and was read again");
                        people.store(Arc::new(read));
                        problem.store(Arc::default());
                    }
                    Err(reason) => {
                        tracing::error!(file = %path.display(), %reason, "the people file changed and is not usable; the people read before stay in force until it is mended");
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
        let people = self.people.load();
        Ok(people.users(people.by_number.get(number).map_or(&[], Vec::as_slice)))
    }

    async fn find_by_name(
        &self,
        name: &TypedName,
        _deadline: Instant,
    ) -> Result<Candidates, DirectoryError> {
        let people = self.people.load();
        let found = people.by_name.get(&name.as_str().to_lowercase()).copied();
        Ok(people.users(found.as_slice()))
    }

    async fn membership(
        &self,
        _user: &User,
        _occasion: Occasion,
        _deadline: Instant,
    ) -> Result<Membership, DirectoryError> {
        // A file has no groups: who may not use the gateway is not in it.
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
        let Some(hash) = hash else {
            return Ok(PasswordCheck::Refused(PasswordRefusal::WrongPassword));
        };
        let slot = timeout_at(deadline, Arc::clone(&self.checks).acquire_owned())
            .await
            .map_err(|_| DirectoryError::Unavailable)?
            .map_err(|_| DirectoryError::Unavailable)?;
        let password = password.clone();
        let check = self.runtime.spawn_blocking(move || {
            let _slot = slot;
            PasswordHash::new(&hash).is_ok_and(|hash| {
                Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok()
            })
        });
        match timeout_at(deadline, check).await {
            Ok(Ok(true)) => Ok(PasswordCheck::Right),
            Ok(Ok(false)) => Ok(PasswordCheck::Refused(PasswordRefusal::WrongPassword)),
            Ok(Err(_)) | Err(_) => Err(DirectoryError::TimedOut),
        }
    }

    fn states(&self) -> Vec<DependencyState> {
        let detail = self.problem.load().as_str().to_owned();
        vec![DependencyState { name: self.name.clone(), up: true, detail, is_aid: false }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> NumberingPlan {
        NumberingPlan::for_country("SE").expect("a country")
    }

    fn parse(text: &str) -> Result<People, String> {
        People::parse(text, plan())
    }

    #[test]
    fn people_are_found_by_any_form_of_their_number() {
        let people = parse("[[people]]\nusername='anna'\nnumbers=['070-123 45 67']").expect("good");
        let number = plan().read_stored("+46701234567").expect("a number");
        assert_eq!(people.by_number[&number], [0]);
    }

    #[test]
    fn a_bad_file_says_where_and_what() {
        for (text, says) in [
            ("[[people]]\nusername='a'\nnumber=[]", "line 3: unknown field `number`"),
            ("[[people]]\nusername='a'\nnumbers=['x']", "people[0] (\"a\").numbers[0]"),
            ("[[people]]\nusername='a'\n[[people]]\nusername='A'", "people[1] (\"A\").username"),
            (
                "[[people]]\nusername='a'\nid='1'\n[[people]]\nusername='b'\nid='1'",
                "people[1] (\"b\").id",
            ),
            (
                "[[people]]\nusername='a'\npassword_hash='hunter2'",
                "people[0] (\"a\").password_hash",
            ),
            ("[[people]]\nusername='a'\npin='12x'", "people[0] (\"a\").pin"),
            ("people = 3", "line 1"),
        ] {
            let problem = parse(text).err().expect(text);
            assert!(problem.contains(says), "{problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
