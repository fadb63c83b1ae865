//! The `dialpass` command.

use std::process::ExitCode;

use clap::Parser;
use zeroizing_alloc::ZeroAlloc;

/// Wipes freed memory: a typed password passes through buffers of libraries that do not wipe it.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<std::alloc::System> = ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .expect("nothing else installs a crypto provider");
    dialpass::cli::run(dialpass::cli::Cli::parse())
}
