//! A phone's passkeys, in software: those of `passkey`, which is not the library that the server
//! checks them with. What an honest phone never does, a test has it sign all the same.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use passkey::authenticator::{Authenticator, MemoryStore, UiHint, UserCheck, UserValidationMethod};
use passkey::client::{Client, DefaultClientData};
use passkey::crypto::{AvailableBackend, AvailableSecretKey, SecretKeyT};
use passkey::types::Passkey;
use passkey::types::ctap2::{Aaguid, Ctap2Error};
use rcgen::{
    CertificateParams, CustomExtension, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData,
    SignatureAlgorithm,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

/// Who holds the phone, and always puts the finger on it.
struct Holder;

#[async_trait]
impl UserValidationMethod for Holder {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        hint: UiHint<'a, Passkey>,
        _presence: bool,
        _verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        match hint {
            UiHint::InformExcludedCredentialFound(_) => Err(Ctap2Error::CredentialExcluded),
            _ => Ok(UserCheck { presence: true, verification: true }),
        }
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

/// A phone whose browser shows a page of some origin.
#[derive(Clone)]
pub struct SoftPhone {
    origin: Url,
    counts: bool,
    passkeys: MemoryStore,
}

/// What a phone signs, for a test to change.
pub struct Signed {
    /// The client data (Web Authentication Level 3, 5.8.1).
    pub client_data: Value,
    /// The authenticator data (6.1): 32 bytes the RP ID's hash, one of flags, four the counter.
    pub data: Vec<u8>,
}

impl Signed {
    /// Where the flags are.
    pub const FLAGS: usize = 32;
    /// The user was there.
    pub const PRESENT: u8 = 1;
    /// The user was verified.
    pub const VERIFIED: u8 = 1 << 2;
    /// The passkey may be backed up, and is.
    pub const ELIGIBLE: u8 = 1 << 3;
    pub const BACKED_UP: u8 = 1 << 4;

    /// Sets the signature counter.
    pub fn count(&mut self, counter: u32) {
        self.data[33..37].copy_from_slice(&counter.to_be_bytes());
    }
}

impl SoftPhone {
    /// A phone that shows a page of `origin`, without signature counters, as phones are.
    pub fn at(origin: &str) -> Self {
        let origin = Url::parse(origin).expect("a URL");
        Self { origin, counts: false, passkeys: MemoryStore::new() }
    }

    /// The same, whose passkeys count their signatures.
    pub fn counting(self) -> Self {
        Self { counts: true, ..self }
    }

    /// The same phone with a page of another origin before it.
    pub fn moved_to(&self, origin: &str) -> Self {
        Self { origin: Url::parse(origin).expect("a URL"), ..self.clone() }
    }

    /// How many passkeys it has.
    pub fn passkeys(&self) -> usize {
        self.passkeys.len()
    }

    /// Makes a passkey of these creation options, both in the form of JSON.
    ///
    /// # Errors
    /// What a phone complains of.
    pub async fn make(&mut self, options: &Value) -> Result<Value, String> {
        let mut authenticator = self.authenticator();
        authenticator.set_make_credentials_with_signature_counter(self.counts);
        let mut client = Client::new(authenticator);
        let options = serde_json::from_value(json!({"publicKey": options}));
        let options = options.map_err(|error| error.to_string())?;
        let made = client.register(&self.origin, options, DefaultClientData).await;
        let made = made.map_err(|error| format!("{error:?}"))?;
        self.passkeys.clone_from(client.authenticator().store());
        Ok(json!({
            "id": made.id,
            "rawId": text(made.raw_id.as_slice()),
            "type": "public-key",
            "response": {
                "clientDataJSON": text(made.response.client_data_json.as_slice()),
                "attestationObject": text(made.response.attestation_object.as_slice()),
                "authenticatorData": text(made.response.authenticator_data.as_slice()),
                "transports": ["internal", "hybrid"],
            },
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
        }))
    }

    /// Signs by these request options with a passkey that they name.
    ///
    /// # Errors
    /// What a phone complains of.
    pub async fn sign(&mut self, options: &Value) -> Result<Value, String> {
        let mut client = Client::new(self.authenticator());
        let options = serde_json::from_value(json!({"publicKey": options}));
        let options = options.map_err(|error| error.to_string())?;
        let signed = client.authenticate(&self.origin, options, DefaultClientData).await;
        let signed = signed.map_err(|error| format!("{error:?}"))?;
        self.passkeys.clone_from(client.authenticator().store());
        Ok(json!({
            "id": signed.id,
            "rawId": text(signed.raw_id.as_slice()),
            "type": "public-key",
            "response": {
                "clientDataJSON": text(signed.response.client_data_json.as_slice()),
                "authenticatorData": text(signed.response.authenticator_data.as_slice()),
                "signature": text(signed.response.signature.as_slice()),
                "userHandle": signed.response.user_handle.as_ref().map(|handle| text(handle.as_slice())),
            },
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
        }))
    }

    /// What [`sign`](Self::sign) gave, changed and signed anew by the same passkey.
    pub fn signed_anew(&self, answer: &Value, change: impl FnOnce(&mut Signed)) -> Value {
        let mut answer = answer.clone();
        let response = &mut answer["response"];
        let client_data = bytes(&response["clientDataJSON"]);
        let mut signed = Signed {
            client_data: serde_json::from_slice(&client_data).expect("JSON"),
            data: bytes(&response["authenticatorData"]),
        };
        change(&mut signed);
        let client_data = signed.client_data.to_string();
        let mut message = signed.data.clone();
        message.extend(Sha256::digest(&client_data));
        let id = bytes(&answer["rawId"]);
        let key = &self.passkeys.get(&id).expect("a passkey of this phone").key;
        let mut key = AvailableSecretKey::from_cose_key(key).expect("a key");
        let response = &mut answer["response"];
        response["clientDataJSON"] = text(client_data.as_bytes());
        response["authenticatorData"] = text(&signed.data);
        response["signature"] = text(key.sign(&message));
        answer
    }

    /// Has one of its passkeys go by another id.
    pub fn call_it(&mut self, id: &[u8], other: &[u8]) {
        let mut passkey = self.passkeys.remove(id).expect("a passkey of this phone");
        passkey.credential_id = other.into();
        self.passkeys.insert(other.to_vec(), passkey);
    }

    fn authenticator(&self) -> Authenticator<MemoryStore, Holder, AvailableBackend> {
        let passkeys = self.passkeys.clone();
        Authenticator::new(Aaguid::new_empty(), passkeys, Holder, AvailableBackend)
    }
}

/// What [`SoftPhone::make`] gave, changed. Nothing signs it, as no attestation is asked for.
pub fn made_otherwise(answer: &Value, change: impl FnOnce(&mut Signed)) -> Value {
    let mut answer = answer.clone();
    let response = &mut answer["response"];
    let (data, mut object) =
        (bytes(&response["authenticatorData"]), bytes(&response["attestationObject"]));
    let client_data = bytes(&response["clientDataJSON"]);
    let client_data = serde_json::from_slice(&client_data).expect("JSON");
    let at = object.windows(data.len()).position(|window| window == data).expect("it is in there");
    let mut signed = Signed { client_data, data };
    change(&mut signed);
    object[at..at + signed.data.len()].copy_from_slice(&signed.data);
    response["clientDataJSON"] = text(signed.client_data.to_string().as_bytes());
    response["authenticatorData"] = text(&signed.data);
    response["attestationObject"] = text(&object);
    answer
}

/// What [`SoftPhone::make`] gave, with an attestation in Apple's form that nobody asked for (Web
/// Authentication Level 3, 8.8): a certificate of the new key, padded by so many bytes.
pub fn with_certificate(answer: &Value, padding: usize) -> Value {
    let response = &answer["response"];
    let (data, client_data) =
        (bytes(&response["authenticatorData"]), bytes(&response["clientDataJSON"]));
    let nonce = Sha256::digest([&data[..], &Sha256::digest(client_data)].concat());
    let at = data.windows(3).rposition(|part| part == [0x22, 0x58, 0x20]).expect("a P-256 key");
    let (x, y) = (&data[at - 32..at], &data[at + 3..at + 35]);
    let point = Point([&[4][..], x, y].concat());
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    let nonce = [&[0x30, 0x24, 0xa1, 0x22, 0x04, 0x20][..], &nonce].concat();
    let apple = CustomExtension::from_oid_content(&[1, 2, 840, 113_635, 100, 8, 2], nonce);
    let long = [&[0x04, 0x82][..], &u16::try_from(padding).unwrap().to_be_bytes()].concat();
    let padding = CustomExtension::from_oid_content(
        &[1, 3, 6, 1, 4, 1, 99_999, 1],
        [long, vec![b'x'; padding]].concat(),
    );
    params.custom_extensions = vec![apple, padding];
    let issuer = Issuer::new(CertificateParams::default(), KeyPair::generate().unwrap());
    let certificate = params.signed_by(&point, &issuer).unwrap();
    with_attestation(answer, certificate.der())
}

/// What [`SoftPhone::make`] gave, with an attestation in Apple's form whose certificate is this.
pub fn with_attestation(answer: &Value, certificate: &[u8]) -> Value {
    let data = bytes(&answer["response"]["authenticatorData"]);
    let bytes_of = |bytes: &[u8]| {
        [&[0x59][..], &u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
    };
    let object = [
        &b"\xa3\x63fmt\x65apple\x67attStmt\xa1\x63x5c\x81"[..],
        &bytes_of(certificate),
        &b"\x68authData"[..],
        &bytes_of(&data),
    ];
    let mut answer = answer.clone();
    answer["response"]["attestationObject"] = text(object.concat());
    answer
}

/// An uncompressed point on P-256, as certificates have public keys.
struct Point(Vec<u8>);

impl PublicKeyData for Point {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// Bytes as the Web Authentication API has them in JSON.
pub fn text(bytes: impl AsRef<[u8]>) -> Value {
    json!(URL_SAFE_NO_PAD.encode(bytes))
}

/// What [`text`] stands for.
pub fn bytes(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().expect("a text")).expect("base64url")
}
