//! The LDAP library alone: the most searches and binds that it and the directory server can do,
//! with the filters, connections and concurrency that dialpass uses and nothing around them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use dialpass::directory::Directory;
use dialpass::directory::ldap::{
    AccountChecks, DEFAULT_BIND_CONNECTIONS, DEFAULT_SEARCH_CONNECTIONS,
    DEFAULT_SEARCHES_PER_CONNECTION, DEFAULT_SIZE_LIMIT, LdapDirectory, LdapSettings, Lookup,
    NumberMatch, Profile, ServerOrder, ServerUrl,
};
use dialpass::domain::phone_number::PhoneNumber;
use dialpass::domain::stored_number::NumberingPlan;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Scope, SearchEntry, SearchOptions, StdStream};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use crate::people::{self, BASE, PASSWORD};

/// The filter that every entry must match.
pub const USER_FILTER: &str = "(objectClass=inetOrgPerson)";
/// The attributes that hold numbers.
const PHONE_ATTRIBUTES: [&str; 2] = ["mobile", "telephoneNumber"];
/// The attributes that dialpass reads.
const ATTRIBUTES: [&str; 5] =
    ["entryUUID", "uid", "userAccountControl", "mobile", "telephoneNumber"];

/// A directory server.
#[derive(Clone)]
pub struct Server {
    pub port: u16,
    pub people: u32,
    pub bind_dn: &'static str,
    pub bind_password: &'static str,
}

/// The operation to measure.
#[derive(Clone, Copy)]
pub enum Question {
    /// A search by number, with the library itself.
    ByNumber,
    /// A search by name, with the library itself.
    ByName,
    /// A bind, with the library itself.
    Bind,
    /// A search by number, with dialpass's own adapter.
    Adapter,
}

/// Runs `concurrency` operations at a time for `time` after `warm_up`; returns answers per second.
pub fn rate(
    server: &Server,
    question: Question,
    concurrency: usize,
    warm_up: Duration,
    time: Duration,
    next: &Arc<AtomicU64>,
) -> anyhow::Result<f64> {
    // The same kind of runtime as for dialpass's directory.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let answered = runtime.block_on(async {
        let asker = Asker::new(server, question).await?;
        let begin = Instant::now() + warm_up;
        let end = begin + time;
        let concurrency = match question {
            // More would wait for a connection.
            Question::Bind => concurrency.min(DEFAULT_BIND_CONNECTIONS),
            _ => concurrency,
        };
        let asking: Vec<_> = (0..concurrency)
            .map(|place| {
                let (asker, next, people) = (asker.clone(), Arc::clone(next), server.people);
                tokio::spawn(async move {
                    let mut answered = 0_u64;
                    while Instant::now() < end {
                        let turn = next.fetch_add(1, Ordering::Relaxed);
                        asker.ask(place, people::at_turn(turn, people)).await?;
                        let now = Instant::now();
                        answered += u64::from(now >= begin && now < end);
                    }
                    anyhow::Ok(answered)
                })
            })
            .collect();
        let mut answered = 0;
        for task in asking {
            answered += task.await??;
        }
        anyhow::Ok(answered)
    })?;
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let answered = answered as f64;
    Ok(answered / time.as_secs_f64())
}

#[derive(Clone)]
struct Asker {
    question: Question,
    plan: NumberingPlan,
    connections: Arc<[Ldap]>,
    adapter: Option<Arc<LdapDirectory>>,
}

impl Asker {
    async fn new(server: &Server, question: Question) -> anyhow::Result<Self> {
        let plan = NumberingPlan::for_country("SE").context("a country")?;
        let mut connections = Vec::new();
        let mut adapter = None;
        match question {
            Question::ByNumber | Question::ByName => {
                for _ in 0..DEFAULT_SEARCH_CONNECTIONS {
                    let mut ldap = connect(server.port).await?;
                    ldap.simple_bind(server.bind_dn, server.bind_password).await?.success()?;
                    connections.push(ldap);
                }
            }
            Question::Bind => {
                for _ in 0..DEFAULT_BIND_CONNECTIONS {
                    connections.push(connect(server.port).await?);
                }
            }
            Question::Adapter => {
                let directory = LdapDirectory::new(settings(server, plan)?, Handle::current());
                let directory = Arc::new(directory);
                wait_until_up(&directory).await?;
                adapter = Some(directory);
            }
        }
        Ok(Self { question, plan, connections: connections.into(), adapter })
    }

    async fn ask(&self, place: usize, person: u32) -> anyhow::Result<()> {
        match (self.question, &self.adapter) {
            (Question::Adapter, Some(adapter)) => {
                let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
                let found = adapter.find_by_number(&self.number(person)?, deadline).await?;
                only(found.users.len())
            }
            (Question::Bind, _) => {
                let mut ldap = self.connections[place].clone();
                ldap.simple_bind(&people::dn(person), PASSWORD).await?.success()?;
                Ok(())
            }
            (Question::ByName, _) => {
                let filter = format!("(&{USER_FILTER}(uid={}))", people::username(person));
                self.search(place, &filter).await
            }
            (Question::ByNumber | Question::Adapter, _) => {
                let filter = by_number(self.plan, &self.number(person)?);
                self.search(place, &filter).await
            }
        }
    }

    fn number(&self, person: u32) -> anyhow::Result<PhoneNumber> {
        self.plan.read_stored(&people::number(person)).context("a number")
    }

    async fn search(&self, place: usize, filter: &str) -> anyhow::Result<()> {
        let mut ldap = self.connections[place % self.connections.len()].clone();
        let options = SearchOptions::new().sizelimit(DEFAULT_SIZE_LIMIT).timelimit(3);
        let found = ldap
            .with_search_options(options)
            .search(BASE, Scope::Subtree, filter, &ATTRIBUTES[..])
            .await?
            .success()?;
        only(found.0.into_iter().map(SearchEntry::construct).count())
    }
}

/// Fails on a wrong answer: a rate of wrong answers is meaningless.
fn only(found: usize) -> anyhow::Result<()> {
    if found != 1 {
        bail!("a search found {found} people instead of one");
    }
    Ok(())
}

/// The filter that dialpass sends for a number: every form it could be stored in.
fn by_number(plan: NumberingPlan, number: &PhoneNumber) -> String {
    let forms = plan.stored_forms(number);
    let mut filter = format!("(&{USER_FILTER}(|");
    for attribute in PHONE_ATTRIBUTES {
        for form in &forms.exact {
            filter.extend(["(", attribute, "=", &ldap3::ldap_escape(form.as_str()), ")"]);
        }
    }
    filter.push_str("))");
    filter
}

async fn connect(port: u16) -> anyhow::Result<Ldap> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let how = LdapConnSettings::new().set_std_stream(StdStream::Tcp(stream.into_std()?));
    let url = format!("ldap://127.0.0.1:{port}");
    let (driver, ldap) = LdapConnAsync::with_settings(how, &url).await?;
    tokio::spawn(driver.drive());
    Ok(ldap)
}

/// A directory on this server with dialpass's default settings.
pub fn settings(server: &Server, plan: NumberingPlan) -> anyhow::Result<LdapSettings> {
    Ok(LdapSettings {
        servers: vec![ServerUrl::parse(&format!("ldap://127.0.0.1:{}", server.port))?],
        start_tls: false,
        tls: None,
        bind_dn: server.bind_dn.to_owned(),
        bind_password: server.bind_password.into(),
        profile: Profile::OpenLdap,
        server_order: ServerOrder::InOrder,
        base_dns: vec![BASE.to_owned()],
        pin_attribute: None,
        required_group: None,
        excluded_group: None,
        answer_groups: Vec::new(),
        group_base_dn: None,
        lookup: Lookup::Search,
        user_filter: USER_FILTER.to_owned(),
        phone_attributes: PHONE_ATTRIBUTES.map(str::to_owned).into(),
        username_attribute: "uid".to_owned(),
        id_attribute: "entryUUID".to_owned(),
        number_match: NumberMatch::Equality,
        size_limit: DEFAULT_SIZE_LIMIT,
        timeout: Duration::from_secs(2),
        search_connections: DEFAULT_SEARCH_CONNECTIONS,
        searches_per_connection: DEFAULT_SEARCHES_PER_CONNECTION,
        bind_connections: DEFAULT_BIND_CONNECTIONS,
        plan,
        account_checks: AccountChecks::AtTheBind,
    })
}

async fn wait_until_up(directory: &LdapDirectory) -> anyhow::Result<()> {
    for _ in 0..100 {
        if directory.states().iter().all(|state| state.up) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("the adapter does not reach the directory server")
}
