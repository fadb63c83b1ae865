//! The files of `config/freeradius`, installed into a folder as an administrator does, and the server
//! started with them. The load benchmark uses this, too.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What it shares with the client at 127.0.0.1.
pub const SECRET: &str = "a-shared-secret-of-the-tests";

/// What Debian's `radiusd.conf` has, with the two changes that the recipe's README makes. Without the
/// delay of rejects, and without modules and sites that the recipe does not use.
const RADIUSD: &str = "
prefix = /usr
libdir = /usr/lib/freeradius
name = freeradius
confdir = @folder
run_dir = @folder
logdir = @folder
pidfile = @folder/freeradius.pid
max_request_time = 90
cleanup_delay = 5
max_requests = 16384
hostname_lookups = no
log {
	destination = files
	file = @folder/log
	auth = no
}
security {
	allow_core_dumps = no
	max_attributes = 200
	reject_delay = 0
	status_server = yes
}
proxy_requests = no
$INCLUDE dialpass.conf
thread pool {
	start_servers = 5
	max_servers = 32
	min_spare_servers = 3
	max_spare_servers = 10
	max_requests_per_server = 0
}
modules {
	always reject {
		rcode = reject
	}
	always ok {
		rcode = ok
	}
	always handled {
		rcode = handled
	}
	expr {
	}
	$INCLUDE mods-enabled/
}
policy {
	$INCLUDE policy.d/
}
$INCLUDE sites-enabled/
";

/// What an administrator fills in.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// The address to listen on.
    pub listen: &'a str,
    /// Where dialpass is.
    pub url: &'a str,
    /// The CA that vouches for it.
    pub ca: &'a Path,
    /// Further settings of the client at 127.0.0.1, lines of its block.
    pub of_client: &'a str,
    /// Further blocks of clients.
    pub clients: &'a str,
}

/// Lays the files into `folder`, filled in, with the client's `token`, and enables them; and writes what
/// Debian has beside them.
pub fn install(folder: &Path, settings: Settings<'_>, token: &str, port: u16) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/freeradius");
    fs::create_dir(folder.join("policy.d")).unwrap();
    fs::copy(shipped.join("policy.d/dialpass"), folder.join("policy.d/dialpass")).unwrap();
    for kind in ["mods", "sites"] {
        for state in ["available", "enabled"] {
            fs::create_dir(folder.join(format!("{kind}-{state}"))).unwrap();
        }
        let file = format!("{kind}-available/dialpass");
        fs::copy(shipped.join(&file), folder.join(&file)).unwrap();
        let link = folder.join(format!("{kind}-enabled/dialpass"));
        std::os::unix::fs::symlink(format!("../{file}"), link).unwrap();
    }
    let mut dialpass = fs::read_to_string(shipped.join("dialpass.conf")).unwrap();
    let of_client = format!("secret = \"{SECRET}\"\n\t{}", settings.of_client);
    for (shipped, filled_in) in [
        ("listen = \"*\"", format!("listen = {}", settings.listen)),
        ("port = 1812", format!("port = {port}")),
        ("https://otp.example.com:8443", settings.url.to_owned()),
        ("/etc/freeradius/3.0/certs/dialpass-ca.pem", settings.ca.display().to_string()),
        ("THE-TOKEN", token.to_owned()),
        ("ipaddr = 192.0.2.10", "ipaddr = 127.0.0.1".to_owned()),
        ("secret = \"THE-SHARED-SECRET\"", of_client),
    ] {
        assert_eq!(dialpass.matches(shipped).count(), 1, "{shipped}: {dialpass}");
        dialpass = dialpass.replace(shipped, &filled_in);
    }
    fs::write(folder.join("dialpass.conf"), dialpass + settings.clients).unwrap();
    let radiusd = RADIUSD.replace("@folder", &folder.display().to_string());
    fs::write(folder.join("radiusd.conf"), radiusd).unwrap();
}

/// Starts it with the files in `folder`; it writes `log` there.
pub fn run(folder: &Path) -> Child {
    let console = File::create(folder.join("console")).unwrap();
    Command::new("/usr/sbin/freeradius")
        .args(["-f", "-n", "radiusd", "-d"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(console.try_clone().unwrap())
        .stderr(console)
        .spawn()
        .expect("freeradius is installed")
}
