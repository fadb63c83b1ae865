//! The SQLite store: the contract of every store, and what only a file can go through.
fn _x() {}
