//! dialpass: a gateway between a phone system and a user directory. A caller dials in and hears a
//! one-time code; name, password and code then make a login. It also serves an authentication
//! cloud's REST API, for users who are registered here.
//!
//! # The path of a request
//! ```text
//! phone system ── PUT getOTP ──┐                          ┌─ directory  (LDAP/AD · file)
//! login service ─ validateOTP ─┼─ http ──── service ──────┼─ store      (SQLite · PostgreSQL)
//! backend ────── /api/v1/… ────┤  (TLS, client, limits)   └─ messenger  (SMS over HTTP · Web Push)
//! phone's browser ─ /open ─────┤
//! Asterisk ──── fastagi ───────┘
//!                                  all over: domain (numbers, codes, policies, clock)
//! ```
//!
//! # What lives where
//! - [`domain`]: the telephony-to-directory logic, without I/O. [`domain::caller_id`] reads caller
//!   IDs, [`domain::stored_number`] reads stored numbers, and [`domain::numbering`] resolves digits
//!   to a number by the world's numbering plans. [`domain::account_state`] decides whether an
//!   account may log in; [`domain::otp`] derives codes.
//! - [`service`]: what the gateway does. [`service::call_in`] is getOTP, [`service::login`] is
//!   validateOTP, [`service::authentication_cloud`] registers users and asks them to confirm,
//!   [`service::flood`] protects the node.
//! - [`http`]: the wire. [`http::identify`] identifies callers, [`http::refused`] decides what a
//!   refusal looks like, [`http::called_in_otp`] and [`http::authentication_cloud`] hold the
//!   operations, [`http::voice`] answers the calls of voice platforms, [`http::openapi`] describes
//!   the APIs, and [`http::pages`] serves browsers: pages in three languages and the script for
//!   customers' own pages.
//! - [`fastagi`]: the same calls from Asterisk, over its own protocol instead of HTTP.
//! - [`directory`]: the port to people, with adapters for LDAP and for a file. Administrators
//!   inspect a directory through [`directory::inspection`]; [`service::directory_report`] judges the
//!   findings.
//! - [`store`]: the ports to codes and counts, with adapters for SQLite and for PostgreSQL;
//!   [`store::account`] makes the decisions that both share. [`store::registry`] holds the
//!   registered users; decisions about them are made in the service.
//! - [`messenger`]: the ports through which texts and notifications reach phones, with adapters for
//!   SMS providers with an HTTP API and for browsers' push services.
//! - [`tls`]: TLS in both directions, from reading certificate and key files to the reloadable
//!   configuration; [`regular_file`] reads files of any kind.
//! - `breaker`: whether a directory's server or the database is up.
//! - [`config`], [`telemetry`], [`cli`]: the configuration file, what operators see, the commands.
//!   [`unauthenticated_log`] limits what strangers make the node write.
//! - [`app`]: the composition root, the only place that names adapters.
//!
//! `domain` imports nothing from the crate; `service` sees `domain` and the ports; `http` and `fastagi`
//! see `service` and `domain`, and neither a port nor an adapter. `config` turns each section of the file
//! into the settings of the layer that uses it, which never sees `config`. No files import each other in a
//! circle; a parent module only lists its children and shows what they have.
//! `tests/it/architecture.rs` enforces this.

pub mod app;
mod breaker;
pub mod cli;
pub mod config;
#[cfg(test)]
#[path = "../tests/it/contract_coverage/listed.rs"]
mod contract_coverage;
pub mod directory;
pub mod domain;
pub mod fastagi;
#[cfg(test)]
mod fuzzing;
pub mod http;
pub mod messenger;
pub mod regular_file;
pub mod service;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod unauthenticated_log;
