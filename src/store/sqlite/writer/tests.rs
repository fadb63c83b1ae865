//! Jobs that outlast their time. The time is Tokio's paused clock, so these tests take none.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc as channel;
use std::thread;

use super::*;
use crate::store::sqlite::side_connections::SideConnections;

/// Longer than any machine takes to start a job.
const TIMEOUT: Duration = Duration::from_mins(10);

#[tokio::test(start_paused = true)]
async fn a_step_that_outlasts_its_timeout_is_unknown_and_one_behind_it_is_not_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let file =
        DatabaseFile::open(path, TIMEOUT, Arc::new(SideConnections::new(0))).expect("it opens");
    let (queue, jobs) = Queue::new(TIMEOUT);
    let writer = thread::spawn(move || write(file, jobs));

    let (began, begins) = channel::channel();
    let (release, released) = channel::channel::<()>();
    let (released, taken) = (Mutex::new(released), Arc::new(AtomicUsize::new(0)));
    let counted = |by: usize| {
        let taken = Arc::clone(&taken);
        move || taken.fetch_add(by, Ordering::Relaxed)
    };
    let (count_slow, count_behind) = (counted(1), counted(10));
    let mut slow = Box::pin(queue.run(move |_| {
        began.send(()).expect("the test waits for it");
        released.lock().expect("not poisoned").recv().expect("the test releases it");
        count_slow();
        Ok(())
    }));
    let mut behind = Box::pin(queue.run(move |_| {
        count_behind();
        Ok(())
    }));
    assert!(futures_util::poll!(&mut slow).is_pending(), "it is queued");
    // Blocks this thread: the paused clock would pass the deadline as soon as nothing runs here.
    begins.recv().expect("the writer begins it");
    assert!(futures_util::poll!(&mut behind).is_pending(), "it is queued");

    assert_eq!(slow.await, Err(StoreError::OutcomeUnknown));
    assert_eq!(behind.await, Err(StoreError::Unavailable));
    release.send(()).expect("it waits");
    // Later in the queue, so by then the writer has decided about both.
    let last = queue.clone();
    let last = thread::spawn(move || last.run_blocking(|_| Ok(())));
    assert_eq!(last.join().expect("no panic"), Ok(()));
    assert_eq!(taken.load(Ordering::Relaxed), 1, "the slow job was taken, the other never");
    drop(queue);
    writer.join().expect("it ends");
}
