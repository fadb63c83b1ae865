//! Recognising a pooler that does not give each session a process of the server to itself, as
//! `PgBouncer`'s modes `transaction` and `statement` do not: what a session is set to, and what it has
//! prepared, would be another's.

use super::session::{ConnectError, Connector, Session};

/// Refuses a server whose sessions share processes, as far as two of them can see it.
///
/// An idle session has no process of its own behind such a pooler: the one that served it last
/// serves the next that asks, and while that holds it in a transaction, the first is served by
/// another.
pub(super) async fn check(connector: &Connector, first: &Session) -> Result<(), ConnectError> {
    let server = first.home.server;
    // A server that has room for one session only is asked again by the next probe.
    let Ok(second) = connector.open(server).await else { return Ok(()) };
    let pids = async {
        let before = process(first, "SELECT pg_backend_pid()").await?;
        let other = process(&second, "BEGIN; SELECT pg_backend_pid()").await?;
        let after = process(first, "SELECT pg_backend_pid()").await?;
        second.client.batch_execute("ROLLBACK").await?;
        Ok::<_, tokio_postgres::Error>((before, other, after))
    };
    let (before, other, after) = connector.within(server, connector.step_timeout(), pids).await?;
    if before == after && before != other && before.is_some() {
        return Ok(());
    }
    Err(ConnectError {
        needs_operator: true,
        ..connector.trouble(
            server,
            "a pooler in transaction mode: dialpass needs sessions of its own (PgBouncer: \
             pool_mode = session)",
        )
    })
}

/// The process that answers, as text.
async fn process(session: &Session, sql: &str) -> Result<Option<String>, tokio_postgres::Error> {
    let answer = session.client.simple_query(sql).await?;
    Ok(answer.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
