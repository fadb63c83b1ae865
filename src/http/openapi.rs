//! The `OpenAPI` 3.1 description of both APIs and of the voice webhooks, generated from the code that serves them.

mod links;

use utoipa::openapi::info::LicenseBuilder;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, HttpBuilder, SecurityScheme,
};
use utoipa::openapi::server::{ServerBuilder, ServerVariableBuilder};
use utoipa::openapi::{Components, Info, OpenApi, Server};

use super::{authentication_cloud, called_in_otp, voice};

/// The whole description, for a gateway at `public_url` if it has one.
#[must_use]
pub fn document(public_url: Option<&str>) -> OpenApi {
    let mut document = called_in_otp::description();
    document.merge(authentication_cloud::description());
    document.merge(voice::description());
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
    for (name, header) in [
        ("tenant", "tenant"),
        ("twilioSignature", "X-Twilio-Signature"),
        ("signalWireSignature", "X-SignalWire-Signature"),
        ("telnyxSignature", "telnyx-signature-ed25519"),
    ] {
        add(name, SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(header))));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::authenticator::AuthenticatorName;

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
                "/voice/v1/{tenant}/{name}",
                "/voice/v1/{tenant}/{name}/code",
                "/voice/v1/{tenant}/{name}/pin",
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
