//! FastAGI, by which Asterisk has a caller's code spoken: it opens a session for a call, describes the
//! call in a header, and then carries out commands (Asterisk's `res_agi`; TCP, usually port 4573).
//!
//! The protocol neither encrypts nor authenticates. A session is served for a script by name, and
//! only to the addresses that the script lists. The decision on a call is getOTP's.

mod audit;
mod connection;
mod header;
pub mod listener;
mod outcome;
pub mod scripts;
mod session;
pub mod settings;
