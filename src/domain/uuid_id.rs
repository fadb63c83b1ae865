//! Ids that are random UUIDs (RFC 9562 5.4), each kind with its own type.

use uuid::Uuid;

/// Defines the type of one kind of id.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// An id from these 128 random bits.
            #[must_use]
            pub const fn from_random(bits: [u8; 16]) -> Self {
                Self(uuid::Builder::from_random_bytes(bits).into_uuid())
            }

            /// From a UUID in the store or a token.
            #[must_use]
            pub const fn from_uuid(uuid: uuid::Uuid) -> Self {
                Self(uuid)
            }

            /// Parses the hyphenated form, `7e16ba00-92e2-4fcb-b30e-1af8fdc843aa`, in either case.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                $crate::domain::uuid_id::parse_hyphenated(text).map(Self)
            }

            /// The UUID.
            #[must_use]
            pub const fn as_uuid(&self) -> &uuid::Uuid {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

pub(super) use uuid_id;

/// Parses a UUID in its hyphenated form, in either case. The library also accepts other forms, which
/// would give one thing several names.
#[must_use]
pub fn parse_hyphenated(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}
