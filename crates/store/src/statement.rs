//! Statements: one text for both engines, or an explicit pair. A reader cannot run a change.

/// The text for each engine. It is empty for SQLite where only PostgreSQL has the statement.
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    pub name: &'static str,
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

/// Reads only; runs on a `View` and inside a `Tx`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Select(pub Statement);

/// Writes; runs inside a `Tx` only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change(pub Statement);

/// Writes several rows, all of them or none, as a transaction of its own or as a part of one. For PostgreSQL it is one
/// statement; for SQLite several, which run in one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AtomicWrite(pub Statement, pub Autocommit);

/// SQLite's text with a transaction around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Autocommit {
    pub(crate) text: &'static str,
    /// The same, committed without waiting for fsync; the next commit that waits flushes it too.
    pub(crate) deferred_sync: &'static str,
}

/// Declares a file's statements, and the slice by which the tests find them. The forms are `Select FIND = "…";`, and
/// `Select FIND = { sqlite: "…", postgres: "…" };` where dialects differ. An expression such as `concat!` stands in
/// parentheses.
macro_rules! sql {
    (@text sqlite $text:literal) => { $text };
    (@text postgres $text:literal) => { $text };
    (@text sqlite ($text:expr)) => { $text };
    (@text postgres ($text:expr)) => { $text };
    (@text sqlite { postgres: $postgres:expr }) => { "" };
    (@text postgres { postgres: $postgres:expr }) => { $postgres };
    (@text sqlite { sqlite: $sqlite:expr, postgres: $postgres:expr }) => { $sqlite };
    (@text postgres { sqlite: $sqlite:expr, postgres: $postgres:expr }) => { $postgres };
    (@make AtomicWrite $statement:expr, { sqlite: $sqlite:expr, postgres: $postgres:expr }) => {
        $crate::statement::AtomicWrite($statement, $crate::statement::Autocommit {
            text: concat!("BEGIN IMMEDIATE; ", $sqlite, "; COMMIT"),
            deferred_sync: concat!(
                "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE; ", $sqlite, "; COMMIT; PRAGMA synchronous = FULL"
            ),
        })
    };
    (@make $kind:ident $statement:expr, $text:tt) => { $crate::statement::$kind($statement) };
    ($($kind:ident $name:ident = $text:tt;)+) => {
        $(const $name: $crate::statement::$kind = $crate::statement::sql!(@make $kind $crate::statement::Statement {
            name: concat!(module_path!(), "::", stringify!($name)),
            sqlite: $crate::statement::sql!(@text sqlite $text),
            postgres: $crate::statement::sql!(@text postgres $text),
        }, $text);)+
        pub(crate) const STATEMENTS: &[$crate::statement::Statement] = &[$($name.0,)+];
    };
}
pub(crate) use sql;

/// Every statement of the store, for the test that prepares them all on both engines.
pub fn statements() -> impl Iterator<Item = Statement> {
    crate::TABLES.iter().copied().flatten().copied()
}
