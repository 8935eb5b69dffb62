//! What is wrong with settings that are sound one by one: the one list, for `serve`, `init` and `config check`.

use std::{error::Error, net::SocketAddr, path::Path, sync::Arc};

use anyhow::{Context as _, anyhow};
use tidegate_core::RealmKey;
use tidegate_courier::SetupError;
use tidegate_metrics::Metrics;
use tidegate_store::check_postgres_url;

use crate::{
    config::Config,
    files::{self, Files},
    logs, mail, passwords, receipts, sms, tls, traces,
};

/// Fails with everything that is wrong, one problem on each line. Changes nothing. Async, because it sets up clients that
/// need the runtime.
pub async fn check_settings(config: &Config, files: Files) -> anyhow::Result<()> {
    let is_problem = |error: &anyhow::Error| files == Files::Here || !is_about_a_file(error);
    let problems = problems(config, files).into_iter().filter(is_problem);
    let lines: Vec<_> = problems.map(|problem| format!("{problem:#}")).collect();
    if lines.is_empty() { Ok(()) } else { Err(anyhow!(lines.join("\n"))) }
}

fn problems(config: &Config, files: Files) -> Vec<anyhow::Error> {
    let tls = match files {
        Files::Here => tls::certificates(config).map(drop),
        Files::Elsewhere => tls::check(config),
    };
    let checks = [
        logs::filter(&config.log).map(drop),
        tls,
        ports(config),
        realm(config).map(drop),
        database(config),
        master_key(&config.keys.master_file),
        breached(config, files),
        sms::costs(config).map(drop),
        receipts::settings(config, files).map(drop),
        traces::collector(&config.otlp).map(drop),
    ];
    let mut problems: Vec<_> = checks.into_iter().filter_map(Result::err).collect();
    match mail::settings(config, Arc::new(Metrics::new("")), files) {
        Ok(settings) => problems.extend(tidegate_courier::faults(settings).into_iter().map(named)),
        Err(error) => problems.push(error),
    }
    problems
}

fn breached(config: &Config, files: Files) -> anyhow::Result<()> {
    if files == Files::Here { passwords::breached(config).map(drop) } else { Ok(()) }
}

/// The fault, after the setting that it is about.
fn named(fault: SetupError) -> anyhow::Error {
    let setting = match &fault {
        SetupError::From { .. } => "mail.from",
        SetupError::NoPassword => "smtp.password_file",
        SetupError::PasswordInTheClear => "smtp.tls",
        SetupError::Contact { .. } => "web_push.contact",
        SetupError::PushHost { .. } => "web_push.hosts",
        // The others name a file or a service.
        _ => return fault.into(),
    };
    anyhow::Error::from(fault).context(setting)
}

/// Two listeners at one address: the second would fail after the first has begun.
fn ports(config: &Config) -> anyhow::Result<()> {
    let receipts = receipts::address(config).ok().flatten();
    let listeners = [
        ("grpc.listen", Some(config.grpc.listen)),
        ("admin.listen", Some(config.admin.listen)),
        ("sms_receipts.listen", receipts),
    ];
    let mut seen: Vec<(&str, SocketAddr)> = Vec::new();
    for (name, address) in listeners.into_iter().filter_map(|(name, address)| Some((name, address?))) {
        if let Some((other, _)) = seen.iter().find(|(_, other)| overlap(*other, address)) {
            return Err(anyhow!(
                "{name} and {other} are one address, {address}: give each a port of its own"
            ));
        }
        seen.push((name, address));
    }
    Ok(())
}

fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let same_host = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && same_host
}

/// The realm of the operator, which the first start makes.
pub fn realm(config: &Config) -> anyhow::Result<RealmKey> {
    let realm = &config.bootstrap.realm;
    realm.parse().map_err(|error| anyhow!("bootstrap.realm {realm:?} {error}"))
}

fn database(config: &Config) -> anyhow::Result<()> {
    let url = files::database_url(&config.database)?;
    if url.sqlite_file().is_none() {
        check_postgres_url(url.reveal()).context("database.url")?;
    }
    Ok(())
}

/// One that does not exist is made, or was made: the database knows.
fn master_key(path: &Path) -> anyhow::Result<()> {
    if path.exists() { files::keyring(path).map(drop).context("keys.master_file") } else { Ok(()) }
}

fn is_about_a_file(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().map(<dyn Error>::is::<std::io::Error>);
    causes.any(|is_from_the_file_system| is_from_the_file_system)
}
