//! How a listener stops, and what it does with connections that come too slowly.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, web};
use dialpass::http::listener::{ListenerSettings, serve_plain, serve_tls};
use dialpass::http::tls::ClientCertificates;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::http_harness::{Files, ask, connect, send, settings};

async fn slow() -> HttpResponse {
    tokio::time::sleep(Duration::from_millis(700)).await;
    HttpResponse::Ok().body("done")
}

fn start(files: Option<&Files>, settings: &ListenerSettings) -> (SocketAddr, ServerHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let app = || App::new().default_service(web::to(slow));
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
    (address, handle)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_stop_finishes_what_is_in_flight_and_waits_for_no_idle_connection() {
    let files = Files::new();
    let (address, server) = start(Some(&files), &settings());
    let config = files.client(None);
    let mut idle = connect(address, &config).await.unwrap();
    assert_eq!(send(&mut idle, &[]).await.unwrap(), (200, "done".to_owned()));

    let in_flight = tokio::spawn(async move { ask(address, &config, &[]).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    server.stop(true).await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(in_flight.await.unwrap().unwrap(), (200, "done".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_stops_in_the_same_way() {
    let (address, server) = start(None, &settings());
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
    let (address, _server) = start(Some(&files), &bounded);
    let mut silent = Vec::new();
    for _ in 0..5 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let began = Instant::now();
    assert_eq!(ask(address, &files.client(None), &[]).await.unwrap().0, 200);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}
