//! The user that a typed name stands for.

use dialpass::directory::{Directory, Occasion, PasswordCheck};
use dialpass::domain::user::Membership;

use super::{by_name, check, deadline, directory, user, with};
use crate::support::samba::{STAFF, Samba, password_of};

#[tokio::test(flavor = "multi_thread")]
async fn one_person_has_several_names() {
    let samba = Samba::start();
    let directory = directory(&samba);
    let anna = user(&directory, "anna").await;
    for name in ["ANNA", "LAB\\anna", "lab\\Anna", "anna@lab.example.org", "Anna@LAB.EXAMPLE.ORG"] {
        let same = user(&directory, name).await;
        assert_eq!((&same.id, same.username.as_str()), (&anna.id, "anna"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_principal_name_may_have_a_suffix_of_its_own_beside_the_implicit_one() {
    let samba = Samba::start();
    samba.add_person("nils", STAFF, &["userPrincipalName: n.nilsson@corp.example"]);
    samba.add_person("noname", STAFF, &[]);
    samba.set(&format!("CN=noname,{STAFF}"), "userPrincipalName", &[]);
    let directory = directory(&samba);
    let nils = user(&directory, "nils").await;
    for name in ["n.nilsson@corp.example", "nils@lab.example.org", "LAB\\nils"] {
        assert_eq!(user(&directory, name).await.id, nils.id, "{name}");
    }
    assert_eq!(user(&directory, "noname@lab.example.org").await.username, "noname");
    for name in ["nils@corp.example", "n.nilsson@lab.example.org", "n.nilsson", "LAB\\n.nilsson"] {
        assert_eq!(by_name(&directory, name).await.unwrap().users.len(), 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_a_foreign_domain_is_unknown_and_the_domain_is_never_cut_off() {
    let samba = Samba::start();
    let directory = directory(&samba);
    for name in [
        "OTHER\\anna",
        "lab.example.org\\anna",
        "DC1\\anna",
        "\\anna",
        "LAB\\",
        "LAB\\LAB\\anna",
        "LAB\\anna@lab.example.org",
        "anna@other.example.org",
        "anna@example.org",
        "anna@lab",
        "anna@",
        "@lab.example.org",
        "anna@lab.example.org@lab.example.org",
        "*",
        "LAB\\*",
        "*@lab.example.org",
        "ann*",
        "CN=anna",
        "anna)(cn=*",
        "inner",
        "LAB\\inner",
        "DC1$",
    ] {
        let found = by_name(&directory, name).await.unwrap();
        assert_eq!(found.users.len(), 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_is_known_however_the_base_dn_is_written() {
    let samba = Samba::start();
    let directory = with(&samba, |settings| {
        settings.base_dns = vec!["ou=STAFF, dc=Lab,DC=EXAMPLE, dc=org".to_owned()];
    });
    for name in ["otto", "LAB\\otto", "otto@lab.example.org"] {
        assert_eq!(user(&directory, name).await.username, "otto", "{name}");
    }
    for name in ["anna", "LAB\\anna", "anna@lab.example.org"] {
        let found = by_name(&directory, name).await.unwrap();
        assert_eq!(found.users.len(), 0, "{name} is not below the base DN");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_passwords_of_all_kinds_reach_the_controller_as_they_are() {
    let samba = Samba::start();
    let cases = [
        ("åsa", "Åsa Öberg", "Pässwörd ☎ 1"),
        ("o'neil", "O'Neil\\, Pat (#1) \\+ \\\"x\\\" \\= y*", "a\"b\\c*(d)1"),
        ("sp ace", "\\ two  spaces\\ ", " Secret 1 "),
    ];
    for (at, (name, rdn, password)) in cases.into_iter().enumerate() {
        let principal = format!("userPrincipalName: new{at}@lab.example.org");
        samba.add_person(rdn, STAFF, &[&format!("sAMAccountName: {name}"), &principal]);
        let dn = format!("CN={rdn},{STAFF}");
        samba.set_password(&dn, password);
        samba.join("inner", &dn);
    }
    let directory =
        with(&samba, |settings| settings.required_group = Some(format!("CN=outer,{STAFF}")));
    for (name, _, password) in cases {
        let person = user(&directory, &format!("LAB\\{name}")).await;
        let answer = check(&directory, &person, password).await;
        assert_eq!(answer, Ok(PasswordCheck::Right), "{name}");
        let wrong = check(&directory, &person, &password_of(name)).await;
        assert_ne!(wrong, Ok(PasswordCheck::Right), "{name}");
        let membership = directory.membership(&person, Occasion::Login, deadline()).await;
        assert_eq!(membership, Ok(Membership::Allowed), "{name}");
    }
}
