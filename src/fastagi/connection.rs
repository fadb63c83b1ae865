//! A session's connection: lines in, commands out. Knows AGI's replies, and nothing of calls.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;
use tokio_util::bytes::Bytes;
use tokio_util::codec::{AnyDelimiterCodec, FramedRead};

/// The longest line, in bytes without its end.
const MAX_LINE: usize = 512;
/// The longest header, in lines.
const MAX_LINES: usize = 64;
/// How long a header may take.
const HEADER_WITHIN: Duration = Duration::from_secs(5);
/// The result of a command that failed, because the caller hung up or for another reason.
const FAILED: &str = "-1";
/// How long a refused peer may take to read the last command.
const LINGER: Duration = Duration::from_secs(1);

/// One session's connection.
pub(super) struct Connection {
    lines: FramedRead<OwnedReadHalf, AnyDelimiterCodec>,
    commands: OwnedWriteHalf,
}

/// Why the header could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoHeader {
    /// The peer closed the connection.
    Closed,
    /// It took too long.
    TooSlow,
    /// There are too many lines, or one is too long.
    TooLarge,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The caller hung up, or the peer closed the connection.
    CallEnded,
    /// The peer replied something else.
    OtherReply,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        // A command is a few bytes that Asterisk waits for.
        let _ = stream.set_nodelay(true);
        let (reading, commands) = stream.into_split();
        let codec =
            AnyDelimiterCodec::new_with_max_length(b"\n".to_vec(), b"\n".to_vec(), MAX_LINE);
        Self { lines: FramedRead::new(reading, codec), commands }
    }

    /// Reads the header's lines, up to the empty one.
    pub(super) async fn header(&mut self) -> Result<Vec<Bytes>, NoHeader> {
        let header = async {
            let mut lines = Vec::new();
            loop {
                match self.lines.next().await {
                    None => return Err(NoHeader::Closed),
                    Some(Err(_)) => return Err(NoHeader::TooLarge),
                    Some(Ok(line)) if line.is_empty() => return Ok(lines),
                    Some(Ok(_)) if lines.len() == MAX_LINES => return Err(NoHeader::TooLarge),
                    Some(Ok(line)) => lines.push(line),
                }
            }
        };
        timeout(HEADER_WITHIN, header).await.unwrap_or(Err(NoHeader::TooSlow))
    }

    /// Sends a command, whose reply has to be read before the next.
    pub(super) async fn send(&mut self, command: &str) -> Result<(), Ended> {
        let line = format!("{command}\n");
        self.commands.write_all(line.as_bytes()).await.map_err(|_| Ended::CallEnded)
    }

    /// The next reply to a command: what follows `200 result=`.
    pub(super) async fn reply(&mut self) -> Result<String, Ended> {
        let line = match self.lines.next().await {
            None => return Err(Ended::CallEnded),
            Some(line) => line.map_err(|_| Ended::OtherReply)?,
        };
        // Asterisk sends this line of its own accord, once, when the caller has hung up.
        if line == "HANGUP" {
            return Err(Ended::CallEnded);
        }
        let result = line.strip_prefix(b"200 result=").ok_or(Ended::OtherReply)?;
        String::from_utf8(result.to_vec()).map_err(|_| Ended::OtherReply)
    }

    /// Sends a command and returns its result.
    pub(super) async fn command(&mut self, command: &str) -> Result<String, Ended> {
        let result = self.result(command).await?;
        if result != FAILED {
            return Ok(result);
        }
        // The caller has hung up, or a sound is missing: only the next reply tells.
        self.result("NOOP").await?;
        Err(Ended::OtherReply)
    }

    async fn result(&mut self, command: &str) -> Result<String, Ended> {
        self.send(command).await?;
        let reply = self.reply().await?;
        let (result, _) = reply.split_once(' ').unwrap_or((&reply, ""));
        Ok(result.to_owned())
    }

    /// Sends a command that has to have this result.
    pub(super) async fn run(&mut self, command: &str, expected: &str) -> Result<(), Ended> {
        let result = self.command(command).await?;
        if result == expected { Ok(()) } else { Err(Ended::OtherReply) }
    }

    /// Sends a last command to a peer whose replies are not read, and ends the session. What the peer
    /// still sends is discarded, because closing with unread bytes would take the command back.
    pub(super) async fn dismiss(mut self, command: &str) {
        let discard = async {
            self.send(command).await?;
            self.commands.shutdown().await.map_err(|_| Ended::CallEnded)?;
            let rest = self.lines.get_mut();
            let _ = tokio::io::copy(rest, &mut tokio::io::sink()).await;
            Ok::<(), Ended>(())
        };
        let _ = timeout(LINGER, discard).await;
    }
}
