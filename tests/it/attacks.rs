//! Attacks, each against the real program: what attackers must not reach or exhaust, and what must go
//! on working meanwhile.

mod connections;
mod credentials;
mod keeping_out;
mod memory;
mod oracles;
