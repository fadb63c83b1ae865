//! Tests from outside: real sockets, real TLS, real servers.

mod http_harness;
mod http_identity;
mod http_oauth2;
mod http_proxy;
mod pki;
