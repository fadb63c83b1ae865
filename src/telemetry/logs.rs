//! Where log lines and audit events go, and how they look.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use super::{audit, metrics};

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Human,
}

/// An audit file, which can be opened again after it was moved away (`logrotate`).
#[derive(Clone)]
pub struct AuditFile {
    path: PathBuf,
    file: Arc<Mutex<File>>,
    failing: Arc<AtomicBool>,
}

impl AuditFile {
    /// Opens `path` for appending; makes it if it is not there, for this user only.
    ///
    /// # Errors
    /// The operating system's.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        let file = Arc::new(Mutex::new(append(&path)?));
        Ok(Self { path, file, failing: Arc::default() })
    }

    /// Opens the path again.
    ///
    /// # Errors
    /// The operating system's; the file opened before stays in use.
    pub fn reopen(&self) -> io::Result<()> {
        let file = append(&self.path)?;
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }
}

/// Opens a file for appending; makes it if it is not there, for this user only.
///
/// # Errors
/// The operating system's.
pub(super) fn append(path: &std::path::Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// One line written to the audit file.
pub struct AuditLine {
    file: Arc<Mutex<File>>,
    failing: Arc<AtomicBool>,
}

impl AuditLine {
    /// Counts a lost event, and says so when the loss begins. On standard error, because a log
    /// line cannot be written while one is being written.
    fn note<T>(&self, written: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &written {
            metrics::audit_event_lost();
            if !self.failing.swap(true, Ordering::Relaxed) {
                eprintln!("dialpass: audit.file cannot be written, events are lost: {error}");
            }
        } else {
            self.failing.store(false, Ordering::Relaxed);
        }
        written
    }
}

impl Write for AuditLine {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.file.lock().unwrap_or_else(PoisonError::into_inner).write(line);
        self.note(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

impl<'a> MakeWriter<'a> for AuditFile {
    type Writer = AuditLine;

    fn make_writer(&'a self) -> AuditLine {
        AuditLine { file: Arc::clone(&self.file), failing: Arc::clone(&self.failing) }
    }
}

/// Starts logging to standard output, and audit events to `audit_file` if there is one.
///
/// `level` is this program's own. Libraries log warnings at most: at lower levels some of them
/// print what they send, which holds numbers and names.
///
/// # Errors
/// If logging was started before.
pub fn start(
    level: Level,
    format: Format,
    audit_file: Option<AuditFile>,
) -> Result<(), tracing_subscriber::util::TryInitError> {
    let own = Targets::new()
        .with_default(LevelFilter::from_level(level.min(Level::WARN)))
        .with_target("dialpass", level)
        .with_target("ldap3", LevelFilter::OFF)
        // These call each stranger's malformed request an error.
        .with_target("actix_http", LevelFilter::OFF)
        .with_target("webauthn_rs_core", LevelFilter::OFF)
        .with_target("crypto_glue", LevelFilter::OFF)
        .with_target(audit::TARGET, Level::INFO);
    let split = audit_file.is_some();
    let main = lines(format, io::stdout)
        .with_filter(filter_fn(move |metadata| !split || metadata.target() != audit::TARGET));
    let audit = audit_file.map(|file| {
        lines(format, file).with_filter(filter_fn(|metadata| metadata.target() == audit::TARGET))
    });
    Registry::default().with(own).with(main).with(audit).try_init()
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
