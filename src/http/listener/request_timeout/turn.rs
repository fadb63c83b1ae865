//! Whose turn it is on a connection that serves one request at a time: shared by the connection's
//! stream and the app behind the HTTP library.

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
    /// The library has its head.
    Given,
    /// The app has it, and the library receives its body.
    Asked,
    /// Its answer is being written.
    Answering,
    /// The library has the whole answer, but may not have written it yet.
    Answered,
}

/// The turn of the current request. Available as `conn_data::<Turn>()`.
#[derive(Debug, Clone)]
pub(in crate::http::listener) struct Turn(Rc<State>);

#[derive(Debug)]
struct State {
    phase: Cell<Phase>,
    body: RefCell<Body>,
    refusal: Cell<Option<StatusCode>>,
}

impl Turn {
    pub(super) fn new() -> Self {
        Self(Rc::new(State {
            phase: Cell::new(Phase::Head),
            body: RefCell::new(Body::Length(0)),
            refusal: Cell::new(None),
        }))
    }

    /// Marks the request as passed to the app, and notes how much of its body is still to come.
    /// Returns the status to refuse it with, whatever it asks, if the stream could not read it.
    pub(in crate::http::listener) fn ask(&self, request: &mut Request) -> Option<StatusCode> {
        self.0.body.replace(body(request));
        self.0.phase.set(Phase::Asked);
        self.0.refusal.take()
    }

    /// Marks that the app has started to answer.
    pub(in crate::http::listener) fn answering(&self) {
        self.0.phase.set(Phase::Answering);
    }

    /// Marks that the app's answer is complete.
    pub(in crate::http::listener) fn answered(&self) {
        self.0.phase.set(Phase::Answered);
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
