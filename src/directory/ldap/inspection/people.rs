//! Reads all people, a page at a time.

use super::super::pages::page;
use super::reader::{Answer, Reader, Search};
use super::{LdapInspection, entry};
use crate::directory::inspection::{InspectionError, PeopleRead, Person, Severity, Step};
use crate::directory::ldap::settings::{Lookup, Profile};

/// People per page: the maximum that Active Directory sends.
const PAGE: i32 = 1000;

/// The report's name for steps that read all people.
const READ: &str = "read_people";

impl LdapInspection {
    pub(super) async fn read_everyone(
        &self,
        each: &mut (dyn FnMut(Person) + Send),
    ) -> Result<PeopleRead, InspectionError> {
        let (server, mut reader) = self.reader().await?;
        let mut read = PeopleRead { server, complete: true, notes: Vec::new() };
        for base in &self.settings.base_dns {
            self.read_base(base, &mut reader, each, &mut read).await?;
        }
        Ok(read)
    }

    async fn read_base(
        &self,
        base: &str,
        reader: &mut Reader,
        each: &mut (dyn FnMut(Person) + Send),
        read: &mut PeopleRead,
    ) -> Result<(), InspectionError> {
        let attributes = self.attributes();
        let attributes: Vec<&str> = attributes.iter().map(String::as_str).collect();
        let mut cookie = Vec::new();
        loop {
            let mut search = Search::below(base, &self.settings.user_filter, &attributes, 0);
            search.controls = vec![page(PAGE, cookie)];
            let answer = reader.ask(search).await.map_err(|error| InspectionError {
                detail: format!(
                    "{} stopped while the people were being read: {error}",
                    read.server
                ),
                hint: "try again; if that does not help, check the server's log".to_owned(),
            })?;
            for found in &answer.entries {
                each(match entry::read(found, &self.settings, None) {
                    Ok(user) => Person::User(user),
                    Err(why) => {
                        Person::Unusable { locator: found.dn.clone(), why: why.to_string() }
                    }
                });
            }
            if answer.code != 0 {
                let note = self.cut_off(base, &answer);
                read.complete = false;
                read.notes.push(note);
                return Ok(());
            }
            match answer.next_page {
                Some(next) if !next.is_empty() => cookie = next,
                Some(_) => return Ok(()),
                None => {
                    read.notes.push(Step::bad(
                        READ,
                        Severity::Warning,
                        format!(
                            "{} does not page results: all people came in one answer",
                            read.server
                        ),
                        "no action needed; a large directory should have a server that pages \
                         (RFC 2696)",
                    ));
                    return Ok(());
                }
            }
        }
    }

    /// What to report about an answer that ended with an error.
    fn cut_off(&self, base: &str, answer: &Answer) -> Step {
        let account = &self.settings.bind_dn;
        let raise = |openldap: &str| match self.settings.profile {
            Profile::Dirsrv => {
                format!("in 389-ds: nsLookThroughLimit: -1 and nsSizeLimit: -1 in {account}")
            }
            Profile::OpenLdap | Profile::ActiveDirectory => {
                format!("in OpenLDAP: limits dn.exact=\"{account}\" {openldap}")
            }
        };
        let limited = matches!(answer.code, 3 | 4 | 11);
        let indexed = matches!(self.settings.lookup, Lookup::Index(_));
        let (detail, hint) = match answer.code {
            3 | 4 | 11 if indexed => (
                format!(
                    "the server stopped the reading of {base} at a limit of its own (result code \
                     {}), so no index can be kept; the counts below are of the people read before \
                     that",
                    answer.code
                ),
                format!(
                    "let the service account read everything, {}",
                    raise("size=unlimited time=unlimited size.pr=1000 size.prtotal=unlimited")
                ),
            ),
            3 | 4 | 11 => (
                format!(
                    "the server stopped the reading of {base} at a limit of its own (result code \
                     {}); the counts below are of the people read before that",
                    answer.code
                ),
                format!(
                    "let the service account read more, {}; a call reads no more than a few people \
                     (see `find`)",
                    raise("size.prtotal=unlimited size.pr=1000")
                ),
            ),
            32 => (
                format!("{base} does not exist there, or the service account may not see it"),
                "check base_dn and the account's rights".to_owned(),
            ),
            code => (
                format!("the server refuses to list {base} (result code {code}: {})", answer.text),
                "check the service account's rights".to_owned(),
            ),
        };
        let severity = if limited && indexed { Severity::Error } else { Severity::Warning };
        Step::bad(READ, severity, detail, hint)
    }
}
