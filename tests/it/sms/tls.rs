//! Providers over TLS: whose certificates are trusted.

use std::time::Duration;

use dialpass::messenger::SendError;
use tempfile::TempDir;

use super::provider::{Manner, Provider};
use super::{messenger_in, send};
use crate::support::pki::Ca;

#[tokio::test]
async fn a_text_goes_only_to_a_provider_whose_certificate_the_ca_vouches_for() {
    let (own, other) = (Ca::new("the provider's"), Ca::new("another"));
    let good = Manner::Answer("200 OK", String::new());
    let provider = Provider::start_tls(good, &own.server(1)).await;
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("own.pem"), own.pem()).unwrap();
    std::fs::write(folder.path().join("other.pem"), other.pem()).unwrap();
    for (host, ca_file, expected) in [
        ("localhost", "ca_file = \"own.pem\"", Ok(())),
        ("localhost", "ca_file = \"other.pem\"", Err(SendError::NotTaken)),
        ("localhost", "", Err(SendError::NotTaken)),
        ("127.0.0.1", "ca_file = \"own.pem\"", Err(SendError::NotTaken)),
    ] {
        let section = format!(
            "[[tenants.sms.providers]]\nname = \"main\"\n{ca_file}\n\
             url = \"https://{host}:{}/{{phone}}/{{message}}\"\n",
            provider.port()
        );
        let before = provider.count();
        let messenger = messenger_in(folder.path(), &section);
        let (sent, _) = send(&messenger, "+46701234567", "12", Duration::from_secs(10)).await;
        assert_eq!(sent, expected, "{host} {ca_file}");
        assert_eq!(provider.count() - before, usize::from(expected.is_ok()), "{host} {ca_file}");
    }
}
