//! Certificate authorities for tests, and what they issue.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    CustomExtension, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A self-signed CA.
pub struct Ca(CertifiedIssuer<'static, KeyPair>);

/// What a leaf certificate is to say.
#[derive(Clone, Copy)]
pub struct Leaf<'a> {
    pub dns: &'a str,
    pub uri: &'a str,
    pub serial: u64,
    /// The year at whose start it ends.
    pub ends: i32,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Issued {
    pub certificate: String,
    pub key: String,
}

impl Ca {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(Self::params(name), key).unwrap())
    }

    /// A CA whose own certificate this one issues.
    pub fn intermediate(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::signed_by(Self::params(name), key, &self.0).unwrap())
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.0.as_ref().der().clone()
    }

    pub fn pem(&self) -> String {
        self.0.as_ref().pem()
    }

    pub fn server(&self, serial: u64) -> Issued {
        let leaf = Leaf { dns: "localhost", uri: "", serial, ends: 2090 };
        self.issue(leaf, ExtendedKeyUsagePurpose::ServerAuth)
    }

    pub fn client(&self, leaf: Leaf<'_>) -> Issued {
        self.issue(leaf, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A client certificate that says who it is by its common name, as databases want it.
    pub fn client_named(&self, name: &str) -> Issued {
        let leaf = Leaf { dns: "client.example.org", uri: "", serial: 1, ends: 2090 };
        self.issue_named(Some(name), leaf, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A certificate with which a carrier vouches for callers (RFC 8226): the extension `TNAuthList`
    /// has its service provider code.
    pub fn carrier(&self, name: &str, code: &str) -> Issued {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let tagged = |tag: u8, content: &[u8]| {
            let length = u8::try_from(content.len()).expect("a short one");
            [&[tag, length], content].concat()
        };
        // A sequence of one entry, whose choice 0 is an IA5String.
        let list = tagged(0x30, &tagged(0xa0, &tagged(0x16, code.as_bytes())));
        let oid = [1, 3, 6, 1, 5, 5, 7, 1, 26];
        params.custom_extensions = vec![CustomExtension::from_oid_content(&oid, list)];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn issue(&self, leaf: Leaf<'_>, usage: ExtendedKeyUsagePurpose) -> Issued {
        self.issue_named(None, leaf, usage)
    }

    fn issue_named(
        &self,
        name: Option<&str>,
        leaf: Leaf<'_>,
        usage: ExtendedKeyUsagePurpose,
    ) -> Issued {
        let mut params = CertificateParams::new(vec![leaf.dns.to_owned()]).unwrap();
        if let Some(name) = name {
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
        }
        if !leaf.uri.is_empty() {
            let uri = leaf.uri.to_owned().try_into().unwrap();
            params.subject_alt_names.push(SanType::URI(uri));
        }
        params.serial_number = Some(SerialNumber::from(leaf.serial));
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(leaf.ends, 1, 1);
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A revocation list of these serial numbers.
    pub fn crl(&self, serials: &[u64]) -> String {
        self.crl_until(serials, 2090)
    }

    /// One that is due for replacement at the start of a year.
    pub fn crl_until(&self, serials: &[u64], due: i32) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(due, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.0).unwrap().pem().unwrap()
    }
}

impl Issued {
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }

    pub fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}
