//! The load benchmark behind `benches/load.sh`, which builds this and documents its use. It starts
//! the servers, loads them, and prints rates as ratios to their bounds: a bare actix-web server,
//! and the directory server's own searches and binds.

mod attackers;
mod bare;
mod client;
mod cloud;
mod durable;
mod fastagi;
mod flatness;
mod index;
mod ldap;
mod machine;
mod people;
mod plot;
mod postgres;
mod radius;
mod ratios;
mod servers;
mod soak;
mod stores;
mod table;
mod voice;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use self::client::Load;
use self::servers::Place;
use self::table::Table;

#[derive(Parser)]
#[command(about = "The load benchmark; benches/load.sh runs it")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Passed by `cargo bench` and `cargo test`; nothing is measured then.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Measures and prints the table.
    Run(Options),
    /// Runs the bare server.
    #[command(hide = true)]
    Bare { listen: SocketAddr, certificates: PathBuf },
    /// Runs the bare server that writes rows.
    #[command(hide = true)]
    Durable { listen: SocketAddr, certificates: PathBuf, tables: usize },
}

/// The options of `benches/load.sh`, and the paths that it adds.
#[derive(Args)]
#[command(args_override_self = true)]
pub struct Options {
    /// Folder for all files; must exist.
    #[arg(long)]
    folder: PathBuf,
    /// The dialpass program.
    #[arg(long)]
    dialpass: PathBuf,
    /// Counted time of each measurement.
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// How often everything is measured, alternating.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Connections, each with one request at a time.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// The load generator's threads.
    #[arg(long, default_value_t = 2)]
    client_threads: usize,
    /// People in the directories. A code is repeated for 5 s, so there must be more people than are
    /// called in 5 s; otherwise the run fails.
    #[arg(long, default_value_t = 200_000)]
    people: u32,
    /// What to measure.
    #[arg(long, value_enum, default_value_t = Series::Ratios)]
    series: Series,
    /// Most people and live codes of --long; most people of --directory; most live codes of
    /// --stores.
    #[arg(long, default_value_t = 1_000_000)]
    most: u32,
    /// Print the table as Markdown.
    #[arg(long)]
    markdown: bool,
    /// Write a plot of the rates into this file, as SVG.
    #[arg(long)]
    plot: Option<PathBuf>,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Series {
    /// getOTP and validateOTP as ratios to their bounds.
    Ratios,
    /// getOTP with the file directory, compared with the bare server and with the cost of durable
    /// rows alone.
    OnlyFile,
    /// How flat the rates are, from a thousand to a million people and from none to a million live
    /// codes.
    Long,
    /// The index of a directory server's numbers, from a thousand to a million people.
    Directory,
    /// The stores compared, with one node and with three.
    Stores,
    /// The authentication cloud's API compared with the bare server, on each store.
    Cloud,
    /// Calls reported by a voice platform, compared with getOTP, and FastAGI sessions.
    Voice,
    /// Logins through `FreeRADIUS`, compared with validateOTP.
    Radius,
    /// How calls fare while strangers attack, and what the node uses meanwhile.
    Soak,
}

impl Options {
    /// Load at full speed.
    fn full(&self) -> Load {
        let time = Duration::from_secs_f64(self.seconds);
        Load {
            connections: self.connections,
            threads: self.client_threads,
            warm_up: (time / 8).min(Duration::from_secs(1)),
            time,
            rate: None,
        }
    }
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .expect("nothing else installs a crypto provider");
    match cli.command {
        Some(Command::Run(options)) => run(&options),
        Some(Command::Bare { listen, certificates }) => bare::serve(listen, &certificates),
        Some(Command::Durable { listen, certificates, tables }) => {
            durable::serve(listen, &certificates, tables)
        }
        None => {
            println!("nothing is measured this way: run benches/load.sh");
            Ok(())
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let place = Place::new(options.folder.clone(), options.dialpass.clone())?;
    let mut table = Table::default();
    machine::describe(options, &mut table)?;
    match options.series {
        Series::Ratios => ratios::measure(&place, options, &mut table)?,
        Series::OnlyFile => ratios::measure_file_only(&place, options, &mut table)?,
        Series::Long => flatness::measure(&place, options, &mut table)?,
        Series::Directory => index::measure(&place, options, &mut table)?,
        Series::Stores => stores::measure(&place, options, &mut table)?,
        Series::Cloud => cloud::measure(&place, options, &mut table)?,
        Series::Voice => voice::measure(&place, options, &mut table)?,
        Series::Radius => radius::measure(&place, options, &mut table)?,
        Series::Soak => soak::measure(&place, options, &mut table)?,
    }
    print!("\n{}", table.text(options.markdown));
    if let Some(file) = &options.plot {
        plot::draw(table.rates(), file)?;
    }
    Ok(())
}
