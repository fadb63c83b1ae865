//! Defines how a table's rows are written: one list holds each column with its value, and the
//! statements are made from that list, so that no value can end up in another column.

/// The text of the statement that inserts a row. `columns` are in the order of its parameters.
pub(super) fn insert(table: &str, columns: &[&str]) -> String {
    let places: Vec<_> = (1..=columns.len()).map(|place| format!("${place}")).collect();
    let (columns, places) = (columns.join(", "), places.join(", "));
    format!("INSERT INTO dialpass.{table} ({columns}) VALUES ({places})")
}

/// The text of the statement that updates a row, whose key is the first `key` of its columns.
/// `columns` are in the order of its parameters.
pub(super) fn update(table: &str, columns: &[&str], key: usize) -> String {
    let placed: Vec<_> =
        (1..).zip(columns).map(|(place, column)| format!("{column} = ${place}")).collect();
    let (key, changed) = placed.split_at(key);
    let (key, changed) = (key.join(" AND "), changed.join(", "));
    format!("UPDATE dialpass.{table} SET {changed} WHERE {key}")
}

/// Defines a type with the texts of the statements that write a row, and their parameters.
macro_rules! written_row {
    (
        $(#[$doc:meta])*
        $name:ident in $table:literal ($($argument:ident: $type:ty),+ $(,)?);
        $(let $local:ident = $given:expr;)*
        key { $($key:ident: $key_value:expr,)+ }
        columns { $($column:ident: $value:expr,)+ }
    ) => {
        $(#[$doc])*
        pub(super) struct $name;

        impl $name {
            const KEY: usize = [$(stringify!($key)),+].len();
            const COLUMNS: &[&str] = &[$(stringify!($key),)+ $(stringify!($column),)+];

            /// The text of the statement that inserts the row.
            pub(super) fn insert() -> String {
                super::written_row::insert($table, Self::COLUMNS)
            }

            /// The text of the statement that updates the row with this key.
            pub(super) fn update() -> String {
                super::written_row::update($table, Self::COLUMNS, Self::KEY)
            }

            /// The parameters of both statements.
            pub(super) fn parameters(
                $($argument: $type,)+
            ) -> Vec<super::statements::Parameter> {
                $(let $local = $given;)*
                super::statements::parameters![$($key_value,)+ $($value,)+]
            }
        }
    };
}

pub(super) use written_row;

#[cfg(test)]
mod tests {
    use super::{insert, update};

    #[test]
    fn statements_name_each_column_beside_its_parameter() {
        let columns = ["tenant", "user_id", "name", "texts"];
        assert_eq!(
            insert("users", &columns),
            "INSERT INTO dialpass.users (tenant, user_id, name, texts) VALUES ($1, $2, $3, $4)"
        );
        assert_eq!(
            update("users", &columns, 2),
            "UPDATE dialpass.users SET name = $3, texts = $4 WHERE tenant = $1 AND user_id = $2"
        );
    }
}
