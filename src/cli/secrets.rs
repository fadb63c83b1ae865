//! `new-secret` and `hash-password`.

use std::io::Read;
use std::process::ExitCode;

use anyhow::Context;
use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Ended;

/// Prints a secret; its SHA-256 goes to standard error, so that the secret can be redirected.
pub(super) fn new_secret() -> Ended {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| anyhow::anyhow!("no random bits: {error}"))?;
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

/// Hashes the password on standard input, without its line end.
pub(super) fn hash_password() -> Ended {
    let mut text = Zeroizing::new(String::new());
    std::io::stdin().read_to_string(&mut text).context("the password cannot be read")?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(anyhow::anyhow!("the password is empty: give it on standard input").into());
    }
    let hash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|error| anyhow::anyhow!("the password cannot be hashed: {error}"))?;
    println!("{hash}");
    Ok(ExitCode::SUCCESS)
}
