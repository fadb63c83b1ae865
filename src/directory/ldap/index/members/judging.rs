//! Notes for all people below a base whether they are allowed.

use tokio::task::yield_now;

use crate::directory::ldap::index::content::Content;
use crate::directory::ldap::index::record::Key;
use crate::directory::ldap::index::table::Table;

/// Number of attempts to judge a part of the people without blocking changes. If changes defeat
/// every attempt, they have to wait for that part.
const TRIES_BESIDE_CHANGES: usize = 3;

/// Records for all people below a base whether they are allowed, and returns how many are. Judging
/// many people takes long, so it runs in parts, under a read lock, while calls are answered and
/// changes entered.
pub(super) async fn allow(
    content: &Content,
    base: usize,
    may: &(dyn Fn(&Key, &str) -> bool + Sync),
) -> usize {
    content.change(base, Table::begin_allowing);
    let mut from = 0;
    while let Some(next) = allow_part(content, base, from, may) {
        from = next;
        yield_now().await;
    }
    content.change(base, Table::finish_allowing)
}

/// Does the same for the part that begins at slot `from`. Returns the start of the next part, if
/// any.
fn allow_part(
    content: &Content,
    base: usize,
    from: u32,
    may: &(dyn Fn(&Key, &str) -> bool + Sync),
) -> Option<u32> {
    for _ in 0..TRIES_BESIDE_CHANGES {
        let part = content.look(base, |table| table.judge(from, may))?;
        if content.change(base, |table| table.note(&part)) {
            return Some(part.next());
        }
    }
    content.change(base, |table| {
        let part = table.judge(from, may)?;
        table.note(&part);
        Some(part.next())
    })
}
