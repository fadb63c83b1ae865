//! The core logic, without I/O: numbers, caller IDs, codes, users, policies, time.
//!
//! Nothing here knows HTTP, LDAP, SQL or the configuration file, and nothing imports from the rest
//! of the crate.

pub mod access_key;
pub mod account_state;
mod audit_reason;
pub mod authenticator;
pub mod call_trust;
pub mod caller_id;
pub mod client_address;
pub mod clock;
pub mod confirmation_request;
pub mod country;
pub mod grant;
pub mod host_pattern;
pub mod human_duration;
pub mod number_kind;
pub mod numbering;
pub mod otp;
pub mod own_country;
pub mod phone_number;
mod plan_changes;
pub mod policy;
pub mod random;
pub mod reason;
pub mod registered_user;
pub mod reported_call;
pub mod secret;
pub mod stored_number;
pub mod stored_value;
pub mod tenant;
pub mod text_file;
pub mod text_message;
pub mod transaction;
pub mod user;
pub mod uuid_id;
mod written;
