//! One `[[tenants.fastagi]]`: who may open sessions for a script, and what they do.

use ipnet::IpNet;

/// A script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptSettings {
    /// Its name in `agi://HOST/NAME`.
    pub name: String,
    /// The Asterisk servers that may ask.
    pub addresses: Vec<IpNet>,
    /// What happens to a code.
    pub mode: Mode,
    /// What is played besides the code.
    pub sounds: Sounds,
    /// How callers are asked for their PIN; `None`: they are not.
    pub pin: Option<PinPrompt>,
    /// How often the code is spoken, 1 to 5.
    pub repeat: u8,
}

/// What happens to a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The session speaks it.
    Speak,
    /// The session sets it as a variable, and the dialplan speaks it.
    Variable,
}

/// Sound files of the Asterisk server, without their extension; empty: nothing is played.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sounds {
    /// Before the code.
    pub before: String,
    /// After it.
    pub after: String,
    /// Instead of it.
    pub refused: String,
}

/// How callers are asked for their PIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinPrompt {
    /// The sound file; empty: silence.
    pub prompt: String,
    /// The most digits that are read, 1 to 32; fewer end with `#` or a pause.
    pub digits: u8,
}
