//! Why a TLS handshake failed or a certificate was rejected, in one line that says what to do.

use std::io;

use rustls::{AlertDescription, CertificateError, PeerIncompatible};

/// What is supported, for administrators whose server offers none of it.
macro_rules! supported {
    ($so:literal) => {
        concat!(
            $so,
            "it needs TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305; suites with \
             CBC or RSA key exchange, all that Windows Server 2012 R2 and older have, are not \
             supported"
        )
    };
}

/// A handshake that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFailure {
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub advice: &'static str,
}

impl TlsFailure {
    fn new(what: impl Into<String>, advice: &'static str) -> Self {
        Self { what: what.into(), advice }
    }
}

/// Explains a handshake error.
#[must_use]
pub fn explain(error: &io::Error) -> TlsFailure {
    use rustls::Error;
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(problem)) => certificate(problem),
        Some(Error::AlertReceived(alert)) => alerted(*alert),
        Some(Error::PeerIncompatible(why)) => incompatible(why),
        Some(Error::InvalidMessage(_)) => TlsFailure::new(
            "the server's answer is not TLS",
            "is it the TLS port (636)? For the plain port, use ldap:// with start_tls = true",
        ),
        Some(other) => TlsFailure::new(
            other.to_string(),
            "is it the TLS port (636), and does the server speak TLS 1.2 or 1.3?",
        ),
        None if error.kind() == io::ErrorKind::UnexpectedEof => TlsFailure::new(
            "the server ended the handshake without a word",
            supported!("is it the TLS port (636), and has the server a certificate? Else "),
        ),
        None => TlsFailure::new(
            error.to_string(),
            "is it the TLS port (636), and does the server speak TLS 1.2 or 1.3?",
        ),
    }
}

fn certificate(problem: &CertificateError) -> TlsFailure {
    use CertificateError as Problem;
    let advice = match problem {
        // A CA with the same name but another key causes a bad signature.
        Problem::UnknownIssuer | Problem::BadSignature => {
            "ca_file is not the CA that issued the server's certificate: export the one that did, \
             with all that stand between"
        }
        Problem::Expired | Problem::ExpiredContext { .. } => "renew the server's certificate",
        Problem::NotValidYet | Problem::NotValidYetContext { .. } => {
            "is this machine's clock right, and was that of the machine that made the certificate?"
        }
        Problem::NotValidForName | Problem::NotValidForNameContext { .. } => {
            "name the server in `servers` as its certificate does (subjectAltName)"
        }
        Problem::InvalidPurpose | Problem::InvalidPurposeContext { .. } => {
            "have a certificate issued that is for servers (extended key usage serverAuth)"
        }
        Problem::UnhandledCriticalExtension => {
            "the certificate has a critical extension that is not known here: have one issued \
             without"
        }
        Problem::Other(other) => return unusual(other),
        // The library's message would list every algorithm that it supports.
        Problem::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } => {
            return signature(signature_algorithm_id);
        }
        Problem::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => return signature(&[]),
        _ => "look at the server's certificate",
    };
    TlsFailure::new(format!("invalid peer certificate: {problem}"), advice)
}

/// Explains errors of the certificate library that the TLS library has no variant for.
fn unusual(problem: &rustls::OtherError) -> TlsFailure {
    let known = problem.0.downcast_ref::<webpki::Error>();
    match known {
        Some(webpki::Error::CaUsedAsEndEntity) => TlsFailure::new(
            "the server shows a CA's certificate as its own (CaUsedAsEndEntity)",
            "have that CA issue a certificate for the server (basicConstraints CA:FALSE, with a \
             subjectAltName), and keep the CA's in ca_file; `openssl req -x509` makes a CA unless \
             it is told otherwise: -addext basicConstraints=critical,CA:FALSE",
        ),
        Some(webpki::Error::EndEntityUsedAsCa) => TlsFailure::new(
            "the certificate that signed the server's is not a CA's (EndEntityUsedAsCa)",
            "put the CA's own certificate in ca_file (basicConstraints CA:TRUE), and have the \
             server send the CAs that stand between",
        ),
        Some(webpki::Error::UnsupportedCertVersion) => TlsFailure::new(
            "the server's certificate is of X.509 version 1 (UnsupportedCertVersion)",
            "have one of version 3 issued, with a subjectAltName (openssl x509 -req needs -extfile \
             or -copy_extensions for that)",
        ),
        Some(webpki::Error::NameConstraintViolation) => TlsFailure::new(
            "a CA may not issue certificates for the server's name (NameConstraintViolation)",
            "have the certificate issued by a CA that may, or name the server as that CA's name \
             constraints allow",
        ),
        Some(webpki::Error::PathLenConstraintViolated) => TlsFailure::new(
            "more CAs stand between than one of them allows (PathLenConstraintViolated)",
            "have the certificate issued by a CA that may, or trust a CA nearer to it in ca_file",
        ),
        Some(_) | None => TlsFailure::new(
            format!("invalid peer certificate: {problem}"),
            "look at the server's certificate",
        ),
    }
}

/// An unsupported signature, by its algorithm as written in the certificate (DER).
fn signature(algorithm: &[u8]) -> TlsFailure {
    // AlgorithmIdentifiers of sha1WithRSAEncryption, ecdsa-with-SHA1, dsa-with-SHA1 and
    // md5WithRSAEncryption.
    let broken: [(&[u8], &str); 4] = [
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05], "SHA-1"),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01], "SHA-1"),
        (&[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x03], "SHA-1"),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04], "MD5"),
    ];
    let holds = |oid: &[u8]| algorithm.windows(oid.len()).any(|part| part == oid);
    let which = broken.iter().find(|(oid, _)| holds(oid));
    let what = which.map_or_else(
        || "a certificate is signed by an algorithm that is not supported".to_owned(),
        |(_, hash)| format!("a certificate is signed with {hash}, which can be forged"),
    );
    TlsFailure::new(
        what,
        "have the server's certificate, and those of the CAs that stand between, issued anew with \
         SHA-256 or better; the root in ca_file may be as it is",
    )
}

fn alerted(alert: AlertDescription) -> TlsFailure {
    let what = format!("the server ended the handshake ({alert:?})");
    let advice = match alert {
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            supported!("the server wants a client certificate, or has no cipher suite in common: ")
        }
        AlertDescription::ProtocolVersion => {
            supported!("the server speaks no version of TLS that is supported: ")
        }
        AlertDescription::CertificateRequired
        | AlertDescription::NoCertificate
        | AlertDescription::BadCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::AccessDenied => {
            "the server wants another client certificate than it was shown: set \
             client_certificate and client_private_key to one by a CA that it trusts"
        }
        AlertDescription::UnrecognisedName => {
            "the server does not know itself by the name in `servers`: use one that it has a \
             certificate for"
        }
        _ => "the server's log says why; does it want a client certificate?",
    };
    TlsFailure::new(what, advice)
}

fn incompatible(why: &PeerIncompatible) -> TlsFailure {
    let advice = match why {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => {
            supported!("the server speaks TLS 1.1 or older: ")
        }
        PeerIncompatible::ExtendedMasterSecretExtensionRequired => {
            "the server's TLS 1.2 lacks Extended Master Secret (RFC 7627): update the server"
        }
        _ => supported!("the server's TLS and this one have nothing in common: "),
    };
    TlsFailure::new(format!("the server's TLS cannot be used ({why:?})"), advice)
}
