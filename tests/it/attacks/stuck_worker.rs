//! A worker that does not come to its turn any more: the service manager, health and readiness
//! learn it from the workers themselves.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpResponse, web};
use dialpass::http::listener::{ListenerSettings, serve_plain};
use dialpass::http::workers::Workers;
use tokio::net::TcpStream;

use crate::support::http_harness::send;

#[tokio::test(flavor = "multi_thread")]
async fn one_worker_of_two_that_is_stuck_is_noticed_and_forgiven_when_it_goes_on() {
    let (stuck, goes_on) = std::sync::mpsc::channel::<()>();
    let goes_on = Arc::new(std::sync::Mutex::new(goes_on));
    let workers = Arc::new(Workers::with_interval(Duration::from_millis(10)));
    assert!(!workers.all_ran_within(Duration::from_mins(1)), "there are none yet");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let settings = ListenerSettings { workers: 2, ..ListenerSettings::default() };
    let enlisting = Arc::clone(&workers);
    let server = serve_plain("test", listener, &settings, move || {
        enlisting.register();
        let goes_on = Arc::clone(&goes_on);
        App::new().default_service(web::to(move || {
            let goes_on = Arc::clone(&goes_on);
            async move {
                // The thread itself waits.
                let _ = goes_on.lock().unwrap().recv();
                HttpResponse::Ok().body("done")
            }
        }))
    });
    let server = server.unwrap();
    let handle = server.handle();
    tokio::spawn(server);
    let becomes = async |alive: bool| {
        let span = Duration::from_secs(1);
        let waiting = async {
            while workers.all_ran_within(span) != alive {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(crate::support::gateway::PATIENCE, waiting)
            .await
            .expect("it is noticed");
    };
    becomes(true).await;
    let request = tokio::spawn(async move {
        send(&mut TcpStream::connect(address).await.unwrap(), &[]).await.unwrap()
    });
    becomes(false).await;
    stuck.send(()).unwrap();
    assert_eq!(request.await.unwrap().0, 200);
    becomes(true).await;
    handle.stop(false).await;
    let gone = async {
        while workers.all_ran_within(Duration::from_mins(1)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::support::gateway::PATIENCE, gone)
        .await
        .expect("they count no more");
}
