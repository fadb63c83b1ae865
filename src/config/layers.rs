//! The layers of the configuration, merged by the `config` crate: the file, and over it the
//! environment, in which `DIALPASS_SERVER__LISTEN` sets `server.listen`.

use std::fmt;

use config::{Config, ConfigError, Environment, Map, Source, Value, ValueKind};

use super::check::Problems;
use super::places::Places;

/// What an environment variable that sets a key starts with.
const PREFIX: &str = "DIALPASS_";

/// The sections, each of which a variable may set as well.
const SECTIONS: [&str; 8] = ["server", "ops", "store", "keys", "log", "audit", "push", "tenants"];

/// `file` with the environment over it. A variable that sets no key is noted and left out.
pub(super) fn merged(
    file: toml::Table,
    environment: &[(String, String)],
    problems: &mut Problems,
) -> toml::Table {
    let mut variables = Vec::new();
    for (name, text) in environment {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let key = path.replace("__", ".").to_lowercase();
        if !path.contains("__") && !SECTIONS.contains(&key.as_str()) {
            // Such as DIALPASS_HOME, which is somebody else's.
            if SECTIONS.iter().any(|section| is_written_into(&key, section)) {
                problems.places.overridden(key.clone(), name);
                refuse(problems, &key, "a name that sets no key".to_owned());
            }
            continue;
        }
        let Some(value) = value(text) else {
            problems.places.overridden(key.clone(), name);
            problems.add(&key, "a table that is not TOML", "{ key = value, … } as in the file");
            continue;
        };
        note(&mut problems.places, &key, &value, name);
        variables.push((key, name, value));
    }
    let keys: Vec<String> = variables.iter().map(|(key, ..)| key.clone()).collect();
    variables.retain(|(key, ..)| {
        let mut values = keys.iter().filter(|other| is_below(key, other)).cloned();
        let section = not_a_section(&file, key).or_else(|| values.next());
        if let Some(section) = &section {
            refuse(problems, key, format!("{section:?}, which is not a section"));
        }
        section.is_none()
    });
    let variables: Result<Vec<_>, _> =
        variables.into_iter().map(|(_, name, value)| variable(name, &value)).collect();
    let merged = variables.and_then(|variables| {
        let mut layers = Config::builder().add_source(Layer(values(&file)));
        for variable in variables {
            layers = layers.add_source(variable);
        }
        layers.build()
    });
    merged.and_then(Config::try_deserialize).unwrap_or_else(|_| {
        // Its own text could show a secret.
        refuse(problems, "environment", "variables that cannot be laid over the file".to_owned());
        file
    })
}

fn refuse(problems: &mut Problems, key: &str, found: String) {
    let accepted = "DIALPASS_SECTION__KEY for a key of a section, such as DIALPASS_SERVER__LISTEN";
    problems.add(key, found, accepted);
}

/// Whether `key` lies within `other`: `server.tls.key` within `server.tls`.
fn is_below(key: &str, other: &str) -> bool {
    key.strip_prefix(other).is_some_and(|rest| rest.starts_with('.'))
}

/// The first part of the key's path that the file has as something else than a section.
fn not_a_section(file: &toml::Table, key: &str) -> Option<String> {
    let (sections, _) = key.rsplit_once('.')?;
    let mut place = file;
    for section in sections.split('.') {
        match place.get(section) {
            None => return None,
            Some(toml::Value::Table(table)) => place = table,
            Some(_) => return Some(section.to_owned()),
        }
    }
    None
}

/// Whether the key is a section's name and a single underscore before something else.
fn is_written_into(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.starts_with('_'))
}

/// A variable's value. Numbers, booleans, arrays and inline tables are written as in TOML; all else
/// is text. `None` if it begins as a table and is none.
fn value(text: &str) -> Option<toml::Value> {
    let written = format!("v = {text}").parse::<toml::Table>().ok();
    let value = written.and_then(|mut parsed| parsed.remove("v"));
    match value {
        None if text.trim_start().starts_with('{') => None,
        None => Some(toml::Value::String(text.to_owned())),
        value => value,
    }
}

/// Notes which keys the variable sets.
fn note(places: &mut Places, key: &str, value: &toml::Value, variable: &str) {
    match value {
        toml::Value::Table(table) => {
            places.entered(key.to_owned(), variable);
            for (name, value) in table {
                note(places, &format!("{key}.{name}"), value, variable);
            }
        }
        _ => places.overridden(key.to_owned(), variable),
    }
}

/// The layer of one variable.
fn variable(name: &str, value: &toml::Value) -> Result<Layer, ConfigError> {
    let variable = Map::from_iter([(name.to_owned(), String::new())]);
    let environment = Environment::with_prefix("DIALPASS").prefix_separator("_").separator("__");
    let keys = environment.source(Some(variable)).collect()?.into_keys();
    Ok(Layer(keys.map(|key| (key, from_toml(value))).collect()))
}

/// What one source says: keys by path, each with its value.
#[derive(Clone)]
struct Layer(Map<String, Value>);

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values may be secrets.
        f.debug_tuple("Layer").field(&self.0.len()).finish()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

fn values(table: &toml::Table) -> Map<String, Value> {
    table.iter().map(|(key, value)| (key.clone(), from_toml(value))).collect()
}

/// The value with its exact type: the crate's own conversion would take a number for a text.
fn from_toml(value: &toml::Value) -> Value {
    let kind = match value {
        toml::Value::String(text) => ValueKind::String(text.clone()),
        toml::Value::Integer(number) => ValueKind::I64(*number),
        toml::Value::Float(number) => ValueKind::Float(*number),
        toml::Value::Boolean(truth) => ValueKind::Boolean(*truth),
        // As toml itself hands on dates.
        toml::Value::Datetime(time) => ValueKind::Table(Map::from_iter([(
            "$__toml_private_datetime".to_owned(),
            Value::from(time.to_string()),
        )])),
        toml::Value::Array(values) => ValueKind::Array(values.iter().map(from_toml).collect()),
        toml::Value::Table(table) => ValueKind::Table(values(table)),
    };
    Value::new(None, kind)
}
