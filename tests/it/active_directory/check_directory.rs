//! `check-directory` against Active Directory: above all, whether people may write their own
//! numbers, which by default they may.

use std::collections::HashSet;
use std::process::Command;

use ldap3::controls::RawControl;
use ldap3::{LdapConnAsync, LdapConnSettings, Mod, Scope, SearchEntry};
use serde_json::Value;

use crate::support::gateway::{clients, folder, sections};
use crate::support::samba::{ADMIN_DN, ADMIN_PASSWORD, GATEWAY_DN, GATEWAY_PASSWORD, STAFF, Samba};

/// The exit status and the report on the people below [`STAFF`].
fn check(samba: &Samba, more: &str) -> (Option<i32>, Value) {
    let tenant = format!(
        "[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"ldap\"\nprofile = \"active-directory\"\n\
         servers = [\"{}\"]\nca_file = \"{}\"\nbind_dn = \"{GATEWAY_DN}\"\n\
         bind_password = \"{GATEWAY_PASSWORD}\"\nbase_dn = \"{STAFF}\"\n{more}\n",
        samba.ldaps_url(),
        samba.ca_pem().display(),
    );
    let folder = folder();
    let path = folder.path().join("dialpass.toml");
    std::fs::write(&path, format!("{}{tenant}{}", sections(""), clients())).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dialpass"))
        .args(["check-directory", "--format", "json", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), report)
}

fn rights(report: &Value) -> &Value {
    let mut findings = report["findings"].as_array().unwrap().iter();
    findings.find(|finding| finding["check"] == "self_writable_numbers").unwrap()
}

/// The rights that the report says would close it.
fn advice(rights: &Value) -> &str {
    let hint = rights["hint"].as_str().unwrap();
    let (_, rest) = hint.split_once("--sddl=\"").unwrap();
    rest.split_once('"').unwrap().0
}

#[test]
fn numbers_that_people_may_write_themselves_are_an_error_until_the_reports_advice_is_followed() {
    let samba = Samba::start();
    let [otto, petra] = ["otto", "petra"].map(|name| format!("CN={name},{STAFF}"));
    samba.add_person("petra", STAFF, &["mobile: +46 70-888 77 66"]);

    let (status, report) = check(&samba, "");
    assert_eq!(status, Some(3), "{report}");
    let found = rights(&report);
    assert_eq!((&found["severity"], &found["count"]), (&"error".into(), &2.into()), "{found}");
    let examples = found["examples"].as_array().unwrap();
    let attributes: Vec<_> = examples.iter().map(|example| &example["attribute"]).collect();
    assert_eq!(attributes, ["mobile", "telephoneNumber"]);
    for example in examples {
        let detail = example["detail"].as_str().unwrap();
        assert!(detail.contains("SELF, by the property set Personal Information"), "{detail}");
    }
    assert!(samba.may_set(&otto, "mobile", "+46 70-999 88 77"), "it is so");

    let advice = advice(found).to_owned();
    samba.add_rights(STAFF, &advice.replace("OD;", "OD;CI"));
    let (status, report) = check(&samba, "");
    assert_eq!(status, Some(3), "an inherited denial comes too late: {report}");
    assert!(samba.may_set(&otto, "mobile", "+46 70-999 88 77"), "it is so");

    samba.add_rights(&otto, &advice);
    let (status, report) = check(&samba, "");
    assert_eq!((status, &rights(&report)["count"]), (Some(3), &1.into()), "petra still may");
    samba.add_rights(&petra, &advice);
    let (status, report) = check(&samba, "");
    assert_eq!(status, Some(0), "{report}");
    assert_eq!(rights(&report)["severity"], "good");
    assert!(!samba.may_set(&otto, "mobile", "+46 70-123 45 67"), "it is so");
    assert!(!samba.may_set(&petra, "telephoneNumber", "+46 70-123 45 67"), "it is so");
}

#[test]
fn an_attribute_that_only_administrators_write_is_good() {
    let samba = Samba::start();
    let otto = format!("CN=otto,{STAFF}");
    samba.set(&otto, "extensionName", &["+46 70-999 88 77"]);
    let (status, report) = check(&samba, "phone_attributes = [\"extensionName\"]");
    assert_eq!(status, Some(0), "{report}");
    assert_eq!(rights(&report)["severity"], "good");
    assert_eq!(report["people"]["would_get_a_code"], 1);
    assert!(!samba.may_set(&otto, "extensionName", "+46 70-123 45 67"), "it is so");
}

#[test]
fn each_step_at_a_domain_controller_is_good_and_a_mistyped_group_is_reported() {
    let samba = Samba::start();
    let (_, report) = check(&samba, "phone_attributes = [\"telephoneNumber\"]");
    let steps = report["servers"][0]["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["severity"] == "good"), "{steps:?}");
    for step in ["connect", "tls", "bind", "paging", "profile", "base", "search", "find"] {
        assert!(steps.iter().any(|found| found["step"] == step), "{step} in {steps:?}");
    }
    let (_, report) =
        check(&samba, "excluded_group = \"CN=mistyped,OU=staff,DC=lab,DC=example,DC=org\"");
    let steps = report["servers"][0]["steps"].as_array().unwrap();
    let group = steps.iter().find(|step| step["step"] == "group").unwrap();
    assert_eq!(group["severity"], "error", "it would exclude nobody: {group}");
}

#[test]
fn a_right_of_a_group_that_a_person_is_in_is_the_persons() {
    let samba = Samba::start();
    let otto = format!("CN=otto,{STAFF}");
    let with = "phone_attributes = [\"extensionName\"]";
    samba.set(&otto, "extensionName", &["+46 70-999 88 77"]);
    // The attribute extensionName, to Print Operators.
    samba.add_rights(&otto, "(OA;;WP;bf967972-0de6-11d0-a285-00aa003049e2;;PO)");
    let (status, report) = check(&samba, with);
    assert_eq!((status, &rights(&report)["severity"]), (Some(0), &"good".into()), "{report}");
    samba.modify(&format!(
        "dn: CN=Print Operators,CN=Builtin,DC=lab,DC=example,DC=org\nchangetype: modify\n\
         add: member\nmember: {otto}\n"
    ));
    assert!(samba.may_set(&otto, "extensionName", "+46 70-123 45 67"), "it is so");
    let (status, report) = check(&samba, with);
    assert_eq!(status, Some(3), "{report}");
    let detail = &rights(&report)["examples"][0]["detail"];
    assert!(detail.as_str().unwrap().contains("a group they are in, by the attribute"), "{detail}");
}

#[test]
fn an_index_needs_the_number_of_each_change_and_says_whether_deletions_are_seen() {
    let index = |samba: &Samba| -> Vec<(String, String)> {
        let (_, report) = check(samba, "lookup = \"index\"");
        let steps = report["servers"][0]["steps"].as_array().unwrap().iter();
        let of_index = steps.filter(|step| step["step"] == "index");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        of_index.map(|step| (text(&step["severity"]), text(&step["detail"]))).collect()
    };
    let (hidden, shown) = (Samba::start(), Samba::builder().deletions_shown().start());
    for (samba, severity) in [(&hidden, "information"), (&shown, "good")] {
        samba.add_person("petra", STAFF, &[]);
        samba.delete(&format!("CN=petra,{STAFF}"));
        let [changes, deletions] = &index(samba)[..] else { panic!("two steps") };
        assert!(changes.0 == "good" && changes.1.contains("uSNChanged"), "{changes:?}");
        assert!(deletions.0 == severity && deletions.1.contains("deleted"), "{deletions:?}");
    }
}

/// Makes a person the owner of their own entry.
async fn let_own(samba: &Samba, dn: &str) {
    let ca = std::fs::read(samba.ca_pem()).unwrap();
    let tls = dialpass::tls::client::tls_config(Some(&ca), None).unwrap();
    let settings = LdapConnSettings::new().set_config((*tls).clone());
    let (connection, mut ldap) =
        LdapConnAsync::with_settings(settings, &samba.ldaps_url()).await.unwrap();
    ldap3::drive!(connection);
    ldap.simple_bind(ADMIN_DN, ADMIN_PASSWORD).await.unwrap().success().unwrap();
    let found = ldap.search(dn, Scope::Base, "(objectClass=*)", ["objectSid"]).await.unwrap();
    let person = SearchEntry::construct(found.success().unwrap().0.remove(0));
    // A descriptor with nothing but the owner ([MS-DTYP] 2.4.6), which is all that is set.
    let mut descriptor = vec![1, 0, 0, 0x80, 20, 0, 0, 0];
    descriptor.resize(20, 0);
    descriptor.extend(&person.bin_attrs["objectSid"][0]);
    let only_owner = RawControl {
        ctype: "1.2.840.113556.1.4.801".to_owned(),
        crit: true,
        val: Some(vec![0x30, 3, 2, 1, 1]),
    };
    let change = Mod::Replace(b"nTSecurityDescriptor".to_vec(), HashSet::from([descriptor]));
    let changed = ldap.with_controls(only_owner).modify(dn, vec![change]).await.unwrap();
    changed.success().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_owns_their_entry_may_change_its_rights() {
    let samba = Samba::start();
    let otto = format!("CN=otto,{STAFF}");
    let with = "phone_attributes = [\"extensionName\"]";
    samba.set(&otto, "extensionName", &["+46 70-999 88 77"]);
    assert_eq!(check(&samba, with).0, Some(0));
    let_own(&samba, &otto).await;
    let (status, report) = check(&samba, with);
    assert_eq!(status, Some(3), "{report}");
    let detail = &rights(&report)["examples"][0]["detail"];
    assert!(detail.as_str().unwrap().contains("the owner of the entry"), "{detail}");
}
