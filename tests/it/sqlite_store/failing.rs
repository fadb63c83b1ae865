//! A file that is locked, deleted or replaced while it is in use.

use std::fs;
use std::time::Instant;

use dialpass::store::{Issue, Redemption, StoreError};

use super::*;
use crate::store_contract::{
    after, at_once, call, code, grant, issue, issued, live, number, subject,
};

const SHORT: Duration = Duration::from_secs(2);

async fn comes_back(store: &Store) {
    until("it is ready again", async || store.ready().await.is_ok()).await;
}

#[tokio::test]
async fn a_locked_file_is_refused_in_time_and_recovers_when_it_is_released() {
    let (_folder, path) = folder();
    let store = open_at(&path, SHORT, START).expect("it opens");
    issue(&store, 1, START).await;
    let intruder = intruder(&path);
    intruder.execute_batch("BEGIN EXCLUSIVE").expect("the lock");

    let begun = Instant::now();
    assert_eq!(store.ready().await, Err(StoreError::Unavailable));
    let answers = at_once(&store, 100, |store, i| async move {
        store.issue(call(&format!("user {i}"), i, after(1))).await
    })
    .await;
    assert!(answers.iter().all(|answer| *answer == Err(StoreError::Unavailable)));
    assert!(begun.elapsed() < 2 * SHORT, "no request waits past its timeout");
    assert_eq!(live(&store, START).await, Some(grant(1, START)), "a read needs no lock");

    intruder.execute_batch("COMMIT").expect("it is released");
    comes_back(&store).await;
    assert_eq!(count_rows(&path, "subjects"), 1, "what was refused was not done later");
    assert_eq!(store.redeem(code(1, None, START)).await, Ok(Redemption::Redeemed));
}

#[tokio::test]
async fn a_lock_held_shorter_than_the_wait_for_it_is_not_noticed() {
    let (_folder, path) = folder();
    let store = open_at(&path, SHORT, START).expect("it opens");
    let intruder = intruder(&path);
    intruder.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
    let mut asked = tokio::spawn({
        let store = store.clone();
        async move { store.issue(call("u", 1, START)).await }
    });
    // The time is what is tested: until the lock is released, nothing is answered, an error neither.
    let early = tokio::time::timeout(Duration::from_millis(50), &mut asked).await;
    assert!(early.is_err(), "{early:?} while the file is locked");
    intruder.execute_batch("COMMIT").expect("it is released");
    assert_eq!(asked.await.expect("it ends"), Ok(issued(1, START)));
}

#[tokio::test]
async fn a_deleted_file_is_noticed_and_an_empty_store_started() {
    let (_folder, path) = folder();
    let store = open(&path);
    issue(&store, 1, START).await;
    for file in ["store.db", "store.db-wal", "store.db-shm"] {
        fs::remove_file(path.with_file_name(file)).expect("it was there");
    }
    until("it is missed", async || store.live(&subject("u"), START).await == Ok(None)).await;
    comes_back(&store).await;
    issue(&store, 2, START).await;
    drop(store);
    let store = open(&path);
    assert_eq!(live(&store, START).await, Some(grant(2, START)), "it is in the new file");
}

#[tokio::test]
async fn a_replaced_file_is_noticed_and_used() {
    let (folder, path) = folder();
    let other = folder.path().join("other.db");
    let store = open(&other);
    issue(&store, 7, START).await;
    drop(store);

    let store = open(&path);
    issue(&store, 1, START).await;
    fs::rename(&other, &path).expect("it is moved");
    let other = Ok(Some(grant(7, START)));
    until("it is used", async || store.live(&subject("u"), START).await == other).await;
    comes_back(&store).await;
    assert_eq!(store.redeem(code(7, None, START)).await, Ok(Redemption::Redeemed));
    drop(store);
    let checked: String = intruder(&path)
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("it is checked");
    assert_eq!(checked, "ok");
}

#[tokio::test]
async fn a_folder_that_comes_back_is_used_again() {
    let (folder, _) = folder();
    let (home, away) = (folder.path().join("home"), folder.path().join("away"));
    fs::create_dir(&home).expect("it is made");
    let store = open_at(&home.join("store.db"), SHORT, START).expect("it opens");
    issue(&store, 1, START).await;
    fs::rename(&home, &away).expect("it is moved");
    let unavailable = Err(StoreError::Unavailable);
    until("it is missed", async || store.ready().await == unavailable).await;
    assert_eq!(store.live(&call("u", 1, START).subject, START).await, Err(StoreError::Unavailable));

    fs::rename(&away, &home).expect("it is moved back");
    comes_back(&store).await;
    assert_eq!(live(&store, START).await, Some(grant(1, START)));
}

#[tokio::test]
async fn a_step_that_fails_spoils_no_other_of_its_group() {
    let (_folder, path) = folder();
    let store = open(&path);
    let intruder = intruder(&path);
    intruder
        .execute_batch(
            "CREATE TRIGGER no_sevens BEFORE INSERT ON callers WHEN NEW.number LIKE '%7' \
             BEGIN SELECT RAISE(ABORT, 'a seven'); END",
        )
        .expect("a trigger");
    let answers = at_once(&store, 100, |store, i| async move {
        let mut request = call(&format!("user {i}"), i, START);
        request.number = number(u32::try_from(i).expect("small"));
        store.issue(request).await
    })
    .await;
    let new = answers.iter().filter(|answer| matches!(answer, Ok(Issue::Issued(_)))).count();
    let failed = answers.iter().filter(|answer| **answer == Err(StoreError::Unavailable)).count();
    assert_eq!((new, failed), (90, 10));
    assert_eq!((count_rows(&path, "subjects"), count_rows(&path, "callers")), (90, 90));
}
