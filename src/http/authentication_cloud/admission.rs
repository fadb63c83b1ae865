//! Admits requests to the authentication cloud: by access key, by intent token, or by a token of
//! their own.

use std::sync::Arc;

use actix_web::http::header;

use crate::domain::access_key::AccessKeyHash;
use crate::domain::authenticator::is_visible;
use crate::domain::tenant::TenantId;
use crate::http::authorization::Authorization;
use crate::http::gateway::AuthenticationCloud;
use crate::http::refused::{Refusal, Refused};
use crate::http::request_context::RequestContext;
use crate::service::authentication_cloud::Cloud;
use crate::service::authentication_cloud::intent::Permission;
use crate::service::authentication_cloud::passkey_request::Requester;

/// Longest origin shown, in bytes.
const MAX_ORIGIN: usize = 300;

/// Records the tenant for the audit trail and returns its part.
pub(in crate::http) fn select_tenant(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
    tenant: &TenantId,
) -> Option<Arc<Cloud>> {
    let found = cloud.tenants.get(tenant).map(Arc::clone);
    if found.is_some() {
        context.trail.tenant = Some(tenant.clone());
    }
    found
}

/// Admits only callers with an access key.
pub(super) async fn admit_backend(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Arc<Cloud>, Refusal> {
    match admit(context, cloud).await? {
        (tenant, Permission::AccessKey) => Ok(tenant),
        (_, Permission::Intent(_)) => Err(Refusal::plain(Refused::Forbidden)),
    }
}

/// Admits only callers with an access key or an intent token.
pub(super) async fn admit(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<(Arc<Cloud>, Permission), Refusal> {
    context.admit_address()?;
    let values = context.request.headers().get_all(header::AUTHORIZATION);
    let token = match Authorization::read(values.map(header::HeaderValue::as_bytes)) {
        Authorization::Absent => return Err(Refusal::plain(Refused::Unauthorized)),
        Authorization::Unusable | Authorization::Basic { .. } => {
            return Err(Refusal::plain(Refused::Forbidden));
        }
        Authorization::Bearer(token) => token,
    };
    let no = || Refusal::plain(Refused::Forbidden);
    let Some(hash) = AccessKeyHash::of(token.expose()) else {
        let intent = cloud.tokens.read_intent(token.expose()).ok_or_else(no)?;
        let tenant = select_tenant(context, cloud, &intent.tenant).ok_or_else(no)?;
        context.in_time(cloud.access.check(&intent)).await?;
        return Ok((tenant, Permission::Intent(intent)));
    };
    let key = context.in_time(cloud.access.key(&hash)).await?.ok_or_else(no)?;
    let tenant = select_tenant(context, cloud, &key.tenant).ok_or_else(no)?;
    context.access_key = Some(key.id);
    let client = (key.tenant, key.name);
    let admitted = context.gateway.by_client.admit(&client);
    context.trail.client = Some(client.1);
    admitted.map_err(|wait| Refusal::plain(Refused::RateLimited(wait)))?;
    Ok((tenant, Permission::AccessKey))
}

/// Who asks for something that a phone will show, as far as known: the access key's name, or the
/// origin of the page that holds the intent, as its browser reports it; and from which address.
pub(super) fn requester(context: &mut RequestContext, permission: &Permission) -> Requester {
    let by = match permission {
        Permission::AccessKey => context.trail.client.clone(),
        Permission::Intent(_) => origin(context),
    };
    let by = by.filter(|by| by.chars().all(is_visible)).unwrap_or_else(|| "?".to_owned());
    Requester {
        name: Some(by),
        address: context.address().map(|address| address.to_canonical().to_string()),
    }
}

/// The `Origin` of the page that asks (Fetch 3.2, RFC 6454 6.2), if it has one.
fn origin(context: &RequestContext) -> Option<String> {
    let origin = context.request.headers().get(header::ORIGIN)?.to_str().ok()?;
    let url = url::Url::parse(origin).ok().filter(|url| url.origin().is_tuple())?;
    Some(url.origin().ascii_serialization()).filter(|origin| origin.len() <= MAX_ORIGIN)
}
