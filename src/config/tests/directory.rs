//! `[tenants.directory]`.

use super::{TENANT, ldap, problem, read};
use crate::directory::ldap::settings::{Lookup, NumberMatch, Profile};

#[test]
fn a_profile_presets_what_differs_between_servers() {
    let with = |more: &str| TENANT.replace("base_dn=", &format!("{more}\nbase_dn="));
    let config = read(TENANT).expect("good");
    let own = ldap(&config);
    assert_eq!(own.profile, Profile::OpenLdap);
    assert_eq!((own.username_attribute.as_str(), own.id_attribute.as_str()), ("uid", "entryUUID"));
    assert_eq!(own.number_match, NumberMatch::Equality);
    assert_eq!(own.lookup, Lookup::Search);

    let config = read(&with("profile='active-directory'")).expect("good");
    let own = ldap(&config);
    assert_eq!(own.username_attribute, "sAMAccountName");
    assert_eq!(own.id_attribute, "objectGUID");
    assert_eq!(own.user_filter, "(&(objectCategory=person)(objectClass=user))");
    assert_eq!(own.number_match, NumberMatch::Patterns);

    let config =
        read(&with("profile='active-directory'\nusername_attribute='mail'")).expect("good");
    assert_eq!(ldap(&config).username_attribute, "mail", "what is written comes first");
    let config = read(&TENANT.replace("'dc=b'", "['ou=a,dc=b', 'ou=c,dc=b']")).expect("good");
    assert_eq!(ldap(&config).base_dns, ["ou=a,dc=b", "ou=c,dc=b"]);
}

#[test]
fn the_groups_that_answers_name_are_a_few_dns_of_an_ldap_directory() {
    let with = |groups: &str| TENANT.replace("id=", &format!("answer_groups={groups}\nid="));
    let config = read(&with("['cn=vpn,ou=g', 'CN=Admins,ou=g']")).expect("good");
    assert_eq!(ldap(&config).answer_groups, ["cn=vpn,ou=g", "CN=Admins,ou=g"]);
    assert_eq!(ldap(&read(TENANT).expect("good")).answer_groups, [""; 0]);
    let many = format!("[{}]", (0..33).map(|n| format!("'cn={n}'")).collect::<Vec<_>>().join(","));
    for (groups, key, says) in [
        ("[]", "answer_groups", "0 groups; accepted: 1 to 32"),
        (&many, "answer_groups", "33 groups"),
        ("['vpn']", "answer_groups[0]", "a group's DN"),
        ("['cn=a', 'cn=b', 'cn=a']", "answer_groups[2]", "a second time"),
        ("'cn=a'", "answer_groups", "a list in brackets"),
    ] {
        let problem = problem(&with(groups));
        let key = format!("tenants[0].{key}: ");
        assert!(problem.contains(&key) && problem.contains(says), "{groups}: {problem}");
    }
}

#[test]
fn directory_keys_that_do_not_fit_together_are_refused() {
    let with = |more: &str| TENANT.replace("base_dn=", &format!("{more}\nbase_dn="));
    for (more, key, says) in [
        ("profile='ad'", "profile", "`active-directory`"),
        ("required_group='otp-users'", "required_group", "a DN, such as"),
        ("excluded_group=''", "excluded_group", "nothing"),
        ("profile='active-directory'\ngroup_base_dn='ou=g'", "group_base_dn", "themselves"),
        ("ambiguous='pin'", "pin_attribute", "nothing"),
        ("pin_attribute='employeeNumber'", "pin_attribute", "ambiguous = \"pin\""),
        ("ambiguous='pin'\npin_attribute='a*'", "pin_attribute", "an attribute's name"),
        ("ambiguous='pin'\npin_attribute='Mobile'", "pin_attribute", "of its own for PINs"),
        ("ambiguous='pin'\npin_attribute='uid'", "pin_attribute", "of its own for PINs"),
        ("required_group='cn=a'\nexcluded_group='cn=a'", "excluded_group", "another group"),
        ("index_max_age='1h'", "index_max_age", "lookup = \"index\""),
        ("lookup='index'\nindex_max_age='25h'", "index_max_age", "1day"),
        ("lookup='index'\nindex_poll='2s'", "index_poll", "RFC 4533"),
        ("index_full_read='1h'", "index_full_read", "lookup = \"index\""),
        ("lookup='index'\nindex_full_read='2s'", "index_full_read", "10s"),
        ("index_confirm='none'", "index_confirm", "lookup = \"index\""),
        ("lookup='index'\nindex_confirm='all'", "index_confirm", "`none`"),
        ("server_order='random'", "server_order", "`round-robin`"),
        ("phone_attributes=['mobile','Mobile']", "phone_attributes[1]", "a second time"),
    ] {
        let problem = problem(&with(more));
        let key = format!("tenants[0].directory.{key}: ");
        assert!(problem.contains(&key) && problem.contains(says), "{more}: {problem}");
    }
    for bases in ["[]", "''", "['dc=b', 'b']", "5"] {
        let problem = problem(&TENANT.replace("base_dn='dc=b'", &format!("base_dn={bases}")));
        assert!(problem.contains("tenants[0].directory.base_dn"), "{problem}");
    }
}

#[test]
fn the_error_for_a_key_of_another_kind_names_the_kinds_that_have_it() {
    let with = |section: &str| {
        format!(
            "[[tenants]]\nid='t1'\ncountry='SE'\nlogin.password='not-asked'\n\
             [tenants.directory]\n{section}"
        )
    };
    let key = "tenants[0].directory";
    for (section, at, found, accepted) in [
        ("kind='file'\nfile='/dev/null'\nbase_dn='x'", "base_dn", "kind = \"ldap\"", "file, "),
        ("kind='registered'\nfile='x'", "file", "kind = \"file\"", "kind, ambiguous"),
        ("kind='registered'\nservers=[]", "servers", "kind = \"ldap\"", "kind, ambiguous"),
    ] {
        let said = problem(&with(section));
        let start = format!("{key}.{at}: found a key of {found}; accepted: where kind = ");
        assert!(said.contains(&start) && said.contains(accepted), "{section}: {said}");
    }
    let pin = problem(&with("kind='registered'\nambiguous='pin'"));
    assert!(pin.contains(&format!("{key}.ambiguous: found \"pin\", though")), "{pin}");
    let ldap = problem(&TENANT.replace("base_dn=", "file='x'\nbase_dn="));
    assert!(ldap.contains(&format!("{key}.file: found a key of kind = \"file\"; ")), "{ldap}");
    let typo = problem(&TENANT.replace("base_dn=", "base_nd="));
    assert!(typo.contains("(did you mean `base_dn`?)"), "{typo}");
    for (kind, found) in [
        ("", "nothing"),
        ("kind='ldapp'", "\"ldapp\" (did you mean \"ldap\"?)"),
        ("kind=5", "a value that is not text"),
    ] {
        let said = problem(&TENANT.replace("kind='ldap'", kind).replace("base_dn='dc=b'", ""));
        assert!(said.contains(&format!("{key}.kind: found {found}; accepted: ")), "{said}");
        assert!(said.contains(&format!("{key}.base_dn: found nothing")), "read as LDAP: {said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
    for directory in ["'ldap'", "[]", "[{kind='ldap'}]", "5"] {
        let said = problem(&format!("[[tenants]]\nid='t1'\ncountry='SE'\ndirectory={directory}"));
        assert!(said.contains("tenants[0].directory: found a "), "{directory}: {said}");
        assert!(said.contains("accepted: [tenants.directory] with keys"), "{directory}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let list = problem(&with("kind='ldap'\nservers='ldap://127.0.0.1'\nbind_dn=5"));
    assert!(list.contains(&format!("{key}.servers: found \"ldap://127.0.0.1\"; ")), "{list}");
    assert!(list.contains(&format!("{key}.bind_dn: found integer `5`; ")), "{list}");
}
