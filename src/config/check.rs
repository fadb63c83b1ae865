//! Collects the mistakes that are found while sections are checked, and the checks that they share.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::{IpAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{ConfigError, Position, Problem, Warning};
use super::positions::KeyPositions;
use super::suggestion::closest;
use super::syntax;
use crate::domain::human_duration::HumanDuration;
use crate::domain::policy::Quota;
use crate::regular_file;

/// The problems found so far in one file.
pub struct Problems {
    /// Where keys are.
    pub(super) positions: KeyPositions,
    directory: PathBuf,
    found: Vec<Problem>,
    /// The keys with a problem.
    keys: BTreeSet<String>,
    /// Keys that could not be read; the checks must not report them as missing.
    unread: BTreeSet<String>,
    /// Whether part of the file is not TOML, so that written keys may be missing.
    is_broken: bool,
    /// The line from which keys may be in the wrong section, because a bracket is missing.
    misread_from: Option<usize>,
    warnings: Vec<Warning>,
    /// The files that are read, each with its key; the configuration file has an empty key.
    files: Vec<(String, PathBuf)>,
}

impl Problems {
    /// No problems yet in `file`, whose relative paths are relative to `directory`.
    #[must_use]
    pub fn new(file: &Path, directory: &Path) -> Self {
        Self {
            positions: KeyPositions::unknown(file),
            directory: directory.to_owned(),
            found: Vec::new(),
            keys: BTreeSet::new(),
            unread: BTreeSet::new(),
            is_broken: false,
            misread_from: None,
            warnings: Vec::new(),
            files: vec![(String::new(), file.to_owned())],
        }
    }

    /// Reports a problem.
    pub fn add(&mut self, key: &str, found: impl Display, accepted: impl Display) {
        let problem = self.positions.problem(key, &found, &accepted);
        self.report(key, problem);
    }

    /// Reports a word that is not known.
    pub(super) fn add_word<'k>(
        &mut self,
        key: &str,
        word: &str,
        known: impl IntoIterator<Item = &'k str>,
        accepted: impl Display,
    ) {
        let meant = closest(word, known).map(|meant| format!("{meant:?}"));
        let found = format!("{word:?}");
        let problem = Problem { meant, ..self.positions.problem(key, &found, &accepted) };
        self.report(key, problem);
    }

    fn report(&mut self, key: &str, problem: Problem) {
        // After a line that is not TOML, keys may be missing or in the wrong section.
        if self.was_reported(key)
            || self.misread_from.zip(problem.position).is_some_and(|(from, at)| at.line >= from)
            || (self.is_broken && !self.positions.is_value(key))
            || problem.position.is_some_and(|position| self.is_broken_line(position.line))
        {
            return;
        }
        self.keys.insert(key.to_owned());
        self.found.push(problem);
    }

    /// Whether a line was reported as not TOML.
    fn is_broken_line(&self, line: usize) -> bool {
        let in_that_line =
            |problem: &Problem| problem.position.is_some_and(|position| position.line == line);
        self.found.iter().any(|problem| problem.key.is_empty() && in_that_line(problem))
    }

    /// Reports a key that cannot be read; it is left out.
    pub(super) fn unread(
        &mut self,
        key: &str,
        found: impl Display,
        meant: Option<String>,
        accepted: impl Display,
    ) {
        let problem = Problem { meant, ..self.positions.problem(key, &found, &accepted) };
        self.report(key, problem);
        self.expect_missing(key);
    }

    /// A key is missing because of a problem that was reported already.
    pub(super) fn expect_missing(&mut self, key: &str) {
        self.unread.insert(key.to_owned());
    }

    /// Reports a line that is not TOML, with the parser's `message`.
    pub(super) fn add_syntax(&mut self, position: Position, message: &str) {
        self.is_broken = true;
        // Further errors in the same line follow from the first.
        if !self.is_broken_line(position.line) {
            let found = format!("a line that is not TOML: {message}");
            let accepted = syntax::accepted(message);
            self.found.push(self.positions.problem_at(position, &found, accepted));
        }
    }

    /// From this line on, keys may be in the wrong section.
    pub(super) fn misread_from(&mut self, line: usize) {
        self.misread_from = Some(self.misread_from.map_or(line, |other| other.min(line)));
    }

    /// Whether the key or an element of it could not be read, and this was reported.
    pub(super) fn was_reported(&self, key: &str) -> bool {
        let is_it = |unread: &String| match unread.strip_prefix(key) {
            Some(rest) => {
                let index = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
                rest.is_empty() || index.is_some_and(|index| index.parse::<usize>().is_ok())
            }
            None => false,
        };
        self.unread.iter().any(is_it)
    }

    /// A required value.
    pub(super) fn required<T>(
        &mut self,
        key: &str,
        value: Option<T>,
        accepted: impl Display,
    ) -> Option<T> {
        if value.is_none() {
            self.add(key, "nothing", accepted);
        }
        value
    }

    /// A name that stands in a URL; `place` says where.
    pub(super) fn url_name(
        &mut self,
        key: &str,
        name: Option<String>,
        place: &str,
    ) -> Option<String> {
        let accepted = format!("1 to 64 of a-z A-Z 0-9 _ -: {place}");
        let name = self.required(key, name, &accepted)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if (1..=64).contains(&name.len()) && name.bytes().all(is_plain) {
            return Some(name);
        }
        self.add(key, format!("{name:?}"), accepted);
        None
    }

    /// Adds problems found while building from the sections, unless they follow from reported ones.
    pub(super) fn add_of_parts(&mut self, problems: Vec<Problem>) {
        let known: Vec<String> = self.keys.iter().cloned().collect();
        let is_below = |noted: &str, key: &str| {
            let rest = noted.strip_prefix(key);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        for problem in problems {
            let key = problem.key.clone();
            // Such a key may concern all tenants: `tenants.clients`.
            let follows =
                |noted: &String| is_below(noted, &key) || is_below(&without_indexes(noted), &key);
            if !known.iter().any(follows) {
                self.report(&key, problem);
            }
        }
    }

    /// Warns of a setting that can be used but should be looked at.
    pub fn warn(&mut self, key: &str, text: impl Display) {
        self.warnings.push(self.positions.warning(key, &text));
    }

    /// Removes and returns the warnings so far.
    pub(super) fn take_warnings(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.warnings)
    }

    /// Whether there is no problem so far.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All problems in file order, those of variables first.
    pub(super) fn into_error(mut self) -> ConfigError {
        self.found.sort_by_key(|problem| problem.position);
        ConfigError { problems: self.found }
    }

    /// Resolves a path relative to the configuration file. `$CREDENTIALS_DIRECTORY/…` is in the folder
    /// in which systemd passes credentials (systemd.exec(5), `LoadCredential=`).
    pub(super) fn resolve(&mut self, key: &str, path: &Path) -> PathBuf {
        if path.as_os_str().is_empty() {
            self.add(key, "an empty path", "the path of a file");
            self.expect_missing(key);
            return path.to_owned();
        }
        let Ok(name) = path.strip_prefix("$CREDENTIALS_DIRECTORY") else {
            return self.directory.join(path);
        };
        if let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") {
            return Path::new(&folder).join(name);
        }
        self.add(
            key,
            format!("{} without CREDENTIALS_DIRECTORY in the environment", path.display()),
            "a path, or this form under systemd with LoadCredential=",
        );
        // Do not report the file as missing too.
        self.expect_missing(key);
        path.to_owned()
    }

    /// Records that a key names a file that is read.
    pub(super) fn reads(&mut self, key: &str, path: &Path) {
        self.files.push((key.to_owned(), path.to_owned()));
    }

    /// The files that are read, by their keys; the configuration file has an empty key.
    pub(super) fn files(&self) -> &[(String, PathBuf)] {
        &self.files
    }

    /// A path to a file that can be read.
    pub(super) fn readable(&mut self, key: &str, path: &Path) -> PathBuf {
        let path = self.resolve(key, path);
        self.reads(key, &path);
        if let Err(error) = regular_file::open(&path)
            .and_then(|mut file| std::io::Read::read(&mut file, &mut [0; 1]))
        {
            self.add(
                key,
                format!("{}, which cannot be read ({error})", path.display()),
                "a file that this user may read",
            );
        }
        path
    }

    /// Paths to files that can be read.
    pub(super) fn readable_all(&mut self, key: &str, paths: &[PathBuf]) -> Vec<PathBuf> {
        let paths = paths.iter().enumerate();
        paths.map(|(index, path)| self.readable(&format!("{key}[{index}]"), path)).collect()
    }

    /// A number from `least` to `most`.
    pub(super) fn within<T: PartialOrd + Display + Copy>(
        &mut self,
        key: &str,
        value: T,
        least: T,
        most: T,
    ) -> T {
        if value < least || value > most {
            self.add(key, value, format!("{least} to {most}"));
        }
        value
    }

    /// A duration from `least` to `most`, or `default`.
    pub(super) fn span(
        &mut self,
        key: &str,
        value: Option<HumanDuration>,
        default: Duration,
        least: Duration,
        most: Duration,
    ) -> Duration {
        let value = value.map_or(default, |span| span.0);
        if value < least || value > most {
            let show = humantime::format_duration;
            self.add(key, show(value), format!("{} to {}", show(least), show(most)));
        }
        value
    }

    /// A quota, or `default`.
    pub(super) fn quota(
        &mut self,
        key: &str,
        value: Option<Quota>,
        default: Quota,
        most: u32,
    ) -> Quota {
        let span = Duration::from_millis(1)..=Duration::from_hours(24 * 366);
        self.quota_per(key, value, (default, most), span)
    }

    /// A quota of at most `most` in a span of `per`, or `default`.
    pub(super) fn quota_per(
        &mut self,
        key: &str,
        value: Option<Quota>,
        (default, most): (Quota, u32),
        per: RangeInclusive<Duration>,
    ) -> Quota {
        let Some(value) = value else { return default };
        let burst = self.within(&format!("{key}.burst"), value.burst, 1, most);
        let (least, longest) = per.into_inner();
        let key = format!("{key}.per");
        let per = self.span(&key, Some(HumanDuration(value.per)), default.per, least, longest);
        Quota { burst, per }
    }
}

/// `tenants.clients` of `tenants[0].clients[1]`.
fn without_indexes(key: &str) -> String {
    let mut parts = key.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |key, part| key + part.split_once(']').map_or(part, |(_, rest)| rest))
}

/// Whether a host is this machine, as far as the local resolver knows.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.is_loopback();
    }
    host.eq_ignore_ascii_case("localhost")
        && ("localhost", 0).to_socket_addrs().is_ok_and(|mut all| all.all(|a| a.ip().is_loopback()))
}
