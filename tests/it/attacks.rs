//! Attacks, each against the real server: what they could exhaust stays bounded, and whom they could
//! keep out is served meanwhile.

mod connections;
mod many;
mod proxies;
mod requests;
