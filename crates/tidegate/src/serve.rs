//! `tidegate serve`: serves until SIGTERM or SIGINT.

use std::process::ExitCode;

use anyhow::Context as _;
use tidegate_grpc::Certificates;
use tidegate_store::Engine;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    check_schema::check_schema,
    config::Config,
    files,
    init::{initialise_here, is_initialised},
    mail, receipts,
    running::{Running, open},
    tls,
};

pub async fn serve(config: Config) -> anyhow::Result<ExitCode> {
    // Before the program reports that it serves: a supervisor may send a signal right after that.
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for signals")?;
    let mut running = start(&config).await?;
    say(&config, &running);
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: draining"),
        _ = interrupt.recv() => tracing::info!("SIGINT: draining"),
        error = running.failed() => return Err(error.context("failed to serve")),
    }
    running.stop().await?;
    Ok(ExitCode::SUCCESS)
}

/// On SQLite an empty folder is initialised; a PostgreSQL database is initialised only by `tidegate init`.
pub async fn start(config: &Config) -> anyhow::Result<Running> {
    // Before anything is made.
    tls::check(config)?;
    let store = open(config).await?;
    let fresh = store.engine() == Engine::Sqlite && !is_initialised(&store).await?;
    let keyring = if fresh {
        initialise_here(config, &store).await?
    } else {
        // Before the key: a database that was not initialised has no key either, and the schema's error says what to do.
        check_schema(&store).await?;
        files::keyring(&config.keys.master_file)?
    };
    let running = Running::start(config, store, keyring).await?;
    let certificate = running.certificates.as_ref().map(Certificates::info);
    let expires_at = certificate.as_ref().map(|certificate| tracing::field::display(certificate.expires_at));
    tracing::info!(grpc = %running.grpc, admin = %running.admin, tls = certificate.is_some(), expires_at, "serving");
    if certificate.is_none() && !config.grpc.is_local() {
        tracing::warn!(
            "gRPC is served without TLS beyond this machine: credentials cross the network in clear"
        );
    }
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

fn say(config: &Config, running: &Running) {
    let certificate = running.certificates.as_ref().map(Certificates::info);
    println!("Tidegate {} serves gRPC on {}.", env!("CARGO_PKG_VERSION"), running.grpc);
    println!("  TLS         {}", tls::described(config, certificate.as_ref()));
    println!("  health      http://{}/healthz", running.admin);
    println!("  mail        {}", mail::destination(config));
    if let Some(receipts) = running.receipts {
        println!("  receipts    http://{receipts}{}", receipts::PATH);
    }
    println!("  try it      {}", call(config, running, &tls::grpcurl(config, certificate.as_ref())));
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
