//! The keys of `[store]`, as written.

use std::path::PathBuf;

use serde::Deserialize;

use crate::domain::human_duration::HumanDuration;
use crate::domain::secret::SecretText;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawStore {
    pub url: Option<String>,
    pub timeout: Option<HumanDuration>,
    pub password: Option<SecretText>,
    pub password_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub client_certificate: Option<PathBuf>,
    pub client_private_key: Option<PathBuf>,
    pub allow_plain_postgres: Option<bool>,
    pub connections: Option<usize>,
}
