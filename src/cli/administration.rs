//! `codes`, `counts`, `access-key` and `person`: what administrators look up and change in the
//! store while the gateway runs. Each command writes an audit event before it acts and another when
//! it is done.

mod access_key;
mod audit_log;
mod audited;
mod codes;
mod counts;
mod named;
mod person;
mod person_json;
mod printed;
mod target;

pub(super) use self::access_key::{AccessKeyCommand, run as access_key};
pub(super) use self::codes::{Codes, run as codes};
pub(super) use self::counts::{Counts, run as counts};
pub(super) use self::person::{PersonCommand, run as person};

/// Help text shared by all these commands.
pub(super) const AUDITED: &str = "\
Run as the user that the gateway runs as, or as root where that is a systemd DynamicUser.
Each command is in the audit trail with who ran it, in audit.file or on standard error; what
cannot be written there is not done.

Exit status: 0 done, also if there was nothing to do; 1 failed: no such user, the store or the
directory cannot be asked; 2 wrong arguments; 78 the configuration cannot be used.";
