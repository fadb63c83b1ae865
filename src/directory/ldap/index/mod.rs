//! The optional index of a tenant's numbers, kept in memory and kept fresh.

mod arena;
mod bits;
mod numbers;
mod record;
mod table;
mod varint;
