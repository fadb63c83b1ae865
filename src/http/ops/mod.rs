//! The operators' listener: health, readiness, metrics. Never on the public one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Responder};
use arc_swap::ArcSwap;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;

use crate::directory::{DependencyState, Directory, IndexFigures};
use crate::http::gateway::CurrentGateway;
use crate::http::openapi;
use crate::http::workers::{STUCK, Workers};
use crate::store::StoreHealth;
use crate::telemetry::audit::AuditTrail;
use crate::telemetry::metrics;

/// What the operators' listener asks.
pub struct Ops {
    /// The tenants' directories, by tenant id.
    pub directories: ArcSwap<Vec<(String, Arc<dyn Directory>)>>,
    /// The store.
    pub store: Arc<dyn StoreHealth>,
    /// The audit trail.
    pub audit: Arc<AuditTrail>,
    /// The threads that serve.
    pub workers: Arc<Workers>,
    /// Whether the gateway is stopping, and takes requests only until its clients went elsewhere.
    pub stopping: AtomicBool,
    /// The metrics' text.
    pub metrics: PrometheusHandle,
    /// The gateway as it is now, which the description is of.
    pub gateway: Arc<CurrentGateway>,
}

/// What is said of one dependency.
#[derive(Serialize)]
struct Dependency {
    kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    tenant: String,
    name: String,
    up: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
}

/// What is said of readiness.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    stopping: bool,
    dependencies: Vec<Dependency>,
}

/// Adds the routes.
pub fn routes(app: &mut ServiceConfig) {
    app.route("/healthz", web::get().to(health))
        .route("/readyz", web::get().to(ready))
        .route("/readyz/node", web::get().to(node_ready))
        .route("/metrics", web::get().to(scrape))
        .route("/openapi.json", web::get().to(description));
}

/// The description of the public listener's APIs.
async fn description(ops: web::Data<Ops>) -> impl Responder {
    let gateway = ops.gateway.load();
    let public_url = gateway.cloud.as_ref().map(|cloud| cloud.public_url.as_str());
    web::Json(openapi::document(public_url))
}

/// The process runs, and each of the threads that serve comes to its turn; else 503.
async fn health(ops: web::Data<Ops>) -> HttpResponse {
    if ops.workers.had_turns_within(STUCK) {
        HttpResponse::Ok().body("ok\n")
    } else {
        HttpResponse::ServiceUnavailable().body("a worker is stuck\n")
    }
}

/// Each dependency: 200 if calls and logins of every tenant can be served, and will be for a while;
/// else, or when the gateway is stopping, 503. One of several directory servers being down is
/// shown, and is no reason to be unready.
async fn ready(ops: web::Data<Ops>) -> HttpResponse {
    let readiness = ops.readiness().await;
    let body = serde_json::to_string_pretty(&readiness).expect("texts always serialise");
    let mut answer =
        if readiness.ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer.insert_header((header::CONTENT_TYPE, "application/json")).body(body + "\n")
}

/// What a load balancer asks: 200 if this node may be given requests; 503 when it has no store, cannot
/// write an audit trail that has to be written, or has a worker that is stuck. When it is stopping, 404:
/// `HAProxy` then lets it finish what it has (`http-check disable-on-404`), and cuts what a node has
/// that is down. A directory that is down is so for every node, and taking nodes away for it would take
/// them from the other tenants.
async fn node_ready(ops: web::Data<Ops>) -> HttpResponse {
    // A node that stops says so at once, however long its store would take to answer.
    if ops.stopping.load(Ordering::Relaxed) {
        return HttpResponse::NotFound().body("stopping\n");
    }
    let works = !ops.audit.refuses() && ops.workers.had_turns_within(STUCK);
    if !works || ops.store.ready().await.is_err() {
        return HttpResponse::ServiceUnavailable().body("not ready\n");
    }
    HttpResponse::Ok().body("ready\n")
}

async fn scrape(ops: web::Data<Ops>) -> HttpResponse {
    let dependencies = ops.readiness().await.dependencies;
    let states: Vec<_> = dependencies
        .iter()
        .map(|one| (one.kind, one.tenant.as_str(), one.name.as_str(), one.up))
        .collect();
    metrics::dependencies(&states);
    for (tenant, directory) in ops.directories.load().iter() {
        if let Some(figures) = directory.index_figures() {
            let age = figures.age.map(|age| age.as_secs_f64());
            let IndexFigures { people, full_reads, misses, .. } = figures;
            metrics::index(tenant, people, age, full_reads, misses);
        }
    }
    ops.metrics.run_upkeep();
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/plain; version=0.0.4"))
        .body(ops.metrics.render())
}

impl Ops {
    async fn readiness(&self) -> Readiness {
        let store = match self.store.ready().await {
            Ok(()) => (true, String::new()),
            Err(error) => {
                let trouble = self.store.trouble();
                (false, if trouble.is_empty() { error.to_string() } else { trouble })
            }
        };
        let (mut ready, detail) = store;
        let store = of_node("store", ready, detail);
        let trouble = self.audit.trouble();
        ready &= trouble.is_none() || !self.audit.must_be_written();
        let audit = of_node("audit", trouble.is_none(), trouble.unwrap_or_default());
        let serve = self.workers.had_turns_within(STUCK);
        ready &= serve;
        let detail = if serve { "" } else { "one had no turn for seconds" };
        let workers = of_node("workers", serve, detail.to_owned());
        let mut dependencies = vec![store, audit, workers];
        for (tenant, directory) in self.directories.load().iter() {
            let states = directory.states();
            // One without any is the store's, which has been asked.
            ready &= states.is_empty() || states.iter().any(|one| one.up && !one.is_aid);
            dependencies.extend(states.into_iter().map(|state| dependency(tenant.clone(), state)));
        }
        let stopping = self.stopping.load(Ordering::Relaxed);
        Readiness { ready: ready && !stopping, stopping, dependencies }
    }
}

/// What a node has one of.
fn of_node(kind: &'static str, up: bool, detail: String) -> Dependency {
    Dependency { kind, tenant: String::new(), name: kind.to_owned(), up, detail }
}

fn dependency(tenant: String, state: DependencyState) -> Dependency {
    let kind = if state.is_aid { "index" } else { "directory" };
    Dependency { kind, tenant, name: state.name, up: state.up, detail: state.detail }
}
