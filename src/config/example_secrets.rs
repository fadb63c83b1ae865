//! Secrets that are public because this repository contains them: those of the demo and of the
//! examples. They are refused if the server listens beyond this machine.

use super::check::Problems;
use super::server::ServerConfig;
use super::tenants::TenantConfig;
use crate::http::authorization::SecretHash;

/// SHA-256 of the secrets of clients in `config/demo.toml` and `config/default.toml`.
const CLIENT_SECRETS: [&str; 4] = [
    "7c7a8b1195cb008c27c0354bc08f995acf6cdca8ac993b62dd8eaef50ebffa6d",
    "63fe35f58f4b78217f4a78b4988a5983014a6c88810c33c9a2986ecebfd32346",
    "42abe89274ca0af4504e3d4f5340bdea12f5799b789c6bcd93db1e8df5688e6f",
    "77a901ec1fc45de2eb6341c28a42c86fad2e88d53e62548346ad0ca75684c43d",
];

/// Refuses clients with such a secret if the server listens beyond this machine.
pub(super) fn refuse(tenants: &[TenantConfig], server: &ServerConfig, problems: &mut Problems) {
    if server.listen.ip().to_canonical().is_loopback() {
        return;
    }
    for client in tenants.iter().flat_map(|tenant| &tenant.clients) {
        let known = &client.entry.credentials;
        let hashes = [
            ("basic.password_sha256", known.basic.as_ref().map(|basic| basic.password_sha256)),
            ("bearer.token_sha256", known.bearer),
        ];
        for (name, hash) in hashes {
            if hash.is_some_and(is_public) {
                problems.add(
                    &format!("{}.{name}", client.key),
                    format!(
                        "the SHA-256 of an example, whose secret is public, though the server listens \
                         at {}, beyond this machine",
                        server.listen
                    ),
                    "one of your own: `dialpass new-secret` prints a secret and its SHA-256",
                );
            }
        }
    }
}

fn is_public(hash: SecretHash) -> bool {
    CLIENT_SECRETS.iter().any(|known| {
        let mut digest = [0; 32];
        hex::decode_to_slice(known, &mut digest).expect("64 hexadecimal digits");
        SecretHash::new(digest) == hash
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    const TENANT: &str = "[[tenants]]\nid='t1'\ncountry='SE'\nlogin.password='not-asked'\n\
        directory.kind='registered'\n";

    fn said(listen: &str, server_key: &str, sha256: &str) -> String {
        let client = |name: &str, how: &str| {
            format!("[[tenants.clients]]\nname='{name}'\noperations=['getOTP']\n{how}\n")
        };
        let text = format!(
            "keys.server_key='{server_key}'\n[server]\nlisten='{listen}'\nallow_plain_http=true\n\
             {TENANT}{}{}",
            client("a", &format!("basic={{username='a',password_sha256='{sha256}'}}")),
            client("b", &format!("bearer={{token_sha256='{sha256}'}}"))
        );
        let read = parse(Path::new("test.toml"), &text, Path::new("/"), &[]);
        read.err().map(|error| error.to_string()).unwrap_or_default()
    }

    const OWN_KEY: &str = "9e107d9d372bb6826bd81d3542a419d6e4d909c290d0fb1ca068ffaddf22cbd0";
    const COUNTING: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn what_is_published_is_refused_beyond_this_machine() {
        for sha256 in CLIENT_SECRETS {
            let said = said("0.0.0.0:8443", OWN_KEY, sha256);
            for key in ["clients[0].basic.password_sha256", "clients[1].bearer.token_sha256"] {
                assert!(
                    said.contains(&format!("tenants[0].{key}: found the SHA-256 of")),
                    "{said}"
                );
            }
            assert!(!said.contains(sha256), "{said}");
        }
        let key = said("[::]:8443", COUNTING, OWN_KEY);
        assert!(key.contains("keys.server_key: found a key whose bytes count up"), "{key}");
        assert_eq!(said("0.0.0.0:8443", OWN_KEY, OWN_KEY), "");
        for listen in ["127.0.0.1:8443", "[::1]:8443"] {
            assert_eq!(said(listen, COUNTING, CLIENT_SECRETS[0]), "", "to try it out");
        }
    }

    #[test]
    fn every_digest_in_the_documents_and_configurations_is_known() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = ["config", "docs", "systemd"].map(|name| root.join(name));
        let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("a folder"));
        let files = files.map(|entry| entry.expect("an entry").path());
        let mut seen = 0;
        for file in files.chain([root.join("README.md")]).filter(|file| file.is_file()) {
            // A page's picture is not text.
            let Ok(text) = std::fs::read_to_string(&file) else { continue };
            for word in text.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| word.len() == 64)
            {
                assert!(CLIENT_SECRETS.contains(&word), "{}: {word}", file.display());
                seen += 1;
            }
        }
        assert!(seen >= CLIENT_SECRETS.len());
    }
}
