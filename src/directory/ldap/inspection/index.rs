//! Whether an index can be kept in step with a server, if the tenant wants one: tries the index's
//! operations on a filter that matches nothing.

use ldap3::controls::{MakeCritical, RawControl, RefreshMode, SyncRequest};
use ldap3::{Scope, SearchEntry};

use super::LdapInspection;
use super::attributes::having;
use super::reader::{ReadError, Reader, Search};
use super::servers::Product;
use crate::directory::inspection::{Severity, Step};
use crate::directory::ldap::changes::{self, NO_ENTRY};
use crate::directory::ldap::settings::{Lookup, Profile};

/// Number of people examined per base.
const SAMPLE: i32 = 200;

impl LdapInspection {
    pub(super) async fn check_index(
        &self,
        reader: &mut Reader,
        product: &Product,
        steps: &mut Vec<Step>,
    ) {
        if !matches!(self.settings.lookup, Lookup::Index(_)) {
            return;
        }
        let attribute = changes::attribute(self.settings.profile);
        for base in &self.settings.base_dns {
            if self.settings.profile == Profile::OpenLdap {
                steps.extend(sync_step(reader, base).await);
            }
            steps.extend(self.change_step(reader, base, attribute).await);
        }
        if self.settings.profile == Profile::ActiveDirectory {
            steps.push(self.deleted_step(reader, &product.contexts).await);
        }
    }

    /// Whether the attribute that reports changes is readable; `None` if the base has no people.
    async fn change_step(&self, reader: &mut Reader, base: &str, attribute: &str) -> Option<Step> {
        let asked = [attribute];
        let search = Search::below(base, &self.settings.user_filter, &asked, SAMPLE);
        let people: Vec<SearchEntry> = reader.ask(search).await.ok()?.entries;
        if people.is_empty() {
            return None;
        }
        let have = having(&people, attribute);
        Some(if have == people.len() {
            Step::good("index", format!("{attribute} can be read below {base}"))
        } else {
            Step::bad(
                "index",
                Severity::Error,
                format!(
                    "{attribute} can be read of {have} of {} people below {base}: without it changes \
                     are not told, and no index is kept",
                    people.len()
                ),
                format!("let the service account search and read {attribute}"),
            )
        })
    }

    /// Whether deletions are noticed at once: the account must see a deleted entry, because hidden
    /// entries are left out silently.
    async fn deleted_step(&self, reader: &mut Reader, contexts: &[String]) -> Step {
        let mut all = true;
        for base in &self.settings.base_dns {
            let seen = match changes::context(base, contexts) {
                Some(context) => sees_deleted(reader, context).await.unwrap_or(false),
                None => false,
            };
            all &= seen;
        }
        if all {
            return Step::good("index", "deleted objects can be seen");
        }
        Step::bad(
            "index",
            Severity::Information,
            "no deleted objects can be seen (or there are none): all ids are read every few \
             minutes instead, and deleted people are noticed then",
            "let the service account list CN=Deleted Objects, if that is too late",
        )
    }
}

/// Synchronizes with a filter that matches nothing; problems with the base itself are reported
/// elsewhere.
async fn sync_step(reader: &mut Reader, base: &str) -> Option<Step> {
    let request = SyncRequest { mode: RefreshMode::RefreshOnly, ..SyncRequest::default() };
    let mut search = Search::below(base, NO_ENTRY, &["1.1"], 0);
    search.controls = vec![RawControl::from(request.critical())];
    let why = match reader.ask(search).await {
        Ok(answer) if answer.code == 0 && answer.synchronized => {
            return Some(Step::good("index", format!("the server reports changes below {base}")));
        }
        Ok(answer) if matches!(answer.code, 10 | 32 | 34) => return None,
        Ok(answer) if answer.code == 0 => "it answered with a plain search".to_owned(),
        Ok(answer) => format!("result code {}: {}", answer.code, answer.text.trim()),
        Err(error) => error.to_string(),
    };
    Some(Step::bad(
        "index",
        Severity::Error,
        format!(
            "the server reports no changes below {base} (RFC 4533; {why}), so there is no index \
             of its numbers"
        ),
        "enable the overlay syncprov on the database that holds this base, or set lookup = \
         \"search\"",
    ))
}

async fn sees_deleted(reader: &mut Reader, context: &str) -> Result<bool, ReadError> {
    let container = changes::deleted_objects(context);
    let mut search = Search::below(&container, "(isDeleted=TRUE)", &["1.1"], 1);
    search.scope = Scope::OneLevel;
    search.controls = changes::show_deleted();
    Ok(!reader.ask(search).await?.entries.is_empty())
}
