//! Collecting what is wrong while values are checked, and the checks that sections share.

use std::fmt::Display;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{ConfigError, Problem, Warning};
use super::values::{QuotaValue, Span};
use crate::domain::policy::Quota;

/// The problems found so far in one file.
pub struct Problems {
    file: PathBuf,
    directory: PathBuf,
    found: Vec<Problem>,
    warnings: Vec<Warning>,
}

impl Problems {
    /// No problems yet in `file`, whose relative paths are relative to `directory`.
    #[must_use]
    pub fn new(file: &Path, directory: &Path) -> Self {
        Self {
            file: file.to_owned(),
            directory: directory.to_owned(),
            found: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Notes a problem.
    pub fn add(&mut self, key: &str, found: impl Display, accepted: impl Display) {
        self.found.push(Problem {
            file: self.file.display().to_string(),
            key: key.to_owned(),
            found: found.to_string(),
            accepted: accepted.to_string(),
        });
    }

    /// Notes what does not keep the configuration from being used, and should be known.
    pub fn warn(&mut self, key: &str, text: impl Display) {
        self.warnings.push(Warning {
            file: self.file.display().to_string(),
            key: key.to_owned(),
            text: text.to_string(),
        });
    }

    /// The warnings so far, which are noted no longer.
    pub(super) fn take_warnings(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.warnings)
    }

    /// `config` if nothing is wrong with it.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn into_result<T>(self, config: Option<T>) -> Result<T, ConfigError> {
        match config {
            Some(config) if self.found.is_empty() => Ok(config),
            _ => Err(ConfigError { problems: self.found }),
        }
    }

    /// Where `path` is, by the folder of the configuration file. `$CREDENTIALS_DIRECTORY/…` is in
    /// the folder that systemd passes credentials in (systemd.exec(5), `LoadCredential=`).
    pub(super) fn resolve(&mut self, key: &str, path: &Path) -> PathBuf {
        let Ok(name) = path.strip_prefix("$CREDENTIALS_DIRECTORY") else {
            return self.directory.join(path);
        };
        if let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") {
            return Path::new(&folder).join(name);
        }
        self.add(
            key,
            format!("{} without CREDENTIALS_DIRECTORY in the environment", path.display()),
            "this form under systemd with LoadCredential=, else a path",
        );
        path.to_owned()
    }

    /// A path to a file that can be read.
    pub(super) fn readable(&mut self, key: &str, path: &Path) -> PathBuf {
        let path = self.resolve(key, path);
        if let Err(error) = std::fs::File::open(&path)
            .and_then(|mut file| std::io::Read::read(&mut file, &mut [0; 1]))
        {
            self.add(
                key,
                format!("{}, which cannot be read ({error})", path.display()),
                "a file that this user may read",
            );
        }
        path
    }

    /// A client certificate and its key, both or neither, in a section.
    pub(super) fn client_certificate(
        &mut self,
        section: &str,
        certificate: Option<&Path>,
        private_key: Option<&Path>,
    ) -> Option<(PathBuf, PathBuf)> {
        match (certificate, private_key) {
            (Some(certificate), Some(private_key)) => Some((
                self.readable(&format!("{section}.client_certificate"), certificate),
                self.readable(&format!("{section}.client_private_key"), private_key),
            )),
            (None, None) => None,
            _ => {
                self.add(
                    &format!("{section}.client_certificate"),
                    "one of client_certificate and client_private_key",
                    "both or neither",
                );
                None
            }
        }
    }

    /// A number from `least` to `most`.
    pub(super) fn within<T: PartialOrd + Display + Copy>(
        &mut self,
        key: &str,
        value: T,
        least: T,
        most: T,
    ) -> T {
        if value < least || value > most {
            self.add(key, value, format!("{least} to {most}"));
        }
        value
    }

    /// A duration from `least` to `most`, or `default`.
    pub(super) fn span(
        &mut self,
        key: &str,
        value: Option<Span>,
        default: Duration,
        least: Duration,
        most: Duration,
    ) -> Duration {
        let value = value.map_or(default, |span| span.0);
        if value < least || value > most {
            let show = humantime::format_duration;
            self.add(key, show(value), format!("{} to {}", show(least), show(most)));
        }
        value
    }

    /// A quota, or `default`.
    pub(super) fn quota(
        &mut self,
        key: &str,
        value: Option<QuotaValue>,
        default: Quota,
        most: u32,
    ) -> Quota {
        let Some(value) = value else { return default };
        let burst = self.within(&format!("{key}.burst"), value.burst, 1, most);
        let least = Duration::from_millis(1);
        let per = self.span(
            &format!("{key}.per"),
            Some(value.per),
            default.per,
            least,
            Duration::from_hours(24 * 366),
        );
        Quota { burst, per }
    }
}

/// Whether a host is this machine, as far as can be told without asking anybody.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.is_loopback();
    }
    host == "localhost"
        && ("localhost", 0).to_socket_addrs().is_ok_and(|mut all| all.all(|a| a.ip().is_loopback()))
}
