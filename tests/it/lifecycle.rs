//! The real program from its start to its end: signals, what the service manager receives, and
//! what operators see.

mod draining;
mod indexed;
mod kept;
mod monitoring;
mod node_readiness;
mod ops;
mod reload_command;
mod reloading;
mod service_manager;
mod stopping;
