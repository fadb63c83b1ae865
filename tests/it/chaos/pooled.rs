//! Faults behind `PgBouncer`, one address for whichever server is the primary.

use std::time::Instant;

use super::pooler::Pooler;
use super::stage::Stage;
use super::{lasts, seconds};
use crate::support::postgres::Postgres;

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_pooler_all_nodes_find_the_promoted_standby() {
    let primary = Postgres::start();
    let standby = primary.standby();
    let server = primary.host_port();
    let pooler = Pooler::before(&server, "session");
    let wire = |config: String| config.replace(&server, &pooler.host_port());
    let mut stage = Stage::start(&[&primary], wire).await;
    stage
        .tries(
            "behind a pooler: commits wait, the primary hangs, the standby is promoted",
            async |_, _| {
                standby.stop();
                lasts(seconds(3)).await;
                primary.stop();
                standby.cont();
                standby.promote();
                pooler.move_to(&standby.host_port());
                Instant::now()
            },
        )
        .await;
}
