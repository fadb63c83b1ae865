//! The request body for a provider: JSON or a form.

use std::collections::BTreeMap;

use serde_json::Value;

use super::raw::RawField;
use crate::config::check::Problems;
use crate::messenger::sms_over_http::settings::{Body, RequestMethod};

/// Checks a request's body.
pub(super) fn checked(
    key: &str,
    json: Option<toml::Value>,
    form: Option<BTreeMap<String, RawField>>,
    method: RequestMethod,
    problems: &mut Problems,
) -> Option<Body> {
    if method == RequestMethod::Get && (json.is_some() || form.is_some()) {
        let accepted =
            "\"POST\" or \"PUT\" with json or form; placeholders in the url with \"GET\"";
        problems.add(&format!("{key}.method"), "\"GET\" with a body", accepted);
    }
    match (json, form) {
        (None, None) => Some(Body::None),
        (Some(json), None) => to_json(&format!("{key}.json"), json, problems).map(Body::Json),
        (None, Some(form)) => {
            Some(Body::Form(form.into_iter().map(|(name, value)| (name, value.0)).collect()))
        }
        (Some(_), Some(_)) => {
            problems.add(&format!("{key}.json"), "both json and form", "one of them");
            None
        }
    }
}

/// Converts a TOML value to JSON.
fn to_json(key: &str, value: toml::Value, problems: &mut Problems) -> Option<Value> {
    match value {
        toml::Value::String(text) => Some(Value::String(text)),
        toml::Value::Integer(number) => Some(number.into()),
        toml::Value::Boolean(truth) => Some(truth.into()),
        toml::Value::Array(all) => {
            let all = all.into_iter().enumerate();
            all.map(|(index, one)| to_json(&format!("{key}[{index}]"), one, problems)).collect()
        }
        toml::Value::Table(table) => {
            let fields = table.into_iter().map(|(name, value)| {
                let value = to_json(&format!("{key}.{name}"), value, problems)?;
                Some((name, value))
            });
            fields.collect::<Option<serde_json::Map<_, _>>>().map(Value::Object)
        }
        toml::Value::Float(number) if number.is_finite() => Some(number.into()),
        toml::Value::Float(_) | toml::Value::Datetime(_) => {
            problems.add(key, "a value that JSON cannot hold", "a text, a number, true or false");
            None
        }
    }
}
