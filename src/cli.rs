//! The commands: `serve`, `demo`, setup and lookup helpers, and the administration of codes, counts,
//! access keys and personal records.

mod administration;
mod check_directory;
mod demo;
mod dev_certs;
mod lookup;
mod manual;
mod output;
mod reasons;
mod reload;
mod secrets;
mod setup;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use tokio::runtime::Handle;

use self::setup::{CommandResult, EX_CONFIG, runtime, source};
use crate::app::{self, App, StartError};

/// Turns a phone call into a one-time code, and a code into a login.
///
/// A user dials your number. Your phone system sends the caller's number to this gateway and gets a
/// code. The user logs in with name, password and code. Your login service asks this gateway
/// whether they are correct.
#[derive(Parser)]
#[command(name = "dialpass", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Try it, with built-in people and a temporary store:
  dialpass demo

Set up your own:
  dialpass dev-certs                               certificates to try TLS with, into certs/
  (umask 077; dialpass new-secret > certs/server-key.hex)   the key that codes derive from
  (umask 077; dialpass new-push-key > certs/push.pem)       the key that notifications are signed with
  dialpass check-config --config dialpass.toml     lists every mistake, and where it is
  dialpass check-directory --config dialpass.toml  servers, people, numbers, rights
  dialpass lookup --config dialpass.toml 0701234567    who would that caller be, and why?
  dialpass serve --config dialpass.toml

A user who cannot log in, while it runs:
  dialpass codes list --config dialpass.toml --user anna     is there a live code?
  dialpass counts show --config dialpass.toml --user anna    is a limit reached?
  dialpass counts clear --config dialpass.toml --user anna
  dialpass reasons locked_out                                what does the audit trail's reason mean?

Give a backend access to the authentication cloud's API:
  dialpass access-key create --config dialpass.toml --name backend > access-key

A person asks what is stored about them, or wants it deleted:
  dialpass person export --config dialpass.toml --user anna > anna.json
  dialpass person delete --config dialpass.toml --user anna

Exit status: 0 done; 1 failed (check-directory: warnings, 3 errors);
  2 wrong arguments; 78 the configuration cannot be used.";

#[derive(Subcommand)]
enum Command {
    /// Run the gateway.
    ///
    /// SIGTERM drains clients for `drain`, finishes requests in flight and stops; a second SIGTERM
    /// ends the drain. SIGHUP reloads the configuration and the certificates; if the new ones are
    /// unusable, the old ones stay in force.
    Serve {
        /// The configuration file; config/default.toml documents every key.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Run the gateway with a few built-in people: a page to try it on, and curl commands.
    Demo {
        /// Where to listen.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
        listen: std::net::SocketAddr,
    },
    /// Have a running gateway reread its configuration, and wait for the outcome: the unit's
    /// `ExecReload=`.
    ///
    /// Sends SIGHUP to the process. If the new configuration is refused, prints its mistakes and
    /// ends with status 78; the old one stays in force. Works where the gateway was started with
    /// the variable `RUNTIME_DIRECTORY`, as systemd sets it for `RuntimeDirectory=`.
    Reload(reload::Arguments),
    /// Bring the store's schema up to date, and do nothing else.
    ///
    /// The server does this itself when it starts. Use this if the schema belongs to another
    /// database user than the one the server connects as. Servers may keep running meanwhile.
    Migrate {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check a configuration file: list every problem with file, key, value found and values
    /// accepted.
    CheckConfig {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Inspect a tenant's directory before going live: servers, people, numbers, rights.
    ///
    /// Connects to each server as the service would and reports what works. Reads all people and
    /// reports which numbers are unreadable, shared, extensions or without a country code, how many
    /// people would get a code, and whether people may write their own numbers. Changes nothing.
    /// The report holds names and numbers: protect it like the directory.
    ///
    /// Exit status: 0 nothing worse than information; 1 warnings; 2 wrong arguments; 3 errors: no
    /// one can be served, or the numbers cannot be trusted; 78 the configuration cannot be used.
    #[command(name = "check-directory", after_long_help = check_directory::FORMATS)]
    CheckDirectory(check_directory::Arguments),
    /// Explain step by step how a caller ID is read, what the directory is asked, and who matches.
    ///
    /// Exit status 0 if exactly one user has the number and would get a code, else 1.
    Lookup(lookup::Arguments),
    /// List or revoke live codes, while the gateway runs.
    #[command(subcommand, after_help = administration::AUDITED)]
    Codes(administration::CodesCommand),
    /// Show or clear the counts against a user or a number, while the gateway runs.
    #[command(subcommand, after_help = administration::AUDITED)]
    Counts(administration::CountsCommand),
    /// Create, list or revoke access keys for the authentication cloud's API, while the gateway
    /// runs.
    #[command(name = "access-key", subcommand, after_help = administration::AUDITED)]
    AccessKey(administration::AccessKeyCommand),
    /// Show or delete everything that the store holds about a person, while the gateway runs.
    #[command(subcommand, after_help = administration::AUDITED)]
    Person(administration::PersonCommand),
    /// Explain the reasons in the audit trail: what each means, and what to do about it.
    Reasons(reasons::Arguments),
    /// Print 32 random bytes as hex, and on standard error their SHA-256, as the configuration
    /// takes it for a password or a token.
    NewSecret,
    /// Print a private key in PEM for `push.private_key_file`, and on standard error its public key.
    ///
    /// With a new key, every phone must turn notifications on again.
    NewPushKey,
    /// Read a password from standard input and print its argon2 hash for a people file.
    HashPassword,
    /// Print the manual page, or write one page for each command to a folder.
    Man {
        /// The folder to write to, such as /usr/local/share/man/man1; created if needed.
        #[arg(value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
    /// Print a shell's completions, to be saved where the shell looks for them.
    ///
    /// For bash: dialpass completions bash > /usr/local/share/bash-completion/completions/dialpass
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Create a CA, a server certificate and a client certificate to try out TLS.
    ///
    /// For testing only: the CA's key is thrown away.
    DevCerts {
        /// The folder to write to.
        #[arg(long, value_name = "DIR", default_value = "certs")]
        dir: PathBuf,
        /// Another name or address of the server; may be given several times.
        #[arg(long, value_name = "NAME")]
        host: Vec<String>,
        /// The DNS name in the client certificate.
        #[arg(long, value_name = "NAME", default_value = "pbx.example.com")]
        client: String,
        /// Replace existing files.
        #[arg(long)]
        force: bool,
    },
}

/// Runs the command that the arguments name.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let ended = match cli.command {
        Command::Serve { config } => serve(config),
        Command::Demo { listen } => demo::run(listen),
        Command::Reload(arguments) => reload::run(&arguments),
        Command::Migrate { config } => migrate(config),
        Command::CheckConfig { config } => check_config(config),
        Command::CheckDirectory(arguments) => {
            runtime().and_then(|runtime| runtime.block_on(check_directory::run(arguments)))
        }
        Command::Lookup(arguments) => {
            runtime().and_then(|runtime| runtime.block_on(lookup::run(arguments)))
        }
        Command::Codes(command) => {
            runtime().and_then(|runtime| runtime.block_on(administration::codes(command)))
        }
        Command::Counts(command) => {
            runtime().and_then(|runtime| runtime.block_on(administration::counts(command)))
        }
        Command::AccessKey(command) => {
            runtime().and_then(|runtime| runtime.block_on(administration::access_key(command)))
        }
        Command::Person(command) => {
            runtime().and_then(|runtime| runtime.block_on(administration::person(command)))
        }
        Command::Reasons(arguments) => Ok(reasons::run(&arguments)),
        Command::NewSecret => secrets::new_secret(),
        Command::NewPushKey => secrets::new_push_key(),
        Command::HashPassword => secrets::hash_password(),
        Command::Man { folder } => manual::man(Cli::command(), folder.as_deref()),
        Command::Completions { shell } => manual::completions(Cli::command(), shell),
        Command::DevCerts { dir, host, client, force } => {
            dev_certs::run(&dir, &host, &client, force)
        }
    };
    match ended {
        Ok(_) if output::is_lost() => ExitCode::FAILURE,
        Ok(status) => status,
        Err(StartError::Config(error)) => {
            output::print_error(&error.to_string());
            ExitCode::from(EX_CONFIG)
        }
        Err(StartError::Other(error)) => {
            output::print_error(&format!("dialpass: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(config: PathBuf) -> CommandResult {
    // Memory holds keys and passwords: no core dumps, and no access to it by other processes of
    // this user (prctl(2), PR_SET_DUMPABLE).
    let undumpable = rustix::process::DumpableBehavior::NotDumpable;
    rustix::process::set_dumpable_behavior(undumpable).map_err(anyhow::Error::from)?;
    runtime()?.block_on(async {
        App::build(source(config)).await?.run().await?;
        Ok(ExitCode::SUCCESS)
    })
}

fn migrate(config: PathBuf) -> CommandResult {
    runtime()?.block_on(async {
        println!("{}", app::migrate(&source(config)).await?);
        Ok(ExitCode::SUCCESS)
    })
}

fn check_config(path: PathBuf) -> CommandResult {
    let source = source(path);
    runtime()?.block_on(async {
        let checked = app::check(&source, &Handle::current())?;
        for tenant in &checked.config.tenants {
            println!("tenant {}: {} clients", tenant.id, tenant.clients.len());
        }
        for warning in &checked.warnings {
            println!("warning: {warning}");
        }
        println!("{}: good", source.path.display());
        Ok(ExitCode::SUCCESS)
    })
}
