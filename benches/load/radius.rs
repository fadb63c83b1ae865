//! Logins through `FreeRADIUS` with the files of `config/freeradius`, beside validateOTP on the same
//! server: what RADIUS and a second server on the way cost.

use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, ensure};
use tokio::task::JoinSet;

use self::files::{SECRET, Settings};
use self::radius_client::RadiusClient;
use crate::Options;
use crate::client::{Code, TOKEN};
use crate::people::{self, PASSWORD};
use crate::ratios::{self, Walk};
use crate::servers::{Http, Place, Quotas, ldap_tenant};
use crate::table::{Rounds, Table};

#[path = "../../tests/it/support/freeradius/files.rs"]
#[expect(clippy::unwrap_used, reason = "shared with the tests")]
mod files;
#[path = "../../tests/it/support/radius_client.rs"]
#[expect(clippy::unwrap_used, reason = "shared with the tests")]
mod radius_client;

/// The lifetime of codes, in seconds.
const LIFETIME: u32 = 600;

pub fn measure(place: &Place, options: &Options, table: &mut Table) -> anyhow::Result<()> {
    let slapd = place.slapd(options.people)?;
    let tenant = ldap_tenant("logins", LIFETIME, Quotas::InEarnest, &slapd.server);
    let mut server = place.dialpass("radius", &place.folder.join("radius.db"), &[tenant])?;
    server.wait_until_all_is_up()?;
    let freeradius = FreeRadius::before(place, &server)?;
    let (mut direct, mut radius) = (Rounds::default(), Rounds::default());
    let mut walk = Walk::default();
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        direct.0.push(ratios::logins(&server, options, &mut walk)?);
        ratios::make_codes(&server, options, &mut walk)?;
        radius.0.push(logins(freeradius.port, options, &mut walk)?);
    }
    table.rate("validateOTP, OpenLDAP, SQLite", &direct);
    table.rate("the same through one FreeRADIUS", &radius);
    table.note("  to validateOTP", radius.of(&direct).as_ratio());
    Ok(())
}

/// A running server; dropped, it is killed.
struct FreeRadius {
    child: Child,
    port: u16,
}

impl FreeRadius {
    fn before(place: &Place, server: &Http) -> anyhow::Result<Self> {
        let folder = place.folder.join("freeradius");
        fs::create_dir(&folder)?;
        let port = std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let url = format!("https://localhost:{}", server.address().port());
        let ca = place.folder.join("certs/ca.pem");
        let settings =
            Settings { listen: "127.0.0.1", url: &url, ca: &ca, of_client: "", clients: "" };
        files::install(&folder, settings, TOKEN, port);
        let mut freeradius = Self { child: files::run(&folder), port };
        let end = Instant::now() + Duration::from_secs(20);
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        while !log().contains("Ready to process requests") {
            let ended = freeradius.child.try_wait()?;
            ensure!(ended.is_none() && Instant::now() < end, "FreeRADIUS: {}", log());
            thread::sleep(Duration::from_millis(20));
        }
        Ok(freeradius)
    }
}

impl Drop for FreeRadius {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Logs in with codes made in advance, each used once; returns logins per second.
fn logins(port: u16, options: &Options, walk: &mut Walk) -> anyhow::Result<f64> {
    let load = options.full();
    let codes: Arc<[Code]> = walk.codes.as_slice().into();
    let client = Arc::new(RadiusClient::new(SECRET, vec![port]));
    let next = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (answered, took) = runtime.block_on(async {
        let begin = Instant::now() + load.warm_up;
        let mut users = JoinSet::new();
        for _ in 0..load.connections {
            let (codes, client, next) =
                (Arc::clone(&codes), Arc::clone(&client), Arc::clone(&next));
            users.spawn(async move {
                let mut answered = 0_usize;
                while Instant::now() < begin + load.time {
                    let Some((person, code)) = codes.get(next.fetch_add(1, Ordering::Relaxed))
                    else {
                        break;
                    };
                    let password = format!("{PASSWORD}{}", std::str::from_utf8(code)?);
                    let accepted = client.login(&people::username(*person), &password).await;
                    ensure!(accepted == Some(true), "a login by RADIUS: {accepted:?}");
                    answered += usize::from(Instant::now() >= begin);
                }
                Ok(answered)
            });
        }
        let mut answered = 0;
        while let Some(done) = users.join_next().await {
            answered += done??;
        }
        anyhow::Ok((answered, begin.elapsed()))
    })?;
    walk.codes.drain(..next.load(Ordering::Relaxed).min(codes.len()));
    let answered = u32::try_from(answered).context("a few thousands")?;
    let rate = f64::from(answered) / took.as_secs_f64();
    eprintln!("  by RADIUS: {rate:.0}/s over {answered} logins");
    Ok(rate)
}
