//! The whole configuration: its sections as far as they could be read, and checked.

use std::path::Path;

use serde::Deserialize;

use super::audit::{self, AuditConfig, RawAudit};
use super::check::Problems;
use super::error::Warning;
use super::keys::{self, KeysConfig, RawKeys};
use super::log::{self, LogConfig, RawLog};
use super::ops::{self, OpsConfig, RawOps};
use super::places::Places;
use super::published;
use super::push::{self, PushConfig, RawPush};
use super::same_file;
use super::server::{self, RawServer, ServerConfig};
use super::store::{self, RawStore, StoreConfig, StorePlace};
use super::tenants::{self, RawTenant, TenantConfig};
use super::voice;
use super::warnings;

/// The whole file as written. Keys without a default are optional here too, so that the checks
/// report a missing key together with all other mistakes.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    #[serde(default)]
    pub server: RawServer,
    #[serde(default)]
    pub ops: RawOps,
    #[serde(default)]
    pub store: RawStore,
    #[serde(default)]
    pub keys: RawKeys,
    #[serde(default)]
    pub log: RawLog,
    #[serde(default)]
    pub audit: RawAudit,
    pub push: Option<RawPush>,
    #[serde(default)]
    pub tenants: Vec<RawTenant>,
}

/// A whole configuration, checked.
#[derive(Debug)]
pub struct Config {
    /// `[server]`.
    pub server: ServerConfig,
    /// `[ops]`; `None` if it is switched off.
    pub ops: Option<OpsConfig>,
    /// `[store]`.
    pub store: StoreConfig,
    /// `[keys]`.
    pub keys: KeysConfig,
    /// `[log]`.
    pub log: LogConfig,
    /// `[audit]`.
    pub audit: AuditConfig,
    /// `[push]`; `None`: no phone is notified.
    pub push: Option<PushConfig>,
    /// `[[tenants]]`, at least one.
    pub tenants: Vec<TenantConfig>,
    /// What an administrator should know all the same.
    pub warnings: Vec<Warning>,
    /// Where its keys stand.
    pub places: Places,
}

/// What could be read of a configuration. Where anything is wrong with it, values stand for those
/// that are wrong, so that the rest can be looked at; it is a [`Config`] only if nothing is.
#[derive(Debug)]
pub struct Sections {
    /// `[server]`.
    pub server: ServerConfig,
    /// `[store]`.
    pub store: Option<StoreConfig>,
    /// `[push]`.
    pub push: Option<PushConfig>,
    /// `[[tenants]]`.
    pub tenants: Vec<TenantConfig>,
    ops: Option<OpsConfig>,
    keys: Option<KeysConfig>,
    log: LogConfig,
    /// `[audit]`.
    pub audit: AuditConfig,
}

impl Sections {
    /// The files that the program writes, with the keys that name them.
    pub(super) fn written(&self) -> Vec<(&'static str, &Path)> {
        let database = self.store.as_ref().and_then(|store| match &store.place {
            StorePlace::Sqlite(path) => Some(("store.url", path.as_path())),
            StorePlace::Postgres(_) => None,
        });
        let audit = self.audit.file.as_deref().map(|path| ("audit.file", path));
        database.into_iter().chain(audit).collect()
    }

    /// The configuration, in whose sections nothing is wrong.
    pub(super) fn finish(self, problems: &mut Problems) -> Option<Config> {
        Some(Config {
            server: self.server,
            ops: self.ops,
            store: self.store?,
            keys: self.keys?,
            log: self.log,
            audit: self.audit,
            push: self.push,
            tenants: self.tenants,
            warnings: problems.take_warnings(),
            places: problems.places.clone(),
        })
    }
}

/// Checks the whole file.
pub(super) fn check(raw: RawConfig, problems: &mut Problems) -> Sections {
    let server = server::check(raw.server, problems);
    let ops = ops::check(&raw.ops, server.listen, problems);
    let store = store::check(raw.store, problems);
    let keys = keys::check(raw.keys, server.listen, problems);
    let log = log::check(&raw.log);
    let audit = audit::check(raw.audit, problems);
    let push = raw.push.and_then(|push| push::check(push, problems));
    let tenants = tenants::check(raw.tenants, server.request_deadline, problems);
    voice::need_public_url(&tenants, &server, problems);
    for tenant in &tenants {
        warnings::of_tenant(tenant, &server, problems);
    }
    warnings::kept_out_by_tls(&tenants, &server, problems);
    published::refuse_secrets_of_clients(&tenants, &server, problems);
    same_file::check(store.as_ref(), &audit, problems);
    Sections { server, store, push, tenants, ops, keys, log, audit }
}
