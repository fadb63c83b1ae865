//! The cost of durability alone: for each call, this server writes as many rows to SQLite as a new
//! code needs, in the same way (one writing thread, groups, `synchronous = FULL`, answers after the
//! commit, checkpoints in parallel), and does nothing else. No gateway on that store can be faster.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use actix_web::{App, HttpResponse, web};
use anyhow::Context;
use dialpass::http::called_in_otp::GET_OTP;
use dialpass::http::listener::{ListenerSettings, serve_tls};
use dialpass::tls::server as server_tls;
use rusqlite::{Connection, params};
use tokio::sync::{mpsc, oneshot};

use crate::bare;

/// Number of rows in each table.
const ROWS: u32 = 400_000;
/// Size of a row besides its key, in bytes.
const ROW: usize = 72;
/// Most calls per commit.
const GROUP: usize = 256;
/// Size of the log from which it is copied back, in pages.
const LONG_LOG: i64 = 8 * 1024;
/// Size of the log from which it is restarted, in pages.
const LONGEST_LOG: i64 = 32 * 1024;

/// One call: its key, and the channel for its answer.
type Step = (u64, oneshot::Sender<()>);

async fn answer(body: web::Json<bare::Body>, queue: web::Data<mpsc::Sender<Step>>) -> HttpResponse {
    let digits = body.phonenumber.trim_start_matches('+').parse().unwrap_or_default();
    let (reply, done) = oneshot::channel();
    if queue.try_send((digits, reply)).is_err() || done.await.is_err() {
        return HttpResponse::ServiceUnavailable().finish();
    }
    bare::told()
}

/// Serves until killed, writing `tables` rows per call.
pub fn serve(listen: SocketAddr, certificates: &Path, tables: usize) -> anyhow::Result<()> {
    let file = certificates.join(format!("durable-{tables}.db"));
    let (queue, steps) = mpsc::channel(4096);
    let writer = prepare(&file, tables)?;
    let beside = open(&file)?;
    let start_over = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&start_over);
    thread::Builder::new()
        .name("checkpoint".to_owned())
        .spawn(move || copy_back(&beside, &asked))?;
    thread::Builder::new().name("write".to_owned()).spawn(move || {
        if let Err(error) = write(&writer, tables, steps, &start_over) {
            eprintln!("the writer ended: {error:#}");
        }
    })?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let tls = Arc::new(server_tls::reloadable(bare::tls(certificates))?);
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let queue = web::Data::new(queue);
        let app = move || App::new().app_data(queue.clone()).route(GET_OTP, web::put().to(answer));
        serve_tls("durable", listener, tls, &ListenerSettings::default(), app)?.await?;
        Ok(())
    })
}

fn open(file: &Path) -> anyhow::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "page_size", 2048)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    Ok(connection)
}

/// A database that already has all its rows, so that a call only replaces some.
fn prepare(file: &Path, tables: usize) -> anyhow::Result<Connection> {
    let connection = open(file)?;
    connection.execute_batch("BEGIN")?;
    for table in 0..tables {
        connection.execute_batch(&format!(
            "CREATE TABLE t{table} (k INTEGER PRIMARY KEY, v BLOB NOT NULL)"
        ))?;
        let mut insert = connection.prepare(&format!("INSERT INTO t{table} VALUES (?1, ?2)"))?;
        for key in 0..ROWS {
            insert.execute(params![key, [0_u8; ROW]])?;
        }
    }
    connection.execute_batch("COMMIT")?;
    checkpoint(&connection, "TRUNCATE")?;
    Ok(connection)
}

/// Copies the log back in this mode; returns its length and how much of it is copied, in pages.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<(i64, i64)> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    connection.prepare_cached(&sql)?.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}

/// Keeps the log short, in parallel with the writer.
fn copy_back(connection: &Connection, start_over: &AtomicBool) {
    loop {
        thread::sleep(Duration::from_millis(200));
        let Ok((length, copied)) = checkpoint(connection, "NOOP") else { continue };
        if length - copied >= LONG_LOG && checkpoint(connection, "PASSIVE").is_ok() {
            start_over.store(length >= LONGEST_LOG, Ordering::Release);
        }
    }
}

fn write(
    connection: &Connection,
    tables: usize,
    mut steps: mpsc::Receiver<Step>,
    start_over: &AtomicBool,
) -> anyhow::Result<()> {
    let mut group: Vec<Step> = Vec::with_capacity(GROUP);
    let mut writes = 0_u64;
    while let Some(first) = steps.blocking_recv() {
        group.push(first);
        while group.len() < GROUP
            && let Ok(next) = steps.try_recv()
        {
            group.push(next);
        }
        if start_over.swap(false, Ordering::AcqRel) {
            checkpoint(connection, "RESTART")?;
        }
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for table in 0..tables {
            let sql = format!("UPDATE t{table} SET v = ?2 WHERE k = ?1");
            let mut update = connection.prepare_cached(&sql)?;
            for (key, _) in &group {
                writes += 1;
                let mut row = [0; ROW];
                row[..8].copy_from_slice(&writes.to_le_bytes());
                let changed = update.execute(params![scatter(*key, table), row])?;
                anyhow::ensure!(changed == 1, "a row is missing");
            }
        }
        connection.prepare_cached("COMMIT")?.execute([]).context("the commit failed")?;
        for (_, reply) in group.drain(..) {
            // A client that has disconnected needs no answer.
            let _ = reply.send(());
        }
    }
    Ok(())
}

/// The key of a scattered row in each table for each call, as users' ids and numbers are scattered
/// (`SplitMix64`).
fn scatter(key: u64, table: usize) -> u32 {
    let mut z = key.wrapping_add((table as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u32::try_from((z ^ (z >> 31)) % u64::from(ROWS)).expect("below a count of 32 bits")
}
