//! The baseline for dialpass: actix-web alone behind the same TLS listener. It reads the same JSON
//! and answers as many bytes, but decides nothing.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use actix_web::{App, HttpResponse, web};
use dialpass::http::called_in_otp::GET_OTP;
use dialpass::http::listener::{ListenerSettings, serve_tls};
use dialpass::tls::server::{self as server_tls, ClientCertificates, TlsSettings};
use serde::Deserialize;

/// The part of a call that is read.
#[derive(Deserialize)]
pub struct Body {
    /// The caller's number.
    pub phonenumber: String,
}

async fn answer(body: web::Json<Body>) -> HttpResponse {
    if body.phonenumber.is_empty() {
        return HttpResponse::Forbidden().finish();
    }
    told()
}

/// An answer as long as one with a code.
pub fn told() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header(("X-Request-Id", "00000000000000000000000000000000"))
        .insert_header(("Content-Type", "application/json"))
        .body("{\"otp\":\"532190\"}")
}

/// The TLS settings of all servers here.
pub fn tls(certificates: &Path) -> TlsSettings {
    TlsSettings {
        certificate: certificates.join("server.pem"),
        private_key: certificates.join("server.key"),
        client_ca: None,
        client_certificates: ClientCertificates::Off,
        crl_files: Vec::new(),
    }
}

/// Serves until killed.
pub fn serve(listen: SocketAddr, certificates: &Path) -> anyhow::Result<()> {
    // Like dialpass: with a separate runtime beside the listener's workers.
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let tls = Arc::new(server_tls::reloadable(self::tls(certificates))?);
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let app = || App::new().route(GET_OTP, web::put().to(answer));
        serve_tls("bare", listener, tls, &ListenerSettings::default(), app)?.await?;
        Ok(())
    })
}
