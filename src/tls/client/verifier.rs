//! Checks a server's certificate, as far as it must prove something.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};

/// Suffix of host names that stand for an IPv6 address; reserved, so never a real domain (RFC 6761
/// 6.4).
const STAND_IN: &str = ".ipv6.invalid";

/// A name that stands for `address`, for libraries that accept only names: a configuration of
/// [`client`](super) then makes the server prove the address. Never send it to the server, to which
/// it means nothing.
#[must_use]
pub fn stand_in(address: Ipv6Addr) -> String {
    format!("{:032x}{STAND_IN}", address.to_bits())
}

/// The address that a stand-in name stands for.
fn stood_for(name: &ServerName<'_>) -> Option<Ipv6Addr> {
    let ServerName::DnsName(name) = name else { return None };
    let bits = name.as_ref().strip_suffix(STAND_IN)?;
    u128::from_str_radix(bits, 16).ok().map(Ipv6Addr::from_bits)
}

/// Checks the chain, and the name or address unless any name will do.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) chain: Arc<WebPkiServerVerifier>,
    pub(super) any_name: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let address = stood_for(server_name).map(|address| ServerName::from(IpAddr::V6(address)));
        let name = address.as_ref().unwrap_or(server_name);
        match self.chain.verify_server_cert(end_entity, intermediates, name, ocsp_response, now) {
            // The name is checked last, so the chain is good.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.any_name => Ok(ServerCertVerified::assertion()),
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Accepts any certificate; the server must only hold its key.
#[derive(Debug)]
pub(super) struct AnyCertificate(pub(super) Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_is_a_name_and_stands_for_its_address() {
        for address in ["::1", "2001:db8::5", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
            let address: Ipv6Addr = address.parse().unwrap();
            let name = ServerName::try_from(stand_in(address)).unwrap();
            assert_eq!(stood_for(&name), Some(address));
        }
        for name in ["ipv6.invalid", "x.ipv6.invalid", "1.ipv6.example"] {
            assert_eq!(stood_for(&ServerName::try_from(name).unwrap()), None, "{name}");
        }
    }
}
