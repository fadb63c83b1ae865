//! Refusals of logins tell nothing: not by status, body, header or time, whether the user exists, has
//! a live code, has a password that was right or a code that was right.
//!
//! All cases are sampled at once, round after round and each time in another order, so that what else
//! the machine does meets all of them alike. They are compared by their median and, of many samples,
//! by their ninth decile: a leak is as long as a floor. `DIALPASS_SAMPLES` sets how many samples are
//! taken of each case (200 for `--long`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use argon2::password_hash::PasswordHasher as _;
use futures_util::future::join_all;
use serde_json::json;

use self::slow_binds::SlowBinds;
use crate::support::gateway::{Answer, Gateway, clients, folder, ldap_tenant, sections, sha256};
use crate::support::slapd::Slapd;
use crate::support::wire::{VALIDATE_OTP, Wire};

mod slow_binds;

/// The floor, as by default.
const FLOOR: Duration = Duration::from_millis(300);

/// A body's last byte that is held back so long has any bind end after a floor that was counted from
/// the request's first.
const NEARLY_THE_FLOOR: Duration = Duration::from_millis(285);

/// So many samples say something of the slowest ones.
const MANY: usize = 50;

/// Samples of each case.
fn samples(usual: usize) -> usize {
    let set = std::env::var("DIALPASS_SAMPLES").ok();
    set.map_or(usual, |text| text.parse().expect("DIALPASS_SAMPLES is a number"))
}

/// One refused login.
#[derive(Debug, Clone)]
struct Case {
    what: &'static str,
    username: String,
    password: &'static str,
    otp: String,
}

impl Case {
    fn new(
        what: &'static str,
        username: impl Into<String>,
        password: &'static str,
        otp: &str,
    ) -> Self {
        Self { what, username: username.into(), password, otp: otp.to_owned() }
    }
}

/// All that a client sees of an answer: with what differs each time replaced by its length.
type Look = (u16, BTreeMap<String, String>, String);

fn look(answer: &Answer) -> Look {
    let headers = answer.headers.iter().map(|(name, value)| {
        let value = value.to_str().unwrap();
        let shown = match name.as_str() {
            "date" | "x-request-id" => value.len().to_string(),
            _ => value.to_owned(),
        };
        (name.to_string(), shown)
    });
    let mut body = answer.json();
    body["timestamp"] = json!(body["timestamp"].as_str().expect("a time").len());
    (answer.status, headers.collect(), body.to_string())
}

/// Sends a login, the body's last byte after `hold`. How long the answer took from then, and its
/// look.
async fn ask(
    gateway: &Gateway,
    token: &str,
    case: &Case,
    hold: Option<Duration>,
) -> (Duration, Look) {
    let body = json!({"username": case.username, "password": case.password, "otp": case.otp});
    let body = body.to_string();
    let request = format!(
        "PUT {VALIDATE_OTP} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut wire = Wire::connect(gateway.address()).await;
    let (first, last) = request.split_at(request.len() - 1);
    if let Some(hold) = hold {
        wire.send(first.as_bytes()).await;
        tokio::time::sleep(hold).await;
        wire.send(last.as_bytes()).await;
    } else {
        wire.send(request.as_bytes()).await;
    }
    let sent = Instant::now();
    let answer = wire.answer(false).await.expect("an answer");
    (sent.elapsed(), look(&answer))
}

/// What was sampled of each case.
#[derive(Default)]
struct Sampled {
    times: BTreeMap<&'static str, Vec<Duration>>,
    look: Option<Look>,
}

impl Sampled {
    /// Samples all cases at once, each of a connection of its own.
    async fn take(
        &mut self,
        gateway: &Gateway,
        token: &str,
        mut cases: Vec<Case>,
        hold: Option<Duration>,
    ) {
        let rounds = self.times.values().map(Vec::len).max().unwrap_or_default();
        let first = rounds % cases.len();
        cases.rotate_left(first);
        let asked = cases.iter().map(|case| ask(gateway, token, case, hold));
        for (case, (took, look)) in cases.iter().zip(join_all(asked).await) {
            assert_eq!(&look, self.look.get_or_insert_with(|| look.clone()), "{case:?}");
            self.times.entry(case.what).or_default().push(took);
        }
    }

    /// Holds every pair of cases to the same times.
    fn alike(mut self, where_: &str) -> Result<(), String> {
        let mut figures = Vec::new();
        for (what, times) in &mut self.times {
            times.sort_unstable();
            let at = |tenths: usize| times[(times.len() - 1) * tenths / 10];
            // Of a few samples the ninth decile is the slowest, which says more of the machine.
            let tail = if times.len() >= MANY { at(9) } else { at(5) };
            figures.push((*what, [at(5), tail]));
        }
        // A refusal that goes out at another multiple of the floor is a leak.
        let near = |(one, other): (&Duration, &Duration)| one.abs_diff(*other) < FLOOR * 2 / 3;
        for (one, times) in &figures {
            for (other, others) in &figures {
                if !times.iter().zip(others).all(near) {
                    return Err(format!("{where_}: {one} and {other} differ: {figures:#?}"));
                }
            }
        }
        Ok(())
    }
}

/// A client `login` of a tenant of its own.
fn login_client(secret: &str) -> String {
    format!(
        "[[tenants.clients]]\nname = \"login\"\noperations = [\"validateOTP\"]\n\
         bearer = {{ token_sha256 = \"{}\" }}\n\
         [[tenants.clients]]\nname = \"phone\"\noperations = [\"getOTP\"]\n\
         bearer = {{ token_sha256 = \"{}\" }}\n",
        sha256(&format!("{secret}-login")),
        sha256(&format!("{secret}-phone")),
    )
}

/// Tenants whose directory is at `url`: with wide budgets and with tight ones, in both styles.
fn config(url: &str) -> String {
    let mut config = sections("");
    for (style, budget) in
        [("phenixid", "wide"), ("http", "wide"), ("phenixid", "tight"), ("http", "tight")]
    {
        let tenant = ldap_tenant(&format!("{style}-{budget}"), &[url], "bind_connections = 128");
        let tenant = tenant.replacen("country", &format!("status_style = \"{style}\"\ncountry"), 1);
        let burst = if budget == "wide" { 1000 } else { 3 };
        write!(
            config,
            "{tenant}[tenants.otp]\nlifetime = \"10m\"\n[tenants.limits]\n\
             wrong_passwords_per_user = {{ burst = {burst}, per = \"1h\" }}\n\
             wrong_codes_per_user = {{ burst = {burst}, per = \"1h\" }}\n{}",
            login_client(&format!("{style}-{budget}"))
        )
        .unwrap();
    }
    config
}

/// Has somebody call in a tenant, and says which code they were told.
async fn call(gateway: &Gateway, tenant: &str, number: &str) -> String {
    let request = gateway
        .http
        .put(gateway.url("/api/authentication/getOTP"))
        .bearer_auth(format!("{tenant}-phone"))
        .json(&json!({ "phonenumber": number }));
    let answer = Answer::of(request).await;
    assert_eq!(answer.status, 200, "{}", gateway.log());
    answer.json()["otp"].as_str().expect("an otp").to_owned()
}

fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().expect("digits") + 1) % 1_000_000)
}

/// The number of the `nth` of the slapd's many people.
fn number(nth: usize) -> String {
    format!("+4676{nth:07}")
}

/// What is sampled in the tenant of wide budgets, in round `n`; the person of that round tries a
/// right password with a wrong code, once.
async fn wide(gateway: &Gateway, tenant: &str, n: usize, anna: &str) -> Vec<Case> {
    let code = call(gateway, tenant, &number(n + 1)).await;
    let password: &'static str = format!("secret-{}", n + 1).leak();
    vec![
        Case::new("nobody", "nobody", "guess", "123456"),
        Case::new("an account that is disabled", "diana", "diana-secret", "123456"),
        Case::new("no live code", "fia", "guess", "123456"),
        Case::new("no live code, a right password", "fia", "fia-secret", "123456"),
        Case::new("a wrong code and password", "anna", "guess", &wrong(anna)),
        Case::new("a right code, a wrong password", "anna", "guess", anna),
        Case::new(
            "a wrong code, a right password",
            format!("user{:04}", n + 1),
            password,
            &wrong(&code),
        ),
    ]
}

/// What is sampled where budgets are spent: of `bob`, whose budget for passwords is spent whole, and
/// of the person of round `n`, of whose budget the last two are left.
fn tight(n: usize, bob: &str, code: &str) -> Vec<Case> {
    let name = format!("user{:04}", n + 1);
    vec![
        Case::new("nobody", "nobody", "guess", "123456"),
        Case::new("a spent budget, a wrong code", "bob", "guess", &wrong(bob)),
        Case::new("a spent budget, a right code", "bob", "guess", bob),
        Case::new("a spent budget, all right", "bob", "bob-secret", bob),
        Case::new("the last two left, a wrong code", name.clone(), "guess", &wrong(code)),
        Case::new("the last two left, a right code", name, "guess", code),
    ]
}

/// Has the person of each round call, and spends all but the last two of their budgets.
async fn nearly_spend(gateway: &Gateway, tenant: &str, samples: usize) -> Vec<String> {
    let mut codes = Vec::new();
    for n in 0..samples {
        codes.push(call(gateway, tenant, &number(n + 1)).await);
    }
    let token = &format!("{tenant}-login");
    for (at, some) in codes.chunks(20).enumerate() {
        let spending = some.iter().enumerate().map(async |(n, code)| {
            let name = format!("user{:04}", at * 20 + n + 1);
            ask(gateway, token, &Case::new("", name, "guess", &wrong(code)), None).await
        });
        join_all(spending).await;
    }
    codes
}

/// Spends bob's budget for wrong passwords.
async fn spend(gateway: &Gateway, tenant: &str) -> String {
    let code = call(gateway, tenant, "+46702223344").await;
    let token = format!("{tenant}-login");
    let tries = [wrong(&code), code.clone(), code.clone()];
    let tries = tries.map(|otp| Case::new("", "bob", "guess", &otp));
    for one in &tries {
        ask(gateway, &token, one, None).await;
    }
    code
}

/// Samples anew where the cases differ, three times at most: a leak is there each time, and what a
/// busy machine does is not.
async fn hold<F: Future<Output = Result<(), String>>>(sample: impl Fn() -> F) {
    let mut differ = String::new();
    for _ in 0..3 {
        match sample().await {
            Ok(()) => return,
            Err(said) => differ = said,
        }
    }
    panic!("{differ}");
}

/// Samples all cases in all tenants at a directory whose binds take `bind`.
async fn nothing_tells(bind: Duration, usual: usize) -> Result<(), String> {
    let samples = samples(usual);
    let slapd = Slapd::builder().users(samples * 2).without_tls().without_log().start();
    let proxy = SlowBinds::before(&slapd, bind).await;
    let gateway = Gateway::start(&config(&proxy.url()));
    let gateway = &gateway;
    let style = async |style: &'static str| {
        let (wide_tenant, tight_tenant) = (&format!("{style}-wide"), &format!("{style}-tight"));
        let anna = &call(gateway, wide_tenant, "+46701234567").await;
        let (bob, codes) = tokio::join!(
            spend(gateway, tight_tenant),
            nearly_spend(gateway, tight_tenant, samples)
        );
        let (mut plain, mut held, mut spent) =
            (Sampled::default(), Sampled::default(), Sampled::default());
        for (n, code) in codes.iter().enumerate() {
            let cases = wide(gateway, wide_tenant, n, anna).await;
            let held_cases = wide(gateway, wide_tenant, samples + n, anna).await;
            let tight_cases = tight(n, &bob, code);
            let (wide_token, tight_token) =
                (&format!("{wide_tenant}-login"), &format!("{tight_tenant}-login"));
            tokio::join!(
                plain.take(gateway, wide_token, cases, None),
                held.take(gateway, wide_token, held_cases, Some(NEARLY_THE_FLOOR)),
                spent.take(gateway, tight_token, tight_cases, None),
            );
        }
        plain.alike(&format!("{style}, binds of {bind:?}"))?;
        held.alike(&format!("{style}, the last byte held back, binds of {bind:?}"))?;
        spent.alike(&format!("{style}, spent budgets, binds of {bind:?}"))
    };
    let (one, other) = tokio::join!(style("phenixid"), style("http"));
    one.and(other)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_refusal_tells_its_reason_at_a_quick_directory() {
    hold(|| nothing_tells(Duration::from_millis(20), 5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_refusal_tells_its_reason_where_a_bind_takes_nearly_the_floor() {
    hold(|| nothing_tells(Duration::from_millis(250), 5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_refusal_tells_its_reason_where_a_bind_takes_three_floors() {
    hold(|| nothing_tells(Duration::from_millis(900), 3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_refusal_after_a_start_covers_a_bind_too() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let bind = Duration::from_millis(900);
    let proxy = SlowBinds::before(&slapd, bind).await;
    let gateway = Gateway::start(&config(&proxy.url()));
    // The call has the gateway bind as itself.
    let code = call(&gateway, "http-wide", "+46701234567").await;
    let case = Case::new("nobody", "nobody", "guess", "123456");
    let (first, _) = ask(&gateway, "http-wide-login", &case, None).await;
    assert!(first >= bind, "{first:?}");
    let case = Case::new("a right code", "anna", "guess", &code);
    let (bound, _) = ask(&gateway, "http-wide-login", &case, None).await;
    assert!(bound >= bind, "{bound:?}");
    // What was learnt outlives a new reading of the configuration.
    gateway.signal("HUP");
    gateway.wait_for_line("read again");
    let case = Case::new("no live code", "fia", "guess", "123456");
    let (later, _) = ask(&gateway, "http-wide-login", &case, None).await;
    assert!(later >= bind, "{later:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_floor_a_refusal_covers_a_bind_all_the_same() {
    let slapd = Slapd::builder().users(0).without_tls().start();
    let bind = Duration::from_millis(400);
    let proxy = SlowBinds::before(&slapd, bind).await;
    let tenant = ldap_tenant("t1", &[&proxy.url()], "");
    let floor = "[tenants.login]\nrefusal_floor = \"0s\"\n";
    let config = format!("{}{tenant}{floor}{}", sections(""), login_client("t1"));
    let gateway = Gateway::start(&config);
    let code = call(&gateway, "t1", "+46701234567").await;
    let cases = [
        Case::new("nobody", "nobody", "guess", "123456"),
        Case::new("no live code", "fia", "guess", "123456"),
        Case::new("a right code, a wrong password", "anna", "guess", &code),
        Case::new("nobody, once a bind was seen", "nobody", "guess", "123456"),
    ];
    for case in &cases {
        let (took, _) = ask(&gateway, "t1-login", case, None).await;
        assert!(took >= bind, "{}: {took:?}", case.what);
    }
}

/// A hash that takes several times as long to check as the default.
fn slow_hash(password: &str) -> String {
    let params = argon2::Params::new(19_456, 12, 1, None).unwrap();
    let argon2 = argon2::Argon2::from(params);
    argon2.hash_password_with_salt(password.as_bytes(), b"a salt of its own").unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_refusal_tells_its_reason_at_a_file_of_people() {
    hold(nothing_tells_of_a_file).await;
}

async fn nothing_tells_of_a_file() -> Result<(), String> {
    let rounds = samples(5);
    let hash = slow_hash("secret");
    let mut people = "[[people]]\nusername = \"fia\"\nnumbers = [\"+46705550000\"]\n\
                      [[people]]\nusername = \"gert\"\nnumbers = [\"+46705550001\"]\n"
        .to_owned();
    let mut person = |name: &str, number: &str| {
        writeln!(
            people,
            "[[people]]\nusername = \"{name}\"\nnumbers = [\"{number}\"]\npassword_hash = \"{hash}\""
        )
        .unwrap();
    };
    person("anna", "+46701234567");
    for n in 0..rounds {
        person(&format!("user{:04}", n + 1), &number(n + 1));
    }
    let folder = folder();
    std::fs::write(folder.path().join("people.toml"), people).unwrap();
    let config = format!(
        "{}[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n[tenants.directory]\nkind = \"file\"\n\
         file = \"people.toml\"\n[tenants.otp]\nlifetime = \"10m\"\n[tenants.limits]\n\
         wrong_passwords_per_user = {{ burst = 1000, per = \"1h\" }}\n{}{}",
        sections(""),
        clients(),
        login_client("t1")
    );
    let gateway = &Gateway::start_in(folder.into(), &config);
    let anna = &call(gateway, "t1", "+46701234567").await;
    let gert = &call(gateway, "t1", "+46705550001").await;
    let mut sampled = Sampled::default();
    for n in 0..rounds {
        let code = call(gateway, "t1", &number(n + 1)).await;
        let cases = vec![
            Case::new("nobody", "nobody", "guess", "123456"),
            Case::new("no live code", "fia", "guess", "123456"),
            Case::new("nobody's password is right", "gert", "guess", gert),
            Case::new("a wrong code and password", "anna", "guess", &wrong(anna)),
            Case::new("a right code, a wrong password", "anna", "guess", anna),
            Case::new("a right password", format!("user{:04}", n + 1), "secret", &wrong(&code)),
        ];
        sampled.take(gateway, "t1-login", cases, None).await;
    }
    sampled.alike("a file of people")
}
