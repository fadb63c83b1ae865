//! A browser's push subscription, in the form of the Push API's `PushSubscription.toJSON()`.

use base64::Engine as _;
use base64::engine::DecodePaddingMode::Indifferent;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use crate::domain::authenticator::Subscription;
use crate::http::refused::Refusal;

/// Longest endpoint accepted, in bytes.
const MAX_ENDPOINT: usize = 2048;

/// Base64url (RFC 4648 5), padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(Indifferent),
);

/// A subscription as sent by a browser.
#[derive(Deserialize)]
pub(super) struct SubscriptionBody {
    endpoint: String,
    keys: KeysBody,
}

#[derive(Deserialize)]
struct KeysBody {
    p256dh: String,
    auth: String,
}

impl SubscriptionBody {
    /// Decodes and checks it; lengths are from RFC 8291 3.1 and 3.2.
    pub(super) fn read(self) -> Result<Subscription, Refusal> {
        let no = || Refusal::bad_request("the subscription is not one that a browser made");
        let bytes = |text: &str| BASE64.decode(text).ok();
        let key = bytes(&self.keys.p256dh).and_then(|key| <[u8; 65]>::try_from(key).ok());
        let auth = bytes(&self.keys.auth).and_then(|auth| <[u8; 16]>::try_from(auth).ok());
        // The first byte of an uncompressed point (SEC 1, 2.3.3).
        let key = key.filter(|key| key[0] == 4).ok_or_else(no)?;
        if self.endpoint.len() > MAX_ENDPOINT {
            return Err(no());
        }
        Ok(Subscription { endpoint: self.endpoint, key, auth: auth.ok_or_else(no)? })
    }
}
