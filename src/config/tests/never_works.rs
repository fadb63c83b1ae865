//! Settings that can never work with what else is set, and those that are doubtful.

use super::{KEY, TENANT, problem, read};
use crate::http::client_table::CertificatePin;

const PROXY: &str = "[server]\ntrusted_proxies=['10.0.0.1']\n";

#[test]
fn a_proxys_headers_have_names_of_their_own() {
    for key in ["secret_header", "certificate_header"] {
        let sha256 = "ab".repeat(32);
        let other = match key {
            "secret_header" => format!("certificate_header='X-Cert'\nsecret_sha256='{sha256}'\n"),
            _ => String::new(),
        };
        let with = |name: &str| {
            format!(
                "{PROXY}[server.proxy]\ncertificate_format='base64-der'\n{other}{key}='{name}'\n\
                 {TENANT}"
            )
        };
        for odd in ["", "a b", "a:b", "ä", "a\tb", "(a)", "a/b"] {
            let problem = problem(&with(odd));
            assert!(problem.contains(key) && problem.contains("5.6.2"), "{odd}: {problem}");
        }
        for other in ["Authorization", "tenant", "HOST", "Content-Length", "x-forwarded-for"] {
            let problem = problem(&with(other));
            assert!(problem.contains(key) && problem.contains("another meaning"), "{problem}");
        }
        for good in ["X-Own", "x_own", "X.Own~1"] {
            assert!(read(&with(good)).is_ok(), "{good}");
        }
    }
    let same = format!(
        "{PROXY}[server.proxy]\ncertificate_format='xfcc'\ncertificate_header='X-A'\n\
         secret_header='x-a'\nsecret_sha256='{}'\n{TENANT}",
        "ab".repeat(32)
    );
    assert!(problem(&same).contains("another header"), "{}", problem(&same));
    let unproven = problem(&format!("{PROXY}[server.proxy]\nsecret_header='X-Own'\n{TENANT}"));
    assert!(unproven.contains("server.proxy.secret_sha256: found nothing"), "{unproven}");
}

/// `[server.tls]` of the files in a folder, which need not hold what they say here.
fn tls(folder: &std::path::Path, more: &str) -> String {
    let file = folder.join("file");
    std::fs::write(&file, "").expect("a file");
    let file = file.display();
    format!("[server.tls]\ncertificate='{file}'\nprivate_key='{file}'\n{more}")
        .replace("FILE", &file.to_string())
}

#[test]
fn a_certificate_that_none_asks_for_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let client =
        "[[tenants.clients]]\nname='c'\noperations=['getOTP']\ncertificate={san='dns:a'}\n";
    let off = tls(folder.path(), "client_ca='FILE'\nclient_certificates='off'\n");
    let no_ca = tls(folder.path(), "");
    for server in ["", &no_ca, &off, PROXY] {
        let problem = problem(&format!("{server}\n{TENANT}{client}"));
        assert!(problem.contains("tenants[0].clients[0].certificate: "), "{server}: {problem}");
    }
    let optional = tls(folder.path(), "client_ca='FILE'\n");
    let file = folder.path().join("file");
    let behind = format!("{PROXY}proxy_client_ca='{}'\n", file.display());
    for server in [&optional, &behind] {
        let config = read(&format!("{server}\n{TENANT}{client}"));
        assert!(config.is_ok(), "{server}: {config:?}");
    }
    for (more, refused) in
        [("client_certificates='off'\n", true), ("client_certificates='optional'\n", false)]
    {
        let tls = tls(folder.path(), &format!("client_ca='FILE'\n{more}"));
        let proxy = "[server.proxy]\ncertificate={san='dns:proxy'}\n";
        let config = read(&format!("{PROXY}{tls}{proxy}{TENANT}"));
        let said = config.err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(said.contains("server.proxy.certificate: "), refused, "{more}: {said}");
    }
}

/// A client, with what identifies it.
fn client(how: &str) -> String {
    format!("[[tenants.clients]]\nname='c'\noperations=['getOTP']\n{how}\n")
}

fn warnings(text: &str) -> Vec<String> {
    read(text).expect("good").warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_tenant_that_no_client_may_ask_for_is_warned_of() {
    let told = |text: &str| {
        let all = warnings(text);
        all.iter().any(|one| one.contains("tenants[0]: tenant t1 has no clients"))
    };
    let public = "[server]\npublic_url='https://id.example.com'\n";
    assert!(told(TENANT));
    assert!(!told(&format!("{TENANT}{}", client("anonymous={addresses=['10.0.0.1']}"))));
    assert!(!told(&format!("{public}{TENANT}")), "a backend with an access key may");
}

#[test]
fn clients_and_browsers_that_have_no_certificate_where_one_is_required_are_warned_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let bearer = client(&format!("bearer={{token_sha256='{KEY}'}}"));
    let certificate = client("certificate={san='dns:a'}");
    let public = "[server]\npublic_url='https://id.example.com'\n";
    let told = |server: &str, certificates: &str, client: &str| {
        let more = format!("client_ca='FILE'\nclient_certificates='{certificates}'\n");
        let all = warnings(&format!("{server}{}{TENANT}{client}", tls(folder.path(), &more)));
        let at = |one: &&String| one.contains(" server.tls.client_certificates: ");
        let (clients, browsers): (Vec<_>, Vec<_>) =
            all.iter().filter(at).partition(|one| one.contains("(\"c\")"));
        (clients.len(), browsers.len())
    };
    assert_eq!(told("", "required", &bearer), (1, 0));
    assert_eq!(told(public, "required", &bearer), (1, 1));
    assert_eq!(told(public, "required", &certificate), (0, 1));
    assert_eq!(told("", "required", &certificate), (0, 0));
    assert_eq!(told(public, "optional", &bearer), (0, 0));
    assert_eq!(told(PROXY, "required", &bearer), (0, 0), "a proxy shows its own");
}

#[test]
fn names_and_addresses_are_compared_as_what_they_mean() {
    let folder = tempfile::tempdir().expect("a folder");
    let with = |how: &str| {
        let tls = tls(folder.path(), "client_ca='FILE'\n");
        let mut config = read(&format!("{tls}{TENANT}{}", client(how))).expect(how);
        config.tenants.remove(0).clients.remove(0).entry.credentials
    };
    for san in ["dns:PBX.Example.COM", "dns:pbx.example.com"] {
        let pin = with(&format!("certificate={{san='{san}'}}")).certificate;
        assert_eq!(pin, Some(CertificatePin::SanDns("pbx.example.com".to_owned())));
    }
    for (written, meant) in [
        ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::FFFF:c000:201/128", "192.0.2.1/32"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
        ("::/0", "::/0"),
    ] {
        let how = format!("anonymous={{addresses=['{written}']}}");
        let networks = with(&how).anonymous.expect(&how);
        assert_eq!(networks, [meant.parse().expect("a network")], "{written}");
    }
}

#[test]
fn two_listeners_at_one_port_are_refused_also_where_one_is_at_all_addresses() {
    let with = |public: &str, ops: &str| {
        let listen = format!("[server]\nlisten='{public}'\nallow_plain_http=true\n");
        read(&format!("{listen}[ops]\nlisten='{ops}'\nallow_plain_http=true\n{TENANT}"))
    };
    for (public, ops) in [
        ("127.0.0.1:9090", "127.0.0.1:9090"),
        ("0.0.0.0:9090", "127.0.0.1:9090"),
        ("127.0.0.1:9090", "0.0.0.0:9090"),
        ("[::]:9090", "127.0.0.1:9090"),
        ("[::]:9090", "[::1]:9090"),
        ("[::ffff:127.0.0.1]:9090", "127.0.0.1:9090"),
    ] {
        let said = with(public, ops).expect_err(ops).to_string();
        assert!(said.contains("ops.listen: found ") && said.contains("another port"), "{said}");
    }
    for (public, ops) in [
        ("0.0.0.0:9090", "127.0.0.1:9091"),
        ("0.0.0.0:9090", "[::1]:9090"),
        ("127.0.0.1:9090", "127.0.0.2:9090"),
        ("127.0.0.1:0", "127.0.0.1:0"),
    ] {
        let said = with(public, ops).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(!said.contains("ops.listen"), "{said}");
    }
}

#[test]
fn one_address_that_may_have_all_connections_is_warned_of() {
    let warned = |limits: &str| {
        let config = read(&format!("[server.limits]\n{limits}\n{TENANT}")).expect("good");
        let about = config.warnings.iter();
        about.filter(|one| one.key == "server.limits.connections_per_address").count()
    };
    assert_eq!(warned(""), 0);
    assert_eq!(warned("connections=500"), 1, "the default for one address");
    assert_eq!(warned("connections=501"), 0);
    assert_eq!(warned("connections=1000\nconnections_per_address=1000"), 1);
    assert_eq!(warned("connections_per_address=10000"), 1);
}

#[test]
fn what_is_written_of_strangers_is_limited_in_a_second_to_an_hour() {
    for key in ["strangers", "strangers_per_address"] {
        let with = |per: &str| format!("[audit]\n{key}={{burst=5,per='{per}'}}\n{TENANT}");
        for odd in ["0s", "999ms", "61m", "2days"] {
            let problem = problem(&with(odd));
            assert!(problem.contains(&format!("audit.{key}.per")), "{problem}");
            assert!(problem.contains("1s to 1h"), "{problem}");
        }
        for good in ["1s", "10m", "1h"] {
            assert!(read(&with(good)).is_ok(), "{good}");
        }
    }
    let table = include_str!("../../../config/default.toml");
    assert!(table.contains("`per` of these two: 1 s to 1 h"));
}
