//! What the node depends on, as readiness and metrics report it: the store and the tenants'
//! directories.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::directory::{DependencyState, Directory, IndexFigures};
use crate::store::StoreHealth;

/// The store and the tenants' directories.
pub struct Dependencies {
    /// The tenants' directories, by tenant id.
    pub directories: ArcSwap<Vec<(String, Arc<dyn Directory>)>>,
    /// The store.
    pub store: Arc<dyn StoreHealth>,
}

/// The state of a tenant's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryState {
    /// The tenant's id.
    pub tenant: String,
    /// Whether it can be asked: one server that is down does not count if another one is up.
    pub is_ready: bool,
    /// Its servers and its index; none if it is the store's.
    pub parts: Vec<DependencyState>,
}

impl Dependencies {
    /// What is wrong with the store, for an operator; `None` if it answers.
    pub async fn store_trouble(&self) -> Option<String> {
        let error = self.store.ready().await.err()?;
        let trouble = self.store.trouble();
        Some(if trouble.is_empty() { error.to_string() } else { trouble })
    }

    /// The states of the tenants' directories.
    #[must_use]
    pub fn directory_states(&self) -> Vec<DirectoryState> {
        let directories = self.directories.load();
        let state = |(tenant, directory): &(String, Arc<dyn Directory>)| {
            let parts = directory.states();
            // A directory without states is the store's, which is checked by itself.
            let is_ready = parts.is_empty() || parts.iter().any(|one| one.up && !one.is_optional);
            DirectoryState { tenant: tenant.clone(), is_ready, parts }
        };
        directories.iter().map(state).collect()
    }

    /// The figures of the tenants' directory indexes, by tenant id.
    #[must_use]
    pub fn index_figures(&self) -> Vec<(String, IndexFigures)> {
        let directories = self.directories.load();
        let figures = |(tenant, directory): &(String, Arc<dyn Directory>)| {
            directory.index_figures().map(|figures| (tenant.clone(), figures))
        };
        directories.iter().filter_map(figures).collect()
    }
}
