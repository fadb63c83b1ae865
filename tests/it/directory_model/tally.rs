//! What was tried in a run, and the table of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::events::{Event, Variant};
use super::oracle::Answer;

/// What the last fault, and what waits for its end, may take besides.
const PATIENCE: Duration = Duration::from_mins(1);
const BEGIN: &str = "<!-- model: begin -->\n";
const END: &str = "<!-- model: end -->\n";

/// Counts, and the longest that something said was behind.
#[derive(Clone, Debug)]
pub struct Tally {
    pub begun: Instant,
    pub steps: usize,
    pub changes: usize,
    pub events: BTreeMap<Event, usize>,
    /// By search, by the index.
    pub told: [usize; 2],
    pub refused: [usize; 2],
    pub outages: [usize; 2],
    /// Refused for an outage although nothing had failed for long.
    pub calm_outages: usize,
    calm: usize,
    pub told_in_trouble: usize,
    /// By the index, in calm and in trouble; by what it knew of the groups.
    pub stalest: [Duration; 3],
    pub logins: [usize; 2],
    pub took: Duration,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            steps: 0,
            changes: 0,
            events: BTreeMap::new(),
            told: [0; 2],
            refused: [0; 2],
            outages: [0; 2],
            calm_outages: 0,
            calm: 0,
            told_in_trouble: 0,
            stalest: [Duration::ZERO; 3],
            logins: [0; 2],
            took: Duration::ZERO,
        }
    }
}

impl Tally {
    /// Counts an answer to a call that was right.
    pub fn answered(
        &mut self,
        answer: &Answer,
        indexed: bool,
        grouped: bool,
        calm: bool,
        stale: Duration,
    ) {
        let by = usize::from(indexed);
        self.calm += usize::from(calm);
        match answer {
            Answer::Code(_) => {
                self.told[by] += 1;
                self.told_in_trouble += usize::from(indexed && !calm);
            }
            _ if answer.is_outage() => {
                self.outages[by] += 1;
                self.calm_outages += usize::from(calm);
            }
            Answer::Refused(_) => self.refused[by] += 1,
        }
        let kind = match (indexed, grouped, calm) {
            (false, ..) => return,
            (true, true, _) => 2,
            (true, false, calm) => usize::from(!calm),
        };
        self.stalest[kind] = self.stalest[kind].max(stale);
    }

    pub fn logged_in(&mut self, accepted: bool) {
        self.logins[usize::from(!accepted)] += 1;
    }

    /// Whether the run came to as much as it must, or it would show nothing.
    pub fn is_enough(&self) -> bool {
        (0..2).all(|by| self.told[by] > 50 && self.refused[by] > 50)
            && self.calm > 0
            && self.told_in_trouble > 50
            && self.changes > 50
            && self.logins[0] > 0
    }

    /// What a run must be that was to take so long. Where it took much longer, the machine was so
    /// busy that servers did not answer in time although nothing had failed.
    pub fn hold(&self, planned: Duration) {
        assert!(self.is_enough(), "{self:?}");
        let busy = self.took > planned + PATIENCE;
        let calm = self.calm_outages * 20 <= self.calm;
        assert!(busy || calm, "refused where nothing failed: {self:?}");
    }
}

/// The table of the documentation.
pub fn table(tallies: &BTreeMap<Variant, Tally>) -> String {
    let mut text = "\n| |".to_owned();
    for variant in tallies.keys() {
        let _ = write!(text, " {} |", variant.name());
    }
    text += "\n|---|";
    text += &"---|".repeat(tallies.len());
    text.push('\n');
    let mut row = |name: &str, cell: &dyn Fn(&Tally) -> String| {
        let cells: Vec<_> = tallies.values().map(cell).collect();
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    };
    let seconds =
        |at: usize| move |tally: &Tally| format!("{:.1} s", tally.stalest[at].as_secs_f64());
    row("length", &|tally| format!("{} s", tally.took.as_secs()));
    row("steps", &|tally| tally.steps.to_string());
    row("changes of entries", &|tally| tally.changes.to_string());
    row("calls: by search", &|tally| calls(tally, 0));
    row("calls: by the index", &|tally| calls(tally, 1));
    row("told the wrong person", &|_| "0".to_owned());
    row("logins accepted, refused", &|tally| format!("{}, {}", tally.logins[0], tally.logins[1]));
    let happened = tallies.values().flat_map(|tally| tally.events.keys());
    let mut events: Vec<_> = happened.copied().collect();
    events.sort_unstable();
    events.dedup();
    for event in events {
        let count = |tally: &Tally| tally.events.get(&event).copied().unwrap_or_default();
        row(event.name(), &|tally| count(tally).to_string());
    }
    row("longest behind, nothing failing", &seconds(0));
    row("longest behind, in and after a fault", &seconds(1));
    row("longest behind, groups", &seconds(2));
    text.push('\n');
    text
}

fn calls(tally: &Tally, by: usize) -> String {
    let (told, refused, outages) = (tally.told[by], tally.refused[by], tally.outages[by]);
    format!("{told} told, {refused} refused, {outages} refused for an outage")
}

/// Writes the table if `WRITE_DOCS` is set; it is never the same twice.
pub fn write(tallies: &BTreeMap<Variant, Tally>) {
    let (path, before, after) = document();
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{}{END}{after}", table(tallies))).unwrap();
    }
}

fn document() -> (PathBuf, String, String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/directory.md");
    let text = std::fs::read_to_string(&path).expect("the document is there");
    let (before, rest) = text.split_once(BEGIN).expect("it has a begin");
    let (_, after) = rest.split_once(END).expect("it has an end");
    (path, before.to_owned(), after.to_owned())
}

/// What the documentation has of the last run.
pub fn held() -> String {
    let (path, before, after) = document();
    let text = std::fs::read_to_string(path).expect("the document is there");
    text[before.len() + BEGIN.len()..text.len() - END.len() - after.len()].to_owned()
}
