//! The `OpenAPI` 3.1 description of both APIs, generated from the code that serves them.

mod links;

use utoipa::OpenApi as _;
use utoipa::openapi::info::LicenseBuilder;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, HttpBuilder, SecurityScheme,
};
use utoipa::openapi::server::{ServerBuilder, ServerVariableBuilder};
use utoipa::openapi::{Components, Info, OpenApi, Server};

use super::{authentication_cloud, called_in_otp};

/// The whole description, for a gateway at `public_url` if it has one.
#[must_use]
pub fn document(public_url: Option<&str>) -> OpenApi {
    let mut document = called_in_otp::Documentation::openapi();
    also_by_post(&mut document);
    document.merge(authentication_cloud::Documentation::openapi());
    let mut info = Info::new("dialpass", env!("CARGO_PKG_VERSION"));
    info.description = Some(env!("CARGO_PKG_DESCRIPTION").to_owned());
    let license = env!("CARGO_PKG_LICENSE");
    info.license = Some(LicenseBuilder::new().name(license).identifier(Some(license)).build());
    document.info = info;
    let bearer = |description: &str| {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        SecurityScheme::Http(scheme.description(Some(description)).build())
    };
    let components = document.components.get_or_insert_with(Components::new);
    let mut add = |name: &str, scheme| components.add_security_scheme(name, scheme);
    add("accessKey", bearer("An access key of the tenant."));
    add("intentToken", bearer("What /api/v1/intent gave, once."));
    add("clientBearer", bearer("A client's secret, or its OAuth2 access token."));
    add("clientBasic", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
    let tenant = ApiKeyValue::new("tenant");
    add("tenant", SecurityScheme::ApiKey(ApiKey::Header(tenant)));
    links::add(&mut document);
    // It is served on another listener than the APIs, so its own address is not theirs.
    document.servers = Some(vec![public_url.map_or_else(unknown_server, Server::new)]);
    document
}

/// The server where the configuration does not say how others reach it.
fn unknown_server() -> Server {
    let address = ServerVariableBuilder::new()
        .default_value("localhost:8443")
        .description(Some("Where the gateway is reached, see `server.listen`."));
    ServerBuilder::new().url("https://{address}").parameter("address", address).build()
}

/// Adds a POST operation for each PUT operation: not every phone system can send PUT.
fn also_by_post(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        item.post = item.put.clone();
        if let Some(post) = &mut item.post {
            post.operation_id = post.operation_id.as_ref().map(|id| format!("{id}ByPost"));
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use super::*;
    use crate::domain::authenticator::AuthenticatorName;

    /// Every path of two or three of these words and ids.
    fn paths() -> Vec<String> {
        let words = include_str!("authentication_cloud/route.rs").split('"').skip(1).step_by(2);
        let segment = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
        let mut words: Vec<&str> = words.filter(segment).collect();
        words.extend(["{userId}", "{authenticatorId}", "{phoneId}"]);
        words.sort_unstable();
        words.dedup();
        let longer = |paths: &[String]| -> Vec<String> {
            let on = |path: &String| {
                words.iter().map(move |word| format!("{path}/{word}")).collect::<Vec<_>>()
            };
            paths.iter().flat_map(on).collect()
        };
        let one = longer(&[authentication_cloud::BASE.to_owned()]);
        let two = longer(&one);
        let three = longer(&two);
        [vec!["/ping".to_owned()], one, two, three].concat()
    }

    #[test]
    fn what_the_router_serves_is_what_is_described() {
        let methods = [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH];
        let mut served = Vec::new();
        for path in paths() {
            let known = |method: &&Method| {
                let ids = ("{userId}", "{authenticatorId}", "{phoneId}");
                authentication_cloud::serves(method, &path, ids.0, ids.1, ids.2)
            };
            let known = methods.iter().filter(known);
            served.extend(known.map(|method| format!("{} {path}", method.as_str().to_lowercase())));
        }
        for path in called_in_otp::paths::PATHS {
            served.extend(["put", "post"].map(|method| format!("{method} {path}")));
        }
        served.sort_unstable();
        let document = serde_json::to_value(document(None)).expect("JSON");
        let mut described = Vec::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            let methods = item.as_object().expect("operations").keys();
            described.extend(methods.map(|method| format!("{method} {path}")));
        }
        described.sort_unstable();
        assert_eq!(served, described);
    }

    #[test]
    fn the_server_is_where_the_public_url_says() {
        let served = serde_json::to_value(document(Some("https://id.example.com"))).expect("JSON");
        assert_eq!(served["servers"], serde_json::json!([{"url": "https://id.example.com"}]));
        let served = serde_json::to_value(document(None)).expect("JSON");
        assert_eq!(served["servers"][0]["url"], "https://{address}");
    }

    #[test]
    fn an_authenticator_may_be_called_what_the_examples_say() {
        let document = serde_json::to_value(document(None)).expect("JSON");
        let path = "/api/v1/authenticators/{authenticatorId}";
        let media = &document["paths"][path]["patch"]["requestBody"]["content"]["application/json"];
        let schema = &document["components"]["schemas"]["AuthenticatorRequest"];
        let pattern = schema["properties"]["name"]["pattern"].as_str().expect("a pattern");
        let examples = media["examples"].as_object().expect("examples").values();
        let names: Vec<&str> = examples.filter_map(|one| one["value"]["name"].as_str()).collect();
        assert_eq!(names, ["Pixel 9", "Anna's phone"]);
        // It accepts the letters of the examples and more; every text that matches must be
        // accepted.
        let printable = r"[ -~\u00a1-\u00ac\u00ae-\u024f]{0,98}";
        assert!(pattern.contains(printable), "{pattern}");
        let mut letters = pattern.to_owned();
        for code in ["00a1", "00ac", "00ae", "024f"] {
            letters = letters.replace(&format!("\\u{code}"), &format!("\\x{{{code}}}"));
        }
        let fitting = proptest::string::string_regex(letters.trim_matches(['^', '$']));
        proptest::proptest!(|(name in fitting.expect("an expression"))| {
            proptest::prop_assert!(AuthenticatorName::parse(&name).is_some(), "{:?}", name);
        });
    }

    #[test]
    fn every_link_leads_from_an_answer_to_an_operation() {
        let document = document(None);
        let text = document.to_json().expect("JSON");
        assert_eq!(text.matches("\"links\"").count(), 4, "enroll, approval, status, getOTP");
        let document = serde_json::to_value(&document).expect("JSON");
        let items = document["paths"].as_object().expect("paths").values();
        let operations: Vec<&serde_json::Value> =
            items.filter_map(|item| item.as_object()).flat_map(|item| item.values()).collect();
        let links = operations.iter().filter_map(|operation| operation["responses"].as_object());
        let links = links.flat_map(|responses| responses.values());
        let links = links.filter_map(|answer| answer["links"].as_object());
        for link in links.flat_map(|links| links.values()) {
            let leads =
                |operation: &&serde_json::Value| operation["operationId"] == link["operationId"];
            assert_eq!(operations.iter().filter(|operation| leads(operation)).count(), 1, "{link}");
        }
    }

    #[test]
    fn every_operation_is_described_and_every_reference_leads_somewhere() {
        let document = document(None);
        let operations: Vec<&str> = document.paths.paths.keys().map(String::as_str).collect();
        assert_eq!(
            operations,
            [
                "/api/authentication/getOTP",
                "/api/authentication/otp_token_auth",
                "/api/authentication/validateOTP",
                "/api/v1/approval",
                "/api/v1/authenticators/{authenticatorId}",
                "/api/v1/intent",
                "/api/v1/introspect",
                "/api/v1/phones/{phoneId}",
                "/api/v1/status",
                "/api/v1/users",
                "/api/v1/users/enroll",
                "/api/v1/users/{userId}",
                "/api/v1/users/{userId}/verification",
                "/ping",
            ]
        );
        let text = document.to_json().expect("JSON");
        let components = document.components.expect("components");
        let references = text.split("#/components/schemas/").skip(1);
        for name in references.filter_map(|rest| rest.split('"').next()) {
            assert!(components.schemas.contains_key(name), "{name}");
        }
    }
}
