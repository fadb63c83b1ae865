//! The measured programs, started on loopback in the benchmark's folder and killed on drop:
//! dialpass, the bare server, OpenLDAP.

mod configuration;

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use rustls::ClientConfig;

pub use self::configuration::{Quotas, file_tenant, index_tenant, ldap_tenant};
use self::configuration::{gateway, slapd, slapd_with_sync};
use crate::client::{self, Connection, Target};
use crate::ldap::Server;
use crate::people::{self, ACCOUNT, PASSWORD};

/// The benchmark's folder, the program and its keys.
pub struct Place {
    /// The benchmark's folder.
    pub folder: PathBuf,
    /// The dialpass program.
    pub dialpass: PathBuf,
    /// Trusts the certificates in the folder.
    pub tls: Arc<ClientConfig>,
    /// The key that codes are derived from.
    pub server_key: [u8; 32],
}

impl Place {
    /// Creates the certificates and the server key.
    pub fn new(folder: PathBuf, dialpass: PathBuf) -> anyhow::Result<Self> {
        let certificates = folder.join("certs");
        let made = Command::new(&dialpass)
            .args(["dev-certs", "--force", "--dir"])
            .arg(&certificates)
            .stdout(Stdio::null())
            .status()
            .with_context(|| format!("{} cannot be run", dialpass.display()))?;
        ensure!(made.success(), "dialpass dev-certs failed");
        let mut server_key = [0; 32];
        getrandom::fill(&mut server_key).map_err(|error| anyhow!("no random bits: {error}"))?;
        fs::write(folder.join("server-key.hex"), hex::encode(server_key))?;
        let tls = client::tls(&certificates.join("ca.pem"))?;
        Ok(Self { folder, dialpass, tls, server_key })
    }

    /// A people file with this many people.
    pub fn people_file(&self, people: u32) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(format!("people-{people}.toml"));
        if !path.exists() {
            people::write_toml(people, &mut BufWriter::new(File::create(&path)?))?;
        }
        Ok(path)
    }

    /// Starts a program and records its process id for the script, which kills leftovers at its
    /// end.
    pub fn spawn(&self, name: &str, command: &mut Command) -> anyhow::Result<Process> {
        let log = OpenOptions::new().append(true).create(true).open(self.log(name))?;
        self.spawn_as_it_is(name, command.stdout(log))
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    /// The same, keeping the standard output that `command` has.
    fn spawn_as_it_is(&self, name: &str, command: &mut Command) -> anyhow::Result<Process> {
        let log = OpenOptions::new().append(true).create(true).open(self.log(name))?;
        let begun = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let mut ids =
            OpenOptions::new().append(true).create(true).open(self.folder.join("pids"))?;
        writeln!(ids, "{}", child.id())?;
        Ok(Process { child, begun, log: self.log(name) })
    }

    /// Starts the bare server.
    pub fn bare(&self) -> anyhow::Result<Http> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bare").arg(address.to_string()).arg(self.folder.join("certs"));
        Http::start(self.spawn("bare", &mut command)?, address, address, &self.tls)
    }

    /// Starts the bare server that writes this many rows per call.
    pub fn durable(&self, rows: usize) -> anyhow::Result<Http> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("durable").arg(address.to_string());
        command.arg(self.folder.join("certs")).arg(rows.to_string());
        let process = self.spawn(&format!("durable-{rows}"), &mut command)?;
        Http::start(process, address, address, &self.tls)
    }

    /// Starts dialpass with these tenants and its own store at `store`.
    pub fn dialpass(&self, name: &str, store: &Path, tenants: &[String]) -> anyhow::Result<Http> {
        self.dialpass_on(name, &format!("url = \"sqlite:{}\"", store.display()), tenants)
    }

    /// The same, as platforms reach it at `public_url`.
    pub fn dialpass_at(
        &self,
        public_url: &str,
        name: &str,
        store: &Path,
        tenants: &[String],
    ) -> anyhow::Result<Http> {
        let store = format!("url = \"sqlite:{}\"", store.display());
        self.serve(name, &format!("public_url = \"{public_url}\""), &store, tenants)
    }

    /// Starts dialpass with these tenants and these `[store]` keys.
    pub fn dialpass_on(&self, name: &str, store: &str, tenants: &[String]) -> anyhow::Result<Http> {
        self.serve(name, "", store, tenants)
    }

    /// Starts dialpass with the authentication cloud's API, sending its texts to `provider`.
    pub fn cloud(&self, name: &str, store: &str, provider: SocketAddr) -> anyhow::Result<Http> {
        let tenant = format!(
            "[[tenants]]\nid = \"cloud\"\ncountry = \"SE\"\n\
             [tenants.directory]\nkind = \"registered\"\n\
             [tenants.login]\npassword = \"not-asked\"\n\
             [[tenants.sms.providers]]\nname = \"load\"\nurl = \"http://{provider}/send\"\n\
             json = {{ to = \"{{phone}}\", text = \"{{message}}\" }}\n"
        );
        self.serve(name, "public_url = \"https://localhost\"", store, &[tenant])
    }

    /// Starts dialpass as a production site would: default limits, everything in `folder`, pages,
    /// and a standard output that nothing reads.
    pub fn besieged(&self, folder: &Path, tenant: &str) -> anyhow::Result<Http> {
        let (address, ops) = (free_address()?, free_address()?);
        let config = self.folder.join("besieged.toml");
        let folder = folder.display();
        let text = format!(
            "[server]\nlisten = \"{address}\"\npublic_url = \"https://localhost\"\n\
             [server.tls]\ncertificate = \"certs/server.pem\"\n\
             private_key = \"certs/server.key\"\nclient_ca = \"certs/ca.pem\"\n\
             [ops]\nlisten = \"{ops}\"\n[store]\nurl = \"sqlite:{folder}/dialpass.db\"\n\
             [audit]\nfile = \"{folder}/audit.log\"\n\
             [keys]\nserver_key_file = \"server-key.hex\"\n\n{tenant}"
        );
        fs::write(&config, text)?;
        let mut command = Command::new(&self.dialpass);
        command.arg("serve").arg("--config").arg(&config).stdout(Stdio::piped());
        Http::start(self.spawn_as_it_is("besieged", &mut command)?, address, ops, &self.tls)
    }

    fn serve(
        &self,
        name: &str,
        more_of_server: &str,
        store: &str,
        tenants: &[String],
    ) -> anyhow::Result<Http> {
        let (address, ops) = (free_address()?, free_address()?);
        let config = self.folder.join(format!("{name}.toml"));
        fs::write(&config, gateway(address, ops, more_of_server, store, tenants))?;
        let mut command = Command::new(&self.dialpass);
        command.arg("serve").arg("--config").arg(&config);
        Http::start(self.spawn(name, &mut command)?, address, ops, &self.tls)
    }

    /// Fills a directory server's database and starts the server.
    pub fn slapd(&self, people: u32) -> anyhow::Result<Slapd> {
        self.slapd_by(people, slapd)
    }

    /// The same, with content synchronization.
    pub fn slapd_with_sync(&self, people: u32) -> anyhow::Result<Slapd> {
        self.slapd_by(people, slapd_with_sync)
    }

    fn slapd_by(&self, people: u32, conf: fn(&Path) -> String) -> anyhow::Result<Slapd> {
        let folder = self.folder.join(format!("slapd-{people}"));
        fs::create_dir_all(folder.join("db"))?;
        let config = folder.join("slapd.conf");
        fs::write(&config, conf(&folder))?;
        let begun = Instant::now();
        let mut adding = Command::new(tool("slapadd"))
            .args(["-q", "-f"])
            .arg(&config)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("slapadd.log"))?)
            .spawn()
            .context("slapadd cannot be started")?;
        let input = adding.stdin.take().context("slapadd takes no input")?;
        people::write_ldif(people, &ssha(PASSWORD)?, &mut BufWriter::new(input))?;
        ensure!(adding.wait()?.success(), "slapadd failed: see {}", folder.display());
        eprintln!("  {people} people put into slapd in {:.0} s", begun.elapsed().as_secs_f64());

        let port = free_address()?.port();
        let mut command = Command::new(tool("slapd"));
        command.args(["-d", "0", "-f"]).arg(&config);
        command.arg("-h").arg(format!("ldap://127.0.0.1:{port}"));
        let mut process = self.spawn(&format!("slapd-{people}"), &mut command)?;
        let end = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            process.must_run(end)?;
            thread::sleep(Duration::from_millis(20));
        }
        let server = Server { port, people, bind_dn: ACCOUNT, bind_password: PASSWORD };
        Ok(Slapd { process, server })
    }
}

/// A running program.
pub struct Process {
    child: Child,
    /// When it was started.
    begun: Instant,
    log: PathBuf,
}

impl Process {
    /// Fails if the process has ended or `end` has passed.
    pub fn must_run(&mut self, end: Instant) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            bail!("{} ended ({status}):\n{log}", self.log.display());
        }
        ensure!(Instant::now() < end, "{} does not become ready", self.log.display());
        Ok(())
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory, in MiB.
    pub fn resident(&self) -> anyhow::Result<f64> {
        resident(self.child.id())
    }

    /// CPU time used so far, in seconds.
    pub fn processor(&self) -> anyhow::Result<f64> {
        processor(&self.child.id().to_string())
    }
}

/// Resident memory of a process, in MiB.
pub fn resident(process: u32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 =
        line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?.parse()?;
    Ok(kib / 1024.0)
}

/// CPU time used by a process, in seconds.
pub fn processor(process: &str) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The fields after the name, which may contain spaces: in proc(5), utime is 14 and stime 15.
    let (_, rest) = stat.rsplit_once(')').context("no name")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| -> anyhow::Result<f64> {
        Ok(fields.get(at).context("a short line")?.parse::<f64>()?)
    };
    // USER_HZ is 100 on every Linux architecture that Debian supports.
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory server.
pub struct Slapd {
    pub process: Process,
    pub server: Server,
}

/// A server that answers the API.
pub struct Http {
    pub process: Process,
    address: SocketAddr,
    ops: SocketAddr,
    tls: Arc<ClientConfig>,
    /// Time from its start to its first answer.
    pub ready_after: Duration,
}

impl Http {
    fn start(
        mut process: Process,
        address: SocketAddr,
        ops: SocketAddr,
        tls: &Arc<ClientConfig>,
    ) -> anyhow::Result<Self> {
        let addresses = vec![address];
        let target = Target { addresses, tls: Arc::clone(tls), tenant: "file", people: 1 };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let end = process.begun + Duration::from_mins(2);
        while runtime.block_on(probe(&target)).is_err() {
            process.must_run(end)?;
            thread::sleep(Duration::from_millis(1));
        }
        let ready_after = process.begun.elapsed();
        Ok(Self { process, address, ops, tls: Arc::clone(tls), ready_after })
    }

    /// The address it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// One of its tenants as a target for the load generator.
    pub fn target(&self, tenant: &'static str, people: u32) -> Target {
        let addresses = vec![self.address];
        Target { addresses, tls: Arc::clone(&self.tls), tenant, people }
    }

    /// Waits until all dependencies are up.
    pub fn wait_until_all_is_up(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            if client::get(self.ops, "/readyz")?.contains("\"ready\": true") {
                return Ok(());
            }
            self.process.must_run(end)?;
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the index is live; returns the time since the program was started.
    pub fn wait_until_index_is_live(&mut self) -> anyhow::Result<Duration> {
        let end = Instant::now() + Duration::from_mins(3);
        while !client::get(self.ops, "/readyz")?.contains("\"detail\": \"live from") {
            self.process.must_run(end)?;
            thread::sleep(Duration::from_millis(20));
        }
        Ok(self.process.begun.elapsed())
    }

    /// How many calls got a new code, and how many a code that they had been given before.
    pub fn told(&self) -> anyhow::Result<(f64, f64)> {
        let metrics = client::get(self.ops, "/metrics")?;
        let count = |reason: &str| -> f64 {
            let lines = metrics.lines().filter(|line| {
                line.starts_with("dialpass_decisions_total{")
                    && line.contains(&format!("reason=\"{reason}\""))
            });
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
        };
        Ok((count("issued"), count("repeated")))
    }
}

async fn probe(target: &Target) -> anyhow::Result<u16> {
    let mut connection = Connection::open(target, 0).await?;
    connection.probe().await
}

/// A loopback address that was free a moment ago.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Debian installs servers in a folder that only root has in its path.
fn tool(name: &str) -> PathBuf {
    let there = Path::new("/usr/sbin").join(name);
    if there.exists() { there } else { PathBuf::from(name) }
}

/// Hashes a password as `{SSHA}` with OpenLDAP's own tool.
fn ssha(password: &str) -> anyhow::Result<String> {
    let made = Command::new(tool("slappasswd"))
        .args(["-h", "{SSHA}", "-s", password])
        .output()
        .context("slappasswd cannot be started")?;
    ensure!(made.status.success(), "slappasswd failed");
    Ok(String::from_utf8(made.stdout)?.trim().to_owned())
}
