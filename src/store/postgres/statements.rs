//! A session's statements, each named here and prepared on first use: a locked table then blocks
//! only the statements that touch it.

use std::borrow::Cow;
use std::sync::OnceLock;

use futures_util::future::try_join_all;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

/// A statement that the session's server may have prepared.
pub(super) struct Prepared {
    text: Cow<'static, str>,
    made: OnceLock<Statement>,
}

impl Prepared {
    pub(super) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), made: OnceLock::new() }
    }

    /// The prepared statement.
    pub(super) fn get(&self) -> &Statement {
        self.made.get().expect("what is sent was prepared before")
    }
}

/// Prepares those of the statements that are missing, all in one round trip. Call this before
/// sending anything whose order matters.
pub(super) async fn prepare(client: &Client, needed: Vec<&Prepared>) -> Result<(), Error> {
    let missing = needed.into_iter().filter(|one| one.made.get().is_none());
    let making = missing.map(|one| async move {
        let made = client.prepare(&one.text).await?;
        // A statement that is needed twice may already be set, to the same value.
        let _ = one.made.set(made);
        Ok(())
    });
    try_join_all(making).await.map(|_: Vec<()>| ())
}

/// Defines a struct of statements.
macro_rules! statements {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $text:expr,)+ }) => {
        $(#[$doc])*
        pub(super) struct $name {
            $(pub(super) $field: super::statements::Prepared,)+
        }

        impl $name {
            /// The statements of a new session, none of them prepared.
            pub(super) fn new() -> Self {
                Self { $($field: super::statements::Prepared::new($text),)+ }
            }
        }
    };
}

pub(super) use statements;

/// A value to bind to a statement.
pub(super) type Parameter = Box<dyn ToSql + Sync + Send>;

/// A vector of parameters.
macro_rules! parameters {
    ($($value:expr),+ $(,)?) => { vec![$(Box::new($value) as super::statements::Parameter),+] };
}

pub(super) use parameters;
