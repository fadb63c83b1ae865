//! The position of each key in the file or in the environment.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Position, Problem, Warning};

/// The positions of one configuration's keys.
#[derive(Debug, Clone, Default)]
pub struct KeyPositions {
    file: String,
    keys: HashMap<String, Located>,
    /// The variables that set keys to values, including everything within those values.
    environment: HashMap<String, String>,
    /// The variables that set keys within these sections.
    sections: HashMap<String, String>,
}

#[derive(Debug, Clone, Copy)]
struct Located {
    position: Position,
    is_section: bool,
}

impl KeyPositions {
    /// For a file whose positions are unknown.
    #[must_use]
    pub fn unknown(file: &Path) -> Self {
        Self { file: file.display().to_string(), ..Self::default() }
    }

    pub(super) fn of(file: &Path, text: &str, document: &Spanned<DeTable<'_>>) -> Self {
        let mut finder = Finder { lines: Lines::of(text), keys: HashMap::new() };
        finder.table("", document.get_ref());
        Self { keys: finder.keys, ..Self::unknown(file) }
    }

    /// Records that a variable sets this key to a value.
    pub(super) fn overridden(&mut self, key: String, variable: &str) {
        if let Some((section, _)) = key.rsplit_once('.') {
            self.entered(section.to_owned(), variable);
        }
        self.environment.insert(key, variable.to_owned());
    }

    /// Records that a variable sets keys within this section.
    pub(super) fn entered(&mut self, section: String, variable: &str) {
        self.sections.insert(section, variable.to_owned());
    }

    /// A problem with a key.
    #[must_use]
    pub fn problem(
        &self,
        key: &str,
        found: &dyn fmt::Display,
        accepted: &dyn fmt::Display,
    ) -> Problem {
        let (file, key, position) = self.locate(key);
        let (found, accepted) = (found.to_string(), accepted.to_string());
        Problem { file, position, key, found, meant: None, accepted }
    }

    /// A problem at a position that belongs to no key.
    pub(super) fn problem_at(&self, position: Position, found: &str, accepted: &str) -> Problem {
        Problem { position: Some(position), ..self.problem("", &found, &accepted) }
    }

    /// A warning about a key.
    #[must_use]
    pub fn warning(&self, key: &str, text: &dyn fmt::Display) -> Warning {
        let (file, key, position) = self.locate(key);
        Warning { file, position, key, text: text.to_string() }
    }

    /// Whether the file sets this key to a value rather than a section.
    pub(super) fn is_value(&self, key: &str) -> bool {
        self.keys.get(key).is_some_and(|spot| !spot.is_section)
            || self.environment.contains_key(key)
    }

    /// File, key and position. A missing key gets the position of its section.
    fn locate(&self, key: &str) -> (String, String, Option<Position>) {
        // A variable that sets just this key names it already.
        let of_variable = |variable: &String| {
            let names = variable.to_lowercase().ends_with(&key.replace('.', "__"));
            let key = if names { variable.clone() } else { format!("{variable}: {key}") };
            ("environment".to_owned(), key, None)
        };
        if let Some(variable) = outwards(key).find_map(|key| self.environment.get(key)) {
            return of_variable(variable);
        }
        for place in outwards(key) {
            if let Some(spot) = self.keys.get(place) {
                return (self.file.clone(), key.to_owned(), Some(spot.position));
            }
            if let Some(variable) = self.sections.get(place) {
                return of_variable(variable);
            }
        }
        (self.file.clone(), key.to_owned(), None)
    }
}

/// A key, then the ones around it: `a.b[0]`, `a.b`, `a`.
fn outwards(key: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(key), |place| place.rfind(['.', '[', ' ']).map(|end| &place[..end]))
}

/// The start of each line.
pub(super) struct Lines<'t> {
    text: &'t str,
    begins: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let ends = text.match_indices('\n').map(|(end, _)| end + 1);
        Self { text, begins: std::iter::once(0).chain(ends).collect() }
    }

    /// The position of a byte offset.
    pub(super) fn position(&self, offset: usize) -> Position {
        let line = self.begins.partition_point(|begin| *begin <= offset).max(1);
        let before = self.text.get(self.begins[line - 1]..offset).unwrap_or_default();
        Position { line, column: before.chars().count() + 1 }
    }
}

struct Finder<'t> {
    lines: Lines<'t>,
    keys: HashMap<String, Located>,
}

impl Finder<'_> {
    fn table(&mut self, at: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let dot = if at.is_empty() { "" } else { "." };
            let key = format!("{at}{dot}{}", name.get_ref());
            self.value(key, name.span().start, value);
        }
    }

    fn value(&mut self, key: String, offset: usize, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(&key, table),
            DeValue::Array(array) => {
                for (index, element) in array.iter().enumerate() {
                    self.value(format!("{key}[{index}]"), element.span().start, element);
                }
            }
            _ => {}
        }
        let position = self.lines.position(offset);
        let is_section = matches!(value.get_ref(), DeValue::Table(_));
        self.keys.insert(key, Located { position, is_section });
    }
}
