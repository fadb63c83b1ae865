//! The SQL that writes a table's rows, for both stores. It is made from the list that also has the
//! values, so that no value can end up in another column.

/// The statements that write a row. Their parameters are the columns, then the key, each in the
/// order of its list: PostgreSQL counts them by their numbers, SQLite by where they appear.
pub(super) struct RowSql {
    /// The row must not exist.
    pub insert: String,
    /// Changes the row with this key, if it exists.
    pub update: String,
    /// Inserts the row, or updates the one with this key.
    pub upsert: String,
}

impl RowSql {
    /// The statements for a table with these columns and this primary key.
    pub(super) fn new(table: &str, columns: &[&str], key: &[&str]) -> Self {
        let all = [columns, key].concat().join(", ");
        let places: Vec<_> = (1..=columns.len() + key.len()).map(|n| format!("${n}")).collect();
        let equal = |(column, place)| format!("{column} = {place}");
        let equal: Vec<_> = columns.iter().chain(key).zip(&places).map(equal).collect();
        let (set, found) = equal.split_at(columns.len());
        let insert = format!("INSERT INTO {table} ({all}) VALUES ({})", places.join(", "));
        let replaced: Vec<_> =
            columns.iter().map(|column| format!("{column} = excluded.{column}")).collect();
        let (key, replaced) = (key.join(", "), replaced.join(", "));
        Self {
            update: format!("UPDATE {table} SET {} WHERE {}", set.join(", "), found.join(" AND ")),
            upsert: format!("{insert} ON CONFLICT ({key}) DO UPDATE SET {replaced}"),
            insert,
        }
    }
}

/// Defines a function that returns the [`RowSql`] of a table, made once.
macro_rules! row_sql {
    ($table:expr, columns { $($column:ident)+ } key { $($key:ident)+ }) => {
        /// The statements that write the row.
        pub(super) fn sql() -> &'static $crate::store::row_sql::RowSql {
            static SQL: std::sync::LazyLock<$crate::store::row_sql::RowSql> =
                std::sync::LazyLock::new(|| {
                    let (columns, key) = ([$(stringify!($column)),+], [$(stringify!($key)),+]);
                    $crate::store::row_sql::RowSql::new($table, &columns, &key)
                });
            &SQL
        }
    };
}

pub(super) use row_sql;

#[cfg(test)]
mod tests {
    use super::RowSql;

    #[test]
    fn statements_name_each_column_beside_its_parameter() {
        let sql = RowSql::new("users", &["name", "texts"], &["tenant", "user_id"]);
        let insert = "INSERT INTO users (name, texts, tenant, user_id) VALUES ($1, $2, $3, $4)";
        assert_eq!(sql.insert, insert);
        let update = "UPDATE users SET name = $1, texts = $2 WHERE tenant = $3 AND user_id = $4";
        assert_eq!(sql.update, update);
        let replaced = "name = excluded.name, texts = excluded.texts";
        let upsert = format!("{insert} ON CONFLICT (tenant, user_id) DO UPDATE SET {replaced}");
        assert_eq!(sql.upsert, upsert);
    }
}
