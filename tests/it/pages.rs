//! What a browser is given: pages, their parts, the script that customers embed. What the pages do
//! is tried in a browser.

use reqwest::Method;

use crate::checkers::must_be_valid_html;
use crate::commands::demo::Demo;
use crate::support::gateway::{Answer, Gateway, clients, sections};

/// Everything that is served to a browser.
const PATHS: [&str; 15] = [
    "/open",
    "/open/phone",
    "/open/app.webmanifest",
    "/open/page.js",
    "/open/view.js",
    "/open/api.js",
    "/open/passkey.js",
    "/open/notifications.js",
    "/open/page.css",
    "/open/worker.js",
    "/open/icon.svg",
    "/open/icon-180.png",
    "/open/icon-192.png",
    "/open/icon-512.png",
    "/widget/auth.js",
];

fn gateway(more_of_server: &str) -> Gateway {
    Gateway::start(&format!(
        "{}[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"registered\"\n\
         [tenants.login]\npassword = \"not-asked\"\n{}",
        sections(more_of_server),
        clients()
    ))
}

fn with_pages() -> Gateway {
    gateway("public_url = \"https://id.example.com\"")
}

async fn ask(gateway: &Gateway, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = gateway.http.request(method, gateway.url(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_is_served_by_get_and_by_head_and_by_nothing_else() {
    let gateway = with_pages();
    for path in PATHS {
        let got = gateway.http.get(gateway.url(path)).send().await.unwrap();
        assert_eq!(got.status(), 200, "{path}");
        let length = got.content_length().unwrap();
        assert!(length > 0 && length == got.bytes().await.unwrap().len() as u64, "{path}");
        let head = ask(&gateway, Method::HEAD, path, &[]).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-length"), length.to_string(), "{path}");
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let refused = ask(&gateway, method, path, &[]).await;
            assert_eq!((refused.status, refused.header("allow")), (405, "GET, HEAD"), "{path}");
        }
    }
    for path in ["/open/", "/open/nothing", "/open/page.html", "/widget", "/widget/auth.js/"] {
        assert_eq!(ask(&gateway, Method::GET, path, &[]).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_cloud_is_not_served_there_are_no_pages() {
    let gateway = gateway("");
    for path in PATHS {
        let answer = ask(&gateway, Method::GET, path, &[]).await;
        let unknown = ask(&gateway, Method::GET, "/nothing", &[]).await;
        assert_eq!((answer.status, unknown.status), (404, 404), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_in_the_browsers_language_and_may_load_nothing_from_elsewhere() {
    let gateway = with_pages();
    for (accept, language) in [("sv-SE,sv;q=0.9,en;q=0.8", "sv"), ("de-CH", "de"), ("fr", "en")] {
        for path in ["/open?dispatchTokenResponse=x", "/open/phone"] {
            let page = ask(&gateway, Method::GET, path, &[("accept-language", accept)]).await;
            assert!(page.body.contains(&format!("<html lang=\"{language}\">")), "{accept}");
            assert_eq!(page.header("content-language"), language);
            assert_eq!(page.header("vary"), "Accept-Language");
            assert_eq!(page.header("cache-control"), "no-store");
            assert_eq!(page.header("referrer-policy"), "no-referrer");
            assert_eq!(page.header("x-content-type-options"), "nosniff");
            let policy = page.header("content-security-policy");
            for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
                assert!(policy.contains(part), "{policy}");
            }
            assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        }
    }
}

/// The last part of a path, as the name of a file.
fn file_name(path: &str) -> String {
    path.rsplit('/').next().expect("a last part").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_valid_in_every_language() {
    let gateway = with_pages();
    let mut files = Vec::new();
    for language in ["en", "sv", "de"] {
        for path in ["/open", "/open/phone"] {
            let page = ask(&gateway, Method::GET, path, &[("accept-language", language)]).await;
            assert_eq!(page.header("content-language"), language, "{path}");
            files.push((format!("{}.{language}.html", file_name(path)), page.body));
        }
    }
    let is_part =
        |path: &&&str| path.rsplit_once('.').is_some_and(|(_, kind)| matches!(kind, "css" | "svg"));
    for path in PATHS.iter().filter(is_part) {
        files.push((file_name(path), ask(&gateway, Method::GET, path, &[]).await.body));
    }
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path());
    for (path, name) in [("/", "demo.html"), ("/demo/page.css", "demo.css")] {
        let part = Answer::of(gateway.http.get(format!("{}{path}", demo.page()))).await;
        assert_eq!(part.status, 200, "{path}");
        files.push((name.to_owned(), part.body));
    }
    assert_eq!(files.len(), 6 + 2 + 2);
    must_be_valid_html(&files);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_browser_has_is_not_sent_again_and_only_the_widget_is_for_other_origins() {
    let gateway = with_pages();
    for path in &PATHS[3..] {
        let first = gateway.http.get(gateway.url(path)).send().await.unwrap();
        let tag = first.headers()["etag"].to_str().unwrap().to_owned();
        let is_open = first.headers().contains_key("access-control-allow-origin");
        assert_eq!(is_open, *path == "/widget/auth.js", "{path}");
        let again = ask(&gateway, Method::GET, path, &[("if-none-match", &tag)]).await;
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
        assert_eq!(again.header("etag"), tag);
        let other = gateway.http.get(gateway.url(path)).header("if-none-match", "\"other\"");
        assert_eq!(other.send().await.unwrap().status(), 200, "{path}");
    }
}
