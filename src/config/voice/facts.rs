//! What is known of an endpoint beyond what the server does with it, for warnings.

use secrecy::{ExposeSecret as _, SecretString};

/// What warnings need to know of an endpoint.
#[derive(Debug)]
pub(in crate::config) struct Facts {
    /// Where it is in the file.
    pub key: String,
    /// Its dialect, as written.
    pub dialect: &'static str,
    /// Whether its platform may pass on an attestation.
    pub attests: bool,
    /// Whether its platform tells which calls were forwarded.
    pub tells_diversion: bool,
    /// The secrets of signatures that cover the body and not the URL.
    pub of_body: Vec<SecretString>,
}

impl Facts {
    /// Whether what is signed for one endpoint is signed for the other as well.
    pub fn share_signatures(&self, other: &Self) -> bool {
        let is_in_other = |secret: &SecretString| {
            other.of_body.iter().any(|its| its.expose_secret() == secret.expose_secret())
        };
        self.dialect == other.dialect && self.of_body.iter().any(is_in_other)
    }
}
