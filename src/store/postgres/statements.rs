//! How the statements that a session has ready are written down: each by its name.

/// Makes a struct of prepared statements, and a way to prepare them all at once.
macro_rules! statements {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $text:expr,)+ }) => {
        $(#[$doc])*
        pub(super) struct $name {
            $(pub(super) $field: tokio_postgres::Statement,)+
        }

        impl $name {
            /// Has the server prepare them.
            pub(super) async fn prepare(
                client: &tokio_postgres::Client,
            ) -> Result<Self, tokio_postgres::Error> {
                let texts = [$($text),+];
                let made = texts.map(|text: &str| client.prepare(text));
                let mut made = futures_util::future::try_join_all(made).await?.into_iter();
                Ok(Self { $($field: made.next().expect("one of each text"),)+ })
            }
        }
    };
}

pub(super) use statements;
