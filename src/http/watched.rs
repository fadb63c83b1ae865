//! A value read from files that can be read again while the process runs.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tracing::{error, info};

use super::tls::TlsError;

type Load<T> = Box<dyn Fn() -> Result<T, TlsError> + Send + Sync>;

/// What tells one state of a file from another: inode, size, and time of change to the nanosecond.
type Stamp = Option<(u64, u64, i64, i64)>;

/// A value made from files. Readers take the current one; reading again replaces it whole, and a
/// reading that fails leaves it as it was.
pub struct Watched<T> {
    files: Vec<PathBuf>,
    load: Load<T>,
    current: ArcSwap<T>,
    last_read: Mutex<Vec<Stamp>>,
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads the value for the first time.
    ///
    /// # Errors
    /// As `load`.
    pub fn new(
        files: Vec<PathBuf>,
        load: impl Fn() -> Result<T, TlsError> + Send + Sync + 'static,
    ) -> Result<Self, TlsError> {
        // Before the reading: a file replaced during it then counts as changed, and is read again.
        let last_read = Mutex::new(stamps(&files));
        let current = ArcSwap::from_pointee(load()?);
        Ok(Self { files, load: Box::new(load), current, last_read })
    }

    /// The value as last read.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        self.current.load_full()
    }

    /// Reads the files again and puts the new value in place of the old one.
    ///
    /// # Errors
    /// As the first reading; the old value then stays.
    pub fn reload(&self) -> Result<Arc<T>, TlsError> {
        // Held throughout, so that of two readings at once the later one wins.
        let mut last_read = self.last_read.lock().unwrap_or_else(PoisonError::into_inner);
        *last_read = stamps(&self.files);
        let fresh = Arc::new((self.load)()?);
        self.current.store(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Whether a file is another than when it was last read, whether or not that succeeded.
    #[must_use]
    pub fn changed(&self) -> bool {
        *self.last_read.lock().unwrap_or_else(PoisonError::into_inner) != stamps(&self.files)
    }

    /// Looks at the files for ever, and reads them again when one has changed.
    pub async fn watch(self: Arc<Self>, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let state = Arc::clone(&self);
            let look = move || state.changed().then(|| state.reload().map(drop));
            match tokio::task::spawn_blocking(look).await {
                Ok(Some(Ok(()))) => info!(files = ?self.files, "certificates read again"),
                Ok(Some(Err(error))) => error!(%error, "certificates changed but are not usable"),
                Ok(None) => {}
                Err(error) => error!(%error, "looking at the certificates failed"),
            }
        }
    }
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("files", &self.files).finish_non_exhaustive()
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
        let watched = Watched::new(vec![file.clone()], move || {
            let text = std::fs::read_to_string(&path).unwrap();
            text.parse::<u32>().map_err(|_| TlsError::NoCertificate { file: path.clone() })
        })
        .unwrap();
        assert!(!watched.changed());

        std::fs::write(&file, "not a number").unwrap();
        assert!(watched.changed());
        assert!(watched.reload().is_err());
        assert_eq!(*watched.current(), 1);
        assert!(!watched.changed());

        std::fs::write(&file, "22").unwrap();
        assert!(watched.changed());
        assert_eq!(*watched.reload().unwrap(), 22);
        assert_eq!(*watched.current(), 22);
    }
}
