//! The report as text for people.

use crate::directory::inspection::{ServerReport, Severity, Step};
use crate::service::directory_report::{Counts, Example, Finding, Report};

pub(super) fn print(report: &Report) -> Vec<u8> {
    let mut out = Page(String::new());
    out.line(0, &format!("tenant {}", report.tenant));
    out.line(0, "");
    out.line(0, "SERVERS");
    for server in &report.servers {
        out.server(server);
    }
    out.line(0, "");
    out.line(0, "PEOPLE");
    match &report.people {
        Some(counts) => out.counts(counts),
        None => out.line(2, "could not be read"),
    }
    out.line(0, "");
    out.line(0, "FINDINGS");
    for finding in &report.findings {
        out.finding(finding);
    }
    if report.findings.is_empty() {
        out.line(2, "none");
    }
    out.line(0, "");
    let verdict = match report.severity {
        Severity::Good | Severity::Information => "ready",
        Severity::Warning => "it works: see the warnings above",
        Severity::Error => "not ready: see the errors above",
    };
    out.line(0, &format!("VERDICT  {}: {verdict}", report.severity));
    out.0.into_bytes()
}

struct Page(String);

impl Page {
    /// Adds a line with this indent. Control characters from the directory, which could move a
    /// terminal's cursor, are replaced.
    fn line(&mut self, indent: usize, text: &str) {
        let text: String =
            text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let line = format!("{:indent$}{text}", "");
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    fn server(&mut self, server: &ServerReport) {
        self.line(2, &server.name);
        for step in &server.steps {
            let Step { step, severity, detail, hint } = step;
            self.line(4, &format!("{severity:<11}  {step:<11}  {detail}"));
            self.hint(30, hint);
        }
    }

    fn hint(&mut self, indent: usize, hint: &str) {
        for hint in hint.lines() {
            self.line(indent, &format!("-> {hint}"));
        }
    }

    fn counts(&mut self, counts: &Counts) {
        for (name, count) in [
            ("entries", counts.people),
            ("enabled", counts.enabled),
            ("disabled", counts.disabled),
            ("locked or expired", counts.locked_or_expired),
            ("without a usable number", counts.without_number),
            ("stored values", counts.values),
            ("would get a code", counts.would_get_a_code),
        ] {
            self.line(2, &format!("{name:<24}  {count:>9}"));
        }
        if !counts.complete {
            self.line(2, "not all people could be read: the counts cover only those who were");
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let Finding { check, severity, count, message, hint, examples } = finding;
        self.line(2, &format!("{severity:<11}  {check} ({count}): {message}"));
        for example in examples {
            self.example(example);
        }
        if !examples.is_empty() && *count > examples.len() && severity < &Severity::Error {
            self.line(15, &format!("and {} more", count - examples.len()));
        }
        self.hint(15, hint);
    }

    fn example(&mut self, example: &Example) {
        let Example { usernames, attribute, value, detail } = example;
        let mut text = usernames.join(", ");
        let mut add = |part: &str| {
            if !part.is_empty() {
                let gap = if text.is_empty() { "" } else { "  " };
                text.push_str(gap);
                text.push_str(part);
            }
        };
        add(attribute);
        if !value.is_empty() {
            add(&format!("{value:?}"));
        }
        add(detail);
        self.line(15, &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_directory_holds_cannot_move_the_cursor() {
        let finding = Finding {
            check: "unreadable_number",
            severity: Severity::Warning,
            count: 3,
            message: "values".to_owned(),
            hint: "first\nsecond".to_owned(),
            examples: vec![Example {
                usernames: vec!["an\u{1b}[2Jna".to_owned()],
                attribute: "mobile".to_owned(),
                value: "\u{1b}]0;x\u{7}".to_owned(),
                detail: "junk".to_owned(),
            }],
        };
        let report = Report {
            tenant: "t1".to_owned(),
            severity: Severity::Warning,
            servers: Vec::new(),
            people: Some(Counts::default()),
            findings: vec![finding],
        };
        let text = String::from_utf8(print(&report)).unwrap();
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        for part in ["mobile", "junk", "and 2 more", "-> first\n", "-> second\n", "not all people"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
