//! Where log lines and audit events go, and their format.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{Access, Mode, OFlags};
use rustix::io::Errno;
use serde::Deserialize;
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use super::audit;
use super::ecs::Ecs;
use super::output::{AUDIT_TARGET, Losses, Output};
use crate::regular_file;

/// The format of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object per line.
    #[default]
    Json,
    /// For people.
    Human,
    /// Audit events alone: one JSON object per line, with the names of the Elastic Common Schema.
    #[serde(skip_deserializing)]
    Ecs,
}

/// Opens a file for appending, creating it for this user only if it does not exist. Symbolic links
/// are not followed: a user with write access to the folder could point one anywhere.
///
/// # Errors
/// The operating system's error.
pub fn append(path: &Path) -> io::Result<File> {
    append_in(rustix::fs::CWD, path)
}

/// Like [`append`], with `path` relative to an open folder.
pub(super) fn append_in(folder: BorrowedFd<'_>, path: &Path) -> io::Result<File> {
    // Opening a named pipe would block until it has a reader, possibly forever.
    let flags = OFlags::WRONLY
        | OFlags::APPEND
        | OFlags::CREATE
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK
        | OFlags::CLOEXEC;
    match rustix::fs::openat(folder, path, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => {
            let file = File::from(file);
            // Data written to a pipe or a device leaves no trail.
            regular_file::refuse_others(&file.metadata()?)?;
            rustix::fs::fcntl_setfl(&file, OFlags::APPEND)?;
            Ok(file)
        }
        Err(Errno::NXIO) => {
            Err(io::Error::other("it is a named pipe or a device, not a regular file"))
        }
        Err(Errno::LOOP) => Err(is_a_link()),
        Err(error) => Err(error.into()),
    }
}

fn is_a_link() -> io::Error {
    io::Error::other("it is a symbolic link: name the file that it points to")
}

/// Checks whether [`append`] would open or create the file, without doing either.
///
/// # Errors
/// The reason why it would not.
pub fn can_append(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => Err(is_a_link()),
        Ok(metadata) => {
            regular_file::refuse_others(&metadata)?;
            Ok(rustix::fs::access(path, Access::WRITE_OK)?)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            regular_file::can_make_in(regular_file::folder(path))
        }
        Err(error) => Err(error),
    }
}

/// How long a stop waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The running gateway's output. Dropping it waits until all queued lines are written.
pub struct Logs {
    log: Output,
    audit: Option<(PathBuf, Output)>,
}

impl Logs {
    /// The output for audit events.
    #[must_use]
    pub fn audit(&self) -> &Output {
        self.audit.as_ref().map_or(&self.log, |(_, output)| output)
    }

    /// The outputs with their names: `log`, and `audit` if it has an output of its own.
    #[must_use]
    pub fn outputs(&self) -> Vec<(&'static str, Output)> {
        let audit = self.audit.iter().map(|(_, output)| ("audit", output.clone()));
        audit.chain([("log", self.log.clone())]).collect()
    }

    /// Reopens the audit file, which may have been moved away (`logrotate`).
    ///
    /// # Errors
    /// The operating system's error; the old file then stays in use.
    pub fn reopen(&self) -> io::Result<()> {
        if let Some((path, output)) = &self.audit {
            output.reopen(append(path)?);
        }
        Ok(())
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        if let Some((_, output)) = &self.audit {
            output.finish(LAST_LINES);
        }
        self.log.finish(LAST_LINES);
    }
}

/// An open audit file, and its path.
pub type AuditFile = (PathBuf, File);

/// Starts logging to standard output in `format`, and writes audit events in `audit_format` to
/// `audit_file`, or there too if there is none.
///
/// `level` applies to this program. Libraries log warnings at most: at lower levels some of them
/// print what they send, including numbers and names.
///
/// # Errors
/// If logging was already started, or standard output cannot be used.
pub fn start(
    level: Level,
    format: Format,
    audit_format: Format,
    audit_file: Option<AuditFile>,
) -> Result<Logs, Box<dyn std::error::Error + Send + Sync>> {
    let own = Targets::new()
        .with_default(LevelFilter::from_level(level.min(Level::WARN)))
        .with_target("dialpass", level)
        .with_target("ldap3", LevelFilter::OFF)
        // These log any stranger's malformed request as an error.
        .with_target("actix_http", LevelFilter::OFF)
        .with_target("webauthn_rs_core", LevelFilter::OFF)
        .with_target("crypto_glue", LevelFilter::OFF)
        .with_target(AUDIT_TARGET, Level::INFO);
    let losses =
        || -> Losses { Box::new(move |log, audit| losses(format, audit_format, log, audit)) };
    let standard_output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let log = Output::start("standard output", standard_output, losses())?;
    let audit = match audit_file {
        Some((path, file)) => Some((path, Output::start("audit.file", file, losses())?)),
        None => None,
    };
    let split = audit.is_some() || audit_format != format;
    let of_log = lines(format, log.clone())
        .with_filter(filter_fn(move |metadata| !split || metadata.target() != AUDIT_TARGET));
    let audit_output = audit.as_ref().map_or(&log, |(_, output)| output);
    let of_audit = split.then(|| {
        lines(audit_format, audit_output.clone())
            .with_filter(filter_fn(|metadata| metadata.target() == AUDIT_TARGET))
    });
    Registry::default().with(own).with(of_log).with(of_audit).try_init()?;
    Ok(Logs { log, audit })
}

/// The lines that report how much could not be written.
fn losses(format: Format, audit_format: Format, log: u64, audit: u64) -> Vec<u8> {
    let mut lines = Vec::new();
    if audit > 0 {
        lines = rendered(audit_format, || audit::lost(audit));
    }
    if log > 0 {
        lines.extend(rendered(format, || {
            tracing::warn!(count = log, "log lines could not be written, and are lost");
        }));
    }
    lines
}

/// Starts logging warnings and errors to standard error, for a command that prints its result to
/// standard output.
///
/// # Errors
/// If logging was already started.
pub fn start_for_command() -> Result<(), tracing_subscriber::util::TryInitError> {
    let own = Targets::new().with_default(LevelFilter::OFF).with_target("dialpass", Level::WARN);
    Registry::default().with(lines(Format::Human, io::stderr).with_filter(own)).try_init()
}

/// The line that `event` logs.
pub(super) fn rendered(format: Format, event: impl FnOnce()) -> Vec<u8> {
    let line = Line::default();
    let writer = line.clone();
    let layer = lines(format, move || writer.clone());
    tracing::subscriber::with_default(Registry::default().with(layer), event);
    std::mem::take(&mut line.0.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A line kept in memory.
#[derive(Clone, Default)]
struct Line(Arc<Mutex<Vec<u8>>>);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines<S, W>(format: Format, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    match format {
        Format::Json => layer.json().flatten_event(true).with_current_span(false).boxed(),
        Format::Human => layer.boxed(),
        Format::Ecs => layer.event_format(Ecs).boxed(),
    }
}
