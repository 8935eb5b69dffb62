//! What the store keeps, on both engines.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod answers;
mod database;
mod liveness;
mod migration;
mod newer;
mod superseded;

/// One test for each engine.
macro_rules! on_both {
    ($($name:ident,)+) => { $(mod $name {
        #[tokio::test]
        async fn on_sqlite() {
            super::$name(&crate::database::Database::sqlite()).await;
        }
        #[tokio::test]
        async fn on_postgres() {
            super::$name(&crate::database::Database::postgres().await).await;
        }
    })+ };
}
pub(crate) use on_both;
