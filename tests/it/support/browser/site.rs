//! A web site of somebody else: a few files under a strict content security policy.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Path and content of the files.
type Files = Arc<Mutex<Vec<(String, String)>>>;

/// A running site; dropped, it is gone.
pub struct Site {
    port: u16,
    files: Files,
    serving: JoinHandle<()>,
}

impl Site {
    /// One whose pages come with this content security policy.
    pub async fn start(policy: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let files = Files::default();
        let (its_files, policy) = (Arc::clone(&files), policy.to_owned());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&its_files), policy.clone()));
            }
        });
        Self { port, files, serving }
    }

    /// Puts a file there.
    pub fn put(&self, path: &str, content: &str) {
        self.files.lock().unwrap().push((path.to_owned(), content.to_owned()));
    }

    /// An address of it; of another site than `localhost`.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The same by a name, which can have passkeys.
    pub fn named_url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// One request of a connection; the next one has to come on another.
async fn serve(mut stream: TcpStream, files: Files, policy: String) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|part| part == b"\r\n\r\n") {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&bytes);
    let target = head.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    let files = files.lock().unwrap().clone();
    let found = files.into_iter().rev().find(|(known, _)| known == path);
    let (status, content) =
        found.map_or(("404 Not Found", String::new()), |(_, content)| ("200 OK", content));
    let kind = match path.rsplit('.').next() {
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        _ => "text/html",
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: {kind}; charset=utf-8\r\n\
         content-security-policy: {policy}\r\ncontent-length: {}\r\n\r\n{content}",
        content.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
