//! Passkeys (Web Authentication Level 3): the challenge a phone signs, and checking its signature.
//!
//! User verification is required, the origin and the relying party id are those of the public URL,
//! and no attestation is requested: phones' passkeys have none. A credential is looked up among its
//! user's only, never globally by id, so another user's credential with the same id has no effect.

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

use super::refusal::CloudRefusal;
use crate::domain::authenticator::{Authenticator, Credential};
use crate::domain::registered_user::{RegisteredId, RegisteredName, RegisteredUser};

/// Longest credential id, in bytes (Web Authentication Level 3, 4 "Credential ID").
const MAX_CREDENTIAL_ID: usize = 1023;

/// One tenant's relying party.
pub struct Passkeys {
    webauthn: Webauthn,
    company: String,
    /// The origin as browsers serialize it (HTML 7.1.1 "ASCII serialization").
    origin: String,
}

/// The stored state of a registration: what the response is checked against, and the phone's
/// options.
#[derive(Serialize, Deserialize)]
struct RegistrationState {
    state: PasskeyRegistration,
    options: serde_json::Value,
}

/// The stored state of an assertion.
#[derive(Serialize, Deserialize)]
struct AssertionState {
    state: PasskeyAuthentication,
    options: serde_json::Value,
}

/// The phone's options, from either state.
#[derive(Deserialize)]
struct PhoneOptions {
    options: serde_json::Value,
}

/// The client data that the browser signs over (Web Authentication Level 3, 5.8.1).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    origin: String,
    #[serde(default)]
    cross_origin: bool,
}

/// Offset of the flags in authenticator data, and the flag for a passkey that may be backed up (Web
/// Authentication Level 3, 6.1 and 6.1.3).
const FLAGS: usize = 32;
const BACKUP_ELIGIBLE: u8 = 1 << 3;

/// A checked signature over a challenge.
#[derive(Debug, Clone)]
pub struct VerifiedSignature {
    /// The id of the credential that signed.
    pub credential: Vec<u8>,
    /// The signature counter; 0 if the phone keeps none.
    pub counter: u32,
    /// Whether the passkey may be backed up now, but could not be at registration.
    pub is_now_synced: bool,
    result: AuthenticationResult,
}

impl Passkeys {
    /// The relying party at `public_url`, named `company`. A phone has `lifetime` to sign a
    /// challenge. `None` if the URL's host is not a domain name, because browsers make passkeys for
    /// names only.
    #[must_use]
    pub fn new(public_url: &str, company: &str, lifetime: Duration) -> Option<Self> {
        let origin = Url::parse(public_url).ok()?;
        let Some(Host::Domain(name)) = origin.host() else { return None };
        let builder = WebauthnBuilder::new(name, &origin).ok()?;
        let webauthn = builder.rp_name(company).timeout(lifetime).build().ok()?;
        let origin = origin.origin().ascii_serialization();
        Some(Self { webauthn, company: company.to_owned(), origin })
    }

    /// The relying party's name.
    #[must_use]
    pub fn company(&self) -> &str {
        &self.company
    }

    /// Starts the registration of a user's passkey; returns the state to store.
    pub(super) fn start_registration(&self, user: &RegisteredUser) -> Result<String, CloudRefusal> {
        let name = user.name.as_ref().map_or(self.company.as_str(), RegisteredName::as_str);
        let known: Vec<_> =
            user.authenticators.iter().map(|one| one.credential.id.clone()).collect();
        let started =
            self.webauthn.start_passkey_registration(*user.id.as_uuid(), name, name, Some(known));
        let (challenge, state) = started.map_err(|_| CloudRefusal::NoRandomness)?;
        to_stored(&RegistrationState { state, options: to_json(&challenge.public_key) })
    }

    /// Starts an assertion by one of these authenticators; returns the state to store.
    pub(super) fn start_assertion<'a>(
        &self,
        authenticators: impl Iterator<Item = &'a Authenticator>,
    ) -> Result<String, CloudRefusal> {
        let passkeys: Vec<Passkey> =
            authenticators.map(|one| passkey(&one.credential)).collect::<Result<_, _>>()?;
        if passkeys.is_empty() {
            return Err(CloudRefusal::NoAuthenticator);
        }
        let started = self.webauthn.start_passkey_authentication(&passkeys);
        let (challenge, state) = started.map_err(|_| CloudRefusal::NoRandomness)?;
        to_stored(&AssertionState { state, options: to_json(&challenge.public_key) })
    }

    /// Checks a new passkey against the stored state.
    pub(super) fn finish_registration(
        &self,
        stored: &str,
        made: serde_json::Value,
    ) -> Result<Credential, CloudRefusal> {
        let RegistrationState { state, .. } = serde_json::from_str(stored).map_err(refused)?;
        let made: RegisterPublicKeyCredential = serde_json::from_value(made).map_err(refused)?;
        self.check_client_data(&made.response.client_data_json)?;
        let passkey = self.webauthn.finish_passkey_registration(&made, &state).map_err(refused)?;
        let passkey = without_attestation(passkey);
        let record = serde_json::to_string(&passkey).map_err(refused)?;
        let LibraryCredential { cred_id, counter, .. } = passkey.into();
        if !(1..=MAX_CREDENTIAL_ID).contains(&cred_id.len()) {
            return Err(CloudRefusal::PasskeyRefused);
        }
        Ok(Credential { id: cred_id, record, counter })
    }

    /// Checks a signature against the stored state.
    pub(super) fn finish_assertion(
        &self,
        stored: &str,
        signed: serde_json::Value,
        user: RegisteredId,
    ) -> Result<VerifiedSignature, CloudRefusal> {
        let mut stored: serde_json::Value = serde_json::from_str(stored).map_err(refused)?;
        let signed: PublicKeyCredential = serde_json::from_value(signed).map_err(refused)?;
        // 7.2, step 6, which the library omits: the user handle must be this user's.
        let handle = signed.get_user_unique_id().filter(|handle| !handle.is_empty());
        if handle.is_some_and(|handle| handle != user.as_uuid().as_bytes()) {
            return Err(CloudRefusal::PasskeyRefused);
        }
        self.check_client_data(&signed.response.client_data_json)?;
        let is_now_synced = admit_backup(&mut stored, &signed);
        let AssertionState { state, .. } = serde_json::from_value(stored).map_err(refused)?;
        let result =
            self.webauthn.finish_passkey_authentication(&signed, &state).map_err(refused)?;
        if !result.user_verified() {
            return Err(CloudRefusal::PasskeyRefused);
        }
        let credential = result.cred_id().clone();
        Ok(VerifiedSignature { credential, counter: result.counter(), is_now_synced, result })
    }

    /// Checks the client data where the library is missing or lax: the origin must equal ours
    /// exactly (the library parses a URL and ignores its path), and no page from another origin may
    /// embed ours.
    fn check_client_data(&self, client_data: &[u8]) -> Result<(), CloudRefusal> {
        let client: ClientData = serde_json::from_slice(client_data).map_err(refused)?;
        let is_ours = client.origin == self.origin && !client.cross_origin;
        if is_ours { Ok(()) } else { Err(CloudRefusal::PasskeyRefused) }
    }
}

impl VerifiedSignature {
    /// Records the signature in the credential; returns whether the credential changed.
    pub(super) fn update(&self, credential: &mut Credential) -> Result<bool, CloudRefusal> {
        let mut passkey = passkey(credential)?;
        let changed =
            passkey.update_credential(&self.result).ok_or(CloudRefusal::PasskeyRefused)?;
        if changed {
            credential.record = serde_json::to_string(&passkey).map_err(refused)?;
            credential.counter = credential.counter.max(self.counter);
        }
        Ok(changed)
    }
}

/// The phone's options, in the form that `parseCreationOptionsFromJSON` and
/// `parseRequestOptionsFromJSON` of the Web Authentication API accept.
pub(super) fn options(stored: &str) -> Result<serde_json::Value, CloudRefusal> {
    serde_json::from_str(stored).map(|PhoneOptions { options }| options).map_err(refused)
}

fn passkey(credential: &Credential) -> Result<Passkey, CloudRefusal> {
    // Records from older releases may contain an attestation.
    serde_json::from_str(&credential.record).map(without_attestation).map_err(refused)
}

/// The passkey without any certificates the phone sent along. They were not requested and are never
/// read, but each approval would keep a copy of the record.
fn without_attestation(passkey: Passkey) -> Passkey {
    let credential = LibraryCredential::from(passkey);
    let (attestation, attestation_format) = (ParsedAttestation::default(), AttestationFormat::None);
    LibraryCredential { attestation, attestation_format, ..credential }.into()
}

/// Lets the check accept a passkey that may be backed up now but could not be at registration, such
/// as iPhone passkeys made before iCloud synced them. The specification leaves the comparison to
/// relying parties that base decisions on it (Web Authentication Level 3, 7.2, the step on backup
/// eligibility), and nothing here does. The library compares anyway and would refuse a backed-up
/// passkey forever. A passkey that claims to be backed up but not eligible, or no longer eligible,
/// is still refused.
///
/// Returns whether it applied; the signature, checked afterwards, covers the flag.
fn admit_backup(stored: &mut serde_json::Value, signed: &PublicKeyCredential) -> bool {
    let flags = signed.response.authenticator_data.get(FLAGS);
    if flags.is_none_or(|flags| flags & BACKUP_ELIGIBLE == 0) {
        return false;
    }
    let id = URL_SAFE_NO_PAD.encode(&signed.raw_id);
    let credentials =
        stored.pointer_mut("/state/ast/credentials").and_then(|all| all.as_array_mut());
    let signing = credentials.and_then(|all| all.iter_mut().find(|one| one["cred_id"] == *id));
    let eligible = signing.and_then(|one| one.get_mut("backup_eligible"));
    eligible.is_some_and(|eligible| {
        let was_not = *eligible == serde_json::Value::Bool(false);
        *eligible = serde_json::Value::Bool(true);
        was_not
    })
}

fn to_json(options: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(options).expect("texts, numbers and bytes always serialise")
}

fn to_stored(ceremony: &impl Serialize) -> Result<String, CloudRefusal> {
    serde_json::to_string(ceremony).map_err(refused)
}

/// The client does not learn what is wrong with a passkey: the right phone never sees this error.
fn refused(error: impl std::fmt::Display) -> CloudRefusal {
    tracing::debug!(%error, "a passkey was refused");
    CloudRefusal::PasskeyRefused
}
