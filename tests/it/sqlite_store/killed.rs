//! A process killed in the middle of its work loses nothing that it answered.

use std::collections::HashSet;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use dialpass::domain::registered_user::{RegisteredId, RegisteredUser, UserRef};
use dialpass::domain::transaction::{Transaction, TransactionId, TransactionStatus};
use dialpass::store::registry::{Scope, UserRecord};
use dialpass::store::{CodeTry, Redemption};
use tokio::task::JoinSet;

use super::*;
use crate::store_contract::{
    At, about_intent, after, call, code, grant, issued, number, phone, subject, transaction,
};

/// Names the file to the process that is killed.
const FILE: &str = "DIALPASS_TEST_FILE";

fn redemption(id: u64) -> At<CodeTry> {
    let mut attempt = code(id, None, START);
    attempt.subject = subject(&id.to_string());
    attempt
}

/// Reports an answer to the parent process.
fn say(what: &str, id: u64) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{what} {id}\n").as_bytes()).expect("it is heard");
    out.flush().expect("it is heard");
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

/// Registers users without end, each with a transaction, and ends every second transaction with an
/// intent; prints what was answered, after it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it is the process that the other test starts and kills"]
async fn registers_until_it_is_killed() {
    let Some(path) = env::var_os(FILE).map(PathBuf::from) else { return };
    let (_store, cloud) = open_cloud(&path);
    let mut workers = JoinSet::new();
    for worker in 0..16 {
        let cloud = cloud.clone();
        workers.spawn(async move {
            for id in (worker..100_000).step_by(16) {
                cloud
                    .change(registered(id), move |case| {
                        case.person = Some(person(id));
                        case.transaction = Some(confirmed(id, TransactionStatus::Pending));
                    })
                    .await;
                say("registered", id);
                if id % 32 < 16 {
                    cloud
                        .change(registered(id), |case| {
                            case.transaction
                                .as_mut()
                                .expect("one")
                                .end(TransactionStatus::Succeeded, START);
                            case.intent_used_until = Some(after(600_000));
                        })
                        .await;
                    say("ended", id);
                }
            }
        });
    }
    workers.join_all().await;
}

/// A step about a user, their transaction and their intent.
fn registered(id: u64) -> Scope {
    let user = Some(UserRef::Id(person(id).user.id));
    let transaction = Some(confirmed(id, TransactionStatus::Pending).id);
    Scope { user, transaction, ..about_intent(id.into()) }
}

fn person(id: u64) -> UserRecord {
    let id = RegisteredId::from_random(u128::from(id).to_be_bytes());
    let mut user = RegisteredUser::new(id, None, START);
    user.phones = vec![phone(1, 1, START)];
    UserRecord::new(user)
}

fn confirmed(id: u64, status: TransactionStatus) -> Transaction {
    let user = person(id).user.id;
    let id = TransactionId::from_random(u128::from(id).to_be_bytes());
    Transaction { id, user, status, ..transaction(1, 1) }
}

/// Starts the test `name` as a process, and kills it when it has said the `first` thing a thousand
/// times. Gives back of what it said that, and the `second` thing.
fn kill(name: &str, path: &Path, first: &str, second: &str) -> [HashSet<u64>; 2] {
    let mut child = Command::new(env::current_exe().expect("this binary"))
        .args([&format!("sqlite_store::killed::{name}"), "--exact", "--ignored", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let out = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut said = [HashSet::new(), HashSet::new()];
    for line in out.lines() {
        let line = line.expect("text");
        let Some((what, id)) = line.split_once(' ') else { continue };
        let Ok(id) = id.parse::<u64>() else { continue };
        for (known, said) in [first, second].into_iter().zip(&mut said) {
            if known == what {
                said.insert(id);
            }
        }
        if said[0].len() == 1_000 {
            child.kill().expect("it runs");
        }
    }
    child.wait().expect("it is gone");
    assert!(said[0].len() >= 1_000 && said[1].len() >= 100, "it worked until it was killed");
    said
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_was_answered() {
    let (_folder, path) = folder();
    let [issued, redeemed] = kill("works_until_it_is_killed", &path, "issued", "redeemed");
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

#[tokio::test]
async fn a_killed_process_loses_no_user_and_no_end_of_a_transaction() {
    let (_folder, path) = folder();
    let [registered_ids, ended] =
        kill("registers_until_it_is_killed", &path, "registered", "ended");
    let (_store, cloud) = open_cloud(&path);
    for id in registered_ids {
        let case = cloud.look(registered(id), START).await;
        assert_eq!(case.person, Some(person(id)), "a registered user stays");
        if ended.contains(&id) {
            assert_eq!(case.transaction, Some(confirmed(id, TransactionStatus::Succeeded)));
            assert_eq!(case.intent_used_until, Some(after(600_000)), "a used intent stays used");
        } else {
            // What was under way was done whole, or not at all.
            let is_ended = case.transaction == Some(confirmed(id, TransactionStatus::Succeeded));
            assert_eq!(case.intent_used_until.is_some(), is_ended);
        }
    }
}
