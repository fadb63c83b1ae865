//! A name that stands for several servers, as Active Directory's own domain name does for all its
//! controllers.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dialpass::directory::ldap::{IndexSettings, LdapDirectory, Lookup, Resolver};
use dialpass::directory::{DependencyState, Directory};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::index::{is_live, synced};
use super::{TIMEOUT, by_name, by_number, check, names, settings, works_within};
use crate::support::slapd::Slapd;

const NAME: &str = "ldap://dc.lab.example.org";

/// What the name stands for now; nothing: it cannot be looked up.
#[derive(Clone, Default)]
struct Addresses(Arc<Mutex<Vec<SocketAddr>>>);

impl Addresses {
    fn of(addresses: &[SocketAddr]) -> Self {
        Self(Arc::new(Mutex::new(addresses.to_vec())))
    }

    fn set(&self, addresses: &[SocketAddr]) {
        *self.0.lock().unwrap() = addresses.to_vec();
    }

    fn directory(&self) -> LdapDirectory {
        self.directory_with(Lookup::Search)
    }

    fn directory_with(&self, lookup: Lookup) -> LdapDirectory {
        let mut settings = settings(&[NAME.to_owned()]);
        settings.lookup = lookup;
        let addresses = self.clone();
        let resolver = Resolver::new(move |host, port| {
            assert_eq!((host.as_str(), port), ("dc.lab.example.org", 389));
            let found = addresses.0.lock().unwrap().clone();
            async move {
                if found.is_empty() { Err(io::Error::other("no such host")) } else { Ok(found) }
            }
        });
        LdapDirectory::resolved_by(settings, Handle::current(), resolver)
    }
}

fn address(slapd: &Slapd) -> SocketAddr {
    slapd.url().trim_start_matches("ldap://").parse().unwrap()
}

/// An address where connections are not accepted, nor refused, as behind a firewall that swallows
/// all: the queue of those that wait there is full.
struct Swallowing {
    address: SocketAddr,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Swallowing {
    fn at(ip: &str) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(ip.parse().unwrap(), 0)).unwrap();
        let listener = socket.listen(1).unwrap().into_std().unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            waiting.push(stream);
            assert!(waiting.len() < 100, "the queue is never full");
        }
        Self { address, _listener: listener, _waiting: waiting }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_swallows_all_costs_a_moment_and_not_the_call() {
    let slapd = Slapd::start();
    let swallowing = Swallowing::at("127.0.0.2");
    let directory = Addresses::of(&[swallowing.address, address(&slapd)]).directory();
    let begun = Instant::now();
    assert_eq!(names(&by_number(&directory, "+46701234567").await.unwrap()), ["anna"]);
    assert!(begun.elapsed() < TIMEOUT / 2, "{:?}", begun.elapsed());
    let anna = by_name(&directory, "anna").await.unwrap().users[0].clone();
    check(&directory, &anna, "anna-secret").await.unwrap();
    assert!(begun.elapsed() < TIMEOUT / 2, "{:?}", begun.elapsed());
    // Each address is a server, and named.
    let states =
        until(&directory, |states| states[1].up && states[0].detail.contains("within")).await;
    for (state, address) in states.iter().zip([swallowing.address, address(&slapd)]) {
        assert_eq!(state.name, format!("{NAME} ({address})"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_accepts_and_never_answers_is_passed_over() {
    let slapd = Slapd::start();
    let silent = TcpListener::bind(("127.0.0.2", 0)).unwrap();
    let silent_address = silent.local_addr().unwrap();
    let directory = Addresses::of(&[silent_address, address(&slapd)]).directory();
    let begun = Instant::now();
    assert_eq!(names(&by_number(&directory, "+46701234567").await.unwrap()), ["anna"]);
    assert!(begun.elapsed() < TIMEOUT / 2, "{:?}", begun.elapsed());
    until(&directory, |states| !states[0].up && states[1].up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_dies_or_falls_silent_leaves_the_calls_to_the_others() {
    let (mut first, second) = (Slapd::start(), Slapd::start());
    let directory = Addresses::of(&[address(&first), address(&second)]).directory();
    works_within(&directory, TIMEOUT).await;
    until(&directory, |states| states[0].up && states[1].up).await;
    assert_eq!(second.searches(), 0, "the first is asked");
    first.stop();
    assert_eq!(names(&by_number(&directory, "+46701234567").await.unwrap()), ["anna"]);
    first.cont();
    until(&directory, |states| states[0].up).await;
    first.kill();
    for _ in 0..20 {
        assert_eq!(names(&by_number(&directory, "+46701234567").await.unwrap()), ["anna"]);
    }
    until(&directory, |states| !states[0].up && states[1].up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ipv6_address_that_leads_nowhere_leaves_the_calls_to_ipv4() {
    let slapd = Slapd::start();
    let nobody = TcpListener::bind("[::1]:0").unwrap().local_addr().unwrap();
    let swallowing = Swallowing::at("127.0.0.3");
    let directory = Addresses::of(&[nobody, swallowing.address, address(&slapd)]).directory();
    let begun = Instant::now();
    assert_eq!(names(&by_number(&directory, "+46701234567").await.unwrap()), ["anna"]);
    assert!(begun.elapsed() < TIMEOUT / 2, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_come_and_go_without_a_reload() {
    let (mut first, second) = (Slapd::start(), Slapd::start());
    let known = Addresses::default();
    let directory = known.directory();
    assert!(by_number(&directory, "+46701234567").await.is_err());
    let states = until(&directory, |states| states[0].detail.contains("no such host")).await;
    assert_eq!(states[0].name, NAME);
    known.set(&[address(&first)]);
    works_within(&directory, Duration::from_secs(10)).await;
    first.kill();
    known.set(&[address(&second)]);
    works_within(&directory, Duration::from_secs(10)).await;
    until(&directory, |states| states.len() == 1 && states[0].up).await;
    // What is known stays while the name cannot be looked up.
    known.set(&[]);
    works_within(&directory, TIMEOUT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_is_kept_from_an_address_that_works() {
    let (mut first, second) = (synced().start(), synced().start());
    let swallowing = Swallowing::at("127.0.0.4");
    let addresses = [swallowing.address, address(&first), address(&second)];
    let max_age = Duration::from_mins(15);
    let lookup =
        Lookup::Index(IndexSettings { max_age, poll: max_age, ..IndexSettings::default() });
    let directory = Addresses::of(&addresses).directory_with(lookup);
    is_live(&directory, true).await;
    first.kill();
    is_live(&directory, false).await;
    is_live(&directory, true).await;
    let index = directory.states().pop().unwrap();
    assert!(index.detail.contains(&addresses[2].to_string()), "{index:?}");
}

/// Waits until the states are so.
async fn until(
    directory: &LdapDirectory,
    so: impl Fn(&[DependencyState]) -> bool,
) -> Vec<DependencyState> {
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        let states = directory.states();
        if so(&states) {
            return states;
        }
        assert!(Instant::now() < patience, "{states:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
