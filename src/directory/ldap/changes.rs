//! How servers tell changes, for the index that follows them and the check that tries it
//! beforehand.

use ldap3::controls::RawControl;

use super::domains::is_within;
use super::settings::Profile;

/// A filter that nothing matches.
pub(super) const NOBODY: &str = "(&(objectClass=person)(!(objectClass=person)))";
/// Shows deleted entries too ([MS-ADTS] 3.1.1.3.4.1.14).
const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";

/// The attribute that servers tell changes by: if the service account may not search by it, they
/// tell it of none, without a word.
pub(super) fn attribute(profile: Profile) -> &'static str {
    match profile {
        Profile::OpenLdap => "entryCSN",
        // It tells of none; this tells one entry from another.
        Profile::Dirsrv => "nsUniqueId",
        Profile::ActiveDirectory => "uSNChanged",
    }
}

/// Asks for deleted entries too, which the account may or may not see.
pub(super) fn show_deleted() -> Vec<RawControl> {
    vec![RawControl { ctype: SHOW_DELETED.to_owned(), crit: true, val: None }]
}

/// Where the deleted entries of a naming context are.
pub(super) fn deleted_objects(context: &str) -> String {
    format!("CN=Deleted Objects,{context}")
}

/// The naming context that holds a base: the longest that it is within.
pub(super) fn context<'a>(base: &str, contexts: &'a [String]) -> Option<&'a str> {
    let holding = contexts.iter().filter(|context| is_within(base, context));
    holding.max_by_key(|context| context.len()).map(String::as_str)
}
