//! Reads certificates, keys and revocation lists from PEM (RFC 7468). Accepts files that went
//! through editors, PowerShell or `cat`: with a byte order mark, in UTF-16, indented, or with
//! several sections on one line. A section that cannot be used is always reported, never skipped
//! silently.

use std::borrow::Cow;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Why a PEM text cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// It has no section of the wanted kind.
    #[error("has no {wanted}{but}")]
    None {
        /// The kind that was wanted.
        wanted: &'static str,
        /// What it holds instead, if that is recognisable; else empty.
        but: String,
    },
    /// A section of the wanted kind is broken.
    #[error("{0}")]
    Broken(Broken),
}

/// A section that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {what} at line {line} cannot be used: {why}")]
pub struct Broken {
    /// The section's label.
    pub what: String,
    /// The line where it begins, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// The certificates in a text; some may be broken.
#[derive(Debug, Default)]
pub struct Bundle {
    /// The certificates that could be read.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Sections that are, or may be meant as, certificates but cannot be used.
    pub broken: Vec<Broken>,
}

/// One section of the text.
struct Section {
    /// Its label; empty if the first line cannot be read.
    label: String,
    line: usize,
    /// The section rewritten without what editors added, or what is wrong with it.
    text: Result<Zeroizing<String>, &'static str>,
}

impl Section {
    fn broken(&self, why: impl Into<String>) -> Broken {
        let what = if self.label.is_empty() { "section" } else { &self.label };
        Broken { what: what.to_lowercase(), line: self.line, why: why.into() }
    }

    /// Decodes the section.
    fn read<T: PemObject>(&self) -> Result<T, Broken> {
        let text = self.text.as_ref().map_err(|why| self.broken(*why))?;
        T::from_pem_slice(text.as_bytes()).map_err(|error| self.broken(error.to_string()))
    }

    /// Decodes the section and checks that it is an X.509 certificate.
    fn certificate(&self) -> Result<CertificateDer<'static>, Broken> {
        let der: CertificateDer<'static> = self.read()?;
        match webpki::anchor_from_trusted_cert(&der) {
            Ok(_) => Ok(der),
            Err(error) => Err(self.broken(format!("it is not an X.509 certificate ({error})"))),
        }
    }

    fn is_certificate(&self) -> bool {
        // The second label is the older one (RFC 7468 section 5.1).
        matches!(self.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE")
    }
}

/// Reads every usable certificate and reports the rest.
#[must_use]
pub fn bundle(bytes: &[u8]) -> Bundle {
    let mut bundle = Bundle::default();
    for section in sections(&decoded(bytes)) {
        if section.is_certificate() || section.label.is_empty() {
            match section.certificate() {
                Ok(certificate) => bundle.certificates.push(certificate),
                Err(broken) => bundle.broken.push(broken),
            }
        } else if section.label == "TRUSTED CERTIFICATE" {
            bundle.broken.push(section.broken(
                "it is in OpenSSL's own format; convert it: openssl x509 -in FILE -out FILE.pem",
            ));
        } else if matches!(section.label.as_str(), "PKCS7" | "CMS") {
            bundle.broken.push(
                section.broken(
                    "it is a PKCS #7 bundle; convert it: openssl pkcs7 -print_certs -in FILE",
                ),
            );
        }
    }
    bundle
}

/// Reads all certificates; there must be at least one.
///
/// # Errors
/// [`PemError`] if there is none or any is broken.
pub fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let bundle = bundle(bytes);
    if let Some(broken) = bundle.broken.into_iter().next() {
        return Err(PemError::Broken(broken));
    }
    if bundle.certificates.is_empty() {
        return Err(none("certificate", bytes));
    }
    Ok(bundle.certificates)
}

/// Reads the first private key.
///
/// # Errors
/// [`PemError`] if there is none or it is broken.
pub fn private_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    let is_key = |section: &Section| {
        matches!(section.label.as_str(), "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY")
    };
    let found = sections(&decoded(bytes)).into_iter().find(is_key);
    let section = found.ok_or_else(|| none("private key", bytes))?;
    section.read().map_err(PemError::Broken)
}

/// Reads all revocation lists; there must be at least one.
///
/// # Errors
/// [`PemError`] if there is none or any is broken: skipping a list would accept what it revokes.
pub fn revocation_lists(
    bytes: &[u8],
) -> Result<Vec<CertificateRevocationListDer<'static>>, PemError> {
    let sections = sections(&decoded(bytes));
    let lists = sections.iter().filter(|section| section.label == "X509 CRL").map(Section::read);
    let lists = lists.collect::<Result<Vec<_>, _>>().map_err(PemError::Broken)?;
    if lists.is_empty() { Err(none("revocation list", bytes)) } else { Ok(lists) }
}

/// Whether the bytes look like PEM, in any supported encoding.
#[must_use]
pub fn is_pem(bytes: &[u8]) -> bool {
    decoded(bytes).contains(BEGIN)
}

fn none(wanted: &'static str, bytes: &[u8]) -> PemError {
    let labels: Vec<String> =
        sections(&decoded(bytes)).into_iter().map(|section| section.label).collect();
    let but = if bytes.starts_with(&[0x30, 0x82]) || bytes.starts_with(&[0x30, 0x81]) {
        ", but looks like DER: convert it, openssl x509 -inform DER -in FILE -out FILE.pem"
            .to_owned()
    } else if bytes.iter().all(u8::is_ascii_whitespace) {
        ": it is empty".to_owned()
    } else if labels.is_empty() {
        String::new()
    } else {
        format!(", but {}", labels.join(", "))
    };
    PemError::None { wanted, but }
}

/// Decodes the text by its byte order mark, UTF-8 without one, and removes all marks.
fn decoded(bytes: &[u8]) -> Zeroizing<String> {
    let wide = |from: fn([u8; 2]) -> u16| {
        let units: Zeroizing<Vec<u16>> = Zeroizing::new(
            bytes[2..].chunks_exact(2).map(|pair| from([pair[0], pair[1]])).collect(),
        );
        String::from_utf16_lossy(&units)
    };
    let text = match bytes {
        [0xff, 0xfe, ..] => Cow::Owned(wide(u16::from_le_bytes)),
        [0xfe, 0xff, ..] => Cow::Owned(wide(u16::from_be_bytes)),
        _ => String::from_utf8_lossy(bytes),
    };
    let text = Zeroizing::new(text.into_owned());
    // Concatenated files have marks in the middle.
    Zeroizing::new(text.replace('\u{feff}', ""))
}

/// The sections, in file order.
fn sections(text: &str) -> Vec<Section> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begin) = text[at..].find(BEGIN).map(|begin| at + begin) {
        let line = 1 + lines(&text[..begin]);
        let after = begin + BEGIN.len();
        let label_end = text[after..].find(DASHES).map(|end| after + end);
        let label = label_end.map(|end| &text[after..end]).filter(|label| !label.contains('\n'));
        let Some((label, label_end)) = label.zip(label_end) else {
            let text = Err("its first line does not end in -----");
            found.push(Section { label: String::new(), line, text });
            at = after;
            continue;
        };
        let body = label_end + DASHES.len();
        let next = text[body..].find(BEGIN).map_or(text.len(), |next| body + next);
        let end = format!("{END}{label}{DASHES}");
        let content = match text[body..next].find(&end) {
            Some(length) => Ok(anew(label, &text[body..body + length])),
            None => Err("it has no end line"),
        };
        found.push(Section { label: label.to_owned(), line, text: content });
        at = next;
    }
    found
}

/// The section with LF line endings and trimmed lines.
fn anew(label: &str, body: &str) -> Zeroizing<String> {
    let label = if label == "X509 CERTIFICATE" { "CERTIFICATE" } else { label };
    // Allocates the full size at once: growing would leave copies of a key behind.
    let mut text = Zeroizing::new(String::with_capacity(body.len() + 2 * label.len() + 64));
    text.extend([BEGIN, label, DASHES, "\n"]);
    for line in body.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty()) {
        text.extend([line, "\n"]);
    }
    text.extend([END, label, DASHES, "\n"]);
    text
}

/// Counts line endings: CR LF, LF, or CR alone.
fn lines(text: &str) -> usize {
    text.matches('\n').count() + text.replace("\r\n", "\n").matches('\r').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pem() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["one".to_owned()]).unwrap();
        params.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn every_certificate_of_a_bundle_is_read_however_it_was_put_together() {
        let (one, two) = (pem(), pem());
        let wide = |text: &str, mark: [u8; 2], to: fn(u16) -> [u8; 2]| -> Vec<u8> {
            mark.into_iter().chain(text.encode_utf16().flat_map(to)).collect()
        };
        let both = format!("{one}{two}");
        for (how, text) in [
            ("as made", both.clone().into_bytes()),
            ("byte order mark", format!("\u{feff}{both}").into_bytes()),
            ("two files with marks", format!("\u{feff}{one}\u{feff}{two}").into_bytes()),
            ("no line end between", format!("{}{two}", one.trim_end()).into_bytes()),
            ("indented", both.replace('\n', "\n    ").into_bytes()),
            ("blank before", format!(" \t{both}").into_bytes()),
            ("CR LF", both.replace('\n', "\r\n").into_bytes()),
            ("CR", both.replace('\n', "\r").into_bytes()),
            ("blanks at line ends", both.replace('\n', " \n").into_bytes()),
            ("text between", format!("subject=CN\n{one}\n# two\n{two}").into_bytes()),
            ("Latin-1 between", [b"M\xfcller\n", one.as_bytes(), two.as_bytes()].concat()),
            ("older label", both.replace("CERTIFICATE", "X509 CERTIFICATE").into_bytes()),
            ("UTF-16 LE", wide(&both, [0xff, 0xfe], u16::to_le_bytes)),
            ("UTF-16 BE", wide(&both, [0xfe, 0xff], u16::to_be_bytes)),
        ] {
            let read = certificates(&text).unwrap_or_else(|error| panic!("{how}: {error}"));
            assert_eq!(read, certificates(both.as_bytes()).unwrap(), "{how}");
            assert_eq!(read.len(), 2, "{how}");
        }
    }

    #[test]
    fn what_is_broken_is_named_by_its_line_and_the_rest_is_read() {
        let (one, two) = (pem(), pem());
        let lines = one.lines().count();
        for (how, broken, why) in [
            ("no X.509", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "X.509"),
            (
                "no base64",
                "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
                "base64",
            ),
            ("no end", "-----BEGIN CERTIFICATE-----\nAAAA\n", "end line"),
            ("another end", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END KEY-----\n", "end line"),
            ("no dashes", "-----BEGIN CERTIFICATE\nAAAA\n", "does not end in"),
            (
                "OpenSSL's own",
                "-----BEGIN TRUSTED CERTIFICATE-----\nAAAA\n-----END TRUSTED CERTIFICATE-----\n",
                "openssl x509",
            ),
            ("PKCS #7", "-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n", "pkcs7"),
        ] {
            let text = format!("{one}{broken}{two}");
            let bundle = bundle(text.as_bytes());
            assert_eq!(bundle.certificates.len(), 2, "{how}");
            let [only] = &bundle.broken[..] else { panic!("{how}: {:?}", bundle.broken) };
            assert_eq!(only.line, lines + 1, "{how}");
            assert!(only.why.contains(why), "{how}: {only}");
            let Err(PemError::Broken(told)) = certificates(text.as_bytes()) else {
                panic!("{how}")
            };
            assert_eq!(told, *only);
        }
    }

    #[test]
    fn what_is_there_instead_is_named() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let error = certificates(key.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "has no certificate, but PRIVATE KEY");
        let error = private_key(pem().as_bytes()).unwrap_err().to_string();
        assert!(error.contains("no private key, but CERTIFICATE"), "{error}");
        assert!(private_key(format!("\u{feff}{key}").as_bytes()).is_ok());
        let der = certificates(pem().as_bytes()).unwrap().remove(0);
        assert!(certificates(&der).unwrap_err().to_string().contains("-inform DER"));
        assert_eq!(certificates(b"x").unwrap_err().to_string(), "has no certificate");
        let error = certificates(b" \n").unwrap_err().to_string();
        assert_eq!(error, "has no certificate: it is empty");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just(BEGIN.to_owned()),
                    Just(END.to_owned()),
                    Just(DASHES.to_owned()),
                    Just("CERTIFICATE".to_owned()),
                    ".{0,6}",
                ],
                0..12,
            ),
        ) {
            let text = parts.concat();
            let _ = bundle(text.as_bytes());
            let _ = private_key(text.as_bytes());
            let _ = revocation_lists(text.as_bytes());
        }
    }
}
