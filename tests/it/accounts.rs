//! Accounts that are locked or have expired, where no password is asked for: through the real
//! program, at each kind of directory, and what the commands say of them.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::dirsrv::{self, Dirsrv};
use crate::support::gateway::{Answer, Gateway, clients, folder, ldap_tenant, sections};
use crate::support::samba::{self, Samba, USERS};
use crate::support::slapd::{PEOPLE, Slapd};

const NOT_ASKED: &str = "[tenants.login]\npassword = \"not-asked\"\n";

/// A configuration with this tenant, of whom no password is asked.
fn config(tenant: &str) -> String {
    format!("{}{tenant}{NOT_ASKED}{}", sections(""), clients())
}

async fn login(gateway: &Gateway, name: &str, otp: &str) -> Answer {
    let request = gateway
        .http
        .put(gateway.url("/api/authentication/otp_token_auth"))
        .bearer_auth("vpn-secret")
        .header("tenant", "t1")
        .json(&json!({ "username": name, "otp": otp }));
    Answer::of(request).await
}

fn assert_refused(gateway: &Gateway, answer: &Answer, reason: &str) {
    assert_eq!(answer.status, 403, "{reason}");
    let event = gateway.audit_of(answer.header("x-request-id"));
    assert_eq!(event["reason"], reason, "{event}");
}

/// What a command prints, which is text as the directory has it.
fn run(config: &str, words: &[&str]) -> String {
    let folder = folder();
    let path = folder.path().join("dialpass.toml");
    std::fs::write(&path, config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dialpass"))
        .args(words)
        .arg("--config")
        .arg(&path)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn report(config: &str) -> Value {
    serde_json::from_str(&run(config, &["check-directory", "--format", "json"])).unwrap()
}

/// Says which of the server's steps were found of this kind.
fn steps<'a>(report: &'a Value, step: &str) -> Vec<&'a str> {
    let steps = report["servers"][0]["steps"].as_array().unwrap().iter();
    let steps = steps.filter(|one| one["step"] == step);
    steps.map(|one| one["detail"].as_str().unwrap()).collect()
}

fn set(slapd: &Slapd, uid: &str, attribute: &str, value: &str) {
    slapd.modify(&format!(
        "dn: uid={uid},{PEOPLE}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn openldap_locks_and_resets_count_at_the_call_and_at_the_login() {
    for lookup in ["search", "index"] {
        let slapd = Slapd::builder().with_password_policy().with_sync().start();
        let tenant = ldap_tenant("t1", &[&slapd.url()], &format!("lookup = \"{lookup}\""));
        let gateway = Gateway::start(&config(&tenant));
        if lookup == "index" {
            gateway.wait_for_line("index is live");
        }
        let code = gateway.code("+46702223344").await;
        let anna = gateway.code("+46701234567").await;
        set(&slapd, "erik", "pwdAccountLockedTime", "000001010000Z");
        set(&slapd, "bob", "pwdReset", "TRUE");
        assert_refused(&gateway, &gateway.call("+46705556677").await, "locked_out");
        assert_refused(&gateway, &gateway.call("+46702223344").await, "must_change_password");
        let refused = login(&gateway, "bob", &code).await;
        assert_refused(&gateway, &refused, "must_change_password");
        assert_eq!(login(&gateway, "anna", &anna).await.status, 200, "{lookup}");
        set(&slapd, "bob", "pwdReset", "FALSE");
        assert_eq!(login(&gateway, "bob", &code).await.status, 200, "{lookup}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_password_is_asked_for_the_bind_decides() {
    let slapd = Slapd::builder().with_password_policy().start();
    set(&slapd, "erik", "pwdAccountLockedTime", "000001010000Z");
    let gateway = Gateway::on(&slapd);
    let code = gateway.code("+46705556677").await;
    let refused = gateway.login("erik", "erik-secret", &code).await;
    assert_refused(&gateway, &refused, "locked_out");
}

#[test]
fn the_commands_count_and_name_who_may_not_log_in() {
    let slapd = Slapd::builder().users(0).with_password_policy().start();
    let config = config(&ldap_tenant("t1", &[&slapd.url()], ""));
    let before = report(&config);
    let detail = steps(&before, "account");
    assert!(detail[0].contains("has to be able to read pwdAccountLockedTime"), "{detail:?}");
    set(&slapd, "erik", "pwdAccountLockedTime", "000001010000Z");
    set(&slapd, "bob", "pwdReset", "TRUE");
    let after = report(&config);
    assert_eq!(after["people"]["locked_or_expired"], 2, "{after}");
    let codes = |report: &Value| report["people"]["would_get_a_code"].as_u64().unwrap();
    assert_eq!(codes(&before), codes(&after) + 2);
    let mut findings = after["findings"].as_array().unwrap().iter();
    let found = findings.find(|finding| finding["check"] == "locked_or_expired").unwrap();
    let details: Vec<_> =
        found["examples"].as_array().unwrap().iter().map(|one| &one["detail"]).collect();
    assert_eq!(details, ["must_change_password", "locked_out"]);
    assert_eq!(
        steps(&after, "account"),
        ["the attributes that close accounts can be read: pwdAccountLockedTime, pwdReset"]
    );
    let text = run(&config, &["lookup", "+46705556677"]);
    assert!(text.contains("erik (uid=erik,ou=people,dc=example,dc=com), locked_out"), "{text}");
    assert!(text.contains("refused, locked_out: erik is locked out"), "{text}");
    let text = run(&config, &["lookup", "+46702223344"]);
    assert!(text.contains("bob must set a new password first"), "{text}");
}

fn windows_tenant(samba: &Samba, bind: (&str, &str), more: &str) -> String {
    format!(
        "[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"ldap\"\nprofile = \"active-directory\"\n\
         servers = [\"{}\"]\nca_file = \"{}\"\nbind_dn = \"{}\"\nbind_password = \"{}\"\n\
         base_dn = \"{USERS}\"\n{more}\n",
        samba.ldaps_url(),
        samba.ca_pem().display(),
        bind.0,
        bind.1
    )
}

const GATEWAY: (&str, &str) = (samba::GATEWAY_DN, samba::GATEWAY_PASSWORD);

#[tokio::test(flavor = "multi_thread")]
async fn active_directorys_reasons_count_at_the_call_and_at_the_login() {
    for lookup in ["search", "index"] {
        let samba = Samba::start();
        let tenant = windows_tenant(&samba, GATEWAY, &format!("lookup = \"{lookup}\""));
        let gateway = Gateway::start(&config(&tenant));
        if lookup == "index" {
            gateway.wait_for_line("index is live");
        }
        for (at, reason) in [
            (1, "disabled"),
            (2, "account_expired"),
            (3, "must_change_password"),
            (5, "not_now"),
            (7, "password_expired"),
        ] {
            let number = format!("+4670200000{at}");
            assert_refused(&gateway, &gateway.call(&number).await, reason);
        }
        let anna = format!("CN=anna,{USERS}");
        let code = gateway.code("+46701234567").await;
        samba.set(&anna, "accountExpires", &["132223104000000000"]);
        assert_refused(&gateway, &login(&gateway, "anna", &code).await, "account_expired");
        assert_refused(&gateway, &gateway.call("+46701234567").await, "account_expired");
        samba.set(&anna, "accountExpires", &["0"]);
        samba.set(&anna, "userAccountControl", &["262656"]);
        assert_refused(&gateway, &login(&gateway, "anna", &code).await, "smart_card_required");
        samba.set(&anna, "userAccountControl", &["512"]);
        assert_eq!(login(&gateway, "anna", &code).await.status, 200, "{}", gateway.log());
    }
}

/// A tenant of a server with this profile.
fn dirsrv_tenant(server: &Dirsrv, profile: &str, more: &str) -> String {
    format!(
        "[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"ldap\"\nprofile = \"{profile}\"\n\
         servers = [\"{}\"]\nbind_dn = \"{}\"\nbind_password = \"{}\"\nbase_dn = \"{}\"\n{more}\n",
        server.url(),
        dirsrv::GATEWAY_DN,
        dirsrv::GATEWAY_PASSWORD,
        dirsrv::PEOPLE
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_profiles_of_389_ds_and_freeipa_preset_what_these_servers_have() {
    let server = Dirsrv::start();
    for (profile, is_id) in [
        ("389-ds", (|id: &str| id.len() == 35 && id.matches('-').count() == 3) as fn(&str) -> bool),
        ("freeipa", |id| id == "00000000-0000-4000-8000-000000000000"),
    ] {
        for lookup in ["search", "index"] {
            server.set("anna", "nsAccountLock", &["false"]);
            server.set("anna", "krbPrincipalExpiration", &[]);
            let groups = format!(
                "lookup = \"{lookup}\"\nrequired_group = \"cn=otp,{0}\"\n\
                 excluded_group = \"cn=barred,{0}\"",
                dirsrv::GROUPS
            );
            let gateway = Gateway::start(&config(&dirsrv_tenant(&server, profile, &groups)));
            if lookup == "index" {
                gateway.wait_for_line("index is live");
            }
            assert_refused(&gateway, &gateway.call("+46701000001").await, "not_in_required_group");
            assert_refused(&gateway, &gateway.call("+46705556677").await, "in_excluded_group");
            let bob = gateway.code("+46702223344").await;
            assert_eq!(login(&gateway, "bob", &bob).await.status, 200, "two groups deep");
            let code = gateway.code("+46701234567").await;
            server.set("anna", "nsAccountLock", &["true"]);
            assert_refused(&gateway, &gateway.call("+46701234567").await, "locked_out");
            assert_refused(&gateway, &login(&gateway, "anna", &code).await, "locked_out");
            server.set("anna", "nsAccountLock", &[]);
            server.set("anna", "krbPrincipalExpiration", &["20200101000000Z"]);
            assert_refused(&gateway, &login(&gateway, "anna", &code).await, "account_expired");
            server.set("anna", "krbPrincipalExpiration", &[]);
            let answer = login(&gateway, "anna", &code).await;
            assert_eq!(answer.status, 200, "{}", gateway.log());
            let id = answer.json()["userid"].as_str().unwrap().to_owned();
            assert!(is_id(&id), "{profile}: {id}");
        }
    }
}

#[test]
fn check_directory_knows_389_ds_and_says_which_profile_fits() {
    let server = Dirsrv::start();
    let report_of =
        |profile: &str, more: &str| report(&config(&dirsrv_tenant(&server, profile, more)));
    let right = report_of("389-ds", "lookup = \"index\"");
    assert_eq!(steps(&right, "profile"), ["the server is 389 Directory Server"]);
    assert!(steps(&right, "index")[0].contains("nsUniqueId can be read"), "{right}");
    let wrong = report_of("openldap", "id_attribute = \"nsUniqueId\"");
    let said = steps(&wrong, "profile");
    assert_eq!(said, ["the server is 389 Directory Server, and profile is \"openldap\""]);
    let slapd = Slapd::builder().users(0).start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "profile = \"freeipa\"");
    let said = report(&config(&tenant));
    assert!(steps(&said, "profile")[0].contains("and profile is \"389-ds\""), "{said}");
}

#[test]
fn what_active_directory_hides_of_accounts_is_an_error_that_names_it() {
    let samba = Samba::start();
    // Everybody but administrators is denied what closes accounts, but for the one flag set.
    let rights = "(OD;CIIO;RP;bf967915-0de6-11d0-a285-00aa003049e2;;AU)";
    samba.add_rights(USERS, rights);
    samba.add_person("hidden", USERS, &["mobile: +46 70-888 77 66"]);
    let config = config(&windows_tenant(&samba, GATEWAY, ""));
    let report = report(&config);
    let said = steps(&report, "attribute");
    assert!(
        said.iter().any(|detail| detail.starts_with("accountExpires cannot be read:")),
        "{said:?}"
    );
    let text = run(&config, &["lookup", "+46708887766"]);
    assert!(text.contains("refused, disabled"), "{text}");
}
