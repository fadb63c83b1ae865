//! Limits on the real store: what is counted, what is not, and that a restart forgets nothing.

use serde_json::json;

use crate::support::gateway::{Answer, Gateway, clients, ldap_tenant, sections, sha256};
use crate::support::slapd::Slapd;

const ANNA: &str = "+46701234567";
const BOB: &str = "+46702223344";

/// A gateway whose tenant has these `limits`, and holds no refusal back.
fn start(slapd: &Slapd, limits: &str, more: &str) -> Gateway {
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let login = "[tenants.login]\nrefusal_floor = \"0s\"\n";
    let limits = format!("[tenants.limits]\n{limits}\n");
    Gateway::start(&format!("{}{tenant}{login}{limits}{more}{}", sections(""), clients()))
}

fn slapd() -> Slapd {
    Slapd::builder().users(0).without_tls().start()
}

fn reason(gateway: &Gateway, answer: &Answer) -> String {
    let event = gateway.audit_of(answer.header("x-request-id"));
    event["reason"].as_str().expect("a reason").to_owned()
}

#[track_caller]
fn assert_refused(gateway: &Gateway, answer: &Answer, why: &str) {
    assert_eq!((answer.status, reason(gateway, answer).as_str()), (403, why));
}

/// A call and the login with its code.
async fn call_and_login(gateway: &Gateway, number: &str, name: &str) {
    let code = gateway.code(number).await;
    let login = gateway.login(name, &format!("{name}-secret"), &code).await;
    assert_eq!(login.status, 200, "{}", gateway.log());
}

/// A code that is not `code`, the `nth` of them.
fn not(code: &str, nth: u32) -> String {
    format!("{:06}", (code.parse::<u32>().expect("digits") + 1 + nth) % 1_000_000)
}

/// The rows of all tables of its store, by table.
fn rows(gateway: &Gateway) -> Vec<(String, u64)> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let store = rusqlite::Connection::open_with_flags(gateway.file("dialpass.db"), flags).unwrap();
    let mut tables = store
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'sqlite_sequence'",
        )
        .unwrap();
    let names: Vec<String> =
        tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    names
        .into_iter()
        .map(|name| {
            let count = format!("SELECT count(*) FROM \"{name}\"");
            let count: i64 = store.query_row(&count, [], |row| row.get(0)).unwrap();
            (name, u64::try_from(count).unwrap())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn new_codes_for_a_user_are_limited_and_a_restart_forgets_none() {
    let slapd = slapd();
    let gateway = start(&slapd, "codes_per_user = { burst = 2, per = \"1h\" }", "");
    call_and_login(&gateway, ANNA, "anna").await;
    call_and_login(&gateway, ANNA, "anna").await;
    assert_refused(&gateway, &gateway.call(ANNA).await, "codes_per_user");
    let gateway = gateway.restart();
    assert_refused(&gateway, &gateway.call(ANNA).await, "codes_per_user");
    call_and_login(&gateway, BOB, "bob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_a_number_are_limited_and_a_restart_forgets_none() {
    let slapd = slapd();
    let limits = "codes_per_user = { burst = 100, per = \"1h\" }\n\
                  calls_per_number = { burst = 3, per = \"1h\" }";
    let gateway = start(&slapd, limits, "");
    call_and_login(&gateway, ANNA, "anna").await;
    call_and_login(&gateway, "070-123 45 67", "anna").await;
    let gateway = gateway.restart();
    call_and_login(&gateway, "tel:+46701234567", "anna").await;
    assert_refused(&gateway, &gateway.call(ANNA).await, "calls_per_number");
    assert_refused(&gateway, &gateway.call("0046 70 123 45 67").await, "calls_per_number");
    let gateway = gateway.restart();
    assert_refused(&gateway, &gateway.call(ANNA).await, "calls_per_number");
    call_and_login(&gateway, BOB, "bob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_call_costs_nothing_and_kills_nothing() {
    let slapd = slapd();
    let limits = "codes_per_user = { burst = 1, per = \"1h\" }\n\
                  calls_per_number = { burst = 1, per = \"1h\" }";
    let gateway = start(&slapd, limits, "");
    let code = gateway.code(ANNA).await;
    for _ in 0..10 {
        assert_eq!(gateway.code(ANNA).await, code);
    }
    let gateway = gateway.restart();
    assert_eq!(gateway.code(ANNA).await, code, "a restart forgets no live code");
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
    assert_refused(&gateway, &gateway.call(ANNA).await, "codes_per_user");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_tried_is_replaced_by_the_next_call() {
    let slapd = slapd();
    let gateway = start(&slapd, "", "");
    let code = gateway.code(ANNA).await;
    let wrong = gateway.login("anna", "anna-secret", &not(&code, 0)).await;
    assert_refused(&gateway, &wrong, "code_wrong");
    let next = gateway.code(ANNA).await;
    assert_ne!(next, code);
    let old = gateway.login("anna", "anna-secret", &code).await;
    assert_refused(&gateway, &old, "code_wrong");
    assert_eq!(gateway.login("anna", "anna-secret", &next).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_are_limited_across_codes_and_restarts() {
    let slapd = slapd();
    let gateway = start(&slapd, "wrong_passwords_per_user = { burst = 5, per = \"1h\" }", "");
    let code = gateway.code(ANNA).await;
    for n in 0..2 {
        let answer = gateway.login("anna", "wrong", &not(&code, n)).await;
        assert_refused(&gateway, &answer, "wrong_password");
    }
    let gateway = gateway.restart();
    assert_eq!(gateway.code(ANNA).await, code, "who proves no password changes nothing about it");
    let answer = gateway.login("anna", "wrong", &not(&code, 0)).await;
    assert_refused(&gateway, &answer, "wrong_password");
    // Spent but for the last two: no bind any more for a wrong code.
    let binds = slapd.binds_of("anna");
    for password in ["wrong", "anna-secret"] {
        let answer = gateway.login("anna", password, &not(&code, 1)).await;
        assert_refused(&gateway, &answer, "wrong_passwords_per_user");
    }
    assert_eq!(slapd.binds_of("anna"), binds);
    // The last two are for the right code.
    for _ in 0..2 {
        let answer = gateway.login("anna", "wrong", &code).await;
        assert_refused(&gateway, &answer, "wrong_password");
    }
    let answer = gateway.login("anna", "anna-secret", &code).await;
    assert_refused(&gateway, &answer, "wrong_passwords_per_user");
    assert_eq!(slapd.binds_of("anna"), binds + 2, "five in all");
    call_and_login(&gateway, BOB, "bob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_the_password_cannot_guess_codes_once_the_budget_is_spent() {
    let slapd = slapd();
    let limits = "wrong_passwords_per_user = { burst = 2, per = \"1h\" }";
    let gateway = start(&slapd, limits, "[tenants.otp]\nmax_attempts = 3\n");
    let code = gateway.code(ANNA).await;
    // With such a budget no wrong code is bound, so none of these is known to be a right password.
    for n in 0..3 {
        let answer = gateway.login("anna", "anna-secret", &not(&code, n)).await;
        assert_refused(&gateway, &answer, "wrong_passwords_per_user");
    }
    let answer = gateway.login("anna", "anna-secret", &code).await;
    assert_refused(&gateway, &answer, "code_guessed");
    assert_ne!(gateway.code(ANNA).await, code, "the next call gets another");
    // A stranger's guesses are not the user's.
    let code = gateway.code(BOB).await;
    for n in 0..30 {
        let answer = gateway.login("bob", "stranger", &not(&code, n)).await;
        assert_refused(&gateway, &answer, "wrong_passwords_per_user");
    }
    assert_eq!(gateway.login("bob", "bob-secret", &code).await.status, 200);
}

/// A login whose service says where the person is.
async fn login_from(gateway: &Gateway, name: &str, password: &str, otp: &str, ip: &str) -> Answer {
    let body = json!({ "username": name, "password": password, "otp": otp, "clientip": ip });
    let request = gateway.http.put(gateway.url("/api/authentication/validateOTP"));
    Answer::of(request.bearer_auth("vpn-secret").json(&body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_from_one_address_hold_back_that_address_and_not_the_user() {
    let slapd = slapd();
    let gateway = start(&slapd, "wrong_passwords_per_user = { burst = 6, per = \"1h\" }", "");
    let code = gateway.code(ANNA).await;
    // A stranger who overheard the code.
    for _ in 0..3 {
        let answer = login_from(&gateway, "anna", "guess", &code, "192.0.2.66").await;
        assert_refused(&gateway, &answer, "wrong_password");
    }
    let gateway = gateway.restart();
    for ip in ["192.0.2.66", "::ffff:192.0.2.66"] {
        let answer = login_from(&gateway, "anna", "guess", &code, ip).await;
        assert_refused(&gateway, &answer, "wrong_passwords_per_user");
    }
    let login = login_from(&gateway, "anna", "anna-secret", &code, "192.0.2.1").await;
    assert_eq!(login.status, 200, "{}", gateway.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_clears_the_count_of_wrong_passwords() {
    let slapd = slapd();
    let gateway = start(&slapd, "wrong_passwords_per_user = { burst = 3, per = \"1h\" }", "");
    for _ in 0..3 {
        let code = gateway.code(ANNA).await;
        for _ in 0..2 {
            let answer = gateway.login("anna", "wrong", &code).await;
            assert_refused(&gateway, &answer, "wrong_password");
        }
        assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_with_a_right_password_are_limited_across_codes_and_restarts() {
    let slapd = slapd();
    let limits = "wrong_codes_per_user = { burst = 4, per = \"1h\" }\n\
                  codes_per_user = { burst = 100, per = \"1h\" }";
    let gateway = start(&slapd, limits, "");
    for round in 0..2 {
        let code = gateway.code(ANNA).await;
        for n in 0..2 {
            let answer = gateway.login("anna", "anna-secret", &not(&code, n + round)).await;
            assert_refused(&gateway, &answer, "code_wrong");
        }
    }
    let gateway = gateway.restart();
    let code = gateway.code(ANNA).await;
    let answer = gateway.login("anna", "anna-secret", &not(&code, 0)).await;
    assert_refused(&gateway, &answer, "wrong_codes_per_user");
    call_and_login(&gateway, BOB, "bob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_clears_the_count_of_wrong_codes() {
    let slapd = slapd();
    let gateway = start(&slapd, "wrong_codes_per_user = { burst = 3, per = \"1h\" }", "");
    for _ in 0..3 {
        let code = gateway.code(ANNA).await;
        for n in 0..2 {
            let answer = gateway.login("anna", "anna-secret", &not(&code, n)).await;
            assert_refused(&gateway, &answer, "code_wrong");
        }
        assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_wrong_codes_with_a_right_password_burn_a_code() {
    let slapd = slapd();
    let gateway = start(&slapd, "", "[tenants.otp]\nmax_attempts = 3\n");
    let code = gateway.code(ANNA).await;
    for n in 0..3 {
        let answer = gateway.login("anna", "anna-secret", &not(&code, n)).await;
        assert_refused(&gateway, &answer, "code_wrong");
    }
    let answer = gateway.login("anna", "anna-secret", &code).await;
    assert_refused(&gateway, &answer, "no_live_code");
    assert_ne!(gateway.code(ANNA).await, code);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_prove_the_password_changes_nothing_about_a_code() {
    let slapd = slapd();
    let limits = "wrong_passwords_per_user = { burst = 100, per = \"1h\" }";
    let gateway = start(&slapd, limits, "");
    let code = gateway.code(ANNA).await;
    for n in 0..25 {
        let answer = gateway.login("anna", "wrong", &not(&code, n)).await;
        assert_refused(&gateway, &answer, "wrong_password");
    }
    let answer = gateway.login("anna", "wrong", &code).await;
    assert_refused(&gateway, &answer, "wrong_password");
    assert_eq!(gateway.code(ANNA).await, code, "it is given again");
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_floods_is_refused_and_others_are_not() {
    let slapd = slapd();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let server = sections("limits = { requests_per_client = { burst = 3, per = \"1h\" } }");
    let other = format!(
        "[[tenants.clients]]\nname = \"other\"\noperations = [\"getOTP\"]\n\
         bearer = {{ token_sha256 = \"{}\" }}\n",
        sha256("other-secret")
    );
    let gateway = Gateway::start(&format!("{server}{tenant}{}{other}", clients()));
    for _ in 0..3 {
        assert_eq!(gateway.call(ANNA).await.status, 200);
    }
    assert_refused(&gateway, &gateway.call(ANNA).await, "flood");
    assert_refused(&gateway, &gateway.call(BOB).await, "flood");
    let request = gateway
        .http
        .put(gateway.url("/api/authentication/getOTP"))
        .bearer_auth("other-secret")
        .json(&json!({"phonenumber": ANNA}));
    assert_eq!(Answer::of(request).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_floods_is_refused_and_others_are_not() {
    let slapd = slapd();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let server = sections("limits = { requests_per_address = { burst = 3, per = \"1h\" } }");
    let mut gateway = Gateway::start(&format!("{server}{tenant}{}", clients()));
    let from = |address: [u8; 4]| {
        let address = std::net::IpAddr::from(address);
        reqwest::Client::builder().local_address(address).build().unwrap()
    };
    gateway.http = from([127, 0, 0, 2]);
    for _ in 0..3 {
        assert_eq!(gateway.call(ANNA).await.status, 200);
    }
    assert_refused(&gateway, &gateway.call(ANNA).await, "flood");
    let answer = gateway.login("anna", "anna-secret", "123456").await;
    assert_refused(&gateway, &answer, "flood");
    gateway.http = from([127, 0, 0, 3]);
    assert_eq!(gateway.call(ANNA).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_number_that_floods_is_refused_too() {
    let slapd = slapd();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let server = sections("limits = { calls_per_caller = { burst = 5, per = \"1h\" } }");
    let gateway = Gateway::start(&format!("{server}{tenant}{}", clients()));
    for _ in 0..5 {
        assert_refused(&gateway, &gateway.call("+46709990000").await, "number_unknown");
    }
    let searches = slapd.searches();
    assert_refused(&gateway, &gateway.call("+46709990000").await, "flood");
    assert_refused(&gateway, &gateway.call("tel:+46-709990000").await, "flood");
    assert_eq!(slapd.searches(), searches);
    assert_eq!(gateway.call(ANNA).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_defaults_let_five_hundred_quick_calls_through() {
    let slapd = Slapd::builder().users(500).without_tls().start();
    let gateway = Gateway::on(&slapd);
    let numbers: Vec<String> = (1..=500).map(|n| format!("+4676{n:07}")).collect();
    let answers =
        futures_util::future::join_all(numbers.iter().map(|number| gateway.call(number))).await;
    let issued = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(issued, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_names_and_numbers_leave_no_row() {
    let slapd = slapd();
    let gateway = start(&slapd, "", "");
    let before = rows(&gateway);
    for n in 0..20 {
        assert_eq!(gateway.call(&format!("+467099900{n:02}")).await.status, 403);
        assert_eq!(gateway.login(&format!("nobody{n}"), "secret", "123456").await.status, 403);
    }
    for number in ["anonymous", "abc", "+46703334455", "+46704445566"] {
        assert_eq!(gateway.call(number).await.status, 403);
    }
    assert_eq!(gateway.login("diana", "diana-secret", "123456").await.status, 403);
    assert_eq!(rows(&gateway), before);

    gateway.code(ANNA).await;
    let after = rows(&gateway);
    let total = |rows: &[(String, u64)]| rows.iter().map(|(_, count)| count).sum::<u64>();
    assert_eq!(total(&after), total(&before) + 2, "the user's row and the number's: {after:?}");
}
