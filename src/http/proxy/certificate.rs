//! The forms in which proxies pass on a caller's certificate.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode;
use rustls::pki_types::CertificateDer;
use sfv::{BareItem, Item, List, ListEntry, Parser};

use super::list;
use crate::http::certificate::ClientCertificate;
use crate::tls::pem;

/// Longest chain taken from a proxy, the client's own certificate not counted.
const MAX_INTERMEDIATES: usize = 8;

/// How trusted proxies pass on the caller's certificate. Headers of any other form are not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CertificateForm {
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
    #[default]
    Rfc9440,
    /// Percent-encoded PEM, the caller's own certificate first: nginx, F5, load balancers of AWS.
    EscapedPem(HeaderName),
    /// DER in base64, several with commas between them: `HAProxy`, Traefik.
    Base64Der(HeaderName),
    /// Envoy's list, of whose last element `Cert` or `Chain` counts.
    Xfcc(HeaderName),
}

/// A trusted proxy's header with a certificate that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedClientCert;

type Chain = Vec<CertificateDer<'static>>;

impl CertificateForm {
    /// The header's name.
    #[must_use]
    pub fn header(&self) -> &str {
        match self {
            Self::Rfc9440 => "client-cert",
            Self::EscapedPem(name) | Self::Base64Der(name) | Self::Xfcc(name) => name.as_str(),
        }
    }

    /// Reads the certificate in a trusted proxy's request; `None` if the caller presented none. It is
    /// not verified yet.
    ///
    /// # Errors
    /// If a header is unreadable or repeated.
    pub fn read(
        &self,
        request: &HttpRequest,
    ) -> Result<Option<ClientCertificate>, MalformedClientCert> {
        let values = |name: &str| -> Vec<&[u8]> {
            request.headers().get_all(name).map(HeaderValue::as_bytes).collect()
        };
        let intermediates = match self {
            Self::Rfc9440 => values("client-cert-chain"),
            Self::EscapedPem(_) | Self::Base64Der(_) | Self::Xfcc(_) => Vec::new(),
        };
        self.parse(&values(self.header()), &intermediates)
    }

    /// As [`Self::read`], of the header's values and, with RFC 9440, those of the chain's.
    pub(crate) fn parse(
        &self,
        own: &[&[u8]],
        intermediates: &[&[u8]],
    ) -> Result<Option<ClientCertificate>, MalformedClientCert> {
        let chain = match self {
            Self::Rfc9440 => rfc9440(own, intermediates)?,
            Self::EscapedPem(_) => only(own)?.map(escaped_pem).transpose()?,
            Self::Base64Der(_) => only(own)?.map(base64_der).transpose()?,
            Self::Xfcc(_) => own.last().copied().map(xfcc).transpose()?,
        };
        match chain {
            Some(chain) if chain.len() > MAX_INTERMEDIATES + 1 => Err(MalformedClientCert),
            Some(chain) => Ok(Some(ClientCertificate::new(chain))),
            None => Ok(None),
        }
    }
}

/// The value of a header that may appear once; some proxies send it empty if there is no certificate.
fn only<'a>(values: &[&'a [u8]]) -> Result<Option<&'a [u8]>, MalformedClientCert> {
    match values {
        [] | [[]] => Ok(None),
        [value] => Ok(Some(value)),
        _ => Err(MalformedClientCert),
    }
}

fn rfc9440(own: &[&[u8]], intermediates: &[&[u8]]) -> Result<Option<Chain>, MalformedClientCert> {
    let own = match own {
        [] if intermediates.is_empty() => return Ok(None),
        [own] => own,
        _ => return Err(MalformedClientCert),
    };
    let item: Item = Parser::new(own).parse().map_err(|_| MalformedClientCert)?;
    let mut chain = vec![byte_sequence(item.bare_item)?];
    let list: List =
        Parser::new(&intermediates.join(&b","[..])).parse().map_err(|_| MalformedClientCert)?;
    for entry in list {
        let ListEntry::Item(item) = entry else { return Err(MalformedClientCert) };
        chain.push(byte_sequence(item.bare_item)?);
    }
    Ok(Some(chain))
}

fn byte_sequence(item: BareItem) -> Result<CertificateDer<'static>, MalformedClientCert> {
    match item {
        BareItem::ByteSequence(der) => Ok(CertificateDer::from(der)),
        _ => Err(MalformedClientCert),
    }
}

fn escaped_pem(value: &[u8]) -> Result<Chain, MalformedClientCert> {
    let decoded: Vec<u8> = percent_decode(value).collect();
    pem::certificates(&decoded).map_err(|_| MalformedClientCert)
}

fn base64_der(value: &[u8]) -> Result<Chain, MalformedClientCert> {
    // Older releases of Traefik encode the plus signs.
    let decoded: Vec<u8> = percent_decode(value).collect();
    let one = |text: &[u8]| {
        let der = STANDARD.decode(text.trim_ascii()).ok().filter(|der| !der.is_empty());
        der.map(CertificateDer::from).ok_or(MalformedClientCert)
    };
    decoded.split(|byte| *byte == b',').map(one).collect()
}

/// The last element is what the proxy next to us saw.
fn xfcc(value: &[u8]) -> Result<Chain, MalformedClientCert> {
    let last = list::from_the_right(value, b',').next().ok_or(MalformedClientCert)?;
    let pem = |name| list::parameter(last, name).map(|text| escaped_pem(text.as_bytes()));
    let (own, chain) = (pem("cert").transpose()?, pem("chain").transpose()?);
    match (own, chain) {
        (Some(own), Some(chain)) if own.first() != chain.first() => Err(MalformedClientCert),
        (_, Some(chain)) => Ok(chain),
        (Some(own), None) => Ok(own),
        (None, None) => Err(MalformedClientCert),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn read(form: &CertificateForm, headers: &[(&str, &str)]) -> Result<bool, MalformedClientCert> {
        let request = headers
            .iter()
            .fold(TestRequest::default(), |request, header| request.append_header(*header));
        form.read(&request.to_http_request()).map(|found| found.is_some())
    }

    #[test]
    fn what_is_no_byte_sequence_is_malformed() {
        let form = CertificateForm::Rfc9440;
        let (own, chain) = ("client-cert", "client-cert-chain");
        assert_eq!(read(&form, &[]), Ok(false));
        for bad in ["", "AAAA", "\"AAAA\"", ":AAAA", ":AA AA:", ":AAAA:, :AAAA:"] {
            assert!(read(&form, &[(own, bad)]).is_err(), "{bad}");
        }
        let one = ":AAAA:";
        assert!(read(&form, &[(own, one), (own, one)]).is_err());
        assert!(read(&form, &[(chain, one)]).is_err());
        assert!(read(&form, &[(own, one), (chain, "(:AAAA:)")]).is_err());
        assert_eq!(read(&form, &[(own, one), (chain, ":AAAA:, :AAAA:"), (chain, one)]), Ok(true));
        let long = [":AAAA:"; MAX_INTERMEDIATES + 1].join(", ");
        assert!(read(&form, &[(own, one), (chain, &long)]).is_err());
    }

    #[test]
    fn only_the_header_of_the_form_is_read_and_only_once() {
        let name = HeaderName::from_static("x-ssl-client-cert");
        let der = CertificateForm::Base64Der(name.clone());
        let pem = CertificateForm::EscapedPem(name.clone());
        let xfcc = CertificateForm::Xfcc(name);
        for form in [&der, &pem, &xfcc] {
            assert_eq!(read(form, &[]), Ok(false));
            assert_eq!(read(form, &[("client-cert", ":AAAA:")]), Ok(false));
            for bad in ["no", "-----BEGIN", "%", "%2d", "Hash=aa", ",", "Cert=\"no\"", "A A"] {
                assert!(read(form, &[("x-ssl-client-cert", bad)]).is_err(), "{form:?} {bad}");
            }
        }
        let twice = [("x-ssl-client-cert", "AAAA"); 2];
        assert!(read(&der, &twice).is_err());
        assert_eq!(read(&der, &twice[..1]), Ok(true));
        assert_eq!(read(&der, &[("x-ssl-client-cert", "AAAA,AA%2BA")]), Ok(true));
        for form in [&der, &pem] {
            assert_eq!(read(form, &[("x-ssl-client-cert", "")]), Ok(false));
        }
    }
}
