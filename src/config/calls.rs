//! `[tenants.calls]`, and the country of a tenant's numbers: how caller IDs are read, and which
//! calls are accepted.

use serde::Deserialize;

use super::check::Problems;
use super::sms::countries;
use crate::domain::call_trust::CallTrust;
use crate::domain::caller_id::{BareDigits, CallerIdPlan};
use crate::domain::policy::Attestation;
use crate::domain::stored_number::NumberingPlan;

/// The section as written.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCalls {
    pub minimum_attestation: Option<Attestation>,
    pub outside_line_prefix: Option<String>,
    pub numbers: Option<BareDigits>,
    pub accepted_countries: Option<Vec<String>>,
    pub refuse_diverted: Option<bool>,
}

/// How the caller IDs of the tenant at `tenant` are read, and which calls it accepts.
pub(super) fn check(
    tenant: &str,
    country: Option<String>,
    raw: RawCalls,
    problems: &mut Problems,
) -> (CallerIdPlan, CallTrust) {
    let outside_line_prefix = raw.outside_line_prefix.unwrap_or_default();
    if outside_line_prefix.len() > 4 || !outside_line_prefix.bytes().all(|b| b.is_ascii_digit()) {
        problems.add(
            &format!("{tenant}.calls.outside_line_prefix"),
            format!("{outside_line_prefix:?}"),
            "up to 4 digits",
        );
    }
    let numbering = numbering(tenant, country, problems);
    if raw.numbers.is_none() {
        warn_of_two_readings(tenant, numbering, problems);
    }
    let bare_digits = raw.numbers.unwrap_or_default();
    let accepted = countries(
        &format!("{tenant}.calls"),
        "accepted_countries",
        raw.accepted_countries,
        problems,
    );
    let trust = CallTrust {
        minimum_attestation: raw.minimum_attestation.unwrap_or_default(),
        accepted_countries: accepted.unwrap_or_default(),
        refuse_diverted: raw.refuse_diverted.unwrap_or(false),
    };
    (CallerIdPlan { numbering, outside_line_prefix, bare_digits }, trust)
}

/// Warns if national numbers look like international ones without their plus, and the configuration
/// does not say which the phone system sends.
fn warn_of_two_readings(key: &str, numbering: NumberingPlan, problems: &mut Problems) {
    if numbering.writes_no_zero() {
        problems.warn(
            &format!("{key}.calls.numbers"),
            "national numbers of this country have no leading zero, so a caller ID without + may be \
             national, or international without its plus; if both are possible, the call is refused \
             (number_two_readings). Set numbers to what the phone system sends: \"e164\" (+…), \
             \"e164-without-plus\" or \"national\"",
        );
    }
}

/// The number plan of the tenant's country; if that is wrong, another one, so that the rest is
/// checked too.
fn numbering(key: &str, country: Option<String>, problems: &mut Problems) -> NumberingPlan {
    let key = format!("{key}.country");
    let accepted = "an ISO 3166-1 country code in capitals, such as \"SE\"";
    let country = problems.required(&key, country, accepted);
    country
        .and_then(|country| {
            let plan = NumberingPlan::for_country(&country);
            if plan.is_none() {
                let capitals = country.to_uppercase();
                let meant = NumberingPlan::for_country(&capitals).map(|_| capitals.as_str());
                problems.add_word(&key, &country, meant, accepted);
            }
            plan
        })
        .unwrap_or_else(|| NumberingPlan::for_country("SE").expect("a country"))
}
