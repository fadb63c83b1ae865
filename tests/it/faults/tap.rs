//! Something between the gateway and its directory that can tell when a password is on its way.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, oneshot};

use crate::support::slapd::Slapd;

/// Passes connections on to a directory server. When a bind as one person comes by, the server
/// is stopped (SIGSTOP) before the bind is passed on to it.
pub struct Tap {
    address: SocketAddr,
    caught: oneshot::Receiver<()>,
}

impl Tap {
    /// Before `slapd`, for the first bind as `uid`.
    pub async fn before(slapd: &Arc<Slapd>, uid: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (catch, caught) = oneshot::channel();
        let trap = Arc::new(Mutex::new(Some(catch)));
        // Only a bind has the name and its value side by side; a search has them apart.
        let (slapd, dn) = (Arc::clone(slapd), format!("uid={uid},").into_bytes());
        tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                let (slapd, dn, trap) = (Arc::clone(&slapd), dn.clone(), Arc::clone(&trap));
                tokio::spawn(async move {
                    let server = slapd.url();
                    let to = TcpStream::connect(server.trim_start_matches("ldap://")).await;
                    let Ok(to) = to else { return };
                    let (mut from_client, mut to_client) = from.into_split();
                    let (mut from_server, mut to_server) = to.into_split();
                    let back = tokio::spawn(async move {
                        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
                    });
                    let mut bytes = vec![0; 64 * 1024];
                    while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
                        let bytes = &bytes[..count];
                        if bytes.windows(dn.len()).any(|window| window == dn)
                            && let Some(catch) = trap.lock().await.take()
                        {
                            slapd.stop();
                            let _ = catch.send(());
                        }
                        if to_server.write_all(bytes).await.is_err() {
                            break;
                        }
                    }
                    back.abort();
                });
            }
        });
        Self { address, caught }
    }

    /// Where it is to be asked.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    /// Waits until the bind came by and the server is stopped.
    pub async fn caught(&mut self) {
        let caught =
            tokio::time::timeout(crate::support::gateway::PATIENCE, &mut self.caught).await;
        caught.expect("a bind comes by").expect("it is told");
    }
}
