//! Tests of the adapters against the real thing.

mod sqlite_store;
mod store_contract;
