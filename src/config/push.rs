//! `[push]`, checked: how phones are notified. The adapter checks whether the key is usable.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::check::Problems;
use super::secrets::{self, Form};
use crate::domain::host_pattern::HostPattern;
use crate::domain::human_duration::HumanDuration;
use crate::domain::secret::SecretText;
use crate::messenger::web_push::settings::WebPushSettings;

/// The push services of Chrome and its derivatives, Firefox, Safari and Edge.
const WELL_KNOWN: [&str; 4] = [
    "fcm.googleapis.com",
    "*.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPush {
    pub contact: Option<String>,
    pub private_key: Option<SecretText>,
    pub private_key_file: Option<PathBuf>,
    pub hosts: Option<Vec<String>>,
    pub ca_file: Option<PathBuf>,
    pub timeout: Option<HumanDuration>,
}

/// How phones are notified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushConfig {
    /// The adapter's settings.
    pub settings: WebPushSettings,
    /// The position of the private key, for errors.
    pub private_key_at: String,
    /// The CA of the push services' certificates; `None`: the system's CAs.
    pub ca_file: Option<PathBuf>,
}

/// Checks `[push]`.
pub(super) fn check(raw: RawPush, problems: &mut Problems) -> Option<PushConfig> {
    let contact = contact(raw.contact, problems);
    let file = raw.private_key_file.as_deref();
    let name = if file.is_some() { "private_key_file" } else { "private_key" };
    let private_key =
        secrets::secret("push", "private_key", Form::Lines, raw.private_key, file, problems);
    let (secs, least) = (Duration::from_secs, Duration::from_millis(100));
    let hosts = hosts(raw.hosts, problems);
    let ca_file = raw.ca_file.map(|path| problems.readable("push.ca_file", &path));
    let timeout = problems.span("push.timeout", raw.timeout, secs(2), least, secs(10));
    let (contact, private_key) = (contact?, private_key?.into());
    let settings = WebPushSettings { contact, private_key, hosts, timeout };
    Some(PushConfig { settings, private_key_at: format!("push.{name}"), ca_file })
}

fn contact(contact: Option<String>, problems: &mut Problems) -> Option<String> {
    let good = contact.as_deref().is_some_and(is_contact);
    if !good {
        let found = contact.as_ref().map_or("nothing".to_owned(), |contact| format!("{contact:?}"));
        let accepted = "where push services reach the operator: \"mailto:NAME@HOST\", or an \
            https:// URL; at most 200 characters";
        problems.add("push.contact", found, accepted);
    }
    contact.filter(|_| good)
}

/// Push services reject other forms (RFC 8292 2.1), such as `mailto: <it@example.com>`.
fn is_contact(text: &str) -> bool {
    if text.len() > 200 || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return false;
    }
    match text.strip_prefix("mailto:") {
        Some(address) => address.split_once('@').is_some_and(|(name, host)| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
            let named = host.parse::<HostPattern>().is_ok_and(|host| host.is_one_name());
            !name.is_empty() && name.chars().all(plain) && named
        }),
        None => Url::parse(text).is_ok_and(|url| {
            url.scheme() == "https" && url.username().is_empty() && url.password().is_none()
        }),
    }
}

fn hosts(hosts: Option<Vec<String>>, problems: &mut Problems) -> Vec<HostPattern> {
    let accepted = "a host's name, \"*.\" and a name of at least two parts for all names that end \
        in it, either with a port where it is not 443";
    let hosts = hosts.unwrap_or_else(|| WELL_KNOWN.map(str::to_owned).to_vec());
    if hosts.is_empty() {
        problems.add("push.hosts", "an empty list", accepted);
    }
    let mut patterns = Vec::new();
    for (index, host) in hosts.iter().enumerate() {
        match host.parse() {
            Ok(pattern) => patterns.push(pattern),
            Err(_) => {
                problems.add(&format!("push.hosts[{index}]"), format!("{host:?}"), accepted);
            }
        }
    }
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_an_address_or_a_page() {
        for good in [
            "mailto:it@example.com",
            "mailto:it+push@example.co.uk",
            "https://example.com",
            "https://example.com/contact?of=dialpass",
        ] {
            assert!(is_contact(good), "{good}");
        }
        for wrong in [
            "",
            "it@example.com",
            "mailto:",
            "mailto:it",
            "mailto:@example.com",
            "mailto:it@",
            "mailto:it@*.example.com",
            "mailto:it@example.com:25",
            "mailto: it@example.com",
            "mailto:<it@example.com>",
            "mailto:it@example.com,me@example.com",
            "http://example.com",
            "https://",
            "https://me:pw@example.com",
            "https://example.com/a b",
            "https://exämple.com",
        ] {
            assert!(!is_contact(wrong), "{wrong}");
        }
        assert!(!is_contact(&format!("https://example.com/{}", "x".repeat(200))));
    }
}
