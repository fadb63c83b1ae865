//! The `dialpass` command.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .expect("nothing else installs a crypto provider");
    dialpass::cli::run(dialpass::cli::Cli::parse())
}
