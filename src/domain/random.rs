//! Randomness as a parameter, so that tests can fix it.

/// A source of random bits.
pub trait Random: Send + Sync {
    /// 128 unpredictable bits that never repeat.
    ///
    /// `None` if the machine provides none: then nothing may be issued.
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
