//! Defines how a table's rows are written, from one list of columns and values.

/// Defines a type with the statements that write a row ([`RowSql`](crate::store::row_sql::RowSql))
/// and the function that runs one of them.
///
/// The values are bound by position: binding them by name would search all names for each value, at
/// every step of the writer.
macro_rules! written_row {
    (
        $(#[$doc:meta])*
        $name:ident in $table:literal ($($argument:ident: $type:ty),+ $(,)?);
        $(let $local:ident = $given:expr;)*
        columns { $($column:ident: $value:expr,)+ }
        key { $($key:ident: $key_value:expr,)+ }
    ) => {
        $(#[$doc])*
        pub(super) struct $name;

        impl $name {
            $crate::store::row_sql::row_sql! {
                $table, columns { $($column)+ } key { $($key)+ }
            }

            /// Writes a row by one of the statements of [`Self::sql`].
            pub(super) fn execute(
                statement: &mut rusqlite::Statement<'_>,
                $($argument: $type,)+
            ) -> rusqlite::Result<()> {
                $(let $local = $given;)*
                statement.execute(rusqlite::params![$($value,)+ $($key_value,)+]).map(|_| ())
            }
        }
    };
}

pub(super) use written_row;

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

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
        let sql = CallRow::sql();
        for (sql, seconds) in [(&sql.insert, 60), (&sql.update, 120), (&sql.upsert, 180)] {
            let mut statement = connection.prepare(sql).expect("prepared");
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
