//! `[keys]`: the server keys.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::check::Problems;
use super::secrets::{self, Form};
use crate::domain::otp::{ServerKey, ServerKeys};
use crate::domain::secret::SecretText;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKeys {
    pub server_key: Option<SecretText>,
    pub server_key_file: Option<PathBuf>,
}

/// `[keys]`.
#[derive(Debug)]
pub struct KeysConfig {
    /// The server keys, issuing key first.
    pub server_keys: Arc<ServerKeys>,
}

/// Checks the section. An example's key is refused unless `listen` is a loopback address.
pub(super) fn check(
    raw: RawKeys,
    listen: SocketAddr,
    problems: &mut Problems,
) -> Option<KeysConfig> {
    let file = raw.server_key_file.as_deref();
    let key = if file.is_some() { "keys.server_key_file" } else { "keys.server_key" };
    let text = secrets::secret("keys", "server_key", Form::Lines, raw.server_key, file, problems)?;
    let server_keys = Arc::new(server_keys(&text, key, listen, problems)?);
    Some(KeysConfig { server_keys })
}

/// The server keys in `text`: one a line, 64 hexadecimal digits each; the first issues. Blank
/// lines and lines that start with `#` are passed over. An example's key is refused
/// unless `listen` is a loopback address.
fn server_keys(
    text: &SecretString,
    key: &str,
    listen: SocketAddr,
    problems: &mut Problems,
) -> Option<ServerKeys> {
    let mut keys = Vec::new();
    for (index, line) in text.expose_secret().lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut bytes = [0; 32];
        if hex::decode_to_slice(line, &mut bytes).is_err() {
            problems.add(
                key,
                format!("{} characters in line {}", line.chars().count(), index + 1),
                "64 hexadecimal digits, as `dialpass new-secret` prints them",
            );
            return None;
        }
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            problems.add(key, "a key that is one byte over and over", "32 random bytes");
            return None;
        }
        if counts_up(&bytes) && !listen.ip().to_canonical().is_loopback() {
            let found = "a key whose bytes count up, as in the examples";
            problems.add(key, found, "32 random bytes, as `dialpass new-secret` prints them");
            return None;
        }
        keys.push(ServerKey::new(bytes));
    }
    let keys = ServerKeys::new(keys);
    if keys.is_none() {
        problems.add(key, "no key", "a line of 64 hexadecimal digits");
    }
    keys
}

/// Whether a server key's bytes count up, as those in tests do.
fn counts_up(key: &[u8; 32]) -> bool {
    key.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1))
}
