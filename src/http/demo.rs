//! The demo's page: a phone, a login form and a customer's web page in one, with that customer's
//! backend. It is served in demo mode only, where anyone may get an intent token and the secret of
//! the demo's voice platform; the page's other requests use the gateway's own API.

mod backend;

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use secrecy::{ExposeSecret as _, SecretString};

use self::backend::is_at;
use super::body;
use super::error::{refused, uniform_headers};
use super::gateway::{AuthenticationCloud, CurrentGateway};
use super::pages::assets::{Asset, SCRIPT, STYLE};
use super::pages::only_read;
use super::refused::Refused;
use super::request_context::new_request_id;

/// The path of the page.
const HOME: &str = "/";

const PAGE: &str = include_str!("demo/assets/page.html");

/// Stands in the page for the secret of the demo's voice platform, whose part the page plays.
const SECRET: &str = "{voice secret}";

/// The secret by which the demo's voice platform signs. Made anew at each start.
#[derive(Clone)]
pub struct VoiceSecret(pub SecretString);

/// The same policy as for the pages, plus QR codes as images.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Passkeys are created on a page of their own.
const PERMISSIONS_POLICY: &str = "publickey-credentials-create=(), publickey-credentials-get=(), \
    camera=(), geolocation=(), microphone=(), payment=(), usb=()";

static ASSETS: LazyLock<[Asset; 8]> = LazyLock::new(|| {
    let script = |path, body: &'static str| Asset::part(path, SCRIPT, body);
    [
        Asset::part("/demo/page.css", STYLE, include_str!("demo/assets/page.css")),
        script("/demo/page.js", include_str!("demo/assets/page.js")),
        script("/demo/phone.js", include_str!("demo/assets/phone.js")),
        script("/demo/dialects.js", include_str!("demo/assets/dialects.js")),
        script("/demo/voice.js", include_str!("demo/assets/voice.js")),
        script("/demo/login.js", include_str!("demo/assets/login.js")),
        script("/demo/confirm.js", include_str!("demo/assets/confirm.js")),
        script("/demo/wire.js", include_str!("demo/assets/wire.js")),
    ]
});

/// Adds the routes, in demo mode only.
pub fn routes(app: &mut ServiceConfig, secret: VoiceSecret) {
    app.app_data(web::Data::new(secret));
    for path in [HOME].into_iter().chain(ASSETS.iter().map(|asset| asset.path)) {
        app.route(path, web::to(serve));
    }
    app.route(backend::INTENT, web::to(backend::serve));
    app.route(backend::INTROSPECT, web::to(backend::serve));
}

/// Answers one request for the page or a part of it.
async fn serve(
    request: HttpRequest,
    payload: web::Payload,
    gateway: web::Data<CurrentGateway>,
    secret: web::Data<VoiceSecret>,
) -> HttpResponse {
    let gateway = gateway.load();
    let request_id = new_request_id();
    let answer = match &gateway.cloud {
        None => refused(&Refused::NoSuchPath, &request, &request_id, gateway.clock.now()),
        Some(_) if !matches!(*request.method(), Method::GET | Method::HEAD) => {
            only_read(&request, &request_id, gateway.clock.now())
        }
        Some(cloud) => answer(&request, &request_id, cloud, &secret),
    };
    body::answer_before(payload, answer)
}

/// The page, the part at this path, or a redirect to the page.
fn answer(
    request: &HttpRequest,
    request_id: &str,
    cloud: &AuthenticationCloud,
    VoiceSecret(secret): &VoiceSecret,
) -> HttpResponse {
    if let Some(asset) = ASSETS.iter().find(|asset| asset.path == request.path()) {
        return asset.answer(request, request_id);
    }
    let is_home = is_at(request, &cloud.public_url);
    let status = if is_home { StatusCode::OK } else { StatusCode::TEMPORARY_REDIRECT };
    let mut answer = HttpResponse::build(status);
    uniform_headers(&mut answer, request_id);
    answer.insert_header((header::REFERRER_POLICY, "no-referrer"));
    if !is_home {
        // Passkeys belong to a host name; at another address the browser would refuse to create
        // one.
        return answer
            .insert_header((header::LOCATION, format!("{}{HOME}", cloud.public_url)))
            .finish();
    }
    answer
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::PERMISSIONS_POLICY, PERMISSIONS_POLICY))
        .insert_header((header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"))
        .insert_header((header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"))
        .body(PAGE.replace(SECRET, secret.expose_secret()))
}

#[cfg(test)]
mod tests;
