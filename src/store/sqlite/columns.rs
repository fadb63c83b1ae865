//! The kinds of columns that the tables share: how their values are read and written.

use rusqlite::Row;
use rusqlite::types::Type;
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::EventLog;
use crate::domain::stored_number::NumberingPlan;
use crate::store::event_log_codec::{decode, encode};

/// A log's space grows by this many events. A row that keeps its length is overwritten in place;
/// growing at each call would split its page again and again.
const ROOM: usize = 5;

/// The log as bytes, padded at the front to a multiple of [`ROOM`] with times of zero, which count
/// as long expired.
pub(super) fn padded(log: &EventLog) -> Vec<u8> {
    filled(&encode(log))
}

/// A log's bytes, padded.
pub(super) fn filled(events: &[u8]) -> Vec<u8> {
    let length = events.len().next_multiple_of(ROOM * 8);
    let mut bytes = vec![0; length - events.len()];
    bytes.extend_from_slice(events);
    bytes
}

/// A log as written by [`padded`], or without padding.
pub(super) fn event_log(row: &Row<'_>, column: &str) -> rusqlite::Result<EventLog> {
    required(row, column, decode(events(row, column)?), WHOLE_TIMES)
}

/// What a column with a log should hold.
pub(super) const WHOLE_TIMES: &str = "times of 8 bytes each";

/// A log's bytes without padding.
pub(super) fn events<'r>(row: &'r Row<'_>, column: &str) -> rusqlite::Result<&'r [u8]> {
    let mut bytes = row.get_ref(column)?.as_blob()?;
    while let Some(rest) = bytes.strip_prefix(&[0; 8]) {
        bytes = rest;
    }
    Ok(bytes)
}

/// A UUID as these tables have it: hyphenated, in lower case.
pub(super) fn text_of(id: &Uuid) -> String {
    id.hyphenated().to_string()
}

/// A column's value if it was readable, otherwise an error that says what the column should hold.
pub(super) fn required<T>(
    row: &Row<'_>,
    column: &str,
    read: Option<T>,
    expected: &str,
) -> rusqlite::Result<T> {
    read.ok_or_else(|| {
        let index = row.as_ref().column_index(column).unwrap_or_default();
        unreadable(index, &format!("the column {column} does not hold {expected}"))
    })
}

/// The error of a step that found in the file what this release cannot have written.
pub(super) fn unreadable(column: usize, why: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}

/// The error of a step whose records cannot be written.
pub(super) fn unwritable(why: &str) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(why.into())
}

/// A column with text that `parse` accepts.
pub(super) fn parsed<T>(
    row: &Row<'_>,
    column: &str,
    parse: impl FnOnce(&str) -> Option<T>,
    expected: &str,
) -> rusqlite::Result<T> {
    required(row, column, parse(row.get_ref(column)?.as_str()?), expected)
}

/// A column with null or with text that `parse` accepts.
pub(super) fn parsed_or_null<T>(
    row: &Row<'_>,
    column: &str,
    parse: impl FnOnce(&str) -> Option<T>,
    expected: &str,
) -> rusqlite::Result<Option<T>> {
    let text = row.get_ref(column)?.as_str_or_null()?;
    text.map(|text| required(row, column, parse(text), expected)).transpose()
}

/// A column with a UUID in it.
pub(super) fn uuid(row: &Row<'_>, column: &str) -> rusqlite::Result<Uuid> {
    parsed(row, column, |text| Uuid::try_parse(text).ok(), "an id")
}

/// A column with a time in it.
pub(super) fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

/// A column with a phone number in it.
pub(super) fn number(row: &Row<'_>, column: &str) -> rusqlite::Result<PhoneNumber> {
    parsed(row, column, NumberingPlan::read_e164, "a phone number")
}

/// The text of a number that [`number`] reads as the same: one without an extension.
pub(super) fn readable(number: &PhoneNumber) -> rusqlite::Result<&str> {
    let text = number.as_str();
    let reads_back = NumberingPlan::read_e164(text).as_ref() == Some(number);
    reads_back.then_some(text).ok_or_else(|| unwritable("a phone number that is not plain E.164"))
}
