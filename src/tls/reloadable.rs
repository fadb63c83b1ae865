//! A value loaded from files that can be reloaded while the process runs.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tracing::{error, info};

type Load<T, E> = Box<dyn Fn() -> Result<T, E> + Send + Sync>;

/// Identifies a state of a file: inode, size, and time of change in seconds and nanoseconds.
type Stamp = Option<(u64, u64, i64, i64)>;

/// A value loaded from files. Readers get the current one; reloading replaces it as a whole, and a
/// failed reload changes nothing.
pub struct Reloadable<T, E> {
    source: Mutex<Source<T, E>>,
    current: ArcSwap<T>,
}

/// The files of a value, and how to load it.
struct Source<T, E> {
    files: Vec<PathBuf>,
    load: Load<T, E>,
    last_read: Vec<Stamp>,
}

impl<T, E> Source<T, E> {
    fn new(files: Vec<PathBuf>, load: impl Fn() -> Result<T, E> + Send + Sync + 'static) -> Self {
        // Taken before loading, so that a file replaced meanwhile counts as changed and is loaded
        // again.
        Self { last_read: stamps(&files), files, load: Box::new(load) }
    }
}

impl<T: Send + Sync + 'static, E: fmt::Display + 'static> Reloadable<T, E> {
    /// Loads the value for the first time.
    ///
    /// # Errors
    /// As `load`.
    pub fn new(
        files: Vec<PathBuf>,
        load: impl Fn() -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        let source = Source::new(files, load);
        let current = ArcSwap::from_pointee((source.load)()?);
        Ok(Self { source: Mutex::new(source), current })
    }

    /// Loads the value from other files, and watches those from now on.
    ///
    /// # Errors
    /// As `load`; the old value and files then stay.
    pub fn read_from(
        &self,
        files: Vec<PathBuf>,
        load: impl Fn() -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Arc<T>, E> {
        let mut source = self.source();
        let other = Source::new(files, load);
        let fresh = Arc::new((other.load)()?);
        *source = other;
        self.current.store(Arc::clone(&fresh));
        Ok(fresh)
    }

    // Held while loading, so that of two concurrent reloads the later one wins.
    fn source(&self) -> MutexGuard<'_, Source<T, E>> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last loaded value.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        self.current.load_full()
    }

    /// Loads the files again and replaces the value.
    ///
    /// # Errors
    /// As the first reading; the old value then stays.
    pub fn reload(&self) -> Result<Arc<T>, E> {
        let mut source = self.source();
        source.last_read = stamps(&source.files);
        let fresh = Arc::new((source.load)()?);
        self.current.store(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Whether a file has changed since the last load, successful or not.
    #[must_use]
    pub fn changed(&self) -> bool {
        let source = self.source();
        source.last_read != stamps(&source.files)
    }

    /// Checks the files regularly and reloads them when one has changed, until the value is
    /// dropped.
    pub fn watch(self: &Arc<Self>, every: Duration) -> impl Future<Output = ()> + Send + use<T, E> {
        let reloadable = Arc::downgrade(self);
        async move {
            let mut ticks = tokio::time::interval(every);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let Some(state) = reloadable.upgrade() else { return };
                let check_files = move || state.check_files();
                if let Err(error) = tokio::task::spawn_blocking(check_files).await {
                    error!(%error, "looking at the certificates failed");
                }
            }
        }
    }

    fn check_files(&self) {
        if !self.changed() {
            return;
        }
        match self.reload() {
            Ok(_) => info!(files = ?self.source().files, "certificates read again"),
            Err(error) => error!(%error, "certificates changed but are not usable"),
        }
    }
}

impl<T: Send + Sync + 'static, E: fmt::Display + 'static> fmt::Debug for Reloadable<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloadable").field("files", &self.source().files).finish_non_exhaustive()
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    files.iter().map(|file| stamp(file)).collect()
}

fn stamp(file: &Path) -> Stamp {
    let data = std::fs::metadata(file).ok()?;
    Some((data.ino(), data.size(), data.mtime(), data.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_reading_keeps_the_old_value_and_is_not_tried_again_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("number");
        std::fs::write(&file, "1").unwrap();
        let path = file.clone();
        let reloadable = Reloadable::new(vec![file.clone()], move || {
            let text = std::fs::read_to_string(&path).unwrap();
            text.parse::<u32>()
        })
        .unwrap();
        assert!(!reloadable.changed());

        std::fs::write(&file, "not a number").unwrap();
        assert!(reloadable.changed());
        assert!(reloadable.reload().is_err());
        assert_eq!(*reloadable.current(), 1);
        assert!(!reloadable.changed());

        std::fs::write(&file, "22").unwrap();
        assert!(reloadable.changed());
        assert_eq!(*reloadable.reload().unwrap(), 22);
        assert_eq!(*reloadable.current(), 22);
    }

    #[tokio::test]
    async fn the_files_of_a_dropped_value_are_no_longer_watched() {
        let reloadable = Arc::new(Reloadable::new(Vec::new(), || Ok::<_, fmt::Error>(1)).unwrap());
        let watching = tokio::spawn(reloadable.watch(Duration::from_millis(1)));
        drop(reloadable);
        watching.await.unwrap();
    }
}
