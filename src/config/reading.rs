//! Reads the text and the environment into the configuration as written. A key that cannot be read is
//! reported and removed, and the rest is read again, so that every mistake is found in one run.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde_path_to_error::Segment;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::Problems;
use super::kinds;
use super::layers::merged;
use super::mistake::{Mistake, joined_lines};
use super::positions::{KeyPositions, Lines};
use super::schema::{Part, is_one_section, kinds_with, sections_with};
use super::secondary_errors::without_secondary;
use super::sections::RawConfig;
use super::suggestion::closest;
use super::type_mismatch;

/// Reads `text`, and merges the environment over it.
pub(super) fn read(
    file: &Path,
    text: &str,
    environment: &[(String, String)],
    problems: &mut Problems,
) -> RawConfig {
    let table = parse(file, text, problems);
    typed(merged(table, environment, problems), problems)
}

/// The table in `text`, without lines that are not TOML.
fn parse(file: &Path, text: &str, problems: &mut Problems) -> toml::Table {
    let (document, errors): (Spanned<DeTable<'_>>, _) = DeTable::parse_recoverable(text);
    problems.positions = KeyPositions::of(file, text, &document);
    let lines = Lines::of(text);
    // The error's own text would show the line, which may hold a secret.
    let errors = errors.iter().map(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        (offset, joined_lines(error.message()))
    });
    let (errors, misread) = without_secondary(text, document.get_ref(), errors.collect());
    for (offset, message) in errors {
        problems.add_syntax(lines.position(offset), &message);
    }
    if let Some(offset) = misread {
        problems.misread_from(lines.position(offset).line);
    }
    let mut outsize = |offset| {
        problems.add_syntax(lines.position(offset), "a number that is too large");
    };
    table(document.into_inner(), &mut outsize)
}

/// The values of a table. `outsize` is called with the position of each number that is too large;
/// it is left out.
fn table(table: DeTable<'_>, outsize: &mut impl FnMut(usize)) -> toml::Table {
    let mut values = toml::Table::new();
    for (name, one) in table {
        let read = value(one, outsize);
        values.extend(read.map(|value| (name.into_inner().into_owned(), value)));
    }
    values
}

fn value(one: Spanned<DeValue<'_>>, outsize: &mut impl FnMut(usize)) -> Option<toml::Value> {
    let offset = one.span().start;
    let read = match one.into_inner() {
        DeValue::String(text) => Some(toml::Value::String(text.into_owned())),
        DeValue::Boolean(truth) => Some(toml::Value::Boolean(truth)),
        DeValue::Datetime(time) => Some(toml::Value::Datetime(time)),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(toml::Value::Integer)
        }
        DeValue::Float(number) => number.as_str().parse().ok().map(toml::Value::Float),
        DeValue::Array(array) => {
            let values = array.into_iter().filter_map(|one| value(one, outsize));
            Some(toml::Value::Array(values.collect()))
        }
        DeValue::Table(inner) => Some(toml::Value::Table(table(inner, outsize))),
    };
    if read.is_none() {
        outsize(offset);
    }
    read
}

/// Gives each key its type. A key of another type is reported and left out.
fn typed(table: toml::Table, problems: &mut Problems) -> RawConfig {
    let mut root = toml::Value::Table(table);
    kinds::put_below(&mut root, problems);
    let mut left = Remaining { root, removed: HashMap::new() };
    loop {
        let read = serde_path_to_error::deserialize::<_, RawConfig>(left.root.clone());
        let error = match read {
            Ok(raw) => return raw,
            Err(error) => error,
        };
        let mut mistake = Mistake::of(&joined_lines(error.inner().message()));
        let mut path = path(error.path());
        if let Some(word) = left.word_expected(&path) {
            mistake = word;
        }
        if let Some(name) = mistake.unknown_key()
            && path.last().is_none_or(|step| !matches!(step, Step::Key(key) if key == name))
        {
            // The path of an unknown key ends at its section.
            path.push(Step::Key(name.to_owned()));
        }
        if let Some(section) = list_for_section(&path) {
            path.truncate(section);
            mistake = Mistake::Value { found: "sequence".into(), accepted: "struct Raw".into() };
        }
        report(mistake, &left.written(&path), problems);
        if !left.remove(&path) {
            return RawConfig::default();
        }
    }
}

/// One step from a section to what is in it.
#[derive(Clone)]
enum Step {
    Key(String),
    Index(usize),
    /// The level below a section that has the keys of a kind, see [`kinds`].
    Kind(String),
}

/// Steps as they are written in problems: `tenants[0].otp`.
struct Steps<'a>(&'a [Step]);

impl fmt::Display for Steps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if index == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Kind(_) => {}
            }
        }
        Ok(())
    }
}

fn path(path: &serde_path_to_error::Path) -> Vec<Step> {
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { variant } => Some(Step::Kind(variant.clone())),
        Segment::Unknown => None,
    };
    path.iter().map_while(step).collect()
}

/// The names on a path, each with whether an element of it is meant.
fn parts(path: &[Step]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for step in path {
        match step {
            Step::Key(name) => parts.push((name.clone(), false)),
            Step::Index(_) => parts.last_mut().into_iter().for_each(|part| part.1 = true),
            Step::Kind(_) => {}
        }
    }
    parts
}

/// How much of a path leads to a list that stands in place of a section, if it goes through one: the
/// parser takes its elements for the values of the section's keys.
fn list_for_section(path: &[Step]) -> Option<usize> {
    (1..path.len()).find(|end| {
        let is_list = matches!(path[*end], Step::Index(_));
        is_list && is_one_section(&parts(&path[..*end]))
    })
}

/// The values still to be read, and the array elements that were removed.
struct Remaining {
    root: toml::Value,
    /// The indexes of removed elements, by the path of their array.
    removed: HashMap<String, Vec<usize>>,
}

impl Remaining {
    /// The path as in the file: earlier elements may have been removed.
    fn written(&self, path: &[Step]) -> Vec<Step> {
        let mut written = Vec::with_capacity(path.len());
        for step in path {
            let removed = self.removed.get(&Steps(&written).to_string());
            written.push(match (step, removed) {
                (Step::Index(index), Some(removed)) => Step::Index(
                    removed.iter().fold(*index, |index, one| index + usize::from(*one <= index)),
                ),
                (step, _) => step.clone(),
            });
        }
        written
    }

    /// The mistake at the path, if a word of a fixed list belongs there and another type of value is
    /// there: the parser lists the words only to a text that is none of them.
    fn word_expected(&self, path: &[Step]) -> Option<Mistake> {
        let mut root = self.root.clone();
        let value = at(&mut root, path)?;
        let found = match &*value {
            toml::Value::String(_) => return None,
            toml::Value::Array(_) => "a list".to_owned(),
            toml::Value::Table(_) => "a section, or keys in braces".to_owned(),
            scalar => scalar.to_string(),
        };
        *value = toml::Value::String(String::new());
        let error = serde_path_to_error::deserialize::<_, RawConfig>(root).err()?;
        match Mistake::of(&joined_lines(error.inner().message())) {
            Mistake::UnknownWord { word, accepted, .. } if word.is_empty() => {
                Some(Mistake::Value { found, accepted })
            }
            _ => None,
        }
    }

    /// Removes the value at the path; whether there was one.
    fn remove(&mut self, path: &[Step]) -> bool {
        let written = self.written(path);
        let Some((last, sections)) = path.split_last() else { return false };
        let Some(place) = at(&mut self.root, sections) else { return false };
        match (last, place) {
            (Step::Key(key), toml::Value::Table(table)) => table.remove(key).is_some(),
            (Step::Index(index), toml::Value::Array(array)) if *index < array.len() => {
                array.remove(*index);
                if let Some((Step::Index(index), array)) = written.split_last() {
                    let removed = self.removed.entry(Steps(array).to_string()).or_default();
                    removed.push(*index);
                    removed.sort_unstable();
                }
                true
            }
            _ => false,
        }
    }
}

/// The value at a path.
fn at<'v>(root: &'v mut toml::Value, path: &[Step]) -> Option<&'v mut toml::Value> {
    path.iter().try_fold(root, |place, step| match step {
        Step::Key(key) | Step::Kind(key) => place.get_mut(key),
        Step::Index(index) => place.get_mut(*index),
    })
}

/// Reports a mistake at `path`.
fn report(mistake: Mistake, path: &[Step], problems: &mut Problems) {
    let key = Steps(path).to_string();
    match mistake {
        Mistake::UnknownKey { name, mut known, accepted } => {
            if let Some(Step::Kind(kind)) = path.iter().nth_back(1) {
                let kinds = kinds_with(&name);
                if !kinds.is_empty() {
                    let kinds = kinds.iter().map(|kind| format!("kind = {kind:?}"));
                    let found = format!("a key of {}", kinds.collect::<Vec<_>>().join(" and "));
                    let accepted = format!("where kind = {kind:?}: kind, {}", known.join(", "));
                    problems.unread(&key, found, None, accepted);
                    return;
                }
                known.push("kind".to_owned());
            }
            let meant = closest(&name, known.iter().map(String::as_str));
            let shown = meant.map(|meant| format!("`{meant}`")).or_else(|| {
                let elsewhere = sections_with(&name);
                (!elsewhere.is_empty()).then(|| format!("`{name}` in {}", elsewhere.join(", ")))
            });
            problems.unread(&key, format!("the unknown key `{name}`"), shown, accepted);
            if let (Some(meant), Some((_, section))) = (meant, path.split_last()) {
                let meant = [section, &[Step::Key(meant.to_owned())]].concat();
                problems.expect_missing(&Steps(&meant).to_string());
            }
        }
        Mistake::UnknownWord { word, known, accepted } => {
            let meant = closest(&word, known.iter().map(String::as_str));
            let meant = meant.map(|meant| format!("`{meant}`"));
            problems.unread(&key, format!("the unknown value `{word}`"), meant, accepted);
        }
        Mistake::Missing { name } => {
            let missing = [path, &[Step::Key(name.clone())]].concat();
            let accepted = format!("a value for `{name}`, which has no default");
            problems.add(&Steps(&missing).to_string(), "nothing", accepted);
            problems.expect_missing(&key);
        }
        Mistake::Value { found, accepted } => {
            let (found, accepted) = type_mismatch::described(&parts(path), &found, &accepted);
            problems.unread(&key, found, None, accepted);
        }
    }
}
