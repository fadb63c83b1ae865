//! Tests against real servers: each starts what it needs on free loopback ports, and fails if it
//! is not installed.

mod architecture;
mod gateway;
mod ldap_directory;
mod main_job;
mod slapd;
mod sqlite_store;
mod store_contract;
