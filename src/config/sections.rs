//! The whole configuration: all sections, as written and checked.

use std::path::Path;

use serde::Deserialize;

use super::audit::{self, AuditConfig, RawAudit};
use super::check::Problems;
use super::error::Warning;
use super::example_secrets;
use super::fastagi::{self, FastAgiConfig, RawFastAgi};
use super::keys::{self, KeysConfig, RawKeys};
use super::log::{self, LogConfig, RawLog};
use super::ops::{self, OpsConfig, RawOps};
use super::positions::KeyPositions;
use super::push::{self, PushConfig, RawPush};
use super::same_file;
use super::server::{self, RawServer, ServerConfig};
use super::store::{self, RawStore, StoreBackend, StoreConfig};
use super::tenants::{self, RawTenant, TenantConfig};
use super::voice;
use super::voice_warnings;
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
    pub fastagi: Option<RawFastAgi>,
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
    /// `[push]`; `None`: phones are not notified.
    pub push: Option<PushConfig>,
    /// `[fastagi]`; `None`: it is not served.
    pub fastagi: Option<FastAgiConfig>,
    /// `[[tenants]]`, at least one.
    pub tenants: Vec<TenantConfig>,
    /// What an administrator should know though the configuration is valid.
    pub warnings: Vec<Warning>,
    /// Where its keys are.
    pub positions: KeyPositions,
}

/// The sections of a configuration that may have mistakes. Wrong values are replaced by others, so that
/// the rest can be checked too; only sections without a mistake become a [`Config`].
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
    fastagi: Option<FastAgiConfig>,
    keys: Option<KeysConfig>,
    log: LogConfig,
    /// `[audit]`.
    pub audit: AuditConfig,
}

impl Sections {
    /// The files that the program writes, with their keys.
    pub(super) fn written(&self) -> Vec<(&'static str, &Path)> {
        let database = self.store.as_ref().and_then(|store| match &store.backend {
            StoreBackend::Sqlite(path) => Some(("store.url", path.as_path())),
            StoreBackend::Postgres(_) => None,
        });
        let audit = self.audit.file.as_deref().map(|path| ("audit.file", path));
        database.into_iter().chain(audit).collect()
    }

    /// The configuration, if nothing is missing.
    pub(super) fn finish(self, problems: &mut Problems) -> Option<Config> {
        Some(Config {
            server: self.server,
            ops: self.ops,
            store: self.store?,
            keys: self.keys?,
            log: self.log,
            audit: self.audit,
            push: self.push,
            fastagi: self.fastagi,
            tenants: self.tenants,
            warnings: problems.take_warnings(),
            positions: problems.positions.clone(),
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
    let audit = audit::check(raw.audit, log.format, problems);
    let push = raw.push.and_then(|push| push::check(push, problems));
    let tenants = tenants::check(raw.tenants, server.request_deadline, problems);
    if let Some(tenant) = tenants.iter().find(|tenant| !tenant.voice.is_empty()) {
        voice::need_public_url(&format!("{}.voice", tenant.key), &server, problems);
    }
    let listeners = ops.map(|ops| ("ops.listen", ops.listen));
    let listeners: Vec<_> =
        listeners.into_iter().chain([("server.listen", server.listen)]).collect();
    let fastagi = raw.fastagi.map(|section| fastagi::check(&section, &listeners, problems));
    fastagi::check_together(fastagi, &tenants, problems);
    for tenant in &tenants {
        warnings::of_tenant(tenant, &server, problems);
        voice_warnings::of_tenant(tenant, problems);
    }
    voice_warnings::shared_secrets(&tenants, problems);
    warnings::refused_by_tls(&tenants, &server, problems);
    example_secrets::refuse(&tenants, &server, problems);
    same_file::check(store.as_ref(), &audit, problems);
    Sections { server, store, push, tenants, ops, fastagi, keys, log, audit }
}
