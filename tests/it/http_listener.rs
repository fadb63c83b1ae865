//! How a listener stops, and what it does with connections that come too slowly.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, web};
use dialpass::http::listener::{ListenerSettings, serve_plain, serve_tls};
use dialpass::tls::server::ClientCertificates;
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use crate::support::gateway::PATIENCE;
use crate::support::http_harness::{Files, ask, connect, send, settings};

/// How many requests are to be answered, and whether one waits for that.
struct Work {
    allowed: Semaphore,
    waits: Notify,
}

async fn work(work: web::Data<Work>) -> HttpResponse {
    if let Ok(permit) = work.allowed.try_acquire() {
        permit.forget();
    } else {
        work.waits.notify_one();
        work.allowed.acquire().await.unwrap().forget();
    }
    HttpResponse::Ok().body("done")
}

/// A server that answers one request, and others when it is allowed more.
fn start(
    files: Option<&Files>,
    settings: &ListenerSettings,
) -> (SocketAddr, ServerHandle, web::Data<Work>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let allowed = web::Data::new(Work { allowed: Semaphore::new(1), waits: Notify::new() });
    let its = allowed.clone();
    let app = move || App::new().app_data(its.clone()).default_service(web::to(work));
    let server = match files {
        Some(files) => {
            let tls = files.tls(ClientCertificates::Off);
            serve_tls("test", listener, tls, settings, app)
        }
        None => serve_plain("test", listener, settings, app),
    };
    let server = server.unwrap();
    let handle = server.handle();
    tokio::spawn(server);
    (address, handle, allowed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_stop_finishes_what_is_in_flight_and_waits_for_no_idle_connection() {
    let files = Files::new();
    let (address, server, work) = start(Some(&files), &settings());
    let config = files.client(None);
    let mut idle = connect(address, &config).await.unwrap();
    assert_eq!(send(&mut idle, &[]).await.unwrap(), (200, "done".to_owned()));

    let in_flight = tokio::spawn(async move { ask(address, &config, &[]).await });
    work.waits.notified().await;
    let began = Instant::now();
    let stopping = tokio::spawn(server.stop(true));
    while TcpStream::connect(address).await.is_ok() {
        assert!(began.elapsed() < PATIENCE, "it stops to listen");
    }
    work.allowed.add_permits(1);
    stopping.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(in_flight.await.unwrap().unwrap(), (200, "done".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_stops_in_the_same_way() {
    let (address, server, _) = start(None, &settings());
    let mut idle = TcpStream::connect(address).await.unwrap();
    assert_eq!(send(&mut idle, &[]).await.unwrap(), (200, "done".to_owned()));
    let began = Instant::now();
    server.stop(true).await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_send_nothing_take_no_turn_from_others() {
    let files = Files::new();
    let bounded = ListenerSettings { handshake_timeout: Duration::from_secs(5), ..settings() };
    let (address, _server, _) = start(Some(&files), &bounded);
    let mut silent = Vec::new();
    for _ in 0..5 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let began = Instant::now();
    assert_eq!(ask(address, &files.client(None), &[]).await.unwrap().0, 200);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}
