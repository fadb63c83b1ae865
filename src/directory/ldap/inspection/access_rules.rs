//! OpenLDAP's access rules, as far as they are visible: servers do not reveal over LDAP who may
//! write what, but an account that may read `cn=config` finds the rules there.

use super::reader::{Reader, Search};

/// The rules (`olcAccess`) that let people write one of `attributes` in their own entries,
/// verbatim; `None` if the configuration cannot be read.
///
/// The first matching rule decides, so an earlier rule may override one of these: they are shown,
/// not judged.
pub(super) async fn suspicious(reader: &mut Reader, attributes: &[String]) -> Option<Vec<String>> {
    let search = Search::below("cn=config", "(olcAccess=*)", &["olcAccess"], 0);
    let answer = reader.ask(search).await.ok().filter(|answer| answer.code == 0)?;
    let rules: Vec<&String> =
        answer.entries.iter().flat_map(|entry| entry.attrs.values().flatten()).collect();
    if rules.is_empty() {
        return None;
    }
    let lets = |rule: &&&String| lets_people_write(rule, attributes);
    Some(rules.iter().filter(lets).map(|rule| (*rule).clone()).collect())
}

/// Whether the rule covers one of these attributes and gives write access to the person, to all
/// logged-in users, or to everyone.
fn lets_people_write(rule: &str, attributes: &[String]) -> bool {
    let rule = rule.to_lowercase();
    let mut words = rule.split_whitespace();
    let what = words.by_ref().take_while(|word| *word != "by");
    let about = what
        .filter_map(|word| {
            word.trim_start_matches("to ").split_once("attrs=").map(|(_, names)| names)
        })
        .flat_map(|names| names.split(','))
        .map(|name| name.trim_matches('"').to_owned())
        .collect::<Vec<_>>();
    // A class (`@inetOrgPerson`) covers all its attributes.
    let concerned = about.is_empty()
        || about.iter().any(|name| {
            name.starts_with('@') || attributes.iter().any(|own| own.eq_ignore_ascii_case(name))
        });
    let grants = rule.split(" by ").skip(1).any(|clause| {
        let mut words = clause.split_whitespace();
        let who = words.next().unwrap_or_default();
        let what = words.next().unwrap_or_default();
        let writes = matches!(what, "write" | "manage")
            || what.starts_with(['=', '+']) && what.contains(['w', 'a', 'm']);
        matches!(who, "self" | "users" | "*" | "anonymous") && writes
    });
    concerned && grants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_let_people_write_their_numbers_are_found() {
        let attributes = ["mobile".to_owned(), "telephoneNumber".to_owned()];
        for rule in [
            "{0}to * by self write by * read",
            "{1}to attrs=mobile,title by self write by * none",
            "to attrs=Mobile by dn.exact=\"cn=hr\" write by self =xwr",
            "to dn.subtree=\"ou=people\" attrs=@inetOrgPerson by self write",
            "to * by users write",
            "to * by * manage",
        ] {
            assert!(lets_people_write(rule, &attributes), "{rule}");
        }
        for rule in [
            "to attrs=userPassword by self write by anonymous auth by * none",
            "to attrs=mobile by self read by dn.exact=\"cn=hr\" write",
            "to * by dn.exact=\"cn=admin\" manage by self read by * none",
            "to * by self =xr",
        ] {
            assert!(!lets_people_write(rule, &attributes), "{rule}");
        }
    }
}
