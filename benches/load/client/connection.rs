//! A persistent connection, and the requests sent on it.

use std::io::Read;
use std::net::{SocketAddr, TcpStream as StdTcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Post;
use crate::people::{self, PASSWORD};
use crate::voice;

/// The token of the benchmark's one client.
pub const TOKEN: &str = "5d1c4f0a9be84e2f8f6b0f1f7d2a3c4e5d1c4f0a9be84e2f8f6b0f1f7d2a3c4e";

/// Where requests are sent.
#[derive(Clone)]
pub struct Target {
    /// The address of one node, or of several, which the connections use in turn.
    pub addresses: Vec<SocketAddr>,
    pub tls: Arc<ClientConfig>,
    pub tenant: &'static str,
    /// How many people the tenant's directory has.
    pub people: u32,
}

/// The TLS configuration of a client that trusts the CA in `ca`.
pub fn tls(ca: &Path) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca)?)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(Arc::new(config))
}

/// An open connection and its buffers.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    request: Vec<u8>,
    answer: Vec<u8>,
    tenant: &'static str,
}

impl Connection {
    /// Opens connection number `place` of a measurement.
    pub async fn open(target: &Target, place: usize) -> anyhow::Result<Self> {
        let address = target.addresses[place % target.addresses.len()];
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let stream = TlsConnector::from(Arc::clone(&target.tls)).connect(name, stream).await?;
        Ok(Self {
            stream,
            request: Vec::with_capacity(1024),
            answer: Vec::with_capacity(4096),
            tenant: target.tenant,
        })
    }

    /// Requests a caller's code; `None` if the answer is not a code.
    pub async fn call(&mut self, person: u32) -> anyhow::Result<Option<[u8; 6]>> {
        let body = format!("{{\"phonenumber\":\"{}\"}}", people::number(person));
        let (status, body) = self.exchange("getOTP", &body).await?;
        let code = body.strip_prefix(b"{\"otp\":\"").and_then(|rest| rest.strip_suffix(b"\"}"));
        let code = code.and_then(|digits| <[u8; 6]>::try_from(digits).ok());
        Ok(code.filter(|_| status == 200))
    }

    /// Reports a person's call as a voice platform does; returns whether the document speaks a code.
    pub(super) async fn report(&mut self, person: u32, turn: u64) -> anyhow::Result<bool> {
        use std::io::Write as _;
        let (form, signature) = voice::report(person, turn);
        self.request.clear();
        write!(
            self.request,
            "POST {} HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\
             X-Twilio-Signature: {signature}\r\nContent-Length: {}\r\n\r\n{form}",
            voice::PATH,
            form.len(),
        )?;
        let (status, body) = self.finish().await?;
        let pause = b"<Pause";
        Ok(status == 200 && body.windows(pause.len()).any(|part| part == pause))
    }

    /// Logs a person in; returns whether the login was accepted.
    pub async fn login(
        &mut self,
        person: u32,
        code: [u8; 6],
        with_password: bool,
    ) -> anyhow::Result<bool> {
        let (name, code) = (people::username(person), String::from_utf8_lossy(&code).into_owned());
        let (status, body) = if with_password {
            let body = format!(
                "{{\"username\":\"{name}\",\"password\":\"{PASSWORD}\",\"otp\":\"{code}\"}}"
            );
            self.exchange("validateOTP", &body).await?
        } else {
            let body = format!("{{\"username\":\"{name}\",\"otp\":\"{code}\"}}");
            self.exchange("otp_token_auth", &body).await?
        };
        Ok(status == 200 && body.windows(name.len()).any(|part| part == name.as_bytes()))
    }

    /// Sends one request and reads its answer.
    async fn exchange(&mut self, operation: &str, body: &str) -> anyhow::Result<(u16, &[u8])> {
        use std::io::Write as _;
        self.request.clear();
        write!(
            self.request,
            "PUT /api/authentication/{operation} HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: application/json\r\nAuthorization: Bearer {TOKEN}\r\ntenant: {}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.tenant,
            body.len(),
        )?;
        self.finish().await
    }

    /// Sends one request to the authentication cloud and reads its answer.
    pub(super) async fn post(&mut self, post: &Post) -> anyhow::Result<(u16, &[u8])> {
        use std::io::Write as _;
        self.request.clear();
        let Post { path, body, bearer } = post;
        write!(
            self.request,
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {bearer}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len(),
        )?;
        self.finish().await
    }

    /// Sends the prepared request and reads its answer.
    async fn finish(&mut self) -> anyhow::Result<(u16, &[u8])> {
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        let (head, status, length) = loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                bail!("the server closed the connection");
            }
            if let Some(end) = self.answer.windows(4).position(|four| four == b"\r\n\r\n") {
                let (status, length) = read_head(&self.answer[..end])?;
                break (end + 4, status, length);
            }
        };
        while self.answer.len() < head + length {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                bail!("the server closed the connection in an answer");
            }
        }
        Ok((status, &self.answer[head..head + length]))
    }

    /// Requests an unknown path; any answer proves that the server works.
    pub async fn probe(&mut self) -> anyhow::Result<u16> {
        Ok(self.exchange("nothing", "{}").await?.0)
    }

    /// The last answer read.
    pub(super) fn last_answer(&self) -> String {
        String::from_utf8_lossy(&self.answer).into_owned()
    }
}

/// The status and the body's length.
fn read_head(head: &[u8]) -> anyhow::Result<(u16, usize)> {
    let head = std::str::from_utf8(head)?;
    let status = head.get(9..12).context("no status")?.parse()?;
    // A status that excludes content has no length.
    let length = if status == 204 { 0 } else { content_length(head)? };
    Ok((status, length))
}

/// The length of the body that follows this head.
pub fn content_length(head: &str) -> anyhow::Result<usize> {
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    length.context("a head without a length")
}

/// One plain GET, like an operator's tool; returns its body.
pub fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    use std::io::Write as _;
    let mut stream = StdTcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("an answer without a body")?;
    Ok(body.to_owned())
}
