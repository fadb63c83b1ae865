//! Detects a pooler that does not give each session its own server process, as in `PgBouncer`'s
//! modes `transaction` and `statement`: a session's settings and prepared statements would end up
//! in another session.

use super::session::{ConnectError, Connector, Session};

/// Refuses a server whose sessions share processes, as far as two sessions can detect it.
///
/// Behind such a pooler an idle session has no process of its own: the process that served it last
/// serves the next request of any session. While that holds it in a transaction, another process
/// serves the first.
pub(super) async fn check(connector: &Connector, first: &Session) -> Result<(), ConnectError> {
    let server = first.home.server;
    // If the server has room for one session only, the next probe checks again.
    let Ok(second) = connector.open(server).await else { return Ok(()) };
    let pids = async {
        let before = process(first, "SELECT pg_backend_pid() AS pid").await?;
        let other = process(&second, "BEGIN; SELECT pg_backend_pid() AS pid").await?;
        let after = process(first, "SELECT pg_backend_pid() AS pid").await?;
        second.client.batch_execute("ROLLBACK").await?;
        Ok::<_, tokio_postgres::Error>((before, other, after))
    };
    let (before, other, after) = connector.within(server, connector.step_timeout(), pids).await?;
    if before == after && before != other && before.is_some() {
        return Ok(());
    }
    Err(ConnectError {
        needs_operator: true,
        ..connector.connect_error(
            server,
            "a pooler in transaction mode: dialpass needs sessions of its own (PgBouncer: \
             pool_mode = session)",
        )
    })
}

/// The id of the answering process, as text.
async fn process(session: &Session, sql: &str) -> Result<Option<String>, tokio_postgres::Error> {
    let answer = session.client.simple_query(sql).await?;
    Ok(answer.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get("pid").map(str::to_owned),
        _ => None,
    }))
}
