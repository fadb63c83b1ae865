//! Passkeys (Web Authentication Level 3): the challenge that a phone signs, and whether it did.
//!
//! User verification is required, the origin and the relying party's id are those of the public
//! URL, and attestation is not asked for: phones' passkeys have none. A credential is looked for
//! among its user's alone, never by its id in general, so that it makes no difference whether
//! another user has one with the same id.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use url::{Host, Url};
use webauthn_rs::prelude::{
    AttestationFormat, AuthenticationResult, Credential as LibraryCredential, ParsedAttestation,
    Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use super::refusal::Refusal;
use crate::domain::authenticator::{Authenticator, Credential};
use crate::domain::registered_user::{RegisteredId, RegisteredName, RegisteredUser};

/// Longest id of a credential, in bytes (Web Authentication Level 3, 4 "Credential ID").
const MAX_CREDENTIAL_ID: usize = 1023;

/// One tenant's relying party.
pub struct Passkeys {
    webauthn: Webauthn,
    company: String,
    /// As browsers write it (HTML 7.1.1 "ASCII serialization").
    origin: String,
}

/// What is kept of a registration: what its answer is checked against, and what the phone is told.
#[derive(Serialize, Deserialize)]
struct Registration {
    state: PasskeyRegistration,
    options: serde_json::Value,
}

/// What is kept of an assertion.
#[derive(Serialize, Deserialize)]
struct Assertion {
    state: PasskeyAuthentication,
    options: serde_json::Value,
}

/// What the phone is told, of either.
#[derive(Deserialize)]
struct Told {
    options: serde_json::Value,
}

/// What a browser says of where it was asked (Web Authentication Level 3, 5.8.1).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    origin: String,
    #[serde(default)]
    cross_origin: bool,
}

/// Where an authenticator has its flags, and which of them says that the passkey may be backed up
/// (Web Authentication Level 3, 6.1 and 6.1.3).
const FLAGS: usize = 32;
const BACKUP_ELIGIBLE: u8 = 1 << 3;

/// A challenge was signed.
#[derive(Debug, Clone)]
pub struct Signed {
    /// With which credential.
    pub credential: Vec<u8>,
    /// The signature counter; 0 where the phone keeps none.
    pub counter: u32,
    /// Whether the passkey may be backed up by now, and could not be when it was registered.
    pub is_now_synced: bool,
    result: AuthenticationResult,
}

impl Passkeys {
    /// The relying party at `public_url`, called `company`, with challenges that a phone may take
    /// `lifetime` to sign; `None` if its host is no name, since browsers make passkeys for names
    /// only.
    #[must_use]
    pub fn new(public_url: &str, company: &str, lifetime: Duration) -> Option<Self> {
        let origin = Url::parse(public_url).ok()?;
        let Some(Host::Domain(name)) = origin.host() else { return None };
        let builder = WebauthnBuilder::new(name, &origin).ok()?;
        let webauthn = builder.rp_name(company).timeout(lifetime).build().ok()?;
        let origin = origin.origin().ascii_serialization();
        Some(Self { webauthn, company: company.to_owned(), origin })
    }

    /// What the relying party is called.
    #[must_use]
    pub fn company(&self) -> &str {
        &self.company
    }

    /// Begins to make a passkey of a user; what is kept of it.
    pub(super) fn begin_registration(&self, user: &RegisteredUser) -> Result<String, Refusal> {
        let name = user.name.as_ref().map_or(self.company.as_str(), RegisteredName::as_str);
        let known: Vec<_> =
            user.authenticators.iter().map(|one| one.credential.id.clone()).collect();
        let begun =
            self.webauthn.start_passkey_registration(*user.id.as_uuid(), name, name, Some(known));
        let (challenge, state) = begun.map_err(|_| Refusal::NoRandomness)?;
        kept(&Registration { state, options: told(&challenge.public_key) })
    }

    /// Begins to have one of these authenticators sign; what is kept of it.
    pub(super) fn begin_assertion<'a>(
        &self,
        authenticators: impl Iterator<Item = &'a Authenticator>,
    ) -> Result<String, Refusal> {
        let passkeys: Vec<Passkey> =
            authenticators.map(|one| passkey(&one.credential)).collect::<Result<_, _>>()?;
        if passkeys.is_empty() {
            return Err(Refusal::NoAuthenticator);
        }
        let begun = self.webauthn.start_passkey_authentication(&passkeys);
        let (challenge, state) = begun.map_err(|_| Refusal::NoRandomness)?;
        kept(&Assertion { state, options: told(&challenge.public_key) })
    }

    /// Checks a new passkey against what was kept.
    pub(super) fn finish_registration(
        &self,
        kept: &str,
        made: serde_json::Value,
    ) -> Result<Credential, Refusal> {
        let Registration { state, .. } = serde_json::from_str(kept).map_err(refused)?;
        let made: RegisterPublicKeyCredential = serde_json::from_value(made).map_err(refused)?;
        self.check_client_data(&made.response.client_data_json)?;
        let passkey = self.webauthn.finish_passkey_registration(&made, &state).map_err(refused)?;
        let passkey = without_attestation(passkey);
        let record = serde_json::to_string(&passkey).map_err(refused)?;
        let LibraryCredential { cred_id, counter, .. } = passkey.into();
        if !(1..=MAX_CREDENTIAL_ID).contains(&cred_id.len()) {
            return Err(Refusal::PasskeyRefused);
        }
        Ok(Credential { id: cred_id, record, counter })
    }

    /// Checks a signature against what was kept.
    pub(super) fn finish_assertion(
        &self,
        kept: &str,
        signed: serde_json::Value,
        user: RegisteredId,
    ) -> Result<Signed, Refusal> {
        let mut kept: serde_json::Value = serde_json::from_str(kept).map_err(refused)?;
        let signed: PublicKeyCredential = serde_json::from_value(signed).map_err(refused)?;
        // 7.2, step 6, which the library leaves out: the passkey is this user's.
        let handle = signed.get_user_unique_id().filter(|handle| !handle.is_empty());
        if handle.is_some_and(|handle| handle != user.as_uuid().as_bytes()) {
            return Err(Refusal::PasskeyRefused);
        }
        self.check_client_data(&signed.response.client_data_json)?;
        let is_now_synced = admit_backup(&mut kept, &signed);
        let Assertion { state, .. } = serde_json::from_value(kept).map_err(refused)?;
        let result =
            self.webauthn.finish_passkey_authentication(&signed, &state).map_err(refused)?;
        if !result.user_verified() {
            return Err(Refusal::PasskeyRefused);
        }
        let credential = result.cred_id().clone();
        Ok(Signed { credential, counter: result.counter(), is_now_synced, result })
    }

    /// Checks of what the browser says what the library leaves out or takes too easily: the origin is
    /// ours to the letter, where the library reads a URL and leaves its path aside, and no page of
    /// another origin stands around ours.
    fn check_client_data(&self, client_data: &[u8]) -> Result<(), Refusal> {
        let told: ClientData = serde_json::from_slice(client_data).map_err(refused)?;
        let is_ours = told.origin == self.origin && !told.cross_origin;
        if is_ours { Ok(()) } else { Err(Refusal::PasskeyRefused) }
    }
}

impl Signed {
    /// Notes in the credential that it signed; whether anything of it changed.
    pub(super) fn note(&self, credential: &mut Credential) -> Result<bool, Refusal> {
        let mut passkey = passkey(credential)?;
        let changed = passkey.update_credential(&self.result).ok_or(Refusal::PasskeyRefused)?;
        if changed {
            credential.record = serde_json::to_string(&passkey).map_err(refused)?;
            credential.counter = credential.counter.max(self.counter);
        }
        Ok(changed)
    }
}

/// What the phone is told, as `parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON` of the
/// Web Authentication API take it.
pub(super) fn options(kept: &str) -> Result<serde_json::Value, Refusal> {
    serde_json::from_str(kept).map(|Told { options }| options).map_err(refused)
}

fn passkey(credential: &Credential) -> Result<Passkey, Refusal> {
    // Records of older releases may have an attestation.
    serde_json::from_str(&credential.record).map(without_attestation).map_err(refused)
}

/// The passkey without the certificates that a phone may have sent along. They were not asked for and
/// nobody looks at them, but each approval would keep a copy of what the record holds.
fn without_attestation(passkey: Passkey) -> Passkey {
    let credential = LibraryCredential::from(passkey);
    let (attestation, attestation_format) = (ParsedAttestation::default(), AttestationFormat::None);
    LibraryCredential { attestation, attestation_format, ..credential }.into()
}

/// Has the check take a signature by a passkey that may be backed up by now, though it could not be
/// when it was registered, as passkeys of iPhones that were made before iCloud synced them. What is
/// to be compared of that is left to whoever makes decisions by it (Web Authentication Level 3, 7.2,
/// the step on backup eligibility), and nothing here does. The library compares a backed-up passkey
/// with the eligibility of its registration all the same, and would refuse it for ever. A passkey
/// that is said to be backed up and not eligible, or no longer eligible, is still refused.
///
/// Whether it did; the signature, which is checked afterwards, is over the flag.
fn admit_backup(kept: &mut serde_json::Value, signed: &PublicKeyCredential) -> bool {
    let flags = signed.response.authenticator_data.get(FLAGS);
    if flags.is_none_or(|flags| flags & BACKUP_ELIGIBLE == 0) {
        return false;
    }
    let id = URL_SAFE_NO_PAD.encode(&signed.raw_id);
    let credentials = kept.pointer_mut("/state/ast/credentials").and_then(|all| all.as_array_mut());
    let signing = credentials.and_then(|all| all.iter_mut().find(|one| one["cred_id"] == *id));
    let eligible = signing.and_then(|one| one.get_mut("backup_eligible"));
    eligible.is_some_and(|eligible| {
        let was_not = *eligible == serde_json::Value::Bool(false);
        *eligible = serde_json::Value::Bool(true);
        was_not
    })
}

fn told(options: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(options).expect("texts, numbers and bytes always serialise")
}

fn kept(ceremony: &impl Serialize) -> Result<String, Refusal> {
    serde_json::to_string(ceremony).map_err(refused)
}

/// Whatever is wrong with a passkey is told to nobody: whoever has the right phone sees none of it.
fn refused(error: impl std::fmt::Display) -> Refusal {
    tracing::debug!(%error, "a passkey was refused");
    Refusal::PasskeyRefused
}
