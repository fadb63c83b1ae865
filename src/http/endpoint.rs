//! One endpoint of an API: its path and methods, the operation's name, its handler and its
//! description. The router and the `OpenAPI` document are both made from these.

use std::rc::Rc;
use std::sync::OnceLock;

use actix_web::guard;
use actix_web::http::Method;
use actix_web::web::{self, Payload};
use actix_web::{HttpRequest, HttpResponse, Resource, Route};
use futures_util::future::LocalBoxFuture;
use utoipa::openapi::{OpenApi, PathItem};

use super::gateway::CurrentGateway;
use super::refused::{Api, Refusal};
use super::request_context::{Granted, RequestContext};

/// Answers the requests of an endpoint.
type Handler =
    Rc<dyn for<'c> Fn(&'c mut RequestContext) -> LocalBoxFuture<'c, Result<Granted, Refusal>>>;

/// The [`Described`] route of a handler with a `#[utoipa::path]`.
macro_rules! described {
    ($handler:ident) => {{
        #[derive(utoipa::OpenApi)]
        #[openapi(paths($handler))]
        struct Description;
        static DESCRIBED: $crate::http::endpoint::Described =
            $crate::http::endpoint::Described::by(<Description as utoipa::OpenApi>::openapi);
        &DESCRIBED
    }};
}
pub(super) use described;

/// A handler's description, and the path and methods that it names. The description is made once to
/// read those, and then only to be served: it is large, and every worker makes its routes.
pub(super) struct Described {
    description: fn() -> OpenApi,
    route: OnceLock<(String, Vec<Method>)>,
}

impl Described {
    /// What `description` describes.
    pub(super) const fn by(description: fn() -> OpenApi) -> Self {
        Self { description, route: OnceLock::new() }
    }

    /// The path, and the methods in the order of `Allow`.
    fn route(&self) -> &(String, Vec<Method>) {
        self.route.get_or_init(|| {
            let description = (self.description)();
            let (path, item) = description.paths.paths.first_key_value().expect("one path");
            (path.clone(), methods(item))
        })
    }
}

/// An endpoint.
#[derive(Clone)]
pub(super) struct Endpoint {
    /// The operation's name in the audit trail and the metrics.
    pub operation: &'static str,
    /// The path, with names in braces for its variable segments.
    pub path: String,
    /// The methods in the order of `Allow`.
    pub methods: Vec<Method>,
    /// Whether pages of other origins may call it (CORS).
    pub is_open_to_frontends: bool,
    /// Makes the description; `None` if only our own pages call it.
    pub description: Option<fn() -> OpenApi>,
    handler: Handler,
}

impl Endpoint {
    /// The endpoint that is `described`, with or without a trailing slash.
    ///
    /// # Panics
    /// If it does not describe exactly one path.
    pub(super) fn new<H>(operation: &'static str, described: &Described, handler: H) -> Self
    where
        H: AsyncFn(&mut RequestContext) -> Result<Granted, Refusal> + Copy + 'static,
    {
        let (path, methods) = described.route().clone();
        let handler = boxed(handler);
        let description = Some(described.description);
        Self { operation, path, methods, is_open_to_frontends: false, description, handler }
    }

    /// An endpoint that only our own pages call: POST, without a trailing slash.
    pub(super) fn of_own_pages<H>(operation: &'static str, path: &str, handler: H) -> Self
    where
        H: AsyncFn(&mut RequestContext) -> Result<Granted, Refusal> + Copy + 'static,
    {
        Self {
            operation,
            path: path.to_owned(),
            methods: vec![Method::POST],
            is_open_to_frontends: false,
            description: None,
            handler: boxed(handler),
        }
    }

    /// Lets pages of other origins call it.
    pub(super) fn open_to_frontends(self) -> Self {
        Self { is_open_to_frontends: true, ..self }
    }

    /// The patterns of its path, without `prefix`.
    fn patterns(&self, prefix: &str) -> Vec<String> {
        let path = self.path.strip_prefix(prefix).unwrap_or(&self.path);
        let mut patterns = vec![path.to_owned()];
        if self.description.is_some() {
            patterns.push(format!("{path}/"));
        }
        // A segment may be empty if a slash follows.
        patterns.iter().map(|pattern| pattern.replace("}/", ":[^/]*}/")).collect()
    }

    /// Routes requests with one of its methods to the handler.
    fn route(&self, api: Api) -> Route {
        let methods = self.methods.clone();
        let Self { operation, is_open_to_frontends, .. } = *self;
        let handler = Rc::clone(&self.handler);
        web::route()
            .guard(guard::fn_guard(move |request| methods.contains(&request.head().method)))
            .to(
                move |request: HttpRequest,
                      payload: Payload,
                      gateway: web::Data<CurrentGateway>| {
                    let context = RequestContext::begin(request, payload, &gateway, operation, api)
                        .open_to_frontends(is_open_to_frontends);
                    answer(context, Rc::clone(&handler))
                },
            )
    }
}

/// The methods of a described path.
fn methods(item: &PathItem) -> Vec<Method> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    let methods = [
        (Method::GET, get),
        (Method::HEAD, head),
        (Method::OPTIONS, options),
        (Method::TRACE, trace),
        (Method::PUT, put),
        (Method::POST, post),
        (Method::PATCH, patch),
        (Method::DELETE, delete),
    ];
    methods
        .into_iter()
        .filter_map(|(method, described)| described.as_ref().map(|_| method))
        .collect()
}

/// Erases the handler's type.
fn boxed<H>(handler: H) -> Handler
where
    H: AsyncFn(&mut RequestContext) -> Result<Granted, Refusal> + Copy + 'static,
{
    Rc::new(move |context| Box::pin(async move { handler(context).await }))
}

async fn answer(mut context: RequestContext, handler: Handler) -> HttpResponse {
    match handler(&mut context).await {
        Ok(granted) => context.grant(granted).await,
        Err(refusal) => context.refuse(&refusal),
    }
}

/// The resources for each path, without `prefix`. Requests with other methods go to the route that
/// `not_allowed` makes for the endpoints of the path.
pub(super) fn resources(
    mut endpoints: Vec<Endpoint>,
    api: Api,
    prefix: &str,
    not_allowed: fn(&[Endpoint]) -> Route,
) -> Vec<Resource> {
    // The first match counts: `/users/enroll` comes before `/users/{userId}`.
    endpoints.sort_by_key(|endpoint| endpoint.path.contains('{'));
    let mut paths: Vec<Vec<Endpoint>> = Vec::new();
    for endpoint in endpoints {
        match paths.iter_mut().find(|same| same[0].path == endpoint.path) {
            Some(same) => same.push(endpoint),
            None => paths.push(vec![endpoint]),
        }
    }
    let resource = |pattern: String, same: &[Endpoint]| {
        let resource = web::resource(pattern);
        let resource = same.iter().fold(resource, |all, one| all.route(one.route(api)));
        resource.default_service(not_allowed(same))
    };
    // A resource for each pattern: a resource with several is matched by regular expressions, even
    // if none of them has a variable.
    let resources = |same: &Vec<Endpoint>| {
        let patterns = same[0].patterns(prefix).into_iter();
        patterns.map(|pattern| resource(pattern, same)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(resources).collect()
}

/// The methods of endpoints at one path, for `Allow` (RFC 9110 10.2.1).
pub(super) fn allow(endpoints: &[Endpoint]) -> String {
    let methods: Vec<&str> =
        endpoints.iter().flat_map(|endpoint| &endpoint.methods).map(Method::as_str).collect();
    methods.join(", ")
}
