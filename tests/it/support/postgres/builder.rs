//! How a server is to be made: with TLS or without, and with which settings.

use std::fs;

use super::{Postgres, template};
use crate::support::pki::Ca;
use crate::support::shell::Shell;

/// How a server is to be made.
#[derive(Default)]
pub struct PostgresBuilder {
    settings: String,
    tls: bool,
    client_ca: bool,
    files: Vec<(&'static str, String)>,
}

impl PostgresBuilder {
    /// With a certificate of this CA for `localhost`; there are no connections without TLS then.
    pub fn with_tls(mut self, ca: &Ca) -> Self {
        let server = ca.server(1);
        self.files.push(("ca.pem", ca.pem()));
        self.files.push(("server.pem", server.certificate));
        self.files.push(("server.key", server.key));
        self.tls = true;
        self
    }

    /// With TLS, and for a role that shows a certificate of this CA with the role's name as its
    /// common name; a password is not asked for.
    pub fn with_client_certificates(mut self, ca: &Ca) -> Self {
        self.files.push(("clients-ca.pem", ca.pem()));
        self.client_ca = true;
        self
    }

    /// Without waiting for the disk, where nothing is killed.
    pub fn without_fsync(self) -> Self {
        self.setting("fsync = off")
    }

    /// With this line of `postgresql.conf`.
    pub fn setting(mut self, line: &str) -> Self {
        self.settings.extend([line, "\n"]);
        self
    }

    /// Makes the server and waits until it can be connected to.
    pub fn start(self) -> Postgres {
        let shell = Shell::of_postgres();
        template::copy_to(&shell);
        self.configure(&shell);
        let mut postgres = Postgres { shell, port: 0, tls: self.tls };
        postgres.run_on_a_free_port();
        postgres
    }

    fn configure(&self, shell: &Shell) {
        let at = shell.folder().display();
        for (name, text) in &self.files {
            write(shell, name, text);
        }
        let mut settings = self.settings.clone();
        if self.tls {
            // It wants its key to be its own and nobody else's.
            shell.run(&format!("cp {at}/server.key {at}/own.key && chmod 600 {at}/own.key"));
            settings.extend([
                "ssl = on\n".to_owned(),
                format!("ssl_cert_file = '{at}/server.pem'\n"),
                format!("ssl_key_file = '{at}/own.key'\n"),
            ]);
        }
        let (connection, method) = match (self.tls, self.client_ca) {
            (false, _) => ("host", "scram-sha-256"),
            (true, false) => ("hostssl", "scram-sha-256"),
            (true, true) => {
                settings.extend([format!("ssl_ca_file = '{at}/clients-ca.pem'\n")]);
                ("hostssl", "cert")
            }
        };
        let rules = format!(
            "local all postgres trust\nlocal replication postgres trust\n\
             {connection} all all 127.0.0.1/32 {method}\n"
        );
        write(shell, "settings", &settings);
        write(shell, "rules", &rules);
        shell.run(&format!("cat {at}/settings >>{at}/data/postgresql.conf"));
        shell.run(&format!("cat {at}/rules >{at}/data/pg_hba.conf"));
    }
}

/// Writes a file into the folder of `shell`.
pub fn write(shell: &Shell, name: &str, text: &str) {
    fs::write(shell.folder().join(name), text).expect("the folder can be written");
}
