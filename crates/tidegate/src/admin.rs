//! The admin port, with the liveness and readiness probes. It shows no secret and changes nothing.

use std::{future::IntoFuture as _, sync::Arc, time::Duration};

use axum::{Router, http::StatusCode, routing::get};
use tidegate_store::{Store, installation};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long open requests may take at shutdown.
const LINGER: Duration = Duration::from_secs(1);

/// `/readyz` fails if the database does not answer within `check_timeout`.
pub async fn serve(
    store: Store,
    listener: TcpListener,
    check_timeout: Duration,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let (store, closing) = (Arc::new(store), stop.clone());
    let ready = move || {
        let (store, closing) = (store.clone(), closing.clone());
        async move { ready(&store, check_timeout, &closing).await }
    };
    let router = Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready));
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let cut_off = async {
        stop.cancelled().await;
        tokio::time::sleep(LINGER).await;
    };
    // A client that never finishes its request must not keep the program from ending.
    tokio::select! {
        ended = served.into_future() => ended,
        () = cut_off => Ok(()),
    }
}

async fn ready(
    store: &Store,
    check_timeout: Duration,
    closing: &CancellationToken,
) -> (StatusCode, &'static str) {
    let mut across = store.across("ready");
    let asked = tokio::time::timeout(check_timeout, installation::applied(&mut across));
    match asked.await {
        _ if closing.is_cancelled() => (StatusCode::SERVICE_UNAVAILABLE, "closing\n"),
        Ok(Ok(_)) => (StatusCode::OK, "ready\n"),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be reached\n"),
    }
}
