//! What every handler of the authentication cloud starts with: whether the API is served at all, and
//! whether the audit trail can be written.

use crate::domain::reason::AuditReason;
use crate::http::gateway::AuthenticationCloud;
use crate::http::refused::{Refusal, Refused};
use crate::http::request_context::{Granted, RequestContext};

/// Gives the handler the authentication cloud, and answers as an unknown path if it is not served.
pub(super) fn with_cloud<H>(
    handler: H,
) -> impl AsyncFn(&mut RequestContext) -> Result<Granted, Refusal> + Copy
where
    H: AsyncFn(&mut RequestContext, &AuthenticationCloud) -> Result<Granted, Refusal> + Copy,
{
    async move |context: &mut RequestContext| {
        let cloud = context.cloud().ok_or_else(|| Refusal::plain(Refused::NoSuchPath))?;
        handler(context, &cloud).await
    }
}

/// As [`with_cloud`], but refuses while the audit trail cannot be written. All handlers but `ping`
/// and `status` need this.
pub(super) fn audited<H>(
    handler: H,
) -> impl AsyncFn(&mut RequestContext) -> Result<Granted, Refusal> + Copy
where
    H: AsyncFn(&mut RequestContext, &AuthenticationCloud) -> Result<Granted, Refusal> + Copy,
{
    with_cloud(async move |context: &mut RequestContext, cloud: &AuthenticationCloud| {
        if context.audit_refuses() {
            let reason = AuditReason::AuditUnwritable;
            return Err(Refusal { refused: Refused::Unavailable, reason });
        }
        handler(context, cloud).await
    })
}
