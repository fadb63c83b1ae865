//! What a burst makes the program hold, and that it gives it back.

use std::fmt::Write as _;

use argon2::password_hash::PasswordHasher as _;
use futures_util::future::join_all;

use crate::support::gateway::{Gateway, clients, folder, sections, wait_until};

/// Of a process: a figure of `/proc/PID/status`, in MiB.
fn mib(gateway: &Gateway, name: &str) -> u64 {
    let path = format!("/proc/{}/status", gateway.pid());
    let status = std::fs::read_to_string(path).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the figure");
    let kib: u64 = line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().unwrap();
    kib / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_logins_at_a_file_directory_takes_what_its_cores_need_and_gives_it_back() {
    const PEOPLE: usize = 64;
    const OF_A_HASH: u64 = 19;
    let hash = argon2::Argon2::default()
        .hash_password_with_salt(b"secret", b"a salt of its own")
        .unwrap()
        .to_string();
    let mut people = String::new();
    for n in 0..PEOPLE {
        writeln!(
            people,
            "[[people]]\nusername = \"user{n}\"\nnumbers = [\"+4676000{n:04}\"]\n\
             password_hash = \"{hash}\""
        )
        .unwrap();
    }
    let folder = folder();
    std::fs::write(folder.path().join("people.toml"), people).unwrap();
    let config = format!(
        "{}[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n[tenants.directory]\nkind = \"file\"\n\
         file = \"people.toml\"\n{}",
        sections("request_deadline = \"30s\""),
        clients()
    );
    let gateway = Gateway::start_in(folder.into(), &config);
    let gateway = &gateway;
    let codes: Vec<String> =
        join_all((0..PEOPLE).map(async |n| gateway.code(&format!("+4676000{n:04}")).await)).await;
    let before = mib(gateway, "VmRSS");
    let logins = codes.iter().enumerate();
    let logins =
        join_all(logins.map(async |(n, code)| {
            gateway.login(&format!("user{n}"), "secret", code).await.status
        }));
    assert!(logins.await.into_iter().all(|status| status == 200));
    let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let at_once = u64::try_from(at_once).unwrap();
    let most = mib(gateway, "VmHWM") - before;
    assert!(most <= at_once * OF_A_HASH + 16, "{most} MiB more at the height");
    wait_until("the memory is given back", || mib(gateway, "VmRSS") <= before + 12);
}
