//! `tidegate serve`: serves until a signal asks it to stop.

use std::{io::Write as _, process::ExitCode, time::Duration};

use tidegate_grpc::Certificates;
use tidegate_store::{Engine, Store};

use crate::{
    check_schema::check_schema,
    check_settings::check_settings,
    config::Config,
    descriptors,
    files::{self, Files},
    init::{initialise_here, is_initialised},
    logs, lost_database, mail, receipts,
    running::{Running, open},
    signals::{Asked, Signals},
    tls, traces,
};

pub async fn serve(config: Config) -> anyhow::Result<ExitCode> {
    // Before anything is made.
    check_settings(&config, Files::Here).await?;
    logs::begin_traced(&config.log, traces::begin(&config.otlp)?)?;
    // Before the program reports that it serves: a supervisor may send a signal right after that.
    let mut signals = Signals::listen()?;
    let started = tokio::select! {
        started = start(&config) => started,
        signal = signals.stop() => {
            // Nothing was served, and nothing is left undone.
            tracing::info!("{signal}: stopped before it served");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let mut running = started?;
    say(&config, &running);
    let failure = loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop(signal) => {
                    let notice = Duration::from_millis(config.grpc.drain_notice_ms);
                    leave(signal, notice, &running, &mut signals).await;
                    break None;
                }
                Asked::Reload => {
                    tracing::info!("SIGHUP: files are read again");
                    running.reload();
                }
            },
            error = running.failed() => {
                tracing::error!(class = "FAILED", "the program stops by itself: {error:#}");
                break Some(error.context("failed to serve"));
            }
        }
    };
    let stopped = running.stop().await;
    traces::finish().await;
    match failure {
        Some(failure) => Err(failure),
        None => stopped.map(|()| ExitCode::SUCCESS),
    }
}

/// Serves on for as long as callers need to hear that the server stops. A second signal ends this time.
async fn leave(signal: &str, notice: Duration, running: &Running, signals: &mut Signals) {
    running.announce_stop();
    if !notice.is_zero() {
        tracing::info!("{signal}: health says NOT_SERVING, calls are served for {notice:?} more");
        if let Ok(signal) = tokio::time::timeout(notice, signals.stop()).await {
            tracing::info!("{signal}: draining at once");
            return;
        }
    }
    tracing::info!("{signal}: draining");
}

/// On SQLite an empty folder is initialised; a PostgreSQL database is initialised only by `tidegate init`.
pub async fn start(config: &Config) -> anyhow::Result<Running> {
    lost_database::look_for_a_file(config)?;
    descriptors::raise();
    let store = open(config).await?;
    let started = start_on(config, &store).await;
    if started.is_err() {
        store.close().await;
    }
    let running = started?;
    let certificate = running.certificates.as_ref().map(Certificates::info);
    let expires_at = certificate.as_ref().map(|certificate| tracing::field::display(certificate.expires_at));
    tracing::info!(grpc = %running.grpc, admin = %running.admin, tls = certificate.is_some(), expires_at, "serving");
    if certificate.is_none() && !config.grpc.is_local() {
        tracing::warn!(
            "gRPC is served without TLS beyond this machine: credentials cross the network in clear"
        );
    }
    files::warn_of_exposed(config);
    if mail::is_in_the_clear(config) {
        tracing::warn!("smtp.tls is none: mails, and the codes in them, cross the network in clear");
    }
    if running.receipts.is_some_and(|address| !address.ip().is_loopback()) {
        tracing::warn!(
            "receipts are taken without TLS beyond this machine: their token crosses the network in clear"
        );
    }
    Ok(running)
}

async fn start_on(config: &Config, store: &Store) -> anyhow::Result<Running> {
    let fresh = store.engine() == Engine::Sqlite && !is_initialised(store).await?;
    let keyring = if fresh {
        lost_database::look_for_tables(config, store).await?;
        initialise_here(config, store).await?
    } else {
        // Before the key: a database that was not initialised has no key either, and the schema's error says what to do.
        check_schema(store).await?;
        files::keyring(&config.keys.master_file)?
    };
    Running::start(config, store.clone(), keyring).await
}

/// What people read at the start. Nothing depends on it, so it may be lost.
fn say(config: &Config, running: &Running) {
    let certificate = running.certificates.as_ref().map(Certificates::info);
    let mut lines = vec![
        format!("Tidegate {} serves gRPC on {}.", env!("CARGO_PKG_VERSION"), running.grpc),
        format!("  TLS         {}", tls::described(config, certificate.as_ref())),
        format!("  health      http://{}/healthz", running.admin),
        format!("  mail        {}", mail::destination(config)),
    ];
    if let Some(receipts) = running.receipts {
        lines.push(format!("  receipts    http://{receipts}{}", receipts::PATH));
    }
    let try_it = call(config, running, &tls::grpcurl(config, certificate.as_ref()));
    lines.push(format!("  try it      {try_it}"));
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{}", lines.join("\n")).and_then(|()| out.flush()) {
        tracing::warn!(%error, "standard output cannot be written");
    }
}

/// A command that works as it is printed.
fn call(config: &Config, running: &Running, options: &str) -> String {
    if !config.grpc.reflection() {
        return "reflection is off: callers bring the protos (proto/ in the sources)".to_owned();
    }
    format!(
        "grpcurl {options} -H \"authorization: Bearer $(cat {})\" {} tidegate.v1.AccessService/WhoAmI",
        config.bootstrap.credential_file.display(),
        running.grpc
    )
}
