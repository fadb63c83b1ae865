//! Warnings about settings that are valid but may be a mistake, and errors about settings of a tenant
//! that can never work together.

use super::check::Problems;
use super::clients::ClientConfig;
use super::directory::DirectoryConfig;
use super::server::ServerConfig;
use super::tenants::TenantConfig;
use crate::domain::policy::Attestation;
use crate::domain::user::Ambiguity;
use crate::tls::server::ClientCertificates;

/// Checks one tenant against the rest of the configuration.
pub(super) fn of_tenant(tenant: &TenantConfig, server: &ServerConfig, problems: &mut Problems) {
    let key = &tenant.key;
    users_cannot_register(key, tenant, server, problems);
    open_to_the_internet(key, tenant, problems);
    any_client_of_the_issuer(tenant, problems);
    certificate_never_requested(key, tenant, server, problems);
    caller_id_is_the_only_factor(key, tenant, problems);
    pin_decides_nothing(key, tenant, problems);
    no_clients(key, tenant, server, problems);
}

/// Warns if `client_certificates = "required"` refuses clients or browsers without a certificate.
pub(super) fn refused_by_tls(
    tenants: &[TenantConfig],
    server: &ServerConfig,
    problems: &mut Problems,
) {
    let is_required = server.tls.as_ref().is_some_and(|tls| {
        tls.client_ca.is_some() && tls.client_certificates == ClientCertificates::Required
    });
    // Behind a proxy, clients present their certificates to the proxy.
    if !is_required || !server.trusted_proxies.is_empty() {
        return;
    }
    let key = "server.tls.client_certificates";
    let has_none = |client: &&ClientConfig| client.entry.credentials.certificate.is_none();
    let clients = tenants.iter().flat_map(|tenant| &tenant.clients).filter(has_none);
    let names: Vec<String> = clients.map(|client| format!("{:?}", client.entry.name)).collect();
    if !names.is_empty() {
        problems.warn(
            key,
            format!(
                "\"required\" refuses all connections without a certificate from client_ca, \
                 including those of clients with other credentials ({}): set \"optional\", or keep \
                 \"required\" if these clients have such a certificate as well",
                names.join(", ")
            ),
        );
    }
    if let Some(url) = &server.public_url {
        problems.warn(
            key,
            format!(
                "\"required\" refuses browsers, which have no certificate from client_ca, so users \
                 cannot register or approve at {url} (server.public_url): set \"optional\""
            ),
        );
    }
}

/// Warns of endpoints that ask for a PIN that decides nothing.
fn pin_decides_nothing(key: &str, tenant: &TenantConfig, problems: &mut Problems) {
    for (index, endpoint) in tenant.voice.iter().enumerate() {
        if endpoint.asks_pin && tenant.ambiguity != Ambiguity::Pin {
            problems.warn(
                &format!("{key}.voice[{index}].pin"),
                "\"asked\" has every caller key a PIN, which decides nothing: set \
                 directory.ambiguous = \"pin\" as well, or pin = \"off\"",
            );
        }
    }
    for (index, script) in tenant.fastagi.iter().enumerate() {
        if script.pin.is_some() && tenant.ambiguity != Ambiguity::Pin {
            problems.warn(
                &format!("{key}.fastagi[{index}].pin"),
                "every caller keys a PIN, which decides nothing: set directory.ambiguous = \"pin\" as \
                 well, or leave pin out",
            );
        }
    }
}

/// Warns of a tenant without clients.
fn no_clients(key: &str, tenant: &TenantConfig, server: &ServerConfig, problems: &mut Problems) {
    // A backend with an access key may ask where there is a public URL.
    let is_reported = needs_registration(tenant);
    let has_calls = !tenant.voice.is_empty() || !tenant.fastagi.is_empty();
    if tenant.clients.is_empty() && server.public_url.is_none() && !is_reported && !has_calls {
        problems.warn(
            key,
            format!(
                "tenant {} has no clients, so all its calls and logins are refused: add \
                 [[tenants.clients]] with operations \"getOTP\", \"validateOTP\" or both, or set \
                 server.public_url for backends with an access key",
                tenant.id
            ),
        );
    }
}

/// Refuses clients identified by a certificate if the server never requests one.
fn certificate_never_requested(
    key: &str,
    tenant: &TenantConfig,
    server: &ServerConfig,
    problems: &mut Problems,
) {
    if server.takes_certificates() {
        return;
    }
    for (index, client) in tenant.clients.iter().enumerate() {
        if client.entry.credentials.certificate.is_some() {
            problems.add(
                &format!("{key}.clients[{index}].certificate"),
                "a certificate, though the server requests none",
                "[server.tls] with client_ca and client_certificates \"optional\" or \"required\"; or \
                 server.trusted_proxies with proxy_client_ca; or another credential",
            );
        }
    }
}

/// Warns of token rules that any client of the issuer satisfies.
fn any_client_of_the_issuer(tenant: &TenantConfig, problems: &mut Problems) {
    for client in &tenant.clients {
        if let Some(oauth2) = &client.entry.credentials.oauth2
            && oauth2.client_id.is_none()
            && oauth2.sub.is_none()
        {
            problems.warn(
                &format!("{}.oauth2", client.key),
                format!(
                    "any client of {} with this audience and scope may call as {:?}: set client_id \
                     or sub to admit only one",
                    oauth2.issuer, client.entry.name
                ),
            );
        }
    }
}

/// Warns if a forged caller ID is enough to log in.
fn caller_id_is_the_only_factor(key: &str, tenant: &TenantConfig, problems: &mut Problems) {
    if !tenant.login.password_required && tenant.trust.minimum_attestation == Attestation::None {
        problems.warn(
            &format!("{key}.login.password"),
            "\"not-asked\" makes the code the only secret, and with calls.minimum_attestation = \
             \"none\" anyone who forges a caller ID hears it: set the lowest attestation that your \
             carrier passes on, or require the password",
        );
    }
}

/// Warns of clients without a credential in networks larger than any organization's.
fn open_to_the_internet(key: &str, tenant: &TenantConfig, problems: &mut Problems) {
    let clients = tenant.clients.iter().enumerate().map(|(index, client)| {
        let networks = client.entry.credentials.anonymous.as_deref().unwrap_or_default();
        (format!("clients[{index}].anonymous.addresses"), &client.entry.name, networks)
    });
    let scripts = tenant.fastagi.iter().enumerate().map(|(index, script)| {
        (format!("fastagi[{index}].addresses"), &script.name, &*script.addresses)
    });
    for (name, caller, networks) in clients.chain(scripts) {
        let wide = networks.iter().find(|network| network.prefix_len() < NARROWEST_OF_MANY);
        if let Some(network) = wide {
            problems.warn(
                &format!("{key}.{name}"),
                format!(
                    "{network} is a large part of the internet: any host there may call as \
                     {caller:?} without a credential, and get any user's code; list your own \
                     addresses"
                ),
            );
        }
    }
}

/// Networks with a shorter prefix do not belong to one organization.
const NARROWEST_OF_MANY: u8 = 8;

/// Whether a tenant has settings that only registered users use.
fn needs_registration(tenant: &TenantConfig) -> bool {
    tenant.sms.is_some() || matches!(tenant.directory, DirectoryConfig::Registered)
}

fn users_cannot_register(
    key: &str,
    tenant: &TenantConfig,
    server: &ServerConfig,
    problems: &mut Problems,
) {
    if needs_registration(tenant) && server.public_url.is_none() {
        let id = &tenant.id;
        problems.warn(
            key,
            format!(
                "tenant {id} sends texts or has registered users, but users cannot register: set \
                 server.public_url, which serves the authentication cloud's API"
            ),
        );
    }
}
