//! Tests from outside: real sockets, real TLS, real servers.
#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what prepares it")]

mod http_harness;
mod http_identity;
mod http_listener;
mod http_oauth2;
mod http_proxy;
mod pki;
