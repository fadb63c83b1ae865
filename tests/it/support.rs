//! What tests start and ask: the real program, directories, databases, proxies and browsers of a
//! test's own, and clients that speak to them by hand. What is asked of them stands beside this
//! folder.

pub mod asterisk;
pub mod browser;
pub mod dirsrv;
pub mod freeradius;
pub mod gateway;
pub mod haproxy;
pub mod http_harness;
pub mod machine;
pub mod pki;
pub mod ports;
pub mod postgres;
pub mod radius_client;
pub mod samba;
pub mod shell;
pub mod slapd;
pub mod soft_phone;
pub mod udp_tap;
pub mod wire;
