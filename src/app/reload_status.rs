//! The file in which a running gateway reports its reloads, for the command that waits for one:
//! systemd 252 cannot be told that a reload failed, but it sees how `ExecReload=` ends.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// The file's name in the service's runtime directory.
const FILE: &str = "reload.json";

/// The variable in which a service manager names the service's runtime directory
/// (`RuntimeDirectory=` in systemd.exec(5)).
pub const RUNTIME_DIRECTORY: &str = "RUNTIME_DIRECTORY";

/// What a gateway has reported of its reloads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadStatus {
    /// The gateway's process id.
    pub pid: u32,
    /// Number of reloads that have begun.
    pub begun: u64,
    /// Number of reloads that have ended.
    pub ended: u64,
    /// Why the last one that ended was refused; empty if it was not.
    pub problems: Vec<String>,
}

impl ReloadStatus {
    /// The status in this value of [`RUNTIME_DIRECTORY`].
    ///
    /// # Errors
    /// The operating system's error if it cannot be read.
    pub fn read(directories: &str) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(path(directories))?)?)
    }
}

/// The file in the first of these directories, which systemd separates by colons.
fn path(directories: &str) -> PathBuf {
    Path::new(directories.split(':').next().unwrap_or_default()).join(FILE)
}

/// Writes the file, if the service manager provides a place for it.
pub(super) struct ReloadReport {
    path: Option<PathBuf>,
    status: ReloadStatus,
}

impl ReloadReport {
    /// A report that no reload has begun.
    pub(super) fn start(directories: Option<&str>) -> Self {
        let status = ReloadStatus { pid: std::process::id(), ..ReloadStatus::default() };
        let report = Self { path: directories.map(path), status };
        report.write();
        report
    }

    /// Reports that a reload begins.
    pub(super) fn begin(&mut self) {
        self.status.begun += 1;
        self.write();
    }

    /// Reports that it has ended, and why it was refused, if it was.
    pub(super) fn end(&mut self, problems: Vec<String>) {
        self.status.ended = self.status.begun;
        self.status.problems = problems;
        self.write();
    }

    fn write(&self) {
        let Some(path) = &self.path else { return };
        if let Err(error) = replace(path, &self.status) {
            tracing::warn!(
                %error,
                path = %path.display(),
                "reloads cannot be reported here, so `dialpass reload` cannot wait for them"
            );
        }
    }
}

/// Replaces the file as a whole, so that no reader sees half of it.
fn replace(path: &Path, status: &ReloadStatus) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, status)?;
    file.flush()?;
    file.persist(path)?;
    Ok(())
}
