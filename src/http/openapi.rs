//! The description of both APIs, `OpenAPI` 3.1, made from the code that serves them.

use utoipa::OpenApi as _;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, HttpBuilder, SecurityScheme,
};
use utoipa::openapi::{Components, Info, OpenApi};

use super::{authentication_cloud, called_in_otp};

/// The whole description.
#[must_use]
pub fn document() -> OpenApi {
    let mut document = called_in_otp::Documentation::openapi();
    document.merge(authentication_cloud::Documentation::openapi());
    let mut info = Info::new("dialpass", env!("CARGO_PKG_VERSION"));
    info.description = Some(env!("CARGO_PKG_DESCRIPTION").to_owned());
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
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_described_and_every_reference_leads_somewhere() {
        let document = document();
        let operations: Vec<&str> = document.paths.paths.keys().map(String::as_str).collect();
        assert_eq!(
            operations,
            [
                "/api/authentication/getOTP",
                "/api/authentication/otp_token_auth",
                "/api/authentication/validateOTP",
                "/api/v1/approval",
                "/api/v1/intent",
                "/api/v1/introspect",
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
