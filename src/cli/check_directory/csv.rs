//! The report as lines that a program reads (RFC 4180).

use crate::service::survey::Report;

/// The columns.
const HEADER: [&str; 9] =
    ["check", "severity", "count", "server", "usernames", "attribute", "value", "detail", "hint"];

/// A line for each step on each server (`check` is `server.` and the step), and for each finding
/// one, or one for each of its examples. Several usernames are separated by `; `.
pub(super) fn print(report: &Report) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(HEADER)?;
    for server in &report.servers {
        for step in &server.steps {
            let check = format!("server.{}", step.step);
            let severity = step.severity.as_str();
            let name = server.name.as_str();
            out.write_record([
                check.as_str(),
                severity,
                "1",
                name,
                "",
                "",
                "",
                &step.detail,
                &step.hint,
            ])?;
        }
    }
    for finding in &report.findings {
        let (severity, count) = (finding.severity.as_str(), finding.count.to_string());
        if finding.examples.is_empty() {
            let (message, hint) = (&finding.message, &finding.hint);
            out.write_record([finding.check, severity, &count, "", "", "", "", message, hint])?;
        }
        for example in &finding.examples {
            let server = if finding.check == "servers" {
                example.usernames.join("; ")
            } else {
                String::new()
            };
            let people =
                if server.is_empty() { example.usernames.join("; ") } else { String::new() };
            out.write_record([
                finding.check,
                severity,
                &count,
                &server,
                &people,
                &example.attribute,
                &example.value,
                &example.detail,
                &finding.hint,
            ])?;
        }
    }
    out.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}
