//! What variables set.

use std::path::Path;

use super::{KEY, TENANT};
use crate::config::parse;

#[test]
fn the_environment_overrides_the_file() {
    let set = |name: &str, value: &str| {
        let text = format!("keys.server_key='{KEY}'\n{TENANT}");
        let environment = [(name.to_owned(), value.to_owned())];
        parse(Path::new("test.toml"), &text, Path::new("/"), &environment)
    };
    let config = set("DIALPASS_SERVER__LISTEN", "127.0.0.1:1").expect("good");
    assert_eq!(config.server.listen.port(), 1);
    let config = set("DIALPASS_SERVER__WORKERS", "3").expect("good");
    assert_eq!(config.server.workers, Some(3));
    let error = set("DIALPASS_SERVER__LISEN", "x").expect_err("no such key");
    assert!(error.to_string().contains("lisen"), "{error}");
    let error = set("DIALPASS_SERVER__LISTEN", "localhost").expect_err("no address");
    assert!(error.to_string().starts_with("environment: DIALPASS_SERVER__LISTEN: "), "{error}");
    assert!(set("DIALPASS_HOME", "x").is_ok(), "not a key's name");
    let error = set("DIALPASS_SERVER__LISTEN", "5").expect_err("a number, where text is wanted");
    assert!(error.to_string().contains("found 5"), "{error}");
    let error = set("DIALPASS_TENANTS__ID", "x").expect_err("several of them");
    assert!(
        error.to_string().contains("a key below tenants, which is not a section in the file"),
        "{error}"
    );
    let config = set("DIALPASS_SERVER__LIMITS__TRACKED_KEYS", "2000").expect("good");
    assert_eq!(config.server.limits.tracked_keys, 2000);
    let text = format!("keys.server_key='{KEY}'\n{TENANT}");
    let variables = [("DIALPASS_SERVER__TLS", "x"), ("DIALPASS_SERVER__TLS__CERTIFICATE", "y")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let error = parse(Path::new("test.toml"), &text, Path::new("/"), &variables);
    let error = error.expect_err("one within the other").to_string();
    assert!(error.contains("environment: DIALPASS_SERVER__TLS__CERTIFICATE: "), "{error}");
    assert!(error.contains("which DIALPASS_SERVER__TLS sets as a whole"), "{error}");
}
