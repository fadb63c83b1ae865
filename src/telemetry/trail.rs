//! The audit trail of a command: in `audit.file` among the gateway's own events, or on standard
//! error. A line that cannot be written is an error, so that nothing is done unseen.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::Path;

use super::audit::Act;
use super::logs::{self, Format};
use super::operator::Operator;

/// Where a command's audit events go.
pub struct Trail {
    file: Option<File>,
    format: Format,
    operator: Operator,
}

impl Trail {
    /// Opens the trail, whose lines in `file` look as `format` says; those on standard error are
    /// JSON.
    ///
    /// # Errors
    /// The operating system's, if `file` cannot be opened.
    pub fn open(file: Option<&Path>, format: Format) -> io::Result<Self> {
        let operator = Operator::of_this_process();
        Ok(match file {
            None => Self { file: None, format: Format::Json, operator },
            Some(path) => Self { file: Some(open(path)?), format, operator },
        })
    }

    /// Writes an event.
    ///
    /// # Errors
    /// If it could not be written whole.
    pub fn write(&mut self, act: &Act<'_>) -> io::Result<()> {
        let line = logs::rendered(self.format, || act.record(&self.operator));
        match &mut self.file {
            Some(file) => file.write_all(&line),
            None => io::stderr().write_all(&line),
        }
    }
}

/// Opens the file, perhaps before the gateway does: it must be able to write to it afterwards.
fn open(path: &Path) -> io::Result<File> {
    let is_new = !path.exists();
    let file = logs::append(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if is_new && let Ok(owner) = folder.unwrap_or(Path::new(".")).metadata() {
        // Whoever is not root made the file as the one user who can.
        let _ = fchown(&file, Some(owner.uid()), Some(owner.gid()));
    }
    Ok(file)
}
