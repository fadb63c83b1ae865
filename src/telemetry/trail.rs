//! The audit trail of a command: in `audit.file` among the gateway's own events, or on standard
//! error. A line that cannot be written is an error, so that nothing is done unseen.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Gid, Uid};
use rustix::thread;

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

/// Opens the file, perhaps before the gateway does: it must be able to write to it afterwards. Root
/// opens it as the user whose folder it is in, so that it can be no file but one of theirs.
fn open(path: &Path) -> io::Result<File> {
    let (Some(name), true) = (path.file_name(), rustix::process::geteuid().is_root()) else {
        return logs::append(path);
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // As root: its owner alone may not get to a service's folder (systemd's DynamicUser=).
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder.unwrap_or(Path::new(".")), flags, Mode::empty())?;
    let Some((user, group)) = owner(path)? else {
        return logs::append_in(folder.as_fd(), Path::new(name));
    };
    let name = name.to_owned();
    // Another user in this thread alone, which ends with it (credentials(7)).
    let opened = std::thread::spawn(move || {
        thread::set_thread_groups(&[group])?;
        thread::set_thread_gid(group)?;
        thread::set_thread_uid(user)?;
        logs::append_in(folder.as_fd(), Path::new(&name))
    });
    opened.join().unwrap_or_else(|_| Err(io::Error::other("it could not be opened as its owner")))
}

/// Who but root decides which file `path` is: the owner of the innermost folder on its way that is
/// not root's.
fn owner(path: &Path) -> io::Result<Option<(Uid, Gid)>> {
    for folder in std::path::absolute(path)?.ancestors().skip(1) {
        // A link to a folder may be another's as well as the folder itself.
        for metadata in [folder.metadata()?, folder.symlink_metadata()?] {
            if metadata.uid() != 0 {
                return Ok(Some((Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()))));
            }
        }
    }
    Ok(None)
}
