//! The results: one row per figure, with its target.

use std::fmt::Write;

/// One figure, measured in several rounds.
#[derive(Default, Clone)]
pub struct Rounds(pub Vec<f64>);

impl Rounds {
    /// The median; for an even number of rounds, the lower of the middle two.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted.get((sorted.len().saturating_sub(1)) / 2).copied().unwrap_or(f64::NAN)
    }

    /// The least of all rounds.
    pub fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The most of all rounds.
    pub fn most(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// Combines round by round, so that whatever slows the whole machine slows both sides of a
    /// ratio.
    pub fn with(&self, other: &Self, both: impl Fn(f64, f64) -> f64) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| both(*a, *b)).collect())
    }

    /// The ratio of this to `other`.
    pub fn of(&self, other: &Self) -> Self {
        self.with(other, |a, b| a / b)
    }

    /// The rate of doing both, one after the other, on the same processors.
    pub fn then(&self, other: &Self) -> Self {
        self.with(other, |a, b| 1.0 / (1.0 / a + 1.0 / b))
    }

    /// Formats the median, with the lowest and highest in brackets.
    pub fn as_ratio(&self) -> String {
        format!("{:.2} ({:.2} to {:.2})", self.median(), self.least(), self.most())
    }

    /// Formats the median as a rate.
    pub fn as_rate(&self) -> String {
        format!("{}/s", thousands(self.median()))
    }
}

/// Rounds to a whole number, with commas.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The target of a figure.
#[derive(Clone, Copy)]
pub enum Goal {
    AtLeast(f64),
    Below(f64),
}

/// Rows: what was measured, the figure, its target, and whether it was met.
#[derive(Default)]
pub struct Table {
    rows: Vec<[String; 4]>,
    /// The rows that are rates, for the plot.
    rates: Vec<(String, Rounds)>,
}

impl Table {
    /// Adds a figure without a target.
    pub fn note(&mut self, what: &str, figure: impl Into<String>) {
        self.rows.push([what.to_owned(), figure.into(), String::new(), String::new()]);
    }

    /// Adds a rate, which the plot shows too.
    pub fn rate(&mut self, what: &str, rounds: &Rounds) {
        self.rate_and(what, rounds, rounds.as_rate());
    }

    /// Adds a rate with more than the rate in its figure.
    pub fn rate_and(&mut self, what: &str, rounds: &Rounds, figure: impl Into<String>) {
        self.note(what, figure);
        self.rates.push((what.trim().to_owned(), rounds.clone()));
    }

    /// The rates, in the order in which they were added.
    pub fn rates(&self) -> &[(String, Rounds)] {
        &self.rates
    }

    /// Adds a figure with its target.
    pub fn judge(&mut self, what: &str, figure: impl Into<String>, value: f64, goal: Goal) {
        let (target, met) = match goal {
            Goal::AtLeast(least) => (format!("at least {least}"), value >= least),
            Goal::Below(most) => (format!("below {most}"), value < most),
        };
        let met = if met { "yes" } else { "NO" };
        self.rows.push([what.to_owned(), figure.into(), target, met.to_owned()]);
    }

    /// The table as text, or as Markdown.
    pub fn text(&self, markdown: bool) -> String {
        let header = ["measured", "figure", "target", "met"].map(str::to_owned);
        let all = || std::iter::once(&header).chain(&self.rows);
        let width =
            |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths = [width(0), width(1), width(2), width(3)];
        let mut text = String::new();
        let mut line = |cells: [&str; 4], fill: char| {
            for (column, cell) in cells.iter().enumerate() {
                let pad: String =
                    std::iter::repeat_n(fill, widths[column] - cell.chars().count()).collect();
                let _ = match (markdown, column) {
                    (true, 0) => write!(text, "| {cell}{pad} |"),
                    (true, _) => write!(text, " {cell}{pad} |"),
                    (false, _) => write!(text, "{cell}{pad}  "),
                };
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        };
        for (at, row) in all().enumerate() {
            line([&row[0], &row[1], &row[2], &row[3]], ' ');
            if at == 0 {
                line(["-", "-", "-", "-"], '-');
            }
        }
        text
    }
}
