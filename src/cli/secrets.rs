//! `new-secret`, `new-push-key` and `hash-password`.

use std::io::Read;
use std::process::ExitCode;

use anyhow::Context;
use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::setup::CommandResult;
use crate::domain::text_file;

/// Prints a secret; its SHA-256 goes to standard error, so that the secret can be redirected.
pub(super) fn new_secret() -> CommandResult {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| anyhow::anyhow!("the system provides no random bits: {error}"))?;
    let secret = Zeroizing::new(hex::encode(*bytes));
    println!("{}", *secret);
    let digest = Sha256::digest(secret.as_bytes());
    eprintln!(
        "sha256 of the {} digits as text, for password_sha256 or token_sha256: {}",
        secret.len(),
        hex::encode(digest)
    );
    Ok(ExitCode::SUCCESS)
}

/// Prints a private key; its public key goes to standard error, as for [`new_secret`].
pub(super) fn new_push_key() -> CommandResult {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("cannot create the key")?;
    let pem = Zeroizing::new(key.serialize_pem());
    println!("{}", pem.trim_end());
    let point = URL_SAFE_NO_PAD.encode(key.public_key_raw());
    eprintln!("public key, which phones subscribe with (applicationServerKey): {point}");
    Ok(ExitCode::SUCCESS)
}

/// Hashes the password on standard input, without its line end.
pub(super) fn hash_password() -> CommandResult {
    let mut bytes = Zeroizing::new(Vec::new());
    std::io::stdin().read_to_end(&mut bytes).context("the password cannot be read")?;
    // A shell's pipe may add byte order marks and line endings.
    let text = text_file::decode(&bytes)
        .map_err(|error| anyhow::anyhow!("found {error}; accepted: {}", text_file::ACCEPTED))?;
    let password = text_file::one_line(text)
        .map_err(|error| anyhow::anyhow!("the password has {error}: give it as one line"))?;
    if password.is_empty() {
        return Err(anyhow::anyhow!("the password is empty: give it on standard input").into());
    }
    let hash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|error| anyhow::anyhow!("the password cannot be hashed: {error}"))?;
    println!("{hash}");
    Ok(ExitCode::SUCCESS)
}
