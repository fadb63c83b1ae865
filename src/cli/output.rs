//! What commands print. A reader who has seen enough (`| head`) is no failure; a listing that is cut
//! because its disk is full is one.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether anything that was to be printed is lost.
static LOST: AtomicBool = AtomicBool::new(false);

/// Prints a line; says whether anybody still reads.
pub(super) fn print(line: &str) -> bool {
    match writeln!(io::stdout(), "{line}") {
        Ok(()) => true,
        Err(error) => {
            if error.kind() != io::ErrorKind::BrokenPipe && !LOST.swap(true, Ordering::Relaxed) {
                tell(&format!("dialpass: the output cannot be written ({error})"));
            }
            false
        }
    }
}

/// Whether anything that was to be printed is lost.
pub(super) fn is_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Tells of a failure on standard error, if anybody can be told.
pub(super) fn tell(line: &str) {
    drop(writeln!(io::stderr(), "{line}"));
}

/// The text without what would move a terminal's cursor, whatever it was taken from.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
