//! Message-Authenticator in replies (RFC 2869 5.14, against CVE-2024-3596), byte by byte.

use super::{ANNA, gateway, slapd};
use crate::support::freeradius::{FreeRadius, SECRET, request};
use crate::support::radius_client::RadiusClient;
use crate::support::udp_tap::UdpTap;

#[tokio::test(flavor = "multi_thread")]
async fn every_reply_is_signed() {
    let slapd = slapd();
    let gateway = gateway(&slapd);
    let freeradius = FreeRadius::before(&gateway);
    let client = RadiusClient::new(SECRET, Vec::new());
    let tap = UdpTap::before(freeradius.port());
    let password = format!("anna-secret{}", gateway.code(ANNA).await);
    let login = |password: &str| {
        request(&[
            ("User-Name", "anna"),
            ("User-Password", password),
            ("Message-Authenticator", "0x00"),
        ])
    };
    let status = request(&[("Message-Authenticator", "0x00")]);
    for (kind, request, code) in [
        ("auth", login(&password), 2),
        ("auth", login(&password), 3),
        ("auth", login("anna-secret"), 11),
        ("status", status, 2),
    ] {
        FreeRadius::radclient_at(tap.port(), kind, &["-r", "1", "-t", "12"], &request);
        let mut passed = tap.passed();
        let (reply, request) = (passed.pop().expect("a reply"), passed.pop().expect("a request"));
        assert_eq!((request.0, reply.0, reply.1[0]), (true, false, code), "{passed:?}");
        assert!(client.is_signed(&reply.1, &request.1), "{kind} {code}: {reply:?}");
    }
}
