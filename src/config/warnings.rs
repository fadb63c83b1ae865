//! What check-config and a start warn of: settings that can be used, and may not be what is meant;
//! and those of a tenant that can never work with what else is set.
//!
//! One function for what concerns a tenant, and one line in it for each thing to know.

use super::check::Problems;
use super::clients::ClientConfig;
use super::directory::DirectoryConfig;
use super::server::ServerConfig;
use super::tenants::TenantConfig;
use crate::domain::policy::Attestation;
use crate::http::tls::ClientCertificates;

/// Warns of what concerns a tenant.
pub(super) fn of_tenant(tenant: &TenantConfig, server: &ServerConfig, problems: &mut Problems) {
    let key = &tenant.key;
    nobody_can_register(key, tenant, server, problems);
    anybody_may_call(key, tenant, problems);
    any_client_of_the_issuer(tenant, problems);
    nobody_shows_a_certificate(key, tenant, server, problems);
    caller_id_is_all(key, tenant, problems);
    no_client_may_ask(key, tenant, server, problems);
}

/// Warns where `client_certificates = "required"` keeps out who has no certificate to show.
pub(super) fn kept_out_by_tls(
    tenants: &[TenantConfig],
    server: &ServerConfig,
    problems: &mut Problems,
) {
    let is_required = server.tls.as_ref().is_some_and(|tls| {
        tls.client_ca.is_some() && tls.client_certificates == ClientCertificates::Required
    });
    // Who comes through a proxy shows no certificate to this server.
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
                "\"required\" refuses every connection without a certificate of client_ca, also \
                 those of clients that are known by something else ({}): \"optional\" lets them in; \
                 keep \"required\" if they have such a certificate too",
                names.join(", ")
            ),
        );
    }
    if let Some(url) = &server.public_url {
        problems.warn(
            key,
            format!(
                "\"required\" keeps out browsers, which have no certificate of client_ca, so that no \
                 one can register or approve at {url} (server.public_url): \"optional\" lets them in"
            ),
        );
    }
}

/// Warns of a tenant that no client may call.
fn no_client_may_ask(
    key: &str,
    tenant: &TenantConfig,
    server: &ServerConfig,
    problems: &mut Problems,
) {
    // A backend with an access key may ask where there is a public URL.
    let is_told = needs_registration(tenant);
    if tenant.clients.is_empty() && server.public_url.is_none() && !is_told {
        problems.warn(
            key,
            format!(
                "no client may ask for tenant {}: add [[tenants.clients]] with operations \
                 \"getOTP\", \"validateOTP\" or both, or server.public_url for backends with an \
                 access key",
                tenant.id
            ),
        );
    }
}

/// Refuses clients that are known by a certificate which none could be shown to the server.
fn nobody_shows_a_certificate(
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
                "a certificate, though none is asked for",
                "[server.tls] with client_ca and client_certificates \"optional\" or \"required\"; or \
                 server.trusted_proxies with proxy_client_ca; or another credential",
            );
        }
    }
}

/// Warns of rules for tokens that any client of their issuer meets.
fn any_client_of_the_issuer(tenant: &TenantConfig, problems: &mut Problems) {
    for client in &tenant.clients {
        if let Some(oauth2) = &client.entry.credentials.oauth2
            && oauth2.client_id.is_none()
            && oauth2.sub.is_none()
        {
            problems.warn(
                &format!("{}.oauth2", client.key),
                format!(
                    "any client of {} that is given this audience and scope may call as {:?}; \
                     client_id or sub says which one may",
                    oauth2.issuer, client.entry.name
                ),
            );
        }
    }
}

/// Warns where a login takes no more than a call from somebody's number, and nobody vouches for it.
fn caller_id_is_all(key: &str, tenant: &TenantConfig, problems: &mut Problems) {
    if !tenant.login.password_required && tenant.trust.minimum_attestation == Attestation::None {
        problems.warn(
            &format!("{key}.login.password"),
            "\"not-asked\" makes the code the only secret, and calls.minimum_attestation = \"none\" \
             tells it to anyone who shows the number, which callers can forge: set the least \
             attestation that your carrier passes on, or ask for the password",
        );
    }
}

/// Warns of clients without credential whose addresses are more than any one network's.
fn anybody_may_call(key: &str, tenant: &TenantConfig, problems: &mut Problems) {
    for (index, client) in tenant.clients.iter().enumerate() {
        let networks = &client.entry.credentials.anonymous;
        let wide =
            networks.iter().flatten().find(|network| network.prefix_len() < NARROWEST_OF_MANY);
        if let Some(network) = wide {
            problems.warn(
                &format!("{key}.clients[{index}].anonymous.addresses"),
                format!(
                    "{network} is a large part of the internet: everybody there may call as {:?} \
                     with no credential, and so ask for anybody's code",
                    client.entry.name
                ),
            );
        }
    }
}

/// Networks with shorter prefixes than this are no organization's own.
const NARROWEST_OF_MANY: u8 = 8;

/// Whether a tenant has what only registered users use.
fn needs_registration(tenant: &TenantConfig) -> bool {
    tenant.sms.is_some() || matches!(tenant.directory, DirectoryConfig::Registered)
}

fn nobody_can_register(
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
                "tenant {id} has texts or registered users, and nobody can register: the \
                 authentication cloud's API is served where server.public_url is set, which it is \
                 not"
            ),
        );
    }
}
