//! What people try who mean harm, each against the real program: what they must not reach, and what
//! must go on working meanwhile.

mod credentials;
mod keeping_out;
mod memory;
mod oracles;
