//! What a listener adds around any app: rejects requests that no app should see, adds headers to
//! responses, and reports the progress of responses to the connection.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use actix_http::{ConnectionType, HttpMessage, Payload, Request, Response};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, apply_fn_factory,
};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::AppConfig;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{StatusCode, Uri, uri};
use actix_web::web::Bytes;

use super::request_timeout::RequestProgress;

/// Largest piece of a body passed to the HTTP library at once, in bytes; the library copies each
/// piece.
const PIECE: usize = 16 * 1024;

/// Longest list of client preferences or cached tags, in bytes; a longer one is ignored. Parsing
/// costs far more than its length, and browsers send less than half of this.
const MAX_CHOICES: usize = 1024;

/// One year (RFC 6797): how long browsers keep using only TLS.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Drains a listener's clients while they are still served: from `start` on, each response carries
/// `Connection: close`, and its connection is closed afterwards.
///
/// Idle connections stay open until their next request: a client may be sending one right now, and
/// would not learn its outcome.
#[derive(Debug, Clone, Default)]
pub struct ConnectionDrain(Arc<AtomicBool>);

impl ConnectionDrain {
    /// Starts draining.
    pub fn start(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_started(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Headers that a listener adds to every response.
#[derive(Debug, Clone, Default)]
pub(super) struct ResponseHeaders {
    pub drain: ConnectionDrain,
    /// Whether browsers must use TLS only.
    pub strict_transport_security: bool,
}

impl ResponseHeaders {
    fn add_to<B>(&self, answer: &mut Response<B>) {
        if self.drain.is_started() {
            answer.head_mut().set_connection_type(ConnectionType::Close);
        }
        if self.strict_transport_security {
            answer.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
        }
    }
}

/// Wraps the app in what a listener adds.
pub(super) fn wrap<I, S, B>(
    app: I,
    response_headers: ResponseHeaders,
) -> impl ServiceFactory<
    Request,
    Config = AppConfig,
    Response = Response<ResponseBody>,
    Error = actix_web::Error,
    InitError = S::InitError,
    Service = impl Service<Request, Future: 'static> + 'static,
> + 'static
where
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    B: MessageBody + 'static,
{
    let app = app.into_factory().map_err(Into::into);
    apply_fn_factory(app, move |mut request: Request, app: &_| {
        let progress = request.conn_data::<RequestProgress>().cloned();
        let unread = progress.as_ref().and_then(|progress| progress.dispatched(&mut request));
        let refused = unread.or_else(|| screen(&mut request));
        let asked = match refused {
            None => Ok(Service::call(app, request)),
            Some(status) => Err((status, request.take_payload())),
        };
        let response_headers = response_headers.clone();
        async move {
            let (mut answer, unread) = match asked {
                Ok(answer) => match answer.await {
                    Ok(answer) => (answer.into().map_into_boxed_body(), Payload::None),
                    Err(error) => {
                        let error: actix_web::Error = error;
                        (error.error_response().into(), Payload::None)
                    }
                },
                Err((status, unread)) => (refusal(status), unread),
            };
            response_headers.add_to(&mut answer);
            Ok(answer.map_body(|_, body| ResponseBody::new(body, progress, unread)))
        }
    })
}

/// The response to a rejected request.
fn refusal(status: StatusCode) -> Response<BoxBody> {
    let mut answer = Response::with_body(status, BoxBody::new(()));
    answer.head_mut().set_connection_type(ConnectionType::Close);
    answer
}

/// Checks what the HTTP library leaves unchecked.
fn screen(request: &mut Request) -> Option<StatusCode> {
    let mut hosts = request.headers().get_all(header::HOST);
    if !hosts.all(|host| is_host(host.as_bytes())) {
        return Some(StatusCode::BAD_REQUEST);
    }
    for name in [header::ACCEPT, header::ACCEPT_LANGUAGE, header::IF_NONE_MATCH] {
        let length: usize = request.headers().get_all(&name).map(HeaderValue::len).sum();
        if length > MAX_CHOICES {
            request.headers_mut().remove(&name);
        }
    }
    if let Some(uri) = as_written(request.uri()) {
        *request.uri_mut() = uri;
    }
    None
}

/// Whether this is a host with or without a port (RFC 9110 7.2). It is empty if the target has no
/// authority.
fn is_host(text: &[u8]) -> bool {
    let is_authority = |text| uri::Authority::try_from(text).is_ok();
    text.is_empty() || (!text.contains(&b'@') && is_authority(text))
}

/// If the path escapes characters that need no escape (RFC 3986 2.3), rewrites it so that it
/// matches no route: a proxy in front may have path rules, and would not recognise `%67etOTP`.
fn as_written(target: &Uri) -> Option<Uri> {
    let path = target.path();
    if !path.split('%').skip(1).any(is_needless) {
        return None;
    }
    let mut written = String::with_capacity(path.len() + 8);
    for (index, part) in path.split('%').enumerate() {
        if index > 0 {
            written.push_str(if is_needless(part) { "%25" } else { "%" });
        }
        written.push_str(part);
    }
    if let Some(query) = target.query() {
        written.push('?');
        written.push_str(query);
    }
    written.parse().ok()
}

/// Whether the escape after a percent sign encodes a character that needs no escape.
fn is_needless(escaped: &str) -> bool {
    let byte = escaped.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// A response body that is passed to the HTTP library in pieces and reports its end to the
/// connection.
pub struct ResponseBody {
    body: BoxBody,
    size: BodySize,
    rest: Bytes,
    progress: Option<RequestProgress>,
    /// Holds the unread part of the request until the response is out, so that the connection is
    /// closed afterwards.
    _unread: Payload,
}

impl ResponseBody {
    fn new(body: BoxBody, progress: Option<RequestProgress>, unread: Payload) -> Self {
        let size = body.size();
        if let Some(progress) = &progress {
            match size {
                // The library never polls an empty body.
                BodySize::None | BodySize::Sized(0) => progress.response_complete(),
                BodySize::Sized(_) | BodySize::Stream => progress.response_started(),
            }
        }
        Self { body, size, rest: Bytes::new(), progress, _unread: unread }
    }
}

impl MessageBody for ResponseBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            match ready!(this.body.as_pin_mut().poll_next(context)) {
                Some(Ok(bytes)) => this.rest = bytes,
                end => {
                    if let Some(progress) = this.progress.take() {
                        progress.response_complete();
                    }
                    return Poll::Ready(end);
                }
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(PIECE));
        Poll::Ready(Some(Ok(piece)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for host in ["", "a", "id.example.com:8443", "192.0.2.1", "[2001:db8::1]:443", "a_b"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in ["a b", "a/b", "user@a", "a?b", "a#b", "http://a", "a:b:c", "å", "[::1"] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn what_needs_no_escape_is_not_read_as_if_it_had_none() {
        let written = |target: &str| {
            let uri: Uri = target.parse().expect("a target");
            as_written(&uri).map(|uri| uri.to_string())
        };
        assert_eq!(written("/api/%67etOTP?a=%67").as_deref(), Some("/api/%2567etOTP?a=%67"));
        assert_eq!(written("/%2e%2e/%40%7E").as_deref(), Some("/%252e%252e/%40%257E"));
        for target in ["/", "/api/v1/users/a%40b%20c", "/a%2Fb", "/%", "/%6", "/%zz", "/a?b=%61"] {
            assert_eq!(written(target), None, "{target}");
        }
    }
}
