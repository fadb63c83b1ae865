//! dialpass
#![forbid(unsafe_code)]
pub mod directory;
pub mod domain;
pub mod http;
pub mod store;
