//! A PostgreSQL server with the production settings that matter: each commit waits for the disk.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::servers::{Place, Process, free_address};

/// A running server; killed when dropped.
pub struct Postgres {
    process: Process,
    port: u16,
    folder: PathBuf,
}

impl Place {
    /// Creates a database cluster and starts its server.
    pub fn postgres(&self) -> anyhow::Result<Postgres> {
        let folder = self.folder.join("postgres");
        fs::create_dir(&folder)?;
        // The server refuses to run as root, and its user must be able to reach the folder.
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o711))?;
        if is_root()? {
            let made = Command::new("chown").arg("postgres:").arg(&folder).status()?;
            ensure!(made.success(), "the user postgres is missing: install postgresql");
        }
        let data = folder.join("data");
        let made = command("initdb")?
            .args(["--username=dialpass", "--auth=trust", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .status()
            .context("initdb cannot be started")?;
        ensure!(made.success(), "initdb failed");
        let port = free_address()?.port();
        let mut server = command("postgres")?;
        server.arg("-D").arg(&data).arg("-p").arg(port.to_string()).arg("-k").arg(&folder);
        for setting in [
            "listen_addresses=127.0.0.1",
            "shared_buffers=512MB",
            "max_wal_size=4GB",
            "checkpoint_timeout=5min",
            "max_connections=100",
        ] {
            server.arg("-c").arg(setting);
        }
        let mut process = self.spawn("postgres", &mut server)?;
        let end = Instant::now() + Duration::from_secs(30);
        let one = Postgres::ask(&folder, port, "postgres", "SELECT 1");
        let mut answer = one;
        while answer.is_err() {
            process.must_run(end)?;
            thread::sleep(Duration::from_millis(50));
            ensure!(
                TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() || Instant::now() < end
            );
            answer = Postgres::ask(&folder, port, "postgres", "SELECT 1");
        }
        Ok(Postgres { process, port, folder })
    }
}

impl Postgres {
    /// Creates a database; returns the configuration line that names it.
    pub fn database(&self, name: &str) -> anyhow::Result<String> {
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(format!("url = \"postgres://dialpass@127.0.0.1:{}/{name}?sslmode=disable\"", self.port))
    }

    /// Runs SQL in a database; returns the output.
    pub fn sql(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        Self::ask(&self.folder, self.port, database, sql)
    }

    fn ask(folder: &Path, port: u16, database: &str, sql: &str) -> anyhow::Result<String> {
        let output = Command::new("psql")
            .args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "dialpass"])
            .args(["-p", &port.to_string(), "-d", database, "-c", sql])
            .current_dir(folder)
            .output()
            .context("psql cannot be started")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "psql: {said}");
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Memory of all its processes, counting shared memory once, in MiB.
    pub fn memory(&self) -> anyhow::Result<f64> {
        let parent = self.process.id().to_string();
        let mut kib = 0.0;
        for entry in fs::read_dir("/proc")? {
            let folder = entry?.path();
            let Ok(stat) = fs::read_to_string(folder.join("stat")) else { continue };
            let of = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
            let id = folder.file_name().is_some_and(|id| id.to_string_lossy() == parent);
            if !id && of != Some(parent.as_str()) {
                continue;
            }
            let smaps = fs::read_to_string(folder.join("smaps_rollup")).unwrap_or_default();
            let pss = smaps.lines().find_map(|line| line.strip_prefix("Pss:"));
            kib += pss.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0.0);
        }
        Ok(kib / 1024.0)
    }
}

fn is_root() -> anyhow::Result<bool> {
    let id = Command::new("id").arg("-u").output()?;
    Ok(id.stdout.trim_ascii() == b"0")
}

/// One of the server's programs, run as a user it accepts.
fn command(name: &str) -> anyhow::Result<Command> {
    let mut there = Vec::new();
    for version in fs::read_dir("/usr/lib/postgresql").context("PostgreSQL is not installed")? {
        there.push(version?.path().join("bin").join(name));
    }
    there.retain(|path| path.exists());
    there.sort();
    let program = there.pop().context("PostgreSQL's server is not installed")?;
    if !is_root()? {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command.current_dir("/");
    Ok(command)
}
