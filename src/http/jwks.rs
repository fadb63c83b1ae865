//! The signing keys of `OAuth2` issuers: fetched in the background, kept for a day if the issuer is
//! down.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Certificate, Client, StatusCode, Url, redirect};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::oauth2::{Claims, JwtRefusal, OAuth2Rule, SignedToken};
use super::signing_keys::{SigningKeys, TokenHeader};
use crate::domain::clock::{Clock, Timestamp};
use crate::tls::pem;

/// Interval between fetches while they succeed.
const REFRESH: Duration = Duration::from_mins(10);
/// Delay before a failed fetch is retried.
const RETRY: Duration = Duration::from_secs(15);
/// Shortest interval between fetches caused by tokens with an unknown key.
const REFETCH_GAP: Duration = Duration::from_mins(1);
/// How long keys stay in use without a successful fetch.
const KEPT: Duration = Duration::from_hours(24);
/// Timeout of one fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest key set that is read, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// A source of an issuer's keys.
#[derive(Debug, Clone)]
pub struct JwksSource {
    /// Its URL: `https`, or `http` on a loopback address.
    pub url: String,
    /// PEM: CAs trusted for this URL in addition to the system's.
    pub ca_pem: Option<Vec<u8>>,
}

/// Why a key source cannot be used.
#[derive(Debug, Error)]
pub enum JwksError {
    /// The URL is neither `https` nor `http` on a loopback address.
    #[error("jwks_url {url:?}: neither https nor http on a loopback address")]
    Url {
        /// The URL found.
        url: String,
    },
    /// The CA file has no certificate in PEM, or a broken one.
    #[error("jwks_url {url:?}: its CA file has no certificate in PEM")]
    Ca {
        /// The URL that the CA file belongs to.
        url: String,
    },
    /// The HTTP client cannot be built.
    #[error("jwks_url {url:?}: no HTTP client can be made: {reason}")]
    Client {
        /// The URL that it is for.
        url: String,
        /// The library's error.
        reason: String,
    },
    /// The same URL is given with two different CAs.
    #[error("jwks_url {url:?} is given with two different CA files")]
    TwoCas {
        /// The URL.
        url: String,
    },
}

impl JwksError {
    /// The URL that cannot be used.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::Url { url }
            | Self::Ca { url }
            | Self::Client { url, .. }
            | Self::TwoCas { url } => url,
        }
    }
}

/// The keys of all issuers, by the URL they are fetched from.
pub struct Jwks {
    sets: HashMap<String, Arc<KeySet>>,
    refreshing: Vec<AbortHandle>,
}

impl Drop for Jwks {
    fn drop(&mut self) {
        self.refreshing.iter().for_each(AbortHandle::abort);
    }
}

impl Jwks {
    /// Starts fetching the keys in tasks on `runtime`; does not wait for them.
    ///
    /// # Errors
    /// If a source cannot be used.
    pub fn start(
        sources: &[JwksSource],
        clock: &Arc<dyn Clock>,
        runtime: &Handle,
    ) -> Result<Self, JwksError> {
        let mut jwks = Self::new(sources, None, clock, runtime)?;
        jwks.keep_fresh();
        Ok(jwks)
    }

    /// The keys of all issuers, without fetching yet. Keys that `before` fetched from the same URL
    /// under the same CA stay in use until the next fetch: a reload must not lock out the clients
    /// of an issuer that is down.
    ///
    /// # Errors
    /// If a source cannot be used.
    pub fn new(
        sources: &[JwksSource],
        before: Option<&Self>,
        clock: &Arc<dyn Clock>,
        runtime: &Handle,
    ) -> Result<Self, JwksError> {
        let mut known: HashMap<&str, &JwksSource> = HashMap::new();
        for source in sources {
            if known.insert(&source.url, source).is_some_and(|first| first.ca_pem != source.ca_pem)
            {
                return Err(JwksError::TwoCas { url: source.url.clone() });
            }
        }
        let mut sets = HashMap::new();
        for (url, source) in known {
            let set = KeySet::new(source, Arc::clone(clock), runtime.clone())?;
            if let Some(known) = before.and_then(|before| before.sets.get(url)) {
                set.take_over(known);
            }
            sets.insert(url.to_owned(), Arc::new(set));
        }
        Ok(Self { sets, refreshing: Vec::new() })
    }

    /// Starts fetching the keys; does not wait for them.
    pub fn keep_fresh(&mut self) {
        let refresh = |set: &Arc<KeySet>| {
            // Subscribe first, so that the end of the first fetch cannot be missed.
            let fetches = set.fetches.subscribe();
            set.begin_fetch(&mut set.lock());
            set.runtime.spawn(Arc::clone(set).keep_fresh(fetches)).abort_handle()
        };
        self.refreshing.extend(self.sets.values().map(refresh));
    }

    /// Checks a token against one rule: signature, dates and every requirement of the rule.
    ///
    /// # Errors
    /// Why the token is refused.
    pub async fn verify(
        &self,
        token: &str,
        rule: &OAuth2Rule,
        deadline: Instant,
    ) -> Result<SignedToken, JwtRefusal> {
        let token = self.verify_signature(token, &rule.jwks_url, deadline).await?;
        rule.accepts(&token)?;
        Ok(token)
    }

    /// Checks a token's signature and dates with the keys of `jwks_url`. An unknown key triggers a
    /// new fetch, at most once a minute, and waits for it until `deadline`.
    ///
    /// # Errors
    /// Why the token is refused.
    pub async fn verify_signature(
        &self,
        token: &str,
        jwks_url: &str,
        deadline: Instant,
    ) -> Result<SignedToken, JwtRefusal> {
        let header = TokenHeader::read(token)?;
        let set = self.sets.get(jwks_url).ok_or(JwtRefusal::KeysUnavailable)?;
        let mut claims = set.verify(token, &header);
        if let Err(JwtRefusal::KeyUnknown | JwtRefusal::KeysUnavailable) = claims {
            set.fetch_again(deadline).await?;
            claims = set.verify(token, &header);
        }
        let claims = claims?;
        claims.valid_at(set.clock.now())?;
        let TokenHeader { algorithm, kind, .. } = header;
        Ok(SignedToken { jwks_url: jwks_url.to_owned(), algorithm, kind, claims })
    }
}

/// One issuer's keys.
struct KeySet {
    url: Url,
    ca_pem: Option<Vec<u8>>,
    client: Client,
    clock: Arc<dyn Clock>,
    runtime: Handle,
    state: Mutex<State>,
    /// Counts finished fetches.
    fetches: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    keys: Option<(Arc<SigningKeys>, Timestamp)>,
    fetching: bool,
    last_failed: bool,
    last_refetch: Option<Timestamp>,
}

impl KeySet {
    fn new(source: &JwksSource, clock: Arc<dyn Clock>, runtime: Handle) -> Result<Self, JwksError> {
        let url =
            fetchable(&source.url).ok_or_else(|| JwksError::Url { url: source.url.clone() })?;
        let failed = |error: reqwest::Error| JwksError::Client {
            url: source.url.clone(),
            reason: error.to_string(),
        };
        let mut client =
            Client::builder().redirect(redirect::Policy::none()).timeout(FETCH_TIMEOUT);
        if url.scheme() == "http" {
            client = client.no_proxy();
        }
        if let Some(pem) = &source.ca_pem {
            let roots = pem::bundle(pem).certificates;
            let roots = roots.iter().filter_map(|der| Certificate::from_der(der).ok());
            let roots: Vec<_> = roots.collect();
            if roots.is_empty() {
                return Err(JwksError::Ca { url: source.url.clone() });
            }
            client = client.tls_certs_merge(roots);
        }
        let client = client.build().map_err(failed)?;
        let (state, fetches) = (Mutex::default(), watch::Sender::new(0));
        let ca_pem = source.ca_pem.clone();
        Ok(Self { url, ca_pem, client, clock, runtime, state, fetches })
    }

    /// Takes over another set's keys if both have the same URL and CA.
    fn take_over(&self, other: &Self) {
        if self.url == other.url && self.ca_pem == other.ca_pem {
            let (keys, last_refetch) = {
                let state = other.lock();
                (state.keys.clone(), state.last_refetch)
            };
            let mut state = self.lock();
            (state.keys, state.last_refetch) = (keys, last_refetch);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verify(&self, token: &str, header: &TokenHeader) -> Result<Claims, JwtRefusal> {
        let keys = {
            let state = self.lock();
            let (keys, fetched) = state.keys.as_ref().ok_or(JwtRefusal::KeysUnavailable)?;
            if self.clock.now().since(*fetched) > KEPT {
                return Err(JwtRefusal::KeysUnavailable);
            }
            Arc::clone(keys)
        };
        keys.verify(token, header)
    }

    /// Waits for the current fetch, or starts one if the last such fetch was at least a minute ago.
    async fn fetch_again(self: &Arc<Self>, deadline: Instant) -> Result<(), JwtRefusal> {
        let mut fetches = self.fetches.subscribe();
        {
            let mut state = self.lock();
            let now = self.clock.now();
            let recent = |last: Timestamp| now >= last && now.since(last) < REFETCH_GAP;
            if !state.fetching {
                if state.last_refetch.is_some_and(recent) {
                    return Ok(());
                }
                state.last_refetch = Some(now);
                self.begin_fetch(&mut state);
            }
        }
        let ended = tokio::time::timeout_at(deadline, fetches.changed()).await;
        ended.map(drop).map_err(|_| JwtRefusal::KeysTimedOut)
    }

    /// Spawned, so that a request that stops waiting does not cancel the fetch for the others.
    fn begin_fetch(self: &Arc<Self>, state: &mut State) {
        state.fetching = true;
        let set = Arc::clone(self);
        self.runtime.spawn(async move {
            let fetched = set.fetch().await;
            {
                let mut state = set.lock();
                state.fetching = false;
                state.last_failed = fetched.is_err();
                match fetched {
                    Ok(keys) => state.keys = Some((Arc::new(keys), set.clock.now())),
                    Err(reason) => warn!(url = %set.url, reason, "fetching keys failed"),
                }
            }
            set.fetches.send_modify(|count| *count += 1);
        });
    }

    async fn keep_fresh(self: Arc<Self>, mut fetches: watch::Receiver<u64>) {
        loop {
            // The sender is a field of `self`, so the channel cannot be closed.
            let _ = fetches.changed().await;
            let pause = if self.lock().last_failed { RETRY } else { REFRESH };
            tokio::time::sleep(pause).await;
            fetches.mark_unchanged();
            let mut state = self.lock();
            if !state.fetching {
                self.begin_fetch(&mut state);
            }
        }
    }

    async fn fetch(&self) -> Result<SigningKeys, String> {
        let failed = |error: reqwest::Error| error.without_url().to_string();
        let mut response = self.client.get(self.url.clone()).send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(format!("the answer was {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(format!("the answer is larger than {MAX_BYTES} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        let keys = SigningKeys::read(&body).ok_or("the answer is not a JSON Web Key Set")?;
        if keys.is_empty() {
            return Err("the answer has no key that could have signed a token".to_owned());
        }
        debug!(url = %self.url, "keys fetched");
        Ok(keys)
    }
}

/// Parses the URL; `None` unless keys may be fetched from it.
fn fetchable(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let loopback = match url.host_str()? {
        "localhost" => true,
        host => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    };
    (url.scheme() == "https" || (url.scheme() == "http" && loopback)).then_some(url)
}
