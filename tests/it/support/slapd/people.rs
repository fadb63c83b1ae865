//! The people in a test's directory. Each person's password is their uid and `-secret` (bob's is
//! kept as a salted hash); the generated ones' are `secret-1` and on.

use std::fmt::Write;
use std::process::Command;

use super::{GATEWAY_DN, GATEWAY_PASSWORD, GROUPS as GROUPS_DN, GUESTS, PEOPLE, SUFFIX};

/// Uid, and further attributes. Numbers are in the forms that directories hold.
const NAMED: &[(&str, &[&str])] = &[
    ("anna", &["mobile: +46 70-123 45 67"]),
    ("bob", &["telephoneNumber: 070-222 33 44"]),
    // Two who share a number.
    ("carl", &["mobile: +46 70 333 44 55", "employeeNumber: 1111"]),
    ("cecilia", &["telephoneNumber: 070-333 44 55", "employeeNumber: 2222"]),
    ("diana", &["mobile: +46 70-444 55 66", "userAccountControl: 514"]),
    ("erik", &["mobile: +46 70-555 66 77", "userAccountControl: 512"]),
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
    ("form7", &["mobile: 07 01-00 00 07"]),
    ("form8", &["mobile: (070) 100 00 08"]),
    // Twelve who share a number, more than a search returns by default.
    ("many01", &["mobile: +46 70-999 99 99"]),
    ("many02", &["mobile: +46 70-999 99 99"]),
    ("many03", &["mobile: +46 70-999 99 99"]),
    ("many04", &["mobile: +46 70-999 99 99"]),
    ("many05", &["mobile: +46 70-999 99 99"]),
    ("many06", &["mobile: +46 70-999 99 99"]),
    ("many07", &["mobile: +46 70-999 99 99"]),
    ("many08", &["mobile: +46 70-999 99 99"]),
    ("many09", &["mobile: +46 70-999 99 99"]),
    ("many10", &["mobile: +46 70-999 99 99"]),
    ("many11", &["mobile: +46 70-999 99 99"]),
    ("many12", &["mobile: +46 70-999 99 99"]),
];

/// Groups below `ou=groups`: their name, object class, and members. `otp` has bob two groups deep;
/// `loop` and `deep` are members of each other.
const GROUPS: &[(&str, &str, &[&str])] = &[
    ("otp", "groupOfNames", &["member: uid=anna,P", "member: cn=staff,G", "member: uid=erik,P"]),
    ("staff", "groupOfUniqueNames", &["uniqueMember: cn=deep,G", "uniqueMember: uid=fia,P"]),
    ("deep", "groupOfNames", &["member: uid=bob,P", "member: cn=loop,G"]),
    ("loop", "groupOfNames", &["member: cn=deep,G"]),
    ("barred", "groupOfNames", &["member: cn=leaving,G", "member: uid=carl,P"]),
    ("leaving", "groupOfNames", &["member: uid=erik,P"]),
];

/// The default password policy of a server that has one.
pub const POLICY: &str = "dn: cn=policy,dc=example,dc=com\nobjectClass: applicationProcess\n\
    objectClass: pwdPolicy\ncn: policy\npwdAttribute: userPassword\npwdLockout: TRUE\n\
    pwdMaxFailure: 2\npwdMustChange: TRUE\n\n";

/// Everybody, and `users` more. The same each time, ids included.
pub fn ldif(users: usize) -> String {
    let mut ldif = format!(
        "dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\
         \n\
         dn: {GATEWAY_DN}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\n\
         cn: gateway\nuserPassword: {GATEWAY_PASSWORD}\n\
         \n\
         dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people\n\n"
    );
    for (at, (uid, attributes)) in NAMED.iter().enumerate() {
        let password = format!("{uid}-secret");
        let kept = if *uid == "bob" { salted_hash(&password) } else { password };
        person(&mut ldif, uid, at, &kept, attributes);
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
    write!(ldif, "dn: {GUESTS}\nobjectClass: organizationalUnit\nou: guests\n\n").unwrap();
    let guest = ["mobile: +46 70-777 88 99"];
    person_in(&mut ldif, GUESTS, "gustav", 900, "gustav-secret", &guest);
    person_in(&mut ldif, GUESTS, "anna", 901, "guest-secret", &["mobile: +46 70-777 88 98"]);
    for number in 1..=users {
        let mobile = match (number % 4, format!("{number:07}")) {
            (0, digits) => format!("mobile: +4676{digits}"),
            (1, digits) => {
                format!("mobile: +46 76-{} {} {}", &digits[..3], &digits[3..5], &digits[5..])
            }
            (2, digits) => format!("mobile: 076-{} {}", &digits[..3], &digits[3..]),
            (_, digits) => format!("mobile: 004676{digits}"),
        };
        let uid = format!("user{number:04}");
        person(&mut ldif, &uid, 1000 + number, &format!("secret-{number}"), &[&mobile]);
    }
    ldif
}

/// `{SSHA}…`, as slapd keeps passwords by default.
fn salted_hash(password: &str) -> String {
    let output = Command::new("/usr/sbin/slappasswd")
        .args(["-n", "-h", "{SSHA}", "-s", password])
        .output()
        .expect("slappasswd is installed (slapd)");
    String::from_utf8(output.stdout).expect("base64 in braces")
}

fn person(ldif: &mut String, uid: &str, id: usize, password: &str, attributes: &[&str]) {
    person_in(ldif, PEOPLE, uid, id, password, attributes);
}

fn person_in(
    ldif: &mut String,
    below: &str,
    uid: &str,
    id: usize,
    password: &str,
    attributes: &[&str],
) {
    let mut line = |text: std::fmt::Arguments| {
        ldif.write_fmt(text).expect("a string takes all that is written");
    };
    line(format_args!("dn: uid={uid},{below}\nobjectClass: inetOrgPerson\n"));
    line(format_args!("objectClass: accountFlags\nuid: {uid}\ncn: {uid}\nsn: {uid}\n"));
    line(format_args!("entryUUID: 00000000-0000-4000-8000-{id:012}\nuserPassword: {password}\n"));
    for attribute in attributes {
        line(format_args!("{attribute}\n"));
    }
    line(format_args!("\n"));
}
