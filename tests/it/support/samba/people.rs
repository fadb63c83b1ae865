//! Who is in the domain of a test. Each person's password is their name and `-Secret-1`.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{BASE_DN, GATEWAY_PASSWORD};

/// Where most people are.
pub const USERS: &str = "CN=Users,DC=lab,DC=example,DC=org";
/// Where `otto` and the groups are.
pub const STAFF: &str = "OU=staff,DC=lab,DC=example,DC=org";

/// Name, and further attributes. Numbers are in the forms that directories hold.
const NAMED: &[(&str, &[&str])] = &[
    ("anna", &["mobile: +46 70-123 45 67"]),
    ("bob", &["telephoneNumber: 070-222 33 44"]),
    // Two who share a number.
    ("carl", &["mobile: +46 70 333 44 55"]),
    ("cecilia", &["telephoneNumber: 070-333 44 55"]),
    // The same number with and without an extension.
    ("evert", &["telephoneNumber: +46 8 123 456 78 ext. 12"]),
    ("fia", &["telephoneNumber: +46 8 123 456 78"]),
    // +46701000001 and on, each stored in another form.
    ("form1", &["mobile: +46701000001"]),
    ("form2", &["mobile: +46 70-100 00 02"]),
    ("form3", &["mobile: 070-100 00 03"]),
    ("form4", &["mobile: 0046701000004"]),
    ("form5", &["mobile: (+46) 70 1000005"]),
    ("form6", &["mobile: +46 (0)70 100 00 06"]),
    ("form7", &["telephoneNumber: 07 01-00 00 07"]),
    ("form8", &["otherTelephone: +46 8 555 00 08", "otherMobile: (070) 100 00 08"]),
    ("form9", &["mobile: + 46 70 100 00 09"]),
    ("form10", &["mobile: 00 46 70-1000010"]),
    ("form11", &["otherMobile: +(46) 70 100.00.11"]),
    // Those who can't sign in with their right password, each for a reason of their own.
    ("disabled", &["userAccountControl: 514", "mobile: +46702000001"]),
    // 2020-01-01.
    ("expired", &["accountExpires: 132223104000000000", "mobile: +46702000002"]),
    ("mustchange", &["pwdLastSet: 0", "mobile: +46702000003"]),
    // Three wrong passwords lock this one out.
    ("locked", &["mobile: +46702000004"]),
    // At no hour of the week.
    ("night", &["logonHours:: AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "mobile: +46702000005"]),
    ("elsewhere", &["userWorkstations: OTHERPC", "mobile: +46702000006"]),
    // Has an old password.
    ("stale", &["mobile: +46702000007"]),
];

/// Everybody, the groups, and the policy that locks people out. `anna` is in the group `inner`,
/// which is in `middle`, which is in `outer`; nobody is in `suspended`.
pub fn ldif() -> String {
    let mut ldif = format!("dn: {STAFF}\nobjectClass: organizationalUnit\n\n");
    ldif += &account("gateway", USERS, GATEWAY_PASSWORD, &[]);
    for (name, attributes) in NAMED {
        ldif += &person(name, USERS, attributes);
    }
    ldif += &person("otto", STAFF, &["telephoneNumber: 070-999 88 77"]);
    let groups = [
        ("inner", Some(format!("CN=anna,{USERS}"))),
        ("middle", Some(format!("CN=inner,{STAFF}"))),
        ("outer", Some(format!("CN=middle,{STAFF}"))),
        ("suspended", None),
    ];
    for (name, member) in groups {
        ldif += &group(name, member.as_deref());
    }
    let minutes = |minutes: i64| -minutes * 60 * 10_000_000;
    let _ = write!(
        ldif,
        "dn: CN=strict,CN=Password Settings Container,CN=System,{BASE_DN}\n\
         objectClass: msDS-PasswordSettings\n\
         msDS-PasswordSettingsPrecedence: 1\n\
         msDS-PasswordReversibleEncryptionEnabled: FALSE\n\
         msDS-PasswordHistoryLength: 0\n\
         msDS-PasswordComplexityEnabled: FALSE\n\
         msDS-MinimumPasswordLength: 0\n\
         msDS-MinimumPasswordAge: 0\n\
         msDS-MaximumPasswordAge: {never}\n\
         msDS-LockoutThreshold: 3\n\
         msDS-LockoutObservationWindow: {span}\n\
         msDS-LockoutDuration: {span}\n\
         msDS-PSOAppliesTo: CN=locked,{USERS}\n\n",
        never = i64::MIN,
        span = minutes(30),
    );
    ldif
}

/// An entry to add for a person below `parent`, with `attributes` (`name: value`) that may also
/// say otherwise than by default.
pub fn person(name: &str, parent: &str, attributes: &[&str]) -> String {
    account(name, parent, &password_of(name), attributes)
}

/// The password of a person.
pub fn password_of(name: &str) -> String {
    format!("{name}-Secret-1")
}

/// An entry to add for a group, below [`STAFF`].
pub fn group(name: &str, member: Option<&str>) -> String {
    let member = member.map(|dn| format!("member: {dn}\n")).unwrap_or_default();
    format!(
        "dn: CN={name},{STAFF}\nchangetype: add\nobjectClass: group\nsAMAccountName: {name}\n\
         {member}\n"
    )
}

/// `user0001` and on in an organizational unit of their own, without passwords; their numbers are
/// +46 76 000 00 01 and on.
pub fn crowd(people: usize) -> String {
    let mut ldif = format!("dn: OU=crowd,{BASE_DN}\nobjectClass: organizationalUnit\n\n");
    for number in 1..=people {
        let _ = write!(
            ldif,
            "dn: CN=user{number:04},OU=crowd,{BASE_DN}\nobjectClass: user\n\
             sAMAccountName: user{number:04}\nuserAccountControl: 544\n\
             mobile: +46 76-{number:07}\n\n"
        );
    }
    ldif
}

/// The change that gives an entry another password.
pub fn new_password(dn: &str, password: &str) -> String {
    let password = quoted(password);
    format!("dn: {dn}\nchangetype: modify\nreplace: unicodePwd\nunicodePwd:: {password}\n")
}

/// A password as the attribute for it wants it ([MS-ADTS] 3.1.1.3.1.5.1).
fn quoted(password: &str) -> String {
    let quoted = format!("\"{password}\"");
    STANDARD.encode(quoted.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
}

fn account(name: &str, parent: &str, password: &str, attributes: &[&str]) -> String {
    let mut ldif = format!("dn: CN={name},{parent}\nchangetype: add\nobjectClass: user\n");
    let defaults = [
        format!("sAMAccountName: {name}"),
        format!("userPrincipalName: {name}@lab.example.org"),
        "userAccountControl: 512".to_owned(),
    ];
    let kind = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    for line in &defaults {
        if !attributes.iter().any(|given| kind(given) == kind(line)) {
            let _ = writeln!(ldif, "{line}");
        }
    }
    for line in attributes {
        let _ = writeln!(ldif, "{line}");
    }
    let _ = writeln!(ldif, "unicodePwd:: {}\n", quoted(password));
    ldif
}
