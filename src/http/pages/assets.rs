//! The parts of the pages, and the script that customers embed: files of this folder, compiled in.

use std::sync::LazyLock;

use actix_web::http::header::{self, EntityTag, Header, IfNoneMatch};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};

use super::texts;

/// The modules that the page's script needs before it can start.
pub(super) const MODULES: [&str; 3] = ["/open/view.js", "/open/api.js", "/open/passkey.js"];

/// A file.
pub(in crate::http) struct Asset {
    /// Its path.
    pub path: &'static str,
    /// Its contents.
    pub body: Bytes,
    media_type: &'static str,
    caching: &'static str,
    is_for_all_origins: bool,
    tag: EntityTag,
}

/// For a browser that opens a file directly, and for the worker, which shows an icon and follows
/// its own policy.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; img-src 'self'";

/// Revalidated on every load and sent only if changed, because the page and its parts must be from
/// the same release.
const ASK_AGAIN: &str = "no-cache";
const A_DAY: &str = "public, max-age=86400";
const FIVE_MINUTES: &str = "public, max-age=300";

/// The media type of a script.
pub(in crate::http) const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The media type of a style sheet.
pub(in crate::http) const STYLE: &str = "text/css; charset=utf-8";

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let script = |path, body: &'static str| Asset::part(path, SCRIPT, body);
    let [view, api, passkey] = MODULES;
    let png = |path, body: &'static [u8]| Asset::new(path, "image/png", A_DAY, body);
    let worker = texts::embed(include_str!("assets/worker.js"), |texts| &texts.worker);
    vec![
        script("/open/page.js", include_str!("assets/page.js")),
        script(view, include_str!("assets/view.js")),
        script(api, include_str!("assets/api.js")),
        script(passkey, include_str!("assets/passkey.js")),
        script("/open/notifications.js", include_str!("assets/notifications.js")),
        Asset::part("/open/page.css", STYLE, include_str!("assets/page.css")),
        Asset::part("/open/worker.js", SCRIPT, worker),
        Asset::new("/open/icon.svg", "image/svg+xml", A_DAY, include_str!("assets/icon.svg")),
        png("/open/icon-180.png", include_bytes!("assets/icon-180.png")),
        png("/open/icon-192.png", include_bytes!("assets/icon-192.png")),
        png("/open/icon-512.png", include_bytes!("assets/icon-512.png")),
    ]
});

/// All assets except the script that customers embed.
pub(super) fn all() -> &'static [Asset] {
    &ASSETS
}

/// The path of the script that customers embed.
pub(super) const WIDGET: &str = "/widget/auth.js";

/// The placeholder in that script for the gateway's own URL.
const PLACE_OF_HOME: &str = r#""/* home */""#;

/// The script that customers embed in their own pages.
pub struct Widget(Asset);

impl Widget {
    /// A script that calls the gateway at this URL, whatever the embedding page says.
    #[must_use]
    pub fn of(public_url: &str) -> Self {
        Self(widget(public_url))
    }

    /// The answer to a request for the script.
    pub(super) fn answer(&self, request: &HttpRequest, request_id: &str) -> HttpResponse {
        self.0.answer(request, request_id)
    }
}

/// The script that customers embed; it calls the gateway at `public_url` and no other.
///
/// # Panics
/// Never: texts always serialise.
pub(super) fn widget(public_url: &str) -> Asset {
    let home = format!("{}/", public_url.trim_end_matches('/'));
    let home = serde_json::to_string(&home).expect("texts always serialise");
    let script = texts::embed(include_str!("assets/widget.js"), |texts| &texts.widget);
    let script = script.replacen(PLACE_OF_HOME, &home, 1);
    let asset = Asset::new(WIDGET, SCRIPT, FIVE_MINUTES, script);
    Asset { is_for_all_origins: true, ..asset }
}

impl Asset {
    /// A part of a page, from the same release as the page.
    pub(in crate::http) fn part(
        path: &'static str,
        media_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        Self::new(path, media_type, ASK_AGAIN, body)
    }

    fn new(
        path: &'static str,
        media_type: &'static str,
        caching: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        let body = body.into();
        let tag = EntityTag::new_strong(hex::encode(&Sha256::digest(&body)[..16]));
        Self { path, body, media_type, caching, is_for_all_origins: false, tag }
    }

    /// The file, or 304 if the browser has it.
    pub(in crate::http) fn answer(&self, request: &HttpRequest, request_id: &str) -> HttpResponse {
        let mut answer = HttpResponse::Ok();
        answer
            .insert_header((header::CACHE_CONTROL, self.caching))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
            .insert_header((header::ETAG, self.tag.to_string()))
            .insert_header(("X-Request-Id", request_id));
        if self.is_for_all_origins {
            answer
                .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
                .insert_header((header::CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"));
        } else {
            answer.insert_header((header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"));
        }
        if self.is_known_to(request) {
            return answer.status(actix_web::http::StatusCode::NOT_MODIFIED).finish();
        }
        answer.insert_header((header::CONTENT_TYPE, self.media_type)).body(self.body.clone())
    }

    /// Whether the browser already has this version (RFC 9110 13.1.2).
    fn is_known_to(&self, request: &HttpRequest) -> bool {
        match IfNoneMatch::parse(request) {
            Ok(IfNoneMatch::Any) => request.headers().contains_key(header::IF_NONE_MATCH),
            Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&self.tag)),
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_script_knows_its_gateway() {
        for public_url in ["https://id.example.com", "https://id.example.com/"] {
            let script = widget(public_url).body;
            let script = std::str::from_utf8(&script).expect("a text");
            assert!(script.contains(r#"const HOME = "https://id.example.com/";"#), "{public_url}");
            assert!(!script.contains(PLACE_OF_HOME));
        }
    }
}
