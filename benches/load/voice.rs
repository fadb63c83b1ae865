//! Calls that a voice platform reports, beside getOTP on the same server: what the signature, the
//! document and the memory of reported calls cost.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::client::{Load, Work};
use crate::people;
use crate::ratios::{Walk, calls};
use crate::servers::{Place, Quotas, file_tenant, free_address};
use crate::table::{Goal, Rounds, Table};
use crate::{Options, client, fastagi};

/// The public URL of the server under test, which platforms sign.
const PUBLIC_URL: &str = "https://localhost";
/// The endpoint's path.
pub const PATH: &str = "/voice/v1/file/main";
/// The secret of the benchmark's platform.
const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// FastAGI sessions that are timed.
const SESSIONS: u64 = 2_000;
/// The number that is called.
const CALLED: &str = "+46101234567";

pub fn measure(place: &Place, options: &Options, table: &mut Table) -> anyhow::Result<()> {
    let people = place.people_file(options.people)?;
    let asterisk = free_address()?;
    let tenant = file_tenant("file", crate::ratios::SHORT, Quotas::InEarnest, &people)
        + &format!(
            "[[tenants.voice]]\nname = \"main\"\ndialect = \"twiml\"\nsignature = \"twilio\"\n\
             secrets = [\"{SECRET}\"]\nlanguages = [\"en\"]\n\
             [[tenants.fastagi]]\nscript = \"load\"\naddresses = [\"127.0.0.1\"]\n\
             [fastagi]\nlisten = \"{asterisk}\"\n"
        );
    let store = place.folder.join("voice.db");
    let server = place.dialpass_at(PUBLIC_URL, "voice", &store, &[tenant])?;
    let target = server.target("file", options.people);
    let (mut get_otp, mut twiml) = (Rounds::default(), Rounds::default());
    let (mut get_otp_micros, mut twiml_micros) = (Rounds::default(), Rounds::default());
    let walk = Walk::default();
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        let load = options.full();
        for (what, work, rates, micros) in [
            ("getOTP", Work::Calls, &mut get_otp, &mut get_otp_micros),
            ("TwiML", Work::Reports, &mut twiml, &mut twiml_micros),
        ] {
            let (rate, each) = calls(what, &server.process, &target, work, load, &walk.file)?;
            rates.0.push(rate);
            micros.0.push(each);
        }
    }
    let half = Load { rate: Some(twiml.median() / 2.0), ..options.full() };
    let half = client::run("TwiML at half", &target, Work::Reports, half, &walk.file)?;
    table.rate("getOTP, file directory, SQLite, new codes", &get_otp);
    table.rate("the same by TwiML, signed as by Twilio", &twiml);
    let share = twiml.of(&get_otp);
    table.judge("  to getOTP", share.as_ratio(), share.median(), Goal::AtLeast(0.9));
    table.note("  processor time of getOTP", crate::ratios::micros(&get_otp_micros));
    table.note("  processor time by TwiML", crate::ratios::micros(&twiml_micros));
    crate::ratios::latency(table, "TwiML, at half that", &half, true);
    let took = fastagi::run(asterisk, SESSIONS, &walk.file, options.people)?;
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    table.note("FastAGI, 8 sessions at once: p50 to SAY DIGITS, ms", format!("{:.1}", at(50)));
    table.judge("  p99, ms", format!("{:.1}", at(99)), at(99), Goal::Below(50.0));
    Ok(())
}

/// The form of a person's call, and its signature.
pub fn report(person: u32, turn: u64) -> (String, String) {
    let (id, from) = (format!("CA{turn:032x}"), people::number(person));
    let fields = [
        ("AccountSid", "AC00000000000000000000000000000000"),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", &id),
        ("CallStatus", "ringing"),
        ("Called", CALLED),
        ("Caller", &from),
        ("Direction", "inbound"),
        ("From", &from),
        ("To", CALLED),
    ];
    let mut signed = format!("{PUBLIC_URL}{PATH}");
    let mut form = String::with_capacity(512);
    for (name, value) in fields {
        signed.extend([name, value]);
        let separator = if form.is_empty() { "" } else { "&" };
        form.extend([separator, name, "=", &value.replace('+', "%2B")]);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET.as_bytes());
    (form, STANDARD.encode(hmac::sign(&key, signed.as_bytes())))
}
