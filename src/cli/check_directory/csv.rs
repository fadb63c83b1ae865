//! The report as CSV for programs (RFC 4180).

use crate::service::directory_report::Report;

/// The columns.
const HEADER: [&str; 9] =
    ["check", "severity", "count", "server", "usernames", "attribute", "value", "detail", "hint"];

/// One line for each step on each server (`check` is `server.` and the step); for each finding one
/// line, or one for each of its examples. Several usernames are separated by `; `.
pub(super) fn print(report: &Report) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(HEADER)?;
    for server in &report.servers {
        for step in &server.steps {
            let check = format!("server.{}", step.step);
            let severity = step.severity.as_str();
            let name = server.name.as_str();
            out.write_record(cells([
                check.as_str(),
                severity,
                "1",
                name,
                "",
                "",
                "",
                &step.detail,
                &step.hint,
            ]))?;
        }
    }
    for finding in &report.findings {
        let (severity, count) = (finding.severity.as_str(), finding.count.to_string());
        if finding.examples.is_empty() {
            let (message, hint) = (&finding.message, &finding.hint);
            out.write_record(cells([
                finding.check,
                severity,
                &count,
                "",
                "",
                "",
                "",
                message,
                hint,
            ]))?;
        }
        for example in &finding.examples {
            let server = if finding.check == "servers" {
                example.usernames.join("; ")
            } else {
                String::new()
            };
            let people =
                if server.is_empty() { example.usernames.join("; ") } else { String::new() };
            out.write_record(cells([
                finding.check,
                severity,
                &count,
                &server,
                &people,
                &example.attribute,
                &example.value,
                &example.detail,
                &finding.hint,
            ]))?;
        }
    }
    out.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// Makes spreadsheets treat cells as text: prefixes anything that looks like a formula with `'`.
fn cells(cells: [&str; HEADER.len()]) -> [String; HEADER.len()] {
    cells.map(|cell| if is_formula(cell) { format!("'{cell}") } else { cell.to_owned() })
}

/// Whether a spreadsheet may take the cell for a formula. Phone numbers are not formulas.
fn is_formula(cell: &str) -> bool {
    match cell.chars().next() {
        Some('=' | '@' | '\t' | '\r') => true,
        Some('+' | '-') => !cell[1..].chars().all(|c| c.is_ascii_digit() || " ()-./".contains(c)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_compute_is_text_and_numbers_stay_as_they_are() {
        for cell in ["=1+2", "@SUM(A1)", "\t=1", "\r=1", "+46;ext=12", "-2+3+cmd|' /C calc'!A0"] {
            assert!(is_formula(cell), "{cell:?}");
        }
        for cell in ["", "+46 (0)70-123.45/67", "-12", "anna", "a=b", "070-1", " =1"] {
            assert!(!is_formula(cell), "{cell:?}");
        }
        let cells = cells(["=1", "+46701234567", "", "", "", "", "", "", "é"]);
        assert_eq!(&cells[..2], ["'=1", "+46701234567"]);
    }
}
