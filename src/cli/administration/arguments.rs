//! Arguments that the commands share: the configuration, the tenant, and whom the command is about.

use std::path::PathBuf;

use clap::Args;

/// The gateway's configuration file and the tenant.
#[derive(Args)]
pub(super) struct TenantArguments {
    /// The gateway's configuration file.
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// The tenant; required if there are several.
    #[arg(long, value_name = "ID")]
    pub(super) tenant: Option<String>,
}

/// Who a command is about, as named on the command line.
pub(super) enum TargetArgument {
    WholeTenant,
    User(String),
    UserId(String),
    Number(String),
    /// A user in the directory or a registered user, by name.
    Person(String),
}

impl TargetArgument {
    /// From the options; clap allows at most one of them.
    pub(super) fn new(
        user: Option<String>,
        user_id: Option<String>,
        number: Option<String>,
    ) -> Self {
        let user = user.map(Self::User).or(user_id.map(Self::UserId));
        user.or(number.map(Self::Number)).unwrap_or(Self::WholeTenant)
    }
}

/// Parses a stable id: only what a directory's id could be.
pub(super) fn stable_id(text: &str) -> Result<String, String> {
    let is_bad = text.is_empty() || text.trim() != text || text.len() > 512;
    if is_bad || text.chars().any(char::is_control) {
        return Err("an id has 1 to 512 characters, no blanks around it and no control characters"
            .to_owned());
    }
    Ok(text.to_owned())
}
