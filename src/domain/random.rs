//! Randomness as a parameter, so that a test can fix it.

/// Where random bits come from.
pub trait Random: Send + Sync {
    /// 128 bits that nobody can guess and that never repeat.
    ///
    /// `None` if the machine cannot give any: then nothing may be issued.
    fn nonce(&self) -> Option<[u8; 16]>;
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn nonce(&self) -> Option<[u8; 16]> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).ok()?;
        Some(nonce)
    }
}
