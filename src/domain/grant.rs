//! A grant: the stored record that a code was issued to a subject. It does not contain the code.

use super::tenant::TenantId;

/// The purpose of a code. A code for one purpose never serves another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Read to a caller; the subject is the user's stable id.
    Call,
    /// Sent to a phone as text; the subject is the transaction with its user and the phone.
    Text,
}

impl Purpose {
    /// The purpose in the store and in the code's derivation; never change it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Text => "text",
        }
    }
}

/// The owner that a grant is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The tenant.
    pub tenant: TenantId,
    /// The purpose.
    pub purpose: Purpose,
    /// The user or transaction within the purpose.
    pub id: String,
}

/// One issued code, from which a server key derives the digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The server key it derives from.
    pub key_id: KeyId,
    /// 128 random bits, unique to this grant.
    pub nonce: [u8; 16],
    /// When it was issued, in whole seconds since the Unix epoch.
    pub issued_at: i64,
    /// When it expires, in whole seconds since the Unix epoch.
    pub expires_at: i64,
    /// Number of digits, 6 to 8.
    pub digits: u8,
}

/// A server key's id: the first 8 bytes of a labelled SHA-256 of the key, as hex.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyId(pub(super) String);

impl KeyId {
    /// From the stored text.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
