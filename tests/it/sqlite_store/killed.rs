//! A process killed in the middle of its work loses nothing that it answered.

use std::collections::HashSet;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use dialpass::store::{CodeTry, Redemption};
use tokio::task::JoinSet;

use super::*;
use crate::store_contract::{At, call, code, grant, issued, number, subject};

/// Names the file to the process that is killed.
const FILE: &str = "DIALPASS_TEST_FILE";

fn redemption(id: u64) -> At<CodeTry> {
    let mut attempt = code(id, None, START);
    attempt.subject = subject(&id.to_string());
    attempt
}

/// Issues without end, and redeems every second code; prints what was answered, after it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it is the process that the other test starts and kills"]
async fn works_until_it_is_killed() {
    let Some(path) = env::var_os(FILE).map(PathBuf::from) else { return };
    let store = open(&path);
    let mut workers = JoinSet::new();
    for worker in 0..16 {
        let store = store.clone();
        workers.spawn(async move {
            let say = |what: &str, id: u64| {
                let mut out = std::io::stdout().lock();
                out.write_all(format!("\n{what} {id}\n").as_bytes()).expect("it is heard");
                out.flush().expect("it is heard");
            };
            for id in (worker..100_000).step_by(16) {
                let mut request = call(&id.to_string(), id, START);
                request.number = number(u32::try_from(id).expect("small"));
                assert_eq!(store.issue(request).await, Ok(issued(id, START)));
                say("issued", id);
                if id % 32 < 16 {
                    assert_eq!(store.redeem(redemption(id)).await, Ok(Redemption::Redeemed));
                    say("redeemed", id);
                }
            }
        });
    }
    workers.join_all().await;
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_was_answered() {
    let (_folder, path) = folder();
    let name = "sqlite_store::killed::works_until_it_is_killed";
    let mut child = Command::new(env::current_exe().expect("this binary"))
        .args([name, "--exact", "--ignored", "--nocapture"])
        .env(FILE, &path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let out = BufReader::new(child.stdout.take().expect("it is piped"));
    let (mut issued, mut redeemed) = (HashSet::new(), HashSet::new());
    for line in out.lines() {
        let line = line.expect("text");
        let Some((what, id)) = line.split_once(' ') else { continue };
        let Ok(id) = id.parse::<u64>() else { continue };
        match what {
            "issued" => drop(issued.insert(id)),
            "redeemed" => drop(redeemed.insert(id)),
            _ => {}
        }
        if issued.len() == 1_000 {
            child.kill().expect("it runs");
        }
    }
    child.wait().expect("it is gone");
    assert!(issued.len() >= 1_000 && redeemed.len() >= 100, "it worked until it was killed");

    let store = open(&path);
    for id in issued {
        let found = store.live(&subject(&id.to_string()), START).await.expect("it answers");
        if redeemed.contains(&id) {
            assert_eq!(found, None, "a used code stays used");
            assert_eq!(store.redeem(redemption(id)).await, Ok(Redemption::NoGrant));
        } else if id % 32 >= 16 {
            assert_eq!(found, Some(grant(id, START)), "an issued code stays");
        }
    }
}
