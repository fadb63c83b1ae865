//! A provider of SMS: a small HTTP server that answers as configured and keeps what it was sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::support::pki::Issued;

/// What it does with a request.
#[derive(Clone)]
pub enum Manner {
    /// Answers with a status line's end and a body.
    Answer(&'static str, String),
    /// Answers with a head to which a body of this many bytes belongs, which it sends.
    Huge(usize),
    /// Sends others there.
    Redirect(String),
    /// Reads the request and never answers.
    Hang,
    /// Answers with a head, and never with the body.
    HangInBody,
    /// Closes the connection.
    Close,
    /// Answers with what is no HTTP.
    Junk,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Taken {
    /// `METHOD TARGET`.
    pub line: String,
    /// Its header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Taken {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }
}

/// A running provider; dropped, it is gone.
pub struct Provider {
    port: u16,
    manner: Arc<Mutex<Manner>>,
    taken: Arc<Mutex<Vec<Taken>>>,
    serving: JoinHandle<()>,
}

impl Provider {
    pub async fn start(manner: Manner) -> Self {
        Self::serving(manner, None).await
    }

    /// One that shows this certificate.
    pub async fn start_tls(manner: Manner, issued: &Issued) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.der()], issued.key_der());
        Self::serving(manner, Some(TlsAcceptor::from(Arc::new(config.unwrap())))).await
    }

    async fn serving(manner: Manner, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let manner = Arc::new(Mutex::new(manner));
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (its_manner, its_taken) = (Arc::clone(&manner), Arc::clone(&taken));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (manner, taken) = (Arc::clone(&its_manner), Arc::clone(&its_taken));
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => serve(tls.accept(stream).await?, manner, taken).await,
                        None => serve(stream, manner, taken).await,
                    }
                });
            }
        });
        Self { port, manner, taken, serving }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its section of a configuration, with JSON of number and message.
    pub fn section(&self, name: &str, keys: &str) -> String {
        format!(
            "[[tenants.sms.providers]]\nname = \"{name}\"\nurl = \"{}/send\"\n\
             json = {{ to = \"{{phone}}\", text = \"{{message}}\" }}\n{keys}\n",
            self.url()
        )
    }

    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.taken.lock().unwrap().len()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// One request of a connection; the next one has to come on another.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    manner: Arc<Mutex<Manner>>,
    taken: Arc<Mutex<Vec<Taken>>>,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).expect("a head in UTF-8");
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    let fields = lines.filter_map(|line| line.split_once(": "));
    let headers: Vec<_> =
        fields.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, value)| value.parse().expect("a length"));
    while bytes.len() < head + 4 + length {
        stream.read_buf(&mut bytes).await?;
    }
    let body = bytes[head + 4..].to_vec();
    taken.lock().unwrap().push(Taken { line, headers, body });
    let manner = manner.lock().unwrap().clone();
    let answer = match manner {
        Manner::Answer(status, body) => {
            format!(
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        }
        Manner::Redirect(to) => format!(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: {to}\r\nconnection: close\r\n\
             content-length: 0\r\n\r\n"
        ),
        Manner::Huge(length) => {
            let head =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            let piece = vec![b'x'; 16 * 1024];
            for _ in 0..length / piece.len() {
                stream.write_all(&piece).await?;
            }
            return Ok(());
        }
        Manner::Junk => "220 mail.example.com ESMTP\r\n\r\n".to_owned(),
        Manner::Close => return Ok(()),
        Manner::Hang => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            return Ok(());
        }
        Manner::HangInBody => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nacc").await?;
            tokio::time::sleep(Duration::from_mins(1)).await;
            return Ok(());
        }
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
