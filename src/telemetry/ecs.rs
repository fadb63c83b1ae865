//! Writes audit events with the field names of the Elastic Common Schema (ECS), one JSON object per
//! line, so that a SIEM needs no mapping of its own.

use std::fmt;
use std::net::IpAddr;

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::audit_fields::FIELDS;

/// The schema's version.
const VERSION: &str = "8.11.0";

/// The format.
pub(super) struct Ecs;

impl<S, N> FormatEvent<S, N> for Ecs
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = serde_json::to_string(&mapped(fields.0, &time)).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

/// An event's fields as it was recorded.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

/// The event in ECS.
fn mapped(fields: Map<String, Value>, time: &str) -> Map<String, Value> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let (message, outcome) = (text("message").to_owned(), text("outcome").to_owned());
    let is_by_operator = message == "administration";
    let is_loss = message == "events were lost";
    let is_login = text("operation") == "validateOTP" && outcome == "allowed";
    let mut ecs = Map::new();
    let mut put = |name: &str, value: Value| ecs.insert(name.to_owned(), value);
    put("@timestamp", time.into());
    put("log.level", "INFO".into());
    put("ecs.version", VERSION.into());
    put("event.module", "dialpass".into());
    put("event.dataset", "dialpass.audit".into());
    put("event.kind", if is_loss { "pipeline_error" } else { "event" }.into());
    if is_by_operator {
        put("event.category", json!(["iam"]));
        put("event.type", json!(["admin"]));
    } else if !is_loss {
        put("event.category", json!(["authentication"]));
        put("event.type", json!([if is_login { "start" } else { "info" }]));
    }
    for (name, value) in fields {
        match name.as_str() {
            "outcome" => {
                put("event.outcome", ecs_outcome(&outcome).into());
                put("dialpass.outcome", value);
            }
            "user_id" if is_by_operator => drop(put("user.target.id", value)),
            "username" if is_by_operator => drop(put("user.target.name", value)),
            // ECS takes ids as text.
            "os_uid" => drop(put("user.id", value.to_string().into())),
            "clientip" => {
                if value.as_str().is_some_and(|text| text.parse::<IpAddr>().is_ok()) {
                    put("client.ip", value.clone());
                }
                put("client.address", value);
            }
            "certificate_san" => {
                let names = value.as_str().unwrap_or_default();
                let names: Vec<&str> = names.split(' ').collect();
                put("tls.client.x509.alternative_names", json!(names));
            }
            // As ECS has digests.
            "certificate_sha256" => {
                let digest = value.as_str().unwrap_or_default().to_uppercase();
                put("tls.client.hash.sha256", digest.into());
            }
            "took_ms" => {
                let took = value.as_u64().unwrap_or_default().saturating_mul(1_000_000);
                put("event.duration", took.into());
            }
            name => {
                let known = FIELDS.iter().find(|field| field.name == name);
                let own = format!("dialpass.{name}");
                put(known.map_or(own.as_str(), |field| field.ecs), value);
            }
        }
    }
    ecs
}

/// ECS's word for an outcome.
fn ecs_outcome(outcome: &str) -> &'static str {
    match outcome {
        "allowed" | "done" => "success",
        "refused" | "failed" => "failure",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::super::audit::{self, AdminEvent, AdminOutcome, Decision, Unwritten};
    use super::super::audit_fields::{ECS_ALWAYS, EVENTS};
    use super::super::logs::{Format, rendered};
    use super::super::operator::Operator;
    use super::*;
    use crate::domain::phone_number::PhoneNumber;
    use crate::domain::reason::AuditReason;
    use crate::domain::stored_number::NumberingPlan;

    fn number() -> PhoneNumber {
        let plan = NumberingPlan::for_country("SE").expect("a country");
        plan.read_stored("+46701234567").expect("a number")
    }

    fn decision(record: impl FnOnce(Decision<'_>)) {
        let number = number();
        record(Decision {
            request_id: "r1",
            operation: "validateOTP",
            tenant: Some("t1"),
            client: Some("vpn"),
            voice: Some("twilio"),
            allowed: true,
            reason: AuditReason::LoggedIn,
            status: Some(200),
            number: Some(&number),
            user_id: Some("u1"),
            username: Some("anna"),
            transaction_id: Some("x1"),
            authenticator_id: Some("a1"),
            call_id: Some("c1"),
            client_ip: Some("192.0.2.7"),
            certificate_san: Some("dns:one.example uri:two".to_owned()),
            certificate_sha256: Some("ab".repeat(32)),
            peer: Some("192.0.2.1".parse().unwrap()),
            took: Duration::from_millis(3),
        });
    }

    /// An event of each kind, with all of its fields.
    fn all(format: Format) -> Vec<Map<String, Value>> {
        let number = number();
        let refusals = Unwritten {
            count: 9,
            reasons: "flood=9",
            addresses: 2,
            peer: Some("192.0.2.1".parse().unwrap()),
            from_peer: 8,
            span: Duration::from_mins(1),
        };
        let command = AdminEvent {
            request_id: "r2",
            operation: "codes revoke",
            outcome: AdminOutcome::Done,
            reason: Some(AuditReason::Revoked),
            tenant: "t1",
            number: Some(&number),
            user_id: Some("u1"),
            username: Some("anna"),
            access_key_id: Some("k1"),
            access_key_name: Some("backend"),
        };
        let operator = Operator {
            uid: 1000,
            name: Some("olga".to_owned()),
            login_uid: Some(1001),
            sudo_user: Some("otto".to_owned()),
        };
        let lines = [
            rendered(format, || decision(|one| one.record())),
            rendered(format, || command.record(&operator)),
            rendered(format, || refusals.record()),
            rendered(format, || audit::lost(3)),
        ];
        lines.iter().map(|line| serde_json::from_slice(line).expect("an object")).collect()
    }

    #[test]
    fn the_lists_have_each_event_and_field_that_is_written_and_no_other() {
        let events = all(Format::Json);
        let mut written = BTreeSet::new();
        for (event, (name, _)) in events.iter().zip(EVENTS) {
            assert_eq!(event["message"], *name);
            written.extend(event.keys().map(String::as_str));
        }
        assert_eq!(events.len(), EVENTS.len());
        assert_eq!(written, FIELDS.iter().map(|field| field.name).collect());
    }

    #[test]
    fn each_field_has_its_place_in_ecs() {
        let events = all(Format::Ecs);
        let mut wanted: BTreeSet<&str> = FIELDS.iter().map(|field| field.ecs).collect();
        wanted.extend(ECS_ALWAYS.iter().map(|(name, _)| *name));
        wanted.extend(["dialpass.outcome", "client.ip", "user.target.id", "user.target.name"]);
        let written: BTreeSet<&str> =
            events.iter().flat_map(|event| event.keys().map(String::as_str)).collect();
        assert_eq!(written, wanted);
        let [login, command, refusals, lost] = &events[..] else { panic!("four events") };
        assert_eq!(login["event.outcome"], "success");
        assert_eq!(login["event.type"], json!(["start"]));
        assert_eq!(login["event.duration"], 3_000_000);
        assert_eq!(login["source.ip"], "192.0.2.1");
        assert_eq!(login["client.ip"], "192.0.2.7");
        assert_eq!(login["tls.client.hash.sha256"], "AB".repeat(32));
        let names = &login["tls.client.x509.alternative_names"];
        assert_eq!(*names, json!(["dns:one.example", "uri:two"]));
        assert_eq!((&login["user.id"], &login["user.name"]), (&json!("u1"), &json!("anna")));
        assert!(!login.contains_key("user.target.id"));
        assert_eq!((&command["user.id"], &command["user.name"]), (&json!("1000"), &json!("olga")));
        assert_eq!(command["user.target.name"], "anna");
        assert_eq!(command["event.category"], json!(["iam"]));
        assert_eq!(command["dialpass.outcome"], "done");
        assert_eq!(refusals["event.outcome"], "failure");
        assert_eq!(lost["event.kind"], "pipeline_error");
        assert!(!lost.contains_key("event.category"));
    }
}
