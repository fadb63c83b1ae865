//! Tests against real servers: each starts what it needs on free loopback ports, and fails if it
//! is not installed.

mod ldap_directory;
mod slapd;
