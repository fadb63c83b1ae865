//! The wire: identifying callers and their connections, the operations, how refusals look.
//!
//! Nothing here reads the configuration file or names an adapter: each module has its own plain
//! settings, already checked.

pub mod authentication_cloud;
pub mod authorization;
mod body;
pub mod called_in_otp;
pub mod certificate;
pub mod client;
pub mod client_table;
pub mod demo;
mod endpoint;
pub mod error;
pub mod gateway;
pub mod identify;
pub mod jwks;
pub mod listener;
mod notice;
pub mod oauth2;
pub mod openapi;
pub mod ops;
pub mod pages;
pub mod proxy;
pub mod refused;
mod request_context;
pub mod signing_algorithm;
pub mod signing_keys;
pub mod unidentified;
mod user_agent;
pub mod voice;
pub mod workers;
