//! Output for operators: logs, the audit trail, metrics. No code, password or whole number passes
//! through here.

pub mod audit;
pub mod audit_fields;
pub mod audit_writer;
mod ecs;
pub mod logs;
pub mod metrics;
pub mod node_metrics;
pub mod operator;
pub mod output;
