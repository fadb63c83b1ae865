//! Whom a typed name stands for.

use super::{by_name, directory, user};
use crate::samba::{STAFF, Samba};

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
async fn a_foreign_domain_is_nobody_and_is_never_cut_off() {
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
