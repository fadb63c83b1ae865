//! FastAGI sessions: how long one takes up to the digits that it has spoken. The peer does all at
//! once that Asterisk takes its time for, such as the second of silence before a code.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, bail, ensure};

use crate::people;

/// Sessions at once.
const AT_ONCE: usize = 8;

/// Runs `sessions` sessions, by callers from turn `next` on; returns the milliseconds of each up to
/// its first `SAY DIGITS`, sorted.
pub fn run(
    address: SocketAddr,
    sessions: u64,
    next: &AtomicU64,
    people: u32,
) -> anyhow::Result<Vec<f64>> {
    let last = next.load(Ordering::Relaxed) + sessions;
    let some = || -> anyhow::Result<Vec<f64>> {
        let mut took = Vec::new();
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            if turn >= last {
                return Ok(took);
            }
            took.push(session(address, people::at_turn(turn, people), turn)?);
        }
    };
    let mut all = thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(some)).collect();
        let parts = threads.into_iter().map(|thread| match thread.join() {
            Ok(part) => part,
            Err(_) => bail!("a session's thread panicked"),
        });
        parts.collect::<anyhow::Result<Vec<_>>>()
    })?
    .concat();
    all.sort_by(f64::total_cmp);
    Ok(all)
}

fn session(address: SocketAddr, person: u32, turn: u64) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    write!(
        stream,
        "agi_network: yes\nagi_network_script: load\nagi_request: agi://127.0.0.1/load\n\
         agi_channel: PJSIP/trunk-00000000\nagi_language: en\nagi_type: PJSIP\n\
         agi_uniqueid: 1796000000.{turn}\nagi_version: 22.10.1\nagi_callerid: {}\n\
         agi_calleridname: Load\nagi_callingpres: 0\nagi_dnid: 7000\nagi_rdnis: unknown\n\
         agi_context: in\nagi_extension: 7000\nagi_priority: 2\nagi_enhanced: 0.0\n\
         agi_accountcode: \nagi_threadid: 140000000000000\n\n",
        people::number(person)
    )?;
    let mut commands = BufReader::new(stream.try_clone()?);
    let mut command = String::new();
    loop {
        command.clear();
        ensure!(commands.read_line(&mut command)? > 0, "the session ended without digits");
        let reply = match command.trim_end().split(' ').collect::<Vec<_>>()[..] {
            ["SAY", "DIGITS", ..] => return Ok(begun.elapsed().as_secs_f64() * 1000.0),
            ["GET", "FULL", "VARIABLE", number] => format!("1 ({number})"),
            ["SET", "VARIABLE", "DIALPASS_RESULT", "REFUSED"] => bail!("a call was refused"),
            ["SET", ..] => "1".to_owned(),
            _ => "0".to_owned(),
        };
        writeln!(stream, "200 result={reply}").context("the session was closed")?;
    }
}
