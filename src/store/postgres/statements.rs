//! The statements of a session, each written down by its name and prepared when it is first needed:
//! a table that somebody holds refuses what touches it, and nothing else.

use std::sync::OnceLock;

use futures_util::future::try_join_all;
use tokio_postgres::{Client, Error, Statement};

/// A statement that the session's server may have prepared.
pub(super) struct Prepared {
    text: &'static str,
    made: OnceLock<Statement>,
}

impl Prepared {
    pub(super) const fn new(text: &'static str) -> Self {
        Self { text, made: OnceLock::new() }
    }

    /// The statement, to be sent.
    pub(super) fn get(&self) -> &Statement {
        self.made.get().expect("what is sent was prepared before")
    }
}

/// Has the server prepare those that it has not yet, all in one round trip. To be called before
/// anything is sent whose order matters.
pub(super) async fn prepare(client: &Client, needed: Vec<&Prepared>) -> Result<(), Error> {
    let missing = needed.into_iter().filter(|one| one.made.get().is_none());
    let making = missing.map(|one| async move {
        let made = client.prepare(one.text).await?;
        // One that is needed twice is the same.
        let _ = one.made.set(made);
        Ok(())
    });
    try_join_all(making).await.map(|_: Vec<()>| ())
}

/// Makes a struct of statements.
macro_rules! statements {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $text:expr,)+ }) => {
        $(#[$doc])*
        pub(super) struct $name {
            $(pub(super) $field: super::statements::Prepared,)+
        }

        impl $name {
            /// The statements of a new session, of which none is prepared.
            pub(super) const fn new() -> Self {
                Self { $($field: super::statements::Prepared::new($text),)+ }
            }
        }
    };
}

pub(super) use statements;
