//! `lookup`: explains step by step who a caller would be: how the caller ID is read, what the
//! directory is asked, what it returns, and why that is accepted or refused.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use super::output::{self, replace_controls};
use super::setup::{CommandResult, find_tenant, source, wrong_argument};
use crate::app;
use crate::config::{DirectoryConfig, TenantConfig};
use crate::directory::inspection::Inspection;
use crate::directory::{DependencyState, Directory, NOT_ASKED, Occasion};
use crate::domain::call_trust::Vouching;
use crate::domain::caller_id::NoNumber;
use crate::domain::clock::{Clock as _, SystemClock, Timestamp};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::reason::{AuditReason, Reason};
use crate::domain::stored_number::{Matching, NumberingPlan};
use crate::domain::stored_value::StoredValue;
use crate::domain::user::{Ambiguity, Candidates, Membership, NotUnique, Pin, User};

/// Longer than the server would wait, because an administrator wants the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Interval between checks of the servers' states.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The arguments of `lookup`.
#[derive(Args)]
pub(super) struct Arguments {
    /// The caller ID, as the phone system would send it.
    number: String,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The tenant; required if there are several.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// The PIN that the caller keys, if `ambiguous = "pin"`.
    #[arg(long, value_name = "DIGITS")]
    pin: Option<String>,
    /// The call's attestation, as the phone system would send it; default: full attestation (A).
    #[arg(long, value_name = "WORD")]
    attestation: Option<String>,
    /// The number that was called, as a voice platform reports it.
    #[arg(long, value_name = "NUMBER")]
    called: Option<String>,
}

pub(super) async fn run(arguments: Arguments) -> CommandResult {
    let source = source(arguments.config);
    let runtime = Handle::current();
    let (config, prepared) = app::check(&source, &runtime)?.start(&runtime);
    let tenant = find_tenant(&config, arguments.tenant.as_deref(), &source.path)?;
    let pin = match &arguments.pin {
        None => None,
        Some(text) => Some(Pin::parse(text).ok_or_else(|| {
            wrong_argument(&source.path, "--pin", "something else", "1 to 32 digits")
        })?),
    };
    let inspection = app::inspection(&config, tenant, &Handle::current())?;
    let directory = prepared
        .directories
        .iter()
        .find(|(id, _)| *id == tenant.id)
        .map(|(_, directory)| directory)
        .ok_or_else(|| anyhow::anyhow!("the tenant has no directory"))?;
    let called = match &arguments.called {
        None => None,
        Some(text) => Some(NumberingPlan::read_e164(text).ok_or_else(|| {
            let accepted = "a number with + in front, such as \"+46101234567\"";
            wrong_argument(&source.path, "--called", &format!("{text:?}"), accepted)
        })?),
    };
    let assumes_full = arguments.attestation.is_none();
    let vouching = Vouching::parse(arguments.attestation.as_deref().unwrap_or("A"));
    let now = SystemClock.now();
    let directory = &**directory;
    let lookup = Lookup { tenant, inspection, directory, pin, called, vouching, assumes_full, now };
    Ok(match lookup.explain(&arguments.number).await {
        Ok(user) => {
            print_line("verdict", &format!("{} would get a code", user.username));
            ExitCode::SUCCESS
        }
        Err((reason, why)) => {
            print_line("verdict", &format!("refused, {}: {why}", reason.as_str()));
            ExitCode::FAILURE
        }
    })
}

/// Prints one line, a label and a text, with control characters replaced.
fn print_line(about: &str, text: &str) {
    let text = replace_controls(text);
    let line = format!("{about:<11}{text}");
    output::print(line.trim_end());
}

struct Lookup<'a> {
    tenant: &'a TenantConfig,
    inspection: Arc<dyn Inspection>,
    directory: &'a dyn Directory,
    pin: Option<Pin>,
    called: Option<PhoneNumber>,
    vouching: Vouching,
    /// Whether the attestation was not given.
    assumes_full: bool,
    now: Timestamp,
}

impl Lookup<'_> {
    /// The user who would get a code; otherwise the audit reason and the same in words.
    async fn explain(&self, text: &str) -> Result<User, (AuditReason, String)> {
        print_line("tenant", self.tenant.id.as_str());
        if self.assumes_full {
            print_line("assumed", "full attestation, A (--attestation gives another)");
        }
        if let Some(called) = &self.called {
            self.print_called(called)?;
        }
        self.identify(text).await.map_err(|(reason, why)| (reason.name(), why))
    }

    /// Which voice endpoints accept calls to a number; an error if none does.
    fn print_called(&self, called: &PhoneNumber) -> Result<(), (AuditReason, String)> {
        print_line("called", &called.key());
        let endpoints = &self.tenant.voice;
        let accepting: Vec<_> = endpoints.iter().filter(|one| one.accepts(called)).collect();
        if accepting.is_empty() {
            let why = "no endpoint in [[tenants.voice]] accepts calls to this number: add it to the \
                       called_numbers of the one that it reaches";
            return Err((AuditReason::CalledNumberNotListed, why.to_owned()));
        }
        for endpoint in accepting {
            print_line("", &format!("accepted by the voice endpoint {:?}", endpoint.name));
        }
        Ok(())
    }

    async fn identify(&self, text: &str) -> Result<User, (Reason, String)> {
        print_line("caller ID", text);
        let number = self.read(text)?;
        if let Some(reason) = self.tenant.trust.refusal(&number, self.vouching) {
            return Err((reason, reason.name().meaning().to_owned()));
        }
        self.print_search(&number);
        let deadline = Instant::now() + TIMEOUT;
        let found = self.directory.find_by_number(&number, deadline).await;
        if found.is_err() {
            self.print_states().await;
        }
        let candidates = found.map_err(|error| (error.into(), error.to_string()))?;
        self.print_found(&candidates, &number);
        let plan = &self.tenant.caller_ids.numbering;
        let truncated = candidates.truncated;
        let one = candidates.exactly_one(&number, plan, self.tenant.ambiguity, self.pin.as_ref());
        let user = one.map_err(|not_unique| match not_unique {
            NotUnique::NoUser => (Reason::NumberUnknown, self.why_not_found().to_owned()),
            NotUnique::SeveralUsers => (Reason::NumberAmbiguous, self.why_several(truncated)),
        })?;
        if let Some(why) = user.account.refusal(self.now) {
            let says = format!("{} {}", user.username, why.describe());
            return Err((Reason::AccountClosed(why), says));
        }
        self.admit(&user, deadline).await?;
        Ok(user)
    }

    fn read(&self, text: &str) -> Result<PhoneNumber, (Reason, String)> {
        let explained = self.tenant.caller_ids.explain(text);
        let how = explained.notes.join("; ");
        let outcome = explained.outcome.map_err(|no_number| {
            let why = match no_number {
                NoNumber::Withheld => "a withheld number is never looked up",
                NoNumber::Unparseable => "only a telephone number is looked up",
                NoNumber::TwoReadings => {
                    "a caller who could be either of two numbers gets no code, until `numbers` in \
                     [tenants.calls] says how the phone system writes them"
                }
            };
            (no_number.into(), why.to_owned())
        });
        match &outcome {
            Ok(number) => print_line("read as", &number.key()),
            Err((Reason::NumberWithheld, _)) => print_line("read as", "a withheld number"),
            Err((Reason::NumberTwoReadings, _)) => print_line("read as", "one of two numbers"),
            Err(_) => print_line("read as", "not a telephone number"),
        }
        if !how.is_empty() {
            print_line("", &how);
        }
        outcome
    }

    fn print_search(&self, number: &PhoneNumber) {
        let Some(search) = self.inspection.explain_search(number) else {
            print_line("search", "in the file");
            return;
        };
        if search.beside_index {
            print_line(
                "index",
                "the service answers calls from its index; this is a search, which may miss \
                 numbers in odd forms that the index finds",
            );
        }
        for base in &search.bases {
            print_line("search", &format!("{base} and all below"));
        }
        print_line("filter", &search.filter);
        print_line("attributes", &search.attributes.join(" "));
        print_line("size limit", &search.size_limit.to_string());
    }

    /// Prints the servers' states once each has been checked.
    async fn print_states(&self) {
        let end = Instant::now() + TIMEOUT;
        let is_open = |state: &DependencyState| !state.up && state.detail == NOT_ASKED;
        while Instant::now() < end && self.directory.states().iter().any(is_open) {
            sleep(POLL_INTERVAL).await;
        }
        for state in self.directory.states() {
            let how = match (state.up, state.detail.as_str()) {
                (true, "") => "up".to_owned(),
                (true, detail) => format!("up; {detail}"),
                (false, detail) => format!("unusable: {detail}"),
            };
            print_line("server", &format!("{}: {how}", state.name));
        }
    }

    fn print_found(&self, candidates: &Candidates, number: &PhoneNumber) {
        let more = if candidates.truncated {
            ", and more, or one unusable entry: counts as several"
        } else {
            ""
        };
        print_line("found", &format!("{}{more}", candidates.users.len()));
        for user in &candidates.users {
            let closed = user.account.refusal(self.now);
            let closed = closed.map_or(String::new(), |why| format!(", {}", why.name().as_str()));
            print_line("", &format!("{} ({}){closed}", user.username, user.locator));
            for value in &user.numbers {
                let says = self.describe_value(&value.text, number);
                let attribute = self.attribute(value.rank);
                print_line("", &format!("  {attribute} {:?} {says}", value.text));
            }
            if self.tenant.ambiguity == Ambiguity::Pin {
                let keyed = |own: &Pin| self.pin.as_ref().is_some_and(|pin| own.matches(pin));
                print_line(
                    "",
                    match user.pins.iter().any(keyed) {
                        true => "  has the PIN that was keyed",
                        false if user.pins.is_empty() => "  has no PIN",
                        false if self.pin.is_none() => "  has a PIN, but none was keyed (--pin)",
                        false => "  has another PIN",
                    },
                );
            }
        }
    }

    /// What a stored value is, compared with the calling number.
    fn describe_value(&self, text: &str, number: &PhoneNumber) -> String {
        match self.tenant.caller_ids.numbering.classify(text) {
            StoredValue::Number { number: read, .. } if read == *number => {
                "is this number".to_owned()
            }
            StoredValue::Number { number: read, .. } => format!("is another: {}", read.key()),
            StoredValue::TwoReadings { national, international } => format!(
                "could be {} without its plus, or {}: it matches no one until it is written with a plus",
                international.key(),
                national.key()
            ),
            StoredValue::ExtensionOnly => "is only an extension".to_owned(),
            StoredValue::Unreadable(why) => format!("is not a number: {}", why.as_str()),
        }
    }

    /// Why a search may have missed a person who has the number.
    fn why_not_found(&self) -> &'static str {
        match self.inspection.matching() {
            Matching::Everything => {
                "no one has this number; check-directory lists values that cannot be read or could \
                 be two numbers (unreadable_number, two_readings)"
            }
            Matching::Exact | Matching::Patterns => {
                "no one has this number in a form that the filter above finds; check-directory lists \
                 values in other forms (not_found_by_search), and values that cannot be read or \
                 could be two numbers (unreadable_number, two_readings)"
            }
        }
    }

    fn attribute(&self, rank: usize) -> &str {
        match &self.tenant.directory {
            DirectoryConfig::File(_) | DirectoryConfig::Registered => "numbers",
            DirectoryConfig::Ldap(ldap) => {
                ldap.settings.phone_attributes.get(rank).map_or("", String::as_str)
            }
        }
    }

    fn why_several(&self, truncated: bool) -> String {
        if truncated {
            return "several people have this number, or one of the entries cannot be used"
                .to_owned();
        }
        let why = match (self.tenant.ambiguity, &self.pin) {
            (Ambiguity::Refuse, _) => "",
            (Ambiguity::PreferAttributeOrder, _) => ", in equally early attributes",
            (Ambiguity::Pin, None) => ", and no PIN was keyed (--pin)",
            (Ambiguity::Pin, Some(_)) => ", and the keyed PIN does not select exactly one of them",
        };
        format!("several people have this number{why}")
    }

    /// Checks the groups, as at a login.
    async fn admit(&self, user: &User, deadline: Instant) -> Result<(), (Reason, String)> {
        if let DirectoryConfig::Ldap(ldap) = &self.tenant.directory {
            for (key, group) in [
                ("required", &ldap.settings.required_group),
                ("excluded", &ldap.settings.excluded_group),
            ] {
                if let Some(group) = group {
                    print_line("group", &format!("{key}: {group}"));
                }
            }
        }
        let membership = self.directory.membership(user, Occasion::Login, deadline).await;
        if membership.is_err() {
            self.print_states().await;
        }
        let membership = membership
            .map_err(|error| (error.into(), format!("the groups could not be read: {error}")))?;
        let name = &user.username;
        match membership {
            Membership::Allowed => Ok(()),
            Membership::NotInRequiredGroup => {
                Err((Reason::NotInRequiredGroup, format!("{name} is not in the required group")))
            }
            Membership::InExcludedGroup => {
                Err((Reason::InExcludedGroup, format!("{name} is in the excluded group")))
            }
            Membership::TooNested => Err((
                Reason::GroupsTooNested,
                format!("{name} is in more groups, or more deeply nested ones, than are followed"),
            )),
            Membership::Gone => {
                Err((Reason::UserGone, format!("{name} was deleted in the meantime")))
            }
        }
    }
}
