//! Fuzzes provider settings as an administrator might write them, and answers as a provider might
//! send them.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::provider::{holds, solid};
use super::{Body, Request, RequestMethod, RequestSettings, Text};
use crate::domain::secret::SecretText;
use crate::domain::stored_number::NumberingPlan;
use crate::domain::text_message::TextMessage;
use crate::fuzzing::{Target, outcome, seeds};

/// Targets for [`crate::fuzzing`].
pub(crate) fn targets() -> Vec<Target> {
    vec![
        Target {
            kind: "requests to SMS providers",
            share: 60,
            seeds: seeds([
                "https://api.example.com/{key}/send?to={phone_digits}\n{message}\nBearer {key}",
                "http://127.0.0.1:8080/?to={phone}&text={message}\n{{literal}} {message}\nplain",
            ]),
            words: &[
                "{phone}",
                "{phone_digits}",
                "{message}",
                "{key}",
                "{{",
                "}}",
                "{",
                "}",
                "https://",
                "?",
                "#",
                "@",
                "\n",
                "[::1]",
                ":99999",
            ],
            read: Box::new(request),
        },
        Target {
            kind: "answers of SMS providers",
            share: 40,
            seeds: seeds([
                "\"status\":\"SUCCESS\"\n{\"data\": {\"status\" : \"SUCCESS\"}}",
                "0: Accepted for delivery\n0: Accepted\r\n for delivery",
            ]),
            words: &["\"status\"", "SUCCESS", "\n", " ", "\r\n", "0:"],
            read: Box::new(|input| {
                let (wanted, answer) =
                    input.split_at(input.iter().position(|b| *b == b'\n').unwrap_or(0));
                // The wanted text is never blank: the configuration refuses that.
                let wanted = solid(wanted);
                outcome((!wanted.is_empty() && holds(answer, &wanted), wanted.len().min(3)))
            }),
        },
    ]
}

fn request(input: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.splitn(3, '\n').map(str::to_owned);
    let mut line = || lines.next().unwrap_or_default();
    let (url, body, header) = (line(), line(), line());
    let settings = |body| RequestSettings {
        preset: false,
        variables: BTreeMap::from([("key".to_owned(), SecretText::from("a b{c}".to_owned()))]),
        method: RequestMethod::Post,
        url: SecretText::from(url.clone()),
        headers: vec![(
            "authorization".to_owned(),
            Text::Pattern(SecretText::from(header.clone())),
        )],
        basic: None,
        body,
        allow_plain_http: false,
    };
    let to = NumberingPlan::read_e164("+46701234567").expect("a number");
    let message = TextMessage { to, body: Zeroizing::new("1 & {key} {{2}} é".to_owned()) };
    let json =
        serde_json::json!({"text": body, "to": "{phone}", "list": ["{phone_digits}", 1, null]});
    let form = vec![("text".to_owned(), body.clone()), ("to".to_owned(), "{phone}".to_owned())];
    let made = [Body::Json(json), Body::Form(form), Body::None].map(|body| {
        // Settings that work for one message work for all.
        let request = Request::new(&settings(body));
        let made = request.map(|request| request.make(&message).expect("a request"));
        let host = made.map(|made| made.url().host_str().is_some());
        host.map_err(|error| error.found.len().min(40))
    });
    outcome(made)
}
