//! The paired migrations, in order. They only go forward, and a published one is never edited.

use sqlx::{
    SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

/// Takes the turn to migrate on PostgreSQL: an advisory lock, which ends with the connection. Other programs wait for it
/// for ten minutes at most. After it, a statement takes as long as it needs, because tables may be large; but it waits
/// for a table's lock only as long as every call does, because calls wait behind it.
pub(crate) const TURN: &str = "SET statement_timeout = 0; SET lock_timeout = '10min'; \
    SELECT pg_advisory_lock(x'7469646567617465'::bigint); RESET lock_timeout";

/// The newest migration this program brings.
pub const NEWEST: i64 = 17;

macro_rules! migrations {
    ($engine:literal, $($number:literal $name:literal,)+) => {{
        let mut migrator = Migrator::with_migrations(vec![$(Migration::new(
            $number,
            $name.into(),
            MigrationType::Simple,
            include_str!(concat!("../../../migrations/", $engine, "/", $name, ".sql")).into_sql_str(),
            false,
        ),)+]);
        // A newer schema is judged by its min_binary, not by migrations that this program does not know.
        migrator.set_ignore_missing(true);
        migrator
    }};
}

pub(crate) fn sqlite() -> Migrator {
    migrations!(
        "sqlite",
        1 "0001_init",
        2 "0002_rollouts",
        3 "0003_record",
        4 "0004_switch",
        5 "0005_room",
        6 "0006_methods",
        7 "0007_factors",
        8 "0008_mail",
        9 "0009_passkeys",
        10 "0010_devices",
        11 "0011_origins",
        12 "0012_phones",
        13 "0013_owners",
        14 "0014_support",
        15 "0015_refresh",
        16 "0016_dates",
        17 "0017_resilience",
    )
}

pub(crate) fn postgres() -> Migrator {
    migrations!(
        "postgres",
        1 "0001_init",
        2 "0002_rollouts",
        3 "0003_record",
        4 "0004_switch",
        5 "0005_room",
        6 "0006_methods",
        7 "0007_factors",
        8 "0008_mail",
        9 "0009_passkeys",
        10 "0010_devices",
        11 "0011_origins",
        12 "0012_phones",
        13 "0013_owners",
        14 "0014_support",
        15 "0015_refresh",
        16 "0016_dates",
        17 "0017_resilience",
    )
}
