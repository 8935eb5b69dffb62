//! One test, both engines.

/// `on_both! { async fn a_fact(server) { … } }` runs the body once on each engine.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($server:ident) $body:block)+) => { $(
        mod $name {
            use super::*;
            async fn run($server: $crate::test_server::TestServer) $body
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            $(#[$meta])* async fn sqlite() { run($crate::test_server::TestServer::sqlite().await).await }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            $(#[$meta])* async fn postgres() { run($crate::test_server::TestServer::postgres().await).await }
        }
    )+ };
}
