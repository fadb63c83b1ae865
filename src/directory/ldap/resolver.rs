//! Resolves a server's name to its addresses.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;

type Answer = io::Result<Vec<SocketAddr>>;

/// Resolves server names to addresses.
#[derive(Clone)]
pub struct Resolver(Arc<dyn Fn(String, u16) -> BoxFuture<'static, Answer> + Send + Sync>);

impl Resolver {
    /// The system's resolver, which also sorts its results (RFC 6724).
    #[must_use]
    pub fn system() -> Self {
        Self::new(
            |host, port| async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) },
        )
    }

    /// A resolver that calls `resolve` with the host name and the port to connect to.
    pub fn new<F>(resolve: impl Fn(String, u16) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self(Arc::new(move |host, port| Box::pin(resolve(host, port))))
    }

    /// The addresses, in the order to try them; at least one.
    pub(super) async fn addresses(&self, host: &str, port: u16) -> Answer {
        let found = interleaved((self.0)(host.to_owned(), port).await?);
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        Ok(found)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

/// The distinct addresses, alternating between IPv6 and IPv4, starting with the first one's family
/// (RFC 8305 section 4): if one family is unreachable, the second attempt uses the other.
fn interleaved(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut distinct: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !distinct.contains(&address) {
            distinct.push(address);
        }
    }
    let Some(first_is_v4) = distinct.first().map(SocketAddr::is_ipv4) else { return distinct };
    let (mut one, mut other): (Vec<_>, Vec<_>) =
        distinct.into_iter().partition(|address| address.is_ipv4() == first_is_v4);
    one.reverse();
    other.reverse();
    let mut order = Vec::new();
    while !(one.is_empty() && other.is_empty()) {
        order.extend(one.pop());
        order.extend(other.pop());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_kinds_of_address_come_by_turns_and_each_address_once() {
        let read = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        for (found, order) in [
            (
                &["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1", "10.0.0.2:1", "[::1]:1"][..],
                &["[::1]:1", "10.0.0.1:1", "[::2]:1", "10.0.0.2:1", "[::3]:1"][..],
            ),
            (&["10.0.0.1:1", "10.0.0.2:1", "[::1]:1"], &["10.0.0.1:1", "[::1]:1", "10.0.0.2:1"]),
            (&["10.0.0.1:1"], &["10.0.0.1:1"]),
            (&[], &[]),
        ] {
            assert_eq!(interleaved(read(found)), read(order));
        }
    }
}
