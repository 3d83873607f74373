//! Every trial of writes and of opening, on each database.

use super::{Trial, opening, writes};

/// One test for each trial on each database.
macro_rules! on_both_databases {
    ($($subject:ident::$trial:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $trial() { super::$subject::$trial(&super::Trial::on_sqlite()).await; })*
        }

        mod postgresql {
            /// One after the other, because each process of the test runner would start a server of its own.
            #[tokio::test]
            async fn all() {
                $(
                    println!("{}", stringify!($trial));
                    super::$subject::$trial(&super::Trial::on_postgresql()).await;
                )*
            }
        }
    };
}

on_both_databases!(
    writes::accounts_and_tokens_last,
    writes::guilds_last_with_all_that_is_in_them,
    writes::changes_and_deletions_last,
    writes::private_channels_and_calls_last,
    writes::commands_last,
    writes::the_largest_numbers_and_strangest_texts_last,
    writes::a_refused_write_leaves_nothing,
    writes::writers_side_by_side_lose_nothing,
    writes::settings_are_made_once,
    opening::a_second_server_is_refused_until_the_first_ends,
    opening::tables_of_a_newer_version_are_refused,
);
