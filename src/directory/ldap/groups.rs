//! Whether a user is in the tenant's groups, directly or through nested groups. Each query is
//! phrased so that a server that may not look, or does not know the group, gives the answer that
//! lets no one in.

mod readable;

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::try_join_all;
use ldap3::{Scope, SearchEntry, ldap_escape};
use tokio::time::Instant;

pub(super) use self::readable::Readable;

use super::entry;
use super::filter::A_GROUP;
use super::judgement::Kind;
use super::search::Query;
use super::servers::Servers;
use super::settings::{LdapSettings, Profile};
use crate::directory::{AnswerGroups, DirectoryError};
use crate::domain::user::{Membership, User, UserId};

/// The matching rule that follows memberships through nested groups ([MS-ADTS] 3.1.1.3.4.4.3).
pub(super) const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";
/// Maximum nesting depth of groups, on servers where we follow it ourselves.
pub(super) const MOST_LEVELS: usize = 16;
/// Maximum number of a user's groups, including nested ones, where we follow them ourselves.
const MOST_GROUPS: usize = 1000;

/// Whether a user may use the gateway.
pub(super) async fn membership(
    servers: &Arc<Servers>,
    readable: &Arc<Readable>,
    user: &User,
    deadline: Instant,
) -> Result<Membership, DirectoryError> {
    let (settings, dn) = (servers.settings(), user.locator.as_str());
    let mut may = Membership::Allowed;
    if let Some(group) = &settings.excluded_group {
        may = (Question { servers, readable, dn, group, deadline }).is_outside().await?;
    }
    if may == Membership::Allowed
        && let Some(group) = &settings.required_group
    {
        may = (Question { servers, readable, dn, group, deadline }).is_inside().await?;
    }
    // The groups were checked for a DN, which may belong to someone else by now.
    let asking = Question { servers, readable, dn, group: dn, deadline };
    if !asking.is_still(&user.id).await? {
        return Ok(Membership::Gone);
    }
    Ok(may)
}

/// Which of the tenant's `answer_groups` the user is in.
pub(super) async fn answer_groups(
    servers: &Arc<Servers>,
    readable: &Arc<Readable>,
    user: &User,
    deadline: Instant,
) -> Result<AnswerGroups, DirectoryError> {
    let dn = user.locator.as_str();
    let ask = |group| Question { servers, readable, dn, group, deadline };
    let groups = &servers.settings().answer_groups;
    let inside = try_join_all(groups.iter().map(|group| async move {
        let asking = ask(group);
        let is_member = asking.matches(group, "(objectClass=*)").await?
            && asking.is_inside().await? == Membership::Allowed;
        Ok(is_member.then(|| group.clone()))
    }))
    .await?;
    // The groups were checked for a DN, which may belong to someone else by now.
    if !ask(dn).is_still(&user.id).await? {
        return Ok(AnswerGroups::Gone);
    }
    Ok(AnswerGroups::In(inside.into_iter().flatten().collect()))
}

/// A filter for Active Directory users who are in `group` at any nesting depth.
pub(super) fn in_chain(group: &str) -> String {
    format!("(memberOf:{IN_CHAIN}:={})", ldap_escape(group))
}

/// Whether one user is in one group.
struct Question<'a> {
    servers: &'a Arc<Servers>,
    readable: &'a Arc<Readable>,
    dn: &'a str,
    group: &'a str,
    deadline: Instant,
}

impl Question<'_> {
    async fn is_inside(&self) -> Result<Membership, DirectoryError> {
        let answer = match self.servers.settings().profile {
            Profile::ActiveDirectory => Some(self.matches(self.dn, &in_chain(self.group)).await?),
            Profile::OpenLdap | Profile::Dirsrv => {
                self.walk(|members| format!("(|{members})"), true).await?
            }
        };
        Ok(answer.map_or(Membership::TooNested, |inside| {
            if inside { Membership::Allowed } else { Membership::NotInRequiredGroup }
        }))
    }

    /// Asked as "does the user match *not in the group*": unreadable entries do not match.
    async fn is_outside(&self) -> Result<Membership, DirectoryError> {
        let answer = match self.servers.settings().profile {
            Profile::ActiveDirectory => {
                // Everyone is outside a group that does not exist or is not a group; it may just
                // have been renamed.
                if !self.matches(self.group, A_GROUP).await? {
                    return Err(DirectoryError::Unavailable);
                }
                Some(self.matches(self.dn, &format!("(!{})", in_chain(self.group))).await?)
            }
            Profile::OpenLdap | Profile::Dirsrv => {
                let outside = self.walk(|members| format!("(!(|{members}))"), false).await?;
                match outside {
                    Some(true) => {
                        Some(self.readable.all(self.servers, self.group, self.deadline).await?)
                    }
                    Some(false) | None => outside,
                }
            }
        };
        Ok(answer.map_or(Membership::TooNested, |outside| {
            if outside { Membership::Allowed } else { Membership::InExcludedGroup }
        }))
    }

    /// Walks up from the user: the user's groups, the groups of those, and so on. At each level
    /// `question` is put to the group itself. A `decisive` answer ends the walk; otherwise the
    /// opposite must hold up to the top. `None` if the nesting is too deep or there are too many
    /// groups.
    async fn walk(
        &self,
        question: impl Fn(&str) -> String,
        decisive: bool,
    ) -> Result<Option<bool>, DirectoryError> {
        let mut seen = HashSet::from([self.dn.to_owned()]);
        let mut level = vec![self.dn.to_owned()];
        for _ in 0..MOST_LEVELS {
            let members: String = level.iter().map(|dn| member(dn)).collect();
            if self.matches(self.group, &question(&members)).await? == decisive {
                return Ok(Some(decisive));
            }
            let Some(groups) = self.groups_with(&members).await? else { return Ok(None) };
            level = groups;
            level.retain(|dn| seen.insert(dn.clone()));
            if level.is_empty() {
                return Ok(Some(!decisive));
            }
            if seen.len() > MOST_GROUPS {
                break;
            }
        }
        Ok(None)
    }

    /// Whether the entry matches.
    async fn matches(&self, dn: &str, filter: &str) -> Result<bool, DirectoryError> {
        Ok(self.entry(dn, filter, nothing()).await?.is_some())
    }

    /// Whether the user's entry still has this id.
    async fn is_still(&self, id: &UserId) -> Result<bool, DirectoryError> {
        let attribute = &self.servers.settings().id_attribute;
        let entry = self.entry(self.dn, "(objectClass=*)", Arc::from([attribute.clone()])).await?;
        Ok(entry.and_then(|entry| entry::id(&entry, attribute)).as_ref() == Some(id))
    }

    /// The entry at a DN, if it matches.
    async fn entry(
        &self,
        dn: &str,
        filter: &str,
        attributes: Arc<[String]>,
    ) -> Result<Option<SearchEntry>, DirectoryError> {
        let query = Query {
            base: dn.to_owned(),
            scope: Scope::Base,
            filter: filter.to_owned(),
            attributes,
            size_limit: 1,
            time_limit: self.servers.settings().time_limit(),
            kind: Kind::Entry,
            gone_is_empty: true,
        };
        let found = self.servers.search(&[query], self.deadline).await?;
        Ok(found.entries.into_iter().next())
    }

    /// The groups with any of these members; `None` if there are more than we follow, or than the
    /// server returns.
    async fn groups_with(&self, members: &str) -> Result<Option<Vec<String>>, DirectoryError> {
        let settings = self.servers.settings();
        let query = Query {
            base: groups_base(settings, self.group).to_owned(),
            scope: Scope::Subtree,
            filter: format!("(|{members})"),
            attributes: nothing(),
            size_limit: i32::try_from(MOST_GROUPS).unwrap_or(i32::MAX),
            time_limit: settings.time_limit(),
            kind: Kind::Having(&["member", "uniqueMember"]),
            gone_is_empty: false,
        };
        let found = self.servers.search(&[query], self.deadline).await?;
        let all = (!found.truncated).then_some(found.entries);
        Ok(all.map(|groups| groups.into_iter().map(|group| group.dn).collect()))
    }
}

/// The base DN of groups that may be nested in `group`: as configured, or the parent of `group`.
pub(super) fn groups_base<'a>(settings: &'a LdapSettings, group: &'a str) -> &'a str {
    settings.group_base_dn.as_deref().unwrap_or_else(|| parent(group))
}

/// The parent DN: what follows the first unescaped comma (RFC 4514 2.4).
fn parent(dn: &str) -> &str {
    let mut escaped = false;
    for (at, c) in dn.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => return dn[at + 1..].trim_start(),
            _ => {}
        }
    }
    ""
}

/// A filter for groups with this member, in either standard attribute (RFC 4519 2.17 and 2.40).
fn member(dn: &str) -> String {
    let dn = ldap_escape(dn);
    format!("(member={dn})(uniqueMember={dn})")
}

/// No attributes (RFC 4511 4.5.1.8).
fn nothing() -> Arc<[String]> {
    Arc::from(["1.1".to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_of_a_dn_follows_its_first_unescaped_comma() {
        assert_eq!(parent("cn=otp,ou=groups,dc=example"), "ou=groups,dc=example");
        assert_eq!(parent("cn=otp\\, users, ou=groups"), "ou=groups");
        assert_eq!(parent("cn=a\\\\,ou=b"), "ou=b");
        assert_eq!(parent("cn=alone"), "");
    }

    #[test]
    fn a_dn_stays_a_value_of_the_filter() {
        assert_eq!(
            member("cn=a*)(b"),
            "(member=cn=a\\2a\\29\\28b)(uniqueMember=cn=a\\2a\\29\\28b)"
        );
        assert!(in_chain("cn=(x)").ends_with("1941:=cn=\\28x\\29)"));
    }
}
