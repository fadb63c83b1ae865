//! The phone call itself: a voice platform's webhook comes in, and the answer is a document that
//! makes the platform speak. Each dialect reads a signed request into one [`call::IncomingCall`] and
//! writes one of three [`document::Answer`]s; the decision between them is getOTP's own.

pub mod call;
mod description;
pub mod dialect;
pub mod document;
pub mod endpoint;
mod first_page;
mod form;
#[cfg(test)]
pub(crate) mod fuzz;
mod handler;
pub mod jambonz;
mod json;
pub mod ncco;
pub mod public_url;
pub mod spoken;
mod target;
pub mod texts;
pub mod twiml;
pub mod vxml;

pub(super) use self::description::description;
pub use self::handler::routes;
