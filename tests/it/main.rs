//! Tests from outside: real sockets, real TLS, real servers. Each starts what it needs on free
//! loopback ports, and fails if that is not installed.
#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what prepares it")]

mod active_directory;
mod architecture;
mod authentication_cloud;
mod bad_input;
mod browser;
mod caller_forms;
mod clients;
mod cluster;
mod commands;
mod contract_coverage;
mod faults;
mod forms;
mod gateway;
mod haproxy;
mod http_harness;
mod http_identity;
mod http_listener;
mod http_oauth2;
mod http_proxy;
mod ldap_directory;
mod lifecycle;
mod limits;
mod main_job;
mod openapi;
mod pages;
mod phone;
mod pki;
mod ports;
mod postgres;
mod postgres_store;
mod push;
mod samba;
mod secrecy;
mod shell;
mod shipped_files;
mod slapd;
mod slow_clients;
mod sms;
mod soft_phone;
mod sqlite_store;
mod store_contract;
mod uniform;
mod who_may;
mod wire;
