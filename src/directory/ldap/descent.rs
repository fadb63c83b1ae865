//! Going down from a group to its members, and theirs, on servers that do not do that themselves.
//! Which entries are members' and which groups', the server says: each is read by the DN that the
//! group holds.

use std::collections::HashSet;

use futures_util::future::join_all;
use ldap3::{Scope, SearchEntry};

use super::groups::{self, MOST_LEVELS};
use super::settings::LdapSettings;
use super::{dn, entry};

/// The attributes that name members (RFC 4519 2.17 and 2.40).
pub(super) const MEMBERS: &[&str] = &["member", "uniqueMember"];
/// How many entries are asked for at once.
const AT_ONCE: usize = 32;
/// An entry, whatever it is.
const ANYTHING: &str = "(objectClass=*)";

/// One who asks a server.
pub(super) trait Reader: Sync {
    /// Why there is no answer.
    type Error: Send;

    /// The first entry that matches; `None` if there is none, or the service account may not see
    /// it.
    fn first(
        &self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &'static [&'static str],
    ) -> impl Future<Output = Result<Option<SearchEntry>, Self::Error>> + Send;
}

/// Why not all members are known.
pub(super) enum Stop<E> {
    /// The server did not answer.
    Failed(E),
    /// What this DN in a group stands for, or its members, cannot be read.
    Hidden(String),
    /// Groups are nested too deep.
    TooDeep,
}

/// Which members of a group may be groups that count.
pub(super) enum Nested<'a> {
    /// Those with one of these coarse forms. What cannot be read adds nobody.
    Among(&'a HashSet<String>),
    /// All where groups are. What cannot be read ends the descent, as it may add anybody.
    Everywhere,
}

/// Reads the group at `top` and those nested in it, and hands each member's DN to `met`, as it is
/// written there and, where that was asked for, as the server writes it.
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
        // Only the server knows what is meant.
        (None, _) => true,
    };
    let mut asked: HashSet<String> = HashSet::from([top.to_owned()]);
    let mut read: HashSet<String> = HashSet::new();
    let mut level = vec![top.to_owned()];
    // As deep as a call or a login would look.
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

/// The members of an entry; `None` if one is no text.
fn texts(found: &SearchEntry) -> Option<Vec<&str>> {
    let values = MEMBERS.iter().flat_map(|name| entry::values(found, name));
    values.map(|value| std::str::from_utf8(value).ok()).collect()
}

/// What a member stands for is not there, or may not be seen. Where groups are kept apart from
/// people, it may be a group; among people it is one of them who was deleted.
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

/// An entry without members that can be read has to be a person's, unless it is the top, or one
/// that certainly has none: what cannot be read does not match *without members* either.
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
