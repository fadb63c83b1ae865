//! A `PostgreSQL` server of a test's own, that can be killed, stopped and replicated. What is asked
//! of it is elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

mod builder;
mod itself;
mod template;

pub use builder::PostgresBuilder;

use crate::support::ports::free_port;
use crate::support::shell::Shell;

/// The role that the gateway connects as; it owns every [`Postgres::database`].
pub const ROLE: &str = "dialpass";
/// The role's password.
pub const PASSWORD: &str = "dialpass-secret";

const PATIENCE: Duration = Duration::from_secs(20);

/// A running (or killed, or stopped) server. It is killed with all its processes when dropped, and
/// when the tests end.
pub struct Postgres {
    shell: Shell,
    port: u16,
    tls: bool,
}

impl Postgres {
    /// A server that keeps what it answered, whatever happens to it.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// To make another.
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
    }

    /// One for all tests that want nothing but a [`Self::database`] of their own. It doesn't wait
    /// for the disk.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| {
            Self::builder().without_fsync().setting("max_connections = 400").start()
        })
    }

    /// Makes an empty database that [`ROLE`] owns; returns its name.
    pub fn database(&self) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name} OWNER {ROLE} TEMPLATE template0"));
        name
    }

    /// Where it listens, `HOST:PORT`.
    pub fn host_port(&self) -> String {
        format!("{}:{}", if self.tls { "localhost" } else { "127.0.0.1" }, self.port)
    }

    /// A database's address for [`ROLE`], without the password.
    pub fn url(&self, database: &str) -> String {
        Self::url_of(&[self], database)
    }

    /// The same of several servers, to be tried in this order.
    pub fn url_of(servers: &[&Self], database: &str) -> String {
        let hosts: Vec<_> = servers.iter().map(|server| server.host_port()).collect();
        let mode = if servers[0].tls { "verify-full" } else { "disable" };
        format!("postgres://{ROLE}@{}/{database}?sslmode={mode}", hosts.join(","))
    }

    /// The keys of `[store]` that have the gateway use a database, with the password and, if there
    /// is TLS, with the CA.
    pub fn store_keys(&self, database: &str) -> String {
        Self::store_keys_of(&[self], database)
    }

    /// The same of several servers, to be tried in this order.
    pub fn store_keys_of(servers: &[&Self], database: &str) -> String {
        let url = Self::url_of(servers, database);
        let mut keys = format!("url = \"{url}\"\npassword = \"{PASSWORD}\"\n");
        if servers[0].tls {
            keys.extend([format!("ca_file = \"{}\"\n", servers[0].ca_pem().display())]);
        }
        keys
    }

    /// The CA that vouches for it, if it has TLS.
    pub fn ca_pem(&self) -> PathBuf {
        self.shell.folder().join("ca.pem")
    }

    /// Runs statements as the superuser over the local socket; returns the rows, `|` between
    /// columns.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        self.try_psql(database, sql)
            .unwrap_or_else(|refusal| panic!("{sql}: {refusal}\n{}", self.log()))
    }

    /// The same, and what it says if it refuses.
    pub fn try_psql(&self, database: &str, sql: &str) -> Result<String, String> {
        self.try_psql_each(database, &[sql])
    }

    /// Runs statements one by one in a session.
    pub fn psql_each(&self, database: &str, statements: &[&str]) {
        self.try_psql_each(database, statements).unwrap_or_else(|refusal| panic!("{refusal}"));
    }

    fn try_psql_each(&self, database: &str, statements: &[&str]) -> Result<String, String> {
        let output = Command::new(template::program("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres"])
            .arg("-h")
            .arg(self.shell.folder())
            .args(["-p", &self.port.to_string(), "-d", database])
            .args(statements.iter().flat_map(|sql| ["-c", sql]))
            .output()
            .expect("it is in the server's own folder");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// How many connections [`ROLE`] has open.
    pub fn connections(&self) -> usize {
        let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{ROLE}'");
        self.psql("postgres", &sql).parse().expect("a number")
    }

    /// What it and the commands for it have written so far.
    pub fn log(&self) -> String {
        self.shell.log()
    }

    /// Kills it and all its processes (SIGKILL), as a crash of the machine would.
    pub fn kill(&mut self) {
        self.shell.run("kill_all");
    }

    /// Starts it again after [`Self::kill`], with the same port and data.
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.run(), "PostgreSQL does not start again:\n{}", self.log());
    }

    /// Stops it and all its processes (SIGSTOP): it can be connected to, and never answers.
    pub fn stop(&self) {
        self.shell.run("stop_all");
    }

    /// Lets it go on after [`Self::stop`] (SIGCONT).
    pub fn cont(&self) {
        self.shell.run("cont_all");
    }

    /// The folder with all that it has.
    pub fn folder(&self) -> &Path {
        self.shell.folder()
    }

    /// Moves its log to this folder, which it may write, and starts it again.
    pub fn move_log_to(&mut self, folder: &Path) {
        self.kill();
        let (at, to) = (self.shell.folder().display(), folder.display());
        self.shell.run(&format!(
            "cp -r {at}/data/pg_wal {to} && rm -r {at}/data/pg_wal && ln -s {to}/pg_wal {at}/data"
        ));
        self.restart();
    }

    /// From now on new databases are in this folder, which it may write.
    pub fn keep_databases_in(&self, folder: &Path) {
        let to = folder.display();
        self.shell.run(&format!("mkdir -m 700 {to}/tables"));
        self.psql("template1", &format!("CREATE TABLESPACE small LOCATION '{to}/tables'"));
        self.psql("postgres", &format!("GRANT CREATE ON TABLESPACE small TO {ROLE}"));
        self.psql("postgres", "ALTER SYSTEM SET default_tablespace = small");
        self.psql("postgres", "SELECT pg_reload_conf()");
    }

    /// How many processes it has, running or stopped.
    pub fn processes(&self) -> usize {
        let children = format!("/proc/{0}/task/{0}/children", self.pid());
        let children = fs::read_to_string(children).unwrap_or_default();
        1 + children.split_whitespace().count()
    }

    /// Makes a server that follows this one; from now on nothing is committed here before it is
    /// there as well. Waits until that is so.
    pub fn standby(&self) -> Self {
        let shell = Shell::of_postgres();
        let (at, from) = (shell.folder().display(), self.shell.folder().display());
        shell.run(&format!(
            "'{}' -h {from} -p {} -U postgres -D {at}/data -R -X stream -c fast --no-sync",
            template::program("pg_basebackup").display(),
            self.port
        ));
        let mut standby = Self { shell, port: 0, tls: self.tls };
        standby.run_on_a_free_port();
        self.psql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.psql("postgres", "SELECT pg_reload_conf()");
        let synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        standby.wait_until("it follows", || self.psql("postgres", synchronous) == "1");
        standby
    }

    /// Has a standby follow nobody any more and take writes; waits until it does.
    pub fn promote(&self) {
        let at = self.shell.folder().display();
        let pg_ctl = template::program("pg_ctl");
        self.shell.run(&format!("'{}' promote --silent -w -D {at}/data", pg_ctl.display()));
        self.wait_until("it takes writes", || {
            self.psql("postgres", "SELECT pg_is_in_recovery()") == "f"
        });
    }

    fn run_on_a_free_port(&mut self) {
        // A port that was free may be taken by the time it is wanted.
        for _ in 0..10 {
            self.port = free_port();
            if self.run() {
                return;
            }
        }
        panic!("PostgreSQL does not start:\n{}", self.log());
    }

    /// Whether it runs, after trying to have it run.
    fn run(&self) -> bool {
        let at = self.shell.folder().display();
        // A killed server leaves a piece of shared memory, its seventh line, and locks.
        self.shell.run(&format!(
            "after_kill() {{ ipcrm -m $(sed -n '7s/.* //p' {at}/data/postmaster.pid); \
             rm -f {at}/data/postmaster.pid {at}/.s.PGSQL.*; }}"
        ));
        self.shell.run(&format!(
            "setpriv --pdeathsig KILL '{}' -D {at}/data -k {at} -p {} & \
             pid=$! && echo $pid >{at}/pid",
            template::program("postgres").display(),
            self.port
        ));
        let process = format!("/proc/{}/stat", self.pid());
        let state = self.shell.folder().join("data/postmaster.pid");
        let patience = Instant::now() + PATIENCE;
        while Instant::now() < patience {
            let state = fs::read_to_string(&state).unwrap_or_default();
            if matches!(state.lines().nth(7).map(str::trim), Some("ready" | "standby")) {
                return true;
            }
            if fs::read_to_string(&process).is_ok_and(|stat| stat.contains(") Z ")) {
                break;
            }
            sleep(Duration::from_millis(10));
        }
        // There is no shared memory to remove if it ended by itself.
        self.shell.runs("kill_all");
        false
    }

    fn pid(&self) -> String {
        let pid = fs::read_to_string(self.shell.folder().join("pid")).expect("it was started");
        pid.trim().to_owned()
    }

    fn wait_until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let patience = Instant::now() + PATIENCE;
        while !done() {
            assert!(Instant::now() < patience, "{what} within {PATIENCE:?}:\n{}", self.log());
            sleep(Duration::from_millis(10));
        }
    }
}
