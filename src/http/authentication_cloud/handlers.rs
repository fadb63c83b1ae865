//! What every handler of the authentication cloud starts with: whether the API is served at all, and
//! whether the audit trail can be written.

use crate::domain::reason::AuditReason;
use crate::http::gateway::AuthenticationCloud;
use crate::http::refused::{Refusal, Refused};
use crate::http::request_context::{Granted, RequestContext};

/// A handler that decides something: it refuses while the audit trail cannot be written.
pub(super) fn deciding<H>(
    handler: H,
) -> impl AsyncFn(&mut RequestContext) -> Result<Granted, Refusal> + Copy
where
    H: AsyncFn(&mut RequestContext, &AuthenticationCloud) -> Result<Granted, Refusal> + Copy,
{
    async move |context: &mut RequestContext| {
        let cloud = context.cloud().ok_or_else(|| Refusal::plain(Refused::NoSuchPath))?;
        if context.audit_refuses() {
            let reason = AuditReason::AuditUnwritable;
            return Err(Refusal { refused: Refused::Unavailable, reason });
        }
        handler(context, &cloud).await
    }
}

/// A handler that decides nothing, and answers whether or not the audit trail can be written.
pub(super) fn querying<H>(
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
