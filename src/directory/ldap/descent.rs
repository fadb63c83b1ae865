//! Walks from a group down to its members and theirs, on servers that do not resolve nesting
//! themselves. The server decides which entries are members and which are groups: each is read by
//! the DN that the group holds.

use std::collections::HashSet;

use futures_util::future::join_all;
use ldap3::{Scope, SearchEntry};

use super::dn;
use super::groups::{self, MOST_LEVELS};
use super::settings::LdapSettings;
use super::values::values;

/// The attributes that name members (RFC 4519 2.17 and 2.40).
pub(super) const MEMBERS: &[&str] = &["member", "uniqueMember"];
/// Number of entries requested at once.
const AT_ONCE: usize = 32;
/// Matches any entry.
const ANYTHING: &str = "(objectClass=*)";

/// Reads from a server.
pub(super) trait Reader: Sync {
    /// Why there is no answer.
    type Error: Send;

    /// The first matching entry; `None` if none exists or the service account may not see it.
    fn first(
        &self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &'static [&'static str],
    ) -> impl Future<Output = Result<Option<SearchEntry>, Self::Error>> + Send;
}

/// Why the members could not all be found.
pub(super) enum Stop<E> {
    /// The server did not answer.
    Failed(E),
    /// The entry at this DN in a group, or its members, cannot be read.
    Hidden(String),
    /// Groups are nested too deep.
    TooDeep,
}

/// Which members of a group may themselves be groups that count.
pub(super) enum Nested<'a> {
    /// Members with one of these normalized DNs. Unreadable entries add no one.
    Among(&'a HashSet<String>),
    /// All members below the groups' base. An unreadable entry stops the descent, because it may
    /// add anyone.
    Everywhere,
}

/// Reads the group at `top` and those nested in it, and passes each member's DN to `met`: as
/// written in the group and, if the entry was read, also as the server writes it.
pub(super) async fn descend<R: Reader>(
    reader: &R,
    settings: &LdapSettings,
    top: &str,
    nested: &Nested<'_>,
    mut met: impl FnMut(&str) + Send,
) -> Result<(), Stop<R::Error>> {
    let place = groups::groups_base(settings, top);
    let base = dn::coarse(place).unwrap_or_default();
    let may_be_group = |value: &str| match (dn::coarse(value), nested) {
        (Some(form), Nested::Among(forms)) => forms.contains(&form),
        (Some(form), Nested::Everywhere) => dn::may_be_within(&form, &base),
        // Only the server can tell what this DN refers to.
        (None, _) => true,
    };
    let mut asked: HashSet<String> = HashSet::from([top.to_owned()]);
    let mut read: HashSet<String> = HashSet::new();
    let mut level = vec![top.to_owned()];
    // The same depth as for a call or a login.
    for _ in 0..MOST_LEVELS {
        let mut below = Vec::new();
        for part in level.chunks(AT_ONCE) {
            let questions = part.iter().map(|dn| reader.first(dn, Scope::Base, ANYTHING, MEMBERS));
            for (of, answer) in part.iter().zip(join_all(questions).await) {
                let Some(found) = answer.map_err(Stop::Failed)? else {
                    missing(reader, settings, (place, of, top), nested).await?;
                    continue;
                };
                met(&found.dn);
                if !read.insert(found.dn.clone()) {
                    continue;
                }
                let members = texts(&found).ok_or_else(|| Stop::Hidden(of.clone()))?;
                if members.is_empty() && (of == top || matches!(nested, Nested::Everywhere)) {
                    has_none(reader, settings, of, of == top).await?;
                }
                for member in members {
                    met(member);
                    if may_be_group(member) && asked.insert(member.to_owned()) {
                        below.push(member.to_owned());
                    }
                }
            }
        }
        if below.is_empty() {
            return Ok(());
        }
        level = below;
    }
    Err(Stop::TooDeep)
}

/// The members of an entry; `None` if one is not text.
fn texts(found: &SearchEntry) -> Option<Vec<&str>> {
    let values = MEMBERS.iter().flat_map(|name| values(found, name));
    values.map(|value| std::str::from_utf8(value).ok()).collect()
}

/// A member's entry is missing or hidden. If groups are kept apart from people, it may be a group;
/// among people it is taken for a deleted person.
async fn missing<R: Reader>(
    reader: &R,
    settings: &LdapSettings,
    (place, of, top): (&str, &str, &str),
    nested: &Nested<'_>,
) -> Result<(), Stop<R::Error>> {
    let harmless = match nested {
        _ if of == top => false,
        Nested::Among(_) => true,
        Nested::Everywhere => reader
            .first(place, Scope::Subtree, &settings.user_filter, &["1.1"])
            .await
            .map_err(Stop::Failed)?
            .is_some(),
    };
    if harmless { Ok(()) } else { Err(Stop::Hidden(of.to_owned())) }
}

/// An entry without readable members must be a person, unless it is the top group or certainly has
/// no members: unreadable members do not match the filter *without members* either.
async fn has_none<R: Reader>(
    reader: &R,
    settings: &LdapSettings,
    of: &str,
    is_top: bool,
) -> Result<(), Stop<R::Error>> {
    let without = "(&(!(member=*))(!(uniqueMember=*)))";
    let filter = if is_top {
        without.to_owned()
    } else {
        format!("(|{}(objectClass=person)(objectClass=account){without})", settings.user_filter)
    };
    let harmless = reader.first(of, Scope::Base, &filter, &["1.1"]).await.map_err(Stop::Failed)?;
    if harmless.is_some() { Ok(()) } else { Err(Stop::Hidden(of.to_owned())) }
}
