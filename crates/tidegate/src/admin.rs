//! The admin port, with the liveness and readiness probes and the metrics. It shows no secret and changes nothing.

use std::{future::IntoFuture as _, sync::Arc, time::Duration};

use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use tidegate_grpc::Certificates;
use tidegate_metrics::Metrics;
use tidegate_service::App;
use tidegate_store::{Store, installation};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{logs, process};

/// How long open requests may take at shutdown.
const LINGER: Duration = Duration::from_secs(1);

/// `/readyz` fails if the database does not answer within `check_timeout`, while a document cannot be read that a newer
/// version wrote (INV-44), and once the server is leaving. It serves until
/// `stop`, so that the drain can be watched.
pub async fn serve(
    (app, certificates): (App, Option<Certificates>),
    store: Store,
    listener: TcpListener,
    check_timeout: Duration,
    (leaving, stop): (CancellationToken, CancellationToken),
) -> std::io::Result<()> {
    let store = Arc::new(store);
    let asked = app.clone();
    let ready = move || {
        let (app, store, leaving) = (asked.clone(), store.clone(), leaving.clone());
        async move { ready((&app, &store), check_timeout, &leaving).await }
    };
    let metrics = move || {
        if let Some(certificates) = &certificates {
            app.metrics().certificate_expires(certificates.info().expires_at.unix_seconds());
        }
        metrics(app.clone(), check_timeout)
    };
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics));
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
    (app, store): (&App, &Store),
    check_timeout: Duration,
    leaving: &CancellationToken,
) -> (StatusCode, &'static str) {
    let mut across = store.across("ready");
    let asked = tokio::time::timeout(check_timeout, async {
        installation::applied(&mut across).await?;
        app.reads_all_documents().await
    });
    match asked.await {
        _ if leaving.is_cancelled() => (StatusCode::SERVICE_UNAVAILABLE, "closing\n"),
        Ok(Ok(true)) => (StatusCode::OK, "ready\n"),
        Ok(Ok(false)) => {
            (StatusCode::SERVICE_UNAVAILABLE, "a newer version wrote what this one cannot read\n")
        }
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be reached\n"),
    }
}

/// While the database is away, what only it knows is shown as it was.
async fn metrics(app: App, timeout: Duration) -> Result<impl IntoResponse, StatusCode> {
    let mut observed = app.observed();
    (observed.open_files, observed.memory) = process::usage();
    observed.log_lines_lost = logs::lost();
    match tokio::time::timeout(timeout, app.look_up(&mut observed)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "the database was not asked for metrics"),
        Err(_) => tracing::debug!("the database did not answer in time for metrics"),
    }
    let text = app.metrics().render(&observed).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([(CONTENT_TYPE, Metrics::CONTENT_TYPE)], text))
}
