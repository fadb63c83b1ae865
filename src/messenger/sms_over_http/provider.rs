//! One provider: sends it requests, judges its answers, and remembers when it failed.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, Response};
use tokio::time::{Instant, timeout};

use super::request::Request;
use super::settings::ProviderSettings;
use crate::domain::country::Country;
use crate::domain::text_message::TextMessage;
use crate::messenger::http_client::reason;

/// How long a failed provider is tried after the others.
const DISTRUST: Duration = Duration::from_secs(30);
/// Maximum number of bytes read from an answer.
const MAX_ANSWER: usize = 64 * 1024;

/// Why a provider did not accept a text. Never contains a number, a message or a URL.
#[derive(Debug)]
pub(super) enum Failure {
    /// No request could be built.
    Unmakeable,
    /// It did not answer in time.
    TimedOut(Duration),
    /// It could not be reached, or its answer broke off.
    Unreachable(String),
    /// Its status is not one of the accepted ones.
    Status(u16),
    /// Its answer lacks the required text.
    Answer,
}

impl Failure {
    /// The outcome for metrics.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Unmakeable | Self::Status(_) | Self::Answer => "refused",
            Self::TimedOut(_) => "timed_out",
            Self::Unreachable(_) => "unreachable",
        }
    }

    /// Whether the text may be at fault instead of the provider, e.g. a number that does not exist.
    fn may_be_the_text(&self) -> bool {
        matches!(self, Self::Unmakeable | Self::Status(400 | 422))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmakeable => f.write_str("no request can be made of the text"),
            Self::TimedOut(after) => write!(f, "no answer within {} ms", after.as_millis()),
            Self::Unreachable(reason) => write!(f, "not reached: {reason}"),
            Self::Status(status) => write!(f, "its answer has status {status}"),
            Self::Answer => f.write_str("its answer lacks what accepted.body_contains asks for"),
        }
    }
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
    pub(super) async fn send(&self, message: &TextMessage, most: Duration) -> Result<(), Failure> {
        let patience = self.settings.timeout.min(most);
        let asked = timeout(patience, self.ask(message)).await;
        let result = asked.unwrap_or(Err(Failure::TimedOut(patience)));
        let distrusted = match &result {
            Ok(()) => None,
            Err(failure) if failure.may_be_the_text() => return result,
            Err(_) => Some(Instant::now() + DISTRUST),
        };
        *self.distrusted_until.lock().unwrap_or_else(PoisonError::into_inner) = distrusted;
        result
    }

    async fn ask(&self, message: &TextMessage) -> Result<(), Failure> {
        let request = self.request.make(message).map_err(|_| Failure::Unmakeable)?;
        let answer = self.client.execute(request).await.map_err(unreachable)?;
        let status = answer.status().as_u16();
        if !self.settings.accepted.contains(&status) {
            return Err(Failure::Status(status));
        }
        let Some(wanted) = &self.body_contains else { return Ok(()) };
        let body = beginning(answer).await?;
        if holds(&body, wanted) { Ok(()) } else { Err(Failure::Answer) }
    }
}

/// Whether an answer contains `wanted`, which is [`solid`] and not empty, ignoring whitespace.
pub(super) fn holds(answer: &[u8], wanted: &[u8]) -> bool {
    solid(answer).windows(wanted.len()).any(|part| part == wanted)
}

/// The first [`MAX_ANSWER`] bytes of an answer's body.
async fn beginning(mut answer: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while body.len() < MAX_ANSWER
        && let Some(chunk) = answer.chunk().await.map_err(unreachable)?
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

fn unreachable(error: reqwest::Error) -> Failure {
    Failure::Unreachable(reason(error))
}
