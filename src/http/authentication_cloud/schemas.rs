//! The request bodies whose fields depend on each other, for the API description only: one schema
//! for each way to fill in a body. Generated clients are named by the titles.

use std::borrow::Cow;

use serde_json::{Value, json};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{
    ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use super::approval::ApprovalRequest;
use super::enrollment::EnrollRequest;
use super::intent::{CHANNELS, IntentRequest};
use super::resources::{one_of, one_of_or_null};
use super::verification::VerificationRequest;
use crate::domain::confirmation_request::ApprovalMessage;
use crate::domain::registered_user::RegisteredName;
use crate::domain::text_message::CODE_PLACEHOLDER;

impl ToSchema for EnrollRequest {
    fn name() -> Cow<'static, str> {
        "EnrollRequest".into()
    }
}

impl PartialSchema for EnrollRequest {
    fn schema() -> RefOr<Schema> {
        let phone = described("The phone's number, E.164 with its plus.").pattern(Some(NUMBER));
        let app = user(titled("enroll an authenticator"))
            .property("channel", one_of_or_null(&["app", "push"]))
            .property("phone", optional().description(Some("Not read.")))
            .property("message", optional().description(Some("Not read.")));
        let sms = user(titled("enroll a phone"))
            .property("channel", one_of(&["sms"]))
            .property("phone", phone.schema_type(Type::String))
            .property("message", template())
            .required("channel")
            .required("phone");
        let recovery = user(titled("enroll recovery codes"))
            .property("channel", one_of(&["recovery"]))
            .property("phone", optional().description(Some("Not read.")))
            .property("message", optional().description(Some("Not read.")))
            .required("channel");
        one("What is to be registered, and for whom.", [app, sms, recovery])
    }
}

impl ToSchema for ApprovalRequest {
    fn name() -> Cow<'static, str> {
        "ApprovalRequest".into()
    }
}

impl PartialSchema for ApprovalRequest {
    fn schema() -> RefOr<Schema> {
        let by_phone = |body: ObjectBuilder| {
            body.property("message", shown("What is approved."))
                .property("authenticatorId", id("The one authenticator that may approve."))
                .property("prompt", shown("For `push`: what the notification says."))
        };
        let push = by_phone(
            user(titled("approve by push")).property("channel", one_of_or_null(&["push"])),
        );
        let app = user(titled("approve by app")).property("channel", one_of(&["app", "qr-code"]));
        let app = by_phone(app).required("channel");
        let sms = user(titled("approve by text"))
            .property("channel", one_of(&["sms"]))
            .property("message", template())
            .property("authenticatorId", optional().description(Some("Not read.")))
            .property("prompt", optional().description(Some("Not read.")))
            .required("channel");
        let description = "Who is asked, and how. With an access key, `username` or `userId`; an \
            intent token says whom it is for.";
        one(description, [push, app, sms])
    }
}

impl ToSchema for IntentRequest {
    fn name() -> Cow<'static, str> {
        "IntentRequest".into()
    }
}

impl PartialSchema for IntentRequest {
    fn schema() -> RefOr<Schema> {
        let enroll = ["app", "qr-code", "push", "recovery", "sms"];
        let approve = ["app", "qr-code", "push", "sms"];
        let bodies = [("enroll", &enroll[..]), ("approve", &approve[..])];
        let bodies = bodies.map(|(operation, usable)| {
            let message =
                "The text that is sent or shown, which the token's holder may not choose.";
            let body = || {
                ObjectBuilder::new()
                    .property("operation", one_of(&[operation]))
                    .property("channels", channels(usable))
                    .property("message", described(message).pattern(Some("\\S")))
                    .required("operation")
            };
            let named = body()
                .title(Some(format!("intent to {operation}, by name")))
                .property("username", name("The user's name.").schema_type(Type::String))
                .property("userId", ObjectBuilder::new().schema_type(Type::Null))
                .required("username");
            let known = body()
                .title(Some(format!("intent to {operation}, by id")))
                .property("username", ObjectBuilder::new().schema_type(Type::Null))
                .property("userId", id("The user's id.").schema_type(Type::String))
                .required("userId");
            [named, known]
        });
        one("What is to be allowed, and for whom.", bodies.into_iter().flatten())
    }
}

impl ToSchema for VerificationRequest {
    fn name() -> Cow<'static, str> {
        "VerificationRequest".into()
    }
}

impl PartialSchema for VerificationRequest {
    fn schema() -> RefOr<Schema> {
        let code = || described("The code.").schema_type(Type::String);
        let token = described("Of the transaction.").schema_type(Type::String);
        let sms = titled("verify a code that came as text")
            .property("channel", one_of_or_null(&["sms"]))
            .property("code", code())
            .property("statusToken", token)
            .required("code")
            .required("statusToken");
        let recovery = titled("verify a recovery code")
            .property("channel", one_of(&["recovery"]))
            .property("code", code())
            .property("statusToken", optional().description(Some("Not read.")))
            .required("channel")
            .required("code");
        one("The code that the user typed.", [sms, recovery])
    }
}

/// An E.164 number. Not every number of this form is possible.
const NUMBER: &str = "^\\+[0-9]{7,15}$";

/// Exactly one of these.
fn one(
    description: &str,
    bodies: impl IntoIterator<Item = impl Into<RefOr<Schema>>>,
) -> RefOr<Schema> {
    let bodies = bodies.into_iter().fold(OneOfBuilder::new(), OneOfBuilder::item);
    bodies.description(Some(description)).into()
}

fn titled(title: &str) -> ObjectBuilder {
    ObjectBuilder::new().title(Some(title))
}

/// A string or `null`, which counts as absent.
fn optional() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]))
}

fn described(text: &str) -> ObjectBuilder {
    optional().description(Some(text))
}

/// Adds the fields that name the user; a body has one at most.
fn user(body: ObjectBuilder) -> ObjectBuilder {
    let text = json!({"type": "string"});
    let both = json!({
        "required": ["username", "userId"],
        "properties": {"username": text, "userId": text},
    });
    body.property("username", name("The user's name; not together with `userId`."))
        .property("userId", id("The user's id; not together with `username`."))
        .extensions(Some(Extensions::from_iter([("not", both)])))
}

fn name(description: &str) -> ObjectBuilder {
    described(description)
        .min_length(Some(1))
        .max_length(Some(RegisteredName::MAX))
        .pattern(Some("^[A-Za-z0-9_.@-]{1,300}$"))
}

fn id(description: &str) -> ObjectBuilder {
    described(description)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
        .pattern(Some("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"))
}

/// The template of a text message.
fn template() -> ObjectBuilder {
    let text = "The text, in the GSM 7-bit alphabet, with `{{CODE}}` where the code goes.";
    let place = CODE_PLACEHOLDER.replace('{', "\\{").replace('}', "\\}");
    described(text).pattern(Some(place))
}

/// A text that a phone shows.
fn shown(description: &str) -> ObjectBuilder {
    let most = ApprovalMessage::MAX;
    described(&format!("{description} 1 to {most} characters without controls."))
        .min_length(Some(1))
        .max_length(Some(most))
}

/// Channels; at least one must be usable.
fn channels(usable: &[&str]) -> impl Into<RefOr<Schema>> {
    let contains: Value = json!({"enum": usable});
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(one_of(&CHANNELS))
        .min_items(Some(1))
        .max_items(Some(CHANNELS.len()))
        .description(Some("The channels that the token is for; left out: all but `recovery`."))
        .extensions(Some(Extensions::from_iter([("contains", contains)])))
}
