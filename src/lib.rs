//! dialpass: a gateway between a phone system and a user directory. A caller dials in and hears a
//! one-time code; the code, with name and password, becomes a login. Beside it stands the REST API
//! of an authentication cloud, for users who are registered here.
//!
//! # The way a request goes
//! ```text
//! phone system ── PUT getOTP ──┐                          ┌─ directory  (LDAP/AD · file)
//! login service ─ validateOTP ─┼─ http ──── service ──────┼─ store      (SQLite · PostgreSQL)
//! backend ────── /api/v1/… ────┤  (TLS, client, limits)   └─ messenger  (SMS over HTTP · Web Push)
//! phone's browser ─ /open ─────┘
//!                                  all over: domain (numbers, codes, policies, clock)
//! ```
//!
//! # Where what lives
//! - [`domain`]: the telephony-to-directory logic, without I/O. Caller IDs are read in
//!   [`domain::caller_id`], stored numbers in [`domain::stored_number`]; which number a row of digits
//!   is, by the world's numbering plans, is [`domain::numbering`]. Whether an account may log in is
//!   [`domain::account_state`], codes are derived in [`domain::otp`].
//! - [`service`]: what the gateway does. [`service::call_in`] is getOTP, [`service::login`] is
//!   validateOTP, [`service::authentication_cloud`] registers users and has them confirm,
//!   [`service::flood`] protects the node.
//! - [`http`]: the wire. Who calls is found in [`http::identify`], what a refusal looks like in
//!   [`http::error`], the operations in [`http::called_in_otp`] and
//!   [`http::authentication_cloud`], what describes them to machines in [`http::openapi`]. What a
//!   browser gets, pages in three languages and the script for customers' own, is [`http::pages`].
//! - [`directory`]: the port to people, with adapters for LDAP and for a file. An administrator looks
//!   at a directory through [`directory::inspection`]; [`service::survey`] judges what is seen.
//! - [`store`]: the ports to grants and budgets, with adapters for SQLite and for PostgreSQL; what a
//!   step decides, whichever it is, stands in [`store::account`]. Registered users are behind
//!   [`store::registry`], and what is decided on them in the service.
//! - [`messenger`]: the ports by which texts and notifications reach phones, with adapters for
//!   providers of SMS that are asked over HTTP, and for the push services of browsers.
//! - [`client_tls`]: TLS towards directories, databases, providers of SMS and push services;
//!   [`pem`]: how all files of certificates and keys are read.
//! - [`config`], [`telemetry`], [`cli`]: the file, what operators see, the commands.
//! - [`app`]: the composition root, the only place that names adapters.
//!
//! `domain` imports nothing from the crate; `service` sees `domain` and the ports; `http` sees
//! `service` and `domain`, never an adapter. `tests/it/architecture.rs` holds the crate to it.

pub mod app;
pub mod cli;
pub mod client_tls;
pub mod config;
pub mod directory;
pub mod domain;
#[cfg(test)]
mod fuzzing;
pub mod http;
pub mod messenger;
pub mod pem;
pub mod service;
pub mod store;
pub mod telemetry;
