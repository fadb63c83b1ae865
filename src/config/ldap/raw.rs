//! The keys of `[tenants.directory]` with `kind = "ldap"`, as written.

use std::path::PathBuf;

use serde::Deserialize;

use super::profile::RawProfile;
use crate::config::values::OneOrMore;
use crate::directory::ldap::settings::{Confirm, NumberMatch, ServerOrder};
use crate::domain::human_duration::HumanDuration;
use crate::domain::secret::SecretText;
use crate::domain::user::Ambiguity;

/// The section as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawLdap {
    pub profile: Option<RawProfile>,
    pub servers: Option<Vec<String>>,
    pub server_order: Option<ServerOrder>,
    pub start_tls: Option<bool>,
    pub allow_plain_ldap: Option<bool>,
    pub ca_file: Option<PathBuf>,
    pub client_certificate: Option<PathBuf>,
    pub client_private_key: Option<PathBuf>,
    pub bind_dn: Option<String>,
    pub bind_password: Option<SecretText>,
    pub bind_password_file: Option<PathBuf>,
    pub base_dn: Option<OneOrMore>,
    pub user_filter: Option<String>,
    pub required_group: Option<String>,
    pub excluded_group: Option<String>,
    pub group_base_dn: Option<String>,
    pub phone_attributes: Option<Vec<String>>,
    pub username_attribute: Option<String>,
    pub id_attribute: Option<String>,
    pub number_match: Option<NumberMatch>,
    pub lookup: Option<RawLookup>,
    pub index_max_age: Option<HumanDuration>,
    pub index_full_read: Option<HumanDuration>,
    pub index_confirm: Option<Confirm>,
    pub index_poll: Option<HumanDuration>,
    pub search_connections: Option<usize>,
    pub bind_connections: Option<usize>,
    pub ambiguous: Option<Ambiguity>,
    pub pin_attribute: Option<String>,
    pub timeout: Option<HumanDuration>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum RawLookup {
    Search,
    Index,
}
