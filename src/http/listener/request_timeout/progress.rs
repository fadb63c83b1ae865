//! The progress of a connection's current request, shared by the connection's stream and the app
//! behind the HTTP library.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use actix_http::{HttpMessage, Payload, Request};
use actix_web::http::{StatusCode, header};

use super::framing::Body;

/// The state of the current request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its head is being read or awaited.
    Head,
    /// The HTTP library parses its head.
    Parsing,
    /// The app has it, and the library receives its body.
    Handling,
    /// Its answer is being written.
    Responding,
    /// The library has the whole answer, but may not have written it yet.
    Responded,
}

/// The progress of the current request. Available as `conn_data::<RequestProgress>()`.
#[derive(Debug, Clone)]
pub(in crate::http::listener) struct RequestProgress(Rc<State>);

#[derive(Debug)]
struct State {
    phase: Cell<Phase>,
    body: RefCell<Body>,
    refusal: Cell<Option<StatusCode>>,
}

impl RequestProgress {
    pub(super) fn new() -> Self {
        Self(Rc::new(State {
            phase: Cell::new(Phase::Head),
            body: RefCell::new(Body::Length(0)),
            refusal: Cell::new(None),
        }))
    }

    /// Marks the request as passed to the app, and notes how much of its body is still to come.
    /// Returns the status to refuse it with, whatever it asks, if the stream could not read it.
    pub(in crate::http::listener) fn dispatched(
        &self,
        request: &mut Request,
    ) -> Option<StatusCode> {
        self.0.body.replace(body(request));
        self.0.phase.set(Phase::Handling);
        self.0.refusal.take()
    }

    /// Marks that the app has started to answer.
    pub(in crate::http::listener) fn response_started(&self) {
        self.0.phase.set(Phase::Responding);
    }

    /// Marks that the app's answer is complete.
    pub(in crate::http::listener) fn response_complete(&self) {
        self.0.phase.set(Phase::Responded);
    }

    pub(super) fn phase(&self) -> Phase {
        self.0.phase.get()
    }

    pub(super) fn set(&self, phase: Phase) {
        self.0.phase.set(phase);
    }

    /// Marks the next request to be refused.
    pub(super) fn refuse(&self, status: StatusCode) {
        self.0.refusal.set(Some(status));
    }

    pub(super) fn body_is_over(&self) -> bool {
        self.0.body.borrow().is_over()
    }

    pub(super) fn take_of_body(&self, bytes: &[u8]) -> usize {
        self.0.body.borrow_mut().take(bytes)
    }
}

/// The rest of the request, as the library understands its head.
fn body(request: &mut Request) -> Body {
    if matches!(request.payload(), Payload::None) {
        return Body::Length(0);
    }
    if request.chunked().unwrap_or(false) {
        return Body::chunked();
    }
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.trim().parse().ok());
    match length {
        Some(length) if !request.headers().contains_key(header::UPGRADE) => Body::Length(length),
        Some(_) | None => Body::Endless,
    }
}
