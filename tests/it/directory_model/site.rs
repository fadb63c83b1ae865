//! The servers of a run, each behind something that cuts connections, and how they are changed.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ldap3::controls::RelaxRules;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Mod, Scope, SearchEntry};
use tokio::time::sleep;

use super::changes::Change;
use super::cutter::Cutter;
use super::events::Variant;
use super::rights;
use crate::support::ports::free_port;
use crate::support::samba::{self, Samba};
use crate::support::slapd::{self, Slapd};

/// Longest until a server is there, or has what another has.
const PATIENCE: Duration = Duration::from_mins(1);
/// After so long a change is lost between two servers.
const LOST: Duration = Duration::from_secs(15);

enum Server {
    OpenLdap(Slapd),
    Samba(Samba),
}

/// The servers.
pub struct Site {
    pub variant: Variant,
    servers: Vec<Server>,
    /// Before each server.
    pub ways: Vec<Cutter>,
    /// Between a provider and what it fills.
    pub replication: Option<Cutter>,
    /// The server that is changed.
    pub writer: usize,
    /// Changes that only show whether one server hears of the other's.
    beats: usize,
}

impl Site {
    pub async fn start(variant: Variant, session_log: usize) -> Self {
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (mut host, mut replication) = (local, None);
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let servers = match variant {
            Variant::Samba => {
                let samba = Samba::builder().deletions_shown().start();
                host = IpAddr::V4(samba.address());
                vec![Server::Samba(samba)]
            }
            Variant::One => vec![Server::OpenLdap(openldap(None, "", session_log))],
            Variant::Consumer => {
                let port = free_port();
                let cutter = Cutter::before(at(port), local).await;
                let from = fed_by(1, cutter.address());
                replication = Some(cutter);
                let provider = openldap(Some(port), "", session_log);
                let consumer = openldap_fed(free_port(), &from, session_log);
                vec![Server::OpenLdap(provider), Server::OpenLdap(consumer)]
            }
            Variant::Mirror => {
                let (one, other) = (free_port(), free_port());
                let mirror = |from| format!("{}\nmultiprovider on", fed_by(1, at(from)));
                let settings = |id, from| format!("!serverID {id}\n{}", mirror(from));
                let first = openldap(Some(one), &settings(1, other), session_log);
                let second = openldap_fed(other, &settings(2, one), session_log);
                vec![Server::OpenLdap(first), Server::OpenLdap(second)]
            }
        };
        let mut site =
            Self { variant, servers, ways: Vec::new(), replication, writer: 0, beats: 0 };
        for server in 0..site.servers.len() {
            let address = site.url(server).rsplit_once("//").expect("a URL").1.to_owned();
            let address = address.parse().unwrap_or_else(|_| SocketAddr::from((host, 636)));
            assert_eq!(address.ip(), host);
            site.ways.push(Cutter::before(address, host).await);
        }
        site.in_step().await;
        site
    }

    /// How the gateway is to reach them.
    pub fn urls(&self) -> Vec<String> {
        let scheme = if self.variant.is_samba() { "ldaps" } else { "ldap" };
        self.ways.iter().map(|way| format!("{scheme}://{}", way.address())).collect()
    }

    pub fn ca(&self) -> Option<PathBuf> {
        match &self.servers[0] {
            Server::OpenLdap(_) => None,
            Server::Samba(samba) => Some(samba.ca_pem()),
        }
    }

    pub fn count(&self) -> usize {
        self.servers.len()
    }

    pub fn kill(&mut self, server: usize) {
        match &mut self.servers[server] {
            Server::OpenLdap(slapd) => slapd.kill(),
            Server::Samba(samba) => samba.kill(),
        }
    }

    pub fn restart(&mut self, server: usize) {
        match &mut self.servers[server] {
            Server::OpenLdap(slapd) => slapd.restart(),
            Server::Samba(samba) => samba.restart(),
        }
    }

    pub fn stop(&self, server: usize) {
        match &self.servers[server] {
            Server::OpenLdap(slapd) => slapd.stop(),
            Server::Samba(samba) => samba.stop(),
        }
    }

    pub fn cont(&self, server: usize) {
        match &self.servers[server] {
            Server::OpenLdap(slapd) => slapd.cont(),
            Server::Samba(samba) => samba.cont(),
        }
    }

    pub fn back_up(&mut self) {
        match &mut self.servers[0] {
            Server::OpenLdap(slapd) => slapd.back_up(),
            Server::Samba(samba) => samba.back_up(),
        }
    }

    pub fn restore(&mut self) {
        match &mut self.servers[0] {
            Server::OpenLdap(slapd) => slapd.restore(),
            Server::Samba(samba) => samba.restore(),
        }
    }

    /// The OpenLDAP server starts again with its clock off by so much: `-1h`.
    pub fn restart_at(&mut self, clock: Option<&'static str>) {
        match &mut self.servers[0] {
            Server::OpenLdap(slapd) => slapd.restart_at(clock),
            Server::Samba(_) => unreachable!("its clock is what tickets go by"),
        }
    }

    /// Lets the service account of a domain controller see what was deleted, or not.
    pub fn let_see_deletions(&self, may: bool) {
        match &self.servers[0] {
            Server::OpenLdap(_) => unreachable!("it tells of deletions by themselves"),
            Server::Samba(samba) if may => samba.show_deletions(),
            Server::Samba(samba) => samba.hide_deletions(),
        }
    }

    /// The server that is changed, asked as its administrator.
    pub async fn admin(&self) -> Ldap {
        self.admin_of(self.writer).await
    }

    /// Waits until each server has what the other has, and hears of what comes.
    pub async fn in_step(&mut self) {
        if !self.variant.has_two() {
            return;
        }
        self.same().await;
        for server in 0..if self.variant == Variant::Mirror { 2 } else { 1 } {
            self.beats += 1;
            let attributes = vec![("description", vec![self.beats.to_string().into_bytes()])];
            let beat = Change::Replace { dn: slapd::GROUPS.to_owned(), attributes };
            make(&mut self.admin_of(server).await, &beat).await;
            self.same().await;
        }
    }

    /// Waits until both have had the same changes.
    async fn same(&self) {
        let begun = Instant::now();
        let mut lost_at = begun + LOST;
        loop {
            let (one, other) = (self.state_of(0).await, self.state_of(1).await);
            if Instant::now() > lost_at {
                self.touch(&one, &other).await;
                lost_at += LOST;
            }
            if one == other && !one.is_empty() {
                return;
            }
            let differ = || -> Vec<_> {
                let all = one.iter().chain(&other);
                all.filter(|line| one.contains(line) != other.contains(line)).collect()
            };
            assert!(begun.elapsed() < PATIENCE, "out of step: {:#?}", differ());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Changes each entry of which the servers have different states where it is the later one, and
    /// each that only the server that is changed has, the highest: a change that comes while a server
    /// begins to hear of changes, OpenLDAP may never tell it.
    async fn touch(&self, one: &[String], other: &[String]) {
        let entries = |lines: &[String]| -> BTreeMap<String, String> {
            let entries = lines.iter().filter_map(|line| line.split_once(' '));
            let entries = entries.filter(|(_, dn)| *dn != slapd::SUFFIX);
            entries.map(|(number, dn)| (dn.to_owned(), number.to_owned())).collect()
        };
        let states = [entries(one), entries(other)];
        let (ahead, behind) = (&states[self.writer], &states[1 - self.writer]);
        for (dn, number) in ahead {
            let server = match behind.get(dn) {
                Some(known) if known == number => continue,
                Some(known) if known > number => 1 - self.writer,
                // With an OU all below it comes.
                None if ahead.keys().any(|above| {
                    !behind.contains_key(above) && dn.ends_with(&format!(",{above}"))
                }) =>
                {
                    continue;
                }
                Some(_) | None => self.writer,
            };
            let attributes = vec![("description", vec![b"touched".to_vec()])];
            let touch = Change::Replace { dn: dn.clone(), attributes };
            make(&mut self.admin_of(server).await, &touch).await;
        }
    }

    fn url(&self, server: usize) -> String {
        match &self.servers[server] {
            Server::OpenLdap(slapd) => slapd.url(),
            Server::Samba(samba) => samba.ldaps_url(),
        }
    }

    async fn admin_of(&self, server: usize) -> Ldap {
        let (dn, password) = match self.servers[server] {
            Server::OpenLdap(_) => (slapd::ADMIN_DN, slapd::ADMIN_PASSWORD),
            Server::Samba(_) => (samba::ADMIN_DN, samba::ADMIN_PASSWORD),
        };
        let begun = Instant::now();
        loop {
            // It is at an address of loopback that it has to itself.
            let settings = LdapConnSettings::new().set_no_tls_verify(true);
            let connected = LdapConnAsync::with_settings(settings, &self.url(server)).await;
            if let Ok((connection, mut ldap)) = connected {
                ldap3::drive!(connection);
                if ldap.simple_bind(dn, password).await.is_ok_and(|answer| answer.rc == 0) {
                    return ldap;
                }
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{} is not there: {}",
                self.url(server),
                match &self.servers[server] {
                    Server::OpenLdap(slapd) => slapd.look(),
                    Server::Samba(_) => String::new(),
                }
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// How far an OpenLDAP server is, and each of its entries with its last change: what it says of
    /// itself is not always so.
    async fn state_of(&self, server: usize) -> Vec<String> {
        let mut ldap = self.admin_of(server).await;
        let attributes = ["entryCSN", "contextCSN"];
        let search = ldap.search(slapd::SUFFIX, Scope::Subtree, "(objectClass=*)", attributes);
        let mut state = Vec::new();
        for entry in search.await.map(|found| found.0).unwrap_or_default() {
            let entry = SearchEntry::construct(entry);
            for attribute in attributes {
                let values = entry.attrs.get(attribute).into_iter().flatten();
                state.extend(values.map(|value| format!("{value} {}", entry.dn)));
            }
        }
        state.sort();
        state
    }
}

/// Has a server make a change.
pub async fn make(ldap: &mut Ldap, change: &Change) {
    type Values = HashSet<Vec<u8>>;
    let named = |attributes: &[(&str, Vec<Vec<u8>>)]| -> Vec<(Vec<u8>, Values)> {
        let named = attributes.iter().cloned();
        named.map(|(name, values)| (name.into(), values.into_iter().collect())).collect()
    };
    let answer = match change {
        Change::Add { dn, attributes } => {
            // An id of our own is a liberty.
            if attributes.iter().any(|(name, _)| *name == "entryUUID") {
                ldap.with_controls(RelaxRules);
            }
            ldap.add(dn, named(attributes)).await
        }
        Change::Replace { dn, attributes } => {
            let named = named(attributes).into_iter();
            ldap.modify(dn, named.map(|(name, values)| Mod::Replace(name, values)).collect()).await
        }
        Change::Delete { dn } => ldap.delete(dn).await,
        Change::Rename { dn, rdn, parent } => ldap.modifydn(dn, rdn, true, parent.as_deref()).await,
    };
    let answer = answer.unwrap_or_else(|error| panic!("{error}: {change:?}"));
    assert_eq!(answer.rc, 0, "{answer}: {change:?}");
}

fn openldap(port: Option<u16>, settings: &str, session_log: usize) -> Slapd {
    openldap_of(port.unwrap_or_else(free_port), settings, session_log, false)
}

fn openldap_fed(port: u16, settings: &str, session_log: usize) -> Slapd {
    openldap_of(port, settings, session_log, true)
}

/// A line of `settings` that begins with `!` is for the whole server.
fn openldap_of(port: u16, settings: &str, session_log: usize, empty: bool) -> Slapd {
    let mut builder = Slapd::builder().users(0).without_tls().without_log().port(port);
    if empty {
        builder = builder.empty();
    }
    for line in settings.lines() {
        builder = match line.strip_prefix('!') {
            Some(line) => builder.for_all(line),
            None => builder.setting(line),
        };
    }
    builder = builder.with_sync();
    if session_log > 0 {
        builder = builder.setting(&format!("syncprov-sessionlog {session_log}"));
    }
    for rule in rights::rules() {
        builder = builder.setting(&rule);
    }
    builder.start()
}

/// The lines of `slapd.conf` by which a server is filled from another.
fn fed_by(id: usize, from: SocketAddr) -> String {
    format!(
        "syncrepl rid={id:03} provider=ldap://{from} type=refreshAndPersist retry=\"1 +\" \
         searchbase=\"{}\" bindmethod=simple binddn=\"{}\" credentials={}",
        slapd::SUFFIX,
        slapd::ADMIN_DN,
        slapd::ADMIN_PASSWORD
    )
}
