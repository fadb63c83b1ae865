//! The service's public URL as platforms sign it.

use url::Url;

/// The spellings of the service's URL that platforms sign: with the standard port left out, and
/// written out.
#[must_use]
pub fn spellings(public_url: &Url) -> Vec<String> {
    let (scheme, path) = (public_url.scheme(), public_url.path().trim_end_matches('/'));
    let host = public_url.host_str().unwrap_or_default();
    match (public_url.port(), public_url.port_or_known_default()) {
        (Some(port), _) => vec![format!("{scheme}://{host}:{port}{path}")],
        (None, Some(standard)) => {
            vec![format!("{scheme}://{host}{path}"), format!("{scheme}://{host}:{standard}{path}")]
        }
        (None, None) => vec![format!("{scheme}://{host}{path}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_signed_with_its_standard_port_or_without() {
        let of = |url| spellings(&Url::parse(url).expect("a URL"));
        let both = ["https://a.example/otp", "https://a.example:443/otp"];
        assert_eq!(of("https://a.example/otp/"), both);
        assert_eq!(of("https://a.example:443/otp"), both);
        assert_eq!(of("https://a.example:8443"), ["https://a.example:8443"]);
        assert_eq!(
            of("https://[2001:db8::1]"),
            ["https://[2001:db8::1]", "https://[2001:db8::1]:443"]
        );
    }
}
