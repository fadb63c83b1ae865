//! Defines how a table's rows are written, from one list of columns and values.

/// Defines a type with the statements that write a row ([`RowSql`](crate::store::row_sql::RowSql))
/// and their parameters.
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
            $crate::store::row_sql::row_sql! {
                concat!("dialpass.", $table), columns { $($column)+ } key { $($key)+ }
            }

            /// The parameters of each of the statements.
            pub(super) fn parameters(
                $($argument: $type,)+
            ) -> Vec<super::statements::Parameter> {
                $(let $local = $given;)*
                super::statements::parameters![$($value,)+ $($key_value,)+]
            }
        }
    };
}

pub(super) use written_row;
