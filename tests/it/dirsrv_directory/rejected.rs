//! A server with its defaults, which index no `mobile`, and more people than it looks through: each
//! call is refused, and everything that is asked says so, and why.

use std::time::{Duration, Instant};

use crate::commands::{dialpass, stdout};
use crate::support::dirsrv::{self, Dirsrv};
use crate::support::gateway::{Answer, Gateway, PATIENCE, clients, folder, sections, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_rejects_each_call_is_not_ready_and_every_command_says_why() {
    let server = Dirsrv::builder().users(5_205).start();
    let tenant = format!(
        "[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n[tenants.directory]\nkind = \"ldap\"\n\
         profile = \"389-ds\"\nservers = [{:?}]\nbind_dn = {:?}\nbind_password = {:?}\n\
         base_dn = {:?}\n",
        server.url(),
        dirsrv::GATEWAY_DN,
        dirsrv::GATEWAY_PASSWORD,
        dirsrv::PEOPLE,
    );
    let config = format!("{}{tenant}{}", sections(""), clients());
    let gateway = Gateway::start(&config);
    let why = ["result code 11", "no index for mobile", "account's limit"];
    let begun = Instant::now();
    let unready = loop {
        let answer = Answer::of(gateway.http.get(gateway.ops_url("/readyz"))).await;
        if answer.status == 503 && answer.body.contains(why[0]) {
            break answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{}: {}", answer.status, answer.body);
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    for part in why {
        assert!(unready.body.contains(part), "{part} in {}", unready.body);
    }
    let answer = gateway.call("+46701234567").await;
    assert_eq!(answer.status, 403);
    let event = gateway.audit_of(answer.header("x-request-id"));
    assert_eq!(event["reason"], "directory_unavailable");
    wait_until("the log says it", || gateway.log().contains(why[0]));

    let folder = folder();
    let path = folder.path().join("dialpass.toml");
    std::fs::write(&path, config).unwrap();
    let path = path.to_str().unwrap();
    let lookup = dialpass(&["lookup", "+46701234567", "--config", path]);
    assert_eq!(lookup.status.code(), Some(1));
    let check = dialpass(&["check-directory", "--config", path]);
    assert_eq!(check.status.code(), Some(3), "an error");
    for said in [stdout(&lookup), stdout(&check)] {
        for part in why {
            assert!(said.contains(part), "{part} in {said}");
        }
        assert!(!said.contains("it works"), "{said}");
    }
}
