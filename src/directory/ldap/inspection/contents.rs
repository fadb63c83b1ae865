//! What a server lets the service account see: base DNs, groups, people, and a person found by
//! number as for a call. Attributes are in [`super::attributes`].

use ldap3::SearchEntry;
use tokio::time::Instant;

use super::super::entry;
use super::super::filter;
use super::super::judgement::{Judgement, Kind, judge};
use super::super::probes;
use super::LdapInspection;
use super::reader::{Answer, Reader, Search};
use super::servers::{Product, millis};
use crate::directory::inspection::{Inspection as _, Severity, Step};
use crate::directory::ldap::settings::{Lookup, Profile};

/// Number of people read to see which attributes the service account may read.
const SAMPLE: i32 = 200;
/// Duration in milliseconds from which a search by number is reported as slow, on a server that
/// answers other queries ten times as fast.
const SLOW: u128 = 100;

impl LdapInspection {
    pub(super) async fn check_contents(
        &self,
        reader: &mut Reader,
        product: &Product,
        steps: &mut Vec<Step>,
    ) {
        steps.extend(self.profile_step(product));
        let mut people = Vec::new();
        let started = Instant::now();
        let bases = &self.settings.base_dns;
        for base in bases {
            let step = base_step(reader, base).await;
            let usable = step.severity < Severity::Error;
            steps.push(step);
            if usable {
                steps.push(self.search_step(reader, base, &mut people).await);
            }
        }
        let settings = &self.settings;
        let required = settings.required_group.iter().map(|group| ("required_group", group));
        let excluded = settings.excluded_group.iter().map(|group| ("excluded_group", group));
        let answers = settings.answer_groups.iter().map(|group| ("answer_groups", group));
        for (key, group) in required.chain(excluded).chain(answers) {
            steps.push(self.group_step(reader, key, group).await);
        }
        let usual = millis(started) / (2 * bases.len().max(1) as u128);
        if people.is_empty() {
            steps.extend(self.unassigned_step(reader).await);
            return;
        }
        self.check_attributes(reader, product, &people, steps).await;
        // A search misses forms that only the index can match.
        if settings.lookup == Lookup::Search {
            steps.extend(self.find_step(reader, &people, usual).await);
        }
    }

    /// The profile does not fit the server: Active Directory configured as another server, or vice
    /// versa.
    fn profile_step(&self, product: &Product) -> Option<Step> {
        let is = match (product.active_directory, product.dirsrv) {
            (true, _) => Profile::ActiveDirectory,
            (false, true) => Profile::Dirsrv,
            (false, false) => Profile::OpenLdap,
        };
        let says = |profile| match profile {
            Profile::ActiveDirectory => ("Active Directory, or Samba as one", "active-directory"),
            Profile::Dirsrv => ("389 Directory Server", "389-ds"),
            Profile::OpenLdap => ("neither Active Directory nor 389 Directory Server", "openldap"),
        };
        let ((server, fitting), (_, set)) = (says(is), says(self.settings.profile));
        // Servers do not identify themselves as OpenLDAP.
        if is != self.settings.profile {
            let detail = format!("the server is {server}, and profile is {set:?}");
            let hint = match is {
                Profile::Dirsrv => {
                    "set profile = \"389-ds\", or \"freeipa\" if it is part of that".to_owned()
                }
                Profile::ActiveDirectory | Profile::OpenLdap => {
                    format!("set profile = {fitting:?}")
                }
            };
            return Some(Step::bad("profile", Severity::Warning, detail, hint));
        }
        (is != Profile::OpenLdap).then(|| Step::good("profile", format!("the server is {server}")))
    }

    /// Whether a configured group exists: a wrong one lets no one in, or everyone.
    async fn group_step(&self, reader: &mut Reader, key: &str, group: &str) -> Step {
        // Answers leave out a group of `answer_groups` that is missing; the others admit no one.
        let severity = if key == "answer_groups" { Severity::Warning } else { Severity::Error };
        let check = |detail: String| {
            let hint = format!("check {key}, and let the service account read the group");
            Step::bad("group", severity, detail, hint)
        };
        match reader.entry(group, &["member", "uniqueMember"]).await {
            Err(error) => check(format!("{key}: {error}")),
            Ok(None) => check(format!(
                "{key} {group} does not exist, or the service account may not see it"
            )),
            Ok(Some(entry)) if entry.attrs.is_empty() && entry.bin_attrs.is_empty() => Step::bad(
                "group",
                Severity::Warning,
                format!("{key} {group} has no members, or the service account may not see them"),
                "let the service account search and read member and uniqueMember",
            ),
            Ok(Some(_)) => Step::good("group", format!("{key} {group} exists")),
        }
    }

    /// Finds a few people and adds them to `people`.
    async fn search_step(
        &self,
        reader: &mut Reader,
        base: &str,
        people: &mut Vec<SearchEntry>,
    ) -> Step {
        let attributes = self.attributes();
        let attributes: Vec<&str> = attributes.iter().map(String::as_str).collect();
        let search = Search::below(base, &self.settings.user_filter, &attributes, SAMPLE);
        let answer = match reader.ask(search).await {
            Ok(answer) => answer,
            Err(error) => {
                return Step::bad("search", Severity::Error, error.to_string(), "try again");
            }
        };
        let judged =
            judge(answer.code, answer.entries.len(), Kind::Having(&[]), base, &self.settings);
        if let Some(refusal) = refusal(judged, &answer) {
            return Step::bad(
                "search",
                Severity::Error,
                format!("people below {base} could not be searched: the server {refusal}"),
                "check user_filter and the service account's rights",
            );
        }
        let found = answer.entries.len();
        people.extend(answer.entries);
        if found == 0 {
            return Step::bad(
                "search",
                Severity::Error,
                format!("no one below {base} matches {}", self.settings.user_filter),
                "check user_filter, base_dn and what the service account may see",
            );
        }
        let more = if answer.code == 4 { " or more" } else { "" };
        Step::good("search", format!("people below {base}: {found}{more}"))
    }

    /// Makes a call's search for an unassigned number, if no person is known; `None` if it is
    /// served.
    async fn unassigned_step(&self, reader: &mut Reader) -> Option<Step> {
        let searches = probes::searches(&self.settings);
        for search in searches.iter().filter(|search| search.kind == Kind::Number) {
            let (base, filter) = (&search.base, &search.filter);
            let asked = Search::below(base, filter, &["1.1"], search.size_limit);
            let answer = match reader.ask(asked).await {
                Ok(answer) => answer,
                Err(error) => return Some(unsearchable(&error.to_string())),
            };
            let found = answer.entries.len();
            let judged = judge(answer.code, found, Kind::Number, base, &self.settings);
            if let Some(refusal) = refusal(judged, &answer) {
                return Some(unsearchable(&format!("the server {refusal}")));
            }
        }
        None
    }

    /// Finds one of `people` by number, as for a call; `None` if none has a number.
    async fn find_step(
        &self,
        reader: &mut Reader,
        people: &[SearchEntry],
        usual: u128,
    ) -> Option<Step> {
        let settings = &self.settings;
        let (dn, number) = people.iter().find_map(|person| {
            let user = entry::read(person, settings, None).ok()?;
            let mut numbers = user.numbers.iter();
            let found = numbers.find_map(|value| {
                let number = settings.plan.read_stored(&value.text)?;
                let forms = settings.plan.stored_forms(&number);
                forms.find(&value.text, self.matching()).then_some(number)
            })?;
            Some((&person.dn, found))
        })?;
        let filter = filter::by_number(settings, &number);
        let started = Instant::now();
        let mut found = false;
        for base in &self.settings.base_dns {
            let search = Search::below(base, &filter, &["1.1"], settings.size_limit);
            let answer = match reader.ask(search).await {
                Ok(answer) => answer,
                Err(error) => return Some(unsearchable(&error.to_string())),
            };
            let judged = judge(answer.code, answer.entries.len(), Kind::Number, base, settings);
            let more = matches!(judged, Judgement::More);
            if let Some(refusal) = refusal(judged, &answer) {
                return Some(unsearchable(&format!("the server {refusal}")));
            }
            found |= more || answer.entries.iter().any(|entry| entry.dn == *dn);
        }
        let took = millis(started);
        Some(if !found {
            Step::bad(
                "find",
                Severity::Error,
                format!("a search by the number of {dn} does not find that person"),
                "let the service account search the phone attributes, not only read them; check \
                 number_match",
            )
        } else if took >= SLOW && took > 10 * usual {
            Step::bad(
                "find",
                Severity::Warning,
                format!("one person was found by their number, in {took} ms"),
                "have the server index the phone attributes: OpenLDAP `olcDbIndex: \
                 mobile,telephoneNumber eq`",
            )
        } else {
            Step::good("find", format!("one person was found by their number, in {took} ms"))
        })
    }
}

/// Why the service would refuse a search's answer, with the server's message; `None` if it would
/// not.
fn refusal(judged: Judgement, answer: &Answer) -> Option<String> {
    let why = match judged {
        Judgement::Complete | Judgement::More => return None,
        Judgement::Refused(trouble) => trouble.reason,
        Judgement::Rejected(rejection) => rejection.reason,
    };
    let text = answer.text.trim();
    Some(if text.is_empty() { why } else { format!("{why} (it says: {text})") })
}

/// A call's search was refused, so no call is served.
fn unsearchable(why: &str) -> Step {
    Step::bad(
        "find",
        Severity::Error,
        format!("a search by a person's number failed, so no caller can be found: {why}"),
        "until this is fixed, every call is refused with directory_unavailable",
    )
}

async fn base_step(reader: &mut Reader, base: &str) -> Step {
    match reader.ask(Search::of_entry(base, &["1.1"])).await {
        Ok(answer) if answer.code == 0 && !answer.entries.is_empty() => {
            Step::good("base", format!("{base} exists"))
        }
        // Some servers hide the base itself but show what is below it.
        Ok(answer) if answer.code == 0 => Step::bad(
            "base",
            Severity::Information,
            format!("{base} itself is hidden from the service account"),
            "",
        ),
        Ok(answer) => Step::bad(
            "base",
            Severity::Error,
            format!("{base} cannot be read (result code {}: {})", answer.code, answer.text.trim()),
            match answer.code {
                32 => "check base_dn, and that the service account may see it",
                10 => "this server refers to other servers for it: check base_dn, or use those",
                34 => "base_dn is not a DN",
                _ => "check base_dn and the service account's rights",
            },
        ),
        Err(error) => Step::bad("base", Severity::Error, error.to_string(), "try again"),
    }
}
