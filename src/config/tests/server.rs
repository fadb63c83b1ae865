//! Mistakes in the sections that belong to no tenant.

use actix_web::http::header::HeaderName;

use super::{TENANT, problem, read};
use crate::http::proxy::CertificateForm;

#[test]
fn proxies_are_not_most_of_the_internet_and_what_they_send_is_named() {
    let all = ["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/7", "2000::/3", "::ffff:0.0.0.0/96"];
    for key in ["trusted_proxies", "proxy_protocol_from"] {
        for network in all {
            let problem = problem(&format!("[server]\n{key}=['10.0.0.1','{network}']\n{TENANT}"));
            let at = format!("server.{key}[1]");
            assert!(
                problem.contains(&at) && problem.contains("part of the internet"),
                "{network}: {problem}"
            );
        }
        for network in ["10.0.0.0/8", "fc00::/7", "2001:db8::1", "192.0.2.1"] {
            assert!(read(&format!("[server]\n{key}=['{network}']\n{TENANT}")).is_ok(), "{network}");
        }
    }
    let proxy = |keys: &str| {
        format!("[server]\ntrusted_proxies=['10.0.0.1']\n[server.proxy]\n{keys}\n{TENANT}")
    };
    for (keys, key) in [
        ("certificate_format='escaped-pem'", "server.proxy.certificate_header"),
        ("certificate_header='X-Cert'", "server.proxy.certificate_header"),
        ("certificate_format='xfcc'\ncertificate_header='a b'", "server.proxy.certificate_header"),
        ("secret_header=''", "server.proxy.secret_header"),
        ("certificate={san='dns:a'}", "server.proxy.certificate"),
        ("address_header='X-Real-IP'", "server.proxy.address_header"),
    ] {
        let problem = problem(&proxy(keys));
        assert!(problem.contains(key), "{keys}: {problem}");
    }
    let config = read(&proxy("certificate_format='xfcc'\naddress_header='X-Forwarded-For'"));
    let config = config.expect("good").server.proxy;
    let header = HeaderName::from_static("x-forwarded-client-cert");
    let form = CertificateForm::Xfcc(header);
    assert_eq!(config.certificate, form);
    let alone = format!("[server.proxy]\naddress_header='X-Forwarded-For'\n{TENANT}");
    assert!(problem(&alone).contains("server.trusted_proxies"));
}

#[test]
fn each_mistake_about_the_store_is_named_and_shows_no_password() {
    for (text, key, says) in [
        ("[store]\nurl='sqlite::memory:'".to_owned(), "store.url", "the path of a file"),
        ("[store]\nurl='sqlite:a.db?mode=ro'".to_owned(), "store.url", "the path of a file"),
        ("[store]\nurl='sqlite:/'".to_owned(), "store.url", "a folder"),
        ("[store]\nconnections=3".to_owned(), "store.connections", "PostgreSQL"),
        (
            "[store]\nurl='postgres://u:Sec@ret@localhost/d'".to_owned(),
            "store.url",
            "percent-encoded",
        ),
        (
            "[store]\nurl='postgres://u:Sec?ret@localhost/d'".to_owned(),
            "store.url",
            "unknown parameter",
        ),
        (
            "[store]\nurl='postgres://u@h/d?sslmode=require&sslmode=disable'".to_owned(),
            "store.url",
            "twice",
        ),
        ("[store]\nurl='postgres://h/d'".to_owned(), "store.url", "no user"),
        ("[store]\nurl='postgres://u@/d'".to_owned(), "store.url", "no host"),
        ("[store]\nurl='postgres://u@db.example.com/d'".to_owned(), "store.url", "no sslmode"),
        (
            "[store]\nurl='postgres://u@localhost,db.example.com/d?sslmode=prefer'".to_owned(),
            "store.url",
            "in clear to db.example.com:5432",
        ),
        ("[store]\nurl='postgres://u@h/d?sslmode=full'".to_owned(), "store.url", "verify-full"),
        ("[store]\nurl='postgres://u@h/d?sslmoed=require'".to_owned(), "store.url", "sslmoed"),
        (
            "[store]\nurl='postgres://u@h/d?sslmode=require&target_session_attrs=any'".to_owned(),
            "store.url",
            "read-write",
        ),
        (
            "[store]\nurl='postgres://u:p@localhost/d'\npassword='q'".to_owned(),
            "store.password",
            "one of them",
        ),
        (
            "[store]\nurl='postgres://u@localhost/d'\nclient_certificate='/nowhere'".to_owned(),
            "store.client_certificate",
            "both or neither",
        ),
    ] {
        let text = if text.contains("[[tenants]]") { text } else { format!("{text}\n{TENANT}") };
        let problem = problem(&text);
        assert!(problem.starts_with("test.toml:"), "{problem}");
        assert!(problem.contains(key) && problem.contains(says), "{key}, {says}: {problem}");
        assert!(problem.contains("found ") && problem.contains("accepted: "), "{problem}");
    }
}

#[test]
fn each_mistake_about_push_is_named_and_shows_no_key() {
    let push = |extra: &str| {
        let contact =
            if extra.contains("contact") { "" } else { "contact='mailto:it@example.com'" };
        let key = if extra.contains("private_key") { "" } else { "private_key='s3cr3t'" };
        format!("[push]\n{contact}\n{key}\n{extra}\n{TENANT}")
    };
    for (extra, key, says) in [
        ("contact='it@example.com'", "push.contact", "mailto:NAME@HOST"),
        ("contact=5", "push.contact", "found integer `5`"),
        ("hosts=[]", "push.hosts", "an empty list"),
        ("hosts=['a.example.com','*.com']", "push.hosts[1]", "\"*.com\""),
        ("hosts=['https://a.example.com']", "push.hosts[0]", "a host's name"),
        ("hosts=['10.0.0.1']", "push.hosts[0]", "10.0.0.1"),
        ("timeout='20s'", "push.timeout", "100ms to 10s"),
        ("ca_file='/nowhere.pem'", "push.ca_file", "/nowhere.pem"),
        ("private_key_file='/nowhere.pem'", "push.private_key_file", "/nowhere.pem"),
        ("private_key='s3cr3t'\nprivate_key_file='x'", "push.private_key", "one of them"),
        ("private_key=''", "push.private_key", "empty"),
        ("private_kee='s3cr3t'", "push.private_kee", "unknown key"),
    ] {
        let problem = problem(&push(extra));
        assert!(problem.contains(key) && problem.contains(says), "{key}, {says}: {problem}");
        assert!(!problem.contains("s3cr3t"), "{problem}");
    }
    for (section, key) in [("", "push.contact"), ("contact='https://a'", "push.private_key")] {
        let problem = problem(&format!("[push]\n{section}\n{TENANT}"));
        assert!(problem.contains(key) && problem.contains("found nothing"), "{problem}");
    }
    let config = read(&push("")).expect("good");
    let good = &config.push.as_ref().expect("push").settings;
    assert_eq!((good.hosts.len(), good.timeout.as_secs()), (4, 2));
    assert!(!format!("{config:?}").contains("s3cr3t"));
    assert!(read(TENANT).expect("good").push.is_none(), "left out");
}

#[test]
fn a_public_url_is_a_scheme_a_host_and_a_port_that_can_be_reached() {
    let with = |url: &str| format!("[server]\npublic_url='{url}'\n{TENANT}");
    for url in [
        "id.example.com",
        "https://",
        "http://id.example.com",
        "https://id.example.com/path",
        "https://id.example.com?a=b",
        "https://me@id.example.com",
        "https://id.example.com:0",
        "http://localhost:0",
    ] {
        let said = problem(&with(url));
        assert!(
            said.contains("server.public_url: found ") && said.contains("1 to 65535"),
            "{said}"
        );
    }
    for url in ["https://id.example.com", "https://id.example.com:8443/", "http://localhost:8080"] {
        assert!(read(&with(url)).is_ok(), "{url}");
    }
}
