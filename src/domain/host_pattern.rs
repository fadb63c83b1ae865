//! The hosts that the gateway may connect to when a URL comes from outside.

use std::fmt;
use std::str::FromStr;

/// One entry of a host list: `push.example.com`, or `*.example.com` for all names that end in
/// `.example.com`; either followed by `:8443` if the port is not 443.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    /// The name in lower case, without the `*.`.
    name: String,
    /// Whether it is a suffix of names.
    below: bool,
    port: u16,
}

/// The text is not a valid [`HostPattern`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a host name")]
pub struct NoHostPattern;

impl HostPattern {
    /// The default port, that of https.
    const PORT: u16 = 443;

    /// Whether this host, as the URL standard writes it, matches at this port.
    #[must_use]
    pub fn admits(&self, host: &str, port: u16) -> bool {
        let named = if self.below {
            let before = host.strip_suffix(&self.name).and_then(|rest| rest.strip_suffix('.'));
            before.is_some_and(|before| !before.is_empty())
        } else {
            host == self.name
        };
        named && port == self.port
    }

    /// Whether it is a single host on the default port.
    #[must_use]
    pub fn is_one_name(&self) -> bool {
        !self.below && self.port == Self::PORT
    }
}

impl FromStr for HostPattern {
    type Err = NoHostPattern;

    fn from_str(text: &str) -> Result<Self, NoHostPattern> {
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| NoHostPattern)?),
            None => (text, Self::PORT),
        };
        let (name, below) = match host.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (host, false),
        };
        // A pattern such as `*.com` is too wide, and a name ending in digits is an address.
        let wide = below && !name.contains('.');
        let address = name.rsplit('.').next().is_none_or(|last| last.bytes().all(is_digit));
        if name.len() > 253 || !name.split('.').all(is_label) || wide || address || port == 0 {
            return Err(NoHostPattern);
        }
        Ok(Self { name: name.to_ascii_lowercase(), below, port })
    }
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

/// Whether it is a label of a host name (RFC 1123 2.1).
fn is_label(label: &str) -> bool {
    let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (1..=63).contains(&label.len()) && plain && !label.starts_with('-') && !label.ends_with('-')
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.below { "*." } else { "" };
        write!(f, "{star}{}", self.name)?;
        if self.port == Self::PORT { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(pattern: &str, host: &str, port: u16) -> bool {
        pattern.parse::<HostPattern>().expect("a pattern").admits(host, port)
    }

    #[test]
    fn a_name_is_itself_at_its_port() {
        assert!(admits("push.example.com", "push.example.com", 443));
        assert!(admits("Push.Example.COM", "push.example.com", 443));
        assert!(admits("localhost:8443", "localhost", 8443));
        for (host, port) in [
            ("push.example.com", 8443),
            ("push.example.com", 80),
            ("a.push.example.com", 443),
            ("xpush.example.com", 443),
            ("push.example.com.evil.org", 443),
            ("push.example.com.", 443),
            ("example.com", 443),
        ] {
            assert!(!admits("push.example.com", host, port), "{host}:{port}");
        }
        assert!(!admits("localhost:8443", "localhost", 443));
    }

    #[test]
    fn a_star_is_all_that_is_below() {
        assert!(admits("*.push.example.com", "web.push.example.com", 443));
        assert!(admits("*.push.example.com", "a.web.push.example.com", 443));
        assert!(admits("*.example.com:444", "web.example.com", 444));
        for host in ["push.example.com", ".push.example.com", "webpush.example.com", ""] {
            assert!(!admits("*.push.example.com", host, 443), "{host}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_host_is_refused() {
        for wrong in [
            "",
            "*",
            "*.com",
            "*.localhost",
            "a.*.com",
            "*.*.example.com",
            ".example.com",
            "example.com.",
            "https://example.com",
            "example.com/",
            "example.com:",
            "example.com:0",
            "example.com:65536",
            "example.com:https",
            "me@example.com",
            "10.0.0.1",
            "*.0.0.1",
            "[::1]",
            "-a.example.com",
            "a_b.example.com",
            "exämple.com",
            "exa mple.com",
        ] {
            assert_eq!(wrong.parse::<HostPattern>(), Err(NoHostPattern), "{wrong}");
        }
    }

    #[test]
    fn it_is_shown_as_it_is_written() {
        for text in ["push.example.com", "*.example.com", "localhost:8443", "*.example.com:444"] {
            assert_eq!(text.parse::<HostPattern>().expect("a pattern").to_string(), text);
        }
    }
}
