//! Checks passwords against argon2 hashes (RFC 9106), a few at a time. Memory is reused while checks
//! are waiting and returned to the system afterwards.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant as Wall};

use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::directory::DirectoryError;
use crate::domain::secret::Password;

/// Minimum number of blocks to allocate at once. glibc maps allocations above 32 MiB separately and
/// unmaps them when freed; smaller ones could stay with the thread. Unused pages take no memory.
const MAPPED_BY_ITSELF: usize = 33 * 1024 * 1024 / Block::SIZE;

/// Checks passwords. A check takes a core, and as much memory as its hash demands.
#[derive(Clone)]
pub(super) struct Hashing {
    slots: Arc<Semaphore>,
    spare: Arc<Mutex<Spare>>,
    measured: Arc<Measured>,
    runtime: Handle,
}

/// Memory between two checks.
#[derive(Default)]
struct Spare {
    /// Checks that run or wait for a slot.
    wanted: usize,
    memory: Vec<Vec<Block>>,
}

#[derive(Default)]
struct Measured {
    has_started: AtomicBool,
    millis: AtomicU64,
}

impl Hashing {
    /// Runs as many checks at once as there are cores, on the blocking threads of `runtime`.
    pub(super) fn new(runtime: Handle) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            slots: Arc::new(Semaphore::new(cores)),
            spare: Arc::default(),
            measured: Arc::default(),
            runtime,
        }
    }

    /// Whether `hash` is the hash of `password`.
    ///
    /// # Errors
    /// [`DirectoryError::Unavailable`] if no core became free before `deadline`,
    /// [`DirectoryError::TimedOut`] if the check did not finish before it.
    pub(super) async fn check(
        &self,
        hash: String,
        password: Password,
        deadline: Instant,
    ) -> Result<bool, DirectoryError> {
        let wanted = Wanted::new(&self.spare);
        let slot = timeout_at(deadline, Arc::clone(&self.slots).acquire_owned())
            .await
            .map_err(|_| DirectoryError::Unavailable)?
            .map_err(|_| DirectoryError::Unavailable)?;
        let check = self.runtime.spawn_blocking(move || {
            let right = wanted.with_memory(|memory| {
                PasswordHash::new(&hash)
                    .is_ok_and(|hash| matches(&hash, password.expose().as_bytes(), memory))
            });
            drop((wanted, slot));
            right
        });
        match timeout_at(deadline, check).await {
            Ok(Ok(right)) => Ok(right),
            Ok(Err(_)) | Err(_) => Err(DirectoryError::TimedOut),
        }
    }

    /// How long a check of the costliest hash takes. The first call starts the measurement; zero
    /// until it is done.
    pub(super) fn measured<'a>(&self, hashes: impl Iterator<Item = &'a str>) -> Duration {
        if !self.measured.has_started.swap(true, Ordering::Relaxed) {
            let costliest = hashes.max_by_key(|hash| cost(hash)).map(str::to_owned);
            let example = Password::parse("measured".to_owned());
            if let (Some(hash), Some(password)) = (costliest, example) {
                let hashing = self.clone();
                self.runtime.spawn(async move {
                    let started = Wall::now();
                    let deadline = Instant::now() + Duration::from_secs(10);
                    // Only the duration matters.
                    let _ = hashing.check(hash, password, deadline).await;
                    let took = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                    hashing.measured.millis.store(took, Ordering::Relaxed);
                });
            }
        }
        Duration::from_millis(self.measured.millis.load(Ordering::Relaxed))
    }
}

/// One running or waiting check. The last one frees all memory.
struct Wanted(Arc<Mutex<Spare>>);

impl Wanted {
    fn new(spare: &Arc<Mutex<Spare>>) -> Self {
        locked(spare).wanted += 1;
        Self(Arc::clone(spare))
    }

    fn with_memory<T>(&self, work: impl FnOnce(&mut Vec<Block>) -> T) -> T {
        let mut memory = locked(&self.0).memory.pop().unwrap_or_default();
        let done = work(&mut memory);
        locked(&self.0).memory.push(memory);
        done
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        let mut spare = locked(&self.0);
        spare.wanted -= 1;
        if spare.wanted == 0 {
            let memory = std::mem::take(&mut spare.memory);
            drop(spare);
            drop(memory);
        }
    }
}

fn locked(spare: &Mutex<Spare>) -> MutexGuard<'_, Spare> {
    spare.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Maximum memory of a check, in KiB: the largest recommendation (RFC 9106 section 4).
const MOST_MEMORY: u32 = 2 * 1024 * 1024;

/// Maximum cost of a check, in KiB times passes: some seconds on one core.
const MOST_COST: u64 = 4 * 1024 * 1024;

/// Minimum memory, in KiB, and minimum cost, in KiB times passes, against guessing passwords from a
/// stolen file (OWASP Password Storage Cheat Sheet: 7 MiB in 5 passes).
const LEAST: (u32, u64) = (7 * 1024, 5 * 7 * 1024);

/// Why a stored hash cannot be used; `None` if it can.
pub(super) fn unusable(hash: &str) -> Option<String> {
    let Ok(hash) = PasswordHash::new(hash) else {
        return Some("not an argon2 hash in PHC form ($argon2id$…)".to_owned());
    };
    if Algorithm::try_from(hash.algorithm.as_str()).is_err() {
        return Some(format!("a hash by {}, not by argon2", hash.algorithm));
    }
    if hash.version.is_some_and(|version| Version::try_from(version).is_err()) {
        return Some("a hash by a version of argon2 that does not exist".to_owned());
    }
    if hash.salt.is_none() || hash.hash.is_none() {
        return Some("a hash without its salt or its output, so no password matches".to_owned());
    }
    let Ok(params) = Params::try_from(&hash) else {
        return Some(
            "a hash with invalid argon2 parameters (m must be at least 8 KiB per lane, t and p at least \
             1)"
                .to_owned(),
        );
    };
    let (memory, passes) = (params.m_cost(), params.t_cost());
    if memory > MOST_MEMORY || u64::from(memory) * u64::from(passes) > MOST_COST {
        return Some(format!(
            "a hash that takes {} MiB in {passes} passes to check (m={memory},t={passes}), too long for \
             a request: use at most {} MiB, and {} MiB over all passes",
            memory / 1024,
            MOST_MEMORY / 1024,
            MOST_COST / 1024
        ));
    }
    None
}

/// Whether a usable hash is so cheap that its password can be guessed quickly.
pub(super) fn is_weak(hash: &str) -> bool {
    let params = PasswordHash::new(hash).ok().and_then(|hash| Params::try_from(&hash).ok());
    params.is_some_and(|params| params.m_cost() < LEAST.0) || cost(hash) < LEAST.1
}

/// How costly a hash is to check, in blocks filled.
fn cost(hash: &str) -> u64 {
    let params = PasswordHash::new(hash).ok().and_then(|hash| Params::try_from(&hash).ok());
    params.map_or(0, |params| u64::from(params.m_cost()) * u64::from(params.t_cost()))
}

/// Whether `hash` is the hash of `password`; an unreadable hash matches nothing.
fn matches(hash: &PasswordHash, password: &[u8], memory: &mut Vec<Block>) -> bool {
    let Some((salt, expected)) = hash.salt.as_ref().zip(hash.hash.as_ref()) else { return false };
    let algorithm = Algorithm::try_from(hash.algorithm.as_str());
    let version = hash.version.map_or(Ok(Version::default()), Version::try_from);
    let (Ok(algorithm), Ok(version), Ok(params)) = (algorithm, version, Params::try_from(hash))
    else {
        return false;
    };
    let blocks = params.block_count();
    if memory.capacity() < blocks {
        *memory = Vec::with_capacity(blocks.max(MAPPED_BY_ITSELF));
    }
    if memory.len() < blocks {
        memory.resize(blocks, Block::new());
    }
    let mut computed = [0; Output::MAX_LENGTH];
    let computed = &mut computed[..expected.len()];
    let argon2 = Argon2::new(algorithm, version, params);
    let hashed =
        argon2.hash_password_into_with_memory(password, salt, computed, &mut memory[..blocks]);
    // Outputs are compared in constant time.
    hashed.is_ok() && Output::new(computed).is_ok_and(|computed| computed == *expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

    fn hash(algorithm: Algorithm, version: Version, costs: [u32; 3], length: usize) -> String {
        let [memory, passes, lanes] = costs;
        let params = Params::new(memory, passes, lanes, Some(length)).expect("good");
        let argon2 = Argon2::new(algorithm, version, params);
        argon2.hash_password_with_salt(b"right", b"a salt of its own").expect("a hash").to_string()
    }

    #[test]
    fn what_the_library_finds_right_is_right_in_memory_that_was_used_before() {
        let mut memory = Vec::new();
        for algorithm in [Algorithm::Argon2d, Algorithm::Argon2i, Algorithm::Argon2id] {
            for version in [Version::V0x10, Version::V0x13] {
                for costs in [[64, 3, 2], [16, 1, 1], [40, 2, 1]] {
                    let text = hash(algorithm, version, costs, 16);
                    let hash = PasswordHash::new(&text).expect("good");
                    assert!(Argon2::default().verify_password(b"right", &hash).is_ok());
                    assert!(matches(&hash, b"right", &mut memory), "{text}");
                    assert!(!matches(&hash, b"wrong", &mut memory), "{text}");
                }
            }
        }
        assert_eq!(memory.len(), 64);
    }

    #[test]
    fn a_hash_without_a_salt_or_an_output_matches_nothing() {
        for text in ["$argon2id$v=19$m=16,t=1,p=1", "$scrypt$ln=4,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2g"]
        {
            let Ok(hash) = PasswordHash::new(text) else { continue };
            assert!(!matches(&hash, b"right", &mut Vec::new()), "{text}");
        }
    }

    #[test]
    fn hashes_that_check_nothing_or_take_too_much_are_unusable_and_cheap_ones_weak() {
        let with =
            |how: &str| format!("$argon2id$v=19${how}$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA");
        for (how, says) in [
            ("m=8,t=0,p=1", "invalid argon2 parameters"),
            ("m=7,t=1,p=1", "invalid argon2 parameters"),
            ("m=8,t=1,p=0", "invalid argon2 parameters"),
            ("m=4194304,t=1,p=1", "takes 4096 MiB in 1 passes"),
            ("m=19456,t=1000000,p=1", "in 1000000 passes"),
        ] {
            let said = unusable(&with(how)).unwrap_or_default();
            assert!(said.contains(says), "{how}: {said}");
        }
        for (text, says) in [
            ("hunter2", "not an argon2 hash"),
            ("$scrypt$ln=4,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo", "a hash by scrypt"),
            ("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0", "without its salt or its output"),
        ] {
            let said = unusable(text).unwrap_or_default();
            assert!(said.contains(says), "{text}: {said}");
        }
        // What OWASP and RFC 9106 recommend, and the library's own.
        for how in ["m=7168,t=5,p=1", "m=19456,t=2,p=1", "m=65536,t=3,p=4", "m=2097152,t=1,p=4"] {
            assert!(unusable(&with(how)).is_none() && !is_weak(&with(how)), "{how}");
        }
        for how in ["m=8,t=1,p=1", "m=4096,t=20,p=1", "m=7168,t=1,p=1"] {
            assert!(unusable(&with(how)).is_none() && is_weak(&with(how)), "{how}");
        }
    }

    #[test]
    fn the_costliest_hash_is_known() {
        let cheap = hash(Algorithm::Argon2id, Version::V0x13, [16, 1, 1], 32);
        let dear = hash(Algorithm::Argon2id, Version::V0x13, [16, 3, 1], 32);
        assert!(cost(&cheap) < cost(&dear));
        assert_eq!(cost("no hash"), 0);
    }

    #[tokio::test]
    async fn memory_is_used_again_and_given_back_by_the_last() {
        let hashing = Hashing::new(Handle::current());
        let text = hash(Algorithm::Argon2id, Version::V0x13, [64, 1, 1], 32);
        let deadline = Instant::now() + Duration::from_secs(20);
        let password = |text: &str| Password::parse(text.to_owned()).expect("a password");
        let waiting = Wanted::new(&hashing.spare);
        assert_eq!(hashing.check(text.clone(), password("right"), deadline).await, Ok(true));
        assert_eq!(hashing.check(text, password("wrong"), deadline).await, Ok(false));
        assert_eq!(locked(&hashing.spare).memory.len(), 1);
        drop(waiting);
        assert_eq!(locked(&hashing.spare).memory.len(), 0);
    }
}
