//! How servers report changes, for the index that follows them and the check that tries it in
//! advance.

use ldap3::controls::RawControl;

use super::domains::is_within;
use super::settings::Profile;

/// A filter that matches nothing.
pub(super) const NO_ENTRY: &str = "(&(objectClass=person)(!(objectClass=person)))";
/// Includes deleted entries ([MS-ADTS] 3.1.1.3.4.1.14).
const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";

/// The attribute that servers report changes by. If the service account may not search by it, they
/// silently report no changes.
pub(super) fn attribute(profile: Profile) -> &'static str {
    match profile {
        Profile::OpenLdap => "entryCSN",
        // It reports no changes; this attribute identifies entries.
        Profile::Dirsrv => "nsUniqueId",
        Profile::ActiveDirectory => "uSNChanged",
    }
}

/// Requests deleted entries as well, which the account may or may not see.
pub(super) fn show_deleted() -> Vec<RawControl> {
    vec![RawControl { ctype: SHOW_DELETED.to_owned(), crit: true, val: None }]
}

/// The container of a naming context's deleted entries.
pub(super) fn deleted_objects(context: &str) -> String {
    format!("CN=Deleted Objects,{context}")
}

/// The naming context that holds a base: the longest one that contains it.
pub(super) fn context<'a>(base: &str, contexts: &'a [String]) -> Option<&'a str> {
    let holding = contexts.iter().filter(|context| is_within(base, context));
    holding.max_by_key(|context| context.len()).map(String::as_str)
}
