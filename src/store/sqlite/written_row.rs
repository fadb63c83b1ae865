//! Defines how a table's rows are written: one list holds each column with its value, and the
//! statements are made from that list, so that no value can end up in another column.

/// The ways to write a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// The row must not exist.
    Insert,
    /// Changes the row with this key, if it exists.
    Update,
    /// Inserts the row, or updates the one with this key.
    Upsert,
}

/// Defines a type with the SQL that writes a row ([`Write`]) and the function that runs it.
///
/// The statements have unnamed parameters in the order of the list: binding them by name would
/// search all names for each value, at every step of the writer.
macro_rules! written_row {
    (
        $(#[$doc:meta])*
        $name:ident in $table:literal ($($argument:ident: $type:ty),+ $(,)?);
        $(let $local:ident = $given:expr;)*
        columns { $first:ident: $first_value:expr, $($column:ident: $value:expr,)* }
        key { $first_key:ident: $first_key_value:expr, $($key:ident: $key_value:expr,)* }
    ) => {
        $(#[$doc])*
        pub(super) struct $name;

        impl $name {
            /// The statement for [`Self::execute`].
            pub(super) const fn sql(write: $crate::store::sqlite::written_row::Write) -> &'static str {
                use $crate::store::sqlite::written_row::Write;
                match write {
                    Write::Insert => concat!(
                        "INSERT INTO ", $table,
                        " (", stringify!($first), $(", ", stringify!($column),)*
                        ", ", stringify!($first_key), $(", ", stringify!($key),)*
                        ") VALUES (?", $(written_row!(@another $column),)*
                        ", ?", $(written_row!(@another $key),)* ")",
                    ),
                    Write::Update => concat!(
                        "UPDATE ", $table, " SET ",
                        stringify!($first), " = ?", $(", ", stringify!($column), " = ?",)*
                        " WHERE ", stringify!($first_key), " = ?",
                        $(" AND ", stringify!($key), " = ?",)*
                    ),
                    Write::Upsert => concat!(
                        "INSERT INTO ", $table,
                        " (", stringify!($first), $(", ", stringify!($column),)*
                        ", ", stringify!($first_key), $(", ", stringify!($key),)*
                        ") VALUES (?", $(written_row!(@another $column),)*
                        ", ?", $(written_row!(@another $key),)*
                        ") ON CONFLICT (", stringify!($first_key), $(", ", stringify!($key),)*
                        ") DO UPDATE SET ",
                        stringify!($first), " = excluded.", stringify!($first),
                        $(", ", stringify!($column), " = excluded.", stringify!($column),)*
                    ),
                }
            }

            /// Writes a row by one of the statements of [`Self::sql`].
            pub(super) fn execute(
                statement: &mut rusqlite::Statement<'_>,
                $($argument: $type,)+
            ) -> rusqlite::Result<()> {
                $(let $local = $given;)*
                statement
                    .execute(rusqlite::params![
                        $first_value, $($value,)* $first_key_value, $($key_value,)*
                    ])
                    .map(|_| ())
            }
        }
    };
    (@another $column:ident) => { ", ?" };
}

pub(super) use written_row;

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::Write;

    written_row! {
        /// A row of the table below, whose columns stand in another order.
        CallRow in "calls" (caller: &str, seconds: i64);
        let minutes = seconds / 60;
        columns { seconds: seconds, minutes: minutes, }
        key { tenant: "t1", caller: caller, }
    }

    #[test]
    fn each_value_is_written_into_the_column_it_is_listed_with() {
        let connection = Connection::open_in_memory().expect("a database");
        let table = "CREATE TABLE calls (minutes, caller, tenant, seconds, \
            PRIMARY KEY (tenant, caller))";
        connection.execute(table, []).expect("created");
        for (write, seconds) in [(Write::Insert, 60), (Write::Update, 120), (Write::Upsert, 180)] {
            let mut statement = connection.prepare(CallRow::sql(write)).expect("prepared");
            CallRow::execute(&mut statement, "anna", seconds).expect("written");
            let read = "SELECT tenant, caller, seconds, minutes FROM calls";
            let row: (String, String, i64, i64) = connection
                .query_row(read, [], |row| {
                    let (tenant, caller) = (row.get("tenant")?, row.get("caller")?);
                    Ok((tenant, caller, row.get("seconds")?, row.get("minutes")?))
                })
                .expect("one row");
            assert_eq!(row, ("t1".into(), "anna".into(), seconds, seconds / 60));
        }
    }
}
