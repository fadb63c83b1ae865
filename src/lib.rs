//! dialpass
#![forbid(unsafe_code)]
pub mod config;
pub mod directory;
pub mod domain;
pub mod service;
pub mod store;
