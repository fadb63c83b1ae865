//! One provider: sends it requests, judges its answers, and remembers when it failed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, Response};
use tokio::time::{Instant, timeout};

use super::request::Request;
use super::settings::ProviderSettings;
use crate::domain::country::Country;
use crate::domain::text_message::TextMessage;
use crate::messenger::http_client::DeliveryFailure;

/// How long a failed provider is tried after the others.
const DISTRUST: Duration = Duration::from_secs(30);
/// Maximum number of bytes read from an answer.
const MAX_ANSWER: usize = 64 * 1024;

/// Whether the text may be at fault instead of the provider, e.g. a number that does not exist.
const fn may_be_the_text(failure: &DeliveryFailure) -> bool {
    matches!(failure, DeliveryFailure::Unmakeable | DeliveryFailure::Status(400 | 422))
}

/// An SMS provider.
pub struct Provider {
    settings: ProviderSettings,
    body_contains: Option<Vec<u8>>,
    request: Request,
    client: Client,
    distrusted_until: Mutex<Option<Instant>>,
}

impl Provider {
    /// A provider that receives `request` through `client`.
    #[must_use]
    pub fn new(settings: ProviderSettings, request: Request, client: Client) -> Self {
        let body_contains = settings.body_contains.as_deref().map(|text| solid(text.as_bytes()));
        Self { settings, body_contains, request, client, distrusted_until: Mutex::default() }
    }

    /// The request for this message, for inspection.
    #[cfg(test)]
    pub(crate) fn request(&self, message: &TextMessage) -> reqwest::Request {
        self.request.make(message).expect("a request")
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// `Some(true)` if it lists this country, `Some(false)` if it serves all countries, `None` if
    /// it does not serve this one.
    pub(super) fn serves(&self, country: Option<Country>) -> Option<bool> {
        match (&self.settings.countries, country) {
            (None, _) => Some(false),
            (Some(countries), Some(country)) => countries.contains(&country).then_some(true),
            (Some(_), None) => None,
        }
    }

    /// Whether it failed recently.
    pub(super) fn is_distrusted(&self) -> bool {
        let until = *self.distrusted_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Asks it to send the text, waiting for at most its own timeout and `most`.
    pub(super) async fn send(
        &self,
        message: &TextMessage,
        most: Duration,
    ) -> Result<(), DeliveryFailure> {
        let patience = self.settings.timeout.min(most);
        let asked = timeout(patience, self.ask(message)).await;
        let result = asked.unwrap_or(Err(DeliveryFailure::TimedOut(patience)));
        let distrusted = match &result {
            Ok(()) => None,
            Err(failure) if may_be_the_text(failure) => return result,
            Err(_) => Some(Instant::now() + DISTRUST),
        };
        *self.distrusted_until.lock().unwrap_or_else(PoisonError::into_inner) = distrusted;
        result
    }

    async fn ask(&self, message: &TextMessage) -> Result<(), DeliveryFailure> {
        let request = self.request.make(message).map_err(|_| DeliveryFailure::Unmakeable)?;
        let answer = self.client.execute(request).await?;
        let status = answer.status().as_u16();
        if !self.settings.accepted.contains(&status) {
            return Err(DeliveryFailure::Status(status));
        }
        let Some(wanted) = &self.body_contains else { return Ok(()) };
        let body = beginning(answer).await?;
        if holds(&body, wanted) { Ok(()) } else { Err(DeliveryFailure::Answer) }
    }
}

/// Whether an answer contains `wanted`, which is [`solid`] and not empty, ignoring whitespace.
pub(super) fn holds(answer: &[u8], wanted: &[u8]) -> bool {
    solid(answer).windows(wanted.len()).any(|part| part == wanted)
}

/// The first [`MAX_ANSWER`] bytes of an answer's body.
async fn beginning(mut answer: Response) -> Result<Vec<u8>, DeliveryFailure> {
    let mut body = Vec::new();
    while body.len() < MAX_ANSWER
        && let Some(chunk) = answer.chunk().await?
    {
        let room = MAX_ANSWER - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(body)
}

/// Without whitespace, in which equivalent answers differ.
pub(super) fn solid(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect()
}
