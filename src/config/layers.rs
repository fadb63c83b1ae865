//! Merges the layers of the configuration with the `config` crate: the file, and over it the
//! environment, in which `DIALPASS_SERVER__LISTEN` sets `server.listen`.

use std::fmt;

use config::{Config, ConfigError, Environment, Map, Source, Value, ValueKind};

use super::check::Problems;
use super::positions::KeyPositions;
use super::schema::section_names;

/// What an environment variable that sets a key starts with.
const PREFIX: &str = "DIALPASS_";

/// `file` with the environment over it. A variable that sets no key is reported and left out.
pub(super) fn merged(
    file: toml::Table,
    environment: &[(String, String)],
    problems: &mut Problems,
) -> toml::Table {
    let sections = section_names();
    let mut variables = Vec::new();
    for (name, text) in environment {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let key = path.replace("__", ".").to_lowercase();
        if !path.contains("__") && !sections.contains(&key) {
            // Names such as DIALPASS_HOME are not ours.
            if sections.iter().any(|section| is_written_into(&key, section)) {
                problems.positions.overridden(key.clone(), name);
                problems.add(&key, "a variable that sets no key", A_VARIABLE);
            }
            continue;
        }
        let Some(value) = value(text) else {
            problems.positions.overridden(key.clone(), name);
            problems.add(&key, "a table that is not TOML", "{ key = value, … } as in the file");
            continue;
        };
        record(&mut problems.positions, &key, &value, name);
        variables.push((key, name, value));
    }
    let keys: Vec<(String, String)> =
        variables.iter().map(|(key, name, _)| (key.clone(), (*name).clone())).collect();
    variables.retain(|(key, ..)| {
        let whole = keys.iter().find(|(other, _)| is_below(key, other));
        if let Some((section, variable)) = whole {
            let found = format!("a key of {section}, which {variable} sets as a whole");
            let accepted = format!("this variable or {variable}, not both");
            problems.add(key, found, accepted);
            return false;
        }
        let section = not_a_section(&file, key);
        if let Some(section) = &section {
            let found = format!("a key below {section}, which is not a section in the file");
            let accepted = "a key of a section, such as DIALPASS_SERVER__LISTEN; sections in double \
                            brackets, such as [[tenants]], can only be set in the file";
            problems.add(key, found, accepted);
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
        problems.add("environment", "variables that cannot be merged with the file", A_VARIABLE);
        file
    })
}

/// What is accepted as a variable's name.
const A_VARIABLE: &str =
    "DIALPASS_SECTION__KEY for a key of a section, such as DIALPASS_SERVER__LISTEN";

/// Whether `key` lies within `other`: `server.tls.key` within `server.tls`.
fn is_below(key: &str, other: &str) -> bool {
    key.strip_prefix(other).is_some_and(|rest| rest.starts_with('.'))
}

/// The first part of the key's path that is not a section in the file.
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

/// Whether the key is a section's name, a single underscore and more.
fn is_written_into(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.starts_with('_'))
}

/// A variable's value. Numbers, booleans, arrays and inline tables are written as in TOML; all else
/// is text. `None` if it begins like a table but is not one.
fn value(text: &str) -> Option<toml::Value> {
    let written = format!("v = {text}").parse::<toml::Table>().ok();
    let value = written.and_then(|mut parsed| parsed.remove("v"));
    match value {
        None if text.trim_start().starts_with('{') => None,
        None => Some(toml::Value::String(text.to_owned())),
        value => value,
    }
}

/// Records which keys the variable sets.
fn record(positions: &mut KeyPositions, key: &str, value: &toml::Value, variable: &str) {
    match value {
        toml::Value::Table(table) => {
            positions.entered(key.to_owned(), variable);
            for (name, value) in table {
                record(positions, &format!("{key}.{name}"), value, variable);
            }
        }
        _ => positions.overridden(key.to_owned(), variable),
    }
}

/// The layer of one variable.
fn variable(name: &str, value: &toml::Value) -> Result<Layer, ConfigError> {
    let variable = Map::from_iter([(name.to_owned(), String::new())]);
    let environment = Environment::with_prefix("DIALPASS").prefix_separator("_").separator("__");
    let keys = environment.source(Some(variable)).collect()?.into_keys();
    Ok(Layer(keys.map(|key| (key, from_toml(value))).collect()))
}

/// The values of one source, by path.
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
