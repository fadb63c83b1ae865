//! The rules of [`identify`], each as a table of credentials and results.

use proptest::prelude::*;

use super::*;
use crate::http::authorization::BearerToken;
use crate::http::client_table::{
    BasicCredential, CertificatePin, ClientTableError, Credentials, Operation,
};
use crate::http::oauth2::{Claims, OAuth2Rule, TokenKind};
use UnidentifiedReason as R;
use jsonwebtoken::Algorithm;

/// When all requests here are sent.
const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

fn client(of: &str, name: &str, credentials: Credentials) -> ClientEntry {
    let operations = vec![Operation::GetOtp];
    ClientEntry { tenant: tenant(of), name: name.to_owned(), operations, credentials }
}

fn bearer(secret: &str) -> Credentials {
    Credentials { bearer: Some(SecretHash::of(secret.as_bytes())), ..Credentials::default() }
}

fn basic(username: &str, password: &str) -> Credentials {
    let password_sha256 = SecretHash::of(password.as_bytes());
    let basic = Some(BasicCredential { username: username.to_owned(), password_sha256 });
    Credentials { basic, ..Credentials::default() }
}

fn pinned(pin: CertificatePin) -> Credentials {
    Credentials { certificate: Some(pin), ..Credentials::default() }
}

fn dns(name: &str) -> Credentials {
    pinned(CertificatePin::SanDns(name.to_owned()))
}

fn anonymous(network: &str) -> Credentials {
    Credentials { anonymous: Some(vec![network.parse().unwrap()]), ..Credentials::default() }
}

fn rule(scope: &str) -> OAuth2Rule {
    OAuth2Rule {
        issuer: "https://issuer".to_owned(),
        audience: "dialpass".to_owned(),
        jwks_url: "https://issuer/keys".to_owned(),
        scope: scope.to_owned(),
        algorithms: vec![Algorithm::ES256],
        client_id: None,
        sub: None,
        requires_typ: false,
    }
}

fn oauth2(scope: &str) -> Credentials {
    Credentials { oauth2: Some(rule(scope)), ..Credentials::default() }
}

fn certificate(name: &str) -> PeerCertificate {
    PeerCertificate {
        san_dns: vec!["first.example".to_owned(), name.to_owned()],
        san_uri: vec![format!("urn:{name}")],
        sha256: [7; 32],
        not_before: 0,
        not_after: 0,
    }
}

fn signed(scope: &str) -> SignedToken {
    let claims = serde_json::json!({"iss": "https://issuer", "aud": "dialpass", "exp": 0,
        "scope": scope});
    let claims: Claims = serde_json::from_value(claims).unwrap();
    let jwks_url = "https://issuer/keys".to_owned();
    let kind = TokenKind::Unsaid;
    SignedToken { jwks_url, algorithm: Algorithm::ES256, kind, claims }
}

/// The clients that most tests use.
fn table() -> ClientTable {
    let both = Credentials { certificate: dns("pbx.example").certificate, ..bearer("pbx-secret") };
    ClientTable::new(vec![
        client("t1", "pbx", both),
        client("t1", "login", basic("login", "pass:word")),
        client("t1", "web", pinned(CertificatePin::SanUri("urn:web.example".to_owned()))),
        client("t1", "token", oauth2("otp")),
        client("t1", "lab", anonymous("192.0.2.0/24")),
        client("t2", "pbx", bearer("pbx-secret")),
        client("t2", "own", bearer("own-secret")),
        client("t2", "lab", anonymous("198.51.100.0/24")),
        client("t3", "lab", anonymous("198.51.100.0/24")),
    ])
    .unwrap()
}

/// What one request presents; an empty string means an absent header.
#[derive(Default, Clone, Copy)]
struct Request<'a> {
    certificate: &'a str,
    authorization: &'a str,
    token: &'a str,
    address: &'a str,
    tenant: &'a str,
}

fn ask(table: &ClientTable, request: Request<'_>) -> Result<String, Unidentified> {
    ask_for(table, request, Operation::GetOtp)
}

fn ask_for(
    table: &ClientTable,
    request: Request<'_>,
    what: Operation,
) -> Result<String, Unidentified> {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let certificate = given(request.certificate).map(|name| certificate(&name));
    let values = given(request.authorization);
    let authorization = Authorization::read(values.iter().map(String::as_bytes));
    let token = given(request.token).map(|scope| signed(&scope));
    let tenants = given(request.tenant);
    let presented = PresentedCredentials {
        certificate: certificate.as_ref(),
        chain: None,
        authorization: &authorization,
        token: token.as_ref().map(Ok),
        address: given(request.address).map(|address| address.parse().unwrap()),
        tenant: &TenantHeader::read(tenants.iter().map(String::as_bytes)),
        now: NOW,
    };
    identify(table, &presented, what).map(|client| format!("{}/{}", client.tenant, client.name))
}

fn expect(cases: &[(Request<'_>, Result<&str, R>)]) {
    let table = table();
    for (number, (request, expected)) in cases.iter().enumerate() {
        let found = ask(&table, *request).map_err(|refusal| refusal.reason);
        assert_eq!(found.as_deref().map_err(|reason| *reason), *expected, "case {number}");
    }
}

const NOTHING: Request<'static> =
    Request { certificate: "", authorization: "", token: "", address: "", tenant: "" };

#[test]
fn any_one_credential_names_its_client() {
    let login = "Basic bG9naW46cGFzczp3b3Jk";
    expect(&[
        (Request { authorization: "Bearer own-secret", ..NOTHING }, Ok("t2/own")),
        (Request { authorization: "bEARER own-secret", ..NOTHING }, Ok("t2/own")),
        (Request { authorization: login, ..NOTHING }, Ok("t1/login")),
        (Request { certificate: "pbx.example", ..NOTHING }, Ok("t1/pbx")),
        (Request { certificate: "web.example", ..NOTHING }, Ok("t1/web")),
        (Request { authorization: "Bearer a.b.c", token: "otp", ..NOTHING }, Ok("t1/token")),
        (Request { address: "192.0.2.8", ..NOTHING }, Ok("t1/lab")),
        (Request { address: "::ffff:192.0.2.8", ..NOTHING }, Ok("t1/lab")),
    ]);
}

#[test]
fn with_nothing_presented_only_an_anonymous_client_of_that_address_is_found() {
    expect(&[
        (NOTHING, Err(R::NoCredential)),
        (Request { address: "203.0.113.1", ..NOTHING }, Err(R::NoCredential)),
        (Request { address: "192.0.2.8", tenant: "t1", ..NOTHING }, Ok("t1/lab")),
        (Request { address: "192.0.2.8", tenant: "t2", ..NOTHING }, Err(R::NoCredential)),
        (Request { address: "198.51.100.1", ..NOTHING }, Err(R::NoCredential)),
        (Request { address: "198.51.100.1", tenant: "t3", ..NOTHING }, Ok("t3/lab")),
        (Request { address: "192.0.2.8", tenant: "t 1", ..NOTHING }, Err(R::NoCredential)),
    ]);
}

#[test]
fn a_wrong_authorization_never_falls_back_to_the_address_or_the_certificate() {
    for authorization in ["Bearer wrong", "Basic bG9naW46bm8=", "Basic !", "Digest x", "Bearer"] {
        for certificate in ["", "pbx.example"] {
            let request = Request { certificate, authorization, address: "192.0.2.8", ..NOTHING };
            expect(&[(request, Err(R::CredentialWrong))]);
        }
    }
}

#[test]
fn a_certificate_and_an_authorization_have_to_name_the_same_client() {
    let both = |certificate, authorization| Request { certificate, authorization, ..NOTHING };
    expect(&[
        (both("pbx.example", "Bearer pbx-secret"), Ok("t1/pbx")),
        (both("pbx.example", "Bearer own-secret"), Err(R::CredentialsDisagree)),
        (both("unlisted.example", "Bearer own-secret"), Ok("t2/own")),
        (both("unlisted.example", ""), Err(R::CertificateUnlisted)),
        (both("PBX.example", ""), Ok("t1/pbx")),
        (Request { address: "192.0.2.8", ..both("x", "") }, Err(R::CertificateUnlisted)),
    ]);
}

#[test]
fn the_tenant_header_chooses_but_never_widens() {
    let with = |tenant| Request { authorization: "Bearer pbx-secret", tenant, ..NOTHING };
    let own = |tenant| Request { authorization: "Bearer own-secret", tenant, ..NOTHING };
    let certificate = Request { certificate: "pbx.example", ..NOTHING };
    expect(&[
        (with(""), Err(R::TenantNotChosen)),
        (with("t1"), Ok("t1/pbx")),
        (with("t2"), Ok("t2/pbx")),
        (with("t3"), Err(R::TenantMismatch)),
        (with("t9"), Err(R::TenantUnknown)),
        (with("t 1"), Err(R::TenantHeaderUnusable)),
        (own(""), Ok("t2/own")),
        (own("t1"), Err(R::TenantMismatch)),
        (own("T2"), Err(R::TenantUnknown)),
        (Request { tenant: "t2", ..certificate }, Err(R::TenantMismatch)),
        (Request { authorization: "Bearer pbx-secret", ..certificate }, Ok("t1/pbx")),
    ]);
}

#[test]
fn tenant_headers_that_differ_or_are_not_text_are_unusable() {
    let read = |values: &[&'static [u8]]| TenantHeader::read(values.iter().copied());
    assert_eq!(read(&[]), TenantHeader::Absent);
    assert_eq!(read(&[b"t1", b"t1"]), TenantHeader::Named(tenant("t1")));
    for bad in [&[&b"t1"[..], b"t2"][..], &[b"t1", b"T1"], &[b"\xff"], &[b"t1, t1"], &[b""]] {
        assert_eq!(read(bad), TenantHeader::Unusable, "{bad:?}");
    }
}

#[test]
fn an_operation_that_is_not_the_clients_is_refused_with_its_name() {
    let request = Request { authorization: "Bearer own-secret", ..NOTHING };
    let refusal = ask_for(&table(), request, Operation::ValidateOtp).unwrap_err();
    let (tenant, client) = (Some(tenant("t2")), Some("own".to_owned()));
    assert_eq!(
        refusal,
        Unidentified { reason: R::OperationNotAllowed, tenant, client, certificate: None }
    );
    let lab = Request { address: "192.0.2.8", ..NOTHING };
    let refusal = ask_for(&table(), lab, Operation::ValidateOtp).unwrap_err();
    assert_eq!(refusal.reason, R::OperationNotAllowed);
}

#[test]
fn a_refused_token_says_what_came_closest() {
    let table = table();
    let authorization = Authorization::Bearer(BearerToken::parse("a.b.c").unwrap());
    let mut other_audience = signed("otp");
    other_audience.claims.aud = crate::http::oauth2::Words::One("other".to_owned());
    for (token, expected) in [
        (Ok(&signed("otp2")), R::Token(JwtRefusal::Scope)),
        (Ok(&other_audience), R::Token(JwtRefusal::Audience)),
        (Err(JwtRefusal::Expired), R::Token(JwtRefusal::Expired)),
    ] {
        let presented = PresentedCredentials {
            certificate: None,
            chain: None,
            authorization: &authorization,
            token: Some(token),
            address: None,
            tenant: &TenantHeader::Absent,
            now: NOW,
        };
        let refusal = identify(&table, &presented, Operation::GetOtp).unwrap_err();
        assert_eq!(refusal.reason, expected);
    }
}

#[test]
fn two_clients_of_a_tenant_that_one_certificate_fits_are_ambiguous() {
    let entries = vec![
        client("t1", "a", dns("x.example")),
        client("t1", "b", pinned(CertificatePin::Sha256([7; 32]))),
    ];
    let table = ClientTable::new(entries).unwrap();
    let refusal = ask(&table, Request { certificate: "x.example", ..NOTHING }).unwrap_err();
    assert_eq!(refusal.reason, R::CredentialAmbiguous);
    assert_eq!(refusal.tenant, Some(tenant("t1")));
}

#[test]
fn a_pin_is_exact_and_of_its_type() {
    let found = certificate("x.example");
    for (pin, fits) in [
        (CertificatePin::SanDns("x.example".to_owned()), true),
        (CertificatePin::SanDns("X.eXample".to_owned()), true),
        (CertificatePin::SanDns("*.example".to_owned()), false),
        (CertificatePin::SanDns("urn:x.example".to_owned()), false),
        (CertificatePin::SanUri("urn:x.example".to_owned()), true),
        (CertificatePin::SanUri("URN:x.example".to_owned()), false),
        (CertificatePin::SanUri("x.example".to_owned()), false),
        (CertificatePin::Sha256([7; 32]), true),
        (CertificatePin::Sha256([8; 32]), false),
    ] {
        assert_eq!(pin.fits(&found), fits, "{pin:?}");
    }
}

#[test]
fn a_table_with_clients_that_look_alike_is_refused() {
    let shared = |one: Credentials, two: Credentials| match ClientTable::new(vec![
        client("t1", "a", one),
        client("t1", "b", two),
    ]) {
        Err(ClientTableError::SharedCredential { kind, .. }) => kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(shared(bearer("x"), bearer("x")), "bearer");
    assert_eq!(shared(basic("u", "x"), basic("u", "x")), "basic");
    assert_eq!(shared(dns("x"), dns("x")), "certificate");
    assert_eq!(shared(oauth2("x"), oauth2("x")), "oauth2");
    assert_eq!(shared(anonymous("10.0.0.0/8"), anonymous("10.1.0.0/16")), "anonymous");

    let one = |entry: ClientEntry| ClientTable::new(vec![entry]).unwrap_err();
    let (of, name) = (tenant("t1"), "a".to_owned());
    assert_eq!(
        one(client("t1", "a", Credentials::default())),
        ClientTableError::NoCredential { tenant: of.clone(), name: name.clone() }
    );
    let idle = ClientEntry { operations: Vec::new(), ..client("t1", "a", bearer("x")) };
    assert_eq!(one(idle), ClientTableError::NoOperation { tenant: of.clone(), name: name.clone() });
    let more = Credentials { anonymous: anonymous("10.0.0.0/8").anonymous, ..bearer("x") };
    assert_eq!(
        one(client("t1", "a", more)),
        ClientTableError::AnonymousAndMore { tenant: of.clone(), name: name.clone() }
    );
    let twice = vec![client("t1", "a", bearer("x")), client("t1", "a", bearer("y"))];
    let error = ClientTable::new(twice).unwrap_err();
    assert_eq!(error, ClientTableError::DuplicateName { tenant: of, name });

    let elsewhere = vec![client("t1", "a", bearer("x")), client("t2", "a", bearer("x"))];
    assert!(ClientTable::new(elsewhere).is_ok());
}

#[test]
fn only_a_missing_credential_asks_for_one() {
    assert!(R::NoCredential.asks_for_credential());
    assert!(!R::CredentialWrong.asks_for_credential());
    assert!(!R::CertificateUnlisted.asks_for_credential());
}

proptest! {
    #[test]
    fn a_wrong_secret_never_identifies(secret in "[!-~]{1,40}", tenant in "t[1-3]|") {
        prop_assume!(!["pbx-secret", "own-secret"].contains(&secret.as_str()));
        let request = Request {
            authorization: &format!("Bearer {secret}"),
            address: "192.0.2.8",
            tenant: &tenant,
            ..NOTHING
        };
        prop_assert_eq!(ask(&table(), request).unwrap_err().reason, R::CredentialWrong);
    }

    #[test]
    fn random_headers_identify_no_client(value in "[ -~]{0,60}") {
        let request = Request { authorization: &value, ..NOTHING };
        prop_assert!(ask(&table(), request).is_err());
    }
}
