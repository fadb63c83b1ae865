//! Syntax errors that only follow from others: one missing bracket can make errors of all lines after
//! it.

use std::collections::HashMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use super::syntax::UNCLOSED_BRACES;

/// The errors of a text by offset, without those that follow from others, and the offset from which
/// keys may be in the wrong section.
///
/// A list that is not closed takes in all lines after it; after a section's name that is not closed,
/// keys are those of the section before.
pub(super) fn without_secondary(
    text: &str,
    document: &DeTable<'_>,
    mut errors: Vec<(usize, String)>,
) -> (Vec<(usize, String)>, Option<usize>) {
    errors.sort_by_key(|(offset, _)| *offset);
    let is_within =
        |message: &str| message.contains("key-value pairs") || message.contains("inline table");
    let first = errors.iter().find(|(_, message)| is_within(message));
    if let Some(open) = first.and_then(|(offset, message)| unclosed(text, *offset, message)) {
        // What follows is read as keys of that table.
        errors.retain(|(offset, _)| *offset < open);
        let (mut reported, misread) = without_secondary(text, document, errors);
        reported.push((open, UNCLOSED_BRACES.to_owned()));
        return (reported, misread.into_iter().chain([open]).min());
    }
    let mut misread = None;
    let mut reported: Vec<(usize, String)> = Vec::new();
    // Where in `reported` the one error of each list stands.
    let mut of_lists: HashMap<usize, usize> = HashMap::new();
    for (offset, message) in errors {
        let Some(list) = document.values().find_map(|value| list_at(value, offset)) else {
            reported.push((offset, message));
            continue;
        };
        let first = *of_lists.entry(list.start).or_insert(reported.len());
        let is_unclosed =
            message.starts_with("unclosed array,") || message.starts_with("unclosed inline table,");
        if first == reported.len() {
            reported.push((offset, message));
        } else if is_unclosed {
            reported[first] = (list.start, message);
        }
        if text[list.clone()].contains('\n') {
            misread = misread.into_iter().chain([list.start]).min();
        }
    }
    // A brace that is missing may be taken to be a later one, so that its table has no such end.
    if let Some(first) = reported.iter().position(|(_, message)| is_within(message)) {
        let (offset, count) = (reported[first].0, reported.len());
        reported.retain(|(other, message)| *other <= offset || !is_within(message));
        if reported.len() < count {
            misread = misread.into_iter().chain([offset]).min();
        }
    }
    let is_header = |(_, message): &&(usize, String)| {
        message.starts_with("unclosed table,") || message.starts_with("unclosed array table,")
    };
    if let Some(&(header, _)) = reported.iter().find(is_header) {
        reported.retain(|(offset, message)| *offset <= header || message != "duplicate key");
        misread = misread.into_iter().chain([header]).min();
    }
    (reported, misread)
}

/// Where the braces that are still open at `offset` are opened; the parser says `message` there,
/// if keys follow in the same line and the end of that line should have closed them.
fn unclosed(text: &str, offset: usize, message: &str) -> Option<usize> {
    let mut open = Vec::new();
    for token in Source::new(text).lex() {
        let at = token.span().start();
        if at >= offset {
            break;
        }
        match token.kind() {
            TokenKind::LeftCurlyBracket => open.push(at),
            TokenKind::RightCurlyBracket => drop(open.pop()),
            _ => {}
        }
    }
    let open = open.pop()?;
    let (line, below) = text[open..offset].split_once('\n').unwrap_or((&text[open..offset], ""));
    let is_left =
        message.starts_with("unclosed") || !below.is_empty() || line.len() < offset - open;
    let has_keys = line.contains('=');
    (is_left && has_keys).then_some(open)
}

/// The outermost list that an offset is in.
fn list_at(value: &Spanned<DeValue<'_>>, offset: usize) -> Option<Range<usize>> {
    let span = value.span();
    match value.get_ref() {
        DeValue::Array(_) | DeValue::Table(_) if span.start < offset && offset <= span.end => {
            Some(span)
        }
        DeValue::Array(array) => array.iter().find_map(|one| list_at(one, offset)),
        DeValue::Table(table) => table.values().find_map(|one| list_at(one, offset)),
        DeValue::String(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Integer(_)
        | DeValue::Float(_) => None,
    }
}
