//! The people in a test's directory. Each person's password is their uid and `-secret`; the
//! generated ones' are `secret-1` and on. They are kept as they are, as hashing thousands takes long.

use std::fmt::Write;

use super::{GATEWAY_DN, GATEWAY_PASSWORD, GROUPS as GROUPS_DN, PEOPLE, SUFFIX};

/// Uid, and further attributes. Numbers are in the forms that directories hold.
const NAMED: &[(&str, &[&str])] = &[
    ("anna", &["mobile: +46 70-123 45 67"]),
    ("bob", &["telephoneNumber: 070-222 33 44"]),
    // Two who share a number.
    ("carl", &["mobile: +46 70 333 44 55"]),
    ("cecilia", &["telephoneNumber: 070-333 44 55"]),
    ("erik", &["mobile: +46 70-555 66 77"]),
    ("fia", &["mobile: +46 70-666 77 88"]),
    // +46701000001 and on, each stored in another form.
    ("form1", &["mobile: +46701000001"]),
    ("form2", &["mobile: +46 70-100 00 02"]),
    ("form3", &["mobile: 070-100 00 03"]),
    ("form4", &["mobile: 0046701000004"]),
];

/// Groups below `ou=groups`: their name, object class, and members. `otp` has bob two groups deep.
const GROUPS: &[(&str, &str, &[&str])] = &[
    ("otp", "groupOfNames", &["member: uid=anna,P", "member: cn=staff,G", "member: uid=erik,P"]),
    ("staff", "groupOfUniqueNames", &["uniqueMember: cn=deep,G", "uniqueMember: uid=fia,P"]),
    ("deep", "groupOfNames", &["member: uid=bob,P"]),
    ("barred", "groupOfNames", &["member: cn=leaving,G"]),
    ("leaving", "groupOfNames", &["member: uid=erik,P"]),
];

/// What the service account is let read of people and groups.
pub const READABLE: &[&str] = &[
    "objectClass",
    "uid",
    "cn",
    "mobile",
    "telephoneNumber",
    "member",
    "uniqueMember",
    "memberOf",
    "nsUniqueId",
    "ipaUniqueID",
    "entryUUID",
    "nsAccountLock",
    "accountUnlockTime",
    "pwdReset",
    "passwordExpirationTime",
    "krbPrincipalExpiration",
    "krbPasswordExpiration",
];

/// Everybody, and `users` more. `hidden` are attributes that the service account may not
/// read.
pub fn ldif(users: usize, hidden: &[&str], unlimited: bool) -> String {
    let readable: Vec<_> = READABLE.iter().copied().filter(|name| !hidden.contains(name)).collect();
    let limits =
        if unlimited { "nsLookThroughLimit: -1\nnsSizeLimit: -1\nnsTimeLimit: -1\n" } else { "" };
    let mut ldif = format!(
        "dn: {SUFFIX}\nobjectClass: domain\ndc: example\n\
         aci: (targetattr = \"{}\")(version 3.0; acl \"gateway\"; \
         allow (read, search, compare) userdn = \"ldap:///{GATEWAY_DN}\";)\n\n\
         dn: ou=services,{SUFFIX}\nobjectClass: organizationalUnit\nou: services\n\n\
         dn: {GATEWAY_DN}\nobjectClass: account\nobjectClass: simpleSecurityObject\n\
         uid: gateway\nuserPassword: {GATEWAY_PASSWORD}\n{limits}\n\
         dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people\n\n",
        readable.join(" || ")
    );
    for (at, (uid, attributes)) in NAMED.iter().enumerate() {
        person(&mut ldif, uid, at, &format!("{uid}-secret"), attributes);
    }
    write!(ldif, "dn: {GROUPS_DN}\nobjectClass: organizationalUnit\nou: groups\n\n").unwrap();
    for (name, class, members) in GROUPS {
        write!(ldif, "dn: cn={name},{GROUPS_DN}\nobjectClass: {class}\ncn: {name}\n").unwrap();
        for member in *members {
            let member = member.replace(",P", &format!(",{PEOPLE}"));
            writeln!(ldif, "{}", member.replace(",G", &format!(",{GROUPS_DN}"))).unwrap();
        }
        ldif.push('\n');
    }
    for number in 1..=users {
        let digits = format!("{number:07}");
        let mobile = if number % 2 == 0 {
            format!("mobile: +4676{digits}")
        } else {
            format!("mobile: +46 76-{} {} {}", &digits[..3], &digits[3..5], &digits[5..])
        };
        let uid = format!("user{number:04}");
        person(&mut ldif, &uid, 1000 + number, &format!("secret-{number}"), &[&mobile]);
    }
    ldif
}

/// Someone with these attributes besides those that everybody has.
fn person(ldif: &mut String, uid: &str, id: usize, password: &str, attributes: &[&str]) {
    write!(
        ldif,
        "dn: uid={uid},{PEOPLE}\nobjectClass: inetOrgPerson\nobjectClass: krbPrincipalAux\n\
         objectClass: ipaObject\nuid: {uid}\ncn: {uid}\nsn: {uid}\n\
         ipaUniqueID: 00000000-0000-4000-8000-{id:012}\nuserPassword: {{CLEAR}}{password}\n"
    )
    .unwrap();
    for attribute in attributes {
        writeln!(ldif, "{attribute}").unwrap();
    }
    ldif.push('\n');
}
