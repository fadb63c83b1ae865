//! Requests by hand, byte by byte, and what comes back: also what no HTTP library would send.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::gateway::{Answer, Gateway, PATIENCE};

/// Where a code is asked for.
pub const GET_OTP: &str = "/api/authentication/getOTP";
/// Where a login is asked about.
pub const VALIDATE_OTP: &str = "/api/authentication/validateOTP";
/// Its alias without a password.
pub const OTP_TOKEN_AUTH: &str = "/api/authentication/otp_token_auth";

/// The `Authorization` of the client `pbx`.
pub fn pbx() -> String {
    format!("Basic {}", STANDARD.encode("pbx:pbx-secret"))
}

/// The `Authorization` of the client `vpn`.
pub const VPN: &str = "Bearer vpn-secret";

/// An operation with the credential of its client and a body that it takes.
#[derive(Debug, Clone)]
pub struct Operation {
    pub path: &'static str,
    pub authorization: String,
    pub body: &'static str,
}

/// All three operations, with bodies that lead to a decision.
pub fn operations() -> [Operation; 3] {
    [
        Operation {
            path: GET_OTP,
            authorization: pbx(),
            body: r#"{"phonenumber":"+46709990000"}"#,
        },
        Operation {
            path: VALIDATE_OTP,
            authorization: VPN.to_owned(),
            body: r#"{"username":"nobody","password":"wrong","otp":"123456"}"#,
        },
        Operation {
            path: OTP_TOKEN_AUTH,
            authorization: VPN.to_owned(),
            body: r#"{"username":"nobody","otp":"123456"}"#,
        },
    ]
}

impl Operation {
    /// A request that is right in all but its body.
    pub fn with_body(&self, body: impl AsRef<[u8]>) -> Vec<u8> {
        let headers = [
            ("authorization", self.authorization.as_str()),
            ("tenant", "t1"),
            ("content-type", "application/json"),
        ];
        request("PUT", self.path, &headers, body)
    }
}

/// A request with a `Content-Length`.
pub fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = head(method, path, headers);
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// A request's head without its last, empty line.
pub fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
    for (name, value) in headers {
        text.push_str(name);
        text.push_str(": ");
        text.push_str(value);
        text.push_str("\r\n");
    }
    text.into_bytes()
}

/// An open connection.
pub struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    pub async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), read: Vec::new() }
    }

    /// Sends bytes; whether the server still took them.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The next answer, also `100 Continue`. `None` if the server closes without one.
    pub async fn answer(&mut self, to_head: bool) -> Option<Answer> {
        loop {
            if let Some((answer, length)) = parse(&self.read, to_head) {
                self.read.drain(..length);
                return Some(answer);
            }
            let more = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.read));
            match more.await.expect("the server answers or closes") {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Whether the server closes the connection within `time`.
    pub async fn closes(&mut self, time: Duration) -> bool {
        let end = async {
            let mut rest = [0; 1024];
            while matches!(self.stream.read(&mut rest).await, Ok(1..)) {}
        };
        tokio::time::timeout(time, end).await.is_ok()
    }
}

/// Sends one request on a connection of its own.
pub async fn exchange(gateway: &Gateway, request: &[u8]) -> Option<Answer> {
    let mut wire = Wire::connect(gateway.address()).await;
    wire.send(request).await;
    wire.answer(request.starts_with(b"HEAD ")).await
}

/// The same, where there must be an answer.
pub async fn ask(gateway: &Gateway, request: &[u8]) -> Answer {
    exchange(gateway, request).await.unwrap_or_else(|| {
        panic!("an answer to {}", String::from_utf8_lossy(&request[..request.len().min(500)]))
    })
}

/// The whole answer at the start of `bytes`, and its length.
fn parse(bytes: &[u8], to_head: bool) -> Option<(Answer, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).expect("a head in ASCII");
    let mut lines = head.trim_end().split("\r\n");
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().expect("a status");
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').expect("a header line");
        let name: HeaderName = name.parse().expect("a header name");
        headers.append(name, HeaderValue::from_str(value.trim()).expect("a header value"));
    }
    let length = headers.get("content-length").map_or("0", |length| length.to_str().unwrap());
    let length: usize = if to_head { 0 } else { length.parse().expect("a length") };
    let body = bytes.get(end..end + length)?;
    let body = String::from_utf8(body.to_vec()).expect("a body in UTF-8");
    Some((Answer { status, headers, body }, end + length))
}
