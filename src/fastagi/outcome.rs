//! How a session ends, for the dialplan.

/// How a session ended, as the dialplan sees it in `DIALPASS_RESULT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The code was spoken at least once, or is in `DIALPASS_CODE`.
    Told,
    /// The call gets no code.
    Refused,
    /// Something failed, or the caller hung up too early.
    Error,
}

impl Outcome {
    /// The variable's value.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Told => "TOLD",
            Self::Refused => "REFUSED",
            Self::Error => "ERROR",
        }
    }

    /// The command that sets the variable.
    pub(super) fn command(self) -> String {
        format!("SET VARIABLE DIALPASS_RESULT {}", self.word())
    }
}
