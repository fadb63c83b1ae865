//! The commands' output. A reader that closes early (`| head`) is not a failure; a listing cut off
//! by a full disk is.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether any output was lost.
static LOST: AtomicBool = AtomicBool::new(false);

/// Prints a line; returns whether the reader is still there.
pub(super) fn print(line: &str) -> bool {
    match writeln!(io::stdout(), "{line}") {
        Ok(()) => true,
        Err(error) => {
            if error.kind() != io::ErrorKind::BrokenPipe && !LOST.swap(true, Ordering::Relaxed) {
                print_error(&format!("dialpass: the output cannot be written ({error})"));
            }
            false
        }
    }
}

/// Whether any output was lost.
pub(super) fn is_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Reports a failure on standard error, if possible.
pub(super) fn print_error(line: &str) {
    drop(writeln!(io::stderr(), "{line}"));
}

/// The text without control characters, which could move a terminal's cursor.
pub(super) fn replace_controls(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
