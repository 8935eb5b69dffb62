//! The admin port, with the liveness and readiness probes and the metrics. It shows no secret and changes nothing.

use std::{future::IntoFuture as _, time::Duration};

use axum::{
    Router,
    http::{
        HeaderValue, StatusCode,
        header::{AGE, CONNECTION, CONTENT_TYPE},
    },
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::get,
};
use tidegate_grpc::Certificates;
use tidegate_metrics::Metrics;
use tidegate_service::{App, Readiness, Unready};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    listener::BoundedListener,
    logs, process,
    pulse::{Rhythm, is_too_old},
};

const MAX_CONNECTIONS: usize = 64;
/// How long a connection lives beside the time that the database may take.
const CONNECTION_LIFE: Duration = Duration::from_secs(30);
/// How long open requests may take at shutdown.
const LINGER: Duration = Duration::from_secs(1);

/// `/readyz` says what the last pulse found, at once, and in the header `age` how many seconds ago. It fails once the server is
/// leaving. It serves until `stop`, so that the drain can be watched.
pub async fn serve(
    (app, certificates): (App, Option<Certificates>),
    listener: TcpListener,
    rhythm: Rhythm,
    (leaving, stop): (CancellationToken, CancellationToken),
) -> std::io::Result<()> {
    let readiness = app.readiness();
    let ready = move || {
        let answer = ready(*readiness.borrow(), rhythm, leaving.is_cancelled());
        std::future::ready(answer)
    };
    let metrics = move || {
        if let Some(certificates) = &certificates {
            app.metrics().certificate_expires(certificates.info().expires_at.unix_seconds());
        }
        metrics(app.clone(), rhythm.timeout)
    };
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .layer(map_response(closing));
    let listener = BoundedListener::new(listener, MAX_CONNECTIONS, CONNECTION_LIFE + rhythm.timeout);
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

/// Closes the connection with every answer: it would not live long anyway, and a probe must not be sent into one that ends.
async fn closing(mut answer: Response) -> Response {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn ready(last: Readiness, rhythm: Rhythm, leaving: bool) -> impl IntoResponse {
    let unready = match last.unready {
        _ if leaving => Some("closing"),
        Some(unready) => Some(unready.reason()),
        None if is_too_old(last.found_at, rhythm) => Some(Unready::Silent.reason()),
        None => None,
    };
    let status = if unready.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let age = last.found_at.elapsed().as_secs().to_string();
    (status, [(AGE, age)], format!("{}\n", unready.unwrap_or("ready")))
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
