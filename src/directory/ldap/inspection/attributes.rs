//! Which attributes of people a server lets the service account read.

use ldap3::SearchEntry;

use super::super::account::{self, ACCOUNT_CONTROL};
use super::super::settings::{AccountChecks, Profile};
use super::super::values::values;
use super::LdapInspection;
use super::reader::{Reader, Search};
use super::servers::Product;
use crate::directory::inspection::{Severity, Step};

impl LdapInspection {
    pub(super) async fn check_attributes(
        &self,
        reader: &mut Reader,
        product: &Product,
        people: &[SearchEntry],
        steps: &mut Vec<Step>,
    ) {
        let settings = &self.settings;
        for (key, attribute) in [
            ("id_attribute", &settings.id_attribute),
            ("username_attribute", &settings.username_attribute),
        ] {
            let have = having(people, attribute);
            steps.push(if have == people.len() {
                Step::good("attribute", format!("{attribute} ({key}) can be read"))
            } else {
                let severity = if have == 0 { Severity::Error } else { Severity::Warning };
                Step::bad(
                    "attribute",
                    severity,
                    format!(
                        "{attribute} ({key}) can be read for {have} of {} people",
                        people.len()
                    ),
                    format!("check {key}, and let the service account read {attribute}"),
                )
            });
        }
        self.check_accounts(product, people, steps);
        let mut readable = 0;
        for attribute in &settings.phone_attributes {
            let step = self.value_step(reader, "phone_attributes", attribute, people).await;
            readable += usize::from(step.severity == Severity::Good);
            steps.push(step);
        }
        if readable == 0 {
            steps.push(Step::bad(
                "attribute",
                Severity::Error,
                "no phone attribute can be read, so no caller is recognized",
                "let the service account search and read the phone attributes",
            ));
        }
        if let Some(attribute) = &settings.pin_attribute {
            steps.push(self.value_step(reader, "pin_attribute", attribute, people).await);
        }
    }

    /// Whether the attributes that show who may not log in are readable, as far as we need them.
    fn check_accounts(&self, product: &Product, people: &[SearchEntry], steps: &mut Vec<Step>) {
        let settings = &self.settings;
        if !product.active_directory {
            if settings.account_checks == AccountChecks::FromTheEntry {
                let seen = account::OF_SOME.iter().filter(|name| having(people, name) > 0);
                let seen: Vec<_> = seen.copied().collect();
                let detail = if seen.is_empty() {
                    format!(
                        "none of {} people has an attribute that closes an account, as far as the \
                         service account may see; it has to be able to read {}",
                        people.len(),
                        account::OF_SOME.join(", ")
                    )
                } else {
                    format!("the attributes that close accounts can be read: {}", seen.join(", "))
                };
                steps.push(Step::good("account", detail));
            }
            return;
        }
        let (severity, so) = match settings.profile {
            Profile::ActiveDirectory => (Severity::Error, "count as disabled"),
            Profile::OpenLdap | Profile::Dirsrv => {
                (Severity::Warning, "count as enabled, even if they are not")
            }
        };
        let needed: &[&str] = match settings.account_checks {
            AccountChecks::AtTheBind => &[ACCOUNT_CONTROL],
            AccountChecks::FromTheEntry => &account::OF_EVERY_ACCOUNT,
        };
        for name in needed {
            let lack = people.len() - having(people, name);
            if lack > 0 {
                steps.push(Step::bad(
                    "attribute",
                    severity,
                    format!("{name} cannot be read: {lack} of {} people {so}", people.len()),
                    "let the service account read it",
                ));
            }
        }
    }

    /// Whether an optional attribute is readable on the people who have it.
    async fn value_step(
        &self,
        reader: &mut Reader,
        key: &str,
        attribute: &str,
        people: &[SearchEntry],
    ) -> Step {
        if having(people, attribute) > 0 {
            return Step::good("attribute", format!("{attribute} can be read"));
        }
        let filter = format!("(&{}({attribute}=*))", self.settings.user_filter);
        for base in &self.settings.base_dns {
            let asked = [attribute];
            let search = Search::below(base, &filter, &asked, 1);
            let Ok(answer) = reader.ask(search).await else { continue };
            if having(&answer.entries, attribute) > 0 {
                return Step::good("attribute", format!("{attribute} can be read"));
            }
            if !answer.entries.is_empty() {
                return Step::bad(
                    "attribute",
                    Severity::Error,
                    format!("{attribute} can be searched, but not read"),
                    format!("let the service account read {attribute}"),
                );
            }
        }
        Step::bad(
            "attribute",
            Severity::Warning,
            format!("no one has {attribute}, as far as the service account may see"),
            format!("let the service account search and read {attribute}, or remove it from {key}"),
        )
    }
}

/// How many of the people have a value of this attribute.
pub(super) fn having(people: &[SearchEntry], attribute: &str) -> usize {
    people.iter().filter(|person| !values(person, attribute).is_empty()).count()
}
