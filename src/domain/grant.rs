//! A grant: the stored record that a code was issued to a subject. The code is not in it.

use super::otp::KeyId;
use super::tenant::TenantId;

/// What a code is for. Codes of one purpose never serve another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Told to a caller; the subject is the user's stable id.
    Call,
    /// Sent to a phone as text; the subject is the transaction with its user and the phone.
    Text,
}

impl Purpose {
    /// The purpose as it is stored and derived from: never change one.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Text => "text",
        }
    }
}

/// Whom a grant is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The tenant.
    pub tenant: TenantId,
    /// What for.
    pub purpose: Purpose,
    /// Who or what within the purpose.
    pub id: String,
}

/// One issued code, from which a server key derives the digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The server key it derives from.
    pub key_id: KeyId,
    /// 128 random bits: two grants never have the same.
    pub nonce: [u8; 16],
    /// When it was issued, in whole seconds since the Unix epoch.
    pub issued_at: i64,
    /// From when on it is dead, in whole seconds since the Unix epoch.
    pub expires_at: i64,
    /// Number of digits, 6 to 8.
    pub digits: u8,
}
