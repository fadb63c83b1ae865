//! A command's audit trail: in `audit.file` among the gateway's own events, or on standard error. A
//! line that cannot be written is an error, so that no action goes unrecorded.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Gid, Uid};
use rustix::thread;

use super::audit::AdminEvent;
use super::logs::{self, Format};
use super::operator::Operator;

/// The output for a command's audit events.
pub struct AuditWriter {
    file: Option<File>,
    format: Format,
    operator: Operator,
}

impl AuditWriter {
    /// Opens the trail. Lines in `file` are written in `format`, those on standard
    /// error never for people.
    ///
    /// # Errors
    /// The operating system's error, if `file` cannot be opened.
    pub fn open(file: Option<&Path>, format: Format) -> io::Result<Self> {
        let operator = Operator::of_this_process();
        Ok(match file {
            None => {
                let format = if format == Format::Human { Format::Json } else { format };
                Self { file: None, format, operator }
            }
            Some(path) => Self { file: Some(open(path)?), format, operator },
        })
    }

    /// Writes an event.
    ///
    /// # Errors
    /// If it could not be written completely.
    pub fn write(&mut self, event: &AdminEvent<'_>) -> io::Result<()> {
        let line = logs::rendered(self.format, || event.record(&self.operator));
        match &mut self.file {
            Some(file) => file.write_all(&line),
            None => io::stderr().write_all(&line),
        }
    }
}

/// Opens the file, possibly before the gateway does, which must be able to write to it later. Root
/// opens it as the owner of its folder, so that it can only be a file of that user.
fn open(path: &Path) -> io::Result<File> {
    let (Some(name), true) = (path.file_name(), rustix::process::geteuid().is_root()) else {
        return logs::append(path);
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Opened as root: the owner alone may not have access to a service's folder (systemd's
    // DynamicUser=).
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder.unwrap_or(Path::new(".")), flags, Mode::empty())?;
    let Some((user, group)) = owner(path)? else {
        return logs::append_in(folder.as_fd(), Path::new(name));
    };
    let name = name.to_owned();
    // Changes the user for this thread only, which ends afterwards (credentials(7)).
    let opened = std::thread::spawn(move || {
        thread::set_thread_groups(&[group])?;
        thread::set_thread_gid(group)?;
        thread::set_thread_uid(user)?;
        logs::append_in(folder.as_fd(), Path::new(&name))
    });
    opened.join().unwrap_or_else(|_| Err(io::Error::other("it could not be opened as its owner")))
}

/// The user besides root who decides which file `path` is: the owner of the innermost folder on the
/// path that root does not own.
fn owner(path: &Path) -> io::Result<Option<(Uid, Gid)>> {
    for folder in std::path::absolute(path)?.ancestors().skip(1) {
        // A link to a folder may have another owner than the folder itself.
        for metadata in [folder.metadata()?, folder.symlink_metadata()?] {
            if metadata.uid() != 0 {
                return Ok(Some((Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()))));
            }
        }
    }
    Ok(None)
}
