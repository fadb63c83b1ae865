//! The operators' listener: health, readiness and metrics. Never served on the public listener.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Responder};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;

use crate::http::gateway::CurrentGateway;
use crate::http::openapi;
use crate::http::workers::{STUCK, Workers};
use crate::service::dependencies::{Dependencies, DirectoryState};
use crate::telemetry::audit::AuditTrail;
use crate::telemetry::output::Output;
use crate::telemetry::{metrics, node_metrics};

/// What the operators' listener reports on.
pub struct Ops {
    /// The store and the tenants' directories.
    pub dependencies: Dependencies,
    /// The audit trail.
    pub audit: Arc<AuditTrail>,
    /// The worker threads.
    pub workers: Arc<Workers>,
    /// Whether the gateway is stopping, and serves requests only until its clients have moved on.
    pub stopping: AtomicBool,
    /// The log's and the audit trail's outputs, by name.
    pub outputs: Vec<(&'static str, Output)>,
    /// The metrics' text.
    pub metrics: PrometheusHandle,
    /// The current gateway, for the API description.
    pub gateway: Arc<CurrentGateway>,
}

/// The state of one dependency.
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

/// The readiness report.
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

/// 200 if the process runs and every worker thread makes progress; otherwise 503.
async fn health(ops: web::Data<Ops>) -> HttpResponse {
    if ops.workers.all_ran_within(STUCK) {
        HttpResponse::Ok().body("ok\n")
    } else {
        HttpResponse::ServiceUnavailable().body("a worker is stuck\n")
    }
}

/// Lists each dependency. 200 if calls and logins of every tenant can be served and the gateway is
/// not stopping; otherwise 503. A directory server that is down is listed, but another one that is
/// up keeps the gateway ready.
async fn ready(ops: web::Data<Ops>) -> HttpResponse {
    let readiness = ops.readiness().await;
    let body = serde_json::to_string_pretty(&readiness).expect("texts always serialise");
    let mut answer =
        if readiness.ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer.insert_header((header::CONTENT_TYPE, "application/json")).body(body + "\n")
}

/// For load balancers: 200 if this node can take requests; 503 if its store is down, a required
/// audit trail cannot be written, or a worker is stuck. 404 while stopping: `HAProxy` then lets the
/// node finish its requests (`http-check disable-on-404`), whereas it cuts those of a node that is
/// down. A directory outage does not count: it affects every node, and removing nodes would also
/// take them from the other tenants.
async fn node_ready(ops: web::Data<Ops>) -> HttpResponse {
    // A stopping node answers at once, even if its store is slow.
    if ops.stopping.load(Ordering::Relaxed) {
        return HttpResponse::NotFound().body("stopping\n");
    }
    let works = !ops.audit.refuses() && ops.workers.all_ran_within(STUCK);
    if !works || ops.dependencies.store_trouble().await.is_some() {
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
    for (tenant, figures) in ops.dependencies.index_figures() {
        let age = figures.age.map(|age| age.as_secs_f64());
        metrics::index(&tenant, figures.people, age, figures.full_reads, figures.misses);
    }
    for (tenant, directory) in ops.dependencies.directories.load().iter() {
        for pool in directory.pools() {
            node_metrics::pool(tenant, &pool);
        }
    }
    if let Some(pool) = ops.dependencies.store.pool() {
        node_metrics::pool("", &pool);
    }
    for (name, output) in &ops.outputs {
        let (bytes, limit) = output.queued();
        node_metrics::output_queue(name, bytes, limit);
    }
    ops.metrics.run_upkeep();
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/plain; version=0.0.4"))
        .body(ops.metrics.render())
}

impl Ops {
    async fn readiness(&self) -> Readiness {
        let trouble = self.dependencies.store_trouble().await;
        let mut ready = trouble.is_none();
        let store = of_node("store", ready, trouble.unwrap_or_default());
        let trouble = self.audit.trouble();
        ready &= trouble.is_none() || !self.audit.must_be_written();
        let audit = of_node("audit", trouble.is_none(), trouble.unwrap_or_default());
        let serve = self.workers.all_ran_within(STUCK);
        ready &= serve;
        let detail = if serve { "" } else { "one had no turn for seconds" };
        let workers = of_node("workers", serve, detail.to_owned());
        let mut dependencies = vec![store, audit, workers];
        for DirectoryState { tenant, is_ready, parts } in self.dependencies.directory_states() {
            ready &= is_ready;
            dependencies.extend(parts.into_iter().map(|part| Dependency {
                kind: if part.is_optional { "index" } else { "directory" },
                tenant: tenant.clone(),
                name: part.name,
                up: part.up,
                detail: part.detail,
            }));
        }
        let stopping = self.stopping.load(Ordering::Relaxed);
        Readiness { ready: ready && !stopping, stopping, dependencies }
    }
}

/// A dependency that a node has once.
fn of_node(kind: &'static str, up: bool, detail: String) -> Dependency {
    Dependency { kind, tenant: String::new(), name: kind.to_owned(), up, detail }
}
