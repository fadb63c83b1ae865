//! Admits connections: finds each one's address, from a trusted load balancer if there is one, and
//! limits how many each address may hold.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::net::TcpStream;
use tracing::debug;

use crate::domain::client_address::ClientAddress;
use crate::telemetry::metrics;

/// The command of a connection that the load balancer opened for itself.
const LOCAL: u8 = 0;

/// The length of a PROXY header's fixed part, in bytes.
pub(super) const FIXED: usize = 16;

/// Longest variable part accepted, in bytes: two addresses, and what load balancers add.
const MAX_REST: usize = 4096;

/// Addresses that may hold any number of connections: those of proxies, which act for others.
#[derive(Clone)]
pub struct Exempt(Arc<dyn Fn(IpAddr) -> bool + Send + Sync>);

impl Exempt {
    /// The addresses for which `is_exempt`, called for each connection, returns true.
    pub fn new(is_exempt: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_exempt))
    }
}

impl Default for Exempt {
    fn default() -> Self {
        Self::new(|_| false)
    }
}

impl fmt::Debug for Exempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exempt")
    }
}

/// Admits a listener's connections.
pub(super) struct ConnectionLimits {
    /// How many connections one address may hold.
    pub(super) per_address: usize,
    pub(super) exempt: Exempt,
    /// The load balancers whose connections begin with a PROXY header.
    pub(super) proxy_protocol: Vec<IpNet>,
    /// How long that header may take to arrive.
    pub(super) timeout: Duration,
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// An admitted connection.
pub(super) struct AdmittedConnection {
    /// The client's address, from the load balancer if there is one.
    pub(super) peer: Option<SocketAddr>,
    pub(super) slot: Option<ConnectionSlot>,
}

/// One connection slot of an address, freed on drop.
pub(super) struct ConnectionSlot {
    connection_limits: Arc<ConnectionLimits>,
    address: IpAddr,
}

impl ConnectionLimits {
    pub(super) fn new(
        per_address: usize,
        exempt: Exempt,
        proxy_protocol: Vec<IpNet>,
        timeout: Duration,
    ) -> Arc<Self> {
        let held = Mutex::default();
        Arc::new(Self { per_address, exempt, proxy_protocol, timeout, held })
    }

    /// Admits a connection; `None` if it must be closed. Strangers can cause any number of those,
    /// so they are counted and logged at debug level only.
    pub(super) async fn admit(self: &Arc<Self>, stream: &TcpStream) -> Option<AdmittedConnection> {
        let connected = stream.peer_addr().ok()?;
        let from = connected.ip().to_canonical();
        let peer = if self.proxy_protocol.iter().any(|network| network.contains(&from)) {
            match tokio::time::timeout(self.timeout, read_proxy_header(stream)).await {
                Ok(Ok(client)) => client.unwrap_or(connected),
                Ok(Err(error)) => {
                    debug!(peer = %connected, %error, "closed: no usable PROXY header");
                    return refused("proxy_header");
                }
                Err(_) => {
                    debug!(peer = %connected, "closed: the PROXY header took too long");
                    return refused("proxy_header");
                }
            }
        } else {
            connected
        };
        if (self.exempt.0)(peer.ip()) {
            return Some(AdmittedConnection { peer: Some(peer), slot: None });
        }
        let Some(slot) = self.take_slot(peer.ip()) else {
            debug!(%peer, "closed: its address holds the maximum number of connections");
            return refused("address");
        };
        Some(AdmittedConnection { peer: Some(peer), slot: Some(slot) })
    }

    fn take_slot(self: &Arc<Self>, address: IpAddr) -> Option<ConnectionSlot> {
        let address = ClientAddress::of(address).ip();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(address).or_default();
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        Some(ConnectionSlot { connection_limits: Arc::clone(self), address })
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut held = self.connection_limits.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.address);
            }
        }
    }
}

fn refused(reason: &'static str) -> Option<AdmittedConnection> {
    metrics::connection_refused(reason);
    None
}

/// Reads the PROXY header, version 2, at the start of a connection: the client's address, or `None`
/// if the load balancer connects for itself, for example as a health check.
async fn read_proxy_header(stream: &TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut fixed = [0; FIXED];
    read_exact(stream, &mut fixed).await?;
    let mut header = fixed.to_vec();
    header.resize(FIXED + variable_length(&fixed)?, 0);
    read_exact(stream, &mut header[FIXED..]).await?;
    parse_proxy_header(&header)
}

/// The length of the header's variable part, in bytes.
pub(super) fn variable_length(fixed: &[u8; FIXED]) -> io::Result<usize> {
    let rest = usize::from(u16::from_be_bytes([fixed[FIXED - 2], fixed[FIXED - 1]]));
    let is_header = fixed.starts_with(b"\r\n\r\n\0\r\nQUIT\n") && rest <= MAX_REST;
    is_header.then_some(rest).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The client's address in a whole header; `None` if the load balancer connects for itself.
pub(super) fn parse_proxy_header(header: &[u8]) -> io::Result<Option<SocketAddr>> {
    let no = || io::Error::from(io::ErrorKind::InvalidData);
    let is_local = header.get(12).is_some_and(|command| command & 0x0f == LOCAL);
    let config = ParseConfig { include_tlvs: false, allow_v1: false, allow_v2: true };
    let (parsed, _) = ProxyHeader::parse(header, config).map_err(|_| no())?;
    match parsed.proxied_address() {
        Some(address) if address.protocol == Protocol::Stream => Ok(Some(address.source)),
        None if is_local => Ok(None),
        Some(_) | None => Err(no()),
    }
}

/// Fills the buffer, and reads nothing beyond it.
async fn read_exact(stream: &TcpStream, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        stream.readable().await?;
        match stream.try_read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => buffer = &mut buffer[read..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_places_and_an_ipv6_one_has_them_by_its_64() {
        let connection_limits =
            ConnectionLimits::new(2, Exempt::default(), Vec::new(), Duration::ZERO);
        let take =
            |address: &str| connection_limits.take_slot(address.parse().expect("an address"));
        let (_first, second) = (take("192.0.2.1"), take("::ffff:192.0.2.1"));
        assert!(second.is_some() && take("192.0.2.1").is_none() && take("192.0.2.2").is_some());
        drop(second);
        assert!(take("192.0.2.1").is_some());
        let _v6 = (take("2001:db8::1"), take("2001:db8::2:0:0:1"));
        assert!(take("2001:db8::3").is_none() && take("2001:db8:0:1::1").is_some());
        assert_eq!(connection_limits.held.lock().expect("not poisoned").len(), 2);
    }
}
