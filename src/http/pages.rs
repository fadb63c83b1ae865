//! What browsers load from the gateway: the page that a phone opens, its parts, and the script that
//! customers embed in their own pages. None of it reads the store or differs by caller except in
//! language; the scripts' requests go to the authentication cloud.

pub(super) mod assets;
mod language;
mod manifest;
mod page;
mod texts;

use actix_web::http::Method;
use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

pub use self::assets::Widget;
use self::language::Language;
use self::manifest::{OPEN, PHONE};
use super::body;
use super::error::{refuse, refused, uniform_headers};
use super::gateway::CurrentGateway;
use super::refused::{Api, Refused};
use super::request_context::new_request_id;
use crate::domain::clock::Timestamp;

/// The manifest of that icon.
const MANIFEST: &str = "/open/app.webmanifest";

/// A page may load only its own parts and run only its own scripts. The one Trusted Types policy is
/// for the notification worker.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types worker";

const PERMISSIONS_POLICY: &str = "publickey-credentials-create=(self), \
    publickey-credentials-get=(self), camera=(), geolocation=(), microphone=(), payment=(), usb=()";

/// Adds the routes one by one, because other paths below `/open` belong to the authentication
/// cloud.
pub fn routes(app: &mut ServiceConfig) {
    let assets = assets::all().iter().map(|asset| asset.path);
    for path in [OPEN, PHONE, MANIFEST, assets::WIDGET].into_iter().chain(assets) {
        app.route(path, web::to(serve));
    }
}

/// Answers one request.
async fn serve(
    request: HttpRequest,
    payload: web::Payload,
    gateway: web::Data<CurrentGateway>,
) -> HttpResponse {
    let gateway = gateway.load();
    let request_id = new_request_id();
    let answer = if let Err(wait) = gateway.admit_unauthenticated(&request) {
        refused(&Refused::RateLimited(wait), &request, &request_id, gateway.clock.now())
    } else if let Some(cloud) = &gateway.cloud {
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            answer(&request, &cloud.widget, &request_id)
        } else {
            only_read(&request, &request_id, gateway.clock.now())
        }
    } else {
        refused(&Refused::NoSuchPath, &request, &request_id, gateway.clock.now())
    };
    body::answer_before(payload, answer)
}

/// The answer to a method other than GET or HEAD.
pub(super) fn only_read(request: &HttpRequest, request_id: &str, now: Timestamp) -> HttpResponse {
    let refused = Refused::MethodNotAllowed("GET, HEAD".into());
    let mut answer = HttpResponse::build(refused.status());
    uniform_headers(&mut answer, request_id);
    refuse(answer, &refused, Api::AuthenticationCloud, request, now)
}

/// The page, or the part at this path.
fn answer(request: &HttpRequest, widget: &Widget, request_id: &str) -> HttpResponse {
    let path = request.path();
    if path == assets::WIDGET {
        return widget.answer(request, request_id);
    }
    if let Some(asset) = assets::all().iter().find(|asset| asset.path == path) {
        return asset.answer(request, request_id);
    }
    let language = Language::wanted(request);
    let mut answer = HttpResponse::Ok();
    uniform_headers(&mut answer, request_id);
    answer
        .insert_header((header::VARY, "Accept-Language"))
        .insert_header((header::CONTENT_LANGUAGE, language.code()))
        .insert_header((header::REFERRER_POLICY, "no-referrer"));
    answer.insert_header((header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"));
    if path == MANIFEST {
        return answer
            .insert_header((header::CONTENT_TYPE, "application/manifest+json"))
            .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'"))
            .body(manifest::manifest(request.query_string(), language));
    }
    answer
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::PERMISSIONS_POLICY, PERMISSIONS_POLICY))
        .insert_header((header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"))
        .body(page::page(language))
}

#[cfg(test)]
mod tests;
