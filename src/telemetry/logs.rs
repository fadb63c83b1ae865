//! Where log lines and audit events go, and how they look.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use super::audit;
use super::output::{Losses, Output};

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Human,
}

/// Opens a file for appending; makes it if it is not there, for this user only. No symbolic link is
/// followed: who may write to the folder could have it lead anywhere.
///
/// # Errors
/// The operating system's.
pub fn append(path: &Path) -> io::Result<File> {
    append_in(rustix::fs::CWD, path)
}

/// As [`append`], with `path` beginning at an open folder.
pub(super) fn append_in(folder: BorrowedFd<'_>, path: &Path) -> io::Result<File> {
    // To open a named pipe would wait for its reader, for ever if there is none.
    let flags = OFlags::WRONLY
        | OFlags::APPEND
        | OFlags::CREATE
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK
        | OFlags::CLOEXEC;
    match rustix::fs::openat(folder, path, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => {
            rustix::fs::fcntl_setfl(&file, OFlags::APPEND)?;
            Ok(File::from(file))
        }
        Err(Errno::NXIO) => Err(io::Error::other("it is a named pipe that nothing reads")),
        Err(Errno::LOOP) => {
            Err(io::Error::other("it is a symbolic link: name the file that it leads to"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Longest that a stop waits for lines to be written.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Where the running gateway's lines go. Dropped, it waits until what was put is written.
pub struct Logs {
    log: Output,
    audit: Option<(PathBuf, Output)>,
}

impl Logs {
    /// Where audit events go.
    #[must_use]
    pub fn audit(&self) -> &Output {
        self.audit.as_ref().map_or(&self.log, |(_, output)| output)
    }

    /// Opens the audit file again, which may have been moved away (`logrotate`).
    ///
    /// # Errors
    /// The operating system's; the file opened before stays in use.
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

/// An audit file that is open, and its path.
pub type AuditFile = (PathBuf, File);

/// Starts logging to standard output, and audit events to `audit_file` if there is one.
///
/// `level` is this program's own. Libraries log warnings at most: at lower levels some of them
/// print what they send, which holds numbers and names.
///
/// # Errors
/// If logging was started before, or standard output cannot be used.
pub fn start(
    level: Level,
    format: Format,
    audit_file: Option<AuditFile>,
) -> Result<Logs, Box<dyn std::error::Error + Send + Sync>> {
    let own = Targets::new()
        .with_default(LevelFilter::from_level(level.min(Level::WARN)))
        .with_target("dialpass", level)
        .with_target("ldap3", LevelFilter::OFF)
        // These call each stranger's malformed request an error.
        .with_target("actix_http", LevelFilter::OFF)
        .with_target("webauthn_rs_core", LevelFilter::OFF)
        .with_target("crypto_glue", LevelFilter::OFF)
        .with_target(audit::TARGET, Level::INFO);
    let losses = || -> Losses { Box::new(move |log, audit| losses(format, log, audit)) };
    let standard_output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let log = Output::start("standard output", standard_output, losses())?;
    let audit = match audit_file {
        Some((path, file)) => Some((path, Output::start("audit.file", file, losses())?)),
        None => None,
    };
    let split = audit.is_some();
    let of_log = lines(format, log.clone())
        .with_filter(filter_fn(move |metadata| !split || metadata.target() != audit::TARGET));
    let of_audit = audit.as_ref().map(|(_, output)| {
        lines(format, output.clone())
            .with_filter(filter_fn(|metadata| metadata.target() == audit::TARGET))
    });
    Registry::default().with(own).with(of_log).with(of_audit).try_init()?;
    Ok(Logs { log, audit })
}

/// The lines that say what could not be written.
fn losses(format: Format, log: u64, audit: u64) -> Vec<u8> {
    let mut lines = Vec::new();
    if audit > 0 {
        lines = rendered(format, || audit::lost(audit));
    }
    if log > 0 {
        lines.extend(rendered(format, || {
            tracing::warn!(count = log, "log lines could not be written, and are lost");
        }));
    }
    lines
}

/// Starts logging warnings and errors to standard error, for a command whose output is on standard
/// output.
///
/// # Errors
/// If logging was started before.
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
    }
}
