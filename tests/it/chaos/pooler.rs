//! `PgBouncer` before a database.

use std::path::Path;

use crate::support::gateway::wait_until;
use crate::support::ports::free_port;
use crate::support::postgres::{PASSWORD, ROLE};
use crate::support::shell::Shell;

/// A running `PgBouncer`; dropped, it is killed.
pub struct Pooler {
    shell: Shell,
    port: u16,
    mode: &'static str,
}

impl Pooler {
    /// Before the server at this address, in one of its modes.
    pub fn before(server: &str, mode: &'static str) -> Self {
        let pooler = Self { shell: Shell::of_postgres(), port: free_port(), mode };
        let users = format!("\"{ROLE}\" \"{PASSWORD}\"\n");
        std::fs::write(pooler.at().join("users"), users).unwrap();
        pooler.configure(server);
        let at = pooler.at().display();
        pooler
            .shell
            .run(&format!("setpriv --pdeathsig KILL pgbouncer -q {at}/pgbouncer.ini & pid=$!"));
        wait_until("pgbouncer listens", || {
            std::net::TcpStream::connect(("127.0.0.1", pooler.port)).is_ok()
        });
        pooler
    }

    /// Where it is to be asked.
    pub fn host_port(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Sends new sessions to another server, as an administrator who promotes a standby does.
    pub fn move_to(&self, server: &str) {
        self.configure(server);
        for command in ["RELOAD", "RECONNECT"] {
            self.shell.run(&format!(
                "PGPASSWORD={PASSWORD} psql -X -q -h 127.0.0.1 -p {} -U {ROLE} -d pgbouncer \
                 -c {command}",
                self.port
            ));
        }
    }

    fn at(&self) -> &Path {
        self.shell.folder()
    }

    fn configure(&self, server: &str) {
        let (host, port) = server.split_once(':').unwrap();
        let at = self.at().display();
        let ini = format!(
            "[databases]\n* = host={host} port={port}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {at}/users\nadmin_users = {ROLE}\n\
             pool_mode = {}\nserver_login_retry = 1\ndefault_pool_size = 60\n\
             max_client_conn = 200\nlogfile = {at}/pgbouncer.log\n",
            self.port, self.mode
        );
        std::fs::write(self.at().join("pgbouncer.ini"), ini).unwrap();
    }
}
