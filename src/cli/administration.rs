//! `codes`, `counts`, `access-key` and `person`: what administrators look up and change in the
//! store while the gateway runs. Each command writes an audit event before it acts and another when
//! it is done.

mod access_key;
mod arguments;
mod audit_log;
mod audited;
mod codes;
mod counts;
mod format;
mod person;
mod person_json;
mod target;

pub(super) use self::access_key::{AccessKeyCommand, run as access_key};
pub(super) use self::codes::{CodesCommand, run as codes};
pub(super) use self::counts::{CountsCommand, run as counts};
pub(super) use self::person::{PersonCommand, run as person};

/// Help text shared by all these commands.
pub(super) const AUDITED: &str = "\
Run it as the gateway's user, or as root if that is a systemd DynamicUser. The audit trail, in
audit.file or on standard error, records each command and who ran it; a command that cannot be
recorded is not carried out.

Exit status: 0 done, also if there was nothing to do; 1 failed: no such user, or the store
or the directory is unavailable; 2 wrong arguments; 78 the configuration cannot be used.";
