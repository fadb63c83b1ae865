//! The tables of the documentation: what is found of the world's numbers, and who is recognised.

use std::fmt::Write as _;
use std::path::PathBuf;

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};

use super::forms::{CallerForm, STORED};
use super::judge::{Called, Found, Tally};

const BEGIN: &str = "<!-- numbers: begin -->\n";
const END: &str = "<!-- numbers: end -->\n";

/// The few lines of `docs/directory.md`.
pub fn summary(world: &Tally) -> String {
    let Tally { pairs, right, refused, wrong, stored, .. } = world;
    let mut text = format!(
        "| | equality | patterns | index |\n|---|---|---|---|\n\
         | of {} stored values, found | {} |\n\n\
         Of {pairs} pairs of a caller and a stored number, {right} get their own code, {refused} \
         are refused, and {} get somebody else's.\n",
        stored.written,
        shares(stored),
        wrong.len()
    );
    text.insert(0, '\n');
    text.push('\n');
    text
}

/// The tables of `docs/numbers.md`.
pub fn whole(world: &Tally, countries: &[(Region, Tally)]) -> String {
    let mut text =
        String::from("\n## By form\n\n| stored | values | equality | patterns | index |\n");
    text.push_str("|---|---|---|---|---|\n");
    for (form, found) in STORED.iter().zip(&world.by_form) {
        writeln!(text, "| {} | {} | {} |", form.shown, found.written, shares(found)).unwrap();
    }
    text.push_str("\n| caller | right | refused |\n|---|---|---|\n");
    for (form, Called { right, refused }) in &world.callers {
        writeln!(text, "| {} | {right} | {refused} |", caller(*form)).unwrap();
    }
    text.push_str("\n## By country\n\n| country | code | callers right | refused | stored values ");
    text.push_str("| equality | patterns | index |\n|---|---|---|---|---|---|---|---|\n");
    for (region, tally) in countries {
        let code = PHONE_NUMBER_UTIL.get_country_code_for_region(*region).unwrap_or_default();
        let right: usize = tally.callers.values().map(|called| called.right).sum();
        let refused: usize = tally.callers.values().map(|called| called.refused).sum();
        let (written, found) = (tally.stored.written, shares(&tally.stored));
        writeln!(text, "| {region} | {code} | {right} | {refused} | {written} | {found} |")
            .unwrap();
    }
    text.push('\n');
    text
}

/// Percentages, rounded down: what is not all is never called all.
fn shares(found: &Found) -> String {
    let share = |mode| format!("{} %", 100 * found.by[mode] / found.written.max(1));
    [0, 1, 2].map(share).join(" | ")
}

const fn caller(form: CallerForm) -> &'static str {
    match form {
        CallerForm::E164 => "+46701234567",
        CallerForm::DoubleZero => "0046701234567",
        CallerForm::National => "0701234567",
        CallerForm::WithoutPrefix => "701234567",
        CallerForm::WithoutPlus => "46701234567",
    }
}

/// Compares what stands between the marks of a document, or writes it if `WRITE_DOCS` is set.
pub fn hold(document: &str, table: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs").join(document);
    let text = std::fs::read_to_string(&path).expect("the document is there");
    let (before, rest) = text.split_once(BEGIN).expect("it has a begin");
    let (held, after) = rest.split_once(END).expect("it has an end");
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).expect("it is ours");
    } else {
        assert!(
            held == table,
            "docs/{document} is not what is so: run WRITE_DOCS=1 cargo test --test it -- world"
        );
    }
}
