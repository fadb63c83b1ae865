//! Reads and writes the rows of the texts sent to a phone, and of used intents.

use std::time::Duration;

use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{RowError, event_log, time};
use super::written_row::written_row;
use crate::domain::clock::Timestamp;
use crate::store::event_log_codec::encode;
use crate::store::registry::Texts;

/// How long texts are kept if no limit says how long they count.
const KEPT: Duration = Duration::from_hours(24);

/// The row of a phone's texts.
pub(super) fn texts(row: &Row) -> Result<Texts, RowError> {
    Ok(Texts {
        sent: event_log(row, "sent")?,
        enrolling: event_log(row, "enrolling")?,
        idle_from: Some(time(row, "idle_from")?),
    })
}

written_row! {
    /// The row of a phone's texts.
    TextsRow in "texted" (tenant: &str, number: &str, texts: &Texts, now: Timestamp);
    key {
        tenant: tenant.to_owned(),
        number: number.to_owned(),
    }
    columns {
        sent: encode(&texts.sent),
        enrolling: encode(&texts.enrolling),
        idle_from: texts.idle_from.unwrap_or_else(|| now.plus(KEPT)).as_millis(),
    }
}

/// Until when the used intent is remembered.
pub(super) fn used_until(row: &Row) -> Result<Timestamp, RowError> {
    time(row, "idle_from")
}

written_row! {
    /// The row of a used intent.
    IntentRow in "used_intents" (tenant: &str, intent: Uuid, used_until: Timestamp);
    key {
        tenant: tenant.to_owned(),
        intent_id: intent,
    }
    columns {
        idle_from: used_until.as_millis(),
    }
}
