//! The result: one row for each figure, its target beside it.

use std::fmt::Write;

/// Several rounds of one figure.
#[derive(Default, Clone)]
pub struct Rounds(pub Vec<f64>);

impl Rounds {
    /// The middle one; with an even number, the lower of the two.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted.get((sorted.len().saturating_sub(1)) / 2).copied().unwrap_or(f64::NAN)
    }

    fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn most(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// Round by round, so that what slows the whole machine slows both sides of a ratio.
    pub fn with(&self, other: &Self, both: impl Fn(f64, f64) -> f64) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| both(*a, *b)).collect())
    }

    /// This as a share of `other`.
    pub fn of(&self, other: &Self) -> Self {
        self.with(other, |a, b| a / b)
    }

    /// The rate of what does both, one after the other, on the same processors.
    pub fn then(&self, other: &Self) -> Self {
        self.with(other, |a, b| 1.0 / (1.0 / a + 1.0 / b))
    }

    /// As a ratio: the median, and in brackets the least and the most.
    pub fn as_ratio(&self) -> String {
        format!("{:.2} ({:.2} to {:.2})", self.median(), self.least(), self.most())
    }

    /// As a rate: the median.
    pub fn as_rate(&self) -> String {
        format!("{}/s", thousands(self.median()))
    }
}

/// Whole, with commas.
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

/// What a figure must be.
#[derive(Clone, Copy)]
pub enum Goal {
    AtLeast(f64),
    Below(f64),
}

/// Rows of what was measured, the figure, its target, and whether that is met.
#[derive(Default)]
pub struct Table {
    rows: Vec<[String; 4]>,
}

impl Table {
    /// A figure without a target.
    pub fn note(&mut self, what: &str, figure: impl Into<String>) {
        self.rows.push([what.to_owned(), figure.into(), String::new(), String::new()]);
    }

    /// A figure with its target.
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
