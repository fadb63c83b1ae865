//! Finds where one request ends and the next begins on a connection (RFC 9112), with only as much
//! parsing as it takes to pass on one request at a time. Everything else is left to the HTTP
//! library.

use httparse::Status;

/// Longest line with a chunk's size, in bytes, including extensions.
const MAX_SIZE_LINE: usize = 4096;

/// Finds the empty line that ends a head or a trailer section.
#[derive(Debug, Default)]
pub(super) struct LineScan {
    /// Length of the current line so far, in bytes.
    line: usize,
    /// Whether its last byte was a CR.
    after_cr: bool,
    /// Whether an empty line ends the section; those before a request do not (RFC 9112 2.2).
    armed: bool,
    /// Whether a line ended in a bare LF.
    pub(super) bare_lf: bool,
}

impl LineScan {
    /// Scans a trailer section, which may be empty.
    fn of_trailers() -> Self {
        Self { armed: true, ..Self::default() }
    }

    /// Scans more bytes; returns how many of them precede the end, if it is among them.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        for (index, byte) in bytes.iter().enumerate() {
            if *byte != b'\n' {
                self.line += 1;
                self.after_cr = *byte == b'\r';
                continue;
            }
            self.bare_lf |= !self.after_cr;
            let is_empty = self.line == usize::from(self.after_cr);
            (self.line, self.after_cr) = (0, false);
            if is_empty && self.armed {
                return Some(index + 1);
            }
            self.armed |= !is_empty;
        }
        None
    }
}

/// The part of a request's body that is still to come.
#[derive(Debug)]
pub(super) enum Body {
    /// This many bytes.
    Length(u64),
    /// Chunks (RFC 9112 7.1).
    Chunked(Chunked),
    /// Everything that follows, as after an upgrade.
    Endless,
}

/// The position in a chunked body.
#[derive(Debug)]
pub(super) enum Chunked {
    /// In the line with a chunk's size; holds the part received so far.
    Size(Vec<u8>),
    /// In a chunk, with this many bytes before the next size line.
    Data(u64),
    /// After the last chunk.
    Trailers(LineScan),
    /// After the body.
    Over,
}

impl Body {
    /// A chunked body from which nothing has arrived.
    pub(super) fn chunked() -> Self {
        Self::Chunked(Chunked::Size(Vec::new()))
    }

    /// Whether the body is complete.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunked::Over))
    }

    /// Consumes bytes; returns how many of them belong to the body.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() && !self.is_over() {
            taken += self.step(&bytes[taken..]);
        }
        taken
    }

    /// Consumes at least one of these bytes.
    fn step(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Endless => bytes.len(),
            Self::Length(left) => count_down(left, bytes),
            Self::Chunked(Chunked::Over) => 0,
            Self::Chunked(Chunked::Trailers(lines)) => match lines.feed(bytes) {
                Some(end) => {
                    *self = Self::Chunked(Chunked::Over);
                    end
                }
                None => bytes.len(),
            },
            Self::Chunked(Chunked::Data(left)) => {
                let taken = count_down(left, bytes);
                if *left == 0 {
                    *self = Self::chunked();
                }
                taken
            }
            Self::Chunked(Chunked::Size(line)) => {
                let end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
                let taken = end.unwrap_or(bytes.len());
                line.extend_from_slice(&bytes[..taken]);
                if end.is_some() || line.len() > MAX_SIZE_LINE {
                    *self = match httparse::parse_chunk_size(line) {
                        Ok(Status::Complete((_, 0))) => {
                            Self::Chunked(Chunked::Trailers(LineScan::of_trailers()))
                        }
                        Ok(Status::Complete((_, size))) => {
                            Self::Chunked(Chunked::Data(size.saturating_add(2)))
                        }
                        // The library rejects it and reads no further.
                        Ok(Status::Partial) | Err(_) => Self::Endless,
                    };
                }
                taken
            }
        }
    }
}

/// Consumes as many of these bytes as are left.
fn count_down(left: &mut u64, bytes: &[u8]) -> usize {
    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    *left -= taken as u64;
    taken
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_head_ends_at_its_first_empty_line() {
        let head = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let with = |before: &str, after: &str| [before.as_bytes(), head, after.as_bytes()].concat();
        assert_eq!(LineScan::default().feed(&with("", "GET")), Some(head.len()));
        assert_eq!(LineScan::default().feed(&with("\r\n\r\n", "")), Some(head.len() + 4));
        assert_eq!(LineScan::default().feed(&head[..head.len() - 1]), None);
        for bare in
            ["GET / HTTP/1.1\nhost: a\r\n\r\n", "G\r\nx: y\nz: w\r\n\r\n", "G\r\n\n", "\nG\r\n\r\n"]
        {
            let mut lines = LineScan::default();
            assert!(lines.feed(bare.as_bytes()).is_some() && lines.bare_lf, "{bare:?}");
        }
    }

    #[test]
    fn a_body_ends_where_it_says() {
        let cases = [
            (Body::Length(3), "abc", "GET"),
            (Body::Length(0), "", "GET"),
            (Body::chunked(), "3\r\nabc\r\n0\r\n\r\n", "GET"),
            (Body::chunked(), "A;x=\"y\"\r\n0\r\n\r\n5678\n\r\n0\r\nT: v\r\n\r\n", "GET"),
            (Body::chunked(), "no size\r\nabc", ""),
            (Body::Endless, "anything", ""),
        ];
        for (mut body, own, next) in cases {
            assert_eq!(body.take(format!("{own}{next}").as_bytes()), own.len(), "{own:?}");
        }
    }

    proptest! {
        #[test]
        fn it_is_the_same_in_whichever_pieces_it_comes(
            chunks in prop::collection::vec("[a-z\r\n]{1,40}", 0..5),
            cuts in prop::collection::vec(1_usize..9, 1..9),
        ) {
            let chunk = |chunk: &String| format!("{:x}\r\n{chunk}\r\n", chunk.len());
            let body = chunks.iter().map(chunk).collect::<String>() + "0\r\n\r\n";
            let all = format!("{body}PUT / HTTP/1.1\r\n\r\n");
            let (mut left, mut taken, mut state) = (all.as_bytes(), 0, Body::chunked());
            for cut in cuts.iter().cycle() {
                let piece = &left[..left.len().min(*cut)];
                let now = state.take(piece);
                taken += now;
                left = &left[now..];
                if now < piece.len() || left.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(taken, body.len());
        }
    }
}
